"""When time makes something else of a booking: a hold expires, nobody comes, what is over becomes history. Pure.

`lapsing` does it. Nothing depends on it being punctual: an expired hold counts no more, whether it was removed or not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import instant
from services.meetings import history, presence
from services.meetings.types_rooms import BookingState, Skipped
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from services.meetings.types_rooms import Booking, Room


def next_due(booking: Booking, room: Room, at: str) -> str | None:
    """The next instant at which time makes something else of the booking; None: never. Every leaf is written with it.

    Of a hold: it expires. Else the sooner of: it shows whether anybody came to a date (`presence.looked_at`), nobody
    needs to know of a skipped date any longer (`missed`), and all of it is history (`history.over_at`). `at` is when
    the leaf is written.
    """
    if booking.state is BookingState.HELD:
        return booking.expires_at or None
    skipped = (_known_until(each, booking.pattern.zone) for each in booking.skipped)
    instants = (presence.looked_at(booking, room, at), history.over_at(booking), *skipped)
    return min((each for each in instants if each is not None), default=None)


def missed(booking: Booking, at: str) -> Booking:
    """The booking without offers of dates that have begun, and without skipped dates that were over a day ago."""
    zone = booking.pattern.zone
    left = [each if _begins(each, zone) > at else Skipped(each.slot) for each in booking.skipped]
    kept = tuple(each for each in left if each.offered or _known_until(each, zone) > at)
    return booking if kept == booking.skipped else msgspec.structs.replace(booking, skipped=kept)


def _known_until(skipped: Skipped, zone: str) -> str:
    """The instant from which on something else is said of it."""
    if skipped.offered:
        return _begins(skipped, zone)
    return instant(to_utc(skipped.slot.start, zone) + timedelta(minutes=skipped.slot.minutes) + history.STAYS)


def _begins(skipped: Skipped, zone: str) -> str:
    return instant(to_utc(skipped.slot.start, zone))
