"""What is said of a room, read and read back: hours, quotas, single dates."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import date
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import place_pb2

from services.cli import when
from services.cli.when import Unclear, clock, full, weekday

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY: Final = 1440
_WEEK: Final = 7
_SPAN: Final = re.compile(r"(.+?)\s*(?:-|to)\s*(\S.*)")
_HOURS: Final = re.compile(r"(.*?[a-z])[:,]?\s+(\d.*)", re.IGNORECASE)
_QUOTA: Final = re.compile(r"(.+?)\s+(?:per|a|each|every)\s+(day|week|month)")
_COUNT: Final = re.compile(r"([1-9]\d{0,3})(?:\s+(?:times?|dates?|bookings?))?")
_GROUPS: Final = {
    "daily": range(7),
    "every day": range(7),
    "weekdays": range(5),
    "weekends": range(5, 7),
}
_SHORT: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS_FORMS: Final = "such as 'mon-fri 09:00-22:00', 'sat,sun 10am-6pm' or 'daily 08:00-24:00'"
_QUOTA_FORMS: Final = "such as '2 per week' or '3 hours per month'"
PERIODS: Final = {"day": 1, "week": 2, "month": 3}


def hours(text: str) -> place_pb2.OpeningHours:
    """Weekdays, and from when to when. Raises ArgumentTypeError."""
    match = _HOURS.fullmatch(text.strip())
    days = _weekdays(match[1]) if match else None
    if match is None or not days:
        raise ArgumentTypeError(f"{text!r} is not understood: {_HOURS_FORMS}")
    opens, closes = _span(match[2], text)
    return place_pb2.OpeningHours(weekdays=[day + 1 for day in days], opens=opens, closes=closes)


def _weekdays(text: str) -> list[int] | None:
    """0 for Monday, in order; None where it is something else."""
    words = " ".join(text.casefold().split())
    if words in _GROUPS:
        return list(_GROUPS[words])
    found = set[int]()
    for part in words.replace(" and ", ",").split(","):
        ends = [weekday(each.strip()) for each in part.strip().split("-")]
        first, last = ends[0], ends[-1]
        if first is None or last is None or len(ends) > 2:  # noqa: PLR2004 - from and to
            return None
        found.update((first + number) % _WEEK for number in range((last - first) % _WEEK + 1))
    return sorted(found)


def _span(text: str, whole: str) -> tuple[str, str]:
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ArgumentTypeError(f"{whole!r} is not understood: {_HOURS_FORMS}")
    try:
        return f"{clock(match[1]):%H:%M}", _end(match[2])
    except Unclear as error:
        raise ArgumentTypeError(str(error)) from None


def _end(text: str) -> str:
    """When it closes: midnight is the end of the day."""
    return "24:00" if text.strip().casefold() in {"24:00", "24", "midnight", "00:00"} else f"{clock(text):%H:%M}"


def quota(text: str) -> place_pb2.Quota:
    """How many dates, or how long, in a period. Raises ArgumentTypeError."""
    match = _QUOTA.fullmatch(" ".join(text.casefold().split()))
    if match is None:
        raise ArgumentTypeError(f"{text!r} is not understood: {_QUOTA_FORMS}")
    period = PERIODS[match[2]]
    if count := _COUNT.fullmatch(match[1]):
        return place_pb2.Quota(period=period, count=int(count[1]))  # type: ignore[arg-type]  # the wire's number
    if not (length := minutes(match[1])):
        raise ArgumentTypeError(f"{text!r} is not understood: {_QUOTA_FORMS}")
    return place_pb2.Quota(period=period, minutes=length)  # type: ignore[arg-type]  # as above


def minutes(text: str) -> int:
    """A length, in minutes; 0 for none. Raises ArgumentTypeError."""
    try:
        return 0 if text.strip() == "0" else when.length(text)
    except Unclear as error:
        raise ArgumentTypeError(str(error)) from None


def closed_on(text: str, today: date) -> place_pb2.DatedHours:
    """A date on which it is not open, and maybe why: "2026-12-24: Stock-taking". Raises Unclear."""
    day, _, reason = text.partition(": ")
    return place_pb2.DatedHours(date=when.day(day.strip(), today).isoformat(), reason=reason.strip())


def open_on(text: str, today: date) -> place_pb2.DatedHours:
    """A date with hours of its own: "2026-12-31 18:00-24:00". Raises Unclear."""
    day, _, span = text.strip().rpartition(" ")
    if not day:
        raise Unclear(f"{text!r} is not understood: such as '2026-12-31 18:00-24:00'")
    try:
        opens, closes = _span(span, text)
    except ArgumentTypeError as error:
        raise Unclear(str(error)) from None
    return place_pb2.DatedHours(date=when.day(day, today).isoformat(), opens=opens, closes=closes)


# Read back


def hours_text(said: Sequence[place_pb2.OpeningHours]) -> list[str]:
    """Each of them: "Mon-Fri 09:00-22:00"."""
    return [f"{_days_text([day - 1 for day in each.weekdays])} {each.opens}-{each.closes}" for each in said]


def _days_text(days: Sequence[int]) -> str:
    """Days that follow each other as one."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(f"{_SHORT[run[0]]}-{_SHORT[run[-1]]}" if run[1:] else _SHORT[run[0]] for run in runs)


def dated_text(said: Sequence[place_pb2.DatedHours]) -> list[str]:
    """Each of them: "Thursday 24 December 2026 closed: Stock-taking"."""
    return [
        f"{full(date.fromisoformat(each.date))} {f'{each.opens}-{each.closes}' if each.opens else 'closed'}"
        + (f": {each.reason}" if each.reason else "")
        for each in said
    ]


def quota_text(said: place_pb2.Quota) -> str:
    """One quota: "2 per week"."""
    period = next((name for name, number in PERIODS.items() if number == said.period), "?")
    parts = [str(said.count) if said.count else "", when.long(said.minutes) if said.minutes else ""]
    return f"{' and '.join(filter(None, parts))} per {period}"
