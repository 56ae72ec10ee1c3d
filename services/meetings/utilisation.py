"""How much of a room was booked, used and free, week by week. Pure.

A week begins on Monday at 00:00 by the clock on the wall, and so has 167 or 169 hours when that clock changes. What is
booked twice is counted once, minutes for setting up and tearing down are not counted.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.busy import Interval, joined, less
from services.recurrence.timetable import at_minute, minute
from services.recurrence.zones import midnight, to_local

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from services.meetings.hours import Hours

WEEK: Final = timedelta(days=7)
PEAKS: Final = 3
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Use(NamedTuple):
    """A date that was booked, in minutes as in `timetable`; `used`: somebody came, as far as is known."""

    start: int
    end: int
    used: bool = True


class Week(NamedTuple):
    """One room in one week, in minutes; `bookings`: dates that began in it. `peaks`: "Tue 19:00", busiest first."""

    monday: date
    opened: int
    booked: int
    used: int
    free: int
    bookings: int
    peaks: tuple[str, ...]


def mondays(first: date, last: date) -> list[date]:
    """The Mondays of the weeks that hold these days and what lies between."""
    monday = first - timedelta(days=first.weekday())
    return [monday + n * WEEK for n in range((last - monday) // WEEK + 1)]


def bounds(monday: date, zone: str) -> Interval:
    """When a week begins and ends."""
    return Interval(minute(midnight(monday, zone)), minute(midnight(monday + WEEK, zone)))


def reckoned(hours: Hours, monday: date, uses: Sequence[Use], blocked: Iterable[Interval], now: int) -> Week:
    """A week of a room. `blocked` is when it cannot be had because of others; nothing after `now` was used yet."""
    week = bounds(monday, hours.zone)
    booked = _cut((Interval(each.start, each.end) for each in uses), week)
    used = _cut((Interval(each.start, min(each.end, now)) for each in uses if each.used), week)
    opened = [Interval(*each) for each in hours.open_between(*week)]
    free = less(opened, [*booked, *_cut(blocked, week)])
    begun = sum(1 for each in uses if week.start <= each.start < week.end)
    return Week(monday, _sum(opened), _sum(booked), _sum(used), _sum(free), begun, _peaks(booked, hours.zone))


def _cut(intervals: Iterable[Interval], week: Interval) -> list[Interval]:
    return joined(Interval(max(start, week.start), min(end, week.end)) for start, end in intervals)


def _sum(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in intervals)


def _peaks(booked: Iterable[Interval], zone: str) -> tuple[str, ...]:
    """The hours of the week in which it was taken longest; the earlier first where there is no difference."""
    taken = Counter[tuple[int, int]]()
    for start, end in booked:
        at = start
        while at < end:
            local = to_local(at_minute(at), zone)
            high = min(end, at + 60 - local.minute)
            taken[local.weekday(), local.hour] += high - at
            at = high
    busiest = sorted(taken, key=lambda hour: (-taken[hour], hour))[:PEAKS]
    return tuple(f"{_DAYS[day]} {hour:02}:00" for day, hour in busiest)
