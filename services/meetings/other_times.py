"""The nearest times at which rooms are free that are taken at the time asked for. Pure.

Of a single date: earlier and later, the same day first, else within a week. Of a series: another hour of the same days,
at which every date is free. Nobody is sent there at night: proposed is what lies between 7:00 and 23:00, or no earlier
and no later than what was asked for.
"""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.meetings.availability import Obstacle
from services.meetings.free_times import STEP, first, last, obstacles
from services.meetings.hours import Hours, Spans
from services.recurrence.timetable import at_minute, minute
from services.recurrence.zones import to_local, to_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.meetings.availability import Hindrance
    from services.meetings.board import House
    from services.meetings.free_times import Look
    from services.meetings.types_rooms import Room
    from services.recurrence.pattern import Pattern

EARLIEST: Final = 7 * 60
LATEST: Final = 23 * 60
DAYS: Final = 7
"""Around a single date."""

HOURS_ASKED: Final = 16
"""Hours of a series that are looked at, earlier ones and later ones."""

_DAY: Final = 1440
_SOME_DAY: Final = date(2000, 1, 2)


async def nearest(house: House, rooms: Sequence[Room], pattern: Pattern, look: Look) -> list[datetime]:
    """Local starts of the first date at which all of these rooms can be had: the best first, at most two."""
    begins = begin(pattern)
    if not single(pattern):
        deltas = [await _moved(house, rooms, pattern, look, sign) for sign in (-1, 1)]
        found = sorted((each for each in deltas if each is not None), key=lambda each: (abs(each), each))
        return [begins + timedelta(minutes=each) for each in found]
    minutes = length(pattern)
    asked = minute(to_utc(begins, pattern.zone))
    within = _around(begins, minutes, pattern.zone)
    before = tuple((low, min(high, asked - STEP)) for low, high in within if low <= asked - STEP)
    after = tuple((max(low, asked + STEP), high) for low, high in within if high >= asked + STEP)
    earlier = last(house, rooms, minutes, before, look)
    await asyncio.sleep(0)
    both = earlier, first(house, rooms, minutes, after, look)
    starts = [to_local(at_minute(each), pattern.zone) for each in both if each is not None]
    return sorted(starts, key=lambda each: (each.date() != begins.date(), abs(each - begins), each))


def single(pattern: Pattern) -> bool:
    """Whether it has one date."""
    schedule = pattern.schedule
    if schedule is None:
        return len(pattern.slots) == 1
    return schedule.rule is None and not schedule.extra and not pattern.slots


def begin(pattern: Pattern) -> datetime:
    """Where its first date begins (local)."""
    return pattern.schedule.start if pattern.schedule is not None else min(each.start for each in pattern.slots)


def length(pattern: Pattern) -> int:
    """Minutes of its first date."""
    if pattern.schedule is not None:
        return pattern.schedule.minutes
    return min(pattern.slots, key=lambda each: each.start).minutes


def _bounds(begins: datetime, minutes: int) -> tuple[int, int]:
    """The minutes of a day between which starts are proposed."""
    asked = begins.hour * 60 + begins.minute
    return min(EARLIEST, asked), min(max(LATEST - minutes, asked), _DAY - STEP)


def _around(begins: datetime, minutes: int, zone: str) -> Spans:
    """Starts on the days about a date."""
    low, high = _bounds(begins, minutes)
    found = []
    for number in range(-DAYS, DAYS + 1):
        day = datetime.combine(begins.date() + timedelta(days=number), time.min)
        ends = (minute(to_utc(day + timedelta(minutes=each), zone)) for each in (low, high))
        found.append((next(ends), next(ends)))
    return tuple(found)


def by_day(low: int, high: int, minutes: int, zone: str) -> Spans:
    """Starts between two minutes (`timetable.minute`) at which so long a stretch lies between 7:00 and 23:00."""
    first_day, last_day = (to_local(at_minute(each), zone).date() for each in (low, high))
    found = []
    for number in range((last_day - first_day).days + 1):
        day = datetime.combine(first_day + timedelta(days=number), time.min)
        ends = (minute(to_utc(day + timedelta(minutes=each), zone)) for each in (EARLIEST, LATEST - minutes))
        found.append((max(low, next(ends)), min(high, next(ends))))
    return tuple((begins, ends) for begins, ends in found if begins <= ends)


async def _moved(house: House, rooms: Sequence[Room], pattern: Pattern, look: Look, sign: int) -> int | None:
    """By how many minutes a series has to be moved, forward (1) or back (-1), to be free on every date."""
    begins = begin(pattern)
    low, high = _bounds(begins, length(pattern))
    asked = begins.hour * 60 + begins.minute
    delta = sign * STEP
    for _ in range(HOURS_ASKED):
        if not low <= asked + delta <= high:
            return None
        other = moved(pattern, delta)
        if other is None:
            return None
        await asyncio.sleep(0)  # in a full room each question takes some milliseconds
        found = _first_in_the_way(house, rooms, other, look)
        if found is None:
            return delta
        further = _further(next(each for each in rooms if each.id == found.room), found, look, sign)
        if further is None:
            return None
        delta += sign * max(STEP, -(-further // STEP) * STEP)
    return None


def _first_in_the_way(house: House, rooms: Sequence[Room], pattern: Pattern, look: Look) -> Hindrance | None:
    found = (obstacles(house, room, pattern, look, 1) for room in rooms)
    return next((each[0] for each in found if each), None)


def _further(room: Room, found: Hindrance, look: Look, sign: int) -> int | None:
    """How many minutes the date must go on moving to get out of this one's way; None: that does not help."""
    if found.kind is Obstacle.TAKEN and found.by is not None:
        if sign > 0:
            return found.by_end + max(found.by.after, room.before) - found.start
        return found.end - found.by_start + max(found.by.before, room.after)
    if found.kind is not Obstacle.NOT_OPEN:
        return None
    spans = Hours(room.hours, room.dated_hours, look.zone(room)).open_between(found.start - _DAY, found.end + _DAY)
    if sign > 0:
        return min((low - found.start for low, _ in spans if low > found.start), default=None)
    return min((found.end - high for _, high in spans if high < found.end), default=None)


def moved(pattern: Pattern, minutes: int) -> Pattern | None:
    """The pattern so many minutes later on each of its dates; None: some would be on other days."""
    try:
        return _moved_all(pattern, timedelta(minutes=minutes))
    except OverflowError:
        return None


def _moved_all(pattern: Pattern, by: timedelta) -> Pattern:
    schedule = pattern.schedule
    if schedule is not None:
        extra = tuple(
            each if each.time is None else msgspec.structs.replace(each, time=_on_the_day(each.time, by))
            for each in schedule.extra
        )
        start = datetime.combine(schedule.start, _on_the_day(schedule.start.time(), by))
        schedule = msgspec.structs.replace(schedule, start=start, extra=extra)
    slots = tuple(
        msgspec.structs.replace(each, start=datetime.combine(each.start, _on_the_day(each.start.time(), by)))
        for each in pattern.slots
    )
    return msgspec.structs.replace(pattern, schedule=schedule, slots=slots)


def _on_the_day(at: time, by: timedelta) -> time:
    """Raises OverflowError for one that is on another day."""
    there = datetime.combine(_SOME_DAY, at) + by
    if there.date() != _SOME_DAY:
        raise OverflowError
    return there.time()
