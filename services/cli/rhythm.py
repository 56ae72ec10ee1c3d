"""How often a meeting is, as people say it: "every 2 weeks on Tuesday", "first and third Thursday of the month"."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.cli.when import MONTHS, WEEKDAYS, Unclear, full, weekday
from services.recurrence.days import names
from services.recurrence.types import ByDay, Frequency, Rule

if TYPE_CHECKING:
    from datetime import date

ORDINALS: Final = ("first", "second", "third", "fourth", "fifth")
LAST: Final = -1
FORMS: Final = (
    'such as week, "2 weeks", day, "weekday", month, "tuesday and thursday", "first tuesday", "1st and 3rd thursday",'
    ' "last friday of the month", "15th of the month", year'
)

_WORKDAYS: Final = tuple(ByDay(n) for n in range(5))
_NUMBER: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)")
_PERIODS: Final = {"day": Frequency.DAILY, "week": Frequency.WEEKLY, "month": Frequency.MONTHLY}
_A_YEAR: Final = 12
"""Months: once a year is every so many."""
_SEARCHED: Final = 3 * 366
_MOST_DAYS: Final = 31
_EMPTY: Final = {"the", "of", "month", "and", "on", "every", "each"}


def every(text: str) -> Rule:
    """The rule that is meant, without an end; days that it leaves open are those of the start. Raises Unclear."""
    words = text.casefold().replace(",", " and ").split()
    words = words[1:] if words[:1] in (["every"], ["each"]) else words
    interval, period, rest = _period(words)
    if period is None and not rest:
        raise Unclear(f"{text!r} is not understood: {FORMS}")
    if period in {None, Frequency.WEEKLY} and rest in (["weekday"], ["weekdays"]):
        return Rule(Frequency.WEEKLY, interval, _WORKDAYS)
    named = [word for word in rest if word not in _EMPTY]
    if rest and not named:
        raise Unclear(f"{text!r} is not understood: {FORMS}")
    return _on(text, period, interval, named)


def _period(words: list[str]) -> tuple[int, Frequency | None, list[str]]:
    """How many of what ("2 weeks"), where that is said, and what comes after it."""
    interval = 1
    if words and (words[0] == "other" or words[0].isdecimal()):
        interval = 2 if words[0] == "other" else int(words[0][:4])
        words = words[1:]
    if words and words[0].removesuffix("s") == "year":
        return interval * _A_YEAR, Frequency.MONTHLY, words[1:]
    period = _PERIODS.get(words[0].removesuffix("s")) if words else None
    return interval, period, words[1:] if period else words


def _on(text: str, period: Frequency | None, interval: int, named: list[str]) -> Rule:
    """The rule on the days that are named. Raises Unclear."""
    numbers = [number for number in map(_ordinal, named) if number is not None]
    days = [number for number in map(weekday, named) if number is not None]
    of_days = "day" in named and LAST in numbers
    if len(numbers) + len(days) + of_days != len(named) or not interval:
        raise Unclear(f"{text!r} is not understood: {FORMS}")
    if numbers and not days:
        return Rule(_monthly(text, period), interval, by_month_day=tuple(sorted(set(numbers))))
    if numbers:
        tokens = tuple(ByDay(each, number) for each in sorted(set(days)) for number in sorted(set(numbers)))
        return Rule(_monthly(text, period), interval, tokens)
    if days and period not in {None, Frequency.WEEKLY}:
        raise Unclear(f"{text!r} is not understood: {FORMS}")
    return Rule(period or Frequency.WEEKLY, interval, tuple(ByDay(each) for each in sorted(set(days))))


def _monthly(text: str, period: Frequency | None) -> Frequency:
    if period not in {None, Frequency.MONTHLY}:
        raise Unclear(f"{text!r} is not understood: {FORMS}")
    return Frequency.MONTHLY


def _ordinal(word: str) -> int | None:
    """-1 for last, 1 for first and 1st; None for another word."""
    if word == "last":
        return LAST
    if word in ORDINALS:
        return ORDINALS.index(word) + 1
    match = _NUMBER.fullmatch(word)
    return int(match[1]) if match and 1 <= int(match[1]) <= _MOST_DAYS else None


def weekdays(text: str) -> tuple[int, ...] | None:
    """The weekdays that are listed ("tuesday and thursday"), 0 for Monday; None where it is something else."""
    words = [word for word in text.casefold().replace(",", " ").split() if word not in {"and", "&"}]
    found = [weekday(word) for word in words]
    return tuple(sorted({each for each in found if each is not None})) if found and None not in found else None


def first_from(rule: Rule, since: date) -> date:
    """The first date that the rule names, from that day on. Raises Unclear where it names none."""
    for ahead in range(_SEARCHED):
        candidate = since + timedelta(days=ahead)
        if names(rule, candidate, candidate):
            return candidate
    raise Unclear("this names no date at all")


def said(rule: Rule | None, start: date | None = None) -> str:
    """The rule, read back; of one by years with its month, where the `start` is known from which it goes on."""
    if rule is None:
        return "once"
    limit = f", until {full(rule.until)}" if rule.until else f", {rule.count} times" if rule.count else ""
    return _said(rule) + (_month(rule, start) if start else "") + limit


def _month(rule: Rule, start: date) -> str:
    if rule.frequency is not Frequency.MONTHLY or rule.interval % _A_YEAR:
        return ""
    return f"{' of' if rule.by_month_day or rule.by_day else ', in'} {MONTHS[start.month - 1]}"


def _said(rule: Rule) -> str:
    unit, often = {Frequency.DAILY: "day", Frequency.WEEKLY: "week"}.get(rule.frequency, "month"), rule.interval
    if unit == "month" and often % _A_YEAR == 0:
        unit, often = "year", often // _A_YEAR
    head = f"every {unit}" if often == 1 else f"every {often} {unit}s"
    if rule.by_month_day:
        tail = _and([f"{nth(n)}" if n > 0 else "last day" for n in rule.by_month_day if n >= LAST])
        return f"{head} on the {tail}" if rule.interval > 1 else f"every {tail} of the month"
    if not rule.by_day:
        return head
    if rule.by_day == _WORKDAYS and rule.interval == 1:
        return "every weekday"
    if not rule.by_day[0].nth:
        tail = _and([WEEKDAYS[each.weekday] for each in rule.by_day])
        return f"{head} on {tail}" if rule.interval > 1 or rule.frequency is not Frequency.WEEKLY else f"every {tail}"
    tail = _of_month(rule.by_day)
    return f"{head} on the {tail}" if rule.interval > 1 else f"every {tail} of the month"


def _of_month(days: tuple[ByDay, ...]) -> str:
    if len({each.weekday for each in days}) == 1:
        return f"{_and([_counted(each.nth) for each in days])} {WEEKDAYS[days[0].weekday]}"
    return _and([f"{_counted(each.nth)} {WEEKDAYS[each.weekday]}" for each in days])


def _counted(number: int) -> str:
    if number > 0:
        return ORDINALS[number - 1]
    return "last" if number == LAST else f"{ORDINALS[-number - 1]} to last"


def nth(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    teen = number % 100 in {11, 12, 13}
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
