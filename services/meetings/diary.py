"""The bookings of one room as decisions on its head need them (`kit.heads`), and as readers do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.leaves import Leaf, Shape
from services.meetings import records
from services.meetings.types_rooms import Booking
from services.recurrence.pattern import shared
from services.recurrence.timetable import Timetable

if TYPE_CHECKING:
    from services.kit.store.port import Document, Record


class Diary:
    """The bookings of a room.

    `times` holds the patterns of all of them by id: whether one keeps others out just now (`Booking.holds`) is for
    whoever asks. `of_meeting` says which booking is whose; `skipping` are those with skipped dates.
    """

    def __init__(self, room: str) -> None:
        self.room = room
        self.bookings: dict[str, Booking] = {}
        self.times = Timetable()
        self.of_meeting: dict[str, str] = {}
        self.skipping: set[str] = set()

    def put(self, booking: Booking) -> None:
        """Takes one in."""
        self.bookings[booking.id] = booking
        self.times.put(booking.id, booking.pattern, booking.before, booking.after)
        if booking.meeting:
            self.of_meeting[booking.meeting] = booking.id
        if booking.skipped:
            self.skipping.add(booking.id)

    def remove(self, id_: str) -> None:
        """Takes one out."""
        booking = self.bookings.pop(id_)
        self.times.remove(id_)
        if self.of_meeting.get(booking.meeting) == id_:
            del self.of_meeting[booking.meeting]
        self.skipping.discard(id_)

    def by_meeting(self, meeting: str) -> Booking | None:
        """The booking by which a meeting holds the room."""
        return self.bookings.get(self.of_meeting.get(meeting, ""))


def _put(diary: Diary, record: Record) -> None:
    """Rooms have many bookings: what most of them have alike is kept once."""
    booking = records.read(record, Booking)
    lineage = booking.id if booking.lineage == booking.id else booking.lineage
    diary.put(
        msgspec.structs.replace(
            booking,
            centre=sys.intern(booking.centre),
            room=sys.intern(booking.room),
            lineage=lineage,
            organiser=sys.intern(booking.organiser),
            pattern=shared(booking.pattern),
        )
    )
    diary.times.settle(1)  # a room is read in pages: else whoever asks first makes all of its timetable at once


def _remove(diary: Diary, record: Record) -> None:
    diary.remove(record.id)


def _bare(state: Document) -> Document:
    """What stays of a booking that is gone for good: nothing that was private."""
    return {**state, "title": "", "notes": "", "organiser": "", "overruled": "", "overruled_by": ""}


SHAPE: Final = Shape("room", "booking", Diary, _put, _remove, bare=_bare, lingers=86_400)
"""A room is a head; its bookings are the leaves. A day after one was given back what was private in it is forgotten."""


def leaf(booking: Booking, due_at: str | None = None) -> Leaf:
    """The leaf that says this; every booking is written so. `due_at`: the instant at which time makes it another."""
    kept = msgspec.structs.replace(
        booking,
        skips=bool(booking.skipped),
        offers=any(each.offered for each in booking.skipped),
        overrules=bool(booking.overruled),
    )
    return Leaf(kept.id, records.document(kept), records.views(kept), due_at)
