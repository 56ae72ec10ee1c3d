from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.kit.bus_port import Delivered
from services.kit.call import NOBODY, Call, Method, chain
from services.kit.clock import Ids, VirtualClock, instant
from services.kit.errors import NotFound
from services.kit.event import Event, Malformed, Stored
from services.kit.host import Engines, Plan
from services.kit.logs import make_log
from services.kit.middleware import Observation
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Conflict, Kind, Record, View
from services.kit.trace import FRESH, LAST_WORDS, REMEMBERED, Traces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from services.kit.bus_port import Begin, Bus, Deliver, Task, Work
    from services.kit.store.port import Store

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
METHOD = "openchair.meetings.v1.MeetingService/GetCentre"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def build(_: Any) -> None: ...


PLAN = Plan("things", build)


class Wire:
    """A bus that keeps what is published and hands out what a test gives it."""

    connected = True

    def __init__(self) -> None:
        self.sent: list[tuple[Event, str]] = []
        self.waiting: list[Delivered] = []

    async def publish(self, event: Event, _expected: int, *, traceparent: str = "", lifetime: int = 0) -> int:
        assert lifetime
        self.sent.append((event, traceparent))
        return len(self.sent)

    async def follow(self, _stream: str, _subjects: Sequence[str], _begin: Begin, deliver: Deliver) -> None:
        for one in self.waiting:
            deliver(one)

    async def work(
        self, _stream: str, _name: str, _subjects: Sequence[str], work: Work, *, patience: float, idle: object
    ) -> None:
        assert (patience, idle) == (7.0, None)
        for one in self.waiting:
            await work(cast("Task", Handed(one)))


class Handed:
    def __init__(self, delivered: Delivered) -> None:
        self.delivered = delivered


