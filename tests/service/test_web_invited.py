"""The page of an invite code: what it shows to whoever has it, and that nobody else learns anything."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from openchair.meetings.v1 import group_pb2, meeting_pb2

from services.kit import code
from services.kit.clock import VirtualClock, instant
from services.kit.event import Event, subject
from services.kit.logs import make_log
from services.web.app import Web
from services.web.invited import Circles
from services.web.page import Pages
from tests.service.test_web import Markup
from tests.unit.web_examples import NOON, board, meeting_event

BASE = "https://chairs.example.org"
CODE = code.make(random.Random(5))  # noqa: S311 - seeded
GROUP = "centres/oak/groups/owls"
ONLINE = {
    "access": "ONLINE_ACCESS_INVITE_CODE",
    "url": "https://meet.example.org/owls",
    "phone": "780 555 0100",
    "passcode": "SESAME",
    "notes": "Wait in the lobby",
}


def private(kind: str, id_: str, payload: bytes | None, revision: int = 1) -> Event:
    where = subject("home", "private", "meetings", "oak", kind, id_)
    return Event(where, 1, revision, f"openchair.meetings.v1.{kind.capitalize()}", instant(NOON), payload)


def group(*codes: str, revision: int = 1, minutes: int | None = None) -> Event:
    made = group_pb2.Group(name=GROUP, title="Night Owls")
    for each in codes:
        made.invite_codes.add(id=each[:4], digest=code.digest(each))
        if minutes is not None:
            made.invite_codes[-1].expire_time.FromDatetime(NOON + timedelta(minutes=minutes))
    return private("group", "owls", made.SerializeToString(), revision)


def hidden(id_: str, revision: int = 1, **fields: Any) -> Event:
    fields = {"visibility": "VISIBILITY_MEMBERS", "invite_group": GROUP, "mode": "MODE_HYBRID", **fields}
    public = meeting_event(id_, "2026-11-25T18:00", "FREQ=DAILY", revision=revision, **fields)
    return private("meeting", id_, public.payload, revision)


class Reader:
    """A browser before the site."""

    def __init__(self, *events: Event) -> None:
        self.clock = VirtualClock(NOON)
        self.ready = True
        self.said = StringIO()
        self.board = board(meeting_event("dawn", "2026-11-24T18:00", "FREQ=DAILY"))
        self.circles = Circles()
        for event in events:
            self.circles.apply(event)
        self.pages = Pages(self.board)
        self.app = Web(
            self.pages,
            self.clock,
            lambda: BASE,
            ready=lambda: True,
            current=lambda: True,
            log=make_log("debug", self.said),
            board=self.board,
            circles=self.circles,
            private_ready=lambda: self.ready,
        ).app()

    async def get(self, path: str = f"/invited/{CODE}") -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.get(path, headers={"accept-encoding": "identity"})

    async def type_in(self, text: str, *, field: str = "code", method: str = "POST") -> httpx.Response:
        """Fills in the form as a browser does."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, "/invited", data={field: text}, headers={"accept-encoding": "identity"})


@pytest.fixture
def reader() -> Reader:
    venue = {"title": "The Villa", "address": "9 Hill Rd", "address_access": "ADDRESS_ACCESS_HOLDERS"}
    return Reader(group(CODE), hidden("owls", online=ONLINE, venue=venue), hidden("larks", invite_group=f"{GROUP}2"))


async def test_a_code_shows_what_it_opens_and_how_to_join(reader: Reader) -> None:
    answer = await reader.get()
    assert answer.status_code == 200
    wanted = ("Night Owls", "Owls", "meet.example.org/owls", "780 555 0100", "SESAME", "Wait in the lobby", "9 Hill Rd")
    for shown in (*wanted, f"{BASE}/invited/{CODE}.ics", f"webcal://chairs.example.org/invited/{CODE}.ics"):
        assert shown in answer.text
    assert f'<a class="go" href="webcal://chairs.example.org/invited/{CODE}.ics?discreet=1">' in answer.text
    assert "Larks" not in answer.text
    assert "/calendars/" not in answer.text
    assert "calendar.google.com" not in answer.text


async def test_it_is_kept_by_nobody_found_by_nobody_and_its_title_says_nothing(reader: Reader) -> None:
    answer = await reader.get()
    assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert re.findall("<title>(.*)</title>", answer.text) == ["This week \N{MIDDLE DOT} Openchair"]
    assert CODE not in str(answer.headers)


