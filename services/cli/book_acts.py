"""`openchair book approve`, `decline`, `confirm`, `check-in`, `take`: what people do about a booking that is there."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes, book_dates, book_told, book_when, if_taken
from services.cli.asking import give, go_ahead, say, until_current
from services.cli.book_found import find
from services.cli.facts import lines
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import Failure
from services.kit.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from services.cli.book_dates import Booked
    from services.cli.house import House
    from services.cli.server import Site


def add_confirm(parser: Any) -> None:
    """Adds the options of `book confirm`."""
    book_when.add_about(parser)
    parser.add_argument("--json", action="store_true", help="the booking as JSON on standard output")


def add_on(parser: Any, text: str, **options: Any) -> None:
    """Adds the option that names a date."""
    parser.add_argument("--on", metavar="DATE", help=text, **options)


async def approve(site: Site, asked: argparse.Namespace) -> None:
    """A booking that waits is confirmed."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        booking = await _waiting(site, asked, house)
        request = pb.ApproveBookingRequest(
            name=booking.name,
            etag=booking.etag,
            on_clash=if_taken.policy(asked),
            overrule_reason=asked.reason,
            request_id=secrets.token_hex(16),
        )
        done = None
        if go_ahead(asked):
            call = site.rooms.ApproveBooking(request, timeout=PATIENCE)
            done = await book_clashes.unless_taken(asked, house, book_dates.schedule_of(booking), call)
            say(asked, f"Approved: {book_told.about(done, house)}.")
        _give(asked, done, booking)

    await until_current(asked, attempt)


async def decline(site: Site, asked: argparse.Namespace) -> None:
    """A booking that waits is not to be."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        booking = await _waiting(site, asked, house)
        request = pb.DeclineBookingRequest(
            name=booking.name, etag=booking.etag, reason=asked.because or "", request_id=secrets.token_hex(16)
        )
        done = None
        if go_ahead(asked):
            done = await site.rooms.DeclineBooking(request, timeout=PATIENCE)
            say(asked, "Declined: it is not booked.")
        _give(asked, done, booking)

    await until_current(asked, attempt)


async def _waiting(site: Site, asked: argparse.Namespace, house: House) -> booking_pb2.Booking:
    """What was named, shown first. Raises Failure where nothing is to be decided about it."""
    booking = await find(site, asked, house)
    if booking.state != booking_pb2.BOOKING_STATE_PENDING:
        raise Failure(f"it does not wait for approval. It is: {book_told.state(booking)}")
    say(asked, "\n".join(lines(book_told.facts(booking, house, SystemClock().now()))))
    return booking


async def confirm(site: Site, asked: argparse.Namespace) -> None:
    """A hold becomes a booking."""
    house = await open_house(site, asked.centre)
    booking = await find(site, asked, house)
    if booking.state != booking_pb2.BOOKING_STATE_HELD:
        raise Failure(f"it is not held: {book_told.state(booking)}")
    said = booking_pb2.Booking(title=asked.title or "", attendees=asked.people or 0, notes=asked.notes or "")
    request = pb.ConfirmHoldRequest(
        name=booking.name, booking=said, etag=booking.etag, request_id=secrets.token_hex(16)
    )
    call = site.rooms.ConfirmHold(request, timeout=PATIENCE)
    done = await book_clashes.unless_taken(asked, house, book_dates.schedule_of(booking), call)
    say(asked, f"{book_told.about(done, house)}: {book_told.state(done)}.")
    give(asked, {"done": True, "booking": book_told.plain(done)})


async def check_in(site: Site, asked: argparse.Namespace) -> None:
    """Somebody has come."""
    house = await open_house(site, asked.centre)
    booking = await find(site, asked, house)
    date = book_dates.named(house, booking, "--on", asked.on) if asked.on else None
    request = pb.CheckInBookingRequest(
        name=booking.name, key=date.key if date else "", request_id=secrets.token_hex(16)
    )
    done = await site.rooms.CheckInBooking(request, timeout=PATIENCE)
    say(asked, f"Somebody has come: {book_told.about(done, house)}. The room stays booked.")
    give(asked, {"done": True, "booking": book_told.plain(done)})


async def take(site: Site, asked: argparse.Namespace) -> None:
    """Dates that were taken, and are free now, are added to what it has."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        booking = await find(site, asked, house)
        wanted = _wanted(asked, house, booking)
        say(asked, f"{book_told.about(booking, house)} would get, besides:")
        say(asked, "\n".join(f"  {each.told()}" for each in wanted))
        request = pb.TakeSkippedDatesRequest(
            name=booking.name, keys=[each.key for each in wanted], request_id=secrets.token_hex(16)
        )
        done = None
        if go_ahead(asked):
            call = site.rooms.TakeSkippedDates(request, timeout=PATIENCE)
            done = await book_clashes.unless_taken(asked, house, book_dates.schedule_of(booking), call)
            number = len(wanted)  # all of them or none
            say(asked, f"Taken: {number} date{'s' * (number != 1)}. {left(done)}")
        _give(asked, done, booking)

    await until_current(asked, attempt)


def _wanted(asked: argparse.Namespace, house: House, booking: booking_pb2.Booking) -> list[Booked]:
    """The dates that were named; else those that are offered. Raises Failure."""
    zone = book_dates.zone_of(booking)
    if asked.on:
        return [_skipped(house, booking, text) for text in asked.on]
    if offered := [book_dates.slot(each.slot, zone) for each in booking.skipped if each.offered]:
        return offered
    if booking.skipped:
        dates = "".join(f"\n  {book_dates.slot(each.slot, zone).told()}" for each in booking.skipped)
        raise Failure(f"none of the dates that it could not have is free now:{dates}")
    raise Failure("it has all its dates")


def _skipped(house: House, booking: booking_pb2.Booking, text: str) -> Booked:
    if book_dates.is_key(text):
        return book_dates.by_key(booking, text)
    return book_dates.skipped_on(booking, house.day("--on", text))


def left(booking: booking_pb2.Booking) -> str:
    """How many dates it does still without."""
    number = len(booking.skipped)
    return f"It is still without {number} date{'s' * (number != 1)}." if number else "It has all its dates now."


def _give(asked: argparse.Namespace, done: booking_pb2.Booking | None, before: booking_pb2.Booking) -> None:
    give(asked, {"done": done is not None, "booking": book_told.plain(before if done is None else done)})
