"""What time makes of bookings: holds expire, nobody comes, what is over becomes history."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.kit.store.port import Record
    from services.meetings.desk import Desk
    from services.meetings.types_rooms import Booking, Room


def next_due(booking: Booking, room: Room, at: str) -> str | None:  # noqa: ARG001 - see the docstring
    """The next instant at which time makes something else of the booking; None: never. Every leaf is written with it.

    The soonest of: a hold expires; it shows whether anybody came to its next date; its last date is over.
    """
    return booking.expires_at or None


class Passing:
    """What is due with bookings."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def due(self, record: Record) -> None:
        """A booking's time has come."""
