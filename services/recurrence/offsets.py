"""Offsets of zones as sorted numbers: what turns many local times into instants at once.

Times are minutes since 1970-01-01 00:00, local ("walls") or UTC; says what `zones.to_utc` says of each of them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Final, NamedTuple

from services.recurrence import zones

WEEK: Final = 7 * 24 * 60

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - naive local times and naive UTC
_LAST_YEAR: Final = 9_990
_YEARS: Final = 100
_YEAR: Final = 366 * 24 * 60


class Offsets(NamedTuple):
    """From `walls[i]` on `shifts[i + 1]` are the minutes that make a local time UTC; before all of them `shifts[0]`.

    A local time that does not exist is moved by the gap, one that occurs twice is the first: RFC 5545 section 3.3.5.
    """

    walls: array[int]
    shifts: list[int]

    def to_utc(self, wall: int) -> int:
        """The instant of a local time."""
        return wall + self.shifts[bisect_right(self.walls, wall)]


class Clock(NamedTuple):
    """What a zone's clock does in some years: its least and largest shift, and at which minutes of a week it turns."""

    least: int
    largest: int
    turns: tuple[int, ...]


def offsets(zone: str, until: int) -> Offsets:
    """Those of a zone, right for instants up to `until` at least.

    Raises:
        RecurrenceError: "zone".
    """
    return _offsets(zone, max(1, until // (_YEARS * _YEAR) + 1))


@lru_cache(maxsize=4_096)
def clock(zone: str, first: int, last: int) -> Clock:
    """What it does from a year to a year."""
    low, high = (_minutes(datetime(year, 1, 1)) for year in (first, last + 1))  # noqa: DTZ001 - local
    walls, shifts = offsets(zone, high)
    begin, end = bisect_left(walls, low), bisect_right(walls, high)
    held = shifts[begin : end + 1]
    return Clock(min(held), max(held), tuple(sorted({wall % WEEK for wall in walls[begin:end]})))


@cache
def _offsets(zone: str, century: int) -> Offsets:
    """`century`: 1 for up to 2070, and so on."""
    before, changes = zones.changes(zone, min(_LAST_YEAR, 1970 + century * _YEARS + 2))
    walls, shifts = array("q"), [_shift(before)]
    for instant, offset in changes:
        later = instant + max(before, offset)
        walls.append(-((_EPOCH - later) // timedelta(minutes=1)))
        shifts.append(_shift(offset))
        before = offset
    return Offsets(walls, shifts)


def _shift(offset: timedelta) -> int:
    """Minutes from local to UTC; the seconds of old offsets are cut off downwards, as `timetable.minute` does."""
    return -offset // timedelta(minutes=1)


def _minutes(local: datetime) -> int:
    return (local - _EPOCH) // timedelta(minutes=1)
