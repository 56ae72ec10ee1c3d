"""A booking by what people call it: its title, the beginning of one, its id or the beginning of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli.book_told import SHORT_ID, about
from services.cli.called import id_of, matches, not_one, pages
from services.cli.server import PATIENCE
from services.cli.shell import Failure

if TYPE_CHECKING:
    import argparse

    from openchair.meetings.v1 import booking_pb2

    from services.cli.house import House
    from services.cli.server import Site

_PAGE: Final = 500


def add_to(parser: Any) -> None:
    """Adds what names a booking."""
    parser.add_argument("booking", metavar="BOOKING", help="its title, the beginning of one, or its id (or name)")
    parser.add_argument("--room", metavar="ROOM", help="of this room only: title or id")


async def every(
    site: Site, parent: str, *, mine: bool = False, queue: pb.BookingQueue.ValueType = pb.BOOKING_QUEUE_UNSPECIFIED
) -> list[booking_pb2.Booking]:
    """Bookings of a centre or a room."""
    request = pb.ListBookingsRequest(parent=parent, mine=mine, queue=queue, page_size=_PAGE)
    return await pages(site.rooms.ListBookings, request, "bookings", PATIENCE)


def parent_of(asked: argparse.Namespace, house: House) -> str:
    """The centre's name, or that of the one room that was said."""
    return house.room(asked.room).name if asked.room else house.centre.name


async def find(site: Site, asked: argparse.Namespace, house: House) -> booking_pb2.Booking:
    """The booking that is called so. Raises Failure, which lists what it may be."""
    wanted = asked.booking
    if "/bookings/" in wanted:
        return await site.rooms.GetBooking(pb.GetBookingRequest(name=wanted), timeout=PATIENCE)
    bookings = await every(site, parent_of(asked, house))
    found = matches(wanted, bookings, lambda each: each.title)
    if not found and len(wanted) >= SHORT_ID:
        found = [each for each in bookings if id_of(each).startswith(wanted)]
    if len(found) != 1:
        shown = [(id_of(each), about(each, house)) for each in found or bookings]
        raise Failure(not_one("booking", wanted, shown, several=bool(found)))
    return found[0]
