"""Search finds what a search without an index finds, in the same order, on the same pages."""

from __future__ import annotations

import asyncio
import math
import os
import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.formats.folding import fold, words
from services.kit.call import Call, Caller
from services.kit.clock import Ids, VirtualClock
from services.kit.errors import Invalid
from services.kit.paging import Pages
from services.meetings import finder_near, searching
from services.meetings.access import Viewer
from services.meetings.desk import Desk
from services.meetings.finder import PAUSE, Finder
from services.meetings.searching import Searching
from services.meetings.seats_told import SeatsTold
from services.meetings.types import Visibility
from services.recurrence.types import Frequency, Rule, Schedule
from tests.unit import search_reference as reference
from tests.unit.search_examples import CENTRES, GROUPS, meeting, meetings, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.meetings.types import Meeting

NOW = datetime(2026, 11, 21, 18, 45, tzinfo=UTC)
QUERIES, MEETINGS = (1_000, 10_000) if os.environ.get("OPENCHAIR_GATE") == "1" else (150, 4_000)
NOBODY = Caller()
STAFF = Caller("lee", {"oak": frozenset({"coordinator"})})
METHOD = "openchair.meetings.v1.MeetingService/SearchMeetings"


class Counter(Desk):
    """A desk without a store: every centre there may be is there."""

    async def held(self, *_: Any) -> Any:
        return None


class Room:
    """Search over these meetings; no store is asked."""

    def __init__(self, found: list[Meeting], monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.clock = VirtualClock(NOW)
        self.finder = Finder()
        store: Any = None
        desk = Counter(store, self.clock, Ids(random.Random(1)), Pages(b"k" * 32))  # noqa: S311 - seeded
        self.seats = SeatsTold()
        self.searching = Searching(desk, self.finder, self.seats)
        for each in found:
            self.finder.put(each)
        if monkeypatch is not None:
            monkeypatch.setattr(searching, "viewers_of", self._viewers)

    async def _viewers(self, _: Desk, call: Call[Any], __: str) -> searching.Viewers:
        """A code, here the word "code", opens the group of each centre."""
        return searching.Viewers(call.caller, GROUPS if call.message.invite_code else {})

    async def search(self, asked: pb.SearchMeetingsRequest, caller: Caller = NOBODY) -> pb.SearchMeetingsResponse:
        return await self.searching.search_meetings(Call(METHOD, asked, caller, 1e9, self.clock))

    async def pages(
        self, asked: pb.SearchMeetingsRequest, caller: Caller, most: int
    ) -> list[pb.SearchMeetingsResponse]:
        """So many pages, or all there are."""
        found, asked = list[pb.SearchMeetingsResponse](), _copy(asked)
        while len(found) < most and (not found or asked.page_token):
            found.append(await self.search(asked, caller))
            asked.page_token = found[-1].next_page_token
        return found


def _copy(message: pb.SearchMeetingsRequest) -> pb.SearchMeetingsRequest:
    copy = pb.SearchMeetingsRequest()
    copy.CopyFrom(message)
    return copy


def said(found: pb.FoundMeeting) -> tuple[object, ...]:
    """The same of an answer as `reference.told` of a hit."""
    dates = [
        (
            each.name.rpartition("/")[2],
            each.start_time.ToDatetime(UTC),
            each.state == occurrence_pb2.OCCURRENCE_STATE_CANCELLED,
        )
        for each in found.next_dates
    ]
    here = found.distance_m if found.HasField("distance_m") else None
    return found.name, found.title, found.venue.SerializeToString(deterministic=True), found.url, here, dates


def viewers(caller: Caller, *, code: bool) -> Mapping[str, Viewer]:
    """What they are to each centre."""
    staff = "oak" if caller is STAFF else ""
    return {c: Viewer(staff=c == staff, group=GROUPS[c] if code else "") for c in CENTRES}


@pytest.mark.timeout(600)  # most of a minute of work, wherever else the machine is busy with
async def test_search_is_what_search_without_an_index_is(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = meetings(MEETINGS, seed=20261121)
    room = Room(examples, monkeypatch)
    everything = reference.Everything(examples, NOW)
    source = random.Random(25)  # noqa: S311 - the same queries in every run
    hits = 0
    for number in range(QUERIES):
        asked, caller = request(source), source.choice([NOBODY, NOBODY, STAFF])
        asked.invite_code = source.choice(["", "", "code"])
        whole = number % 20 == 0
        asked.page_size = 100 if whole else asked.page_size
        expected = everything.search(asked, viewers(caller, code=bool(asked.invite_code)))
        pages = await room.pages(asked, caller, 1_000 if whole else 3)
        got = [found for page in pages for found in page.meetings]
        assert {page.total for page in pages} == {len(expected)}, asked
        assert [said(found) for found in got] == [
            reference.told(hit, asked.next_dates) for hit in expected[: len(got)]
        ], asked
        assert bool(pages[-1].next_page_token) == (len(got) < len(expected)), asked
        hits += bool(expected)
    assert hits > QUERIES // 2


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 7), st.integers(0, 10**9)),
        st.tuples(st.just("remove"), st.integers(0, 7), st.just(0)),
        st.tuples(st.just("settle"), st.integers(1, 3), st.just(0)),
    ),
    max_size=40,
)


