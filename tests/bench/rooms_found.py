"""`python -m tests.bench.rooms_found 1000 200`: finding a free room among so many, with so many bookings each.

Prints one line of JSON: MiB of the board once every room was asked, and CPU milliseconds, of several rounds each, of

- `hour`, `weekly`, `window`: the first page for one hour, for a weekly series, for any two hours within a week
- `every`: asking all rooms for that hour, as where the last one of all is free
- `full_hour`, `full_weekly`: the same questions where every room is taken just then
- `settled`: making the timetables of all of them, once, which is done in slices after a start
"""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import sys
import time
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import room_service_pb2 as pb
from openchair.meetings.v1 import schedule_pb2

from services.kit.clock import VirtualClock, instant
from services.kit.process import GARBAGE
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Record
from services.meetings import free_rooms_asked, records
from services.meetings.availability import Booker
from services.meetings.board import Board
from services.meetings.closing import Frame
from services.meetings.diary import leaf
from services.meetings.free_rooms_found import Search
from services.meetings.free_times import Look
from services.meetings.types_rooms import Booking, OpeningHours, Room, WhoMayBook
from services.recurrence.timetable import at_minute
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.meetings.board import House

CENTRE = "kr2fnbayqw"
ROUNDS, PAGE, EVERY = 5, 21, 100_000
AT = instant(at_minute(examples.NOW))
PARENT = f"centres/{CENTRE}"
EVENING = examples.MONDAY + timedelta(days=7, hours=19)


async def main(rooms: int, bookings: int) -> None:
    """Entry point."""
    gc.set_threshold(*GARBAGE)  # as the services have it
    before = _resident()
    board = Board(MemoryStore(records.KINDS, VirtualClock(at_minute(examples.NOW)), Disk()))
    house = await board.house(CENTRE)
    random = Random(3)  # noqa: S311 - the same rooms in every run
    for number in range(rooms):
        _fill(board, f"room-{number:06}", bookings, random)
    settled = [_settle(house)]
    held = _resident() - before
    found = {"held": [held], "settled": settled}
    found |= {
        "hour": await _rounds(house, _at(""), PAGE),
        "weekly": await _rounds(house, _at("FREQ=WEEKLY"), PAGE),
        "window": await _rounds(house, _within, PAGE),
        "every": await _rounds(house, _at(""), EVERY),
    }
    for id_ in house.rooms:
        house.diaries[id_].put(_evening(id_))
    found |= {
        "full_hour": await _rounds(house, _at(""), PAGE),
        "full_weekly": await _rounds(house, _at("FREQ=WEEKLY"), PAGE),
    }
    print(json.dumps(found))


def _fill(board: Board, id_: str, count: int, random: Random) -> None:
    """Read from records, as a process that starts does."""
    hours = (OpeningHours(tuple(range(7)), 7 * 60, 23 * 60),)
    chairs = random.choice((6, 8, 12, 20, 40, 80))
    room = Room(
        id=id_, centre=CENTRE, created_at=AT, title=id_, place="p", capacity=chairs, zone=examples.ZONE, hours=hours
    )
    board.apply(Record("room", id_, 1, records.document(room), AT, "system"))
    for each in examples.bookings(id_, count, random):
        state = msgspec.json.decode(msgspec.json.encode(leaf(each).state))
        board.apply(Record("booking", each.id, 1, state, AT, "system"))


def _evening(room: str) -> Booking:
    """A series at that hour."""
    id_, pattern = secrets.token_hex(10), examples.series(EVENING, "FREQ=WEEKLY")
    return Booking(id=id_, centre=CENTRE, room=room, created_at=AT, lineage=id_, pattern=pattern)


def _settle(house: House) -> float:
    begun = time.process_time_ns()
    for diary in house.diaries.values():
        while diary.times.settle(EVERY):
            pass
    return (time.process_time_ns() - begun) / 1e6


async def _rounds(house: House, asked: Callable[[], pb.FindFreeRoomsRequest], most: int) -> list[float]:
    """The first one, in which hours of the zone are looked up, is not counted."""
    return [await _asked(house, asked(), most) for _ in range(ROUNDS + 1)][1:]


def _at(rule: str) -> Callable[[], pb.FindFreeRoomsRequest]:
    schedule = schedule_pb2.Schedule(
        start=EVENING.isoformat(timespec="minutes"), time_zone=examples.ZONE, minutes=60, rule=rule
    )
    return lambda: pb.FindFreeRoomsRequest(parent=PARENT, schedule=schedule, capacity=10)


def _within() -> pb.FindFreeRoomsRequest:
    first, last = (f"{EVENING + timedelta(days=each):%Y-%m-%d}" for each in (0, 6))
    return pb.FindFreeRoomsRequest(parent=PARENT, first_date=first, last_date=last, minutes=120, capacity=10)


async def _asked(house: House, request: pb.FindFreeRoomsRequest, most: int) -> float:
    begun = time.process_time_ns()
    who = Booker("ana", WhoMayBook.FACILITATORS)
    search = Search(house, free_rooms_asked.read(request, AT), Look(AT, Frame(examples.ZONE), who), {})
    await search.run(None, most)
    return (time.process_time_ns() - begun) / 1e6


def _resident() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
