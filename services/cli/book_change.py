"""`openchair book change` and `book release`: one date of a booking, those from a date on, or all."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes, book_dates, book_told, book_when, if_taken, meeting_when, reading
from services.cli.asking import SAME, give, go_ahead, say, until_current
from services.cli.book_found import find
from services.cli.called import id_of
from services.cli.dates import rhythm
from services.cli.facts import changed_lines, differing
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure
from services.cli.when import full, hour_alone
from services.kit.clock import SystemClock
from services.recurrence import edits
from services.recurrence.schedule import dates as keys_of
from services.recurrence.schedule import occurrence
from services.recurrence.types import Schedule
from services.recurrence.wire import from_schedule, parse_key
from services.recurrence.zones import local_day, midnight

if TYPE_CHECKING:
    import argparse
    from typing import Any

    from services.cli.book_dates import Booked
    from services.cli.house import House
    from services.cli.server import Site
    from services.recurrence.types import Deviation

_OF_A_SERIES = ("on", "every", "rule", "until")


class Wish(NamedTuple):
    """What is asked for, the time it would have (of what is changed), and which dates that is about, in words."""

    request: pb.ChangeBookingRequest
    schedule: Schedule
    about: str


def add_scope(parser: Any, verb: str) -> None:
    """Adds which dates are meant."""
    group = parser.add_argument_group("which dates")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--only", metavar="DATE", help=f"{verb} only this date")
    which.add_argument("--from", dest="since", metavar="DATE", help=f"{verb} this date and those that follow")
    which.add_argument("--all", action="store_true", help=f"{verb} all of them")


def add_change(parser: Any) -> None:
    """Adds the options of `book change`."""
    add_scope(parser, "change")
    parser.add_argument(
        "--to", metavar="WHEN", type=reading.moved_text, help='with --only: "2 dec 18:00", or 18:00 on the same day'
    )
    book_when.add_to(parser, new=False)
    book_when.add_about(parser)
    if_taken.add_to(parser)


async def change(site: Site, asked: argparse.Namespace) -> None:
    """Shows what would differ, and does it."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        booking = own(await find(site, asked, house), house)
        wish = _wish(asked, house, booking)
        found = differing(_facts(booking, _was(wish, booking)), _facts(wish.request.booking, wish.schedule))
        say(asked, f"{book_told.about(booking, house)}: {wish.about}")
        if not found:
            say(asked, SAME)
            give(asked, {"done": False, "changes": [], "booking": book_told.plain(booking)})
            return
        say(asked, "\n".join(changed_lines(found)))
        await _tell_clashes(site, asked, house, wish)
        changes = [each._asdict() for each in found]
        if not go_ahead(asked):
            give(asked, {"done": False, "changes": changes, "booking": book_told.plain(booking)})
            return
        call = site.rooms.ChangeBooking(wish.request, timeout=PATIENCE)
        done = await book_clashes.unless_taken(asked, house, wish.schedule, call)
        say(asked, f"Done: {book_told.about(done, house)}.\nIts id is {id_of(done)}.")
        give(asked, {"done": True, "changes": changes, "booking": book_told.plain(done)})

    await until_current(asked, attempt)


def own(booking: booking_pb2.Booking, house: House) -> booking_pb2.Booking:
    """A booking that was made by itself. Raises Failure for that of a meeting, which goes where the meeting goes."""
    if booking.meeting:
        meeting = booking.meeting.rpartition("/")[2]
        raise Failure(
            "a meeting holds this room; change the meeting, and the room follows:\n"
            f"  openchair meeting show {house.id} {meeting}\n"
            f"  openchair meeting edit {house.id} {meeting} --help"
        )
    return booking