def variant(slot: int, seed: int) -> Meeting:
    """What a meeting may become."""
    made = meeting(slot, random.Random(seed))  # noqa: S311 - as hypothesis drew it
    return msgspec.structs.replace(made, id=f"meeting-{slot}", lineage=f"meeting-{slot}")


async def answers(room: Room, seed: int) -> list[bytes]:
    """What some searches find."""
    source = random.Random(seed)  # noqa: S311 - the same queries for both
    asked = [request(source) for _ in range(20)]
    return [(await room.search(each, STAFF)).SerializeToString(deterministic=True) for each in asked]


@settings(max_examples=60, deadline=None)
@given(edits=EDITS, seed=st.integers(0, 10**9))
def test_after_any_edits_the_index_is_as_if_built_anew(edits: list[tuple[str, int, int]], seed: int) -> None:
    room, now = Room([]), dict[str, Any]()
    for what, slot, number in edits:
        if what == "put":
            now[f"meeting-{slot}"] = variant(slot, number)
            room.finder.put(now[f"meeting-{slot}"])
        elif what == "remove":
            now.pop(f"meeting-{slot}", None)
            room.finder.remove(f"meeting-{slot}")
        else:
            room.finder.settle(slot)

    async def both() -> tuple[list[bytes], list[bytes]]:
        return await answers(room, seed), await answers(Room(list(now.values())), seed)

    changed, anew = asyncio.run(both())
    assert changed == anew
    assert len(room.finder) == len(now)


def test_what_was_removed_leaves_nothing_behind() -> None:
    finder = Finder()
    for number in range(50):
        finder.put(variant(number, number))
    while finder.settle(7):
        pass
    for number in range(50):
        finder.remove(f"meeting-{number}")
    while finder.settle(7):
        pass
    assert not len(finder)
    assert not finder.held()


async def test_edits_during_a_search_are_in_the_index_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LOOKED_AT", 1)
    before = meetings(60, seed=3)
    room = Room(before)
    asked = pb.SearchMeetingsRequest(parent="centres/-", page_size=100)
    await room.search(asked)
    running = asyncio.create_task(room.search(asked))
    for each in before[::2]:
        await asyncio.sleep(0)
        room.finder.remove(each.id)
        room.finder.settle(1)
    assert not running.done()
    assert (await running).total == (await Room(before).search(asked)).total
    left = await room.search(asked)
    assert left == await Room(before[1::2]).search(asked)
    assert left.total


async def test_others_get_their_turn_while_a_search_is_running() -> None:
    room = Room(meetings(3_000, seed=4))
    running = asyncio.create_task(room.search(pb.SearchMeetingsRequest(parent="centres/-")))
    turns = 0
    while not running.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 3_000 * searching.RECKONED / searching.LOOKED_AT / 4


async def test_a_process_that_starts_is_ready_before_its_index_and_who_asks_meanwhile_finds_all() -> None:
    room = Room(meetings(60, seed=6))
    keeping_up = asyncio.create_task(room.finder.keep_up(room.clock))
    await asyncio.sleep(0)
    await room.clock.advance(PAUSE / 2)
    assert not len(room.finder)
    await room.clock.advance(PAUSE)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(room.finder) == 60
    keeping_up.cancel()
    starting = Room(meetings(60, seed=6))
    assert (await starting.search(pb.SearchMeetingsRequest(parent="centres/-"))).total


