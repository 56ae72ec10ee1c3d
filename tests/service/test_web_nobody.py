"""The page for whoever stands there alone: it asks, passes on, says whom to call, and knows nobody."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from services.kit import code
from services.kit.channel import LocalChannel, LocalServer
from services.kit.reach import Unknown
from services.meetings.records import PUBLICATIONS
from services.recurrence.zones import to_utc
from services.web.app import Web
from services.web.board import Board
from services.web.invited import Circles
from services.web.page import Pages
from services.web.reports import Reports, network_of
from tests.contract.bus_fixtures import LOG
from tests.service.meetings_house import CENTRE, House
from tests.service.test_web import Markup

pytest_plugins = ["tests.service.meetings_house"]

BASE = "https://chairs.example.org"
BEGINS = to_utc(datetime(2026, 11, 24, 19), "America/Edmonton")  # noqa: DTZ001 - a local time
SECRET = b"s" * 32


class Door:
    """A browser before the pages of a centre whose service runs in this process, over the channel inside of it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.server = LocalServer(house.meetings.services, (), clock=house.clock)
        self.reports = Reports(self._channel, SECRET)
        self.board, self.circles = Board(), Circles()
        self.behind_proxy = self.ready = self.private_ready = True

    def _channel(self) -> Any:
        return LocalChannel(self.server)

    async def open(self) -> None:
        """The service answers, and the pages know what it has published."""
        await self.server.start()
        await self.follow()

    async def follow(self) -> None:
        """The pages take in what was published meanwhile."""
        for kind in ("centre", "group", "meeting"):
            for record in (await self.house.store.find(kind, {}, limit=100)).records:
                for each in PUBLICATIONS:
                    if each.kind == kind and record.view(each.view) is not None:
                        (self.board if each.view == "public" else self.circles).apply(each.event(record, "local"))

    async def ask(self, path: str, method: str = "GET", *, data: Any = None, **headers: str) -> httpx.Response:
        app = Web(
            Pages(self.board),
            self.house.clock,
            lambda: BASE,
            ready=lambda: self.ready,
            private_ready=lambda: self.private_ready,
            current=lambda: True,
            log=LOG,
            board=self.board,
            circles=self.circles,
            reports=self.reports,
            behind_proxy=self.behind_proxy,
        ).app()
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        lines = {"accept-encoding": "identity"} | {key.replace("_", "-"): value for key, value in headers.items()}
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, path, data=data, headers=lines)

    async def report(self, path: str, address: str = "203.0.113.7", **more: str) -> httpx.Response:
        """What the button does."""
        return await self.ask(path, "POST", data={"sure": "1", **more}, x_forwarded_for=address)

    async def doubts(self) -> list[Any]:
        return list((await self.house.call("ListDoubts", parent=CENTRE)).doubts)


def page_of(meeting: Any) -> str:
    return f"/nobody-here/house/{meeting.name.rpartition('/')[2]}/20261124"


@pytest.fixture
async def door(house: House) -> Any:
    await house.call("UpdateCentre", centre={"name": CENTRE, "phone": "+1 780 555 0100", "crisis_line": "Call 988"})
    made = Door(house)
    yield made
    await made.server.stop(0)


async def test_the_button_stands_beside_a_line_from_15_minutes_before_to_60_after_and_goes_nowhere_else(
    house: House, door: Door
) -> None:
    meeting = await house.meeting(schedule=hours(3))
    await door.open()
    link = f'href="{page_of(meeting)}"'
    for minutes, there in ((-16, False), (-15, True), (0, True), (59, True), (60, False)):
        house.clock.jump(BEGINS + timedelta(minutes=minutes))
        assert (link in (await door.ask("/")).text) is there, minutes


async def test_it_asks_first_and_a_report_is_passed_on_by_a_form_alone(house: House, door: Door) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    asked = await door.ask(page_of(meeting))
    assert asked.status_code == 200
    page = Markup(asked.text)
    assert page.open == []
    assert "script" not in page.tags
    assert '<form class="ask" method="post"' in asked.text
    assert (asked.headers["cache-control"], asked.headers["x-robots-tag"]) == ("no-store", "noindex")
    assert "form-action 'self'" in asked.headers["content-security-policy"]
    assert await door.doubts() == []
    done = await door.report(page_of(meeting))
    assert "It is noted" in done.text
    assert '<a href="tel:+17805550100">' in done.text
    assert [doubt.reports for doubt in await door.doubts()] == [1]


