"""Who has come: check-in, and what becomes of dates that nobody came to. Pure.

Only of bookings by people, in rooms where people check in. A meeting's date is never given back because nobody checked
in: somebody may stand before the door who has read of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.kit.clock import instant, moment
from services.meetings.types_rooms import BookingState
from services.recurrence.parting import WINDOW
from services.recurrence.timetable import LOOKED_AT, at_minute, minute, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.meetings.types_rooms import Booking, Room
    from services.recurrence.timetable import Stretch

EARLY: Final = 30
"""Minutes before its start from which on somebody may check in for a date."""
UNUSED: Final = 3
"""After so many dates in a row that nobody came to, a series is proposed for release."""
REMEMBERED: Final = timedelta(days=35)
"""How long a booking remembers who checked in and what was given back; history keeps what is older."""

_MOST: Final = LOOKED_AT // timedelta(minutes=1)


def watched(booking: Booking, room: Room) -> bool:
    """Whether its dates are given back when nobody comes."""
    return bool(room.rules.check_in_minutes) and not booking.meeting and booking.state is BookingState.CONFIRMED


def looked_at(booking: Booking, room: Room, at: str) -> str | None:
    """The next instant at which it shows whether anybody came to a date; None: never.

    A date that is on already, and that nobody has looked at yet, gets the time for checking in once more: it may have
    been booked, or moved there, just now.
    """
    if not watched(booking, room):
        return None
    now = minute(moment(at))
    for date in _coming(booking, now):
        look = _look(date, booking, room)
        if look <= now:
            look = min(now + room.rules.check_in_minutes, date.end - 1)
        if date.key not in booking.checked_in and look > now:
            return instant(at_minute(look))
    return None


def ghosts(booking: Booking, room: Room, at: str) -> list[Stretch]:
    """The dates that are on, and to which nobody has come in time."""
    if not watched(booking, room):
        return []
    now = minute(moment(at))
    on = (each for each in stretches(booking.pattern, now, now + 1) if each.key not in booking.checked_in)
    return [each for each in on if _look(each, booking, room) <= now]


def _look(date: Stretch, booking: Booking, room: Room) -> int:
    """When it shows: while something is left to be given back."""
    begins = max(date.start, minute(moment(booking.created_at)))
    return min(begins + room.rules.check_in_minutes, date.end - 1)


def _coming(booking: Booking, now: int) -> Iterator[Stretch]:
    """Its dates from now on, in order, as far as clashes are looked for."""
    low, width = now, WINDOW
    while low < now + _MOST:
        yield from (each for each in stretches(booking.pattern, low, low + width) if low == now or each.start >= low)
        low, width = low + width, width * 2
