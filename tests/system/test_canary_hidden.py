"""Whether a hidden meeting, or a withheld place, moves anything that others can look at: a word, a byte, a header.

Canaries stand in every field that says something of a meeting. What is public is looked at twice, before and after
something happened that is not public, and is the same: so nothing of it can be derived, by no filter and no validator.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import connect
from tests.system import acts, canaries
from tests.system.canaries import Surface, found
from tests.system.collector import Collector, collecting
from tests.system.days import not_over
from tests.system.hidden import (
    CENTRE,
    HERE,
    HIDDEN,
    Told,
    hide,
    move_away,
    open_centre,
    open_lodge,
    withhold_lodge,
)
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

FILTERS = (
    "", "discreet=1", "discreet=0&cancelled=show", "alarm=PT1H", "mode=online", "mode=in-person", "day=mo,tu,we,th",
    "type=O,SP", "language=en,es", "accessible=ramp", "fellowship=aa", "kind=support-meeting,retreat",
)  # fmt: skip
LOOKS = 120  # seconds in which both looks are over, on a machine that is busy with much else
EVENTS = 7
"""At least: two retreats with an item each, an import, and the hall's series with what a closure moves."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as started:
        yield started


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[System]:
    environ = {"OPENCHAIR_LOG_LEVEL": "debug", **collector.environ}
    with running(tmp_path_factory.mktemp("hidden"), environ) as started:
        yield started


@pytest.fixture(scope="module")
def told(system: System) -> Told:
    """A centre with two withheld places, and what is public of it: its pages are all there."""
    made = asyncio.run(open_centre(system))
    until(lambda: len(acts.events(system.feed("elm"))) >= EVENTS, "all that is public is in the feed")
    return made


def paths(told: Told) -> list[str]:
    """Everything that anybody can ask for over HTTP, and what would be there if hidden things were told."""
    here = [told.id(name) for name in ("shelter room", "villa room", "hall room")]
    ids = [f"room/{id_}" for id_ in here] + ["fellowship/aa", "kind/retreat", "kind/support-meeting"]
    ids += [f"meeting/{told.id(name)}" for name in ("at shelter", "at villa", "at hall")]
    ids += [f"fellowship/{told.words.get('fellowship', 'none')}", f"kind/{told.words.get('kind', 'none')}"]
    calendars = ["/calendars/elm.ics", *(f"/calendars/elm/{part}.ics" for part in ids)]
    asked = [f"{path}?{query}".rstrip("?") for path in calendars for query in FILTERS]
    for room in here:
        asked += [f"/freebusy/elm/{room}.ifb", f"/centre/elm/room/{room}"]
    return [*asked, "/", "/centre/elm", "/meeting-guide/elm.json", "/nothing", "/invited", "/robots.txt"]


