"""The days of a rule as ordinals (`date.toordinal`), fast: the same days as `days.expand` gives, as plain numbers."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from services.recurrence.days import LAST_DAY
from services.recurrence.types import Frequency

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.recurrence.types import Rule

LAST: Final = LAST_DAY.toordinal()


class Days:
    """The days of a rule (without one: the start alone). The start must be one of them. Costs what is asked for."""

    __slots__ = ("_begin", "_offsets", "_rule", "_start", "first", "last")

    def __init__(self, start: date, rule: Rule | None) -> None:
        self._start, self._rule = start, rule
        self.first, self.last = start.toordinal(), last(start, rule)
        if rule is not None and rule.frequency is Frequency.WEEKLY:
            self._begin, self._offsets = week_begin(self.first, rule), offsets_in_week(self.first, rule)

    def between(self, low: int, high: int) -> Sequence[int]:
        """Those from `low` to `high` (ordinals, inclusive), in order."""
        low, high = max(low, self.first), min(high, self.last)
        if low > high:
            return ()
        if self._rule is None:
            return (self.first,)
        if self._rule.frequency is Frequency.MONTHLY:
            return _monthly(self._start, self._rule, low, high)
        if self._rule.frequency is Frequency.DAILY:
            return _every(self.first, self._rule.interval, low, high)
        return self._weekly(7 * self._rule.interval, low, high)

    def _weekly(self, step: int, low: int, high: int) -> Sequence[int]:
        begin, offsets = self._begin, self._offsets
        if len(offsets) == 1:
            return _every(begin + offsets[0], step, low, high)
        begin += (low - begin) // step * step
        found = [week + offset for week in range(begin, high + 1, step) for offset in offsets]
        return [day for day in found if low <= day <= high]


def last(start: date, rule: Rule | None) -> int:
    """A day on or before which the rule ends: its last counted day, its UNTIL, or the end of time."""
    if rule is None:
        return start.toordinal()
    if rule.until is not None:
        return min(rule.until.toordinal(), LAST)
    return LAST if rule.count is None else min(LAST, _last_counted(start, rule, rule.count))


def about(rule: Rule, long: int) -> int:
    """How many days of it lie in so many, or a few more."""
    if rule.frequency is Frequency.DAILY:
        return long // rule.interval + 1
    if rule.frequency is Frequency.WEEKLY:
        return (long // (7 * rule.interval) + 2) * max(1, len(rule.by_day))
    most = sum(1 if token.nth else 5 for token in rule.by_day) or len(rule.by_month_day) or 1
    return (long // (28 * rule.interval) + 2) * most


def offsets_in_week(first: int, rule: Rule) -> tuple[int, ...]:
    """On which days of its week (from WKST on) a weekly rule has dates."""
    if not rule.by_day:
        return ((_weekday(first) - rule.week_start) % 7,)
    return tuple(sorted({(each.weekday - rule.week_start) % 7 for each in rule.by_day}))


def week_begin(first: int, rule: Rule) -> int:
    """The first day of the week (by WKST) of a day."""
    return first - (_weekday(first) - rule.week_start) % 7


def _weekday(ordinal: int) -> int:
    """0 is Monday, as ordinal 1 was."""
    return (ordinal - 1) % 7


def _every(day: int, step: int, low: int, high: int) -> range:
    """A day, and every so many days later."""
    return range(day - (day - low) // step * step, high + 1, step)


def _monthly(start: date, rule: Rule, low: int, high: int) -> list[int]:
    month, since = _month(start), _month(date.fromordinal(low))
    month += (since - month) // rule.interval * rule.interval
    found: list[int] = []
    for begin, days in _months(start, rule, month):
        if begin > high:
            break
        found += (begin + day - 1 for day in days if low <= begin + day - 1 <= high)
    return found


def _months(start: date, rule: Rule, month: int) -> Iterator[tuple[int, list[int]]]:
    """From a month on (its number since the year 0) each one of the rule: its first day, and which days it has."""
    while month <= LAST_DAY.year * 12 + 11:
        begin = date(month // 12, month % 12 + 1, 1).toordinal()
        following = month + 1
        length = date(following // 12, following % 12 + 1, 1).toordinal() - begin
        yield begin, _named(start, rule, _weekday(begin), length)
        month += rule.interval


def _named(start: date, rule: Rule, weekday: int, length: int) -> list[int]:
    """The days (1 to 31) of a month of that length that begins on that weekday."""
    if rule.by_month_day:
        wanted = {day if day > 0 else length + 1 + day for day in rule.by_month_day}
        return sorted(day for day in wanted if 1 <= day <= length)
    if not rule.by_day:
        return [start.day] if start.day <= length else []
    found: set[int] = set()
    for token in rule.by_day:
        same = range(1 + (token.weekday - weekday) % 7, length + 1, 7)
        if not token.nth:
            found.update(same)
        elif abs(token.nth) <= len(same):
            found.add(same[token.nth - (token.nth > 0)])
    return sorted(found)


def _month(day: date) -> int:
    return day.year * 12 + day.month - 1


def _last_counted(start: date, rule: Rule, count: int) -> int:
    first = start.toordinal()
    if rule.frequency is Frequency.DAILY:
        return first + (count - 1) * rule.interval
    if rule.frequency is Frequency.MONTHLY:
        return _last_of_months(start, rule, count)
    begin, offsets = week_begin(first, rule), offsets_in_week(first, rule)
    gone = sum(1 for offset in offsets if begin + offset < first)
    weeks, place = divmod(gone + count - 1, len(offsets))
    return begin + weeks * 7 * rule.interval + offsets[place]


@lru_cache(maxsize=4_096)
def _last_of_months(start: date, rule: Rule, count: int) -> int:
    """The last counted day, or the last of all where the calendar ends first."""
    first = latest = start.toordinal()
    for begin, days in _months(start, rule, _month(start)):
        for day in days:
            if begin + day - 1 >= first:
                latest = begin + day - 1
                count -= 1
            if not count:
                return latest
    return latest
