"""Requests about bookings, read: who asks, for which rooms, for what. Raises refusals that name the field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.kit.errors import Denied, Invalid, Violation
from services.kit.names import Pattern as Name
from services.meetings.booking import Person
from services.meetings.booking_rules import booker
from services.meetings.check import MAX_CHAIRS, Problems, possible
from services.meetings.desk import ROOM
from services.meetings.types_rooms import Booking, ClashPolicy
from services.meetings.wire_bookings import POLICIES
from services.recurrence.pattern import Pattern
from services.recurrence.types import Key, RecurrenceError
from services.recurrence.wire import parse_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openchair.meetings.v1 import booking_pb2

    from services.kit.call import Call

BOOKING: Final = Name("centres/{centre}/rooms/{room}/bookings/{booking}")
MOST_ROOMS: Final = 20
ADMINISTRATORS: Final = frozenset({"administrator", "operator"})
KEEPERS: Final = ADMINISTRATORS | {"coordinator"}


def person(call: Call[Any], centre: str, on_clash: int = 0, reason: str = "") -> Person:
    """Who asks, and how a clash is to be answered. Raises Denied for overruling without the right, Invalid."""
    caller = call.caller
    administers, keeper = caller.has(ADMINISTRATORS, centre), caller.has(KEEPERS, centre)
    level = booker(caller, centre).level
    if on_clash not in POLICIES:
        raise Invalid(Violation("on_clash", "is not one of the values this field takes"))
    policy = POLICIES[on_clash]
    problems = Problems()
    said = problems.line("overrule_reason", reason)
    if policy is ClashPolicy.OVERRULE:
        if not administers:
            raise Denied("only administrators and operators overrule a clash", "OVERRULE_DENIED")
        said = problems.title("overrule_reason", reason)
    problems.settle()
    return Person(caller.subject, level, keeper, policy, said)


def room_ids(names: Sequence[str], centre: str) -> tuple[str, ...]:
    """The ids of the rooms that are asked for, which are the centre's by their names. Raises Invalid."""
    if not 1 <= len(names) <= MOST_ROOMS:
        raise Invalid(Violation("rooms", f"must be 1 to {MOST_ROOMS}"))
    found = tuple(room_id(name, centre, f"rooms[{index}]") for index, name in enumerate(names))
    if len(set(found)) != len(found):
        raise Invalid(Violation("rooms", "names a room twice"))
    return found


def room_id(name: str, centre: str, field: str) -> str:
    """The id of a room of that centre. Raises Invalid."""
    ids = ROOM.parse(name, field)
    if ids["centre"] != centre:
        raise Invalid(Violation(field, "must be a room of the centre"))
    return ids["room"]


def read_booking(message: booking_pb2.Booking, blank: Booking) -> Booking:
    """`blank` with what the message says: when, and the words. Raises Invalid."""
    problems = Problems("booking.")
    schedule = problems.schedule("schedule", message.schedule)
    booking = _with_words(message, blank, problems)
    problems.settle()
    assert schedule is not None
    possible(schedule, "booking.schedule")
    return msgspec.structs.replace(booking, pattern=Pattern(zone=schedule.zone, schedule=schedule))


def read_words(message: booking_pb2.Booking, base: Booking) -> Booking:
    """`base` with the words of the message. Raises Invalid."""
    problems = Problems("booking.")
    booking = _with_words(message, base, problems)
    problems.settle()
    return booking


def _with_words(message: booking_pb2.Booking, base: Booking, problems: Problems) -> Booking:
    if not 0 <= message.attendees <= MAX_CHAIRS:
        problems.add("attendees", f"must be from 0 to {MAX_CHAIRS}")
    return msgspec.structs.replace(
        base,
        title=problems.line("title", message.title),
        notes=problems.text("notes", message.notes),
        attendees=message.attendees,
    )


def read_reason(text: str) -> str:
    """Why something is done, for the trail. Raises Invalid."""
    problems = Problems()
    said = problems.line("reason", text)
    problems.settle()
    return said


def read_key(text: str, field: str = "key") -> Key:
    """A date. Raises Invalid."""
    try:
        return parse_key(text, field)
    except RecurrenceError as error:
        raise Invalid(Violation(error.field, error.reason)) from error
