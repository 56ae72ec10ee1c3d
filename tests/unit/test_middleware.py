from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import NOBODY, Call, Caller, Method, Middleware, chain
from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.errors import Fault, Invalid, Late, NotFound, Unavailable
from services.kit.logs import make_log
from services.kit.middleware import Deadline, Idempotency, Observation, answer_for, describe, inner, stored_answer
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Unwritten

CREATE = "openchair.meetings.v1.MeetingService/CreateCentre"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
FOREVER = float("inf")


def a_call(request_id: str = "", title: str = "One", **fields: Any) -> Call[Any]:
    message = pb.CreateCentreRequest(centre_id="c1", centre=centre_pb2.Centre(title=title), request_id=request_id)
    usual: dict[str, Any] = {"caller": Caller("p1"), "deadline": FOREVER, "clock": SystemClock()}
    return Call(CREATE, message, request_id=request_id, **{**usual, **fields})


class Recorder:
    """A method that keeps its calls and answers with what the request asked to make."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.calls: list[Call[Any]] = []
        self.error = error

    async def __call__(self, call: Call[Any]) -> centre_pb2.Centre:
        self.calls.append(call)
        if self.error:
            raise self.error
        return centre_pb2.Centre(title=call.message.centre.title, revision=len(self.calls))


async def test_the_first_middleware_of_a_chain_is_the_outermost() -> None:
    order = []

    def named(name: str) -> Middleware:
        async def middleware(call: Call[Any], method: Method) -> Any:
            order.append(name)
            reply = await method(call)
            order.append(f"/{name}")
            return reply

        return middleware

    await chain([named("a"), named("b")], Recorder())(a_call())
    assert order == ["a", "b", "/b", "/a"]


class Observed:
    """An Observation and what it logs."""

    def __init__(self) -> None:
        self.stream = StringIO()
        self.middleware = Observation(make_log("info", self.stream), Ids(random.Random(1)))  # noqa: S311 - seeded on purpose

    def line(self) -> str:
        lines = self.stream.getvalue().splitlines()
        assert len(lines) == 1
        return lines[0]


async def test_each_call_is_one_line_of_method_code_time_and_trace() -> None:
    observed, method = Observed(), Recorder()
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await observed.middleware(a_call(metadata={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}), method)
    assert method.calls[0].trace == trace
    for part in (f'"trace": "{trace}"', f'"method": "{CREATE}"', '"code": "OK"', '"ms": '):
        assert part in observed.line()


@pytest.mark.parametrize("header", [{}, {"traceparent": "canary"}])
async def test_a_call_without_a_sound_trace_gets_one(header: dict[str, str]) -> None:
    observed, method = Observed(), Recorder()
    await observed.middleware(a_call(metadata=header), method)
    assert len(method.calls[0].trace) == 32
    assert method.calls[0].trace in observed.line()
    assert "canary" not in observed.line()


async def test_a_refusal_passes_and_its_reason_is_logged_without_what_it_is_about() -> None:
    observed = Observed()
    with pytest.raises(NotFound):
        await observed.middleware(a_call(), Recorder(NotFound("shelves/canary")))
    assert '"code": "NOT_FOUND"' in observed.line()
    assert '"reason": "NOT_FOUND"' in observed.line()
    assert "canary" not in observed.line()


async def test_the_unforeseen_is_an_incident_number_to_the_caller_and_lines_of_code_in_the_log() -> None:
    observed = Observed()
    with pytest.raises(Fault) as fault:
        await observed.middleware(a_call(title="canary"), Recorder(ValueError("canary of a person")))
    incident = fault.value.details["incident"]
    assert fault.value.message == f"something went wrong here; incident {incident}"
    assert fault.value.__suppress_context__
    assert f'"incident": "{incident}"' in observed.line()
    assert "builtins.ValueError at " in observed.line()
    assert "test_middleware.py:" in observed.line()
    assert "canary" not in observed.line()


async def test_a_call_that_its_caller_gave_up_is_logged_as_cancelled() -> None:
    observed = Observed()
    with pytest.raises(asyncio.CancelledError):
        await observed.middleware(a_call(), Recorder(asyncio.CancelledError()))
    assert '"code": "CANCELLED"' in observed.line()


def test_a_fault_is_described_with_its_causes_and_without_their_words() -> None:
    def inner() -> None:
        raise KeyError("canary")

    def outer() -> None:
        try:
            inner()
        except KeyError as error:
            raise RuntimeError("canary") from error

    with pytest.raises(RuntimeError) as raised:
        outer()
    lines = describe(raised.value)
    assert [line.split(" at ")[0] for line in lines] == ["builtins.RuntimeError", "builtins.KeyError"]
    assert lines[1].endswith(" inner")
    assert "canary" not in "".join(lines)


@pytest.mark.parametrize(("asked", "given"), [(FOREVER, 10.0), (3.0, 3.0), (3600.0, 60.0)])
async def test_a_deadline_is_imposed_and_has_a_limit(asked: float, given: float) -> None:
    clock, method = VirtualClock(START), Recorder()
    await Deadline()(a_call(clock=clock, deadline=asked), method)
    assert method.calls[0].deadline == given


@pytest.mark.parametrize("deadline", [0.0, -5.0])
async def test_a_call_whose_deadline_has_passed_is_not_begun(deadline: float) -> None:
    method = Recorder()
    with pytest.raises(Late):
        await Deadline()(a_call(clock=VirtualClock(START), deadline=deadline), method)
    assert method.calls == []


async def test_what_is_not_done_by_its_deadline_is_stopped() -> None:
    stopped = asyncio.Event()

    async def endless(_call: Call[Any]) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    clock = SystemClock()
    with pytest.raises(Late):
        await Deadline()(a_call(clock=clock, deadline=clock.monotonic() + 0.5), endless)
    assert stopped.is_set()


async def test_a_timeout_of_somebody_else_is_not_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        await Deadline()(a_call(), Recorder(TimeoutError()))


class Desk:
    """A method that commits its answer, as services do, before a memory store."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.store = MemoryStore((), self.clock)
        self.done = 0
        self.handle = chain([Idempotency(self.store)], self.create)

    async def create(self, call: Call[Any]) -> centre_pb2.Centre:
        self.done += 1
        reply = centre_pb2.Centre(title=call.message.centre.title, revision=self.done)
        try:
            await self.store.commit(Commit((), answer_for(call, reply)))
        except Conflict:
            stored = await stored_answer(self.store, call)
            assert isinstance(stored, centre_pb2.Centre)
            return stored
        return reply

    async def ask(self, request_id: str = "", title: str = "One", who: str = "p1") -> Any:
        return await self.handle(a_call(request_id, title, clock=self.clock, caller=Caller(who)))