def _wish(asked: argparse.Namespace, house: House, booking: booking_pb2.Booking) -> Wish:
    """Raises Failure where nothing is to be changed, or what cannot be."""
    request = pb.ChangeBookingRequest(
        booking=booking,
        on_clash=if_taken.policy(asked),
        overrule_reason=asked.reason,
        request_id=secrets.token_hex(16),
    )
    paths = _about(asked, request.booking)
    date = scope(asked, house, booking, request)
    if date is not None and asked.only:
        schedule, moved = _moved(asked, house, booking, date)
    else:
        if asked.to is not None:
            raise Failure("--to goes with --only DATE; for all dates say --at, --on or --every", USAGE)
        schedule, moved = _changed(asked, house, _base(booking, date))
        if moved and not booking.HasField("schedule"):
            raise Failure("it has single dates only: --only DATE --to WHEN moves one of them", USAGE)
    request.update_mask.paths.extend([*paths, *moved])
    if not request.update_mask.paths:
        raise Failure("say what is to be changed: `openchair book change --help` lists it", USAGE)
    if moved:
        request.booking.schedule.CopyFrom(from_schedule(schedule))
    return Wish(request, schedule, _which(asked, booking, date))


def _about(asked: argparse.Namespace, booking: booking_pb2.Booking) -> list[str]:
    """Puts what was said of it besides its time into the message, and names the paths."""
    said = {"title": asked.title, "attendees": asked.people, "notes": asked.notes}
    paths = [path for path, value in said.items() if value is not None]
    for path in paths:
        setattr(booking, path, said[path])
    return paths


def scope(
    asked: argparse.Namespace,
    house: House,
    booking: booking_pb2.Booking,
    request: pb.ChangeBookingRequest | pb.ReleaseBookingRequest,
) -> Booked | None:
    """Says in the request which dates are meant. The date that was named, if one was. Raises Failure."""
    text = asked.only or asked.since
    if not text:
        request.scope = pb.BOOKING_SCOPE_ALL
        return None
    date = book_dates.named(house, booking, "--only", text) if asked.only else _first_from(house, booking, text)
    request.scope = pb.BOOKING_SCOPE_THIS if asked.only else pb.BOOKING_SCOPE_FOLLOWING
    request.key = date.key
    return date


def _first_from(house: House, booking: booking_pb2.Booking, text: str) -> Booked:
    """Its first date from that day on. Raises Failure."""
    if book_dates.is_key(text):
        return book_dates.by_key(booking, text)
    day = house.day("--from", text)
    since = midnight(day, book_dates.zone_of(booking))
    if found := [each for each in book_dates.coming(booking, since) if each.start.date() >= day]:
        return found[0]
    raise Failure(f"--from: it has no date from {full(day)} on", USAGE)


def _base(booking: booking_pb2.Booking, date: Booked | None) -> Schedule:
    """Its schedule, from that date on."""
    schedule = book_dates.schedule_of(booking)
    undisturbed: tuple[Deviation, ...] = ()
    parts = edits.split(schedule, undisturbed, parse_key(date.key)) if date else None
    return parts[1].schedule if parts else schedule


def _changed(asked: argparse.Namespace, house: House, old: Schedule) -> tuple[Schedule, list[str]]:
    """Another time of all dates; the first one follows the rule where it was not said. Raises Failure."""
    schedule, paths = meeting_when.changed(asked, house, old)
    if schedule.rule != old.rule and "schedule.start" not in paths:
        schedule = msgspec.structs.replace(schedule, start=edits.derive_start(old, schedule.rule))
    return schedule, paths


def _moved(
    asked: argparse.Namespace, house: House, booking: booking_pb2.Booking, date: Booked
) -> tuple[Schedule, list[str]]:
    """One date at another time. Raises Failure."""
    if wrong := [f"--{path}" for path in _OF_A_SERIES if getattr(asked, path) is not None]:
        raise Failure(f"{', '.join(wrong)}: not with --only, which is one date; --to says when it is instead", USAGE)
    start = _start(asked, house, date)
    minutes = asked.minutes or round((date.end - date.start).total_seconds()) // 60
    schedule = Schedule(start, book_dates.zone_of(booking), minutes)
    if asked.ends is not None:
        raise Failure("--ends: not with --only; say --for", USAGE)
    paths = [
        f"schedule.{path}" for path, differs in (("start", start != date.start), ("minutes", asked.minutes)) if differs
    ]
    return schedule, paths