async def test_it_names_the_next_three_chairs_the_crisis_line_and_whom_to_call(house: House, door: Door) -> None:
    meeting = await house.meeting(fellowship="AA")
    for number in range(4):
        await house.meeting(title=f"Late {number}", fellowship="AA", schedule=one_off(f"2026-11-24T{20 + number}:00"))
    await door.open()
    house.clock.jump(BEGINS)
    text = (await door.report(page_of(meeting))).text
    assert re.findall(r">Tuesday, \d+:00\spm: (Late \d)</a>", text) == ["Late 0", "Late 1", "Late 2"]
    assert 'href="/centre/house#' in text
    assert 'Call <a href="tel:988">988</a>' in text


async def test_one_network_is_one_report_and_two_mark_the_line_for_everybody(house: House, door: Door) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    assert "when a second person says so, others are warned" in (await door.ask(page_of(meeting))).text
    for address in ("203.0.113.7", "203.0.113.250", "::ffff:203.0.113.9"):
        await door.report(page_of(meeting), address)
    assert [doubt.reports for doubt in await door.doubts()] == [1]
    await door.follow()
    assert "Unconfirmed" not in (await door.ask("/")).text
    second = await door.report(page_of(meeting), "2001:db8:1:2::3")
    assert "marked as unconfirmed" in second.text
    await door.report(page_of(meeting), "2001:db8:1:ffff::4")
    assert [doubt.reports for doubt in await door.doubts()] == [2]
    await door.follow()
    assert "Unconfirmed: people found nobody there." in (await door.ask("/")).text


async def test_nothing_that_is_stored_or_sent_says_from_where(house: House, door: Door) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    await door.report(page_of(meeting), "203.0.113.77")
    stored = "\n".join([str(entry) async for entry in house.store.dump()])
    assert "report-nobody-here" in stored
    for trace in ("203.0.113", "203.0"):
        assert trace not in stored


@pytest.mark.parametrize(("behind", "counted"), [(True, 2), (False, 1)])
async def test_what_a_header_says_of_an_address_counts_behind_a_proxy_alone(
    house: House, door: Door, *, behind: bool, counted: int
) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    door.behind_proxy = behind
    transport_peer = {"x_forwarded_for": "198.51.100.1, 192.0.2.1"}
    await door.ask(page_of(meeting), "POST", data={"sure": "1"}, **transport_peer)
    await door.report(page_of(meeting), "203.0.113.7")
    expected = counted if behind else 2  # a peer on this machine is a proxy, too
    assert [doubt.reports for doubt in await door.doubts()] == [expected]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({"sec_fetch_site": "cross-site"}, False),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": BASE}, False),
        ({"origin": "https://elsewhere.example.com"}, False),
        ({"sec_fetch_site": "same-origin", "origin": "null"}, True),
        ({"origin": "null"}, True),
        ({"origin": BASE}, True),
        ({}, True),
    ],
)
async def test_no_other_site_lets_its_readers_report(
    house: House, door: Door, said: dict[str, str], *, taken: bool
) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    answer = await door.ask(page_of(meeting), "POST", data={"sure": "1"}, **said)
    assert ("It is noted" in answer.text) is taken
    assert [doubt.reports for doubt in await door.doubts()] == [1] * taken


async def test_where_nobody_answers_the_page_says_so_with_the_number_it_knows(house: House, door: Door) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)

    await door.server.stop(0)
    for reports in (door.reports, Reports(nowhere, SECRET)):
        door.reports = reports
        text = (await door.report(page_of(meeting))).text
        assert "It could not be passed on" in text
        assert "+1 780 555 0100" in text
        assert "It is noted" not in text


async def test_out_of_time_and_cancelled_are_said_plainly(house: House, door: Door) -> None:
    early, cancelled = await house.meeting(), await house.meeting()
    await house.call("CancelOccurrence", name=f"{cancelled.name}/occurrences/20261124", reason="Snow")
    await door.open()
    assert "Not at this time" in (await door.report(page_of(early))).text
    assert "<form" not in (await door.ask(page_of(early))).text
    house.clock.jump(BEGINS)
    assert "It does not take place" in (await door.report(page_of(cancelled))).text


async def test_what_may_not_be_seen_is_not_there_but_for_a_code_that_opens_it(house: House, door: Door) -> None:
    group = (await house.group()).name
    hidden = await house.meeting(visibility="VISIBILITY_MEMBERS", invite_group=group, title="Owls")
    typed = await house.code(group)
    other = await house.code((await house.group("Larks")).name)
    await door.open()
    house.clock.jump(BEGINS)
    absent = await door.ask("/nobody-here/house/none/20261124")
    for answer in (await door.ask(page_of(hidden)), await door.report(page_of(hidden), code=other)):
        assert (answer.status_code, answer.text) == (absent.status_code, absent.text) == (404, absent.text)
    invited = (await door.ask("/invited", "POST", data={"code": typed})).text
    assert f'<form class="alone" method="post" action="{page_of(hidden)}">' in invited
    asked = await door.ask(page_of(hidden), "POST", data={"code": typed})
    assert code.shown(typed) in asked.text
    assert "It is noted" in (await door.report(page_of(hidden), code=typed)).text
    assert [doubt.title for doubt in await door.doubts()] == ["Owls"]


