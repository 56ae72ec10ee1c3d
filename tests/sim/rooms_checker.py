"""What must be true of rooms after any run, once it is healed and quiet, said plainly: date by date, by brute force.

1. No room holds two, nor do two rooms with common floor, but what somebody overruled (or one series' own parts).
2. Every booking that was acknowledged is there, as it was told; there is none that nobody made.
3. Each date of a meeting names the rooms that its bookings take, and no other; what it lacks is said to be lost.
4. A date that a booking had to skip is offered if it is free, and only then.
5. Nobody holds a room whose hold is over, or to which nobody came.

What everybody is told of it is looked at in `rooms_told`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from services.meetings import records
from services.meetings.types import Meeting, Status
from services.meetings.types_rooms import Booking, BookingState, Room, RoomKind
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.wire import key_text
from services.recurrence.zones import to_utc
from tests.sim.closing_reference import Held, Shut, in_time
from tests.sim.rooms import AHEAD, CENTRE
from tests.system.acts import ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.kit.store.port import Record
    from services.recurrence.pattern import Slot
    from services.recurrence.types import Key
    from tests.sim.room_keepers import Keepers

STATES = {BookingState.HELD: 1, BookingState.PENDING: 2, BookingState.CONFIRMED: 3}
NEAR = 15
"""Minutes from now in which what a clock says of a date may differ."""


class Had(NamedTuple):
    """One date of one booking; minutes, without those for setting up and tearing down."""

    start: int
    end: int
    key: Key
    booking: Booking


@dataclass
class Rooms:
    """The rooms of the house as the store has them, and what is taken of them, date by date."""

    now: int
    rooms: dict[str, Room] = field(default_factory=dict)
    bookings: dict[str, Booking] = field(default_factory=dict)
    meetings: dict[str, Meeting] = field(default_factory=dict)
    had: defaultdict[str, list[Had]] = field(default_factory=lambda: defaultdict(list))
    floor: dict[str, frozenset[str]] = field(default_factory=dict)
    shut: list[Shut] = field(default_factory=list)

    @classmethod
    def of(cls, stored: Iterable[Record], now: datetime, closures: Mapping[str, dict[str, Any]]) -> Rooms:
        """What records say."""
        found = cls(minute(now))
        for record in stored:
            if record.gone or record.state.get("removed"):
                continue
            if record.kind == "room":
                found.rooms[record.id] = records.read(record, Room)
            elif record.kind == "booking":
                found.bookings[record.id] = records.read(record, Booking)
            elif record.kind == "meeting":
                found.meetings[record.id] = records.read(record, Meeting)
        for each in found.bookings.values():
            dates = stretches(each.pattern, found.now, found.now + AHEAD)
            found.had[each.room] += (Had(start, end, key, each) for key, start, end in dates)
        atoms = {id_: _atoms(found.rooms, id_) for id_ in found.rooms}
        found.floor = {id_: frozenset(other for other in atoms if atoms[other] & atoms[id_]) for id_ in atoms}
        found.shut = [_shut(name, fields) for name, fields in closures.items()]
        return found

    def around(self, room: str) -> list[Had]:
        """What keeps others out of a room: in it, and in what shares its floor."""
        dates = (each for other in sorted(self.floor[room]) for each in self.had[other])
        return sorted((each for each in dates if not each.booking.competes), key=lambda each: each[:2])

    def free(self, room: str, start: int, end: int, by: Booking | None = None) -> bool:
        """Whether the room could be had then by anybody, or by that booking, which keeps its minutes."""
        one = self.rooms[room]
        before, after = (by.before, by.after) if by else (one.before, one.after)
        taken = (
            each.start < end + max(after, each.booking.before) and start < each.end + max(before, each.booking.after)
            for each in self.around(room)
            if by is None or each.booking.id != by.id
        )
        return not any(taken) and _open(one, start, end) and not any(self._closed(room, start, end))

    def _closed(self, room: str, start: int, end: int) -> Iterator[bool]:
        one = self.rooms[room]
        held = Held(at_minute(start), at_minute(end), "", "", frozenset(), link=False, holidays="")
        for each in self.shut:
            rooms = {name.rpartition("/")[2] for name in each.rooms}
            places = {name.rpartition("/")[2] for name in each.places}
            everywhere = not rooms and not places and one.kind is RoomKind.ROOM
            there = everywhere or rooms & self.floor[room] or (one.place and one.place in places)
            yield bool(there) and in_time(each, held, ZONE)


def _atoms(rooms: Mapping[str, Room], id_: str) -> frozenset[str]:
    parts = rooms[id_].parts
    return frozenset().union(*(_atoms(rooms, part) for part in parts)) if parts else frozenset({id_})


def _open(room: Room, start: int, end: int) -> bool:
    begins, ends = (at_minute(each).astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) for each in (start, end))
    if not room.hours:
        return True
    of_day = [each for each in room.hours if begins.weekday() in each.weekdays]
    midnight = datetime.combine(begins, time())
    return any(
        midnight + timedelta(minutes=each.opens) <= begins and ends <= midnight + timedelta(minutes=each.closes)
        for each in of_day
    )


def _shut(name: str, fields: dict[str, Any]) -> Shut:
    places, rooms = frozenset(fields.get("places", ())), frozenset(fields.get("rooms", ()))
    return Shut(name, ("", name), "", fields["start"], fields["end"], places, rooms)


# --- what the store says ---


def stored_otherwise(keepers: Keepers, rooms: Rooms) -> Iterator[str]:
    """What it says otherwise than it must."""
    for room in rooms.rooms.values():
        if {*room.excludes} != rooms.floor[room.id] - {room.id}:
            yield f"{room.title} says that it excludes {room.excludes}"
        yield from _doubled(rooms, room)
    yield from _known(keepers, rooms)
    yield from _held_on(rooms)
    yield from _halves(rooms)
    for booking in rooms.bookings.values():
        yield from _offers(rooms, booking)


def _doubled(rooms: Rooms, room: Room) -> Iterator[str]:
    """Dates that are too near to each other: one of the room, one of it or of what shares its floor."""
    dates = rooms.around(room.id)
    for n, one in enumerate(dates):
        for other in dates[n + 1 :]:
            if other.start >= one.end + 240:
                break
            apart = max(one.booking.after, other.booking.before)
            mine = room.id in {one.booking.room, other.booking.room}
            if mine and one.end + apart > other.start and not _may_meet(rooms, one.booking, other.booking):
                at = f"{at_minute(one.start)} and {at_minute(other.start)}"
                yield f"{room.title} is taken twice: {at}, {one.booking.title}, {other.booking.title}"


def _may_meet(rooms: Rooms, one: Booking, other: Booking) -> bool:
    if one.id == other.id or one.overruled or other.overruled:
        return True
    series = [rooms.meetings[each.meeting].lineage for each in (one, other) if each.meeting in rooms.meetings]
    return len(series) == 2 and series[0] == series[1]


def _known(keepers: Keepers, rooms: Rooms) -> Iterator[str]:
    """Bookings by people are as they were told."""
    known, soon = keepers.guests.known, rooms.now + NEAR
    mine = (each for each in rooms.bookings.values() if not each.meeting)
    there = {f"{CENTRE}/rooms/{each.room}/bookings/{each.id}": each for each in mine}
    yield from (f"nobody made {name}: {there[name].title}" for name in sorted(there.keys() - known.keys()))
    for name, each in known.items():
        if each.state == 1:  # a hold that nobody confirmed
            continue
        booking = there.get(name)
        dates = () if booking is None else stretches(booking.pattern, soon, rooms.now + AHEAD)
        takes = {tuple(date) for date in dates if date.start > soon}
        expected = {date for date in each.takes if soon < date[1] < rooms.now + AHEAD}
        skips = {date for date in _skips(booking) if date[1] > soon} if booking else set()
        waits = {date for date in each.skips if date[1] > soon}
        if takes != expected or skips != waits:
            yield f"{name} was told otherwise: takes {_told(takes ^ expected)}, skips {_told(skips ^ waits)}"
        if booking is not None and (expected or waits) and STATES[booking.state] != each.state:
            yield f"{name} is {booking.state}"


def _skips(booking: Booking) -> set[tuple[Key, int]]:
    return {(each.slot.key, _begins(booking, each.slot)) for each in booking.skipped}


def _begins(booking: Booking, slot: Slot) -> int:
    return minute(to_utc(slot.start, booking.pattern.zone))


def _told(dates: Iterable[tuple[Any, ...]]) -> list[str]:
    return [f"{key_text(each[0])} at {at_minute(each[1]):%m-%d %H:%M}" for each in sorted(dates)][:6]


def _held_on(rooms: Rooms) -> Iterator[str]:
    """Nobody keeps what is over, or what nobody came to."""
    for each in rooms.bookings.values():
        if each.state is BookingState.HELD:
            yield f"a hold that nobody removed: {each.id}"
        grace = rooms.rooms[each.room].rules.check_in_minutes
        if not grace or each.meeting or each.state is not BookingState.CONFIRMED:
            continue
        for date in stretches(each.pattern, rooms.now, rooms.now + 1):
            if date.start + grace + 1 < rooms.now and date.end > rooms.now + 1 and date.key not in each.checked_in:
                yield f"{each.title} has had a room since {at_minute(date.start)}, and nobody came"


def _halves(rooms: Rooms) -> Iterator[str]:
    """What a meeting says that it has and has not is what bookings say."""
    held = {(each.meeting, each.room): each for each in rooms.bookings.values() if each.meeting}
    active = [each for each in rooms.meetings.values() if each.status is not Status.CANCELLED]
    claimed = {(each.id, room) for each in active for room in each.claimed}
    yield from (f"half-made: {each}" for each in sorted({*held} ^ claimed))
    if len(held) != sum(bool(each.meeting) for each in rooms.bookings.values()):
        yield "a meeting has two bookings of a room"
    for meeting in active:
        for room in {each.room for each in meeting.lost} | {room for id_, room in held if id_ == meeting.id}:
            booking = held.get((meeting.id, room))
            lost = {each.key for each in meeting.lost if each.room == room}
            if None in lost and booking is not None:
                yield f"{meeting.title} has a room of which it says that it has nothing"
            skips = {key for key, start in _skips(booking) if start > rooms.now} if booking else set()
            if not skips <= lost:
                yield f"{meeting.title} does not know what it lacks: {skips - lost}"


def _offers(rooms: Rooms, booking: Booking) -> Iterator[str]:
    for each in booking.skipped:
        start = _begins(booking, each.slot)
        if rooms.now + NEAR < start < rooms.now + AHEAD - 1440:
            free = rooms.free(booking.room, start, start + each.slot.minutes, booking)
            if free != each.offered:
                word = "free, and not offered" if free else "offered, and not free"
                yield f"{booking.title}: {key_text(each.slot.key)} in {rooms.rooms[booking.room].title} is {word}"
