"""The dates of a pattern as numbers: those that a rule gives (a `Course`), and the others one by one.

Times are minutes since 1970-01-01 00:00 UTC; days are ordinals (`date.toordinal`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence import days
from services.recurrence.offsets import offsets
from services.recurrence.ordinals import Days, about
from services.recurrence.types import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Rule, Schedule

DAY: Final = 24 * 60
EPOCH: Final = date(1970, 1, 1).toordinal()

_FEW: Final = 32
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive local times
_MINUTE: Final = timedelta(minutes=1)
_WIDEST: Final = 2
_LATEST: Final = (date(9_989, 12, 31).toordinal() - EPOCH) * DAY


class Single(NamedTuple):
    """One date that no rule gives. `wall` is its start by the clock of the pattern's zone."""

    start: int
    minutes: int
    key: Key
    wall: int


def wall(local: datetime) -> int:
    """A local time as minutes."""
    return (local - _EPOCH) // _MINUTE


def course(pattern: Pattern) -> Course | None:
    """The dates of its rule; None: it has no rule."""
    schedule = pattern.schedule
    return None if schedule is None or schedule.rule is None else Course(schedule, schedule.rule, pattern)


def singles(pattern: Pattern) -> Iterator[Single]:
    """All its dates that no rule gives, in no order."""
    for slot in pattern.slots:
        local = wall(slot.start)
        yield Single(_to_utc(pattern.zone, local), slot.minutes, slot.key, local)
    schedule = pattern.schedule
    if schedule is None or (schedule.rule is not None and not schedule.extra):
        return
    gone = {*pattern.without, *(slot.key for slot in pattern.slots)}
    for key, local in _unruled(schedule):
        if key not in gone:
            yield Single(_to_utc(schedule.zone, local), schedule.minutes, key, local)


def _unruled(schedule: Schedule) -> Iterator[tuple[Key, int]]:
    """The start where there is no rule, and the extra dates."""
    start, hour = schedule.start.date(), schedule.start.time()
    if schedule.rule is None:
        yield Key(start), wall(schedule.start)
    for extra in schedule.extra:
        if extra.ordinal or not days.includes(start, schedule.rule, extra.date):
            yield extra.key, wall(datetime.combine(extra.date, extra.time or hour))


def _to_utc(zone: str, local: int) -> int:
    return offsets(zone, local + _WIDEST * DAY).to_utc(local)


def _gone(pattern: Pattern) -> frozenset[int]:
    """The days of its rule that are not taken."""
    keys = (*pattern.without, *(slot.key for slot in pattern.slots))
    return frozenset(key.date.toordinal() for key in keys if not key.ordinal)


class Course:
    """The dates of a pattern's rule, less those that are not taken. `minutes` is the length of each.

    None begins before `first` or after `last`.
    """

    __slots__ = ("_days", "_gone", "_rule", "_time", "_zone", "first", "last", "minutes")

    def __init__(self, schedule: Schedule, rule: Rule, pattern: Pattern) -> None:
        self._days, self._zone, self._rule = Days(schedule.start.date(), rule), schedule.zone, rule
        self._time = schedule.start.hour * 60 + schedule.start.minute - EPOCH * DAY
        self._gone = _gone(pattern) if pattern.without or pattern.slots else frozenset[int]()
        self.minutes = schedule.minutes
        self.first = (self._days.first - EPOCH - _WIDEST) * DAY
        self.last = (self._days.last - EPOCH + 1 + _WIDEST) * DAY

    @property
    def few(self) -> bool:
        """Whether its dates are better kept one by one."""
        return about(self._rule, self._days.last - self._days.first) <= _FEW

    def starting(self, since: int, until: int) -> tuple[list[int], Sequence[int]]:
        """When those begin that do from `since` on and before `until`, in order; and on which days."""
        since, until = min(since, _LATEST), min(until, _LATEST)
        found = self._days.between(since // DAY + EPOCH - _WIDEST, until // DAY + EPOCH + _WIDEST)
        if self._gone:
            found = [day for day in found if day not in self._gone]
        starts = self._starts(found)
        begin, end = bisect_left(starts, since), bisect_left(starts, until)
        return starts[begin:end], found[begin:end]

    def _starts(self, found: Sequence[int]) -> list[int]:
        """The instants at which the dates of these days begin: by the zone's clock, turn by turn."""
        if not found:
            return []
        walls, shifts = offsets(self._zone, (found[-1] - EPOCH + _WIDEST) * DAY)
        at, begin, starts = self._time, 0, list[int]()
        first, end = bisect_right(walls, found[0] * DAY + at), bisect_right(walls, found[-1] * DAY + at)
        for number in range(first, end):
            turn = bisect_left(found, -((at - walls[number]) // DAY), begin)
            shift = at + shifts[number]
            starts += [day * DAY + shift for day in found[begin:turn]]
            begin = turn
        shift = at + shifts[end]
        starts += [day * DAY + shift for day in found[begin:]]
        return starts
