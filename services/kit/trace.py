"""Traces: one change followed through call, commit, broker and whoever takes it in, as OpenTelemetry has it.

Only a process whose environment names a collector (OTEL_EXPORTER_OTLP_ENDPOINT) imports this. Nothing else knows of it:
engines are wrapped, and with them every store and bus that they give.

A record carries no trace, so the way from a commit to its publish is remembered in this process, up to a bound: what
another process, or this one before a restart, has committed is published without. Who follows a stream goes on with the
trace in a message's headers where the state in it is fresh; reading in what has long been there begins no trace again.

A span has a method and a code, or a kind, the scope of its subject and the name of a service. Never what people wrote.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.kit.clock import moment
from services.kit.errors import Refusal
from services.kit.event import TOMBSTONE_LIFETIME, Event, Stored
from services.kit.store.port import Conflict, Unwritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from google.protobuf.message import Message
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

    from services.kit.bus_port import Begin, Bus, Deliver, Delivered, Task, Work
    from services.kit.call import Call, Method
    from services.kit.clock import Clock
    from services.kit.host import Engines, Plan
    from services.kit.logs import Log
    from services.kit.store.port import Commit, Store

FRESH = 60.0
"""Seconds for which a state counts as just changed."""
REMEMBERED = 4096
"""Views committed here whose publish is still to come."""
LAST_WORDS = 0.8
"""Seconds that what is not sent yet has at the end."""

FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes that are the server's doing (OpenTelemetry, semantic conventions for RPC)."""

_W3C: Final = TraceContextTextMapPropagator()
_ViewKey: TypeAlias = tuple[str, str, str, int]


class Traces:
    """The spans of one process, which is called `name` unless its environment says otherwise.

    Close it at the end: what is not sent within a second is lost. Raises ValueError for an environment (OTEL_*) that
    cannot be read.
    """

    def __init__(self, name: str, version: str, clock: Clock, log: Log, exporter: SpanExporter | None = None) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we say once what it says at every batch
        self._clock = clock
        self._exporter = _Exporter(exporter or OTLPSpanExporter(), log)
        self._provider = TracerProvider(resource=_resource(name, version), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("openchair", version)
        self._commits: OrderedDict[_ViewKey, str] = OrderedDict()

    async def close(self) -> None:
        """Sends what there is, for a second at most."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, LAST_WORDS)
        if ending.is_alive():
            self._exporter.shutdown()

    def engines(self, engines: Engines) -> Engines:
        """The same engines; what happens in their stores and on their buses is traced."""
        return cast("Engines", _TracedEngines(engines, self))

    async def middleware(self, call: Call[Any], method: Method) -> Message:
        """A span for the call, going on with the caller's trace. Outside of Observation, whose line then names it."""
        about = {"rpc.system.name": "grpc", "rpc.method": call.method}
        with self.span(call.method, about, parent=call.metadata.get("traceparent", ""), kind=SpanKind.SERVER) as span:
            code = "INTERNAL"
            try:
                reply = await method(replace(call, metadata={**call.metadata, "traceparent": _traceparent(span)}))
                code = "OK"
            except Refusal as refusal:
                code = refusal.code
                raise
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            finally:
                span.set_attribute("rpc.response.status_code", code)
                if code in FAULTS:
                    span.set_status(StatusCode.ERROR)
        return reply

    @contextmanager
    def span(
        self, name: str, about: dict[str, str], *, parent: str | None = None, kind: SpanKind = SpanKind.INTERNAL
    ) -> Iterator[Span]:
        """The current span until the end of the block. `parent` is a traceparent; "": none; None: the span around."""
        context = None if parent is None else _W3C.extract({"traceparent": parent}, Context())
        span = self._tracer.start_span(name, context, kind, about)
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield span

    def remember(self, change: Commit, traceparent: str) -> None:
        """The views that this commit raises are published on behalf of this span."""
        for key in _raised(change):
            self._commits[key] = traceparent
        while len(self._commits) > REMEMBERED:
            self._commits.popitem(last=False)

    def forget(self, change: Commit, traceparent: str) -> None:
        """It was not committed."""
        for key in _raised(change):
            if self._commits.get(key) == traceparent:
                del self._commits[key]

    def recall(self, event: Event) -> str:
        """The traceparent of the commit that an event publishes; "" where it is not known."""
        return self._commits.get(_key(event), "")

    def published(self, event: Event) -> None:
        """Publishing it once more is no part of that trace."""
        self._commits.pop(_key(event), None)

    def fresh(self, delivered: Delivered) -> str:
        """The traceparent of a message whose state has just changed; "" for any other."""
        if not isinstance(delivered, Stored) or not delivered.traceparent:
            return ""
        age = (self._clock.now() - moment(delivered.event.time)).total_seconds()
        return delivered.traceparent if abs(age) < FRESH else ""


class _TracedEngines:
    """Engines whose stores and buses are traced."""

    def __init__(self, engines: Engines, traces: Traces) -> None:
        self._engines = engines
        self._traces = traces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engines, name)

    async def store(self, plan: Plan) -> Store:
        return cast("Store", _TracedStore(await self._engines.store(plan), plan.name, self._traces))

    async def bus(self, plan: Plan) -> Bus:
        return cast("Bus", _TracedBus(await self._engines.bus(plan), plan.name, self._traces))


