"""A naive model of what a series is: day by day, with a weekday arithmetic of its own and no library for dates.

It exists to disagree with services.recurrence where one of the two is wrong; it is slow on purpose.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from services.recurrence.types import Deviation, Frequency, Key, Rule, Schedule

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

MONTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def weekday(day: date) -> int:
    """0 is Monday (Zeller's congruence)."""
    year, month = (day.year - 1, day.month + 12) if day.month < 3 else (day.year, day.month)
    saturday_based = (day.day + 13 * (month + 1) // 5 + year + year // 4 - year // 100 + year // 400) % 7
    return (saturday_based + 5) % 7


def month_length(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and leap else MONTHS[month - 1]


def named(rule: Rule, start: date, day: date) -> bool:
    """Whether the days that the rule lists include this one."""
    length = month_length(day.year, day.month)
    if rule.frequency is Frequency.DAILY:
        return True
    if rule.frequency is Frequency.WEEKLY:
        return weekday(day) in ({token.weekday for token in rule.by_day} or {weekday(start)})
    if rule.by_month_day:
        return any(day.day == (n if n > 0 else length + 1 + n) for n in rule.by_month_day)
    if not rule.by_day:
        return day.day == start.day
    same = [n for n in range(1, length + 1) if weekday(date(day.year, day.month, n)) == weekday(day)]
    places = {0, same.index(day.day) + 1, same.index(day.day) - len(same)}
    return any(token.weekday == weekday(day) and token.nth in places for token in rule.by_day)


def ruled(schedule: Schedule, horizon: date) -> list[date]:
    """The rule's days up to the horizon."""
    rule, start = schedule.rule, schedule.start.date()
    if rule is None:
        return [start] if start <= horizon else []
    found: list[date] = []
    day, week, month = start, 0, 0
    while day <= horizon:
        periods = {Frequency.DAILY: (day - start).days, Frequency.WEEKLY: week, Frequency.MONTHLY: month}[
            rule.frequency
        ]
        full = rule.count is not None and len(found) >= rule.count
        late = rule.until is not None and day > rule.until
        if not full and not late and periods % rule.interval == 0 and named(rule, start, day):
            found.append(day)
        day += timedelta(days=1)
        week += weekday(day) == rule.week_start
        month += day.day == 1
    return found


def keys(schedule: Schedule, horizon: date) -> list[Key]:
    extra = {each.key for each in schedule.extra if each.date <= horizon}
    return sorted({Key(day) for day in ruled(schedule, horizon)} | extra)


def reading(instant: datetime, zone: ZoneInfo) -> datetime:
    """What a clock on the wall shows."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which the clock shows it; one it skips is moved by what was skipped."""
    begin = local.replace(tzinfo=UTC) - timedelta(hours=16)
    instants = [begin + timedelta(minutes=n) for n in range(0, 32 * 60, 15)]
    shown = [(reading(each, zone), each) for each in instants]
    exact = [at for wall, at in shown if wall == local]
    if exact:
        return min(exact)
    before = max((at, wall) for wall, at in shown if wall < local)
    after = next((at, wall) for wall, at in shown if at > before[0])
    skipped = (after[1] - before[1]) - (after[0] - before[0])
    return instant_of(local + skipped, zone)


def local_of(schedule: Schedule, deviation: Deviation | None, key: Key) -> datetime:
    own = {each.key: each.time for each in schedule.extra}.get(key)
    original = datetime.combine(key.date, schedule.start.time() if own is None else own)
    return deviation.start if deviation is not None and deviation.start is not None else original


def taking_place(
    schedule: Schedule,
    deviations: tuple[Deviation, ...],
    zone: ZoneInfo,
    window: tuple[datetime, datetime],
    horizon: date,
) -> list[tuple[datetime, Key, datetime, bool]]:
    """(start, key, end, cancelled) of what ends after the window's begin and starts before its end."""
    since, until = window
    by_key = {each.key: each for each in deviations}
    found = []
    for key in keys(schedule, horizon):
        deviation = by_key.get(key)
        start = instant_of(local_of(schedule, deviation, key), zone)
        minutes = deviation.minutes if deviation is not None and deviation.minutes is not None else schedule.minutes
        end = start + timedelta(minutes=minutes)
        if start < until and end > since:
            found.append((start, key, end, deviation is not None and deviation.cancelled))
    return sorted(found)
