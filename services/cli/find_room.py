"""`openchair find room`: rooms that are free when somebody wants one, the best fit first."""

from __future__ import annotations

import json
import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_when, find_why
from services.cli.acting import action
from services.cli.columns import table
from services.cli.data import whole
from services.cli.dates import rhythm
from services.cli.finds import far
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure, seen
from services.cli.when import long, short, span
from services.recurrence.wire import from_schedule, to_schedule

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from services.cli.house import House
    from services.cli.server import Site

OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "schedule": "--on, --at, --every",
    "schedule.start": "--on, --at",
    "schedule.rule": "--every, --until",
    "schedule.minutes": "--for",
    "first_date": "--between",
    "last_date": "--between",
    "minutes": "--for",
    "capacity": "--people",
    "equipment": "--with",
    "accessibility": "--accessible",
    "place": "--place",
    "near.radius_km": "--radius",
    "near": "--near",
}
EXAMPLES: Final = """examples:
  openchair find room riverside --on 2026-12-01 --at 19:00 --for 60 --people 12
  openchair find room riverside --on tuesday --at 19:00 --for 1h30 --every week --partly     also if not on all dates
  openchair find room riverside --between "1 dec" "4 dec" --for 2h --with projector          some time in these days
  openchair find room riverside --on tomorrow --at 9:00 --accessible wheelchair --place "Riverside House"
  openchair find room riverside --on tomorrow --at 9:00 --video                              an account to meet online

It asks with your token, as the rooms' bookings are not public. `openchair book` takes one.

"""
HEADS: Final = ("ROOM", "PLACE", "FREE", "CHAIRS", "")
USUAL: Final = 20
MOST: Final = 1_000
PAGE: Final = 100
HOUR: Final = 60
_MOST_DAYS: Final = 31


def add_to(actions: Any, point: Callable[[str], tuple[float, float]]) -> None:
    """Adds it as a form of `find`; `point` reads degrees."""
    parser = action(actions, "room", "rooms that are free when you want one", find, EXAMPLES, OPTIONS)
    book_when.add_to(parser, new=True)
    window = parser.add_argument_group("or some time")
    window.add_argument(
        "--between", nargs=2, metavar=("DATE", "DATE"), help="in these days, both included (at most 31), for --for"
    )
    what = parser.add_argument_group("what it must have")
    what.add_argument("--people", metavar="N", type=int, default=0, help="chairs for so many")
    what.add_argument("--with", dest="equipment", action="append", default=[], metavar="WHAT", help="projector, piano")
    what.add_argument("--accessible", action="append", default=[], metavar="WHAT", help="wheelchair, hearing-loop ...")
    what.add_argument("--place", metavar="PLACE", help="at this place: title or id")
    what.add_argument(
        "--near", type=point, metavar="LAT,LON", help="the nearest first; --near=-36.85,174.76 south of 0"
    )
    what.add_argument("--radius", type=float, metavar="KM", help="how far from there (default 25, at most 500)")
    what.add_argument("--video", action="store_true", help="a video account in place of a room")
    what.add_argument("--partly", action="store_true", help="also what is free on some dates of a series only")
    parser.add_argument("--limit", type=int, default=USUAL, metavar="N", help=f"at most so many (default {USUAL})")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


async def find(site: Site, asked: argparse.Namespace) -> None:
    """Asks and prints."""
    if not 1 <= asked.limit <= MOST:
        raise Failure(f"--limit: must be from 1 to {MOST:,}", USAGE)
    house = await open_house(site, asked.centre)
    wanted = request(asked, house)
    found = await _pages(site, wanted, asked.limit)
    if asked.json:
        plain = [whole(each) for each in found]
        print(json.dumps({"rooms": plain}, ensure_ascii=False, indent=1))
        return
    print(seen(f"{'Free' if found else 'Asked for:'} {_asked_for(wanted)}{':' * bool(found)}"))
    for line in told(found, wanted) or await find_why.why(site, house, wanted):
        print(seen(line))
    if found:
        print(seen(f"To take one: {_next(asked, house, found[0])}"))