class _TracedStore:
    """A store whose commits are spans."""

    def __init__(self, store: Store, service: str, traces: Traces) -> None:
        self._store = store
        self._service = service
        self._traces = traces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, change: Commit) -> None:
        kinds = " ".join(sorted({record.kind for record in change.records}))
        about = {"openchair.service": self._service, "openchair.kind": kinds}
        with self._traces.span("commit", about) as span:
            traceparent = _traceparent(span)
            self._traces.remember(change, traceparent)  # before: the relay may be faster than we are
            try:
                await self._store.commit(change)
            except (Conflict, Unwritten, ValueError) as error:
                self._traces.forget(change, traceparent)
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


class _TracedBus:
    """A bus that tells traces on, and goes on with those it is told."""

    def __init__(self, bus: Bus, service: str, traces: Traces) -> None:
        self._bus = bus
        self._service = service
        self._traces = traces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def publish(
        self, event: Event, expected: int, *, traceparent: str = "", lifetime: int = TOMBSTONE_LIFETIME
    ) -> int:
        parent = traceparent or self._traces.recall(event)
        if not parent:
            return await self._bus.publish(event, expected, lifetime=lifetime)
        with self._traces.span("publish", self._about(event), parent=parent, kind=SpanKind.PRODUCER) as span:
            try:
                sequence = await self._bus.publish(event, expected, traceparent=_traceparent(span), lifetime=lifetime)
            except Exception as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise
        self._traces.published(event)
        return sequence

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        def traced(delivered: Delivered) -> None:
            parent = self._traces.fresh(delivered)
            if not parent or not isinstance(delivered, Stored):
                deliver(delivered)
                return
            with self._traces.span("apply", self._about(delivered.event), parent=parent, kind=SpanKind.CONSUMER):
                deliver(delivered)

        await self._bus.follow(stream, subjects, begin, traced)

    async def work(
        self,
        stream: str,
        name: str,
        subjects: Sequence[str],
        work: Work,
        *,
        patience: float = 30.0,
        idle: Callable[[], None] | None = None,
    ) -> None:
        async def traced(task: Task) -> None:
            delivered = task.delivered
            parent = self._traces.fresh(delivered)
            if not parent or not isinstance(delivered, Stored):
                await work(task)
                return
            with self._traces.span("handle", self._about(delivered.event), parent=parent, kind=SpanKind.CONSUMER):
                await work(task)

        await self._bus.work(stream, name, subjects, traced, patience=patience, idle=idle)

    def _about(self, event: Event) -> dict[str, str]:
        *_, scope, kind, _id = event.subject.split(".")
        return {"openchair.service": self._service, "openchair.kind": kind, "openchair.scope": scope}


class _Exporter(SpanExporter):
    """Sends spans, in a thread of the library's; says once that the collector is away, and once that it is back."""

    def __init__(self, exporter: SpanExporter, log: Log) -> None:
        self._exporter = exporter
        self._log = log
        self._lost = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        lost = result is not SpanExportResult.SUCCESS
        if lost and not self._lost:
            self._log.warning("traces are lost: the collector does not take them (OTEL_EXPORTER_OTLP_ENDPOINT)")
        elif self._lost and not lost:
            self._log.info("the collector takes traces again")
        self._lost = lost
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _resource(name: str, version: str) -> Resource:
    """What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say; of this name where they say none."""
    stated = Resource.create({SERVICE_VERSION: version})
    if str(stated.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return stated.merge(Resource({SERVICE_NAME: name}))
    return stated


def _traceparent(span: Span) -> str:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")


def _raised(change: Commit) -> Iterator[_ViewKey]:
    """The views that rise with a commit: their time is that of the change."""
    for record in change.records:
        for view in record.views:
            if view.at == record.at:
                yield (record.kind, record.id, view.name, view.revision)


def _key(event: Event) -> _ViewKey:
    _, _, view, _, _, kind, id_ = event.subject.split(".")
    return (kind, id_, view, event.revision)
