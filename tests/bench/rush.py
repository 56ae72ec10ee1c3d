"""Target 5: 10,000 people come for 100 places, 64 at a time, against a bare unary echo of as many bytes.

Both are served by one process on one core, in turn, so that whatever else the machine does meets both. Beside the rates
stand the CPU seconds of the server, which a busy machine changes less.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import grpc
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from tests.bench import rush_server
from tests.bench.process import CORES, LOAD_CORES, SERVER_CORE, cpu_of, resident_of
from tests.bench.report import Row, show, write
from tests.bench.search_server import ECHO
from tests.bench.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

CALLS: Final = 10_000
AT_A_TIME: Final = 64
ROUNDS: Final = 3
TARGET: Final = 0.6
LENGTHS: Final = (5, 5_000)
"""Of lists, whose changes are timed."""
CHANGES: Final = 400
MOST_GROWTH: Final = 2.0
KIB: Final = 1024


class Round(NamedTuple):
    """One rush and one echo of as many calls: a second, CPU milliseconds of the server for each, its memory."""

    rate: float
    echo_rate: float
    cpu_ms: float
    echo_cpu_ms: float
    resident: int


class Server(NamedTuple):
    """What is called, and its process."""

    stub: RsvpServiceStub
    echo: Callable[[bytes], Awaitable[bytes]]
    pid: int


def measure(folder: Path, rounds: int = ROUNDS, calls: int = CALLS) -> None:
    """Prints and writes: on SQLite, and on MongoDB where MONGODB_URL names one."""
    rows: list[Row] = []
    figures: dict[str, dict[str, list[float]]] = {}
    for store in ("sqlite", os.environ.get("MONGODB_URL", "")):
        if not store:
            continue
        what = "SQLite" if store == "sqlite" else "MongoDB"
        with _server(folder / what, store) as (pid, ports):
            found, lengths = asyncio.run(_rounds(pid, ports, rounds, calls))
        rows += _rows(what, found, lengths, calls)
        figures[what] = {field: [float(getattr(each, field)) for each in found] for field in Round._fields}
    show(f"The rush: {AT_A_TIME} at a time for {rush_server.PLACES} places, {rounds} rounds", rows)
    write("rush", rows, figures)


def _rows(what: str, found: Sequence[Round], lengths: dict[int, float], calls: int) -> Iterator[Row]:
    ratio = statistics.median(each.rate / each.echo_rate for each in found)
    rate, echo = (statistics.median(each[number] for each in found) for number in (0, 1))
    limit: dict[str, Any] = {"target": f">= {TARGET}x", "met": ratio >= TARGET} if what == "SQLite" else {}
    yield Row(f"{what}: {calls:,} Reserve", f"{rate:,.0f}/s", f"bare echo: {echo:,.0f}/s", f"{ratio:.2f}", **limit)
    ms, bare = (statistics.median(each[number] for each in found) for number in (2, 3))
    yield Row("  CPU of the server", f"{ms:.3f} ms", f"bare echo: {bare:.3f} ms", f"{bare / ms:.2f}")
    grown = (found[-1].resident - found[0].resident) / (1 + calls * (len(found) - 1)) if len(found) > 1 else 0.0
    yield Row("  memory, the last round", f"{found[-1].resident / KIB / KIB:,.0f} MiB", f"{grown:,.0f} bytes a seat")
    short, long = (lengths[each] for each in LENGTHS)
    yield Row(
        f"  a change in a list of {LENGTHS[1]:,}",
        f"{long:.2f} ms",
        f"of {LENGTHS[0]}: {short:.2f} ms",
        f"{long / short:.2f}",
        f"<= {MOST_GROWTH:g}x",
        met=long / short <= MOST_GROWTH,
    )


async def _rounds(pid: int, ports: tuple[int, int], rounds: int, calls: int) -> tuple[list[Round], dict[int, float]]:
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}") for port in ports]
    echo: Any = channels[1].unary_unary(f"/{ECHO}/Echo")
    server = Server(RsvpServiceStub(channels[0]), echo, pid)
    try:
        await _round(server, 0, 10 * AT_A_TIME)  # what is done once is done before
        found = [await _round(server, 1 + number, calls) for number in range(rounds)]
        lengths = {length: await _changes(server, 1 + rounds + place, length) for place, length in enumerate(LENGTHS)}
    finally:
        for channel in channels:
            await channel.close()
    return found, lengths


async def _round(server: Server, event: int, calls: int) -> Round:
    """A rush for one of the events, whose answers are counted, and as many echoes."""
    asked = [_asked(event, number) for number in range(calls)]
    begun, used = time.perf_counter(), cpu_of(server.pid)
    answers = await _many(server.stub.Reserve, asked)
    taken, cpu = time.perf_counter() - begun, cpu_of(server.pid) - used
    _refuse_wrong(answers)
    resident = resident_of(server.pid)
    same = [_echoed(each, answer) for each, answer in zip(asked, answers, strict=True)]
    begun, used = time.perf_counter(), cpu_of(server.pid)
    await _many(server.echo, same)
    echoed, bare = time.perf_counter() - begun, cpu_of(server.pid) - used
    return Round(calls / taken, calls / echoed, cpu * 1000 / calls, bare * 1000 / calls, resident)


async def _changes(server: Server, event: int, length: int) -> float:
    """Milliseconds of a change by one caller, in a list of that many."""
    await _many(server.stub.Reserve, [_asked(event, number) for number in range(length)])
    spent = []
    for number in range(CHANGES):
        asked = pb.ChangeRequest(
            name=rush_server.name(event),
            guest_key=_key(length - 1 - number % min(length, 5)),
            update_mask=["wait"],
            wait=seat_pb2.WAIT_CHOICE_ASK if number // 5 % 2 == 0 else seat_pb2.WAIT_CHOICE_UNSPECIFIED,
            request_id=f"change-{event}-{number}",
        )
        begun = time.perf_counter()
        await server.stub.Change(asked)
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent) * 1000


def _refuse_wrong(answers: Sequence[pb.ReserveResponse]) -> None:
    """Raises RuntimeError unless exactly as many are going as there are places."""
    counts = Counter(each.seat.state for each in answers)
    going, waiting = counts[seat_pb2.SEAT_STATE_GOING], counts[seat_pb2.SEAT_STATE_WAITLISTED]
    if going != rush_server.PLACES or going + waiting != len(answers):
        raise RuntimeError(f"{going} are going, {waiting} wait, of {len(answers)}")


async def _many(method: Callable[[Any], Awaitable[Any]], asked: Sequence[Any]) -> list[Any]:
    """Asked by so many callers, each of whom waits for an answer before asking again."""
    found: list[Any] = [None] * len(asked)
    waiting = iter(range(len(asked)))

    async def caller() -> None:
        for number in waiting:
            found[number] = await method(asked[number])

    await asyncio.gather(*(caller() for _ in range(AT_A_TIME)))
    return found


def _asked(event: int, number: int) -> pb.ReserveRequest:
    return pb.ReserveRequest(
        name=rush_server.name(event),
        guest_key=_key(number),
        wait=seat_pb2.WAIT_CHOICE_ASK,
        request_id=f"rush-{event}-{number:024}",
    )


def _key(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("=")


def _echoed(asked: Any, answer: Any) -> bytes:
    """A request of that size that asks for an answer of that size."""
    return int(answer.ByteSize()).to_bytes(4, "big") + bytes(max(0, asked.ByteSize() - 4))


@contextlib.contextmanager
def _server(folder: Path, store: str) -> Iterator[tuple[int, tuple[int, int]]]:
    """The server on its core; gives its process and ports."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.bench.rush_server", str(folder), store]
    if profile := os.environ.get("RUSH_PROFILE"):
        command.append(profile)
    os.sched_setaffinity(0, SERVER_CORE)  # inherited
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(0, LOAD_CORES)
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline().split()
        yield process.pid, (int(first), int(second))
    finally:
        process.communicate()
        os.sched_setaffinity(0, CORES)
