"""Bookings as they are: Get, List. Each asker learns as much as it may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import msgspec
from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Invalid, Violation
from services.kit.paging import LARGEST_SIZE, page_size
from services.meetings import records
from services.meetings.availability import hindrances, inside
from services.meetings.booking_asked import person
from services.meetings.clashes import clash_message
from services.meetings.closing import NOTHING
from services.meetings.desk import CENTRE, ROOM
from services.meetings.ledger import hold_expired, stored, told
from services.meetings.types_rooms import Booking, BookingState, Room
from services.meetings.wire_bookings import stamped
from services.recurrence.timetable import at_minute
from services.recurrence.wire import key_text, local_text
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.kit.call import Call
    from services.kit.store.port import Record
    from services.meetings.availability import Hindrance
    from services.meetings.board import House
    from services.meetings.closing import Frame
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts

OVERRULED: Final = 5
QUEUES: Final[dict[int, dict[str, str | bool]]] = {
    0: {},
    1: {"state": BookingState.PENDING.value},
    2: {"offers": True},
    3: {"skips": True},
    4: {"proposed": True},
    OVERRULED: {"overrules": True},
}
"""What a booking of the queue says of itself, by the wire's number."""

ORDER: Final = ("created_at",)

MOST_CLOSED: Final = 20
"""Dates in closures that are told of one booking."""

MOST_BELOW: Final = 20
"""Dates that are told of what an overruled booking stands over."""

MOST_OVERRULED: Final = 100
"""Bookings on a page of them: with what each stands over more would not fit a message (4 MiB)."""

MOST_LOOKED_AT: Final = 200
"""Bookings that somebody overruled which are looked at for one page of those that still stand over something."""


