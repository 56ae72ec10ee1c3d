"""What would work instead: other times, other rooms, the free part of a series."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openchair.meetings.v1 import booking_pb2

from services.kit.clock import instant
from services.meetings import availability, free_times
from services.meetings.alternatives import Wanted, suggest
from services.meetings.availability import Booker
from services.meetings.clashes import MOST_BYTES, Asker, Clashing, refusal
from services.meetings.closing import Frame
from services.meetings.free_times import obstacles
from services.meetings.types_rooms import BookingRules, RoomKind, WhoMayBook
from services.recurrence.timetable import minute
from tests.unit.free_examples import (
    DAILY,
    NOW,
    WEEKLY,
    ZONE,
    at,
    booking,
    can_be_had,
    closure,
    house,
    houses,
    local,
    look,
    room,
    when,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from services.meetings.board import House
    from services.recurrence.pattern import Pattern

MONDAY = "2026-11-23T19:00"
Told = tuple[str, str, int, int, list[str]]


def told(of: House, rooms: tuple[str, ...], pattern: Pattern, *closures: Any, **more: Any) -> list[Told]:
    wanted = Wanted("c", rooms, pattern, **more)
    found = asyncio.run(suggest(of, wanted, instant(NOW), Frame(ZONE, "", closures)))
    return [(each.room.rsplit("/")[-1], each.start, each.free, each.total, [*each.skipped]) for each in found]


def test_nothing_is_proposed_where_nothing_is_in_the_way() -> None:
    blue = room("blue")
    assert told(house([blue, room("red")]), ("blue",), when(MONDAY)) == []


def test_of_one_date_other_times_and_other_rooms_are_proposed_by_turns() -> None:
    blue, red = room("blue"), room("red")
    made = house([blue, red], booking("1", blue, when("2026-11-23T18:30", 90)))
    assert told(made, ("blue",), when(MONDAY)) == [
        ("blue", "2026-11-23T20:00", 1, 1, []),
        ("red", "", 1, 1, []),
        ("blue", "2026-11-23T17:30", 1, 1, []),
    ]


def test_other_rooms_come_from_the_same_place_first_then_as_accessible_then_the_smallest_that_suffices() -> None:
    blue = room("blue", capacity=10, accessibility=("step-free",))
    others = [
        room("far", capacity=10, place="q", accessibility=("step-free",)),
        room("stairs", capacity=10),
        room("large", capacity=40, accessibility=("step-free",)),
        room("fit", capacity=12, accessibility=("step-free",)),
        room("small", capacity=4, accessibility=("step-free",)),
        room("zoom", kind=RoomKind.VIDEO, place=""),
    ]
    made = house([blue, *others], booking("1", blue, when("2026-11-23T07:00", 960, DAILY)))
    found = [each for each, start, *_ in told(made, ("blue",), when(MONDAY, 60, WEEKLY)) if not start]
    assert found == ["fit", "large", "small"]
    del made.rooms["fit"], made.rooms["large"], made.rooms["small"]
    found = [each for each, start, *_ in told(made, ("blue",), when(MONDAY, 60, WEEKLY)) if not start]
    assert found == ["stairs", "far"]


def test_another_room_holds_as_many_as_are_expected() -> None:
    blue, others = room("blue", capacity=10), [room("large", capacity=40), room("fit", capacity=12)]
    made = house([blue, *others], booking("1", blue, when("2026-11-23T07:00", 960, DAILY)))
    of_thirty = [each for each, start, *_ in told(made, ("blue",), when(MONDAY, 60, WEEKLY), attendees=30) if not start]
    assert of_thirty == ["large"]


def test_the_free_part_of_a_series_says_what_it_lacks() -> None:
    blue = room("blue")
    made = house(
        [blue],
        booking("1", blue, when("2026-11-30T07:00", 960)),
        booking("2", blue, when("2026-12-14T07:00", 960)),
    )
    found = told(made, ("blue",), when(MONDAY, 60, WEEKLY))
    (part,) = [each for each in found if each[4]]
    assert part[0] == "blue"
    assert part[2] == part[3] - 2
    assert part[4] == ["20261130", "20261214"]


def test_what_a_closure_takes_of_a_series_is_no_reason_to_move_it_to_another_hour() -> None:
    blue = room("blue")
    found = told(house([blue]), ("blue",), when(MONDAY, 60, WEEKLY), closure("2026-12-21", "2027-01-03"))
    assert [(start, skipped) for _, start, _, _, skipped in found] == [("", ["20261221", "20261228"])]


def test_who_may_not_book_a_room_is_told_of_one_that_they_may_book() -> None:
    blue, red = room("blue", rules=BookingRules(who=WhoMayBook.COORDINATORS)), room("red")
    ana = Booker("ana", WhoMayBook.FACILITATORS)
    assert told(house([blue, red]), ("blue",), when(MONDAY, 60, WEEKLY), booker=ana)[0][:2] == ("red", "")
    assert len(told(house([blue, red]), ("blue",), when(MONDAY, 60, WEEKLY), booker=ana)) == 1


def test_several_rooms_are_proposed_for_when_all_of_them_are_free() -> None:
    blue, red = room("blue"), room("red")
    made = house(
        [blue, red, room("green")],
        booking("1", blue, when("2026-11-23T18:00", 120)),
        booking("2", red, when("2026-11-23T20:00", 60)),
    )
    found = told(made, ("blue", "red"), when(MONDAY))
    assert found == [
        ("blue", "2026-11-23T17:00", 1, 1, []),
        ("green", "", 1, 1, []),
        ("blue", "2026-11-23T21:00", 1, 1, []),
    ]


def test_a_part_of_what_is_wanted_besides_is_no_other_room() -> None:
    hall, part = room("hall", excludes=("part",)), room("part", excludes=("hall",))
    blue = room("blue")
    made = house([hall, part, blue], booking("1", blue, when(MONDAY)))
    assert [each for each, start, *_ in told(made, ("blue", "hall"), when(MONDAY)) if not start] == []


def test_what_a_meeting_has_is_not_in_its_way() -> None:
    blue = room("blue")
    made = house(
        [blue], booking("1", blue, when("2026-11-23T18:00", 60), meeting="m"), booking("2", blue, when(MONDAY))
    )
    starts = [start for _, start, *_ in told(made, ("blue",), when(MONDAY), meeting="m")]
    assert starts == ["2026-11-23T18:00", "2026-11-23T20:00"]


@settings(deadline=None, max_examples=60)
@given(houses(), st.integers(0, 3 * 24 * 4), st.sampled_from([None, WEEKLY, DAILY]))
def test_whatever_is_proposed_can_be_had(made: House, quarter: int, rule: Any) -> None:
    start = local(minute(NOW) + quarter * 15)
    pattern = when(start, 60, rule)
    for id_, other, free, total, skipped in told(made, ("a",), pattern):
        of = made.rooms[id_]
        assert 0 < free <= total
        if skipped:
            hindered = {each.key for each in obstacles(made, of, pattern, look(), 5_000)}
            assert [f"{key.date:%Y%m%d}" for key in sorted(hindered)][:100] == skipped
        elif rule is None:
            assert can_be_had(made, of, at(other or start), 60, look())
        else:
            assert obstacles(made, of, when(other or start, 60, rule), look()) == []


def test_they_are_put_into_the_report_of_a_refusal_and_clashes_give_way() -> None:
    blue = room("blue", title="x" * 200)
    made = house([blue], booking("1", blue, when("2026-11-23T07:00", 960, DAILY), title="y" * 150))
    pattern = when(MONDAY, 60, WEEKLY)
    found = obstacles(made, blue, pattern, look(), 40)
    refused = refusal("c", found, Asker("", keeper=True), Wanted("c", ("blue",), pattern))
    offered = [booking_pb2.Alternative(room="r" * 60, room_title="t" * 200, start=MONDAY) for _ in range(4)]
    refused.offer(offered)
    (report,) = refused.attached
    assert isinstance(refused, Clashing)
    assert isinstance(report, booking_pb2.ClashReport)
    assert [*report.alternatives] == offered[:3]
    assert 1 <= len(report.clashes) < len(found) <= report.total
    assert report.ByteSize() <= MOST_BYTES


def test_others_get_their_turn_between_any_two_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a room that is full each takes some milliseconds, and many may be asked."""
    blue = room("blue")
    others = [room(f"other-{number:02}") for number in range(12)]
    taken = [booking(each.id, each, when("2026-11-23T07:00", 960, DAILY)) for each in (blue, *others)]
    made, turns = house([blue, *others], *taken), list[str]()

    def asking(what: str, method: Callable[..., Any]) -> None:
        def asked(*of: Any, **more: Any) -> Any:
            turns.append("asked")
            return method(*of, **more)

        monkeypatch.setattr(free_times, what, asked)

    asking("hindrances", availability.hindrances)
    asking("free", availability.free)

    async def beside() -> None:
        looking = asyncio.create_task(
            suggest(made, Wanted("c", ("blue",), when(MONDAY, 60, WEEKLY)), instant(NOW), Frame(ZONE, "", ()))
        )
        while not looking.done():
            turns.append("turn")
            await asyncio.sleep(0)

    asyncio.run(beside())
    assert turns.count("asked") >= 14
    assert ("asked", "asked") not in itertools.pairwise(turns)
