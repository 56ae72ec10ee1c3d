"""When something is taken, as everybody may know it: stretches of time joined to each other. Pure.

Times are minutes since 1970-01-01 00:00 UTC, as in `timetable`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import booking_pb2

from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import stretches
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_key, parse_local, to_schedule
from services.recurrence.zones import zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Interval(NamedTuple):
    """From `start` to before `end`."""

    start: int
    end: int


class Bookings:
    """The bookings of rooms, kept as bytes: there may be very many, and few are ever asked for."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, bytes]] = {}
        self._room_of: dict[str, str] = {}

    def put(self, id_: str, message: booking_pb2.Booking | None) -> None:
        """Sets a booking, or takes it out."""
        before = self._room_of.pop(id_, None)
        if before is not None:
            del self._of[before][id_]
            if not self._of[before]:
                del self._of[before]
        if message is not None:
            room = self._room_of[id_] = message.name.split("/")[3]
            self._of.setdefault(room, {})[id_] = message.SerializeToString()

    def of(self, room: str) -> Iterator[booking_pb2.Booking]:
        """Those of one room, in no order."""
        return map(booking_pb2.Booking.FromString, list(self._of.get(room, {}).values()))


def to_pattern(message: booking_pb2.Booking) -> Pattern:
    """When a booking takes its room.

    Raises:
        RecurrenceError: the field that cannot be read.
    """
    schedule = to_schedule(message.schedule) if message.HasField("schedule") else None
    name = schedule.zone if schedule is not None else message.time_zone
    zone(name)
    slots = (_to_slot(f"slots[{index}]", each) for index, each in enumerate(message.slots))
    without = tuple(parse_key(text, "without") for text in message.without)
    return Pattern(zone=name, schedule=schedule, without=without, slots=tuple(slots))


def _to_slot(field: str, message: booking_pb2.BookedSlot) -> Slot:
    key = parse_key(message.key, f"{field}.key")
    if message.minutes < 1:
        raise RecurrenceError(f"{field}.minutes", "must be positive")
    return Slot(key.date, key.ordinal, parse_local(f"{field}.start", message.start), message.minutes)


def taken(pattern: Pattern, since: int, until: int) -> Iterator[Interval]:
    """What a pattern takes of this time, cut to it."""
    for each in stretches(pattern, since, until):
        yield Interval(max(each.start, since), min(each.end, until))


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time in as few intervals as there can be, in order: who takes it, and how many, cannot be told."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1].end:
            found[-1] = Interval(found[-1].start, max(end, found[-1].end))
        elif start < end:
            found.append(Interval(start, end))
    return found


def less(intervals: Iterable[Interval], others: Iterable[Interval]) -> list[Interval]:
    """What is in the first and in none of the others; joined, in order."""
    rest, left = joined(others), []
    for start, end in joined(intervals):
        at = start
        for other in rest:
            if other.end <= at or other.start >= end:
                continue
            if other.start > at:
                left.append(Interval(at, other.start))
            at = other.end
        if at < end:
            left.append(Interval(at, end))
    return left