def request(asked: argparse.Namespace, house: House) -> pb.FindFreeRoomsRequest:
    """What the options ask for. Raises Failure."""
    message = pb.FindFreeRoomsRequest(
        parent=house.centre.name,
        kind=place_pb2.ROOM_KIND_VIDEO if asked.video else place_pb2.ROOM_KIND_ROOM,
        capacity=asked.people,
        equipment=asked.equipment,
        accessibility=asked.accessible,
        place=house.place(asked.place).name if asked.place else "",
        partly=asked.partly,
    )
    if asked.near is not None:
        message.near.latitude, message.near.longitude = asked.near
        message.near.radius_km = asked.radius or 0
    if asked.between is None:
        message.schedule.CopyFrom(from_schedule(book_when.wanted(asked, house, house.centre.time_zone)))
        return message
    if said := [
        f"--{path}" for path in ("on", "at", "every", "rule", "until", "ends") if getattr(asked, path) is not None
    ]:
        raise Failure(f"--between is some time in these days: leave out {', '.join(said)}", USAGE)
    first, last = (house.day("--between", each) for each in asked.between)
    if last < first:
        raise Failure(f"--between: {short(last)} is before {short(first)}", USAGE)
    if (last - first).days >= _MOST_DAYS:
        raise Failure(f"--between: at most {_MOST_DAYS} days at once, from {short(first)} on", USAGE)
    message.first_date, message.last_date = first.isoformat(), last.isoformat()
    message.minutes = asked.minutes or HOUR
    return message


async def _pages(site: Site, message: pb.FindFreeRoomsRequest, limit: int) -> list[pb.FreeRoom]:
    """Page by page, until there are as many as are wanted."""
    found = list[pb.FreeRoom]()
    while True:
        message.page_size = min(PAGE, limit - len(found))
        page = await site.rooms.FindFreeRooms(message, timeout=PATIENCE)
        found += page.rooms
        message.page_token = page.next_page_token
        if not page.next_page_token or len(found) >= limit:
            return found


def _asked_for(wanted: pb.FindFreeRoomsRequest) -> str:
    """The time that was asked for, read back."""
    if wanted.HasField("schedule"):
        return rhythm(to_schedule(wanted.schedule))
    days = " to ".join(short(datetime.fromisoformat(each).date()) for each in (wanted.first_date, wanted.last_date))
    return f"for {long(wanted.minutes)}, {days}"


def told(found: Sequence[pb.FreeRoom], wanted: pb.FindFreeRoomsRequest) -> list[str]:
    """A table; none of nothing."""
    minutes = wanted.schedule.minutes or wanted.minutes
    return table(HEADS, [_row(each, minutes) for each in found]) if found else []


def _row(one: pb.FreeRoom, minutes: int) -> tuple[str, ...]:
    more = [far(one.metres) if one.metres else "", "has to be approved" if one.needs_approval else ""]
    chairs = str(one.room.capacity or "")
    return one.room.title, one.place_title, _free(one, minutes), chairs, "; ".join(filter(None, more))


def _free(one: pb.FreeRoom, minutes: int) -> str:
    """When: the first stretch; of a series on how many dates."""
    if one.total > 1:
        return f"{one.free} of {one.total} dates" if one.free < one.total else f"all {one.total} dates"
    if not one.start:
        return "yes"
    start = datetime.fromisoformat(one.start)
    return span(start, start + timedelta(minutes=minutes))


def _next(asked: argparse.Namespace, house: House, first: pb.FreeRoom) -> str:
    """The command that takes the first one."""
    words = ["openchair", "book", house.id, first.room.title]
    if asked.between is not None:
        start = datetime.fromisoformat(first.start)
        words += ["--on", start.date().isoformat(), "--at", f"{start:%H:%M}"]
    else:
        words += ["--on", asked.on] if asked.on else []
        words += ["--at", f"{asked.at:%H:%M}"]
    values = (("--for", asked.minutes), ("--every", asked.every), ("--rule", asked.rule), ("--until", asked.until))
    for option, value in (*values, ("--from", asked.first), ("--ends", asked.ends)):
        words += [option, str(value)] if value else []
    words += ["--if-taken", "skip"] if first.free < first.total else []
    return shlex.join(words)