async def test_the_page_is_whole_asks_nobody_else_for_anything_and_links_to_no_one_it_need_not(reader: Reader) -> None:
    moved = [{"date": "2026-11-25", "ordinal": 0, "cancelled": True, "reason": "Snow"}]
    reader.circles.apply(hidden("snow", changes=moved))
    reader.circles.apply(hidden("shut", state="MEETING_STATE_SUSPENDED", notes="Back in spring"))
    answer = await reader.get()
    page = Markup(answer.text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not page.tags & {"script", "iframe", "img", "object", "embed", "base"}
    forms = re.findall(r'<form[^>]* action="([^"]*)"', answer.text)
    assert forms
    assert all(re.fullmatch(r"/m/[a-z]+/\d{8}", form) for form in forms)  # the code goes in the body
    assert all(load.startswith("data:") for load in page.loads)
    assert "set-cookie" not in answer.headers
    outside = {link for link in page.links if not link.startswith(("#", "webcal:", "tel:"))}
    assert outside == {"https://www.wikipedia.org/", "https://meet.example.org/owls", f"/invited/{CODE}"}
    assert ("Snow" in answer.text, "Back in spring" in answer.text) == (True, True)


async def test_public_pages_say_where_a_code_is_typed_in_and_nothing_of_what_it_opens(reader: Reader) -> None:
    for path in ("/", "/centre/oak"):
        text = (await reader.get(path)).text
        assert "Dawn" in text
        assert Markup(text).links.count("/invited") == 1
        for absent in ("Owls", "/invited/", CODE, "SESAME", "9 Hill Rd"):
            assert absent not in text


async def test_whatever_opens_nothing_is_answered_alike_to_the_byte(reader: Reader) -> None:
    other = code.make(random.Random(6))  # noqa: S311 - seeded
    tails = ["/x", "//", f"/{other}", f"/{CODE[:-1]}", f"/{CODE}0", "/" + "0" * 28, f"/{CODE}.ics", f"/a/{CODE}"]
    answers = [await reader.get(f"/invited{each}") for each in tails]
    answers += [await reader.type_in(each) for each in ("", "x", other, CODE[:-1], "<script>", "\u00df" * 28)]
    assert {answer.status_code for answer in answers} == {404}
    assert all((each.content, each.headers) == (answers[0].content, answers[0].headers) for each in answers)


async def test_a_code_is_read_however_it_was_typed_and_shown_as_it_was_made(reader: Reader) -> None:
    for typed in (CODE.lower(), CODE.replace("-", ""), CODE.replace("-", " ")):
        answer = await reader.get(f"/invited/{typed}")
        assert f"{BASE}/invited/{CODE}.ics" in answer.text


async def test_a_code_ends_with_its_time_when_it_is_revoked_and_with_its_group(reader: Reader) -> None:
    reader.circles.apply(group(CODE, revision=2, minutes=5))
    assert (await reader.get()).status_code == 200
    reader.clock.jump(NOON + timedelta(minutes=5))
    assert (await reader.get()).status_code == 404
    reader.circles.apply(group(CODE, revision=3))
    assert (await reader.get()).status_code == 200
    reader.circles.apply(group(revision=4))
    assert (await reader.get()).status_code == 404


async def test_a_meeting_that_leaves_the_group_or_is_gone_leaves_the_page(reader: Reader) -> None:
    reader.circles.apply(hidden("owls", 2, invite_group=f"{GROUP}2"))
    assert "SESAME" not in (await reader.get()).text
    reader.circles.apply(hidden("owls", 3, online=ONLINE))
    assert "SESAME" in (await reader.get()).text
    reader.circles.apply(private("meeting", "owls", None, 4))
    assert "SESAME" not in (await reader.get()).text


async def test_until_everything_is_read_in_nobody_is_told_that_there_is_nothing(reader: Reader) -> None:
    reader.ready = False
    for path in (f"/invited/{CODE}", "/invited/x"):
        assert (await reader.get(path)).status_code == 503
    assert (await reader.get("/")).status_code == 200


async def test_a_link_for_seat_holders_is_not_for_holders_of_a_code() -> None:
    reader = Reader(group(CODE), hidden("owls", online={**ONLINE, "access": "ONLINE_ACCESS_SEAT_HOLDERS"}))
    text = (await reader.get()).text
    assert "Owls" in text
    for absent in ("meet.example.org", "780 555 0100", "SESAME", "Wait in the lobby"):
        assert absent not in text


async def test_a_page_that_fails_is_logged_without_the_code(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.pages, "invited", None)
    assert (await reader.get()).status_code == 500
    assert "page failed" in reader.said.getvalue()
    assert CODE not in reader.said.getvalue()


def test_an_event_that_contradicts_itself_changes_nothing(reader: Reader) -> None:
    stranger = group_pb2.Group(name="centres/elm/groups/owls", title="Others")
    other = meeting_pb2.Meeting(name="centres/elm/meetings/owls")
    for event in (
        private("group", "owls", stranger.SerializeToString(), 2),
        private("meeting", "owls", other.SerializeToString(), 2),
        private("meeting", "owls", b"\xff", 2),
    ):
        with pytest.raises(ValueError, match=r"subject and payload|its type"):
            reader.circles.apply(event)
    assert reader.circles.opened_by(code.digest(CODE), NOON) is not None


async def test_the_form_is_one_that_works_without_a_script_and_keeps_nothing(reader: Reader) -> None:
    for path in ("/invited", "/invited/"):
        answer = await reader.get(path)
        assert answer.status_code == 200
        (form,) = re.findall("<form [^>]*>", answer.text)
        assert ('method="post"' in form, 'action="/invited"' in form) == (True, True)
        (field,) = re.findall("<input [^>]*>", answer.text)
        assert ('name="code"' in field, 'autocomplete="off"' in field, 'spellcheck="false"' in field) == (True,) * 3
        assert "form-action 'self'" in answer.headers["content-security-policy"]
        assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
        assert "set-cookie" not in answer.headers
        assert Markup(answer.text).open == []
    assert "form-action 'none'" in (await reader.get("/")).headers["content-security-policy"]


async def test_a_code_that_is_typed_in_shows_the_page_at_an_address_without_it(reader: Reader) -> None:
    wanted = await reader.get()
    blocks = CODE.replace("-", "\u2011").lower()
    for typed in (CODE, f" {blocks}\t", f"{BASE}/invited/{CODE}", f"webcal://chairs.example.org/invited/{CODE}.ics"):
        answer = await reader.type_in(typed)
        assert (answer.status_code, answer.content) == (200, wanted.content)
        assert "location" not in answer.headers
        assert (answer.headers["cache-control"], answer.headers["x-robots-tag"]) == ("no-store", "noindex")
    assert reader.said.getvalue() == ""


async def test_what_is_no_form_of_ours_is_refused_and_logged_nowhere(reader: Reader) -> None:
    assert (await reader.type_in("x" * 5000)).status_code == 413
    assert (await reader.type_in(CODE, field="other")).status_code == 404
    refused = await reader.type_in(CODE, method="PUT")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "POST"})
    assert reader.said.getvalue() == ""


