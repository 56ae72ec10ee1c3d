"""Dates, times of day and lengths as people write them, and as they are read back: with the weekday and the year."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
SHORTEST_NAME: Final = 3
FURTHER_NOTICE: Final = "further notice"

_DAYS: Final = 'such as 2026-12-24, "24 dec", tomorrow or thursday'
_TIMES: Final = "such as 19:00, 7:30pm or noon"
_LENGTHS: Final = 'such as 90 (minutes), 1h30, "2 hours" or "2 days"'
_NAMED_DAY: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)? ([a-z]+)\.?(?: (\d{4}))?")
_NAMED_MONTH: Final = re.compile(r"([a-z]+)\.? (\d{1,2})(?:st|nd|rd|th)?(?: (\d{4}))?")
_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.h](\d\d)?)?(am|pm)?")
_PART: Final = re.compile(r"(\d+)(days?|d|hours?|hrs?|h|minutes?|mins?|m)?")
_MOMENT: Final = re.compile(
    r"(.*?\S)(?:T| at | )(\d{1,2}[:.h]\d\d(?: ?[ap]m)?|\d{1,2} ?[ap]m|noon|midnight)", re.IGNORECASE
)
_SPAN: Final = 400 * 366
_UNITS: Final = {"d": 1440, "h": 60, "m": 1}


class Unclear(ValueError):  # noqa: N818 - said to a person
    """What was written is no date, time or length that is understood; says which forms are."""


def weekday(word: str) -> int | None:
    """0 for Monday, from a name of three letters or more, or its plural; None for another word."""
    word = word.casefold().removesuffix("s") if len(word) > SHORTEST_NAME else word.casefold()
    return _among(word, WEEKDAYS)


def _among(word: str, names: tuple[str, ...]) -> int | None:
    if len(word) < SHORTEST_NAME:
        return None
    return next((n for n, name in enumerate(names) if name.casefold().startswith(word)), None)


def day(text: str, today: date) -> date:
    """A date. A weekday is the next such day, today included; a date without a year the next such. Raises Unclear."""
    words = " ".join(text.casefold().replace(",", " ").split())
    if words in {"today", "tomorrow"}:
        return today + timedelta(days=words == "tomorrow")
    if (number := weekday(words)) is not None:
        return today + timedelta(days=(number - today.weekday()) % 7)
    first, _, rest = words.partition(" ")
    if rest and (number := weekday(first)) is not None:
        found = day(rest, today)
        if found.weekday() != number:
            raise Unclear(f"{text!r} is a {WEEKDAYS[found.weekday()]}: {full(found)}")
        return found
    return _calendar_day(text, words, today)


def _calendar_day(text: str, words: str, today: date) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
            return date.fromisoformat(words)
        if match := _NAMED_DAY.fullmatch(words):
            return _named(int(match[1]), match[2], match[3], today)
        if match := _NAMED_MONTH.fullmatch(words):
            return _named(int(match[2]), match[1], match[3], today)
    except ValueError:
        pass
    raise Unclear(f"{text!r} is no date {_DAYS}")


def _named(number: int, month: str, year: str | None, today: date) -> date:
    """Raises ValueError where there is no such date within eight years, which is the longest wait for 29 February."""
    index = _among(month, MONTHS)
    if index is None:
        raise ValueError(month)
    if year:
        return date(int(year), index + 1, number)
    for candidate in range(today.year, today.year + 9):
        try:
            found = date(candidate, index + 1, number)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError(number)


def clock(text: str) -> time:
    """A time of day. Raises Unclear."""
    words = text.casefold().replace(" ", "")
    if words in {"noon", "midnight"}:
        return time(12 if words == "noon" else 0)
    match = _CLOCK.fullmatch(words)
    if match is None or not (match[3] or "h" in words or match[2]):
        raise Unclear(f"{text!r} is no time of day {_TIMES}")
    hour, half = int(match[1]), match[3]
    if half and not 1 <= hour <= 12:  # noqa: PLR2004 - as a dial has them
        raise Unclear(f"{text!r} is no time of day {_TIMES}")
    hour = hour % 12 + 12 * (half == "pm") if half else hour
    try:
        return time(hour, int(match[2] or 0))
    except ValueError:
        raise Unclear(f"{text!r} is no time of day {_TIMES}") from None


def hour_alone(text: str) -> time | None:
    """The time of day, where a text is nothing but one."""
    try:
        return clock(text)
    except Unclear:
        return None


def length(text: str) -> int:
    """A length in minutes: 90, 1h30, 1:30, "2 days". Raises Unclear."""
    words = text.casefold().replace(" ", "").replace("and", "")
    if match := re.fullmatch(r"(\d{1,3}):([0-5]\d)", words):
        return int(match[1]) * 60 + int(match[2])
    parts = list(_PART.finditer(words))
    if not parts or "".join(part[0] for part in parts) != words:
        raise Unclear(f"{text!r} is no length of time {_LENGTHS}")
    minutes = sum(int(part[1][:6]) * _UNITS[(part[2] or "m")[0]] for part in parts)
    if not 1 <= minutes <= _SPAN:
        raise Unclear(f"{text!r} is no length of time {_LENGTHS}")
    return minutes


def moment(text: str, today: date) -> date | datetime:
    """A date, or a date with a time of day: "24 dec 14:00", "2026-12-24T14:00", "tomorrow noon". Raises Unclear."""
    match = _MOMENT.fullmatch(text.strip())
    if match is None:
        return day(text, today)
    return datetime.combine(day(match[1], today), clock(match[2]))


def full(what: date | datetime) -> str:
    """As it is read without doubt: "Tuesday 1 December 2026", with "19:00" where it has a time."""
    head = f"{WEEKDAYS[what.weekday()]} {what.day} {MONTHS[what.month - 1]} {what.year}"
    return f"{head} {what:%H:%M}" if isinstance(what, datetime) else head


def short(what: date | datetime) -> str:
    """The same for tables: "Tue 1 Dec 2026", with "19:00" where it has a time."""
    head = f"{WEEKDAYS[what.weekday()][:3]} {what.day} {MONTHS[what.month - 1][:3]} {what.year}"
    return f"{head} {what:%H:%M}" if isinstance(what, datetime) else head


def span(start: datetime, end: datetime) -> str:
    """From when to when, for tables: "Tue 1 Dec 2026 19:00 to 20:00"; another day of the end is named."""
    return f"{short(start)} to {end:%H:%M}" if start.date() == end.date() else f"{short(start)} to {short(end)}"


def long(minutes: int) -> str:
    """A length, read back: "1 hour 30 minutes"."""
    parts = ((minutes // 1440, "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute"))
    return " ".join(f"{n} {word}{'s' * (n != 1)}" for n, word in parts if n) or "0 minutes"
