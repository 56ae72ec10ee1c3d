"""A room full of series: at how many of them a check looks is counted here, not timed (`make bench` times it)."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.store.port import Record
from services.meetings.diary import SHAPE, Diary, leaf
from services.recurrence import search
from services.recurrence.course import Course
from services.recurrence.waves import may_meet
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.recurrence.waves import Lag, Reach, Wave

CHECKS, HOURS = 20, 7 * 24


class Looked:
    """How many series were compared by their rules, and of how many dates were made."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.compared = self.expanded = 0
        starting = Course.starting

        def compared(one: Wave, other: Wave, reach: Reach, clocks_differ: Lag) -> bool:
            self.compared += 1
            return may_meet(one, other, reach, clocks_differ)

        def expanded(course: Course, since: int, until: int) -> Sequence[Sequence[int]]:
            self.expanded += 1
            return starting(course, since, until)

        patch.setattr("services.recurrence.lines.may_meet", compared)
        patch.setattr(Course, "starting", expanded)


@pytest.mark.parametrize("count", [50, 5_000])
def test_a_free_time_is_found_free_by_comparing_few_series_and_making_dates_of_none(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = examples.spots(count, "")
    room, free = examples.room(found[:count]), found[count:]
    assert room.clashes(found[0], 0, 0, examples.NOW, most=1), "it is full"
    looked = Looked(monkeypatch)
    for each in free[:CHECKS]:
        assert room.clashes(each, 0, 0, examples.NOW) == []
    assert looked.compared / CHECKS < count / HOURS + 1  # those of its own hour of the week
    assert looked.expanded == 0


def test_of_a_series_that_meets_a_full_room_every_day_not_many_more_clashes_are_made_than_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room, made = examples.room(examples.spots(5_000, "")[:5_000]), list[int]()
    of_rival = search._of_rival

    def counting(*given: Any) -> Iterator[search.Found]:
        for each in of_rival(*given):
            made.append(each.start)
            yield each

    monkeypatch.setattr(search, "_of_rival", counting)
    daily = examples.series(examples.MONDAY, "FREQ=DAILY", 12 * 60)
    assert len(room.clashes(daily, 0, 0, examples.NOW, most=500)) == 500
    assert len(made) < 1_500


def test_a_room_that_is_read_in_pages_has_its_timetable_made_as_it_comes() -> None:
    """Else whoever decides first makes it of five thousand series in one turn, and nobody else is answered."""
    diary = Diary("r")
    for each in examples.bookings("r", 20, Random(1)):  # noqa: S311 - examples
        SHAPE.put(diary, Record("booking", each.id, 1, leaf(each).state, "2026-11-21T12:00:00.000Z", "ana"))
        assert not diary.times._waiting
    assert len(diary.times) == 20
