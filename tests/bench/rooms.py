"""Targets 4 and 10: whether a room is free, against expanding everything; growth; a thousand rooms; whole RPCs.

Each check is timed by itself, in CPU milliseconds, with the collector off: it is about the check.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from services.recurrence.schedule import occurrences
from services.recurrence.timetable import at_minute
from tests.bench import room_examples as examples
from tests.bench import rooms_besides, rooms_rpc
from tests.bench.report import Row, show, write
from tests.bench.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from services.recurrence.pattern import Pattern
    from services.recurrence.timetable import Timetable

SIZES = (50, 500, 5_000)
CHECKS, ROUNDS = 600, 3
HORIZON = 548 * 24 * 60  # 18 months
NEAR_MS, FAR_MS, MOST_MIB, FOUND_MS, TIMES = 1.0, 20.0, 300, 50.0, 10.0
ROOMS, BOOKINGS = 1_000, 200


class Checked(NamedTuple):
    """CPU milliseconds of each check, in order of size; and of those alone that found the room free."""

    all: list[float]
    free: list[float]

    @property
    def p99(self) -> float:
        """All but one in a hundred are quicker."""
        return self.all[len(self.all) * 99 // 100]


def measure(folder: Path) -> None:
    """Prints and writes."""
    calls, milliseconds = rooms_rpc.measure(folder)
    near = {count: [_checked(count, "", HORIZON) for _ in range(ROUNDS)] for count in SIZES}
    far = [_checked(SIZES[1], "", None) for _ in range(ROUNDS)]
    bounded = {count: [_checked(count, ";COUNT=20", HORIZON) for _ in range(ROUNDS)] for count in SIZES}
    naive = _naive(SIZES[1])
    rows = [
        _limit("500 recurring bookings: a check over 18 months, p99", near[500], NEAR_MS),
        _limit("the same over 30 years, p99", far, FAR_MS),
        _limit("500 of 20 dates each, over 18 months, p99", bounded[500], NEAR_MS),
        _against_naive(near[500], naive),
        *(_growth(f"without end, {count:,} bookings", near[count], near[SIZES[0]]) for count in SIZES),
        *(_growth(f"of 20 dates, {count:,} bookings", bounded[count], bounded[SIZES[0]]) for count in SIZES),
        _changed(),
        *_besides(),
        *_memory(),
        *_found(),
        *calls,
    ]
    show(f"Rooms: {CHECKS} checks a round, half of them of free times, medians of {ROUNDS} rounds", rows)
    rounds = {str(count): [each.p99 for each in near[count]] for count in SIZES}
    write("rooms", rows, {"p99_ms": rounds, "rpc_ms": milliseconds})


def _limit(what: str, rounds: list[Checked], limit: float) -> Row:
    p99 = statistics.median(each.p99 for each in rounds)
    middle = statistics.median(statistics.median(each.all) for each in rounds)
    return Row(
        what,
        *(f"{p99:.3f} ms CPU (median {middle:.3f})", "limit", f"{p99 / limit:.2f}", f"<= {limit:g} ms"),
        met=p99 <= limit,
    )


def _against_naive(rounds: list[Checked], naive: float) -> Row:
    taken = statistics.median(statistics.median(each.all) for each in rounds)
    return Row(
        "500 bookings: a check over 18 months, median",
        f"{taken:.3f} ms CPU",
        f"expanding all of them: {naive:.0f} ms",
        f"{taken / naive:.5f}",
    )


def _growth(what: str, rounds: list[Checked], smallest: list[Checked]) -> Row:
    taken, least = (statistics.median(statistics.median(one.free) for one in each) for each in (rounds, smallest))
    target = {"target": f"<= {TIMES:g}x of 50", "met": taken / least <= TIMES} if taken != least else {}
    return Row(f"a free time, {what}", f"{taken:.3f} ms CPU", "50 bookings", f"{taken / least:.1f}", **target)  # type: ignore[arg-type]  # the values are of those fields


def _checked(count: int, rules: str, horizon: int | None) -> Checked:
    found = examples.spots(count, rules)
    taken, free = found[:count], found[count:]
    room = examples.room(taken)
    until = None if horizon is None else examples.NOW + horizon
    for each in examples.asked(free, 20):
        room.clashes(each, 0, 0, examples.NOW, until=until)
    gc.collect()
    gc.disable()
    try:
        return _times(room, free, until)
    finally:
        gc.enable()


def _times(room: Timetable, free: list[Pattern], until: int | None) -> Checked:
    all_, none = list[float](), list[float]()
    for each in examples.asked(free, CHECKS):
        begun = time.process_time_ns()
        found = room.clashes(each, 0, 0, examples.NOW, until=until)
        all_.append((time.process_time_ns() - begun) / 1e6)
        if not found:
            none.append(all_[-1])
    return Checked(sorted(all_), none)


def _naive(count: int) -> float:
    """CPU milliseconds of expanding every booking over 18 months, and the new one, and comparing their dates."""
    found = examples.spots(count, "")
    begun = time.process_time_ns()
    since, until = at_minute(examples.NOW), at_minute(examples.NOW + HORIZON)
    dates = [
        [(each.start, each.end) for each in occurrences(pattern.schedule, (), since, until)]
        for pattern in found[: count + 1]
        if pattern.schedule is not None
    ]
    new = dates.pop()
    clashing = [1 for other in dates for start, end in other for low, high in new if start < high and low < end]
    assert not clashing
    return (time.process_time_ns() - begun) / 1e6


def _changed() -> Row:
    """A booking among 5,000 is put, found, and removed again."""
    found = examples.spots(5_000, ";COUNT=20")
    room, free = examples.room(found[:5_000]), found[5_000:]
    room.clashes(free[0], 0, 0, examples.NOW)
    begun = time.process_time_ns()
    for each in free[:200]:
        room.put("new", each, 0, 0)
        room.clashes(each, 0, 0, examples.NOW, most=1)
        room.remove("new")
    return Row(
        "among 5,000: put one of 20 dates, find it, remove it",
        f"{(time.process_time_ns() - begun) / 200e6:.3f} ms CPU",
    )


def _besides() -> list[Row]:
    """Medians of some hundred questions, in one round each."""
    asked = {
        "500 series, hours, 20 closures, quotas: everything in the way, over 30 years": rooms_besides.everything(500),
        "500 series and 5,000 bookings that are over: the same": rooms_besides.long_past(500, 5_000),
        "2,000 bookings, of which 300 dates were skipped: one more comes": rooms_besides.healing(2_000, 300),
    }
    return [
        Row(what, f"{statistics.median(each):.3f} ms CPU", f"p95 {each[-len(each) // 20]:.3f}")
        for what, each in asked.items()
    ]


def _output(module: str) -> str:
    """Of a process of its own, so that it is about these rooms only."""
    command = [sys.executable, "-m", f"tests.bench.{module}", str(ROOMS), str(BOOKINGS)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, check=True)
    return done.stdout


def _found() -> list[Row]:
    """Finding a free one among them: nothing is measured here but the search."""
    found: dict[str, list[float]] = json.loads(_output("rooms_found"))
    medians = {what: statistics.median(each) for what, each in found.items()}
    asked = {
        "hour": "one hour, the first page",
        "weekly": "a weekly series, the first page",
        "window": "two hours within a week, the first page",
        "every": "one hour, all rooms asked",
        "full_hour": "one hour at which every room is taken",
        "full_weekly": "a series at an hour at which every room is taken",
    }
    memory = Row(
        "the board of all of them",
        f"{medians['held']:.0f} MiB",
        "limit",
        f"{medians['held'] / MOST_MIB:.2f}",
        f"<= {MOST_MIB} MiB",
        medians["held"] <= MOST_MIB,
    )
    rows = [
        Row(
            f"FindFreeRooms, {what}",
            f"{medians[name]:.1f} ms CPU",
            "limit",
            f"{medians[name] / FOUND_MS:.2f}",
            f"<= {FOUND_MS:g} ms",
            medians[name] <= FOUND_MS,
        )
        for name, what in asked.items()
    ]
    return [
        memory,
        *rows,
        Row("making all their timetables once, in slices after a start", f"{medians['settled']:.0f} ms CPU"),
    ]


def _memory() -> list[Row]:
    loaded, asked, series_ms, window_ms = map(float, _output("rooms_held").split())
    what = f"{ROOMS:,} rooms with {BOOKINGS} bookings each"
    return [
        Row(f"{what}: held", f"{loaded:.0f} MiB"),
        Row(
            "the same after each was asked",
            *(f"{asked:.0f} MiB", "limit", f"{asked / MOST_MIB:.2f}", f"<= {MOST_MIB} MiB"),
            met=asked <= MOST_MIB,
        ),
        Row("a weekly series asked of all of them", f"{series_ms:.0f} ms CPU"),
        Row("a single hour asked of all of them", f"{window_ms:.0f} ms CPU"),
    ]
