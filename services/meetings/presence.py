"""Who has come: check-in, and what becomes of dates that nobody came to. Pure.

Only of bookings by people, in rooms where people check in. A meeting's date is never given back because nobody checked
in: somebody may stand before the door who has read of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import instant, moment
from services.kit.errors import Unmet
from services.meetings import history
from services.meetings.types_rooms import BookingState
from services.recurrence.parting import WINDOW, without_key
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import LOOKED_AT, at_minute, minute, stretches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.meetings.types_rooms import Booking, PastBooking, Room
    from services.recurrence.timetable import Stretch
    from services.recurrence.types import Key

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
        look = _look(date, room)
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
    return [each for each in on if _look(each, room) <= now]


def nobody_came(booking: Booking, dates: Sequence[Stretch], at: str) -> PastBooking:
    """What it had of these dates until now, for the reports: `released` says that nobody came."""
    now = minute(moment(at))
    slots = tuple(_had(each, now) for each in dates)
    was = msgspec.structs.replace(
        booking,
        pattern=Pattern(zone="UTC", slots=slots),
        skipped=(),
        skips=False,
        offers=False,
        checked_in=(),
        released=tuple(each.key for each in dates),
    )
    return history.made(was, at, instant(at_minute(now)), "unused")


def given_back(booking: Booking, dates: Sequence[Stretch], at: str) -> Booking:
    """The booking without these dates. After `UNUSED` in a row that nobody came to it is proposed for release."""
    pattern = booking.pattern
    for each in dates:
        pattern = without_key(pattern, each.key)
    released = tuple(sorted({*booking.released, *(each.key for each in dates)}))
    unused = booking.unused + len(dates)
    without = msgspec.structs.replace(booking, pattern=pattern, released=released, unused=unused)
    proposed = unused >= UNUSED and next(_coming(without, minute(moment(at))), None) is not None
    return msgspec.structs.replace(without, proposed=proposed)


def checked_in(booking: Booking, key: Key) -> Booking:
    """The booking of which somebody has come to that date; it is wanted."""
    keys = tuple(sorted({*booking.checked_in, key}))
    return msgspec.structs.replace(booking, checked_in=keys, unused=0, proposed=False)


def remembered(booking: Booking, at: str) -> tuple[Booking, PastBooking | None]:
    """The booking without what it need not remember of its dates any longer, and that as history.

    It happens once in a while: what it remembers is between `REMEMBERED` and twice that old.
    """
    today = moment(at).date()
    oldest = min((*booking.checked_in, *booking.released), default=None)
    if oldest is None or oldest.date >= today - 2 * REMEMBERED:
        return booking, None
    rest, past = history.parted(booking, at)
    kept = {
        "checked_in": tuple(key for key in booking.checked_in if key.date >= today - REMEMBERED),
        "released": tuple(key for key in booking.released if key.date >= today - REMEMBERED),
    }
    return msgspec.structs.replace(rest, **kept), past


def on_now(booking: Booking, at: str, key: Key | None = None) -> Stretch:
    """The date for which somebody may check in: the one that is on, or begins within `EARLY`; the earliest of several.

    Raises Unmet: there is none, or not on this `key`.
    """
    now = minute(moment(at))
    near = stretches(booking.pattern, now, now + EARLY + 1)
    found = next((each for each in near if key is None or each.key == key), None)
    if found is not None:
        return found
    if key in booking.released:
        raise Unmet("nobody had come, so the room was given back: book it again", "RELEASED")
    raise Unmet(f"somebody checks in from {EARLY} minutes before a date to its end", "NOT_NOW")


def _had(date: Stretch, now: int) -> Slot:
    start = at_minute(date.start).replace(tzinfo=None)
    return Slot(date.key.date, date.key.ordinal, start, max(1, min(now, date.end) - date.start))


def _look(date: Stretch, room: Room) -> int:
    """When it shows: while something is left to be given back."""
    return min(date.start + room.rules.check_in_minutes, date.end - 1)


def _coming(booking: Booking, now: int) -> Iterator[Stretch]:
    """Its dates from now on, in order, as far as clashes are looked for."""
    low, width = now, WINDOW
    while low < now + _MOST:
        yield from (each for each in stretches(booking.pattern, low, low + width) if low == now or each.start >= low)
        low, width = low + width, width * 2
