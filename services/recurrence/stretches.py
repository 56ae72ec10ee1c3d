"""Which dates of a series lie in which of several times, without looking at each date: neighbours mostly agree."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.schedule import dates, occurrence
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from services.recurrence.types import Key, Occurrence, Schedule

_DAY: Final = timedelta(days=1)


class Span(NamedTuple):
    """A time between two instants. `days`: what began before it, and lasts less than a day, is not in it."""

    low: datetime
    high: datetime
    days: bool = False

    def reached(self, each: Occurrence) -> bool:
        """Whether a date is not before it."""
        return each.end > self.low and (each.start >= self.low or not self.days or each.end - each.start >= _DAY)

    def passed(self, each: Occurrence) -> bool:
        """Whether a date is after it."""
        return each.start >= self.high

    def holds(self, each: Occurrence) -> bool:
        """Whether a date lies in it."""
        return self.reached(each) and not self.passed(each)


class Stretch(NamedTuple):
    """Dates that follow each other, lie in the same spans (by number), and differ by their day alone."""

    first: Occurrence
    keys: list[Key]
    inside: tuple[int, ...]


def stretches(schedule: Schedule, spans: Sequence[Span], since: datetime, until: datetime) -> Iterator[Stretch]:
    """All dates that end after `since` and start before `until` as the rule has them; it must have no extra dates.

    Since each date is later than the one before it, a span holds dates that follow each other: two are looked for.
    """
    length = timedelta(minutes=schedule.minutes)
    if until <= since:
        return
    low = to_local(since, schedule.zone).date() - length - _DAY
    keys = list(dates(schedule, low, to_local(until, schedule.zone).date() + _DAY))
    found: dict[int, Occurrence] = {}

    def at(number: int) -> Occurrence:
        if number not in found:
            found[number] = occurrence(schedule, keys[number])
        return found[number]

    begin, end = _within(Span(since, until), at, range(len(keys)))
    bounds = [_within(span, at, range(begin, end)) for span in spans]
    for first, last in pairwise(sorted({begin, end, *(bound for pair in bounds for bound in pair)})):
        inside = tuple(number for number, (low_, high_) in enumerate(bounds) if low_ <= first and last <= high_)
        yield Stretch(at(first), keys[first:last], inside)


def _within(span: Span, at: Callable[[int], Occurrence], numbers: range) -> tuple[int, int]:
    """The first of these dates that lies in it, and the one after the last."""
    first = bisect_left(numbers, True, key=lambda number: span.reached(at(number)))  # noqa: FBT003 - what is looked for
    last = bisect_left(numbers, True, key=lambda number: span.passed(at(number)))  # noqa: FBT003 - the same
    return numbers.start + min(first, last), numbers.start + last
