"""`python -m tests.bench.rooms_found 1000 200`: finding a free room among so many, with so many bookings each.

Prints MiB of the board once every room was asked, and CPU milliseconds (the median of several) of the first page for an
hour and for a weekly series, and of asking all rooms for that hour.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
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
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Record
from services.meetings import free_rooms_asked, records
from services.meetings.board import Board
from services.meetings.closing import Frame
from services.meetings.diary import leaf
from services.meetings.free_rooms_found import Search
from services.meetings.free_times import Look
from services.meetings.types_rooms import OpeningHours, Room
from services.recurrence.timetable import at_minute
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from services.meetings.board import House

CENTRE = "kr2fnbayqw"
ROUNDS, PAGE, EVERY = 9, 21, 100_000
AT = instant(at_minute(examples.NOW))


async def main(rooms: int, bookings: int) -> None:
    """Entry point."""
    before = _resident()
    board = Board(MemoryStore(records.KINDS, VirtualClock(at_minute(examples.NOW)), Disk()))
    house = await board.house(CENTRE)
    random = Random(3)  # noqa: S311 - the same rooms in every run
    for number in range(rooms):
        _fill(board, f"room-{number:06}", bookings, random)
    await _asked(house, "", EVERY)
    held = _resident() - before
    figures = [await _median(house, rule, most) for rule, most in (("", PAGE), ("FREQ=WEEKLY", PAGE), ("", EVERY))]
    print(f"{held:.1f}", *(f"{each:.1f}" for each in figures))


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


async def _median(house: House, rule: str, most: int) -> float:
    return statistics.median([await _asked(house, rule, most) for _ in range(ROUNDS)])


async def _asked(house: House, rule: str, most: int) -> float:
    start = examples.MONDAY + timedelta(days=7, hours=19)
    schedule = schedule_pb2.Schedule(
        start=start.isoformat(timespec="minutes"), time_zone=examples.ZONE, minutes=60, rule=rule
    )
    begun = time.process_time_ns()
    request = pb.FindFreeRoomsRequest(parent=f"centres/{CENTRE}", schedule=schedule, capacity=10)
    search = Search(house, free_rooms_asked.read(request, AT), Look(AT, Frame(examples.ZONE)), {})
    await search.run(None, most)
    return (time.process_time_ns() - begun) / 1e6


def _resident() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