def _start(asked: argparse.Namespace, house: House, date: Booked) -> datetime:
    hour = asked.at or (hour_alone(asked.to) if asked.to else None)
    if hour is not None:
        return datetime.combine(date.start.date(), hour)
    if asked.to is None:
        return date.start
    to = house.moment("--to", asked.to)
    return to if isinstance(to, datetime) else datetime.combine(to, date.start.time())


def _which(asked: argparse.Namespace, booking: booking_pb2.Booking, date: Booked | None) -> str:
    if date is None:
        return "all its dates that are not over" if book_dates.several(booking) else "the whole booking"
    return f"only {full(date.start)}" if asked.only else f"from {full(date.start.date())} on"


def _was(wish: Wish, booking: booking_pb2.Booking) -> Schedule:
    """The time of what is to be changed, as it is."""
    schedule = book_dates.schedule_of(booking)
    if wish.request.scope == pb.BOOKING_SCOPE_ALL:
        return schedule
    date = book_dates.by_key(booking, wish.request.key)
    if wish.request.scope == pb.BOOKING_SCOPE_THIS:
        minutes = round((date.end - date.start).total_seconds()) // 60
        return Schedule(date.start, schedule.zone, minutes)
    return _base(booking, date)


def _facts(booking: booking_pb2.Booking, schedule: Schedule) -> dict[str, str]:
    when = rhythm(schedule)
    people = str(booking.attendees or "")
    return {"when": when, "what": booking.title, "people": people, "notes": booking.notes}


async def _tell_clashes(site: Site, asked: argparse.Namespace, house: House, wish: Wish) -> None:
    """What would be in the way, before anything is asked. Raises Failure where that is to be refused."""
    booking = wish.request.booking
    if not any(path.startswith("schedule") for path in wish.request.update_mask.paths):
        return
    check = pb.CheckBookingRequest(
        parent=house.centre.name,
        rooms=[book_told.room_of(booking)],
        booking=booking_pb2.Booking(schedule=from_schedule(_to_come(wish.schedule)), attendees=booking.attendees),
        instead_of=booking.name,
    )
    found = await site.rooms.CheckBooking(check, timeout=PATIENCE)
    if found.free:
        return
    say(asked, "It cannot be had like this:")
    say(asked, "\n".join(f"  {line}" for line in book_clashes.in_the_way(found, house, wish.schedule.zone)))
    if wish.request.on_clash in if_taken.MEANS:
        say(asked, if_taken.MEANS[wish.request.on_clash] + asked.reason)
        return
    if found.alternatives:
        say(asked, "What would work:")
        say(asked, "\n".join(book_clashes.instead(found, house, wish.schedule)))
    give(asked, {"done": False, "check": book_clashes.plain(found)})
    raise Failure("nothing was changed: say another time, or --if-taken skip for the dates that are free")


def _to_come(schedule: Schedule) -> Schedule:
    """A series from its next date on: what is over is in nobody's way, and nobody asks for it."""
    now = SystemClock().now()
    if schedule.rule is None:
        return schedule
    keys = keys_of(schedule, local_day(now, schedule.zone))
    following = next((key for key in keys if occurrence(schedule, key).start > now), None)
    undisturbed: tuple[Deviation, ...] = ()
    parts = edits.split(schedule, undisturbed, following) if following else None
    return parts[1].schedule if parts else schedule


async def release(site: Site, asked: argparse.Namespace) -> None:
    """Gives back what is named."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        booking = own(await find(site, asked, house), house)
        request = pb.ReleaseBookingRequest(
            name=booking.name, etag=booking.etag, reason=asked.because or "", request_id=secrets.token_hex(16)
        )
        if book_dates.several(booking) and not (asked.only or asked.since or asked.all):
            raise Failure("say which dates: --only DATE, --from DATE (and those that follow), or --all", USAGE)
        date = scope(asked, house, booking, request)
        say(asked, f"{book_told.about(booking, house)}: {_which(asked, booking, date)} would be given back.")
        if not go_ahead(asked):
            give(asked, {"done": False, "booking": book_told.plain(booking)})
            return
        done = await site.rooms.ReleaseBooking(request, timeout=PATIENCE)
        say(asked, "Given back. Whoever had to do without that time is offered it.")
        give(asked, {"done": True, "booking": book_told.plain(done)})

    await until_current(asked, attempt)
