from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from openchair.meetings.v1 import place_pb2, room_service_pb2_grpc
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.client import Problem, RpcError, connect, explain
from services.kit.clock import Ids, SystemClock
from services.kit.errors import Invalid, Stale, Unmet, Violation
from services.kit.logs import make_log
from services.kit.middleware import answer_for, inner, outer
from services.kit.server import LARGEST_MESSAGE, GrpcServer
from services.kit.service import Service
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit
from tests.contract.channel_fixtures import unasked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.call import Call

ROOMS = pb.DESCRIPTOR.services_by_name["RoomService"]
KEY = Ed25519PrivateKey.generate()
AUDIENCE = audience_of("test")
CLOCK = SystemClock()
NAME = "centres/c1/rooms/r1"


def a_token(**roles: str) -> str:
    held = {scope: [role] for scope, role in (roles or {"c1": "coordinator"}).items()}
    return make_token(KEY, "p1", held, audience=AUDIENCE, lifetime=timedelta(minutes=5), clock=CLOCK)


class Rooms:
    """A small implementation that shows what it was called with."""

    def __init__(self) -> None:
        self.store = MemoryStore((), CLOCK)
        self.calls: list[Call[Any]] = []
        self.error: Exception | None = None
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def create_room(self, call: Call[pb.CreateRoomRequest]) -> place_pb2.Room:
        self.calls.append(call)
        reply = place_pb2.Room(name=NAME, title=call.message.room.title, revision=len(self.calls))
        await self.store.commit(Commit((), answer_for(call, reply)))
        return reply

    async def get_room(self, call: Call[pb.GetRoomRequest]) -> place_pb2.Room:
        self.calls.append(call)
        self.entered.set()
        await self.gate.wait()
        if self.error:
            raise self.error
        return place_pb2.Room(name=call.message.name)

    async def list_rooms(self, _call: Call[pb.ListRoomsRequest]) -> pb.ListRoomsResponse:
        return pb.ListRoomsResponse()

    async def update_room(self, call: Call[pb.UpdateRoomRequest]) -> place_pb2.Room:
        return call.message.room

    async def delete_room(self, _call: Call[pb.DeleteRoomRequest]) -> Empty:
        return Empty()


class Site:
    """A running server and a channel to it."""

    def __init__(self, rooms: Rooms, server: GrpcServer, log: StringIO, port: int) -> None:
        self.rooms, self.server, self.log, self.port = rooms, server, log, port
        self.channel = connect(f"127.0.0.1:{port}", a_token())
        self.stub = room_service_pb2_grpc.RoomServiceStub(self.channel)

    async def problem(self, awaitable: Any) -> Problem:
        with pytest.raises(RpcError) as raised:
            await awaitable
        return explain(raised.value)


@asynccontextmanager
async def running(*, development: bool = False) -> AsyncIterator[Site]:
    rooms, stream = Rooms(), StringIO()
    log = make_log("info", stream)
    verifier = TokenVerifier({key_id(KEY.public_key()): KEY.public_key()}, AUDIENCE, CLOCK)
    service = Service(ROOMS, rooms, unasked(rooms), middleware=inner(rooms.store))
    middleware = outer(log, Ids(random.Random(1)), verifier)  # noqa: S311 - seeded on purpose
    server = GrpcServer([service], middleware, host="127.0.0.1", port=0, clock=CLOCK, log=log, development=development)
    site = Site(rooms, server, stream, await server.start())
    try:
        yield site
    finally:
        await site.channel.close()
        await server.stop(0)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running() as found:
        yield found


