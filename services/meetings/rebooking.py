"""What a booking becomes when one date, one and those that follow, or all of them are changed or given back. Pure.

What has begun stays as it is: a date that is on stays at its hour, what is over becomes history (`history`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.kit.clock import moment
from services.kit.errors import Invalid, Unmet, Violation
from services.meetings import history
from services.meetings.booking import gap_of, overlaps_itself, slots_of, takes_anything
from services.recurrence import parting
from services.recurrence.edits import Part, split
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.schedule import dates, first_key, has
from services.recurrence.timetable import Timetable, minute, stretches
from services.recurrence.types import Deviation, Key, RecurrenceError, Schedule
from services.recurrence.wire import key_text
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from services.meetings.types_rooms import Booking, PastBooking

_DAYS = 3 * 24 * 60


class Cut(NamedTuple):
    """A series of bookings in two: what lies before a date, and what lies on it and after. None: there is nothing."""

    earlier: Booking | None
    later: Booking | None


class Left(NamedTuple):
    """What is left when everything to come is given back: dates that are on, and what is history now."""

    on: Booking | None
    past: PastBooking | None


def date_of(booking: Booking, key: Key, at: str) -> Slot:
    """A date that it takes, as a stretch. Raises Invalid where it takes none of that key, Unmet: it has begun."""
    slots = slots_of(booking.pattern, key)
    single = any(slot.key == key for slot in booking.pattern.slots)
    if not slots or (key in booking.pattern.without and not single):
        raise Invalid(Violation("key", f"{key_text(key)} is not a date of the booking"))
    if to_utc(slots[0].start, booking.pattern.zone) <= moment(at):
        raise Unmet("what has begun stays as it is", "DATE_BEGUN", {"date": key_text(key)})
    return slots[0]


def moved(booking: Booking, key: Key, slot: Slot) -> Booking:
    """The booking with one date elsewhere. Raises Invalid where it has that time already."""
    others = tuple(each for each in booking.pattern.slots if each.key != key)
    slots = tuple(sorted((*others, slot), key=lambda each: (each.key, each.start)))
    pattern = msgspec.structs.replace(booking.pattern, slots=slots)
    begins, gap = minute(to_utc(slot.start, pattern.zone)), gap_of(booking.before, booking.after)
    if len(stretches(pattern, begins - gap, begins + slot.minutes + gap)) > 1:
        raise Invalid(Violation("booking.schedule.start", "overlaps another date of the same booking"))
    return msgspec.structs.replace(booking, pattern=pattern)


def given_back(booking: Booking, key: Key, at: str) -> Booking:
    """The booking without one date; one that it had to skip is waited for no more. Raises as `date_of`."""
    skipped = tuple(each for each in booking.skipped if each.slot.key != key)
    if len(skipped) < len(booking.skipped):
        return msgspec.structs.replace(booking, skipped=skipped)
    date_of(booking, key, at)
    return msgspec.structs.replace(booking, pattern=parting.without_key(booking.pattern, key))


def cut(booking: Booking, key: Key, id_: str) -> Cut:
    """The booking in two at a date; the later one has that id, and the lineage. Dates of one day stay together."""
    before, after = _cut_schedule(booking.pattern.schedule, key)
    earlier = _part(booking, before, key, later=False)
    later = msgspec.structs.replace(_part(booking, after, key, later=True), id=id_)
    nothing = earlier.pattern.empty() and not earlier.skipped
    return Cut(None if nothing else earlier, None if later.pattern.empty() and not later.skipped else later)


def _cut_schedule(schedule: Schedule | None, key: Key) -> tuple[Schedule | None, Schedule | None]:
    first = None if schedule is None else next(dates(schedule, key.date), None)
    if schedule is None or first is None:
        return schedule, None
    if first.date <= first_key(schedule).date:
        return None, schedule
    try:
        parts: tuple[Part[Deviation], Part[Deviation]] | None = split(schedule, (), first)
    except RecurrenceError as error:
        raise Invalid(Violation("key", error.reason)) from error
    return (parts[0].schedule, parts[1].schedule) if parts else (None, schedule)


def _part(booking: Booking, schedule: Schedule | None, key: Key, *, later: bool) -> Booking:
    def belongs(each: Key) -> bool:
        return (each.date >= key.date) is later

    pattern = booking.pattern
    own = Pattern(
        zone=pattern.zone,
        schedule=schedule,
        without=tuple(each for each in pattern.without if belongs(each)) if schedule else (),
        slots=tuple(each for each in pattern.slots if belongs(each.key)),
    )
    return msgspec.structs.replace(
        booking,
        pattern=own,
        skipped=tuple(each for each in booking.skipped if belongs(each.slot.key)),
        checked_in=tuple(each for each in booking.checked_in if belongs(each)),
        released=tuple(each for each in booking.released if belongs(each)),
    )


def rescheduled(booking: Booking, wanted: Schedule, at: str) -> Booking:
    """The booking as it would be at other times from now on, its past left out.

    Dates that were given back stay so, dates that were moved by themselves stay where they are, what is on stays. Dates
    that it had to skip are asked for anew. Raises Invalid where dates of it would overlap each other.
    """
    now, old = minute(moment(at)), booking.pattern
    waited = {each.slot.key for each in booking.skipped}
    begun = [each for each in stretches(old, now - _DAYS - wanted.minutes, now + 1) if each.start <= now]
    on = tuple(slot for each in begun if each.end > now for slot in slots_of(old, each.key))
    gone = ({*old.without} - waited) | {each.key for each in begun}
    pattern = Pattern(
        zone=wanted.zone,
        schedule=wanted,
        without=tuple(sorted(each for each in gone if has(wanted, each))),
        slots=tuple(sorted({*_elsewhere(old, wanted.zone), *on}, key=lambda each: (each.key, each.start))),
    )
    coming = parting.parted(pattern, now)[1]
    if coming.empty() or overlaps_itself(coming, gap_of(booking.before, booking.after), now):
        reason = "nothing of it is still to come" if coming.empty() else "overlaps other dates of the same booking"
        raise Invalid(Violation("booking.schedule.start", reason))
    return msgspec.structs.replace(booking, pattern=coming, skipped=())


def _elsewhere(old: Pattern, zone: str) -> tuple[Slot, ...]:
    """Its dates that were moved by themselves. Raises Invalid where their local times would mean others."""
    if old.slots and zone != old.zone:
        raise Invalid(Violation("booking.schedule.time_zone", "cannot change while single dates are moved"))
    return old.slots


def refuse_overlap(earlier: Booking | None, later: Booking, at: str) -> None:
    """Raises Invalid where the later part of a series would overlap the earlier one."""
    if earlier is None:
        return
    times = Timetable()
    times.put("earlier", earlier.pattern, earlier.before, earlier.after)
    if times.clashes(later.pattern, later.before, later.after, minute(moment(at)), most=1):
        raise Invalid(Violation("booking.schedule.start", "overlaps dates of the same booking before it"))


def ended(booking: Booking, at: str) -> Left:
    """What is left without everything that is to come. Raises Unmet where nothing is."""
    now = minute(moment(at))
    rest, past = history.parted(booking, at)
    on = stretches(rest.pattern, now, now + 1)
    kept = tuple(slot for each in on if each.start <= now for slot in slots_of(rest.pattern, each.key))
    only = msgspec.structs.replace(rest, pattern=Pattern(zone=rest.pattern.zone, slots=kept), skipped=())
    if not booking.skipped and not _comes(rest.pattern, kept, at):
        raise Unmet("nothing of it is still to come", "NOTHING_TO_RELEASE")
    return Left(only if kept else None, past)


def _comes(pattern: Pattern, on: tuple[Slot, ...], at: str) -> bool:
    """Whether anything is to come besides what is on."""
    for slot in on:
        pattern = parting.without_key(pattern, slot.key)
    return takes_anything(pattern, at)
