"""What is on in a room, and what was: the dates of its bookings, with those that are history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit.clock import instant
from services.kit.store.port import Range
from services.meetings import records
from services.meetings.types_rooms import BookingState, PastBooking
from services.recurrence.timetable import at_minute, minute, stretches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from datetime import datetime

    from services.kit.leaves import Head
    from services.meetings.desk import Desk
    from services.meetings.diary import Diary
    from services.meetings.types_rooms import Booking
    from services.recurrence.types import Key

PAGE: Final = 500


class On(NamedTuple):
    """One date of a booking; minutes as in `timetable`, buffers not included."""

    booking: Booking
    key: Key
    start: int
    end: int

    @property
    def unused(self) -> bool:
        """Whether it was given back because nobody came: the room was taken until then."""
        return self.key in self.booking.released


async def whats_on(desk: Desk, room: str, since: datetime, until: datetime) -> list[On]:
    """The dates in the room (id) that end after `since` and start before `until`, in order of (start, booking).

    Also those of bookings that hold nothing (`Booking.competes`); not of holds that have expired.
    """
    low, high, at = minute(since), minute_after(until), desk.now()
    found = await desk.heads.look("room", room, lambda head: _in_diary(head, low, high, at))
    found += [each async for each in _over(desk, room, low, high)]
    return sorted(_once(found), key=lambda each: (each.start, each.booking.id, each.key))


def minute_after(at: datetime) -> int:
    """The first whole minute that is not before an instant."""
    floor = minute(at)
    return floor if at_minute(floor) == at else floor + 1


def counts(booking: Booking, at: str) -> bool:
    """Whether anybody has to be told of it: not of a hold that has expired."""
    return booking.state is not BookingState.HELD or booking.expires_at > at


def _in_diary(head: Head[Diary], low: int, high: int, at: str) -> list[On]:
    bookings = head.index.bookings
    dates = (On(bookings[each.owner], each.key, each.start, each.end) for each in head.index.times.between(low, high))
    return [each for each in dates if counts(each.booking, at)]


async def _over(desk: Desk, room: str, low: int, high: int) -> AsyncIterator[On]:
    after = None
    while True:
        ended = Range(instant(at_minute(low)))
        page = await desk.store.find("past", {"room": room, "ended": ended}, ("ended",), PAGE, after)
        for record in page.records:
            was = records.read(record, PastBooking).booking
            for each in stretches(was.pattern, low, high):
                yield On(was, *each)
        after = page.after
        if after is None:
            return


def _once(found: Iterable[On]) -> Iterable[On]:
    """Each date once: one may have become history while it was read."""
    return {(each.booking.id, each.key, each.start, each.unused): each for each in found}.values()
