"""`openchair room calendar` and `room busy`: what is on in rooms, as much as whoever asks may know."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import reading, room_report
from services.cli.acting import action
from services.cli.called import SHORT_ID
from services.cli.columns import WIDTH, table
from services.cli.data import whole
from services.cli.house import open_house
from services.cli.server import PATIENCE
from services.cli.shell import USAGE, Failure, seen
from services.cli.when import short, span
from services.formats.folding import fold
from services.recurrence.zones import midnight, to_local

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence
    from datetime import date

    from google.protobuf.timestamp_pb2 import Timestamp
    from openchair.meetings.v1 import place_pb2

    from services.cli.house import House
    from services.cli.server import Site

OPTIONS: Final[Mapping[str, str]] = {
    "parent": "CENTRE",
    "name": "ROOM",
    "rooms": "ROOM",
    "start_time": "--from",
    "end_time": "--until",
    "first_date": "--from",
    "last_date": "--to",
}
_EXAMPLES: Final = """examples:
  openchair room calendar riverside "River Hall"                 today and the six days after it
  openchair room calendar riverside "River Hall" --week          this week, Monday to Sunday
  openchair room calendar riverside "River Hall" --from "1 dec" --until "31 dec"
  openchair room calendar riverside --from tuesday --until tuesday      Tuesday in the whole house, room by room
  openchair room busy riverside                                  when each room is taken, and nothing else
  openchair room report riverside                                how much rooms were used, the last four weeks
  openchair room report riverside "River Hall" --from "1 sep" --to "30 nov" --csv rooms.csv

