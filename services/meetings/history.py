"""What is over is history: nothing rewrites it. Pure; `lapsing` writes what time makes of bookings.

Whoever changes, cuts or ends a booking takes `parted` first, writes the record of what is past (`record`) and goes on
with the rest, all in one commit: then no later edit touches what was. Only what was confirmed goes there.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import instant, moment
from services.kit.record import revise
from services.meetings import records
from services.meetings.types_rooms import Booking, BookingState, PastBooking
from services.recurrence import parting
from services.recurrence.timetable import at_minute, minute

if TYPE_CHECKING:
    from services.kit.store.port import Record

STAYS: Final = timedelta(days=1)
"""How long after its last date a booking still stands among the others."""
WORDS_KEPT: Final = timedelta(days=30)
"""How long after that what people wrote into their bookings, and who booked, is remembered."""


def parted(booking: Booking, at: str) -> tuple[Booking, PastBooking | None]:
    """The booking without what is over at that instant, and that. None: nothing is, or it was never confirmed.

    The booking itself comes back where nothing is over. Its pattern may be empty afterwards.
    """
    past, coming = parting.parted(booking.pattern, minute(moment(at)))
    ended = parting.last_over(past, minute(moment(at)))
    if coming is booking.pattern:
        return booking, None
    rest = msgspec.structs.replace(booking, pattern=coming)
    if ended is None or booking.state is not BookingState.CONFIRMED:
        return rest, None
    was = msgspec.structs.replace(booking, pattern=past, skipped=(), skips=False, offers=False)
    return rest, made(was, at, instant(at_minute(ended)))


def past_of(booking: Booking, at: str) -> PastBooking | None:
    """What of it is over at that instant. Whoever writes that goes on with the first of `parted`."""
    return parted(booking, at)[1]


def made(was: Booking, at: str, ended: str, what: str = "") -> PastBooking:
    """A piece of history, made at an instant; a booking gives at most one of each kind (`what`) at a time."""
    id_ = "-".join(filter(None, (was.id, _digits(at), what)))
    return PastBooking(id=id_, centre=was.centre, room=was.room, ended=ended, booking=was, organiser=was.organiser)


def record(past: PastBooking, at: str, actor: str) -> Record:
    """Its record. What people wrote into their own bookings is forgotten in time; titles of meetings stay."""
    private = not past.booking.meeting
    due_at = instant(moment(past.ended) + WORDS_KEPT) if private else None
    return revise(
        None, kind="past", id=past.id, state=records.document(past), at=at, actor=actor, views={}, due_at=due_at
    )


def bare(past: PastBooking) -> PastBooking:
    """The same without a word that a person wrote, and without the person; when it was stays, for the reports."""
    booking = msgspec.structs.replace(
        past.booking, title="", notes="", organiser="", overruled="", overruled_by="", overrules=False
    )
    return msgspec.structs.replace(past, booking=booking, organiser="")


def over_at(booking: Booking) -> str | None:
    """The instant from which on it is history as a whole; None: it goes on for ever."""
    last = parting.ends(booking.pattern)
    if last is None:
        return None
    slots = (each.slot for each in booking.skipped)
    skipped = parting.ends(msgspec.structs.replace(booking.pattern, schedule=None, slots=tuple(slots)))
    end = max(last, skipped or 0) or minute(moment(booking.created_at))
    return instant(at_minute(end) + STAYS)


def _digits(at: str) -> str:
    return "".join(each for each in at if each.isdigit())
