"""How many dates of many patterns begin on a day, without looking at the dates of each. Pure.

Rules that come round after so many days are kept by period and phase: of all that share both, those count on a day
that have begun by then and are not over. So what a day costs grows with how many periods there are, not with how many
patterns. Days are ordinals (`date.toordinal`) by the clock of one zone, other times minutes as in `timetable`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import add
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from services.recurrence.course import DAY, EPOCH, course, singles
from services.recurrence.offsets import offsets
from services.recurrence.ordinals import Days, offsets_in_week, week_begin
from services.recurrence.types import Frequency
from services.recurrence.waves import lag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Rule, Schedule

_WEEK: Final = 7


Sum: TypeAlias = "tuple[int, int]"
"""So many dates, and how many minutes they take together."""

Sums: TypeAlias = "tuple[list[int], list[int]]"
"""The same of days one after the other."""


def local_day(at: int, zone: str, until: int) -> int:
    """The day of a zone's clock at a minute; right up to `until`, and quicker than a date is made."""
    instants, shifts = _turns(zone, until)
    return (at - shifts[bisect_right(instants, at)]) // DAY + EPOCH


def local_days(starts: Sequence[int], zone: str, until: int) -> list[int]:
    """`local_day` of each of these minutes, which are in order."""
    instants, shifts = _turns(zone, until)
    found, begin = list[int](), 0
    for number in range(bisect_right(instants, starts[0]) if starts else 0, len(shifts)):
        if begin == len(starts):
            break
        end = bisect_left(starts, instants[number], begin) if number < len(instants) else len(starts)
        shift = shifts[number]
        found += [(start - shift) // DAY + EPOCH for start in starts[begin:end]]
        begin = end
    return found


@lru_cache(maxsize=64)
def _turns(zone: str, until: int) -> tuple[list[int], list[int]]:
    """When the clock of a zone is changed (UTC), and the minutes from its time to UTC before, between and after."""
    walls, shifts = offsets(zone, until)
    return [wall + min(pair) for wall, pair in zip(walls, pairwise(shifts), strict=True)], shifts


@lru_cache(maxsize=4_096)
def _put_off(zone: str, time: int, since: int, until: int) -> bool:
    """Whether the clock ever leaves out that time of a day, so that what is to begin then begins on the next one."""
    walls, shifts = offsets(zone, until)
    for number in range(bisect_left(walls, since - _WEEK * DAY), len(walls)):
        gap, end = shifts[number] - shifts[number + 1], walls[number]
        at = end - 1 - (end - 1 - time) % DAY  # the last time before the clock is changed
        if at >= end - gap and at // DAY != (at + gap) // DAY:
            return True
    return False


class _Alike:
    """Rules of one period and phase: from which day to which day each goes on, and how long its dates are."""

    def __init__(self) -> None:
        self.members: list[tuple[int, int, int]] = []
        self._firsts, self._lasts = list[int](), list[int]()
        self._begun, self._over = [0], [0]

    def settle(self) -> None:
        """Everybody is in it."""
        begun, over = sorted(self.members), sorted(self.members, key=lambda each: each[1])
        self._firsts, self._lasts = [first for first, _, _ in begun], [last for _, last, _ in over]
        self._begun = [*accumulate((minutes for _, _, minutes in begun), initial=0)]
        self._over = [*accumulate((minutes for _, _, minutes in over), initial=0)]

    def on(self, day: int) -> Sum:
        """Those that go on then."""
        begun, over = bisect_right(self._firsts, day), bisect_left(self._lasts, day)
        return begun - over, self._begun[begun] - self._over[over]

    def along(self, day: int, period: int, count: int) -> Sums:
        """`on` of so many days, each a period after the one before, for the price of one round."""
        dates, minutes = [0] * (count + 1), [0] * (count + 1)
        for first, last, length in self.members:
            begin, end = max(0, -((day - first) // period)), min((last - day) // period + 1, count)
            if begin < end:
                dates[begin] += 1
                dates[end] -= 1
                minutes[begin] += length
                minutes[end] -= length
        return list(accumulate(dates[:-1])), list(accumulate(minutes[:-1]))


class Tally:
    """The dates of patterns that begin between two minutes, by the day of a zone."""

    def __init__(self, patterns: Iterable[Pattern], zone: str, since: int, until: int) -> None:
        self._zone, self._since, self._until = zone, since, until
        self._turns: dict[int, dict[int, _Alike]] = {}
        self._months: dict[tuple[Rule, int, int, int], tuple[Schedule, _Alike]] = {}
        self._known: dict[int, Sum] = {}
        self._listed: dict[int, Sum] = {}
        for pattern in patterns:
            self._put(pattern)
        for alike in [each for phases in self._turns.values() for each in phases.values()]:
            alike.settle()
        self._list_months()

    def on(self, day: int) -> Sum:
        """Of one day."""
        found = self._known.get(day)
        if found is None:
            found = self._known[day] = self._on(day)
        return found

    def between(self, first: int, after: int) -> Sum:
        """Of the days from the first on."""
        dates, minutes = self.on(first)
        for day in range(first + 1, after):
            more, longer = self.on(day)
            dates, minutes = dates + more, minutes + longer
        return dates, minutes

    def sums(self, first: int, after: int) -> Sums:
        """Of each of the days from the first on."""
        dates, minutes = [0] * (after - first), [0] * (after - first)
        for period, phases in self._turns.items():
            for phase, alike in phases.items():
                at = (phase - first) % period
                count = len(range(at, after - first, period))
                more, longer = alike.along(first + at, period, count)
                dates[at::period] = map(add, dates[at::period], more)
                minutes[at::period] = map(add, minutes[at::period], longer)
        for day in range(first, after) if len(self._listed) > after - first else self._listed:
            if first <= day < after and day in self._listed:
                more_of, longer_of = self._listed[day]
                dates[day - first] += more_of
                minutes[day - first] += longer_of
        return dates, minutes

    def _on(self, day: int) -> Sum:
        dates, minutes = self._listed.get(day, (0, 0))
        for period, phases in self._turns.items():
            if (alike := phases.get(day % period)) is not None:
                more, longer = alike.on(day)
                dates, minutes = dates + more, minutes + longer
        return dates, minutes

    def _put(self, pattern: Pattern) -> None:
        schedule = pattern.schedule
        if schedule is not None and schedule.rule is not None:
            shift = self._shift(schedule)
            if shift is None:
                self._list_dates(pattern)
            else:
                self._put_rule(pattern, schedule, schedule.rule, shift)
        if schedule is None or schedule.rule is None or schedule.extra or pattern.slots:
            for each in singles(pattern):
                self._list(self._day(each.start), 1, each.minutes)

    def _day(self, start: int) -> int:
        return local_day(start, self._zone, self._until)

    def _shift(self, schedule: Schedule) -> int | None:
        """How many days later it is here than where it is said; None: that is not always the same."""
        time = schedule.start.hour * 60 + schedule.start.minute
        if schedule.zone == self._zone:
            return None if _put_off(schedule.zone, time, self._since, self._until) else 0
        least, most, _ = lag(schedule.zone, self._zone, self._since, self._until)
        earliest, latest = (time + least) // DAY, (time + most) // DAY
        return earliest if earliest == latest else None

    def _put_rule(self, pattern: Pattern, schedule: Schedule, rule: Rule, shift: int) -> None:
        days = Days(schedule.start.date(), rule)
        member = days.first + shift, days.last + shift, schedule.minutes
        if rule.frequency is Frequency.MONTHLY:
            self._month(schedule, rule, shift).members.append(member)
        else:
            for period, phase in _phases(days.first, rule):
                alike = self._turns.setdefault(period, {}).setdefault((phase + shift) % period, _Alike())
                alike.members.append(member)
        gone = {key.date.toordinal() for key in (*pattern.without, *(s.key for s in pattern.slots)) if not key.ordinal}
        for day in gone:
            if days.between(day, day):
                self._list(day + shift, -1, -schedule.minutes)

    def _month(self, schedule: Schedule, rule: Rule, shift: int) -> _Alike:
        """Those that have the same days of the same months; each knows the one that begins first."""
        start, bare = schedule.start, msgspec.structs.replace(rule, count=None, until=None)
        named = bool(rule.by_day or rule.by_month_day)
        key = (bare, (start.year * 12 + start.month) % rule.interval, 0 if named else start.day, shift)
        first, alike = self._months.get(key, (schedule, _Alike()))
        self._months[key] = min(first, schedule, key=lambda each: each.start), alike
        return alike

    def _list_months(self) -> None:
        low, high = self._day(self._since) - 1, self._day(self._until) + 1
        for (rule, _, _, shift), (schedule, alike) in self._months.items():
            alike.settle()
            for day in Days(schedule.start.date(), rule).between(low - shift, high - shift):
                self._list(day + shift, *alike.on(day + shift))

    def _list_dates(self, pattern: Pattern) -> None:
        """Those of a rule that have to be looked at."""
        found = course(pattern)
        assert found is not None  # it has a rule
        for start in found.starting(self._since, self._until)[0]:
            self._list(self._day(start), 1, found.minutes)

    def _list(self, day: int, dates: int, minutes: int) -> None:
        before = self._listed.get(day, (0, 0))
        self._listed[day] = before[0] + dates, before[1] + minutes


def _phases(first: int, rule: Rule) -> Iterator[tuple[int, int]]:
    """The periods, in days, after which a daily or weekly rule comes round, and one of its days in each."""
    if rule.frequency is Frequency.DAILY:
        yield rule.interval, first
        return
    begin = week_begin(first, rule)
    for offset in offsets_in_week(first, rule):
        yield rule.interval * _WEEK, begin + offset
