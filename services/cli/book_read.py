"""`openchair book list` and `book show`: bookings, and the lists to work through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_found, book_told
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import Failure, seen
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from services.cli.server import Site


class Queue(NamedTuple):
    """A list to work through: the option, what stands in it, and what one does about that."""

    option: str
    number: pb.BookingQueue.ValueType
    help: str
    next: str


QUEUES: Final = (
    Queue(
        "--waiting", pb.BOOKING_QUEUE_PENDING, "that wait to be approved, oldest first", "approve {0} ID, or decline"
    ),
    Queue("--offered", pb.BOOKING_QUEUE_OFFERED, "with dates that were taken and are free now", "take {0} ID"),
    Queue(
        "--without-room",
        pb.BOOKING_QUEUE_SKIPPED,
        "with dates that they could not have: also a meeting's dates without their room",
        "show {0} ID",
    ),
    Queue(
        "--overruled",
        pb.BOOKING_QUEUE_OVERRULED,
        "for which somebody overruled a clash that still stands: who, why, and what they stand over",
        "show {0} ID",
    ),
    Queue("--unused", pb.BOOKING_QUEUE_UNUSED, "that nobody came to lately", "release {0} ID --all"),
)


def add_to(listing: argparse.ArgumentParser) -> None:
    """Adds the options of `book list`."""
    which = listing.add_mutually_exclusive_group()
    which.add_argument("--mine", action="store_true", help="that you booked")
    for each in QUEUES:
        which.add_argument(each.option, dest="queue", action="store_const", const=each, help=each.help)
    help_ = "with --overruled: also those that are in nobody's way any more"
    listing.add_argument("--settled", action="store_true", help=help_)
    listing.add_argument("--room", metavar="ROOM", help="of this room only: title or id")
    listing.add_argument("--json", action="store_true", help="as JSON on standard output")


async def listed(site: Site, asked: argparse.Namespace) -> None:
    """A table; below it what to do about a list that is to be worked through."""
    house = await open_house(site, asked.centre)
    number = asked.queue.number if asked.queue else pb.BOOKING_QUEUE_UNSPECIFIED
    if asked.settled and number != pb.BOOKING_QUEUE_OVERRULED:
        raise Failure("--settled goes with --overruled")
    parent = book_found.parent_of(asked, house)
    found = await book_found.every(site, parent, mine=asked.mine, queue=number, settled=asked.settled)
    if asked.json:
        print(json.dumps([book_told.plain(each) for each in found], ensure_ascii=False, indent=1))
        return
    if found:
        print("\n".join(map(seen, book_told.rows(found, house))))
    for booking in found if number == pb.BOOKING_QUEUE_OVERRULED else ():
        print("\n".join(map(seen, book_told.overruled(booking, house))))
    print(f"{len(found)} booking{'s' * (len(found) != 1)}")
    if found and asked.queue:
        print(f"What to do next: openchair book {asked.queue.next.format(house.id)}")


async def shown(site: Site, asked: argparse.Namespace) -> None:
    """All that a booking says of itself."""
    house = await open_house(site, asked.centre)
    booking = await book_found.find(site, asked, house)
    if booking.overrule_reason:  # lists do not say what it stands over
        booking = await site.rooms.GetBooking(pb.GetBookingRequest(name=booking.name), timeout=PATIENCE)
    if asked.json:
        print(json.dumps(book_told.plain(booking), ensure_ascii=False, indent=1))
        return
    for line in "\n".join(lines(book_told.facts(booking, house, SystemClock().now()))).split("\n"):
        print(seen(line))
