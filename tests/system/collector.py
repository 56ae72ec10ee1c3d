"""A collector of traces, as OpenTelemetry's protocol has it, that keeps what it is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """`sent` has every request as it came; `spans` what is in them."""

    def __init__(self) -> None:
        self.port = 0
        self.sent: list[Any] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002 - as the stub has them
        """Keeps it."""
        self.sent.append(request)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def environ(self) -> dict[str, str]:
        """What a process has to be told to send its traces here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "50"}

    @property
    def spans(self) -> list[Any]:
        """All spans so far."""
        resources = [resource for request in list(self.sent) for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]

    def trace(self, name: str) -> list[Any]:
        """All spans of the one trace that has a span of this name; none where there is no such trace, or several."""
        spans = self.spans
        ids = {span.trace_id for span in spans if span.name == name}
        return [span for span in spans if len(ids) == 1 and span.trace_id in ids]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, in threads of its own."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]  # generated without types
    collector.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()
