"""When time makes something else of a booking: a hold expires, nobody comes, what is over becomes history. Pure.

`lapsing` does it. Nothing depends on it being punctual: an expired hold counts no more, whether it was removed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.meetings import history, presence
from services.meetings.types_rooms import BookingState

if TYPE_CHECKING:
    from services.meetings.types_rooms import Booking, Room


def next_due(booking: Booking, room: Room, at: str) -> str | None:
    """The next instant at which time makes something else of the booking; None: never. Every leaf is written with it.

    Of a hold: it expires. Else the sooner of: it shows whether anybody came to a date (`presence.looked_at`), and all
    of it is history (`history.over_at`). `at` is when the leaf is written.
    """
    if booking.state is BookingState.HELD:
        return booking.expires_at or None
    instants = (presence.looked_at(booking, room, at), history.over_at(booking))
    return min((each for each in instants if each is not None), default=None)
