"""The days of a rule, without hours.

dateutil expands, from near the window and not from the start for ever; weeks, which most rules are made of, and
whether one day belongs are arithmetic.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from dateutil import rrule

from services.recurrence.types import Frequency, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_DAY: Final = date(9990, 12, 31)
"""No series goes beyond it: what is "for ever" ends here."""

_FREQUENCIES: Final[dict[Frequency, Any]] = {
    Frequency.DAILY: rrule.DAILY,
    Frequency.WEEKLY: rrule.WEEKLY,
    Frequency.MONTHLY: rrule.MONTHLY,
}


def week_of(day: date, week_start: int) -> date:
    """The first day of its week. `week_start` 0 is Monday."""
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of its month."""
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def months_between(start: date, day: date) -> int:
    """How many calendar months lie between."""
    return 12 * (day.year - start.year) + day.month - start.month


def names(rule: Rule, start: date, day: date) -> bool:
    """Whether the rule's own words fit a day; intervals, limits and the start aside."""
    if rule.frequency is Frequency.DAILY:
        return True
    if rule.by_month_day:
        return bool({day.day, day.day - month_of(day)[1].day - 1} & set(rule.by_month_day))
    if rule.by_day:
        nth, nth_last = (day.day + 6) // 7, -((month_of(day)[1].day - day.day) // 7 + 1)
        return any(t.weekday == day.weekday() and t.nth in {0, nth, nth_last} for t in rule.by_day)
    if rule.frequency is Frequency.WEEKLY:
        return day.weekday() == start.weekday()
    return day.day == start.day


def includes(start: date, rule: Rule | None, day: date) -> bool:
    """Whether a day is one of the rule's."""
    if rule is None:
        return day == start
    if not start <= day <= bound(start, rule) or not names(rule, start, day):
        return False
    return _step(start, rule, day) % rule.interval == 0


def bound(start: date, rule: Rule) -> date:
    """A day on or before which the rule ends: its UNTIL, its last counted day, or the end of time."""
    if rule.until is not None:
        return min(rule.until, LAST_DAY)
    if rule.count is not None:
        return _last_counted(start, rule)
    return LAST_DAY


def expand(start: date, rule: Rule | None, since: date, until: date) -> Iterator[date]:
    """The rule's days from `since` to `until`, both inclusive, in order."""
    if rule is None:
        yield from (day for day in (start,) if since <= day <= until)
        return
    limit = min(until, bound(start, rule))
    begin = _aligned(start, rule, since)
    if begin > limit:
        return
    if rule.frequency is Frequency.WEEKLY:
        yield from _weekly(start, rule, begin, max(since, start), limit)
        return
    for each in _rrule(start, rule, begin, until=datetime.combine(limit, datetime.min.time())):
        if each.date() >= since:
            yield each.date()


def last_day(start: date, rule: Rule | None) -> date | None:
    """The last day there is; None: for ever. The start must be one of the rule's days."""
    if rule is None:
        return start
    if rule.until is None and rule.count is None:
        return None
    limit = bound(start, rule)
    return next(backwards(start, rule, limit), None)


def backwards(start: date, rule: Rule | None, until: date) -> Iterator[date]:
    """The days up to `until` in reverse order, expanded window by window."""
    width, high = timedelta(days=62), until
    while high >= start:
        low = max(start, high - width)
        yield from reversed(list(expand(start, rule, low, high)))
        if low == start:
            return
        high, width = low - timedelta(days=1), min(width * 2, high - start)


def count_before(start: date, rule: Rule, day: date) -> int:
    """How many of the rule's days lie before a day."""
    return sum(1 for _ in expand(start, rule, start, day - timedelta(days=1)))


def _step(start: date, rule: Rule, day: date) -> int:
    """How many periods of the rule (days, weeks, months) lie between."""
    if rule.frequency is Frequency.DAILY:
        return (day - start).days
    if rule.frequency is Frequency.WEEKLY:
        return (week_of(day, rule.week_start) - week_of(start, rule.week_start)).days // 7
    return months_between(start, day)


def _aligned(start: date, rule: Rule, since: date) -> date:
    """A day on or before `since` from which the rule expands just as it does from its start."""
    periods = _step(start, rule, since) // rule.interval * rule.interval if since > start else 0
    if periods == 0:
        return start
    if rule.frequency is Frequency.DAILY:
        return start + timedelta(days=periods)
    if rule.frequency is Frequency.WEEKLY:
        return week_of(start, rule.week_start) + timedelta(days=7 * periods)
    year, month = divmod(start.year * 12 + start.month - 1 + periods, 12)
    return date(year, month + 1, 1)


def _weekly(start: date, rule: Rule, begin: date, since: date, until: date) -> Iterator[date]:
    """The days from `since` to `until` of a weekly rule; `begin` lies in one of its weeks."""
    weekdays = {each.weekday for each in rule.by_day} or {start.weekday()}
    offsets = sorted((weekday - rule.week_start) % 7 for weekday in weekdays)
    first = week_of(begin, rule.week_start).toordinal()
    low, high = since.toordinal(), until.toordinal()
    for week in range(first, high + 1, 7 * rule.interval):
        for offset in offsets:
            if low <= week + offset <= high:
                yield date.fromordinal(week + offset)


def _rrule(start: date, rule: Rule, begin: date, **limit: Any) -> Iterator[datetime]:
    words: dict[str, Any] = {}
    if rule.by_day:
        words["byweekday"] = [rrule.weekdays[t.weekday](t.nth) if t.nth else t.weekday for t in rule.by_day]
    elif rule.by_month_day:
        words["bymonthday"] = rule.by_month_day
    elif rule.frequency is Frequency.WEEKLY:
        words["byweekday"] = start.weekday()
    elif rule.frequency is Frequency.MONTHLY:
        words["bymonthday"] = start.day
    first = datetime.combine(begin, datetime.min.time())
    frequency = _FREQUENCIES[rule.frequency]
    return iter(rrule.rrule(frequency, first, interval=rule.interval, wkst=rule.week_start, **words, **limit))


@lru_cache(maxsize=4096)
def _last_counted(start: date, rule: Rule) -> date:
    """The day on which COUNT is reached (or the last one of all, where the calendar ends first)."""
    until = datetime.combine(LAST_DAY, datetime.min.time())
    last = start
    for each in islice(_rrule(start, rule, start, until=until), rule.count):
        last = each.date()
    return last
