"""People who want the same rooms: what a seed has them do, and what must be true of rooms whatever goes wrong."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from openchair.meetings.v1 import booking_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb

from services.meetings import records
from services.meetings.types import Meeting, Status
from services.meetings.types_rooms import Booking, BookingState, Room
from services.recurrence.timetable import at_minute, minute, stretches
from tests.system.acts import ZONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.kit.store.port import Answer, Record
    from tests.sim.history import History

CENTRE = "centres/house"
AHEAD = timedelta(days=60)
DAY = timedelta(days=1)
KINDS = ("book",) * 6 + ("meet",) * 3 + ("hold",) * 2 + ("give_back",) * 3 + ("move",) * 3


@dataclass
class Guests:
    """What they know: a place, its rooms, and the bookings (names) that were made and are wanted still."""

    history: History
    place: str = ""
    rooms: list[str] = field(default_factory=list)
    wanted: set[str] = field(default_factory=set)
    _count: int = 0

    async def furnish(self) -> None:
        """One place with three rooms; two of them want minutes for setting up and tearing down."""
        place = place_pb2.Place(title="Hall", address="1 Hall St")
        self.place = (await self.history.stub.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))).name
        for n, (before, after) in enumerate(((0, 0), (30, 0), (15, 45))):
            room = place_pb2.Room(title=f"Room {n}", place=self.place, before_minutes=before, after_minutes=after)
            request = rooms_pb.CreateRoomRequest(parent=CENTRE, room=room)
            self.rooms.append((await self.history.rooms.CreateRoom(request)).name)

    async def act(self, tries: int, seconds: float) -> None:
        """Any of what they do."""
        await getattr(self, self.history.site.chance.choice(KINDS))(tries, seconds)

    async def book(self, tries: int, seconds: float) -> None:
        """A room or two, with or without the dates that are taken."""
        chance = self.history.site.chance
        rooms = chance.sample(self.rooms, chance.choice((1, 1, 2)))
        policy = chance.choice(("REFUSE", "SKIP"))
        fields = {"parent": CENTRE, "rooms": rooms, "booking": self._booking(), "on_clash": f"CLASH_POLICY_{policy}"}
        await self.history.send("BookRoom", fields, tries, seconds, then=self._booked)

    async def hold(self, tries: int, seconds: float) -> None:
        """A room for some minutes, and then for good, if it is still held."""
        held: list[str] = []
        fields = {"parent": CENTRE, "room": self.history.site.chance.choice(self.rooms), "booking": self._booking()}
        await self.history.send(
            *("HoldRoom", fields, tries, seconds), then=lambda answer: held.append(_told(answer).name)
        )
        if held:
            await self.history.send(
                *("ConfirmHold", {"name": held[0]}, tries, seconds),
                then=lambda answer: self.wanted.add(_told(answer).name),
            )

    async def give_back(self, tries: int, seconds: float) -> None:
        """All of a booking."""
        if self.wanted:
            name = self.history.site.chance.choice(sorted(self.wanted))
            fields = {"name": name, "scope": "BOOKING_SCOPE_ALL"}
            await self.history.send("ReleaseBooking", fields, tries, seconds, then=lambda _: self.wanted.discard(name))

    async def move(self, tries: int, seconds: float) -> None:
        """A booking to another time."""
        if self.wanted:
            name = self.history.site.chance.choice(sorted(self.wanted))
            booking = {"name": name, "schedule": {"start": self._start()}}
            fields = {"booking": booking, "update_mask": "schedule.start", "scope": "BOOKING_SCOPE_ALL"}
            await self.history.send("ChangeBooking", fields, tries, seconds)

    async def meet(self, tries: int, seconds: float) -> None:
        """A new meeting in some of the rooms."""
        rooms = self.history.site.chance.sample(self.rooms, self.history.site.chance.choice((1, 2)))
        meeting = {"mode": "MODE_IN_PERSON", "place": self.place, "rooms": rooms, **self._booking()}
        await self.history.send("CreateMeeting", {"parent": CENTRE, "meeting": meeting}, tries, seconds)

    def _booking(self) -> dict[str, Any]:
        chance = self.history.site.chance
        self._count += 1
        schedule = {"start": self._start(), "time_zone": ZONE, "minutes": chance.choice((30, 60, 120))}
        rule = chance.choice(("", "", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=5", "FREQ=WEEKLY;INTERVAL=2"))
        return {"title": f"No. {self._count}", "schedule": schedule | ({"rule": rule} if rule else {})}

    def _start(self) -> str:
        chance, today = self.history.site.chance, self.history.site.clock.now().date()
        start = datetime.combine(today + chance.randint(2, 9) * DAY, time(chance.randint(17, 21)))
        return start.isoformat(timespec="minutes")

    def _booked(self, answer: Answer) -> None:
        told = rooms_pb.BookRoomResponse.FromString(base64.b64decode(answer.reply))
        self.wanted |= {each.name for each in told.bookings}


def _told(answer: Answer) -> booking_pb2.Booking:
    return booking_pb2.Booking.FromString(base64.b64decode(answer.reply))


class _Had(NamedTuple):
    start: int
    end: int
    booking: Booking


def otherwise(guests: Guests, stored: Iterable[Record], now: datetime) -> Iterator[str]:
    """What the store says otherwise than it must."""
    there = [record for record in stored if not record.gone and not record.state.get("removed")]
    rooms = {record.id: records.read(record, Room) for record in there if record.kind == "room"}
    bookings = [records.read(record, Booking) for record in there if record.kind == "booking"]
    meetings = {record.id: records.read(record, Meeting) for record in there if record.kind == "meeting"}
    for room in rooms.values():
        yield from _doubled(room, [each for each in bookings if each.room == room.id], now)
    names = {f"{CENTRE}/rooms/{each.room}/bookings/{each.id}" for each in bookings}
    yield from (f"acknowledged, and not there: {name}" for name in sorted(guests.wanted - names))
    held = {(each.meeting, each.room) for each in bookings if each.meeting}
    active = [each for each in meetings.values() if each.status is Status.ACTIVE]
    claimed = {(each.id, room) for each in active for room in each.claimed}
    yield from (f"half-made: {each}" for each in sorted(held ^ claimed))
    for each in active:
        if {*each.claimed} | {lost.room for lost in each.lost} < {*each.rooms}:
            yield f"{each.id} has silently lost a room"
    yield from (f"a hold that nobody removed: {each.id}" for each in bookings if each.state is BookingState.HELD)


def _doubled(room: Room, bookings: list[Booking], now: datetime) -> Iterator[str]:
    """Dates of two of the room's bookings that are too near to each other, one by one."""
    low, high = minute(now), minute(now + AHEAD)
    had = [_Had(start, end, each) for each in bookings for _, start, end in stretches(each.pattern, low, high)]
    for one, other in combinations(sorted(had, key=lambda each: each[:2]), 2):
        if one.booking.id != other.booking.id:
            apart = max(one.booking.after, other.booking.before)
            if one.end + apart > other.start:
                at = f"{at_minute(one.start)} and {at_minute(other.start)}"
                yield f"{room.title} is taken twice: {at}, {one.booking.title}, {other.booking.title}"