class Seen(NamedTuple):
    """What an address answers: status, all headers that do not only say when, and the bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


def look(system: System, told: Told) -> dict[str, Seen]:
    """All of it, by address."""
    return {path: seen(system, path) for path in paths(told)}


def seen(system: System, path: str) -> Seen:
    """What one address answers."""
    answer = system.get(path)
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return Seen(answer.status, headers, answer.body)


def surfaces(looked: dict[str, Seen]) -> Iterator[Surface]:
    for path, answer in looked.items():
        yield Surface(path.partition("?")[0][:24], str(answer.headers).encode() + answer.body)


def streams(system: System) -> list[Surface]:
    """The files in which nats-server keeps what is public, and what nobody could read."""
    folder = system.data / "nats" / "jetstream"
    return [each for name in ("PUBLIC_*", "DEAD_*") for each in canaries.files(folder, f"**/{name}/**/*")]


@pytest.fixture(scope="module")
def before(system: System, told: Told) -> dict[str, Seen]:
    """What anybody sees before anything is hidden."""
    told.words.update({"fellowship": canaries.word(), "kind": canaries.word()})
    not_over(acts.ZONE, LOOKS)
    until(lambda: _settled(look(system, told), look(system, told)), "the closures have been followed")
    return look(system, told)


@pytest.fixture(scope="module")
def after(system: System, told: Told, before: dict[str, Seen]) -> dict[str, Seen]:
    """The same when much is hidden there, and those with the right see it."""
    assert before
    asyncio.run(hide(system, told))
    calendar = f"/invited/{quote(told.code)}.ics"
    until(lambda: told.words["session title"].encode() in system.get(calendar).body, "holders of the code see it")
    return look(system, told)


def _settled(one: dict[str, Seen], other: dict[str, Seen]) -> bool:
    return one == other and b"Closed: painting" in one["/calendars/elm.ics"].body


def test_what_is_hidden_moves_no_byte_and_no_header_that_anybody_gets(
    before: dict[str, Seen], after: dict[str, Seen]
) -> None:
    assert {path for path in before if before[path] != after[path]} == set()


def test_nothing_that_is_kept_back_is_anywhere_that_anybody_looks(
    system: System, told: Told, after: dict[str, Seen]
) -> None:
    assert found(surfaces(after), told.words) == set()
    assert found(streams(system), told.words) == set()
    coordinates = {"latitude": "53.512", "longitude": "113.567"}
    assert found(surfaces(after), coordinates) == set()
    assert found(surfaces(after), {"a title": "Everybody", "an area": "Old Town"}) != set()


def busy(system: System, told: Told) -> list[Surface]:
    """What anybody reads of a room and an account whose busy times are public: these move."""
    ids = [told.id(name) for name in ("open room", "account")]
    ways = [f"{way}{id_}{end}" for id_ in ids for way, end in (("/freebusy/elm/", ".ifb"), ("/centre/elm/room/", ""))]
    return [*surfaces({path: seen(system, path) for path in ways})]


async def test_of_public_busy_times_nobody_learns_whose_they_are(
    system: System, told: Told, after: dict[str, Seen]
) -> None:
    """Neither by a word, nor by a name: who knows a hidden meeting, or its link, does not find its hours by it."""
    assert after
    until(lambda: b"FREEBUSY" in busy(system, told)[0].body, "what is held there is told")
    hidden = {name: told.id(name) for name in told.names if name.startswith(tuple(HIDDEN))}
    hidden |= {f"booking of {name}": _by_name(told, name) for name in hidden}
    async with connect(f"127.0.0.1:{system.grpc_port}") as channel:
        asked = rooms_pb.GetFreeBusyRequest(parent=CENTRE, rooms=[told.names["open room"], told.names["account"]])
        reply = await RoomServiceStub(channel).GetFreeBusy(asked)
    assert all(each.busy for each in reply.rooms)
    read = [*busy(system, told), *streams(system), Surface("GetFreeBusy", str(reply).encode())]
    assert found(read, {**told.words, **hidden}) == set()
    async with system.channel() as channel:
        listed = await RoomServiceStub(channel).ListBookings(
            rooms_pb.ListBookingsRequest(parent=told.names["open room"])
        )
    held = {each.meeting: each.name.rpartition("/")[2] for each in listed.bookings if each.meeting}
    assert len(held) == len(HIDDEN)
    assert {name for _, name in found(streams(system), held)} == held.keys(), "bookings are where they are looked for"


def _by_name(told: Told, name: str) -> str:
    """What an id would be that is made of the names of a meeting and its room."""
    return hashlib.sha256(f"{told.id(name)}/{told.id('open room')}".encode()).hexdigest()[:32]


def test_what_is_hidden_is_not_told_by_a_calendar_of_its_own(told: Told, after: dict[str, Seen]) -> None:
    for part in (f"fellowship/{told.words['fellowship']}", f"kind/{told.words['kind']}"):
        assert after[f"/calendars/elm/{part}.ics"].status == 404
    for room in ("shelter room", "villa room", "hall room"):
        empty = after[f"/calendars/elm/room/{told.id(room)}.ics"]
        assert (empty.status, empty.body.count(b"BEGIN:VEVENT")) == (200, 0)


def test_the_name_of_a_meeting_for_members_is_answered_like_any_other_word(
    system: System, told: Told, after: dict[str, Seen]
) -> None:
    assert after
    for end in ("", "?day=tu", "?discreet=1&alarm=PT1H"):
        mine, none = (f"/calendars/elm/meeting/{id_}.ics{end}" for id_ in (told.id("members 0"), uuid.uuid4()))
        assert seen(system, mine) == seen(system, none)
    day = told.names["day of begun"]
    mine, none = (f"/nobody-here/elm/{id_}/{day}" for id_ in (told.id("begun"), uuid.uuid4()))
    assert seen(system, mine) == seen(system, none)
    assert seen(system, mine).status == 404


async def test_no_search_by_anybody_finds_it(system: System, told: Told, after: dict[str, Seen]) -> None:
    assert after
    near = pb.Near(**HERE, radius_km=0.2)
    asked = [pb.SearchMeetingsRequest(parent=CENTRE, text=text[:30]) for text in told.words.values()]
    asked.append(pb.SearchMeetingsRequest(parent=CENTRE, near=near))
    async with connect(f"127.0.0.1:{system.grpc_port}") as channel:
        stub = MeetingServiceStub(channel)
        for request in asked:
            assert not (await stub.SearchMeetings(request)).meetings
        every = await stub.SearchMeetings(pb.SearchMeetingsRequest(parent=CENTRE, page_size=100, next_dates=10))
    assert len(every.meetings) == 4
    assert found([Surface("found", str(every).encode())], told.words) == set()


def test_no_list_that_goes_out_has_it(system: System, told: Told, after: dict[str, Seen]) -> None:
    assert after
    for form in ("meeting-guide", "csv"):
        done = system.command("export", form, "elm")
        assert done.stdout.count("Everybody") >= 4, done.stderr
        assert found([Surface(form, (done.stdout + done.stderr).encode())], told.words) == set()


def test_no_log_trace_or_metric_has_it(
    system: System, collector: Collector, told: Told, after: dict[str, Seen]
) -> None:
    assert after
    said = [Surface("log", system.log.read_bytes()), Surface("metrics", system.get("/metrics").body)]
    said += [Surface("trace", request.SerializeToString()) for request in list(collector.sent)]
    assert found(said, {"a method": "ReportNobodyHere"}) != set()
    assert found(said, told.words) == set()


def test_whoever_has_the_right_reads_what_the_others_do_not(system: System, told: Told, after: dict[str, Seen]) -> None:
    assert after
    page, calendar = (system.get(f"/invited/{quote(told.code)}{end}").body for end in ("", ".ics"))
    read = {name for _, name in found([Surface("", calendar)], told.words)}
    assert read >= {"members title", "members cost", "members programme", "session title", "members link", "date link"}
    assert not {name for name in read if "passcode" in name or "joining" in name or name.startswith("shelter")}
    assert "members passcode" in {name for _, name in found([Surface("", page)], told.words)}


def test_what_is_withheld_of_a_place_moves_nothing_when_it_changes(
    system: System, told: Told, after: dict[str, Seen]
) -> None:
    """Last of all: the places are others afterwards."""
    words: dict[str, str] = {}
    asyncio.run(move_away(system, told, words))
    told.words.update({f"{name} since": text for name, text in words.items()})
    now = look(system, told)
    assert {path for path in after if after[path] != now[path]} == set()
    assert found([*surfaces(now), *streams(system)], told.words) == set()


def test_a_place_that_is_withheld_since_takes_the_titles_of_its_rooms_along(
    system: System, told: Told, after: dict[str, Seen]
) -> None:
    """After all others: what it makes is public at first."""
    assert after
    words: dict[str, str] = {}
    room = asyncio.run(open_lodge(system, words))
    way = f"/centre/elm/room/{room}"
    until(lambda: len(found([Surface("", seen(system, way).body)], words)) == len(words), "everybody reads both")
    asyncio.run(withhold_lodge(system))
    until(lambda: seen(system, way).status == 404, "the room has no page any more")
    looked = look(system, told) | {end: seen(system, end) for end in (way, f"/calendars/elm/room/{room}.ics")}
    assert found(surfaces(looked), words) == set()
