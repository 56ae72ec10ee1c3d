"""A server of search over meetings made here, and of a bare echo: `python -m tests.bench.search_server COUNT FOLDER`.

Prints its two ports, then serves until standard input ends. The echo answers with as many bytes as it is asked for.
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.auth import TokenVerifier, load_or_make_keys
from services.kit.clock import Ids, SystemClock
from services.kit.logs import make_log
from services.kit.middleware import outer
from services.kit.paging import Pages
from services.kit.server import GrpcServer
from services.kit.store.memory import MemoryStore
from services.meetings.desk import Desk
from services.meetings.records import KINDS
from services.meetings.service import Meetings
from services.meetings.types import Meeting, Mode, Online, Position, Venue
from services.recurrence.types import ByDay, Frequency, Rule, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.kit.clock import Clock

TOWNS: Final = 400
SPREAD: Final = 0.15  # degrees: a town of about 30 km
VOCABULARY: Final = 4_000
TYPES: Final = ("O", "C", "D", "SP", "ST", "X", "B", "W")
ZONES: Final = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
FIRST: Final = datetime(2026, 1, 5, 6, 0)  # noqa: DTZ001 - local by nature
ECHO: Final = "bench.Echo"


def towns() -> list[tuple[float, float]]:
    """Latitudes and longitudes of North America, the same ones in every run."""
    source = random.Random(1)  # noqa: S311 - the same
    return [(source.uniform(28, 52), source.uniform(-122, -72)) for _ in range(TOWNS)]


def meetings(count: int) -> Iterator[Meeting]:
    """Weekly ones, more of them in the first towns, as big towns have more."""
    source, places = random.Random(2), towns()  # noqa: S311 - the same
    words = [f"{source.choice('bcdfglmnprst')}{source.choice('aeiou')}{number:x}" for number in range(VOCABULARY)]
    for number in range(count):
        town = min(int(source.expovariate(1 / 60)), TOWNS - 1)
        yield _meeting(number, places[town], source, words)


def _meeting(number: int, town: tuple[float, float], source: random.Random, words: list[str]) -> Meeting:
    start = FIRST + timedelta(days=number % 7, minutes=15 * source.randint(0, 64))
    latitude, longitude = town[0] + source.gauss(0, SPREAD), town[1] + source.gauss(0, SPREAD)
    mode = source.choice([Mode.IN_PERSON] * 8 + [Mode.HYBRID, Mode.ONLINE])
    return Meeting(
        id=f"meeting-{number:07}",
        centre=f"centre-{number % 50}",
        created_at="2026-01-01T00:00:00.000Z",
        lineage=f"meeting-{number:07}",
        title=" ".join(source.sample(words, 3)).title(),
        notes=" ".join(source.choices(words, k=10)),
        schedule=Schedule(start, source.choice(ZONES), 60, Rule(Frequency.WEEKLY, 1, (ByDay(start.weekday()),))),
        fellowship=source.choice(["AA", "NA"]),
        types=tuple(source.sample(TYPES, 2)),
        mode=mode,
        language="en",
        online=Online(url=f"https://meet.example/{number}") if mode is not Mode.IN_PERSON else None,
        venue=Venue(
            title=f"Hall {source.randint(1, 5_000)}",
            address=f"{source.randint(1, 900)} Main Street, Springfield",
            area="Springfield",
            position=Position(round(latitude * 1e7), round(longitude * 1e7)),
        ),
    )


def empty(clock: Clock) -> Meetings:
    """The service over a store without anything."""
    return Meetings(Desk(MemoryStore(KINDS, clock), clock, Ids(), Pages(b"k" * 32)))


async def put(service: Meetings, found: Iterable[Meeting]) -> None:
    """Takes these into its index; they are not in its store."""
    for each in found:
        service.listing.finder.put(each)
    await service.listing.finder.settled()


async def prepared(count: int, clock: Clock) -> Meetings:
    """The service with so many meetings in its index, and none in its store."""
    service = empty(clock)
    await put(service, meetings(count))
    return service


def requests(count: int) -> list[pb.SearchMeetingsRequest]:
    """Near the middle of a town, on a day, of a type, with the beginning of a word."""
    source, places = random.Random(3), towns()  # noqa: S311 - the same
    found = []
    for _ in range(count):
        latitude, longitude = places[min(int(source.expovariate(1 / 60)), TOWNS - 1)]
        near = pb.Near(latitude=latitude, longitude=longitude, radius_km=25)
        text = source.choice(["main", "spring", "hall", f"{source.choice('bcdfg')}{source.choice('aeiou')}"])
        asked = pb.SearchMeetingsRequest(parent="centres/-", near=near, text=text)
        asked.days.append(source.randint(1, 7))
        asked.types.append(source.choice(TYPES))
        found.append(asked)
    return found


async def main() -> None:
    """Serves until standard input ends."""
    clock, log = SystemClock(), make_log("error")
    verifier = TokenVerifier(load_or_make_keys(Path(sys.argv[2])).public, "bench", clock)
    service = await prepared(int(sys.argv[1]), clock)
    middleware = outer(log, Ids(), verifier)
    server = GrpcServer(service.services[:1], middleware, host="127.0.0.1", port=0, clock=clock, log=log)
    echo = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(_echo)
    echo.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(ECHO, {"Echo": handler}),))
    print(await server.start(), echo.add_insecure_port("127.0.0.1:0"), flush=True)
    await echo.start()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(0)
    await echo.stop(0)


async def _echo(request: bytes, _: Any) -> bytes:
    """As many bytes as the first four say."""
    return bytes(int.from_bytes(request[:4], "big"))


if __name__ == "__main__":
    uvloop.run(main())