class Traced:
    """Engines in memory, traced, and the spans that come of it."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.spans = InMemorySpanExporter()
        self.said = StringIO()
        self.traces = Traces("things", "1.0", self.clock, make_log("info", self.said), self.spans)
        self.engines = self.traces.engines(cast("Engines", self))
        self.wire = Wire()
        self.engine = "memory"

    async def store(self, _plan: Plan) -> Store:
        return MemoryStore((Kind("thing"),), self.clock)

    async def bus(self, _plan: Plan) -> Bus:
        return cast("Bus", self.wire)

    async def ended(self) -> list[ReadableSpan]:
        """Every span, oldest first."""
        await self.traces.close()
        return sorted(self.spans.get_finished_spans(), key=lambda span: span.start_time or 0)


def a_record(revision: int = 1, views: tuple[View, ...] | None = None, at: datetime = START) -> Record:
    usual = (View("public", revision, instant(at), "digest"),)
    return Record("thing", "t1", revision, {"title": "canary"}, instant(at), "kim", views=views or usual)


def an_event(revision: int = 1, at: datetime = START, view: str = "public") -> Event:
    return Event(f"openchair.home.{view}.things.oak.thing.t1", 1, revision, "type", instant(at), b"canary")


def a_call(**metadata: str) -> Call[Any]:
    message = pb.GetCentreRequest(name="centres/canary")
    return Call(METHOD, message, NOBODY, float("inf"), VirtualClock(START), metadata=metadata)


async def nothing(_: Call[Any]) -> Any:
    return None


async def test_a_call_goes_on_with_the_trace_of_its_caller_and_the_log_names_it() -> None:
    traced, said = Traced(), StringIO()
    await chain([traced.traces.middleware, Observation(make_log("info", said), Ids())], nothing)(
        a_call(traceparent=PARENT, tracestate="canary=1", baggage="canary=1")
    )
    (span,) = await traced.ended()
    assert span.context is not None
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, "00f067aa0ba902b7")
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
    }
    assert f'"trace": "{TRACE}"' in said.getvalue()
    assert "canary" not in span.to_json()


@pytest.mark.parametrize("header", [{}, {"traceparent": "canary"}])
async def test_a_call_without_a_sound_trace_begins_one(header: dict[str, str]) -> None:
    traced = Traced()
    await chain([traced.traces.middleware], nothing)(a_call(**header))
    (span,) = await traced.ended()
    assert span.parent is None


@pytest.mark.parametrize(
    ("error", "code", "faulty"),
    [
        (NotFound("centres/canary"), "NOT_FOUND", False),
        (KeyError("canary"), "INTERNAL", True),
        (asyncio.CancelledError(), "CANCELLED", False),
    ],
)
async def test_a_span_has_the_code_and_no_word_of_what_went_wrong(
    error: BaseException, code: str, *, faulty: bool
) -> None:
    async def failing(_: Call[Any]) -> Any:
        raise error

    traced = Traced()
    with pytest.raises(BaseException, match=r".*"):
        await chain([traced.traces.middleware, Observation(make_log("critical"), Ids())], failing)(a_call())
    (span,) = await traced.ended()
    assert span.attributes is not None
    assert (span.attributes["rpc.response.status_code"], not span.status.is_ok) == (code, faulty)
    assert "canary" not in span.to_json()


async def test_a_commit_belongs_to_its_call_and_its_publish_to_the_commit() -> None:
    traced = Traced()
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)

    async def method(_: Call[Any]) -> Any:
        await store.commit(Commit((a_record(),)))

    await chain([traced.traces.middleware], cast("Method", method))(a_call())
    await bus.publish(an_event(), 0)
    call, commit, publish = await traced.ended()
    assert [span.name for span in (call, commit, publish)] == [METHOD, "commit", "publish"]
    assert commit.parent == call.context
    assert publish.parent is not None
    assert commit.context is not None
    assert publish.parent.span_id == commit.context.span_id
    assert publish.context is not None
    assert call.context is not None
    told = f"00-{call.context.trace_id:032x}-{publish.context.span_id:016x}-"
    assert traced.wire.sent[0][1].startswith(told)
    assert dict(publish.attributes or {}) == {
        "openchair.service": "things",
        "openchair.kind": "thing",
        "openchair.scope": "oak",
    }
    assert not any("canary" in span.to_json() for span in (call, commit, publish))


async def test_what_another_process_committed_is_published_without_a_trace_and_so_is_a_second_publish() -> None:
    traced = Traced()
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)
    await bus.publish(an_event(), 0)
    await store.commit(Commit((a_record(),)))
    await bus.publish(an_event(), 0)
    await bus.publish(an_event(), 1)
    assert [bool(traceparent) for _, traceparent in traced.wire.sent] == [False, True, False]
    await traced.traces.close()


async def test_a_view_that_a_commit_did_not_raise_is_not_published_on_its_behalf() -> None:
    traced = Traced()
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)
    later = START + timedelta(seconds=1)
    public = View("public", 1, instant(START), "digest")
    await store.commit(Commit((a_record(views=(public,)),)))
    await store.commit(Commit((a_record(2, (View("private", 1, instant(later), "digest"), public), later),)))
    await bus.publish(an_event(), 0)
    await bus.publish(an_event(view="private"), 0)
    first, second, public_publish, private_publish = await traced.ended()
    assert [public_publish.parent, private_publish.parent] != [None, None]
    assert public_publish.parent is not None
    assert private_publish.parent is not None
    assert first.context is not None
    assert second.context is not None
    assert public_publish.parent.span_id == first.context.span_id
    assert private_publish.parent.span_id == second.context.span_id


async def test_a_commit_that_was_refused_is_no_cause_of_a_publish() -> None:
    traced = Traced()
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)
    with pytest.raises(Conflict):
        await store.commit(Commit((a_record(2),)))
    await bus.publish(an_event(2), 0)
    assert traced.wire.sent[0][1] == ""
    (span,) = await traced.ended()
    assert (span.status.is_ok, span.status.description) == (False, "Conflict")


async def test_only_so_many_commits_are_remembered() -> None:
    traced = Traced()
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)
    records = [
        Record("thing", f"n{n}", 1, {}, instant(START), "kim", views=a_record().views) for n in range(REMEMBERED)
    ]
    await store.commit(Commit((a_record(),)))
    await store.commit(Commit(tuple(records)))
    await bus.publish(an_event(), 0)
    assert traced.wire.sent[0][1] == ""
    await traced.traces.close()


STORED = [
    (Stored(an_event(), 1, 0, PARENT), True),
    (Stored(an_event(at=START - timedelta(seconds=FRESH + 1)), 1, 0, PARENT), False),
    (Stored(an_event(), 1), False),
    (Malformed("subject", 1, "reason"), False),
]


@pytest.mark.parametrize(("delivered", "traced_on"), STORED)
async def test_who_follows_goes_on_with_the_trace_of_a_state_that_has_just_changed(
    delivered: Delivered, *, traced_on: bool
) -> None:
    traced, taken = Traced(), list[Delivered]()
    traced.wire.waiting = [delivered]
    bus = await traced.engines.bus(PLAN)
    await bus.follow("PUBLIC_home", ["openchair.>"], lambda _state, _pending: None, taken.append)
    spans = await traced.ended()
    assert taken == [delivered]
    assert [(span.name, f"{span.context and span.context.trace_id:032x}") for span in spans] == (
        [("apply", TRACE)] if traced_on else []
    )


@pytest.mark.parametrize(("delivered", "traced_on"), STORED)
async def test_what_a_worker_commits_belongs_to_the_state_that_it_handles(
    delivered: Delivered, *, traced_on: bool
) -> None:
    traced = Traced()
    traced.wire.waiting = [delivered]
    store, bus = await traced.engines.store(PLAN), await traced.engines.bus(PLAN)

    async def work(_: Task) -> None:
        await store.commit(Commit((a_record(),)))

    await bus.work("PUBLIC_home", "worker", ["openchair.>"], work, patience=7.0)
    spans = await traced.ended()
    assert [span.name for span in spans] == (["handle", "commit"] if traced_on else ["commit"])
    assert (spans[-1].parent is not None) is traced_on


class Dead(SpanExporter):
    """A collector that takes nothing, until it does."""

    def __init__(self) -> None:
        self.result = SpanExportResult.FAILURE

    def export(self, _spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.result


async def test_a_collector_that_is_away_is_one_line_in_the_log() -> None:
    said, dead = StringIO(), Dead()
    traces = Traces("things", "1.0", VirtualClock(START), make_log("info", said), dead)
    for _ in range(3):
        traces._exporter.export([])
    dead.result = SpanExportResult.SUCCESS
    traces._exporter.export([])
    traces._exporter.export([])
    assert [line.split('"event": "')[1][:14] for line in said.getvalue().splitlines()] == [
        "traces are los",
        "the collector ",
    ]
    await traces.close()


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "things"),
        ({"OTEL_SERVICE_NAME": "ours"}, "ours"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
    ],
)
async def test_a_process_is_called_what_its_environment_says(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], name: str
) -> None:
    for key, text in environ.items():
        monkeypatch.setenv(key, text)
    traced = Traced()
    with traced.traces.span("one", {}):
        pass
    (span,) = await traced.ended()
    assert (span.resource.attributes["service.name"], span.resource.attributes["service.version"]) == (name, "1.0")


async def test_the_end_does_not_wait_for_a_collector_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=60)
        traces = Traces("things", "1.0", VirtualClock(START), make_log("critical"), exporter)
        with traces.span("one", {}):
            pass
        async with asyncio.timeout(LAST_WORDS * 4):
            await traces.close()
        for sending in [thread for thread in threading.enumerate() if thread.name.startswith("OtelBatch")]:
            await asyncio.to_thread(sending.join, 10)
            assert not sending.is_alive()


async def test_what_the_engines_are_besides_stays_visible() -> None:
    traced = Traced()
    bus = await traced.engines.bus(PLAN)
    assert (traced.engines.engine, bus.connected) == ("memory", True)
    await traced.traces.close()
