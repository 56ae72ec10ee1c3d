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


async def shut_out(house: House, closure: Closure, at: str, zone: str) -> list[ShutOut]:
    """Those of a year to come that the closure shuts out, in order of time; `zone` is the centre's."""
    found: list[ShutOut] = []
    for n, (room, booking) in enumerate(list(_by_people(house, closure, at)), 1):
        dates = inside((closure,), room, booking.pattern, at, zone, most=MOST_DATES)
        if dates:
            start = to_local(at_minute(dates[0].start), booking.pattern.zone)
            found.append(ShutOut(booking, room, start, len(dates)))
        if n % LOOKED_AT == 0:
            await asyncio.sleep(0)
    return sorted(found, key=lambda each: (each.start, each.booking.id))


def _by_people(house: House, closure: Closure, at: str) -> Iterator[tuple[Room, Booking]]:
    for room in house.rooms.values():
        if shuts(closure, room):
            for booking in house.diaries[room.id].bookings.values():
                if not booking.meeting and booking.holds(at):
                    yield room, booking
