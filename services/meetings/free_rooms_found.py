"""Rooms that could be had, the best fit first. They are looked at in that order, so that a page costs what it holds.

The order: free on all dates first; near first, where a point was given (what lies nobody knows where comes last); the
smallest that is large enough (one of unknown size last); title; id.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from services.formats.folding import fold
from services.meetings import finder_near, free_times
from services.meetings.free_times import obstacles
from services.meetings.other_times import by_day
from services.recurrence.timetable import LOOKED_AT, at_minute, stretches
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from services.meetings.board import House
    from services.meetings.free_rooms_asked import Sought, Window
    from services.meetings.free_times import Look
    from services.meetings.hours import Spans
    from services.meetings.types import Place
    from services.meetings.types_rooms import Room
    from services.recurrence.timetable import Stretch

MOST_HINDERED: Final = 5_000
"""Hindrances that are counted in one room; one that meets more is free on no date that is worth a proposal."""

COUNTED: Final = 100
"""Rooms, the best fit first, of which it is counted on how many dates they are free."""

SLICE: Final = 4
"""Rooms that are looked at before others get their turn: under a millisecond, once their timetables are made."""

UNKNOWN: Final = 1 << 40
_LOOKED_AT: Final = int(LOOKED_AT.total_seconds()) // 60

Standing: TypeAlias = "tuple[int, int, str, str]"
"""Where a room stands among those that are as free: metres, chairs, title, id."""

Rank: TypeAlias = "tuple[int, int, int, int, str, str]"
"""Where it stands among all: 0, or 1 where it lacks dates; how many; and the rest as above."""


class Fit(NamedTuple):
    """What a room offers: where its first stretch begins (naive, local), and how many dates of how many are free."""

    start: datetime
    free: int
    total: int


class Found(NamedTuple):
    """A room that could be had."""

    rank: Rank
    room: Room
    fit: Fit

    @property
    def metres(self) -> int:
        """How far it is; UNKNOWN: nobody searched near a point, or nobody knows where it is."""
        return self.rank[2]


@dataclass
class Search:
    """One search as of an instant, over the rooms of one centre."""

    house: House
    sought: Sought
    look: Look
    places: Mapping[str, Place]
    _dates: list[Stretch] = field(default_factory=list)
    _windows: dict[str, tuple[Spans, Spans]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sought.pattern is not None:
            self._dates = stretches(self.sought.pattern, self.look.now, self.look.now + _LOOKED_AT)

    async def run(self, after: Rank | None, most: int) -> list[Found]:
        """The first so many after that place in the order."""
        free: list[Found] = []
        hindered: list[tuple[Standing, Room]] = []
        for number, stands in enumerate(sorted(filter(None, map(self._candidate, self.house.rooms.values())))):
            if len(free) == most:
                return free
            passed = after is not None and (0, 0, *stands) <= after
            if passed and not self.sought.partly:
                continue
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            room = self.house.rooms.get(stands[-1])  # others had their turn
            fit = self._free(room) if room is not None else None
            if room is not None and fit is None:
                hindered.append((stands, room))
            elif room is not None and fit is not None and not passed:
                free.append(Found((0, 0, *stands), room, fit))
        part = await self._partly(hindered) if self.sought.partly else []
        return [*free, *(each for each in part if after is None or each.rank > after)][:most]

    async def _partly(self, hindered: list[tuple[Standing, Room]]) -> list[Found]:
        """Those that are free on some dates."""
        found = []
        for stands, room in hindered[:COUNTED]:
            await asyncio.sleep(0)
            fit = self._part(room)
            if fit is not None:
                found.append(Found((1, fit.total - fit.free, *stands), room, fit))
        return sorted(found, key=lambda each: each.rank)

    def _candidate(self, room: Room) -> Standing | None:
        """Where it stands among those that are as free; None: it would not do."""
        if not self.sought.fits(room):
            return None
        metres = self._metres(room)
        if self.sought.circle is not None and UNKNOWN > metres > self.sought.circle.radius:
            return None
        return metres, room.capacity or UNKNOWN, fold(room.title), room.id

    def _metres(self, room: Room) -> int:
        place = self.places.get(room.place)
        if self.sought.circle is None or place is None or place.position is None:
            return UNKNOWN
        where = finder_near.point(place.position.latitude_e7 / 1e7, place.position.longitude_e7 / 1e7)
        return round(finder_near.metres(self.sought.circle.middle, where))

    def _free(self, room: Room) -> Fit | None:
        """What it offers if it is free on all dates, or in the window; None: it is not."""
        if self.sought.window is not None:
            return self._in_window(room, self.sought.window)
        pattern = self.sought.pattern
        assert pattern is not None
        if not free_times.is_free(self.house, room, pattern, self.look):
            return None
        return Fit(to_local(at_minute(self._dates[0].start), pattern.zone), len(self._dates), len(self._dates))

    def _part(self, room: Room) -> Fit | None:
        """What it offers if it is free on some dates; None: on none, or a rule is about the whole."""
        pattern = self.sought.pattern
        if pattern is None or free_times.is_forbidden(self.house, room, pattern, self.look):
            return None
        found = obstacles(self.house, room, pattern, self.look, MOST_HINDERED)
        if len(found) >= MOST_HINDERED:
            return None
        taken = {(each.key, each.start) for each in found}
        free = [each for each in self._dates if (each.key, each.start) not in taken]
        if not free:
            return None
        return Fit(to_local(at_minute(free[0].start), pattern.zone), len(free), len(self._dates))

    def _in_window(self, room: Room, window: Window) -> Fit | None:
        """By day where that can be had, as alternatives are (`other_times`); else at any time."""
        zone = self.look.zone(room)
        if zone not in self._windows:
            low, high = free_times.days(window.first, window.last, zone)
            low = max(low, self.look.now)
            high -= window.minutes
            anyhow = ((low, high),) if high >= low else ()
            self._windows[zone] = by_day(low, high, window.minutes, zone) if anyhow else (), anyhow
        for within in self._windows[zone]:
            start = free_times.first(self.house, (room,), window.minutes, within, self.look)
            if start is not None:
                return Fit(to_local(at_minute(start), zone), 1, 1)
        return None