async def test_until_everything_is_read_in_the_form_says_so_too(reader: Reader) -> None:
    reader.ready = False
    assert ((await reader.get("/invited")).status_code, (await reader.type_in(CODE)).status_code) == (200, 503)


async def test_an_address_that_is_not_for_its_reader_is_not_shown_whatever_the_view_holds(reader: Reader) -> None:
    venue = {"title": "Shelter", "address": "1 Hidden Ln", "notes": "Ring", "rooms": ["Attic"], "area": "Old Town"}
    for level, area in (("AREA_ONLY", True), ("HOLDERS", False)):
        stated = {**venue, "address_access": f"ADDRESS_ACCESS_{level}"}
        reader.board.apply(meeting_event(level.lower(), "2026-11-24T18:00", "FREQ=DAILY", venue=stated))
        text = (await reader.get("/")).text
        assert (("Old Town" in text), ("told with the group" in text)) == (area, not area)
        for absent in ("Shelter", "1 Hidden Ln", "Ring", "Attic"):
            assert absent not in text
        reader.board.apply(meeting_event(level.lower(), "2026-11-24T18:00", "FREQ=DAILY", revision=2))
    assert "told with the group" not in (await reader.get("/")).text
    reader.circles.apply(hidden("owls", 2, venue={**venue, "address_access": "ADDRESS_ACCESS_AREA_ONLY"}))
    assert "1 Hidden Ln" not in (await reader.get()).text


async def test_where_most_days_are_empty_they_are_left_out_and_said_in_a_word(reader: Reader) -> None:
    week = (await reader.get()).text
    assert (week.count('class="day"'), "Nothing on" in week) == (7, False)
    reader.circles.apply(hidden("owls", 2, schedule={"start": "2026-11-25T18:00", "minutes": 60, "timeZone": "UTC"}))
    sparse = (await reader.get()).text
    assert (sparse.count('class="day"'), sparse.count("Nothing on the other days.")) == (1, 1)
    reader.circles.apply(private("meeting", "owls", None, 3))
    assert "Nothing in these seven days." in (await reader.get()).text
