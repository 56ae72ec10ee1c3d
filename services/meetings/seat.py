"""One room of one meeting: what it has of it already, what it may take, what it has to do without. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.kit.clock import moment
from services.meetings import composed
from services.meetings.availability import Obstacle, hindrances
from services.meetings.types import Visibility
from services.meetings.types_rooms import Booking, ClashPolicy, Skipped
from services.recurrence.pattern import Pattern
from services.recurrence.portions import added, ahead, ends, less, of_key
from services.recurrence.timetable import minute
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.meetings.availability import Hindrance
    from services.meetings.claiming import Asked
    from services.meetings.diary import Diary
    from services.meetings.types import Meeting
    from services.meetings.types_rooms import Room
    from services.recurrence.pattern import Slot
    from services.recurrence.types import Key

MOST_SKIPPED: Final = 400
"""Dates of a room that a meeting may do without; of one that is taken more often it has none."""
MOST_LOOKED_AT: Final = 20_000


class Seat(NamedTuple):
    """A meeting and a room that it wants. `coming` is when, from now on; `had` its booking, if there is one.

    `id` is that of its booking, the one it has or a new one: a random one, so that who knows the meeting's name does
    not find its booking among those of which the public learns the times.

    `own` are bookings by which parts of its series that are written along have had the room so far. `around` are the
    diaries of the room and of what it excludes, `ignoring` the bookings in them that are in nobody's way. `caused` are
    the dates that closures have just changed, each with its closure.
    """

    meeting: Meeting
    room: Room
    coming: Pattern
    had: Booking | None
    own: tuple[Booking, ...]
    around: Mapping[str, Diary]
    ignoring: frozenset[str]
    caused: Mapping[Key, str]
    id: str


@dataclass(frozen=True)
class Seated:
    """The booking as it is to be; None: it cannot have the room at all. `refused`: why nothing of it may be.

    `asked_for`: something new is taken, so that nobody else may take it meanwhile.
    """

    booking: Booking | None = None
    refused: list[Hindrance] = field(default_factory=list)
    asked_for: bool = False


def seated(seat: Seat, asked: Asked, at: str) -> Seated:
    """What becomes of the meeting's booking of the room."""
    kept = _kept(seat, asked, at)
    given_up = {slot for key in (seat.had.released if seat.had else ()) for slot in of_key(seat.coming, key)}
    target = less(seat.coming, {*given_up, *(each.slot for each in kept)})
    whole = seat.had is None and seat.room.id in composed.lost_whole(seat.meeting)
    if seat.had is not None and ahead(seat.had.pattern, moment(at)) == target:
        return Seated(_told(seat, seat.had, seat.had.pattern, kept))
    found = _in_the_way(seat, target, asked.frame.zone, at)
    soft = [each for each in found if each.kind is Obstacle.TAKEN and (asked.lenient or each.key in seat.caused)]
    hard = [] if asked.lenient else [each for each in found if each.key not in seat.caused]
    if asked.policy is ClashPolicy.OVERRULE:
        reason = asked.reason if soft or hard else ""
        booking = _booking(seat, at)
        if reason:
            booking = msgspec.structs.replace(booking, overruled=reason, overruled_by=asked.subject)
        return Seated(_told(seat, booking, target, kept), asked_for=True)
    if whole and (asked.lenient or (found and asked.policy is ClashPolicy.REFUSE)):
        return Seated()
    skipped = _skipped(target, [*soft, *hard])
    if hard and (asked.policy is not ClashPolicy.SKIP or len(skipped) > MOST_SKIPPED):
        return Seated(refused=hard)
    if len(skipped) > MOST_SKIPPED:
        return Seated()
    left = less(target, (each.slot for each in skipped))
    return Seated(_told(seat, _booking(seat, at), left, [*kept, *skipped]), asked_for=True)


def _kept(seat: Seat, asked: Asked, at: str) -> list[Skipped]:
    """Dates that it has done without before, and still would like to have: they are no reason to refuse anything."""
    zone = seat.coming.zone
    skipped = {each.slot: each for one in seat.own if one.pattern.zone == zone for each in one.skipped}
    return [
        each
        for slot, each in skipped.items()
        if ends(slot, zone) > moment(at)
        and slot in of_key(seat.coming, slot.key)
        and (seat.room.id, slot.key) not in asked.taking
    ]


def _in_the_way(seat: Seat, target: Pattern, zone: str, at: str) -> list[Hindrance]:
    """What is in the way of dates that it does not have yet; `zone` is the centre's."""
    fresh = target
    for booking in seat.own:
        fresh = added(ahead(booking.pattern, moment(at)), fresh)
    if fresh.empty():
        return []
    room = seat.room
    if seat.had is not None:
        room = msgspec.structs.replace(room, before=seat.had.before, after=seat.had.after)
    found = hindrances(room, seat.around, fresh, at, ignoring=seat.ignoring, zone=zone, most=MOST_LOOKED_AT)
    return [each for each in found if not any(_had(booking, each) for booking in seat.own)]


def _had(booking: Booking, found: Hindrance) -> bool:
    """Whether it has that time already."""
    zone = booking.pattern.zone
    for slot in of_key(booking.pattern, found.key):
        start = minute(to_utc(slot.start, zone))
        if start <= found.start and found.end <= start + slot.minutes:
            return True
    return False


def _skipped(target: Pattern, found: Iterable[Hindrance]) -> list[Skipped]:
    """The dates of the pattern that cannot be had."""
    out: dict[Slot, None] = {}
    for each in found:
        for slot in of_key(target, each.key):
            if minute(to_utc(slot.start, target.zone)) == each.start:
                out[slot] = None
    return [Skipped(slot) for slot in out]


def _booking(seat: Seat, at: str) -> Booking:
    """The booking that it has, or a new one."""
    if seat.had is not None:
        return seat.had
    before = next((each for each in seat.own if each.overruled), None)
    return Booking(
        id=seat.id,
        centre=seat.meeting.centre,
        room=seat.room.id,
        created_at=at,
        lineage=seat.meeting.lineage,
        meeting=seat.meeting.id,
        pattern=Pattern(zone=seat.coming.zone),
        before=seat.room.before,
        after=seat.room.after,
        overruled=before.overruled if before else "",
        overruled_by=before.overruled_by if before else "",
    )


def _told(seat: Seat, booking: Booking, pattern: Pattern, skipped: Iterable[Skipped]) -> Booking:
    """The booking with this pattern, and with what it says of its meeting."""
    meeting = seat.meeting
    out = tuple(sorted(skipped, key=lambda each: (each.slot.date, each.slot.ordinal, each.slot.start)))
    return msgspec.structs.replace(
        booking,
        pattern=pattern,
        title=meeting.title,
        attendees=meeting.capacity,
        published=meeting.visibility is Visibility.PUBLIC,
        public_busy=seat.room.public_busy,
        skipped=out,
        skips=bool(out),
        offers=any(each.offered for each in out),
        overrules=bool(booking.overruled),
    )
