"""The pages over HTTP: what every answer carries, and what a page never holds."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
from contextlib import asynccontextmanager
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest

from services.kit.clock import VirtualClock
from services.web import web
from services.web.app import Web
from services.web.board import Board
from services.web.page import STYLE, Pages
from tests.contract.bus_fixtures import LOG, SITE, running, until
from tests.unit.test_web_room import INSIDE, booking, place, room
from tests.unit.web_examples import NOON, board, centre_event, closure, event, meeting_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus import Bus
    from services.kit.projection import Projection

BASE = "https://chairs.example.org"
HEADING = re.compile("h[1-6]")
VOID = {"meta", "link", "input", "br", "path"}


class Reader:
    """A browser before the site. `ready` and `current` are what the projection would say."""

    def __init__(self, shown: Board, base: str | None = BASE) -> None:
        self.clock = VirtualClock(NOON)
        self.ready = self.current = True
        self.app = Web(
            Pages(shown), self.clock, lambda: base, ready=lambda: self.ready, current=lambda: self.current, log=LOG
        ).app()

    async def get(self, path: str = "/", method: str = "GET", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
            plain = {"accept-encoding": "identity"} | {key.replace("_", "-"): value for key, value in headers.items()}
            return await client.request(method, path, headers=plain)


def shown() -> Board:
    online = {"access": "ONLINE_ACCESS_PUBLIC", "url": "https://meet.example.org/a"}
    return board(
        meeting_event("dawn", "2026-11-24T18:00", "FREQ=DAILY", venue={"title": "Hall", "address": "1 Example St"}),
        meeting_event("web", "2026-11-25T18:00", mode="MODE_ONLINE", online=online),
        meeting_event(
            "gone", "2026-11-25T19:00", changes=[{"date": "2026-11-25", "cancelled": True, "reason": "Snow"}]
        ),
        meeting_event("steps", "2026-11-25T20:00", changes=[{"date": "2026-11-25", "start": "2026-11-26T20:00"}]),
        meeting_event("yoga", "2026-11-25T20:00", state="MEETING_STATE_SUSPENDED"),
    )


class Markup(HTMLParser):
    """Reads a page strictly: every tag closed in order, every id once."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.events: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.events += [name for name in given if name.startswith("on") or name == "style"]
        self.links += [given["href"] or ""] if tag == "a" else []
        loads = tag != "a" and given.get("rel") != "alternate"  # another form of the page is fetched by nobody
        self.loads += [given[name] or "" for name in ("src", "srcset", "href") if name in given and loads]
        self.headings += [int(tag[1])] if HEADING.fullmatch(tag) else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_of_a_room_is_locked_and_made_like_any_other_and_its_links_lead_somewhere() -> None:
    inside = INSIDE | {"title": "Dawn"}
    made = board(
        place(),
        room(publicBusy=True, photos=["https://x.example.org/a.jpg"], equipment=["Piano"]),
        meeting_event("dawn", "2026-11-24T18:00", "FREQ=DAILY", **inside),
        booking("b", "2026-11-25T09:00"),
    )
    reader = Reader(made)
    answer, centre = await reader.get("/centre/oak/room/hall"), await reader.get("/centre/oak")
    page, other = Markup(answer.text), Markup(centre.text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert not page.tags & {"script", "iframe", "img", "form", "object", "embed", "base"}
    assert all(load.startswith("data:") for load in page.loads)
    assert page.headings[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(page.headings))
    lines = {link.partition("#")[2] for link in page.links if link.startswith("/centre/oak#")}
    assert lines
    assert lines <= set(other.ids)
    assert "/centre/oak/room/hall" in other.links
    assert answer.headers["content-security-policy"] == centre.headers["content-security-policy"]


async def test_a_room_is_found_by_its_address_and_one_without_a_page_like_any_other_word() -> None:
    reader = Reader(board(place(), room(), room("attic", place="centres/oak/places/shelter")))
    found = await reader.get("/centre/oak/room/hall")
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-cache")
    assert "<h1" in found.text
    none = [await reader.get(f"/centre/{path}") for path in ("oak/room/attic", "oak/room/cellar", "elm/room/hall")]
    assert {answer.status_code for answer in none} == {404}
    assert len({answer.content for answer in none}) == 1
    assert (await reader.get("/centre/oak/room/hall", "POST")).status_code == 405
    reader.ready = False
    assert (await reader.get("/centre/oak/room/hall")).status_code == 503


async def test_the_page_is_whole_and_every_link_inside_it_leads_somewhere() -> None:
    page = Markup((await Reader(shown()).get()).text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


async def test_headings_step_down_one_level_at_a_time_from_one_first() -> None:
    made = shown()
    reader = Reader(made)
    made.apply(
        meeting_event("retreat", "2026-11-24T18:00", sessions=[{"id": "a", "title": "A", "day": 1, "time": "18:00"}])
    )
    pages = [await reader.get("/centre/oak"), await reader.get("/nobody-here/oak/dawn/20261124")]
    made.apply(event("centre", "elm", centre_event(name="centres/elm").payload, centre="elm"))
    pages.append(await reader.get())
    for page in pages:
        levels = Markup(page.text).headings
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), levels


async def test_other_apps_find_the_meetings_of_a_centre_by_its_page() -> None:
    link = '<link rel="alternate" type="application/json" title="Meetings Feed" href="/meeting-guide/oak.json">'
    for path in ("/", "/centre/oak"):
        assert link in (await Reader(shown()).get(path)).text.partition("</head>")[0]


async def test_what_is_closed_stands_above_the_days() -> None:
    made = shown()
    made.apply(closure(reason="<b>Burst pipe</b>"))
    text = (await Reader(made).get()).text
    banner = text.partition('<section class="closed"')[2].partition("</section>")[0]
    assert "The whole centre is closed from Wednesday 25 November to Thursday 26 November." in banner
    assert "&lt;b&gt;Burst pipe" in banner
    assert text.index(banner) < text.index('class="day"')


async def test_the_page_asks_nobody_else_for_anything_and_runs_nothing() -> None:
    answer = await Reader(shown()).get()
    page = Markup(answer.text)
    assert not page.tags & {"script", "iframe", "img", "form", "object", "embed", "base"}
    assert page.events == []
    assert all(load.startswith("data:") for load in page.loads)
    assert "@import" not in STYLE
    assert "url(" not in STYLE
    assert "set-cookie" not in answer.headers


async def test_every_answer_carries_the_headers_that_lock_it() -> None:
    reader = Reader(shown())
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    for answer in (await reader.get(), await reader.get("/nothing"), await reader.get(method="POST")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none';")
        assert f"style-src 'sha256-{style}'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert f"<style>{STYLE}</style>" in answer.text
        assert '<html lang="en">' in answer.text


async def test_a_reader_who_has_it_gets_304_until_something_changes() -> None:
    made = shown()
    reader = Reader(made)
    etag = (await reader.get()).headers["etag"]
    for tag in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await reader.get(if_none_match=tag)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await reader.get(if_none_match='"other"')).status_code == 200
    made.apply(meeting_event("new", "2026-11-24T20:00"))
    answer = await reader.get(if_none_match=etag)
    assert answer.status_code == 200
    assert "New" in answer.text


async def test_the_page_changes_by_itself_when_a_meeting_begins_and_ends() -> None:
    reader = Reader(shown())
    first = await reader.get()
    reader.clock.jump(NOON + timedelta(hours=5))
    assert (await reader.get()).headers["etag"] == first.headers["etag"]
    reader.clock.jump(NOON + timedelta(hours=6, minutes=30))
    assert "On now" in (await reader.get()).text
    reader.clock.jump(NOON + timedelta(hours=7))
    assert "On now" not in (await reader.get()).text


async def test_two_processes_give_the_same_bytes() -> None:
    assert (await Reader(shown()).get()).content == (await Reader(shown()).get()).content


async def test_gzip_has_a_tag_of_its_own_and_head_the_headers_of_get() -> None:
    reader = Reader(shown())
    plain, packed = await reader.get(), await reader.get(accept_encoding="br, gzip;q=0.8")
    assert packed.content == plain.content
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in (await reader.get(accept_encoding="gzip;q=0")).headers
    head = await reader.get(method="HEAD")
    assert head.content == b""
    assert dict(head.headers) == dict(plain.headers)
    assert len(gzip.compress(plain.content)) < 12_000


async def test_what_a_centre_writes_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script>"
    venue = {"title": evil, "address": evil, "notes": evil}
    made = board(
        centre_event(2, title=evil, description=evil, crisisLine=evil, website="javascript:alert(1)"),
        meeting_event("a", "2026-11-24T18:00", title=evil, notes=evil, group=evil, fellowship=evil, venue=venue),
    )
    text = (await Reader(made).get()).text
    assert "<script" not in text
    assert "javascript:" not in text


async def test_cancelled_moved_and_closed_are_said_plainly() -> None:
    text = (await Reader(shown()).get()).text
    assert "<strong>Cancelled</strong> Snow" in text
    assert "Open chairs instead" in text
    assert re.search(
        r'<a href="#steps-20261125">Moved to Thursday 26 November, 8:00\Spm</a>', text.replace("\xa0", "_")
    )
    assert "1 meeting is not taking place at present" in text


async def test_every_way_to_subscribe_stands_there_with_how_late_it_may_be() -> None:
    text = (await Reader(shown()).get()).text
    assert 'href="webcal://chairs.example.org/calendars/oak.ics"' in text
    assert "https://calendar.google.com/calendar/r?cid=webcal%3A%2F%2Fchairs" in text
    assert "https://outlook.live.com/calendar/0/addfromweb?url=https%3A%2F%2Fchairs" in text
    assert 'class="addr">https://chairs.example.org/calendars/oak.ics<' in text
    assert 'href="webcal://chairs.example.org/calendars/oak/meeting/dawn.ics"' in text
    assert "<svg" in text
    for words in ("a day behind", "several hours behind", "every hour to every week", "learns its address"):
        assert words in text


async def test_a_part_can_be_subscribed_to_where_tapping_does_nothing() -> None:
    two = [meeting_event(each.lower(), "2026-11-24T18:00", fellowship=each) for each in ("AA", "NA")]
    copied = "press it long, copy its address"
    text = (await Reader(board(centre_event(), *two)).get()).text
    assert text.index(copied) < text.index('href="webcal://chairs.example.org/calendars/oak/fellowship/aa.ics"')
    assert copied not in (await Reader(board(centre_event(), two[0])).get()).text


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1:8080", "http://127.0.0.1:8080"), ("evil.example", "http://localhost")]
)
async def test_without_a_public_address_the_page_says_so_and_trusts_no_host_header(host: str, address: str) -> None:
    text = (await Reader(shown(), base=None).get(host=host)).text
    assert "works only on this machine" in text
    assert f'class="addr">{address}/calendars/oak.ics<' in text
    assert "calendar.google.com" not in text
    assert "evil" not in text


