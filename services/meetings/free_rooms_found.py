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
from services.meetings.availability import Obstacle
from services.meetings.free_times import obstacles
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

SLICE: Final = 25
"""Rooms that are looked at before others get their turn: about a millisecond."""

UNKNOWN: Final = 1 << 40
_LOOKED_AT: Final = int(LOOKED_AT.total_seconds()) // 60

Rank: TypeAlias = "tuple[int, int, int, int, str, str]"
"""Where a room stands: dates that it lacks (their number, 0 where none), metres, chairs, title, id; first 0 or 1."""


class Fit(NamedTuple):
    """What a room offers: where its first stretch begins (naive, local), and how many dates of how many are free."""

    start: datetime
    free: int
    total: int


class Found(NamedTuple):
    """A room that could be had. `metres` UNKNOWN: nobody searched near a point, or nobody knows where it is."""

    rank: Rank
    room: Room
    fit: Fit
    metres: int


@dataclass
class Search:
    """One search as of an instant, over the rooms of one centre."""

    house: House
    sought: Sought
    look: Look
    places: Mapping[str, Place]
    _dates: list[Stretch] = field(default_factory=list)
    _windows: dict[str, Spans] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.sought.pattern is not None:
            self._dates = stretches(self.sought.pattern, self.look.now, self.look.now + _LOOKED_AT)

    async def run(self, after: Rank | None, most: int) -> list[Found]:
        """The first so many after that place in the order."""
        candidates = sorted(filter(None, map(self._candidate, self.house.rooms.values())))
        if not self.sought.partly:
            return await self._first(candidates, after, most)
        found = [
            each for each in await self._first(candidates, None, len(candidates)) if not after or each.rank > after
        ]
        return sorted(found, key=lambda each: each.rank)[:most]

    async def _first(self, candidates: list[tuple[int, int, str, str]], after: Rank | None, most: int) -> list[Found]:
        found: list[Found] = []
        for number, (metres, chairs, title, id_) in enumerate(candidates):
            if len(found) == most:
                break
            if after is not None and (0, 0, metres, chairs, title, id_) <= after:
                continue
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            room = self.house.rooms.get(id_)  # others had their turn
            fit = self._fit(room) if room is not None else None
            if room is not None and fit is not None:
                lacks = fit.total - fit.free
                found.append(Found((int(lacks > 0), lacks, metres, chairs, title, id_), room, fit, metres))
        return found

    def _candidate(self, room: Room) -> tuple[int, int, str, str] | None:
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

    def _fit(self, room: Room) -> Fit | None:
        """What it offers; None: nothing that would do."""
        if self.sought.window is not None:
            return self._in_window(room, self.sought.window)
        assert self.sought.pattern is not None
        pattern, partly = self.sought.pattern, self.sought.partly
        found = obstacles(self.house, room, pattern, self.look, MOST_HINDERED if partly else 1)
        whole = any(each.kind is Obstacle.RULE for each in found) or len(found) >= MOST_HINDERED
        if (found and not partly) or whole:
            return None
        taken = {(each.key, each.start) for each in found}
        free = [each for each in self._dates if (each.key, each.start) not in taken] if taken else self._dates
        if not free:
            return None
        return Fit(to_local(at_minute(free[0].start), pattern.zone), len(free), len(self._dates))

    def _in_window(self, room: Room, window: Window) -> Fit | None:
        zone = self.look.zone(room)
        if zone not in self._windows:
            low, high = free_times.days(window.first, window.last, zone)
            low = max(low, self.look.now)
            self._windows[zone] = ((low, high - window.minutes),) if high - window.minutes >= low else ()
        start = free_times.first(self.house, (room,), window.minutes, self._windows[zone], self.look)
        return None if start is None else Fit(to_local(at_minute(start), zone), 1, 1)