class BookingLists:
    """The methods that show bookings."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def get_booking(self, call: Call[pb.GetBookingRequest]) -> booking_pb2.Booking:
        """One booking. A hold that has expired is none any more."""
        held = await stored(self.desk, call.message.name)
        if _expired(held.value, self.desk.now()):
            raise hold_expired()
        found = [(held.value, stamped(held.value, held.record, told(call, held.value)))]
        await self._with_what_it_stands_over(call, found)
        (message,) = await self._with_closed(found)
        return message

    async def list_bookings(self, call: Call[pb.ListBookingsRequest]) -> pb.ListBookingsResponse:
        """Bookings of a centre or a room, or a queue of them, oldest first. A queue of facilitators holds their own."""
        request = call.message
        where = await self._where(call)
        largest = MOST_OVERRULED if request.queue == OVERRULED else LARGEST_SIZE
        size = page_size(request.page_size, largest=largest)
        after, looked_at = self.desk.pages.position(call), 0
        found: list[tuple[Booking, booking_pb2.Booking]] = []
        while True:
            page = await self.desk.store.find("booking", where, ORDER, limit=size - len(found), after=after)
            after, looked_at = page.after, looked_at + len(page.records)
            found += await self._listed(call, page.records)
            if after is None or len(found) >= size or (request.queue == OVERRULED and looked_at >= MOST_LOOKED_AT):
                token = self.desk.pages.token(call, after)
                return pb.ListBookingsResponse(bookings=await self._with_closed(found), next_page_token=token)

    async def _listed(
        self, call: Call[pb.ListBookingsRequest], page: Sequence[Record]
    ) -> list[tuple[Booking, booking_pb2.Booking]]:
        """What of these stands in the list: no hold that has expired, nor what was overruled and is settled by now."""
        now, request, found = self.desk.now(), call.message, list[tuple[Booking, booking_pb2.Booking]]()
        for record in page:
            booking = records.read(record, Booking)
            if not _expired(booking, now):
                found.append((booking, stamped(booking, record, told(call, booking))))
        if request.queue != OVERRULED:
            return found
        await self._with_what_it_stands_over(call, found)
        if request.include_settled or not found or not person(call, found[0][0].centre).keeper:
            return found
        return [each for each in found if each[1].stands_over]

    async def _with_what_it_stands_over(
        self, call: Call[Any], found: Sequence[tuple[Booking, booking_pb2.Booking]]
    ) -> None:
        """Says of bookings of one centre that somebody overruled what they stand over, to who keeps the list."""
        overruled = [each for each in found if each[0].overruled]
        if not overruled or not (who := person(call, overruled[0][0].centre)).keeper:
            return
        centre = overruled[0][0].centre
        frame, house = await self.parts.in_force.frame(centre), await self.desk.board.house(centre)
        known: dict[str, Booking] = {}
        for booking, message in overruled:
            for each in below(house, booking, self.desk.now(), frame):
                message.stands_over.append(clash_message(centre, await self._named(each, known), who.asker))
            await asyncio.sleep(0)  # each takes some milliseconds

    async def _named(self, found: Hindrance, known: dict[str, Booking]) -> Hindrance:
        """With the words of what is in the way, which the board does not keep; each booking is read once."""
        if found.by is None:
            return found
        if found.by.id not in known:
            record = await self.desk.store.get("booking", found.by.id)
            known[found.by.id] = found.by if record is None else records.read(record, Booking)
        return found._replace(by=known[found.by.id])

    async def _with_closed(self, found: Sequence[tuple[Booking, booking_pb2.Booking]]) -> list[booking_pb2.Booking]:
        """The messages of these bookings of one centre, each with its dates in closures."""
        own = [each for each in found if not each[0].meeting]
        frame = await self.parts.in_force.frame(own[0][0].centre, holidays=False) if own else NOTHING
        rooms: dict[str, Room | None] = {}
        for booking, message in own if frame.closures else ():
            if booking.room not in rooms:
                record = await self.desk.store.get("room", booking.room)
                rooms[booking.room] = None if record is None or record.gone else records.read(record, Room)
            if (room := rooms[booking.room]) is not None:
                message.closed.extend(_closed(booking, room, frame, self.desk.now()))
        return [message for _, message in found]

    async def _where(self, call: Call[pb.ListBookingsRequest]) -> dict[str, str | bool]:
        """What the list is of. Raises Invalid, NotFound."""
        request = call.message
        of_room = ROOM.matches(request.parent)
        ids = (ROOM if of_room else CENTRE).parse(request.parent, "parent")
        if request.queue not in QUEUES:
            raise Invalid(Violation("queue", "is not one of the values this field takes"))
        where: dict[str, str | bool] = {"centre": ids["centre"], "removed": False, **QUEUES[request.queue]}
        if of_room:
            await self.desk.held("room", ids["room"], Room, request.parent, ids["centre"])
            where["room"] = ids["room"]
        if request.mine or (request.queue and not person(call, ids["centre"]).keeper):
            where["organiser"] = call.caller.subject
        return where


def below(house: House, booking: Booking, at: str, frame: Frame) -> list[Hindrance]:
    """What an overruled booking stands over from now on, in order of time. Dates of a meeting follow closures."""
    room = house.rooms.get(booking.room)
    if room is None:
        return []
    own = msgspec.structs.replace(room, before=booking.before, after=booking.after)
    closures = () if booking.meeting else frame.closures
    return hindrances(
        *(own, house.diaries, booking.pattern, at),
        ignoring=frozenset({booking.id}),
        closures=closures,
        zone=frame.zone,
        most=MOST_BELOW,
    )[:MOST_BELOW]


def _closed(booking: Booking, room: Room, frame: Frame, at: str) -> Iterator[booking_pb2.ClosedDate]:
    found = inside(frame.closures, room, booking.pattern, at, frame.zone, most=MOST_CLOSED)
    for each in found[:MOST_CLOSED]:
        start = local_text(to_local(at_minute(each.start), booking.pattern.zone))
        yield booking_pb2.ClosedDate(key=key_text(each.key), start=start, reason=each.reason)


def _expired(booking: Booking, at: str) -> bool:
    return booking.state is BookingState.HELD and not booking.holds(at)
