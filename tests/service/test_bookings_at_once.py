"""Many callers at once for the same rooms: each slot has one booking, everybody else a clear refusal."""

from __future__ import annotations

import asyncio
import itertools
import random
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.client import RpcError, connect, explain
from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.errors import Refusal
from services.kit.logs import make_log
from services.kit.middleware import outer
from services.kit.server import GrpcServer
from services.meetings.records import KINDS
from tests.contract.store_fixtures import ENGINES
from tests.service.bookings_house import ANA, CENTRE, at, book, room, stored
from tests.service.meetings_house import START, House
from tests.unit import timetable_examples

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from services.kit.client import Channel, Problem
    from services.meetings.types_rooms import Booking

pytest_plugins = ("tests.service.meetings_house",)
CALLERS = 50
PATIENCE = 55.0
RULES = (
    "",
    "FREQ=DAILY;COUNT=5",
    "FREQ=WEEKLY;COUNT=6",
    "FREQ=WEEKLY",
    "FREQ=MONTHLY;COUNT=3",
    "FREQ=DAILY;INTERVAL=3",
)


async def test_of_fifty_callers_for_one_slot_one_has_it(house: House) -> None:
    """One booking, 49 refusals that say what is in the way; and not fifty commits."""
    name = await room(house)
    before = house.desk.heads.commits
    asked = [book(house, ANA, name, at(title=f"No. {number}")) for number in range(CALLERS)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Refusal)]
    assert (len(answers) - len(refused), {each.reason for each in refused}) == (1, {"ROOM_TAKEN"})
    assert len(refused) == CALLERS - 1
    assert all(each.attached for each in refused)
    assert len(await stored(house)) == 1
    assert house.desk.heads.commits - before < CALLERS


@asynccontextmanager
async def served(house: House) -> AsyncIterator[Callable[..., Channel]]:
    """The house over gRPC; what is given connects a person, a facilitator or of another role, by their own channel."""
    key, audience, clock = Ed25519PrivateKey.generate(), audience_of("test"), SystemClock()
    log = make_log("info", StringIO())
    verifier = TokenVerifier({key_id(key.public_key()): key.public_key()}, audience, clock)
    middleware = outer(log, Ids(random.Random(1)), verifier)  # noqa: S311 - seeded on purpose
    server = GrpcServer(list(house.meetings.services), middleware, host="127.0.0.1", port=0, clock=clock, log=log)
    port = await server.start()

    def channel(who: str, role: str = "facilitator") -> Channel:
        token = make_token(key, who, {"house": [role]}, audience=audience, lifetime=timedelta(minutes=5), clock=clock)
        return connect(f"127.0.0.1:{port}", token)

    try:
        yield channel
    finally:
        await server.stop(0)


async def test_of_fifty_calls_over_the_wire_for_one_slot_one_has_it(house: House) -> None:
    """The same over gRPC, each caller another person: the clash comes along in the details of the status."""
    name = await room(house)

    async def one(channel: Channel) -> booking_pb2.Booking | RpcError:
        request = ParseDict({"parent": CENTRE, "rooms": [name], "booking": at(title="Mine")}, pb.BookRoomRequest())
        async with channel:
            try:
                return (await RoomServiceStub(channel).BookRoom(request, timeout=PATIENCE)).bookings[0]
            except RpcError as error:
                return error

    async with served(house) as connected:
        answers = await asyncio.gather(*(one(connected(f"p{number}")) for number in range(CALLERS)))
    problems = [explain(each) for each in answers if isinstance(each, RpcError)]
    assert len(problems) == CALLERS - 1
    assert {(each.code, each.reason) for each in problems} == {("FAILED_PRECONDITION", "ROOM_TAKEN")}
    for each in problems:
        _tells_what_is_in_the_way(each, name)
    (booking,) = await stored(house)
    assert sum(isinstance(each, booking_pb2.Booking) for each in answers) == 1
    assert booking.title == "Mine"