"""
_STATES: Final = {
    booking_pb2.BOOKING_STATE_HELD: "held for a moment",
    booking_pb2.BOOKING_STATE_PENDING: "waits for approval",
}
_MOST_AT_ONCE: Final = 50
_MOST_SHOWN: Final = 365  # days; an hour more or less, where clocks change, is no more than the contract's 366
_MOST_BUSY: Final = 91  # the same, of 92
_WITHIN: Final = WIDTH - 2  # columns
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)


def add_to(actions: Any) -> None:
    """Adds the actions of `openchair room` that are about times."""
    text = "what is on in a room, or in all of them, day by day"
    calendar = action(actions, "calendar", text, _calendar, _EXAMPLES, OPTIONS, "[ROOM ...]")
    calendar.add_argument("rooms", metavar="ROOM", nargs="*", help="title, its beginning, or id (default: all)")
    _add_days(calendar)
    busy = action(actions, "busy", "when rooms are taken, and nothing else", _busy, _EXAMPLES, OPTIONS, "[ROOM ...]")
    busy.add_argument("rooms", metavar="ROOM", nargs="*", help="title, its beginning, or id (default: all)")
    _add_days(busy)
    room_report.add_to(actions, _EXAMPLES, OPTIONS)


def _add_days(parser: Any) -> None:
    parser.add_argument("--week", action="store_true", help="the week, Monday to Sunday, that holds today or --from")
    parser.add_argument("--from", dest="since", metavar="DATE", type=reading.date_text, help="from this day on (today)")
    parser.add_argument("--until", metavar="DATE", type=reading.date_text, help="the last day (six days later)")
    parser.add_argument("--json", action="store_true", help="as JSON on standard output")


def days(asked: argparse.Namespace, house: House, most: int) -> tuple[date, date]:
    """The first and the last day that are asked for. Raises Failure."""
    first = house.day("--from", asked.since) if asked.since else house.today
    if asked.week:
        if asked.until:
            raise Failure("--week: not with --until: a week ends on Sunday", USAGE)
        first -= timedelta(days=first.weekday())
    last = house.day("--until", asked.until) if asked.until else first + _WEEK - _DAY
    if last < first:
        raise Failure(f"--until: {short(last)} is before {short(first)}", USAGE)
    if (last - first).days >= most:
        raise Failure(f"--until: at most {most} days at once, from {short(first)} on", USAGE)
    return first, last


def _from_to(first: date, last: date) -> str:
    """The days that are shown."""
    return short(first) if first == last else f"{short(first)} to {short(last)}"


async def _calendar(site: Site, asked: argparse.Namespace) -> None:
    house = await open_house(site, asked.centre)
    rooms = _rooms(asked, house)
    first, last = days(asked, house, _MOST_SHOWN)
    found = [await _shown(site, house, each, first, last) for each in rooms]
    if asked.json:
        plain = [whole(each) for each in found]
        one = len(asked.rooms) == 1
        print(json.dumps(plain[0] if one else {"calendars": plain}, ensure_ascii=False, indent=1))
        return
    for room, calendar in zip(rooms, found, strict=True):
        print(seen(f"{room.title}, {_from_to(first, last)}"))
        told = by_day(calendar.events, house, _zone(room, house)) or ["  Nothing is on."]
        for line in told if first != last else [each for each in told if each != short(first)]:
            print(seen(line))


def _rooms(asked: argparse.Namespace, house: House) -> list[place_pb2.Room]:
    """Those that were named, each once; else all of them, by title. Raises Failure."""
    named = list({each.name: each for each in map(house.room, asked.rooms)}.values())
    return named or sorted(house.rooms, key=lambda each: fold(each.title))


def _zone(room: place_pb2.Room, house: House) -> str:
    return room.time_zone or house.centre.time_zone


async def _shown(site: Site, house: House, room: place_pb2.Room, first: date, last: date) -> pb.GetRoomCalendarResponse:
    """What is on in a room on these days, both included."""
    zone = _zone(room, house)
    request = pb.GetRoomCalendarRequest(name=room.name)
    request.start_time.FromDatetime(midnight(first, zone))
    request.end_time.FromDatetime(midnight(last + _DAY, zone))
    return await site.rooms.GetRoomCalendar(request, timeout=PATIENCE)


def by_day(events: Sequence[pb.RoomEvent], house: House, zone: str) -> list[str]:
    """A table with a headline for each day on which something is on, in the local time of `zone`."""
    rows = [_row(each, house, zone) for each in events]
    heads = [_local(each.start_time, zone).date() for each in events]
    lines = iter(zip(heads, rows, strict=True))
    told = list[str]()
    for day, group in groupby(lines, key=lambda each: each[0]):
        told += [short(day), *(f"  {line}" for line in table(("", "", "", ""), [row for _, row in group], _WITHIN))]
    return told


def _row(event: pb.RoomEvent, house: House, zone: str) -> tuple[str, ...]:
    start, end = _local(event.start_time, zone), _local(event.end_time, zone)
    until = f"{end:%H:%M}" if start.date() == end.date() else short(end)
    marks = [
        _STATES.get(event.state, ""),
        f"in {house.titles([event.by_room])[0]}" if event.by_room else "",
        "somebody came" if event.checked_in else "",
        f"overruled: {event.overrule_reason}" if event.overrule_reason else "",
        f"closed: {event.closure_reason}" if event.closure_reason else "",
        _kept(event),
    ]
    id_ = event.booking.rpartition("/")[2][:SHORT_ID]
    return f"{start:%H:%M} to {until}", event.title, "; ".join(filter(None, marks)), id_


def _kept(event: pb.RoomEvent) -> str:
    """Minutes around it in which nobody else may have the room."""
    parts = [f"{n} min {word}" for n, word in ((event.before_minutes, "before"), (event.after_minutes, "after")) if n]
    return f"kept free {' and '.join(parts)}" if parts else ""


def _local(instant: Timestamp, zone: str) -> datetime:
    return to_local(instant.ToDatetime(tzinfo=UTC), zone)


async def _busy(site: Site, asked: argparse.Namespace) -> None:
    house = await open_house(site, asked.centre)
    rooms = _rooms(asked, house)
    first, last = days(asked, house, _MOST_BUSY)
    found = await _taken(site, house, rooms, first, last)
    if asked.json:
        plain = [whole(each) for each in found]
        print(json.dumps({"rooms": plain}, ensure_ascii=False, indent=1))
        return
    print(_from_to(first, last))
    for line in busy_lines(found, house):
        print(seen(line))


async def _taken(
    site: Site, house: House, rooms: Sequence[place_pb2.Room], first: date, last: date
) -> list[pb.RoomBusy]:
    """Of all rooms, as many at once as may be asked for."""
    found = list[pb.RoomBusy]()
    zone = house.centre.time_zone
    for begin in range(0, len(rooms), _MOST_AT_ONCE):
        names = [each.name for each in rooms[begin : begin + _MOST_AT_ONCE]]
        request = pb.GetFreeBusyRequest(parent=house.centre.name, rooms=names)
        request.start_time.FromDatetime(midnight(first, zone))
        request.end_time.FromDatetime(midnight(last + _DAY, zone))
        found += (await site.rooms.GetFreeBusy(request, timeout=PATIENCE)).rooms
    return found


def busy_lines(found: Sequence[pb.RoomBusy], house: House) -> list[str]:
    """Each room with the times at which it is taken, in its own local time."""
    zones = {each.name: each.time_zone or house.centre.time_zone for each in house.rooms}
    told = list[str]()
    for one in found:
        told.append(house.titles([one.room])[0])
        zone = zones.get(one.room, house.centre.time_zone)
        told += [f"  {_stretch(each, zone)}" for each in one.busy] or ["  free"]
    return told


def _stretch(busy: pb.BusyTime, zone: str) -> str:
    text = span(_local(busy.start_time, zone), _local(busy.end_time, zone))
    return f"{text}  (not certain yet)" if busy.tentative else text
