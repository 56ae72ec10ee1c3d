"""Target 6: search over 120,000 meetings, in the service and as an RPC against a bare echo; growth; memory."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import NOBODY, Call
from services.kit.clock import SystemClock
from services.meetings.finder import Finder
from tests.bench import search_server
from tests.bench.process import CORES, LOAD_CORES, SERVER_CORE
from tests.bench.report import Row, show, write
from tests.bench.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from services.meetings.service import Meetings

Method: TypeAlias = "Callable[[bytes], Awaitable[Any]]"

MEETINGS = 120_000
SIZES = (1_000, 10_000, 100_000)
REQUESTS = 400
ROUNDS = 5
IN_SERVICE, OVER_ECHO = 0.2, 1.3
METHOD = "openchair.meetings.v1.MeetingService/SearchMeetings"
HELD = 10_000  # meetings, whose index is weighed


class Grown(NamedTuple):
    """Of one size of the index: milliseconds of a request, how many it finds, and milliseconds of finding one."""

    ms: float
    found: float
    one: float


def measure(folder: Path) -> None:
    """Prints and writes."""
    folder.mkdir(parents=True, exist_ok=True)
    grown = asyncio.run(_all_grown())
    rounds = asyncio.run(_rounds(folder))
    whole = grown[MEETINGS]
    ratio = statistics.median(search / echo for search, echo in rounds)
    rows = [
        Row(
            f"near, day, type, text over {MEETINGS:,}: in the service",
            *(f"{whole.ms:.3f} ms CPU", "limit", f"{whole.ms / IN_SERVICE:.2f}", f"<= {IN_SERVICE} ms"),
            met=whole.ms <= IN_SERVICE,
        ),
        Row(
            "the same as an RPC, one after the other",
            f"{statistics.median(search for search, _ in rounds):.3f} ms",
            f"bare echo of the same sizes: {statistics.median(echo for _, echo in rounds):.3f} ms",
            *(f"{ratio:.2f}", f"<= {OVER_ECHO}x"),
            met=ratio <= OVER_ECHO,
        ),
        *(_growth(count, grown[count]) for count in SIZES),
        Row("the index, taken in", f"{_build_us():.0f} us per meeting"),
        Row("the index, held", f"{_bytes():.0f} bytes per meeting"),
    ]
    show(f"Search: medians of {REQUESTS} requests, {ROUNDS} rounds", rows)
    write("search", rows, {"rpc": {"search_ms": [s for s, _ in rounds], "echo_ms": [e for _, e in rounds]}})


def _growth(count: int, one: Grown) -> Row:
    return Row(f"over {count:,}", f"{one.ms:.3f} ms", f"finding {one.found:.0f}; one by its title: {one.one:.3f} ms")


async def _all_grown() -> dict[int, Grown]:
    """One index that grows from size to size: what is there already is not made again."""
    service, found, held = search_server.empty(SystemClock()), dict[int, Grown](), 0
    source = search_server.meetings(MEETINGS)
    for count in (*SIZES, MEETINGS):
        await search_server.put(service, islice(source, count - held))
        held, found[count] = count, await _grown(service)
    return found


async def _grown(service: Meetings) -> Grown:
    """In one process, without transport or middleware."""
    asked = search_server.requests(REQUESTS)
    titles = [each.title for each in search_server.meetings(REQUESTS)]
    named = [pb.SearchMeetingsRequest(parent="centres/-", text=title) for title in titles]
    await _timed(service, asked)
    taken, found = await _timed(service, asked)
    await _timed(service, named)
    return Grown(statistics.median(taken), statistics.mean(found), statistics.median((await _timed(service, named))[0]))


async def _timed(service: Meetings, asked: list[pb.SearchMeetingsRequest]) -> tuple[list[float], list[int]]:
    """Milliseconds of CPU of each, and how many it found."""
    clock, taken, found = SystemClock(), list[float](), list[int]()
    for each in asked:
        begun = time.process_time()
        reply = await service.searching.search_meetings(Call(METHOD, each, NOBODY, 1e9, clock))
        taken.append((time.process_time() - begun) * 1000)
        found.append(reply.total)
    return taken, found


async def _rounds(folder: Path) -> list[tuple[float, float]]:
    """Milliseconds of a search and of an echo, in each round."""
    with _server(folder) as (port, echo_port):
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            grpc.aio.insecure_channel(f"127.0.0.1:{echo_port}") as other,
        ):
            search: Any = channel.unary_unary(f"/{METHOD}")
            echo: Any = other.unary_unary(f"/{search_server.ECHO}/Echo")
            asked = [each.SerializeToString() for each in search_server.requests(REQUESTS)]
            sizes = [len(await search(each)) for each in asked]
            same = [
                size.to_bytes(4, "big") + bytes(max(0, len(each) - 4)) for each, size in zip(asked, sizes, strict=True)
            ]
            return [await _round(search, echo, list(zip(asked, same, strict=True))) for _ in range(ROUNDS)]


async def _round(search: Method, echo: Method, asked: list[tuple[bytes, bytes]]) -> tuple[float, float]:
    """Medians of both, one call after the other in turn: whatever else goes on here meets both."""
    pairs = [(await _call(search, one), await _call(echo, other)) for one, other in asked]
    return statistics.median(each for each, _ in pairs), statistics.median(each for _, each in pairs)


async def _call(method: Method, request: bytes) -> float:
    begun = time.perf_counter()
    await method(request)
    return (time.perf_counter() - begun) * 1000


@contextlib.contextmanager
def _server(folder: Path) -> Iterator[tuple[int, int]]:
    """On a core of its own, where there are two."""
    command = [sys.executable, "-m", "tests.bench.search_server", str(MEETINGS), str(folder / "keys")]
    os.sched_setaffinity(0, SERVER_CORE)  # inherited
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(0, LOAD_CORES)
    try:
        assert process.stdout is not None
        port, echo = map(int, process.stdout.readline().split())
        yield port, echo
    finally:
        process.communicate()
        os.sched_setaffinity(0, CORES)


def _build_us() -> float:
    examples = list(search_server.meetings(HELD))
    begun = time.process_time()
    _index(examples)
    return (time.process_time() - begun) / HELD * 1e6


def _bytes() -> float:
    """Of the index alone: the meetings are the listing's."""
    examples = list(search_server.meetings(HELD))
    tracemalloc.start()
    kept = _index(examples)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(kept) == HELD
    return size / HELD


def _index(examples: list[Any]) -> Finder:
    finder = Finder()
    for each in examples:
        finder.put(each)
    while finder.settle(1_000):
        pass
    return finder
