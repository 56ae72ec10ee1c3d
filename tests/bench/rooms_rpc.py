"""What people wait for: booking, holding and being refused a room, and a meeting with a room, each as a whole RPC.

Everything runs as `make run` starts it, on SQLite, and beside it a bare echo of as many bytes, on the same core. Calls
and echoes come in turn, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import time
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import grpc
from openchair.meetings.v1 import (
    booking_pb2,
    centre_pb2,
    meeting_pb2,
    meeting_service_pb2,
    place_pb2,
    room_service_pb2,
    schedule_pb2,
)
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from tests.bench import room_examples as examples
from tests.bench import search_server
from tests.bench.process import CORES, LOAD_CORES, SERVER_CORE
from tests.bench.report import Row
from tests.bench.system import system
from tests.bench.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from services.recurrence.pattern import Pattern
    from tests.bench.system import System

ROUNDS, HELD, ONE, MANY, CALLERS = 3, 500, 100, 640, 64
CENTRE: Final = "house"
OVER_ECHO: Final = 3.0

Method: TypeAlias = "Callable[[Any], Awaitable[Any]]"


class Figure(NamedTuple):
    """One kind of call and its echo, in one round: milliseconds of one caller, calls a second of many."""

    ms: float
    echo_ms: float
    rate: float = 0.0
    echo_rate: float = 0.0


class Site(NamedTuple):
    """What is called."""

    rooms: RoomServiceStub
    meetings: MeetingServiceStub
    echo: Method
    numbers: Iterator[int]
    place: str

    def ask(self, room: str, pattern: Pattern) -> room_service_pb2.BookRoomRequest:
        """A booking of a room (id)."""
        booking = booking_pb2.Booking(schedule=_schedule(pattern), title="Evening meditation group")
        return room_service_pb2.BookRoomRequest(
            parent=f"centres/{CENTRE}",
            rooms=[f"centres/{CENTRE}/rooms/{room}"],
            booking=booking,
            request_id=f"bench-{next(self.numbers)}",
        )


def measure(folder: Path) -> tuple[list[Row], dict[str, list[float]]]:
    """Rows, and the figures of each round by name."""
    folder.mkdir(parents=True, exist_ok=True)
    with system(folder / "system") as subject, _echo(folder / "echo") as port:
        found = asyncio.run(_all(subject, port))
    rows = [row for what, rounds in found.items() for row in _rows(what, rounds)]
    return rows, {what: [each.ms for each in rounds] for what, rounds in found.items()}


def _rows(what: str, rounds: Sequence[Figure]) -> Iterator[Row]:
    ms, echo = statistics.median(each.ms for each in rounds), statistics.median(each.echo_ms for each in rounds)
    ratio = statistics.median(each.ms / each.echo_ms for each in rounds)
    limit = {"target": f"<= {OVER_ECHO:g}x", "met": ratio <= OVER_ECHO} if what.startswith("BookRoom,") else {}
    yield Row(f"{what}, 1 caller", f"{ms:.2f} ms", f"bare echo: {echo:.2f} ms", f"{ratio:.1f}", **limit)  # type: ignore[arg-type]  # the values are of those fields
    if rounds[0].rate:
        rate, bare = (statistics.median(each[number] for each in rounds) for number in (2, 3))
        ratio = statistics.median(each.echo_rate / each.rate for each in rounds)
        limit |= {"met": ratio <= OVER_ECHO} if limit else {}
        against = f"bare echo: {bare:,.0f}/s"
        yield Row(f"{what}, {CALLERS} callers", f"{rate:,.0f}/s", against, f"{ratio:.1f}", **limit)  # type: ignore[arg-type]  # as above


async def _all(subject: System, port: int) -> dict[str, list[Figure]]:
    async with subject.channel() as channel, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as other:
        echo: Any = other.unary_unary(f"/{search_server.ECHO}/Echo")
        meetings = MeetingServiceStub(channel)
        site = Site(RoomServiceStub(channel), meetings, echo, count(), await _house(meetings))
        found: dict[str, list[Figure]] = {}
        for number in range(ROUNDS):
            for what, figure in (await _round(site, await _room(site, f"hall-{number}"))).items():
                found.setdefault(what, []).append(figure)
        return found


async def _house(meetings: MeetingServiceStub) -> str:
    """A centre with a place, whose name it gives."""
    centre = centre_pb2.Centre(title="House", time_zone=examples.ZONE, language="en")
    await meetings.CreateCentre(
        meeting_service_pb2.CreateCentreRequest(centre_id=CENTRE, centre=centre, request_id="bench-centre")
    )
    place = place_pb2.Place(title="House", address="1 Main Street", address_access=place_pb2.ADDRESS_ACCESS_PUBLIC)
    made = await meetings.CreatePlace(
        meeting_service_pb2.CreatePlaceRequest(parent=f"centres/{CENTRE}", place=place, request_id="bench-place")
    )
    return str(made.name)


async def _round(site: Site, room: str) -> dict[str, Figure]:
    """A room with so many series without end: booked by one caller, by many at once, held, refused, for a meeting."""
    free = _spots(HELD + 3 * ONE + MANY)
    taken = [site.ask(room, each) for each in free[:HELD]]
    await _many(site.rooms.BookRoom, taken)
    spots = iter(free[HELD:])
    book = [site.ask(room, next(spots)) for _ in range(ONE)]
    refused = [site.ask(room, each) for each in free[:ONE]]
    hold = [_as_hold(site.ask(room, next(spots))) for _ in range(ONE)]
    found = {
        f"BookRoom, {HELD} series in the room": await _figure(site, site.rooms.BookRoom, book),
        "HoldRoom": await _figure(site, _held(site), hold),
        "a refusal, with alternatives": await _figure(site, _refused(site.rooms.BookRoom), refused),
        "CreateMeeting with a room": await _figure(
            site, site.meetings.CreateMeeting, [_meeting(site, room, next(spots)) for _ in range(ONE)]
        ),
    }
    crowd = [site.ask(room, each) for each in islice(spots, MANY)]
    begun = f"BookRoom, {HELD} series in the room"
    rate, bare = await _rates(site, site.rooms.BookRoom, crowd)
    return found | {begun: found[begun]._replace(rate=rate, echo_rate=bare)}


def _spots(number: int) -> list[Pattern]:
    """Series that never meet: on the night when the clock is put forward what begins at 2 and at 3 would."""
    found = [each for each in examples.spots(number * 3 // 2, "") if each.schedule and each.schedule.start.hour != 2]
    return found[:number]


async def _room(site: Site, title: str) -> str:
    made = await site.rooms.CreateRoom(
        room_service_pb2.CreateRoomRequest(
            parent=f"centres/{CENTRE}",
            room=place_pb2.Room(title=title, place=site.place, capacity=20),
            request_id=f"bench-{title}",
        )
    )
    return str(made.name.rpartition("/")[2])


def _schedule(pattern: Pattern) -> schedule_pb2.Schedule:
    schedule = pattern.schedule
    assert schedule is not None
    assert schedule.rule is not None
    return schedule_pb2.Schedule(
        start=schedule.start.isoformat(timespec="minutes"),
        time_zone=schedule.zone,
        minutes=schedule.minutes,
        rule=f"FREQ=WEEKLY;INTERVAL={schedule.rule.interval}",
    )


def _as_hold(asked: room_service_pb2.BookRoomRequest) -> room_service_pb2.HoldRoomRequest:
    return room_service_pb2.HoldRoomRequest(
        parent=asked.parent, room=asked.rooms[0], booking=asked.booking, request_id=asked.request_id
    )


def _meeting(site: Site, room: str, pattern: Pattern) -> meeting_service_pb2.CreateMeetingRequest:
    meeting = meeting_pb2.Meeting(
        title="Evening meditation group",
        kind="support-meeting",
        mode=meeting_pb2.MODE_IN_PERSON,
        visibility=meeting_pb2.VISIBILITY_PUBLIC,
        schedule=_schedule(pattern),
        place=site.place,
        rooms=[f"centres/{CENTRE}/rooms/{room}"],
    )
    return meeting_service_pb2.CreateMeetingRequest(
        parent=f"centres/{CENTRE}", meeting=meeting, request_id=f"bench-{next(site.numbers)}"
    )


async def _figure(site: Site, method: Method, asked: Sequence[Any]) -> Figure:
    """Medians of calls one after the other, each followed by an echo of its size."""
    pairs = []
    for each in asked:
        begun = time.perf_counter()
        answer = await method(each)
        answered = time.perf_counter()
        same = _echoed(each, answer)
        sent = time.perf_counter()
        await site.echo(same)
        pairs.append((answered - begun, time.perf_counter() - sent))
        if isinstance(answer, booking_pb2.Booking):
            await _release(site, answer.name)
    return Figure(*(statistics.median(each[number] for each in pairs) * 1000 for number in (0, 1)))


def _echoed(asked: Any, answer: Any) -> bytes:
    """A request of that size that asks for an answer of that size."""
    return int(answer.ByteSize()).to_bytes(4, "big") + bytes(max(0, asked.ByteSize() - 4))


async def _rates(site: Site, method: Method, asked: Sequence[Any]) -> tuple[float, float]:
    """Calls and echoes a second, of many callers at once."""
    begun = time.perf_counter()
    answers = await _many(method, asked)
    between = time.perf_counter()
    same = [_echoed(each, answer) for each, answer in zip(asked, answers, strict=True)]
    sent = time.perf_counter()
    await _many(site.echo, same)
    return len(asked) / (between - begun), len(asked) / (time.perf_counter() - sent)


async def _many(method: Method, asked: Sequence[Any]) -> list[Any]:
    """Asked by so many callers, each of whom waits for an answer before asking again."""
    found: list[Any] = [None] * len(asked)
    waiting = iter(range(len(asked)))

    async def caller() -> None:
        for number in waiting:
            found[number] = await method(asked[number])

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return found


def _held(site: Site) -> Method:
    async def hold(asked: room_service_pb2.HoldRoomRequest) -> booking_pb2.Booking:
        return await site.rooms.HoldRoom(asked)

    return hold


async def _release(site: Site, name: str) -> None:
    """Gives a hold back: nobody may have many."""
    await site.rooms.ReleaseBooking(
        room_service_pb2.ReleaseBookingRequest(name=name, request_id=f"bench-{next(site.numbers)}")
    )


class _Refusal(NamedTuple):
    """As long as its details."""

    size: int

    def ByteSize(self) -> int:  # noqa: N802 - as messages have it
        return self.size


def _refused(method: Method) -> Method:
    async def ask(asked: Any) -> _Refusal:
        try:
            await method(asked)
        except grpc.aio.AioRpcError as error:
            trailers = dict(error.trailing_metadata() or ())
            return _Refusal(sum(len(value) for value in trailers.values()))
        raise RuntimeError("a room that is taken was given away")

    return ask


@contextlib.contextmanager
def _echo(folder: Path) -> Iterator[int]:
    """A bare echo on the servers' core; gives its port."""
    command = [sys.executable, "-m", "tests.bench.search_server", "1", str(folder / "keys")]
    os.sched_setaffinity(0, SERVER_CORE)  # inherited
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(0, LOAD_CORES)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[1])
    finally:
        process.communicate()
        os.sched_setaffinity(0, CORES)
