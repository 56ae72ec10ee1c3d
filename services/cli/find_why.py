"""Why no room was found: what none has, or what is in the way in those that would do; what to ask for instead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import booking_pb2, place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes
from services.cli.columns import WIDTH, table
from services.cli.server import PATIENCE
from services.formats.folding import fold
from services.recurrence.wire import to_schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.cli.house import House
    from services.cli.server import Site

_MOST: Final = 5
"""Rooms that are looked into: to name what is in the way of each takes a call."""
_WORDS: Final = {"--with": "equipment", "--accessible": "accessibility"}
_AROUND: Final = timedelta(days=3)


async def why(site: Site, house: House, wanted: pb.FindFreeRoomsRequest) -> list[str]:
    """Lines for who found nothing."""
    rooms = [each for each in house.rooms if each.kind == wanted.kind and wanted.place in ("", each.place)]
    if not rooms:
        return ["There is no video account." if _video(wanted) else "There is no room."]
    if missing := list(lacking(rooms, wanted)):
        return missing
    if not wanted.HasField("schedule"):
        return ["Nothing is free for so long in these days. Other days, or a shorter time, may find something."]
    fitting = [each for each in rooms if _fits(each, wanted)]
    told = [] if wanted.HasField("near") else await _in_the_way(site, house, wanted, fitting[:_MOST])
    more = [f"  and {len(fitting) - _MOST} more"] if told and len(fitting) > _MOST else []
    return ["Nothing is free then.", *(f"  {line}" for line in told), *more, _instead(wanted)]


def _video(wanted: pb.FindFreeRoomsRequest) -> bool:
    return wanted.kind == place_pb2.ROOM_KIND_VIDEO


def _fits(room: place_pb2.Room, wanted: pb.FindFreeRoomsRequest) -> bool:
    has_all = (_folded(getattr(wanted, field)) <= _folded(getattr(room, field)) for field in _WORDS.values())
    return room.capacity >= wanted.capacity and all(has_all)


def _folded(words: Iterable[str]) -> set[str]:
    return set(map(fold, words))


def lacking(rooms: Sequence[place_pb2.Room], wanted: pb.FindFreeRoomsRequest) -> Iterator[str]:
    """What none of the rooms has, and what there is."""
    found = [*_too_small(rooms, wanted.capacity), *_unknown(rooms, wanted)]
    yield from found
    if not found and not any(_fits(each, wanted) for each in rooms):
        yield "No room has all of that. `openchair room list` shows what each has."


def _too_small(rooms: Sequence[place_pb2.Room], people: int) -> Iterator[str]:
    largest = max(rooms, key=lambda each: each.capacity)
    if largest.capacity < people:
        most = f"the largest, {largest.title}, has {largest.capacity}" if largest.capacity else "none says how many"
        yield f"--people: no room has {people} chairs: {most}."


def _unknown(rooms: Sequence[place_pb2.Room], wanted: pb.FindFreeRoomsRequest) -> Iterator[str]:
    for option, field in _WORDS.items():
        there = {fold(word): word for each in rooms for word in getattr(each, field)}
        known = f"there is {', '.join(sorted(there.values(), key=fold))}" if there else "no room says anything of it"
        for word in getattr(wanted, field):
            if fold(word) not in there:
                yield f"{option}: no room has {word!r}: {known}."


async def _in_the_way(
    site: Site, house: House, wanted: pb.FindFreeRoomsRequest, rooms: Sequence[place_pb2.Room]
) -> list[str]:
    """The first thing in the way of each room, a table."""
    booking = booking_pb2.Booking(schedule=wanted.schedule, attendees=wanted.capacity)
    rows = []
    for room in rooms:
        request = pb.CheckBookingRequest(parent=house.centre.name, rooms=[room.name], booking=booking)
        found = await site.rooms.CheckBooking(request, timeout=PATIENCE)
        rows += [(room.title, book_clashes.first(found, house, wanted.schedule.time_zone))] if found.clashes else []
    return table(("ROOM", "IN THE WAY"), rows, WIDTH - 2) if rows else []


def _instead(wanted: pb.FindFreeRoomsRequest) -> str:
    """What to ask for instead."""
    schedule = to_schedule(wanted.schedule)
    if schedule.rule is not None:
        partly = "" if wanted.partly else "--partly shows rooms that are free on some of the dates. "
        return f"{partly}Another hour may find more."
    day = schedule.start.date()
    days = f"--between {day} {day + _AROUND} --for {schedule.minutes}"
    return f"Some time in the days from then on: {days}"
