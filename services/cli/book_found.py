"""A booking by what people call it: its title, the beginning of one, its id or the beginning of that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_dates
from services.cli.book_told import about, room_of
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
    site: Site,
    parent: str,
    *,
    mine: bool = False,
    queue: pb.BookingQueue.ValueType = pb.BOOKING_QUEUE_UNSPECIFIED,
    settled: bool = False,
) -> list[booking_pb2.Booking]:
    """Bookings of a centre or a room; of those that somebody overruled a clash for, also what is `settled`."""
    request = pb.ListBookingsRequest(parent=parent, mine=mine, queue=queue, page_size=_PAGE, include_settled=settled)
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
    found = _parts(found, asked, house) if len(found) > 1 else found
    if len(found) != 1:
        shown = [(id_of(each), about(each, house)) for each in found or bookings]
        raise Failure(not_one("booking", wanted, shown, several=bool(found)))
    return found[0]


def _parts(found: list[booking_pb2.Booking], asked: argparse.Namespace, house: House) -> list[booking_pb2.Booking]:
    """Of what a series was cut into, the part that has the one date that was named; whatever else it is as it is."""
    option = "--only" if hasattr(asked, "only") else "--on"  # `book change --on` is a day of the week
    said = getattr(asked, option[2:], None)
    if not said or len({(each.lineage, room_of(each)) for each in found}) != 1:
        return found
    texts = [said] if isinstance(said, str) else said
    return [each for each in found if all(_has(each, house, option, text) for text in texts)] or found


def _has(booking: booking_pb2.Booking, house: House, option: str, text: str) -> bool:
    """Whether it has that date, or had to do without it."""
    if not book_dates.is_key(text) and book_dates.left_out_on(booking, house.day(option, text)):
        return True
    try:
        book_dates.named(house, booking, option, text)
    except Failure:
        return False
    return True