async def test_a_code_of_another_centre_opens_nothing_under_the_name_of_this_one(house: House, door: Door) -> None:
    """An address made by hand: the meeting and the code are there, the centre beside them is another."""
    await house.call("CreateCentre", centre_id="other", centre={"title": "Other", "time_zone": "America/Edmonton"})
    group = (await house.call("CreateGroup", parent="centres/other", group={"title": "Owls"})).name
    weekly = {**one_off("2026-11-24T19:00"), "rule": "FREQ=WEEKLY;BYDAY=TU"}
    hidden = {"title": "Owls", "visibility": "VISIBILITY_MEMBERS", "invite_group": group, "schedule": weekly}
    made = await house.call("CreateMeeting", parent="centres/other", meeting={**hidden, "mode": "MODE_IN_PERSON"})
    typed = await house.code(group)
    await door.open()
    house.clock.jump(BEGINS)
    absent = await door.ask("/nobody-here/house/none/20261124")
    answer = await door.ask(page_of(made), "POST", data={"code": typed})
    assert (answer.status_code, answer.text) == (absent.status_code, absent.text) == (404, absent.text)
    right = page_of(made).replace("/house/", "/other/")
    assert "Owls" in (await door.ask(right, "POST", data={"code": typed})).text


@pytest.mark.parametrize("key", ["20261125", "nonsense", "20261124-9"])
async def test_a_day_on_which_it_is_not_held_has_no_page(house: House, door: Door, key: str) -> None:
    meeting = await house.meeting()
    await door.open()
    assert (await door.ask(f"/nobody-here/house/{meeting.name.rpartition('/')[2]}/{key}")).status_code == 404
    assert (await door.ask(f"/nobody-here/elsewhere/x/{key}")).status_code == 404


@pytest.mark.parametrize(
    ("said", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("10.0.0.1, 203.0.113.7", "203.0.113.0/24"),
        ("unknown", ""),
        ("203.0.113.7:443", ""),
    ],
)
def test_a_network_is_24_bits_of_an_old_address_and_48_of_a_new_one(said: str, network: str) -> None:
    headers = [(b"x-forwarded-for", said.encode())]
    request = Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 1)})
    assert network_of(request, behind_proxy=True) == network
    assert network_of(request, behind_proxy=False) == "192.0.2.0/24"


def test_what_a_reader_says_of_its_address_does_not_count_where_the_proxy_adds_a_line_of_its_own() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.9"), (b"x-forwarded-for", b"203.0.113.7")]
    request = Request({"type": "http", "headers": headers, "client": ("127.0.0.1", 1)})
    assert network_of(request, behind_proxy=True) == "203.0.113.0/24"


async def test_until_everything_is_read_in_nobody_is_told_that_their_meeting_does_not_exist(
    house: House, door: Door
) -> None:
    meeting = await house.meeting()
    await door.open()
    house.clock.jump(BEGINS)
    unknown = page_of(meeting).replace("2026", "2027")
    for public, private, path, status in (
        (False, False, page_of(meeting), 503),
        (False, True, page_of(meeting), 503),
        (True, False, unknown, 503),
        (True, False, page_of(meeting), 200),
        (True, True, unknown, 404),
    ):
        door.ready, door.private_ready = public, private
        answer = await door.ask(path, "POST", data={"code": "x"})
        assert answer.status_code == status
        assert (answer.headers.get("retry-after") == "3") is (status == 503)


async def test_the_id_of_a_report_tells_nobody_anything_without_the_secret() -> None:
    one, other = (Reports(nowhere, bytes([seed]) * 32) for seed in (1, 2))
    assert one.request_id("a", "203.0.113.0/24") == one.request_id("a", "203.0.113.0/24")
    ids = {each.request_id(name, net) for each in (one, other) for name in "ab" for net in ("203.0.113.0/24", "")}
    assert len(ids) == 8
    assert all(re.fullmatch("[0-9a-f]{40}", each) for each in ids)


def nowhere() -> Any:
    raise Unknown("meetings")


def hours(number: int) -> dict[str, Any]:
    return one_off("2026-11-24T19:00") | {"minutes": number * 60}


def one_off(start: str) -> dict[str, Any]:
    return {"start": start, "time_zone": "America/Edmonton", "minutes": 60}
