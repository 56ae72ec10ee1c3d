"""The days of a rule, one by one: part of the naive model of edits, with a weekday arithmetic of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HORIZON = date(2028, 12, 31)
"""What goes on for ever is followed so far; nothing here is asked about later dates."""
FAR = date(2040, 1, 1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Rule:
    """`by_day` are tokens as in RFC 5545: "TU", "2TU", "-1FR"."""

    frequency: str
    interval: int = 1
    by_day: tuple[str, ...] = ()
    by_month_day: tuple[int, ...] = ()
    until: date | None = None
    count: int | None = None
    week_start: str = "MO"

    def __str__(self) -> str:
        parts = [f"FREQ={self.frequency};INTERVAL={self.interval};WKST={self.week_start}"]
        parts += [f"BYDAY={','.join(self.by_day)}"] if self.by_day else []
        parts += [f"BYMONTHDAY={','.join(map(str, self.by_month_day))}"] if self.by_month_day else []
        parts += [f"UNTIL={self.until:%Y%m%d}"] if self.until else []
        parts += [f"COUNT={self.count}"] if self.count else []
        return ";".join(parts)


def weekday(day: date) -> int:
    """0 is Monday; the first day of the year 1 was one."""
    return (day.toordinal() - 1) % 7


def month_length(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following.toordinal() - day.replace(day=1).toordinal()


def names(rule: Rule, start: date, day: date) -> bool:
    """Whether the rule's words fit a day; its interval and limits aside."""
    word, length = DAYS[weekday(day)], month_length(day)
    if rule.frequency == "DAILY":
        return True
    if rule.frequency == "WEEKLY":
        return word in (rule.by_day or (DAYS[weekday(start)],))
    if rule.by_month_day:
        return day.day in rule.by_month_day or day.day - length - 1 in rule.by_month_day
    if rule.by_day:
        nth, nth_last = (day.day - 1) // 7 + 1, (length - day.day) // 7 + 1
        return bool({word, f"{nth}{word}", f"-{nth_last}{word}"} & set(rule.by_day))
    return day.day == start.day


@cache
def ruled(start: date, rule: Rule | None) -> tuple[date, ...]:
    """The days of a rule, one by one from its start; up to the horizon where it goes on for ever."""
    if rule is None:
        return (start,)
    found: list[date] = []
    day, weeks, months = start, 0, 0
    last = rule.until or (FAR if rule.count else HORIZON)
    while day <= last and len(found) != rule.count:
        periods = {"DAILY": (day - start).days, "WEEKLY": weeks, "MONTHLY": months}[rule.frequency]
        if periods % rule.interval == 0 and names(rule, start, day):
            found.append(day)
        day += DAY
        weeks += weekday(day) == DAYS.index(rule.week_start)
        months += day.day == 1
    return tuple(found)
