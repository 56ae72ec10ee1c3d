"""A room full of series: at how many of them a check looks is counted here, not timed (`make bench` times it)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.recurrence.course import Course
from services.recurrence.waves import may_meet
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from collections.abc import Sequence

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
