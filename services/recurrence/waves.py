"""Whether two rules can ever take the same time: compared by period and phase, without looking at a date.

Never says no wrongly; a yes is for whoever looks at the dates.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.course import DAY, EPOCH
from services.recurrence.offsets import WEEK, clock
from services.recurrence.ordinals import offsets_in_week, week_begin
from services.recurrence.types import Frequency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.recurrence.offsets import Clock
    from services.recurrence.types import ByDay, Rule, Schedule

_MONTH: Final = range(1, 32)
_LENGTHS: Final = (28, 29, 30, 31)
_ANY: Final = sum(1 << day for day in _MONTH)
_FAR: Final = 3
_YEAR: Final = 365 * DAY + 349
_FIRST_YEAR: Final = 1_800
_LAST_YEAR: Final = 9_990


class Wave(NamedTuple):
    """Local starts, as minutes: all are `at` plus a multiple of `period` (0: it is one date).

    `days` has a bit for each day of the month that may be one of them. All are in the month numbered `month` (since
    the year 0) or a multiple of `months` later; `months` 1: in any, 0: in that one.
    """

    at: int
    period: int
    days: int = _ANY
    months: int = 1
    month: int = 0


class Reach(NamedTuple):
    """Two clash where one begins more than `low` and less than `high` minutes after the other does."""

    low: int
    high: int


class Lag(NamedTuple):
    """By how many minutes the clocks of two zones differ, at least and at most; `turns` where it is the same zone."""

    least: int
    most: int
    turns: tuple[int, ...] | None = None


@lru_cache(maxsize=4_096)
def _wave(at: int, period: int, days: int = _ANY, months: int = 1, month: int = 0) -> Wave:
    """One object for all that are alike: there are many."""
    return Wave(at, period, days, months, month)


def single(local: int) -> Wave:
    """One date."""
    day = date.fromordinal(local // DAY + EPOCH)
    return Wave(local, 0, 1 << day.day, 0, day.year * 12 + day.month)


def waves(schedule: Schedule) -> Iterator[Wave]:
    """Those that its rule is made of."""
    rule = schedule.rule
    if rule is None:
        return
    first = schedule.start.toordinal()
    time = schedule.start.hour * 60 + schedule.start.minute - EPOCH * DAY
    if rule.frequency is Frequency.DAILY:
        yield _wave((first * DAY + time) % (rule.interval * DAY), rule.interval * DAY)
    elif rule.frequency is Frequency.WEEKLY:
        begin = week_begin(first, rule)
        for offset in offsets_in_week(first, rule):
            yield _wave(((begin + offset) * DAY + time) % (rule.interval * WEEK), rule.interval * WEEK)
    else:
        month = schedule.start.year * 12 + schedule.start.month
        for at, period, days in _monthly(rule, first):
            yield _wave((at * DAY + time) % period, period, days, rule.interval, month % rule.interval)


def clocks(zone: str, since: int, until: int) -> Clock:
    """What a zone's clock does from an instant to an instant, and in a year or two around them."""
    return clock(zone, max(_FIRST_YEAR, 1970 + since // _YEAR - 2), min(_LAST_YEAR, 1970 + until // _YEAR + 2))


def lag(zone: str, other: str, since: int, until: int) -> Lag:
    """By how much the other zone's clock is ahead."""
    mine, its = clocks(zone, since, until), clocks(other, since, until)
    return Lag(mine.least - its.largest, mine.largest - its.least, mine.turns if zone == other else None)


def may_meet(one: Wave, other: Wave, reach: Reach, clocks_differ: Lag) -> bool:
    """Whether dates of both may clash; `reach` and the lag are those of the other's start after the one's."""
    least, most, turns = clocks_differ
    if not _within(one, other, Reach(reach.low + least, reach.high + most)):
        return False
    if turns is None or least == most or _within(one, other, reach):
        return True
    return near_turn(one, reach, most, turns) and near_turn(other, Reach(-reach.high, -reach.low), most, turns)


def _within(one: Wave, other: Wave, reach: Reach) -> bool:
    """Whether a date of the other lies so far from one of the one, by the clock."""
    low, high = reach
    step, apart = gcd(one.period, other.period), other.at - one.at
    if step:
        apart = low + 1 + (apart - low - 1) % step
    if not low < apart < high:
        return False
    if one.days == _ANY == other.days and (one.months == 1 or other.months == 1):
        return True
    time = one.at % DAY
    return _same_days(one, other, (time + low + 1) // DAY, (time + high - 1) // DAY)


def _same_days(one: Wave, other: Wave, least: int, most: int) -> bool:
    """Whether the other can be on a day so many days after one of the one, as months go."""
    if most - least > _FAR or abs(least) > _FAR:
        return True
    if not _spread(one.days, least, most) & other.days:
        return False
    if least == most == 0:
        step, apart = gcd(one.months, other.months), other.month - one.month
        return apart % step == 0 if step else apart == 0
    return True


def near_turn(wave: Wave, reach: Reach, slack: int, turns: tuple[int, ...]) -> bool:
    """Whether the clock may be changed between a date and what begins so long after it."""
    period = WEEK if wave.period % WEEK == 0 else DAY
    low, high = min(0, reach.low) - 3 * slack - 1, max(0, reach.high) + 3 * slack + 1
    return any((turn - wave.at - low) % period <= high - low for turn in turns)


@lru_cache(maxsize=4_096)
def _spread(days: int, least: int, most: int) -> int:
    """The days of the month that lie from `least` to `most` days after these, whatever months there are."""
    found = 0
    for day in _MONTH:
        if days >> day & 1:
            for shifted in range(day + least, day + most + 1):
                found |= _wrapped(shifted)
    return found & _ANY


def _wrapped(day: int) -> int:
    """A day counted from the first of a month, that may lie in the month before or after, of any length."""
    found = 1 << day if day in _MONTH else 0
    for length in _LENGTHS:
        if day > length:
            found |= 1 << day - length
        elif day < 1:
            found |= 1 << day + length
    return found


def _monthly(rule: Rule, first: int) -> Iterator[tuple[int, int, int]]:
    """Of each of its tokens: a day of that kind, the period, and the days of the month."""
    if rule.by_day:
        for token in rule.by_day:
            yield first + (token.weekday - (first - 1)) % 7, WEEK, _days_of(token)
        return
    wanted = rule.by_month_day or (date.fromordinal(first).day,)
    days = (1 << (day if day > 0 else length + 1 + day) for day in wanted for length in _LENGTHS if length + day >= 0)
    found = 0
    for each in days:
        found |= each
    yield first, DAY, found & _ANY


def _days_of(token: ByDay) -> int:
    """The days of the month that "the second Tuesday" can be."""
    if not token.nth:
        return _ANY
    begins = (7 * token.nth - 6,) if token.nth > 0 else tuple(length + 1 + 7 * token.nth for length in _LENGTHS)
    found = 0
    for begin in begins:
        for day in range(max(begin, 1), begin + 7):
            found |= 1 << day
    return found & _ANY
