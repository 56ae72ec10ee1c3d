"""A small service behind each transport: grpc.aio on a free port, and the channel inside the process.

Test modules name this one in `pytest_plugins`: that gives them the fixture `wire`, once per transport. They
import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import place_pb2, room_service_pb2_grpc
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.channel import LocalChannel, LocalServer
from services.kit.client import Problem, RpcError, connect, explain
from services.kit.clock import Ids, SystemClock
from services.kit.logs import make_log
from services.kit.middleware import answer_for, inner, outer
from services.kit.server import GrpcServer
from services.kit.service import Service
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, RequestKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.call import Call

ROOMS = pb.DESCRIPTOR.services_by_name["RoomService"]
KEY = Ed25519PrivateKey.generate()
AUDIENCE = audience_of("test")
CLOCK = SystemClock()
NAME = "centres/c1/rooms/r1"


class Rooms:
    """An implementation that shows what it was called with, and waits or fails when told to."""

    def __init__(self) -> None:
        self.store = MemoryStore((), CLOCK)
        self.calls: list[Call[Any]] = []
        self.error: Exception | None = None
        self.reply = place_pb2.Room(name=NAME)
        self.entered = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.deaf = False
        """It goes on although it is cancelled."""
        self.gate = asyncio.Event()
        self.gate.set()

    async def create_room(self, call: Call[pb.CreateRoomRequest]) -> place_pb2.Room:
        """Commits, and then takes its time."""
        reply = place_pb2.Room(name=NAME, title=call.message.room.title)
        await self.store.commit(Commit((), answer_for(call, reply)))
        await self._wait(call)
        return reply

    async def get_room(self, call: Call[pb.GetRoomRequest]) -> place_pb2.Room:
        await self._wait(call)
        if self.error:
            raise self.error
        return self.reply

    async def list_rooms(self, call: Call[pb.ListRoomsRequest]) -> pb.ListRoomsResponse:
        self.calls.append(call)
        return pb.ListRoomsResponse(next_page_token=call.message.page_token)

    async def update_room(self, call: Call[pb.UpdateRoomRequest]) -> place_pb2.Room:
        self.calls.append(call)
        return call.message.room

    async def delete_room(self, _call: Call[pb.DeleteRoomRequest]) -> Empty:
        return Empty()

    async def _wait(self, call: Call[Any]) -> None:
        self.calls.append(call)
        self.entered.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            if self.deaf:
                await self.gate.wait()
            raise


def unasked(*there: object) -> object:
    """Does for RoomService what these do not: nobody asks for it here."""

    async def refuse(_self: object, _call: Call[Any]) -> Empty:
        raise NotImplementedError

    names = {Service.method_name(method) for method in ROOMS.methods}
    rest = type("Unasked", (), {name: refuse for name in names if not any(hasattr(each, name) for each in there)})
    found: object = rest()
    return found


class Wire:
    """A running server and a channel to it."""

    def __init__(self, rooms: Rooms, server: GrpcServer | LocalServer, log: StringIO) -> None:
        self.rooms, self.server, self.log = rooms, server, log
        self.channel: Any = self.connect()
        self.stub = room_service_pb2_grpc.RoomServiceStub(self.channel)

    def connect(self, token: str | None = None) -> Any:
        """One more channel; the caller closes it."""
        token = a_token() if token is None else token
        if isinstance(self.server, LocalServer):
            return LocalChannel(self.server, token)
        return connect(f"127.0.0.1:{self.server.port}", token)

    async def problem(self, awaitable: Any) -> Problem:
        """What a call was refused with."""
        with pytest.raises(RpcError) as raised:
            await awaitable
        return explain(raised.value)


async def committed(rooms: Rooms, request_id: str) -> bool:
    """Whether the commit for this request is in the store."""
    key = RequestKey("openchair.meetings.v1.RoomService/CreateRoom", "p1", request_id)
    return await rooms.store.answer(key) is not None


def a_token(**roles: str) -> str:
    held = {scope: [role] for scope, role in (roles or {"c1": "coordinator"}).items()}
    return make_token(KEY, "p1", held, audience=AUDIENCE, lifetime=timedelta(minutes=5), clock=CLOCK)


@asynccontextmanager
async def running(transport: str) -> AsyncIterator[Wire]:
    rooms, stream = Rooms(), StringIO()
    log = make_log("info", stream)
    verifier = TokenVerifier({key_id(KEY.public_key()): KEY.public_key()}, AUDIENCE, CLOCK)
    service = Service(ROOMS, rooms, unasked(rooms), middleware=inner(rooms.store))
    middleware = outer(log, Ids(random.Random(1)), verifier)  # noqa: S311 - seeded on purpose
    server: GrpcServer | LocalServer
    if transport == "grpc":
        server = GrpcServer([service], middleware, host="127.0.0.1", port=0, clock=CLOCK, log=log)
    else:
        server = LocalServer([service], middleware, clock=CLOCK)
    await server.start()
    wire = Wire(rooms, server, stream)
    try:
        yield wire
    finally:
        await wire.channel.close()
        await server.stop(0)


@pytest.fixture(params=["grpc", "local"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    async with running(request.param) as found:
        yield found
