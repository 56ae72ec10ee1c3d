"""Bookings as they are: Get, List. Each asker learns as much as it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Invalid, Violation
from services.kit.paging import page_size
from services.meetings import records
from services.meetings.booking_asked import person
from services.meetings.desk import CENTRE, ROOM
from services.meetings.ledger import hold_expired, stored, told
from services.meetings.types_rooms import Booking, BookingState, Room
from services.meetings.wire_bookings import stamped

if TYPE_CHECKING:
    from openchair.meetings.v1 import booking_pb2

    from services.kit.call import Call
    from services.meetings.desk import Desk

QUEUES: Final[dict[int, dict[str, str | bool]]] = {
    0: {},
    1: {"state": BookingState.PENDING.value},
    2: {"offers": True},
    3: {"skips": True},
    4: {"proposed": True},
}
"""What a booking of the queue says of itself, by the wire's number."""

ORDER: Final = ("created_at",)


class BookingLists:
    """The methods that show bookings."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def get_booking(self, call: Call[pb.GetBookingRequest]) -> booking_pb2.Booking:
        """One booking. A hold that has expired is none any more."""
        held = await stored(self.desk, call.message.name)
        if _expired(held.value, self.desk.now()):
            raise hold_expired()
        return stamped(held.value, held.record, told(call, held.value))

    async def list_bookings(self, call: Call[pb.ListBookingsRequest]) -> pb.ListBookingsResponse:
        """Bookings of a centre or a room, or a queue of them, oldest first. A queue of facilitators holds their own."""
        request = call.message
        where = await self._where(call)
        size, after, now = page_size(request.page_size), self.desk.pages.position(call), self.desk.now()
        found: list[booking_pb2.Booking] = []
        while True:
            page = await self.desk.store.find("booking", where, ORDER, limit=size - len(found), after=after)
            after = page.after
            for record in page.records:
                booking = records.read(record, Booking)
                if not _expired(booking, now):
                    found.append(stamped(booking, record, told(call, booking)))
            if after is None or len(found) >= size:
                return pb.ListBookingsResponse(bookings=found, next_page_token=self.desk.pages.token(call, after))

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


def _expired(booking: Booking, at: str) -> bool:
    return booking.state is BookingState.HELD and not booking.holds(at)
