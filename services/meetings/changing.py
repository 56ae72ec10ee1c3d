"""A change of a booking as it was asked for, made: of one date, of one and those that follow, of all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.clock import moment
from services.kit.errors import Invalid, Violation
from services.meetings import history, rebooking
from services.meetings.booking import Wish, granted, standing
from services.meetings.booking_asked import read_words
from services.meetings.check import Problems, possible
from services.meetings.ledger import Decided
from services.meetings.masks import merged
from services.meetings.shares import refuse_many
from services.meetings.types_rooms import ClashPolicy
from services.meetings.wire_bookings import Told, booking_message
from services.recurrence import parting
from services.recurrence.edits import derive_start
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.types import Schedule
from services.recurrence.wire import from_schedule
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from openchair.meetings.v1 import booking_pb2
    from openchair.meetings.v1 import room_service_pb2 as pb

    from services.kit.store.port import Record
    from services.meetings.booking import Person
    from services.meetings.ledger import Rooms
    from services.meetings.types_rooms import Booking, PastBooking, Room
    from services.recurrence.types import Key

WRITABLE: Final = frozenset({"title", "attendees", "notes", "schedule"})
OF_A_DATE: Final = frozenset({"schedule", "schedule.start", "schedule.minutes"})


class Changing:
    """One change, as it was asked for, to be made of a booking."""

    def __init__(self, rooms: Rooms, room: Room, asked: Person, request: pb.ChangeBookingRequest, at: str) -> None:
        self.rooms = rooms
        self.room = room
        self.asked = asked
        self.request = request
        self.at = at

    def this(self, found: Booking, key: Key) -> Decided:
        """One date is at another time."""
        slot = rebooking.date_of(found, key, self.at)
        own = Schedule(slot.start, found.pattern.zone, slot.minutes)
        wanted, paths = self._merged(found, own)
        if not paths <= OF_A_DATE or wanted.schedule.rule or wanted.schedule.extra_dates:
            raise Invalid(Violation("update_mask", "of one date only schedule.start and schedule.minutes are changed"))
        wanted.schedule.time_zone = wanted.schedule.time_zone or own.zone
        wanted.schedule.minutes = wanted.schedule.minutes or own.minutes
        moved = _schedule(wanted)
        if moved.zone != own.zone:
            raise Invalid(Violation("booking.schedule.time_zone", "of one date is that of the booking"))
        there = Slot(key.date, key.ordinal, moved.start, moved.minutes)
        _refuse_past(there, own.zone, self.at)
        made = rebooking.moved(found, key, there)
        single = msgspec.structs.replace(found, pattern=Pattern(zone=own.zone, slots=(there,)))
        granted_one = self._granted(found, single, self._whole(), parting.without_key(found.pattern, key))
        made = msgspec.structs.replace(made, overruled=granted_one.overruled, overruled_by=granted_one.overruled_by)
        return self._decided(found, self._standing(found, made))

    def following(self, found: Booking, earlier: Booking, later: Booking, key: Key) -> Decided:
        """The series is cut; what lies on the date and after is another booking of the same lineage."""
        made = self._changed(later, key, earlier.pattern)
        if made == later:
            return Decided((), (found,), "change")
        refuse_many(self.rooms.diaries(self.room)[self.room.id], self.asked)
        rebooking.refuse_overlap(earlier, made, self.at)
        made = msgspec.structs.replace(self._standing(later, made), created_at=self.at)
        written = ((earlier, self.room), (made, self.room))
        return Decided(written, (made,), "change", self.asked.reason)

    def all(self, found: Booking, who: str) -> Decided:
        """Everything that is still to come; what is over becomes history."""
        rest, past = history.parted(found, self.at)
        made = self._standing(rest, self._changed(found, None))
        if made == rest:
            return Decided((), (found,), "change")
        return self._decided(rest, made)._replace(records=history_of(past, self.at, who))

    def _changed(self, found: Booking, key: Key | None, *keeps: Pattern) -> Booking:
        """The booking with what the mask says, its dates granted. Who changes it wants it still."""
        rest, past = history.parted(found, self.at)
        wanted, paths = self._merged(found, found.pattern.schedule)
        made = msgspec.structs.replace(read_words(wanted, rest), unused=0, proposed=False)
        if not any(path.split(".")[0] == "schedule" for path in paths):
            return made
        schedule = _schedule(wanted)
        old = found.pattern.schedule
        if old is not None and schedule.rule != old.rule and "schedule.start" not in paths and "schedule" not in paths:
            start = derive_start(old, schedule.rule, key)
            schedule = msgspec.structs.replace(schedule, start=start)
        possible(schedule, "booking.schedule")
        if schedule == old:
            return made
        keeps = (*keeps, past.booking.pattern) if past is not None else keeps
        made = rebooking.rescheduled(_with_words(found, made), schedule, self.at)
        return self._granted(found, made, self.asked, *keeps)

    def _granted(self, found: Booking, made: Booking, asked: Person, *keeps: Pattern) -> Booking:
        """What is granted of it; what the booking has or had to do without is no reason to refuse.

        `keeps` is what of the booking stays as it is. Of what only competes nothing counts.
        """
        wish = Wish(
            made,
            asked,
            taken=found.pattern,
            patient=frozenset(each.slot.key for each in found.skipped),
            ignoring=frozenset({self.request.booking.name.rpartition("/")[2], found.id}),
            keeps=() if found.competes else keeps,
        )
        return granted(self.room, self.rooms.diaries(self.room), wish, self.at, self.rooms.frame)

    def _standing(self, before: Booking, made: Booking) -> Booking:
        """Other times have to be approved anew, where they have to be at all.

        What competes has none of its dates yet, whatever the room's rules have become: only approving asks for them.
        """
        if before.pattern == made.pattern or self.asked.keeper or before.competes:
            return made
        return standing(made, self.room, self.asked)

    def _merged(self, found: Booking, schedule: Schedule | None) -> tuple[booking_pb2.Booking, frozenset[str]]:
        current = booking_message(found, Told.ALL)
        if schedule is not None:
            current.schedule.CopyFrom(from_schedule(schedule))
        return merged(current, self.request.booking, self.request.update_mask, WRITABLE, "booking")

    def _whole(self) -> Person:
        """One date is had or not: there is nothing to skip."""
        skips = self.asked.policy is ClashPolicy.SKIP
        return self.asked._replace(policy=ClashPolicy.REFUSE) if skips else self.asked

    def _decided(self, found: Booking, made: Booking) -> Decided:
        if found == made:
            return Decided((), (made,), "change")
        return Decided(((made, self.room),), (made,), "change", self.asked.reason)


def history_of(past: PastBooking | None, at: str, who: str) -> tuple[Record, ...]:
    """What is over, as the record that keeps it."""
    return () if past is None else (history.record(past, at, who),)


def _schedule(message: booking_pb2.Booking) -> Schedule:
    problems = Problems("booking.")
    schedule = problems.schedule("schedule", message.schedule)
    problems.settle()
    assert schedule is not None
    return schedule


def _with_words(found: Booking, made: Booking) -> Booking:
    return msgspec.structs.replace(found, title=made.title, notes=made.notes, attendees=made.attendees)


def _refuse_past(slot: Slot, zone: str, at: str) -> None:
    if to_utc(slot.start, zone) <= moment(at):
        raise Invalid(Violation("booking.schedule.start", "lies in the past"))