async def test_pages_go_on_as_of_the_moment_of_the_first() -> None:
    weekly = Schedule(datetime(2026, 11, 21, 18), "UTC", 50, Rule(Frequency.WEEKLY))  # noqa: DTZ001 - local by nature
    ends_soon = msgspec.structs.replace(
        variant(0, 0), schedule=weekly, changes=(), visibility=Visibility.PUBLIC, programmes=()
    )
    room = Room([*meetings(400, seed=5), ends_soon])
    asked = pb.SearchMeetingsRequest(parent="centres/-", page_size=10)
    at_once = [found.name for page in await room.pages(asked, NOBODY, 1_000) for found in page.meetings]
    assert len(at_once) == len(set(at_once)) > 100
    slowly = list[str]()
    while not slowly or asked.page_token:
        page = await room.search(asked)
        slowly += [found.name for found in page.meetings]
        asked.page_token = page.next_page_token
        await room.clock.advance(100)
        await room.search(pb.SearchMeetingsRequest(parent="centres/-"))  # somebody else asks as of now
    assert slowly == at_once


async def test_a_token_holds_for_an_hour() -> None:
    room = Room(meetings(400, seed=5))
    asked = pb.SearchMeetingsRequest(parent="centres/-")
    asked.page_token = (await room.search(asked)).next_page_token
    await room.clock.advance(3_601)
    with pytest.raises(Invalid) as refused:
        await room.search(asked)
    assert [violation.field for violation in refused.value.violations] == ["page_token"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("İzmir", "izmir"),
        ("ISPARTA", "\u0131sparta"),
        ("Café", "cafe\u0301"),
        ("Łódź", "lodz"),
        ("Ærø", "aero"),
        ("ﬁrst", "first"),
        ("ΟΔΟΣ", "οδος"),
        ("Women\u2019s", "womens"),
    ],
)
def test_case_and_accents_do_not_count(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert words(one) == words(other) != []


def test_words_are_what_stands_between_spaces_and_signs() -> None:
    assert words("AA-Meeting, 7th_Street (2.OG)") == ["aa", "meeting", "7th", "street", "2", "og"]
    assert words("東京の会") == ["東", "京", "の", "会"]
    assert words(" -/. ") == []


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(0, 500_000),
    st.floats(0, 6.3),
    st.floats(0, 1),
    st.integers(1, 7),
)
def test_the_cells_of_a_circle_hold_every_point_in_it(
    latitude: float, longitude: float, radius: float, bearing: float, part: float, day: int
) -> None:
    middle = finder_near.point(latitude, longitude)
    angle = radius * part / finder_near.RADIUS
    up = math.sin(middle.latitude) * math.cos(angle) + middle.cosine * math.sin(angle) * math.cos(bearing)
    there = math.asin(max(-1.0, min(1.0, up)))
    along = middle.longitude + math.atan2(
        math.sin(bearing) * math.sin(angle) * middle.cosine, math.cos(angle) - math.sin(middle.latitude) * up
    )
    other = max(-90.0, min(90.0, math.degrees(there))), (math.degrees(along) + 540) % 360 - 180
    if finder_near.metres(middle, finder_near.point(*other)) > radius:
        return
    rows, columns = finder_near.cells(middle, radius)
    row, column = divmod(finder_near.cell(*other, day) // finder_near.DAYS, finder_near.COLUMNS)
    assert row in rows
    assert column in columns


@pytest.mark.parametrize(
    ("one", "other", "metres"),
    [
        ((53.5461, -113.4938), (51.0447, -114.0719), 280_900),  # Edmonton to Calgary
        ((52.5200, 13.4050), (48.1351, 11.5820), 504_400),  # Berlin to Munich
        ((0.0, 179.9), (0.0, -179.9), 22_239),  # over the line where the date changes
    ],
)
def test_distances_are_those_of_the_map(one: tuple[float, float], other: tuple[float, float], metres: float) -> None:
    found = finder_near.metres(finder_near.point(*one), finder_near.point(*other))
    assert found == pytest.approx(metres, rel=0.003)