async def test_one_centre_has_its_own_page_and_an_unknown_one_has_none() -> None:
    made = shown()
    other = centre_event(name="centres/elm", title="Elm House").payload
    made.apply(event("centre", "elm", other, centre="elm"))
    reader = Reader(made)
    both, one = await reader.get(), await reader.get("/centre/oak")
    assert "Elm House" in both.text
    assert Markup(both.text).open == []
    assert "Elm House" not in one.text
    missing = await reader.get("/centre/ash")
    assert missing.status_code == 404
    assert "Nothing is here" in missing.text
    assert (await reader.get("/centre/oak/")).text == one.text


async def test_nobody_is_sent_to_where_a_host_header_says() -> None:
    for path in ("/centre/oak/", "/invited/", "/nobody-here/oak/x/20261124/", "/nothing/"):
        answer = await Reader(shown()).get(path, host="elsewhere.example.com")
        assert answer.status_code in {200, 404}
        assert "elsewhere" not in answer.text + repr(answer.headers)


async def test_other_methods_are_refused_with_what_is_allowed() -> None:
    answer = await Reader(shown()).get(method="POST")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


async def test_a_fault_of_ours_is_a_page_that_says_nothing_of_it() -> None:
    def broken() -> str:
        raise RuntimeError("canary")

    ready = lambda: True  # noqa: E731 - two words
    app = Web(Pages(shown()), VirtualClock(NOON), broken, ready=ready, current=ready, log=LOG).app()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await client.get("/")
    assert answer.status_code == 500
    assert "canary" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_page_of_next_month_is_right_and_the_past_is_forgotten() -> None:
    made = shown()
    reader = Reader(made)
    await reader.get()
    reader.clock.jump(NOON + timedelta(days=45))
    assert "Today, Friday 8 January" in (await reader.get()).text
    assert len(made.boards["oak"].agenda.between(NOON + timedelta(days=45), NOON + timedelta(days=52))) == 7