async def test_a_server_on_this_machine_is_called_directly_whatever_proxy_the_environment_names(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("no_grpc_proxy", raising=False)
    async with connect(f"127.0.0.1:{site.port}", a_token()) as channel:
        reply = await room_service_pb2_grpc.RoomServiceStub(channel).GetRoom(pb.GetRoomRequest(name=NAME), timeout=60)
    assert reply.name == NAME


async def test_a_method_sees_message_caller_request_id_and_deadline(site: Site) -> None:
    request = pb.CreateRoomRequest(parent="centres/c1", room=place_pb2.Room(title="Blue"), request_id="r1")
    reply = await site.stub.CreateRoom(request, timeout=60)
    assert reply.title == "Blue"
    (call,) = site.rooms.calls
    assert call.method == "openchair.meetings.v1.RoomService/CreateRoom"
    assert call.message == request
    assert (call.caller.subject, call.request_id) == ("p1", "r1")
    assert 0 < call.deadline - CLOCK.monotonic() < 61  # gRPC rounds the time it sends up
    assert "authorization" not in call.metadata
    assert len(call.trace) == 32


async def test_a_call_without_a_deadline_gets_one_of_ten_seconds(site: Site) -> None:
    before = CLOCK.monotonic()
    await site.stub.GetRoom(pb.GetRoomRequest(name=NAME))
    assert before + 9 < site.rooms.calls[0].deadline <= CLOCK.monotonic() + 10


async def test_the_same_request_id_is_answered_the_same_and_not_done_again(site: Site) -> None:
    request = pb.CreateRoomRequest(parent="centres/c1", room=place_pb2.Room(title="Blue"), request_id="r1")
    assert await site.stub.CreateRoom(request) == await site.stub.CreateRoom(request)
    assert len(site.rooms.calls) == 1
    request.room.title = "Red"
    problem = await site.problem(site.stub.CreateRoom(request))
    assert (problem.code, problem.reason) == ("INVALID_ARGUMENT", "REQUEST_ID_REUSED")


async def test_a_refusal_arrives_with_reason_details_and_fields(site: Site) -> None:
    site.rooms.error = Invalid(
        Violation("room.title", "must not be empty"), Violation("room.capacity", "must not be -1")
    )
    problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME)))
    assert problem.code == "INVALID_ARGUMENT"
    assert problem.reason == "INVALID_FIELD"
    assert [wrong.field for wrong in problem.violations] == ["room.title", "room.capacity"]
    assert str(problem).splitlines() == [
        "INVALID_ARGUMENT (INVALID_FIELD):",
        "  room.title: must not be empty",
        "  room.capacity: must not be -1",
    ]
    site.rooms.error = Stale(NAME, "7")
    problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME)))
    assert (problem.code, problem.reason, problem.details) == ("ABORTED", "STALE_ETAG", {"etag": "7"})
    assert str(problem) == f"ABORTED (STALE_ETAG): {NAME!r} was changed meanwhile: its etag is now '7'"


async def test_a_refusal_with_much_to_say_still_arrives(site: Site) -> None:
    many = [Violation(f"rows[{number}].title", "ö" * 900) for number in range(200)]
    for error in (Invalid(*many), Unmet("ö" * 9000, "IN_USE", {str(n): "ö" * 900 for n in range(99)})):
        site.rooms.error = error
        problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME)))
        assert (problem.code, problem.reason) == (error.code, error.reason)
        assert problem.violations or problem.details


async def test_the_unforeseen_tells_and_logs_nothing_of_what_was_asked(site: Site) -> None:
    site.rooms.error = RuntimeError("canary in an exception")
    problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name="centres/c1/rooms/canary")))
    assert (problem.code, problem.reason) == ("INTERNAL", "INTERNAL")
    assert problem.details["incident"] in site.log.getvalue()
    assert "canary" not in str(problem) + repr(problem) + site.log.getvalue()


async def test_a_call_is_one_log_line_without_token_name_or_address(site: Site) -> None:
    before = site.log.getvalue()
    await site.stub.UpdateRoom(pb.UpdateRoomRequest(room=place_pb2.Room(name=NAME, title="canary")))
    line = site.log.getvalue().removeprefix(before)
    assert line.count("\n") == 1
    assert not any(word in line for word in ("canary", NAME, "127.0.0.1", "eyJ", "p1"))


async def test_a_message_that_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    huge = pb.UpdateRoomRequest(room=place_pb2.Room(name=NAME, notes="x" * (LARGEST_MESSAGE + 1)))
    assert (await site.problem(site.stub.UpdateRoom(huge))).code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\xff\x0f"])
async def test_bytes_that_are_not_the_message_are_refused_as_invalid(site: Site, body: bytes) -> None:
    method: Any = site.channel.unary_unary("/openchair.meetings.v1.RoomService/GetRoom")
    assert (await site.problem(method(body))).code == "INVALID_ARGUMENT"
    assert '"code": "INVALID_ARGUMENT"' in site.log.getvalue()


async def test_text_that_no_field_may_hold_is_refused_naming_the_field(site: Site) -> None:
    room = place_pb2.Room(name=NAME, title="x" * 10_000, notes="evil\u202eson")
    problem = await site.problem(site.stub.UpdateRoom(pb.UpdateRoomRequest(room=room)))
    assert [wrong.field for wrong in problem.violations] == ["room.title", "room.notes"]


async def test_a_call_that_is_not_answered_in_time_is_late(site: Site) -> None:
    site.rooms.gate.clear()
    assert (
        await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME), timeout=0.05))
    ).code == "DEADLINE_EXCEEDED"


async def test_two_tokens_are_none(site: Site) -> None:
    metadata = (("authorization", f"Bearer {a_token()}"),)
    problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME), metadata=metadata))
    assert (problem.code, problem.reason) == ("UNAUTHENTICATED", "TOKEN_INVALID")