async def test_the_same_request_is_done_once_and_answered_the_same() -> None:
    desk = Desk()
    first, second = await desk.ask("r1"), await desk.ask("r1")
    assert first == second == centre_pb2.Centre(title="One", revision=1)
    assert desk.done == 1


async def test_without_a_request_id_each_request_is_another() -> None:
    desk = Desk()
    assert [(await desk.ask()).revision, (await desk.ask()).revision] == [1, 2]
    assert answer_for(a_call(), centre_pb2.Centre()) == ()


async def test_a_request_id_with_another_body_is_refused_and_nothing_is_done() -> None:
    desk = Desk()
    await desk.ask("r1")
    with pytest.raises(Invalid) as refused:
        await desk.ask("r1", title="Two")
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert [wrong.field for wrong in refused.value.violations] == ["request_id"]
    assert desk.done == 1


async def test_the_same_id_of_another_caller_is_another_request() -> None:
    desk = Desk()
    await desk.ask("r1")
    await desk.ask("r1", who="p2")
    await desk.ask("r1", title="Anonymous", who="")
    assert desk.done == 3


async def test_answers_are_kept_for_48_hours() -> None:
    desk = Desk()
    await desk.ask("r1")
    desk.clock.jump(START + timedelta(hours=47, minutes=59))
    assert (await desk.ask("r1")).revision == 1
    desk.clock.jump(START + timedelta(hours=48))
    await desk.store.expire("2026-11-23T12:00:00.000Z")
    assert (await desk.ask("r1", title="Two")).revision == 2


async def test_of_two_doubles_at_once_the_slower_gets_the_answer_of_the_faster() -> None:
    desk = Desk()
    replies = await asyncio.gather(*(desk.create(a_call("r1", clock=desk.clock)) for _ in range(5)))
    assert {reply.revision for reply in replies} == {replies[0].revision}


@pytest.mark.parametrize("request_id", ["x" * 65, "a\nb", "é", "\0", "a\u202eb", "a\x7f"])
async def test_a_request_id_is_up_to_64_printable_ascii_characters(request_id: str) -> None:
    desk = Desk()
    with pytest.raises(Invalid) as refused:
        await desk.ask(request_id)
    assert refused.value.violations[0].field == "request_id"
    assert desk.done == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [(Conflict(), "CONTENTION"), (OutcomeUnknown(), "OUTCOME_UNKNOWN"), (Unwritten(), "STORE_UNAVAILABLE")],
)
async def test_what_the_store_could_not_settle_is_told_as_try_again(error: Exception, reason: str) -> None:
    handle = chain(inner(Desk().store), Recorder(error))
    with pytest.raises(Unavailable) as refused:
        await handle(a_call("r1"))
    assert refused.value.reason == reason


async def test_a_request_without_an_id_asks_the_store_nothing() -> None:
    assert await stored_answer(Desk().store, replace(a_call(), caller=NOBODY)) is None