async def test_before_it_is_ready_it_says_so_and_asks_again() -> None:
    reader = Reader(shown())
    reader.ready = False
    answer = await reader.get()
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "3"
    assert '<meta http-equiv="refresh" content="3">' in answer.text


async def test_while_the_stream_is_away_the_page_says_that_it_may_be_behind() -> None:
    reader = Reader(shown())
    assert "may be behind" not in (await reader.get()).text
    reader.current = False
    assert "may be behind" in (await reader.get()).text


async def test_nothing_published_is_a_page_too() -> None:
    assert "Nothing is published here yet" in (await Reader(Board()).get()).text


async def test_title_says_nothing_of_recovery() -> None:
    made = board(centre_event(2, title="Riverside Recovery Centre"))
    assert "<title>This week · Openchair</title>" in (await Reader(made).get()).text


# --- over a real stream -----------------------------------------------------------------------------------------


@asynccontextmanager
async def following(bus: Bus, reader: Reader) -> AsyncIterator[Projection]:
    projection, _, reader.app = web(bus, SITE, reader.clock, lambda: BASE, LOG)
    assert (await reader.get()).status_code == 503
    task = asyncio.create_task(projection.run())
    try:
        await asyncio.wait_for(projection.ready.wait(), 60)
        yield projection
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_follows_the_public_stream_to_the_tombstone(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        owner, reader = await site.bus("meetings"), Reader(Board())
        await owner.publish(centre_event(), 0)
        dawn = meeting_event("dawn", "2026-11-24T18:00", "FREQ=DAILY")
        sequence = await owner.publish(dawn, 0)
        async with following(await site.bus("feeds"), reader) as projection:
            assert "<h3>Dawn</h3>" in (await reader.get()).text
            await owner.publish(event("meeting", "dawn", None, 2), sequence)
            await until(lambda: projection.order(dawn.subject) == (1, 2))
            assert "<h3>Dawn</h3>" not in (await reader.get()).text
