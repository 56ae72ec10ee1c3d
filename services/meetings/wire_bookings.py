"""Bookings as messages: each reader learns as much as it may."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from openchair.meetings.v1 import booking_pb2

from services.meetings.types_rooms import BookingState, ClashPolicy
from services.meetings.wire import child_name, timestamp
from services.meetings.wire_details import number
from services.recurrence.wire import from_schedule, key_text, local_text

if TYPE_CHECKING:
    from services.kit.store.port import Record
    from services.meetings.types_rooms import Booking, Skipped
    from services.recurrence.pattern import Slot

STATES = {1: BookingState.HELD, 2: BookingState.PENDING, 3: BookingState.CONFIRMED}
POLICIES = {0: ClashPolicy.REFUSE, 1: ClashPolicy.REFUSE, 2: ClashPolicy.SKIP, 3: ClashPolicy.OVERRULE}
BUSY = "busy"


class Told(enum.Enum):
    """How much of a booking a reader learns.

    TIMES: when, and nothing else (the public). EVENT: what services have to know, no word that a person wrote and no
    person. BUSY: staff who did not book it learn when it is and how it stands, not for how many or whether they came.
    ALL: who booked it, and who keeps the centre's list.
    """

    TIMES = "times"
    EVENT = "event"
    BUSY = "busy"
    ALL = "all"


def room_name(booking: Booking) -> str:
    """Resource name of the room that it is of."""
    return child_name(booking.centre, "rooms", booking.room)


def booking_name(booking: Booking) -> str:
    """Its resource name."""
    return f"{room_name(booking)}/bookings/{booking.id}"


def booking_message(booking: Booking, told: Told) -> booking_pb2.Booking:
    """A booking, as much of it as is told."""
    pattern = booking.pattern
    message = booking_pb2.Booking(
        name=booking_name(booking),
        schedule=from_schedule(pattern.schedule) if pattern.schedule else None,
        without=[key_text(key) for key in pattern.without],
        slots=map(slot_message, pattern.slots),
        time_zone=pattern.zone,
        state=number(STATES, booking.state),  # type: ignore[arg-type]  # the wire's number
    )
    if told is not Told.TIMES:
        _say_how_it_stands(message, booking)
    if told in {Told.EVENT, Told.ALL}:
        _say_what_became_of_it(message, booking)
    if told is Told.ALL:
        message.title, message.notes, message.organiser = booking.title, booking.notes, booking.organiser
        message.overrule_reason, message.overruled_by = booking.overruled, booking.overruled_by
    elif told is Told.BUSY:
        message.title = BUSY
    return message


def _say_how_it_stands(message: booking_pb2.Booking, booking: Booking) -> None:
    message.create_time.CopyFrom(timestamp(booking.created_at))
    message.meeting = child_name(booking.centre, "meetings", booking.meeting)
    message.before_minutes, message.after_minutes = booking.before, booking.after
    if booking.expires_at:
        message.expire_time.CopyFrom(timestamp(booking.expires_at))
    message.competes = booking.competes
    message.lineage = booking.lineage


def _say_what_became_of_it(message: booking_pb2.Booking, booking: Booking) -> None:
    message.skipped.extend(map(skipped_message, booking.skipped))
    message.released.extend(map(key_text, booking.released))
    message.checked_in.extend(map(key_text, booking.checked_in))
    message.proposed_for_release = booking.proposed
    message.attendees = booking.attendees


def slot_message(slot: Slot) -> booking_pb2.BookedSlot:
    """A single stretch."""
    return booking_pb2.BookedSlot(key=key_text(slot.key), start=local_text(slot.start), minutes=slot.minutes)


def skipped_message(skipped: Skipped) -> booking_pb2.SkippedDate:
    """A date that it could not have."""
    return booking_pb2.SkippedDate(slot=slot_message(skipped.slot), offered=skipped.offered)


def stamped(booking: Booking, record: Record, told: Told = Told.ALL) -> booking_pb2.Booking:
    """A booking with the etag and time of its leaf, as an answer."""
    message = booking_message(booking, told)
    message.etag = str(record.revision)
    message.update_time.CopyFrom(timestamp(record.at))
    return message
