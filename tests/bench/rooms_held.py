"""`python -m tests.bench.rooms_held 1000 200`: what many rooms take in memory, and asking all of them.

Prints MiB when loaded from their records and after each room was asked, and CPU milliseconds of a weekly series and of
a single hour asked of all of them.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec

from services.kit.store.port import Record
from services.meetings.diary import SHAPE, Diary, leaf
from tests.bench import room_examples as examples

if TYPE_CHECKING:
    from services.recurrence.pattern import Pattern


def main(rooms: int, bookings: int) -> None:
    """Entry point."""
    weekly = examples.series(examples.MONDAY.replace(hour=19), "FREQ=WEEKLY")
    hour = examples.series(examples.MONDAY.replace(hour=19), "")
    before, random = _resident(), Random(3)  # noqa: S311 - examples
    diaries = [_diary(f"room-{number:06}", bookings, random) for number in range(rooms)]
    loaded = _resident() - before
    _ask(diaries, weekly)
    asked = _resident() - before
    print(f"{loaded:.1f} {asked:.1f} {_ask(diaries, weekly):.1f} {_ask(diaries, hour):.1f}")


def _diary(room: str, count: int, random: Random) -> Diary:
    """Read from records, as a process that starts does."""
    diary = Diary(room)
    for each in examples.bookings(room, count, random):
        made = leaf(each)
        state = msgspec.json.decode(msgspec.json.encode(made.state))
        SHAPE.put(diary, Record("booking", each.id, 1, state, "2026-11-21T12:00:00.000Z", "system"))
    return diary


def _ask(diaries: list[Diary], pattern: Pattern) -> float:
    begun = time.process_time_ns()
    for diary in diaries:
        diary.times.clashes(pattern, 0, 0, examples.NOW, most=1)
    return (time.process_time_ns() - begun) / 1e6


def _resident() -> float:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