async def test_a_method_that_is_not_there_is_unimplemented(site: Site) -> None:
    method: Any = site.channel.unary_unary("/openchair.meetings.v1.RoomService/Nothing")
    assert (await site.problem(method(b""))).code == "UNIMPLEMENTED"


async def test_health_says_serving_only_when_told_each_service_for_itself(site: Site) -> None:
    stub: Any = health_pb2_grpc.HealthStub(site.channel)

    async def status(service: str) -> str:
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)

    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "NOT_SERVING"]
    await site.server.ready(ROOMS.full_name)
    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "SERVING"]
    await site.server.ready()
    assert [await status(""), await status(ROOMS.full_name)] == ["SERVING", "SERVING"]
    await site.server.ready(ready=False)
    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "NOT_SERVING"]
    assert (await site.problem(status("nobody"))).code == "NOT_FOUND"


async def listed(site: Site) -> list[str]:
    channel: Any = site.channel
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    names: list[str] = []
    async for reply in stub.ServerReflectionInfo(requests):
        names += [service.name for service in reply.list_services_response.service]
    return names


async def test_reflection_is_there_in_development_only(site: Site) -> None:
    assert (await site.problem(listed(site))).code == "UNIMPLEMENTED"
    async with running(development=True) as developed:
        assert ROOMS.full_name in await listed(developed)


async def test_more_calls_at_once_than_it_bears_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.kit.server.MOST_CALLS", 2)
    async with running() as site:
        site.rooms.gate.clear()
        under_way = [asyncio.ensure_future(site.stub.GetRoom(pb.GetRoomRequest(name=NAME))) for _ in range(2)]
        async with asyncio.timeout(60):
            while len(site.rooms.calls) < 2:  # noqa: ASYNC110 - what the server counts up
                await asyncio.sleep(0.005)
        problem = await site.problem(site.stub.GetRoom(pb.GetRoomRequest(name=NAME)))
        assert problem.code == "RESOURCE_EXHAUSTED"
        site.rooms.gate.set()
        assert [room.name for room in await asyncio.gather(*under_way)] == [NAME, NAME]


async def test_stopping_lets_a_call_under_way_end_and_takes_no_new_one(site: Site) -> None:
    site.rooms.gate.clear()
    under_way = asyncio.ensure_future(site.stub.GetRoom(pb.GetRoomRequest(name=NAME)))
    await site.rooms.entered.wait()
    stopping = asyncio.create_task(site.server.stop())
    late = connect(f"127.0.0.1:{site.port}", a_token())
    await asyncio.sleep(0)
    site.rooms.gate.set()
    assert (await under_way).name == NAME
    await stopping
    stub = room_service_pb2_grpc.RoomServiceStub(late)
    assert (await site.problem(stub.GetRoom(pb.GetRoomRequest(name=NAME)))).code == "UNAVAILABLE"
    await late.close()


async def test_a_port_that_is_taken_is_an_error_of_the_system(site: Site) -> None:
    service = Service(ROOMS, Rooms(), unasked(Rooms()))
    second = GrpcServer([service], (), host="127.0.0.1", port=site.port, clock=CLOCK, log=make_log("error", StringIO()))
    with pytest.raises(OSError, match=str(site.port)):
        await second.start()
    await second.stop(0)


class Half:
    async def create_room(self, _call: Call[Any]) -> Empty:
        return Empty()

    async def empty_room(self, _call: Call[Any]) -> Empty:
        return Empty()


def test_binding_fails_naming_methods_that_are_missing_or_too_many() -> None:
    with pytest.raises(ValueError, match="empty_room is not in the proto, get_room is missing, list_rooms is missing"):
        Service(ROOMS, Half())
    with pytest.raises(ValueError, match="create_room is there twice"):
        Service(ROOMS, Rooms(), Half())


async def test_several_objects_may_share_a_service() -> None:
    class Makes:
        async def create_room(self, _call: Call[Any]) -> Empty:
            return Empty()

    makes = Makes()
    assert Service(ROOMS, makes, unasked(makes)).name == ROOMS.full_name


def test_a_client_speaks_tls_to_any_other_machine() -> None:
    with pytest.raises(ValueError, match="host:port"):
        connect("chairs.example.org")


def test_an_error_from_elsewhere_is_explained_too() -> None:
    error = RpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "no route")
    assert str(explain(error)) == "UNAVAILABLE: no route"
    broken = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff"))
    assert explain(RpcError(grpc.StatusCode.ABORTED, None, broken, "x")) == Problem("ABORTED", "x")
