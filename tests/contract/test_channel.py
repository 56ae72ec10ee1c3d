"""What a client may rely on, whichever way its calls travel: one suite over grpc.aio and the in-process channel."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from openchair.meetings.v1 import place_pb2, room_service_pb2_grpc
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.channel import LocalServer
from services.kit.errors import Invalid, Stale, Unmet, Violation
from services.kit.server import LARGEST_MESSAGE
from tests.contract.channel_fixtures import CLOCK, NAME, ROOMS, Wire, committed, running

pytest_plugins = ["tests.contract.channel_fixtures"]

GET = pb.GetRoomRequest(name=NAME)
PATIENCE = 60.0  # seconds, on a machine that may be busy with much else


def a_room(request_id: str = "r1") -> pb.CreateRoomRequest:
    return pb.CreateRoomRequest(parent="centres/c1", room=place_pb2.Room(title="Blue"), request_id=request_id)


async def test_a_reply_arrives_and_the_method_saw_message_caller_request_id_and_deadline(wire: Wire) -> None:
    reply = await wire.stub.CreateRoom(a_room(), timeout=60)
    assert reply.title == "Blue"
    (call,) = wire.rooms.calls
    assert call.method == "openchair.meetings.v1.RoomService/CreateRoom"
    assert call.message == a_room()
    assert (call.caller.subject, call.request_id) == ("p1", "r1")
    assert 0 < call.deadline - CLOCK.monotonic() < 61  # gRPC rounds the time it sends up
    assert "authorization" not in call.metadata


async def test_neither_side_holds_the_others_message(wire: Wire) -> None:
    reply = await wire.stub.GetRoom(GET)
    reply.title = "scribbled"
    assert wire.rooms.reply.title == ""
    assert wire.rooms.calls[0].message is not GET


async def test_a_refusal_arrives_with_reason_details_and_fields(wire: Wire) -> None:
    wire.rooms.error = Invalid(Violation("room.title", "must not be empty"), Violation("room.capacity", "negative"))
    problem = await wire.problem(wire.stub.GetRoom(GET))
    assert (problem.code, problem.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert problem.violations == wire.rooms.error.violations
    wire.rooms.error = Stale(NAME, "7")
    problem = await wire.problem(wire.stub.GetRoom(GET))
    assert (problem.code, problem.reason, problem.details) == ("ABORTED", "STALE_ETAG", {"etag": "7"})
    assert problem.message == wire.rooms.error.message


async def test_a_refusal_with_much_to_say_still_arrives(wire: Wire) -> None:
    many = [Violation(f"rows[{number}].title", "ö" * 900) for number in range(200)]
    for error in (Invalid(*many), Unmet("ö" * 9000, "IN_USE", {str(n): "ö" * 900 for n in range(99)})):
        wire.rooms.error = error
        problem = await wire.problem(wire.stub.GetRoom(GET))
        assert (problem.code, problem.reason) == (error.code, error.reason)
        assert problem.violations or problem.details


async def test_what_was_not_foreseen_is_internal_with_an_incident_and_no_text(wire: Wire) -> None:
    wire.rooms.error = RuntimeError("canary in an exception")
    problem = await wire.problem(wire.stub.GetRoom(GET))
    assert (problem.code, problem.reason) == ("INTERNAL", "INTERNAL")
    assert problem.details["incident"] in wire.log.getvalue()
    assert "canary" not in str(problem) + repr(problem) + wire.log.getvalue()


async def test_the_same_request_id_is_answered_the_same_and_not_done_again(wire: Wire) -> None:
    assert await wire.stub.CreateRoom(a_room()) == await wire.stub.CreateRoom(a_room())
    assert len(wire.rooms.calls) == 1
    other = a_room()
    other.room.title = "Red"
    assert (await wire.problem(wire.stub.CreateRoom(other))).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize("path", ["/openchair.meetings.v1.RoomService/Nothing", "/no.such.Service/GetRoom"])
async def test_a_method_that_is_not_there_is_unimplemented(wire: Wire, path: str) -> None:
    assert (await wire.problem(wire.channel.unary_unary(path)(b""))).code == "UNIMPLEMENTED"


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x02\xff\xfe", b"\x0a\xff\xff\xff\xff\x0f"])
async def test_bytes_that_are_not_the_message_are_invalid(wire: Wire, body: bytes) -> None:
    method = wire.channel.unary_unary("/openchair.meetings.v1.RoomService/GetRoom")
    assert (await wire.problem(method(body))).code == "INVALID_ARGUMENT"
    assert '"code": "INVALID_ARGUMENT"' in wire.log.getvalue()


def request_of(size: int) -> pb.UpdateRoomRequest:
    """A request of so many bytes, all of them in one field."""
    request = pb.UpdateRoomRequest(room=place_pb2.Room(name=NAME, notes="x" * size))
    request.room.notes = "x" * (2 * size - request.ByteSize())
    assert request.ByteSize() == size
    return request


@pytest.mark.parametrize("size", [LARGEST_MESSAGE + 1, 2 * LARGEST_MESSAGE])
async def test_a_request_that_is_too_large_does_not_reach_the_method(wire: Wire, size: int) -> None:
    problem = await wire.problem(wire.stub.UpdateRoom(request_of(size)))
    assert (problem.code, problem.reason) == ("RESOURCE_EXHAUSTED", "")
    assert not wire.rooms.calls


async def test_a_request_of_the_largest_size_is_read(wire: Wire) -> None:
    problem = await wire.problem(wire.stub.UpdateRoom(request_of(LARGEST_MESSAGE)))
    assert (problem.code, problem.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")  # read, and found too long


async def test_a_reply_that_is_too_large_is_an_error_of_the_call(wire: Wire) -> None:
    wire.rooms.reply.notes = "x" * LARGEST_MESSAGE
    assert (await wire.problem(wire.stub.GetRoom(GET))).code == "RESOURCE_EXHAUSTED"


async def test_a_large_page_token_comes_back_whole(wire: Wire) -> None:
    token = "t" * 1000
    reply = await wire.stub.ListRooms(pb.ListRoomsRequest(parent="centres/c1", page_token=token))
    assert reply.next_page_token == token


async def test_a_call_without_a_deadline_gets_one_of_ten_seconds(wire: Wire) -> None:
    before = CLOCK.monotonic()
    await wire.stub.GetRoom(GET)
    assert before + 9 < wire.rooms.calls[0].deadline <= CLOCK.monotonic() + 10


async def test_a_deadline_that_is_too_far_off_is_shortened(wire: Wire) -> None:
    before = CLOCK.monotonic()
    await wire.stub.GetRoom(GET, timeout=3600)
    assert before + 59 < wire.rooms.calls[0].deadline <= CLOCK.monotonic() + 60


async def test_a_call_that_is_not_answered_in_time_is_late_and_its_method_is_cancelled(wire: Wire) -> None:
    wire.rooms.gate.clear()
    assert (await wire.problem(wire.stub.GetRoom(GET, timeout=2.0))).code == "DEADLINE_EXCEEDED"
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)


async def test_a_method_that_does_not_heed_its_cancellation_keeps_no_caller_waiting(wire: Wire) -> None:
    wire.rooms.deaf = True
    wire.rooms.gate.clear()
    problem = await asyncio.wait_for(wire.problem(wire.stub.GetRoom(GET, timeout=2.0)), PATIENCE)
    assert problem.code == "DEADLINE_EXCEEDED"
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)
    wire.rooms.gate.set()


async def test_a_deadline_in_the_past_reaches_nobody(wire: Wire) -> None:
    assert (await wire.problem(wire.stub.GetRoom(GET, timeout=-1))).code == "DEADLINE_EXCEEDED"
    assert not wire.rooms.calls


async def test_giving_a_call_up_cancels_the_method_and_undoes_no_commit(wire: Wire) -> None:
    wire.rooms.gate.clear()
    call = wire.stub.CreateRoom(a_room())
    await wire.rooms.entered.wait()
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.done()
    assert call.cancelled()
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)
    assert await committed(wire.rooms, "r1")
    wire.rooms.gate.set()
    assert (await wire.stub.CreateRoom(a_room())).title == "Blue"
    assert len(wire.rooms.calls) == 1, "the stored answer was given, nothing was done again"


async def test_cancelling_who_waits_for_a_call_gives_the_call_up(wire: Wire) -> None:
    wire.rooms.gate.clear()

    async def ask() -> None:
        await wire.stub.GetRoom(GET)

    asking = asyncio.create_task(ask())
    await wire.rooms.entered.wait()
    asking.cancel()
    await asyncio.wait((asking,))
    assert asking.cancelled()
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)


async def test_text_metadata_arrives_and_a_key_that_comes_twice_keeps_both(wire: Wire) -> None:
    await wire.stub.GetRoom(GET, metadata=(("x-trace", " a b "), ("x-twice", "1"), ("x-twice", "2")))
    seen = wire.rooms.calls[0].metadata
    assert (seen["x-trace"], seen["x-twice"]) == (" a b ", "1, 2")


async def test_binary_metadata_does_not_reach_a_method(wire: Wire) -> None:
    await wire.stub.GetRoom(GET, metadata=(("x-more-bin", b"\xff\x00"), ("x-more", "text")))
    assert "x-more-bin" not in wire.rooms.calls[0].metadata
    assert wire.rooms.calls[0].metadata["x-more"] == "text"


@pytest.mark.parametrize(
    "pair", [("X-Upper", "1"), ("x key", "1"), ("x-text", "ö"), ("x-text", "a\nb"), ("x-bin", "t")]
)
async def test_metadata_that_no_header_can_hold_reaches_nobody(wire: Wire, pair: tuple[str, str]) -> None:
    with pytest.raises(Exception, match=r".") as raised:  # gRPC raises types of its own
        await wire.stub.GetRoom(GET, metadata=(pair,))
    assert not isinstance(raised.value, asyncio.CancelledError)
    assert not wire.rooms.calls


async def test_two_tokens_are_none(wire: Wire) -> None:
    problem = await wire.problem(wire.stub.GetRoom(GET, metadata=(("authorization", "Bearer x"),)))
    assert (problem.code, problem.reason) == ("UNAUTHENTICATED", "TOKEN_INVALID")


async def test_without_a_token_nobody_calls(wire: Wire) -> None:
    channel = wire.connect(token="")
    problem = await wire.problem(room_service_pb2_grpc.RoomServiceStub(channel).CreateRoom(a_room()))
    assert problem.code == "UNAUTHENTICATED"
    await channel.close()


async def test_calls_run_beside_each_other(wire: Wire) -> None:
    wire.rooms.gate.clear()
    waiting = [asyncio.ensure_future(wire.stub.GetRoom(GET)) for _ in range(20)]
    reply = await wire.stub.ListRooms(pb.ListRoomsRequest(parent="centres/c1", page_token="one that overtakes"))
    assert reply.next_page_token == "one that overtakes"
    assert not any(call.done() for call in waiting)
    wire.rooms.gate.set()
    assert [reply.name for reply in await asyncio.gather(*waiting)] == [NAME] * 20


@pytest.mark.parametrize("transport", ["grpc", "local"])
async def test_more_calls_at_once_than_it_bears_are_refused_at_once(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.kit.server.MOST_CALLS", 1)
    monkeypatch.setattr("services.kit.channel.MOST_CALLS", 1)
    async with running(transport) as wire:
        wire.rooms.gate.clear()
        under_way = asyncio.ensure_future(wire.stub.GetRoom(GET))
        await wire.rooms.entered.wait()
        assert (await wire.problem(wire.stub.GetRoom(GET))).code == "RESOURCE_EXHAUSTED"
        wire.rooms.gate.set()
        assert (await under_way).name == NAME


async def test_what_a_caller_has_in_its_context_stays_there(wire: Wire) -> None:
    mine: contextvars.ContextVar[str] = contextvars.ContextVar("mine", default="nothing")
    seen: list[str] = []
    answer = wire.rooms.store.answer

    async def looking(request: Any) -> Any:
        seen.append(mine.get())
        return await answer(request)

    wire.rooms.store.answer = looking  # type: ignore[method-assign]  # the method runs through here
    mine.set("the caller's")
    await wire.stub.CreateRoom(a_room())
    assert seen == ["nothing"]


async def test_health_says_serving_only_when_told_each_service_for_itself(wire: Wire) -> None:
    stub: Any = health_pb2_grpc.HealthStub(wire.channel)

    async def status(service: str) -> str:
        reply = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)

    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "NOT_SERVING"]
    await wire.server.ready(ROOMS.full_name)
    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "SERVING"]
    await wire.server.ready()
    assert await status("") == "SERVING"
    await wire.server.ready(ready=False)
    assert [await status(""), await status(ROOMS.full_name)] == ["NOT_SERVING", "NOT_SERVING"]
    assert (await wire.problem(status("nobody"))).code == "NOT_FOUND"


async def test_stopping_lets_a_call_under_way_end_and_takes_no_new_one(wire: Wire) -> None:
    wire.rooms.gate.clear()
    under_way = asyncio.ensure_future(wire.stub.GetRoom(GET))
    await wire.rooms.entered.wait()
    stopping = asyncio.create_task(wire.server.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    wire.rooms.gate.set()
    assert (await under_way).name == NAME
    await stopping
    late = wire.connect()
    problem = await wire.problem(room_service_pb2_grpc.RoomServiceStub(late).GetRoom(GET))
    assert problem.code == "UNAVAILABLE"
    await late.close()


async def test_a_call_that_outlives_the_servers_grace_is_unavailable(wire: Wire) -> None:
    wire.rooms.gate.clear()
    under_way = wire.stub.GetRoom(GET)
    await wire.rooms.entered.wait()
    await wire.server.stop(0)
    assert (await wire.problem(under_way)).code == "UNAVAILABLE"
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)


async def test_closing_the_channel_gives_its_calls_up_and_takes_no_new_one(wire: Wire) -> None:
    wire.rooms.gate.clear()
    channel = wire.connect()
    stub = room_service_pb2_grpc.RoomServiceStub(channel)
    call = stub.GetRoom(GET)
    await wire.rooms.entered.wait()
    await channel.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(wire.rooms.cancelled.wait(), PATIENCE)
    with pytest.raises(Exception, match=r"(?i)closed"):
        await stub.GetRoom(GET)


async def test_an_error_has_code_details_and_metadata_as_grpc_gives_them(wire: Wire) -> None:
    wire.rooms.error = Stale(NAME, "7")
    call = wire.stub.GetRoom(GET)
    with pytest.raises(Exception, match="ABORTED") as raised:
        await call
    error: Any = raised.value
    assert error.code().name == "ABORTED"
    assert error.details() == wire.rooms.error.message
    assert dict(error.trailing_metadata())["grpc-status-details-bin"]


async def test_a_local_server_has_no_port() -> None:
    server = LocalServer([], (), clock=CLOCK)
    assert await server.start() == 0
    await server.stop()