class Passing(VirtualClock):
    """It stands still; who pauses does so for as long as they say."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


TWO = (
    "memory",
    "mongodb-motor",
    pytest.param("mongodb-pymongo", marks=pytest.mark.slow),  # as in meetings_house
    pytest.param("mongodb-wire-motor", marks=pytest.mark.slow),
)


@pytest.fixture(params=TWO)
async def two_houses(request: pytest.FixtureRequest) -> AsyncIterator[tuple[House, House]]:
    """Two instances of the service on one database, with a centre."""
    clock = Passing(START)
    async with ENGINES[request.param](request, clock) as engine:
        first, second = [House(await engine.start(KINDS), clock, seed) for seed in (7, 8)]
        await first.meetings.load()
        await first.centre()
        await second.meetings.load()
        yield first, second
        for each in (first, second):
            await each.desk.heads.idle()
            await each.store.close()


async def test_of_fifty_callers_at_two_instances_one_has_it(two_houses: tuple[House, House]) -> None:
    """Whoever was slower decides anew on what the other wrote: nobody is told that others were always faster."""
    name = await room(two_houses[0])
    asked = [book(two_houses[number % 2], ANA, name, at(title=f"No. {number}")) for number in range(CALLERS)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, Refusal)]
    assert (len(answers) - len(refused), {each.reason for each in refused}) == (1, {"ROOM_TAKEN"})
    for each in two_houses:
        assert len(await stored(each)) == 1


def _tells_what_is_in_the_way(problem: Problem, name: str) -> None:
    """The date, the room, from when to when, and other times; not whose it is."""
    report = booking_pb2.ClashReport()
    (detail,) = problem.attached
    assert detail.Unpack(report)
    (clash,) = report.clashes
    assert (clash.kind, clash.key, clash.room) == (booking_pb2.CLASH_KIND_TAKEN, "20261124", name)
    assert clash.taken_start_time == clash.start_time
    assert (clash.taken_by, clash.taken_by_name) == ("busy", "")
    assert report.alternatives


@pytest.mark.parametrize("callers", [50, pytest.param(200, marks=pytest.mark.slow)])
async def test_series_asked_for_all_at_once_never_overlap(house: House, callers: int) -> None:
    """Halls and parts, buffers, series that are skipped in part, changes and releases among them, each caller another
    person over gRPC: by a brute force that knows neither our rules nor our tables.
    """
    await _crowd((house,), callers)


@pytest.mark.parametrize("callers", [50, pytest.param(200, marks=pytest.mark.slow)])
async def test_series_asked_for_at_two_instances_never_overlap(two_houses: tuple[House, House], callers: int) -> None:
    """The same where every second one asks another instance."""
    await _crowd(two_houses, callers)


async def _crowd(houses: Sequence[House], callers: int) -> None:
    house = houses[0]
    place = await house.place(title="Hall")
    names = [await _room(house, place.name, title) for title in ("East", "West")]
    hall = await _room(house, place.name, "Hall", parts=names, before_minutes=15)
    names += [hall, await room(house, "Apart", after_minutes=10)]
    chance = random.Random(6)  # noqa: S311 - the same in every run
    async with AsyncExitStack() as serving:
        connected = itertools.cycle([await serving.enter_async_context(served(each)) for each in houses])
        asked = [_some(next(connected)(f"p{number}"), names, chance) for number in range(callers)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [each for each in answers if isinstance(each, RpcError)]
    assert {explain(each).reason for each in refused} == {"ROOM_TAKEN"}
    assert not [each for each in answers if isinstance(each, BaseException) and not isinstance(each, RpcError)]
    made = await stored(house)
    ids = [name.rpartition("/")[2] for name in names]
    assert len(made) > callers // 8
    assert any(each.skipped for each in made)
    floors = (ids[0], ids[2]), (ids[1], ids[2]), (ids[3],)  # what shares one of them cannot be had together
    dates = sum(_apart([each for each in made if each.room in floor]) for floor in floors)
    assert dates > callers, "who came first is a matter of chance, and with it how many series there are"


def _apart(made: list[Booking]) -> int:
    """How many dates these have until 2028. Fails if two of them are too close."""
    until = timetable_examples.NOW + 2 * 366 * 1440
    dates = sorted(
        (date.start, date.end, number)
        for number, each in enumerate(made)
        for date in timetable_examples.dates(each.pattern, timetable_examples.NOW, until)
    )
    for (_, end, number), (start, _, following) in itertools.pairwise(dates):
        assert start >= end + max(made[number].after, made[following].before), (made[number], made[following])
    return len(dates)


async def _room(house: House, place: str, title: str, **fields: Any) -> str:
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place, **fields})
    return str(made.name)


async def _some(channel: Channel, names: list[str], chance: random.Random) -> None:
    """One caller: books, and sometimes thinks better of it."""
    start = f"2026-12-{chance.randrange(1, 8):02}T{chance.randrange(8, 22):02}:{chance.choice(('00', '30'))}"
    booking = at(start, chance.choice(RULES), chance.choice((30, 60, 90, 240)))
    wish = {"parent": CENTRE, "rooms": chance.sample(names, 1), "booking": booking}
    policy, what = chance.choice(("CLASH_POLICY_REFUSE", "CLASH_POLICY_SKIP")), chance.random()
    async with channel:
        stub = RoomServiceStub(channel)
        request = ParseDict({**wish, "on_clash": policy}, pb.BookRoomRequest())
        made = (await stub.BookRoom(request, timeout=PATIENCE)).bookings[0]
        if what < 0.2:
            await stub.ReleaseBooking(pb.ReleaseBookingRequest(name=made.name), timeout=PATIENCE)
        elif what < 0.4:
            moved = {"name": made.name, "schedule": {"start": start[:-5] + "20:00"}}
            change = {"booking": moved, "update_mask": "schedule.start", "on_clash": policy}
            await stub.ChangeBooking(ParseDict(change, pb.ChangeBookingRequest()), timeout=PATIENCE)
