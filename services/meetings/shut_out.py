"""Bookings by people that lie in a closure: whoever made them would stand before a locked door, and has to be told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings.availability import inside, shuts
from services.recurrence.timetable import at_minute
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from services.meetings.board import House
    from services.meetings.types import Closure
    from services.meetings.types_rooms import Booking, Room

MOST_NAMED: Final = 100
"""Bookings that a preview names."""
MOST_DATES: Final = 20
"""Dates that are counted of one booking."""
LOOKED_AT: Final = 50
"""Bookings until others get their turn."""


class ShutOut(NamedTuple):
    """A booking: its first date in the closure (local to the booking), and how many there are, at most `MOST_DATES`."""

    booking: Booking
    room: Room
    start: datetime
    dates: int


async def shut_out(house: House, closure: Closure, at: str, zone: str) -> tuple[list[ShutOut], int]:
    """The first of those of a year to come that the closure shuts out, in order of time, and how many there are.

    `zone` is the centre's. Others get their turn, and may change the house meanwhile.
    """
    found: list[tuple[datetime, str, Room, Booking]] = []
    count = 0
    for n, (room, booking) in enumerate(_booked(house, closure), 1):
        if n % LOOKED_AT == 0:
            await asyncio.sleep(0)
        if booking.meeting or not booking.holds(at):
            continue
        if first := inside((closure,), room, booking.pattern, at, zone, most=1):
            count += 1
            found.append((to_local(at_minute(first[0].start), booking.pattern.zone), booking.id, room, booking))
        if len(found) > MOST_NAMED * 10:
            found = _earliest(found)
    named = []
    for start, _, room, booking in _earliest(found):
        dates = inside((closure,), room, booking.pattern, at, zone, most=MOST_DATES)
        named.append(ShutOut(booking, room, start, len(dates)))
    return named, count


def _earliest(found: list[tuple[datetime, str, Room, Booking]]) -> list[tuple[datetime, str, Room, Booking]]:
    return sorted(found, key=lambda each: each[:2])[:MOST_NAMED]


def _booked(house: House, closure: Closure) -> Iterator[tuple[Room, Booking]]:
    """What is booked in the rooms that it closes, as it is when that room is reached."""
    for room in list(house.rooms.values()):
        diary = house.diaries.get(room.id)
        if diary is not None and shuts(closure, room):
            for booking in list(diary.bookings.values()):
                yield room, booking
