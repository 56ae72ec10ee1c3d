"""The gRPC server: binds services to grpc.aio. With client.py the only module that imports grpc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2  # type: ignore[import-untyped]  # its .pyi files come without a marker
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.kit.errors import Refusal, Violation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from services.kit.call import Middleware
    from services.kit.clock import Clock
    from services.kit.logs import Log
    from services.kit.service import Bound, Service

DOMAIN = "openchair"
LARGEST_MESSAGE = 4 * 1024 * 1024
GRACE = 6.0
"""Seconds that calls under way have when the server stops."""
MOST_CALLS = 4096
"""Calls under way at once; more are refused at once (RESOURCE_EXHAUSTED), which costs less than to be late for all."""

_STATUS_KEY = "grpc-status-details-bin"
# Clients drop answers whose headers pass 8 KiB, and the status travels in them, in base64.
LONGEST_MESSAGE = 500
LONGEST_STATUS = 4096

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


NetworkOf: TypeAlias = "Callable[[str, Mapping[str, str]], str]"
"""Says of a call, given its peer and its metadata, from which network it comes (`network.reader`)."""


def _this_machine(_peer: str, _metadata: Mapping[str, str]) -> str:
    return ""


class GrpcServer:
    """Services on one port. `port` 0 takes a free one; `start` says which."""

    def __init__(
        self,
        services: Sequence[Service],
        middleware: Sequence[Middleware],
        *,
        host: str,
        port: int,
        clock: Clock,
        log: Log,
        development: bool = False,
        network: NetworkOf = _this_machine,
    ) -> None:
        self._network = network
        self._services = tuple(services)
        self._middleware = tuple(middleware)
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._clock = clock
        self._log = log
        self._development = development
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self.port = port

    async def start(self) -> int:
        """Listens, not ready yet, and gives the port. Raises OSError if the port is taken."""
        self._server = server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
        for service in self._services:
            server.add_generic_rpc_handlers((_handlers(service, self._middleware, self._clock, self._network),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._development:
            names = [service.name for service in self._services]
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        await self.ready(ready=False)
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._address}") from error
        await server.start()
        self._log.info("listening", protocol="grpc", port=self.port)
        return self.port

    async def ready(self, *services: str, ready: bool = True) -> None:
        """Says in the health service whether these services (none named: all) can do their work."""
        for name in services or ["", *(service.name for service in self._services)]:
            await self._health.set(name, _SERVING if ready else _NOT_SERVING)

    async def stop(self, grace: float = GRACE) -> None:
        """Takes no new calls, says so in the health service, and lets those under way end within so many seconds."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        self._server = None


_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST_MESSAGE),
    ("grpc.so_reuseport", 0),  # a second server on a taken port fails instead of sharing it
)


def status_of(refusal: Refusal) -> status_pb2.Status:
    """The refusal as google.rpc.Status: ErrorInfo with the reason, BadRequest, what is attached: as far as fits."""
    status = status_pb2.Status(code=code_pb2.Code.Value(refusal.code), message=_cut(refusal.message))
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN)
    for key, value in refusal.details.items():
        if info.ByteSize() + len(key) + len(_cut(value).encode()) < LONGEST_STATUS // 2:
            info.metadata[key] = _cut(value)
    status.details.add().Pack(info)
    if refusal.violations:
        status.details.add().Pack(_bad_request(refusal.violations, LONGEST_STATUS - status.ByteSize()))
    for message in refusal.attached:
        if status.ByteSize() + message.ByteSize() < LONGEST_STATUS:
            status.details.add().Pack(message)
    return status


def _bad_request(violations: Sequence[Violation], space: int) -> error_details_pb2.BadRequest:
    """As many of the violations as take that many bytes."""
    bad = error_details_pb2.BadRequest()
    for violation in violations:
        bad.field_violations.add(field=_cut(violation.field), description=_cut(violation.reason))
        if bad.ByteSize() > space:
            del bad.field_violations[-1]
            break
    return bad


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"


def _handlers(
    service: Service, middleware: Sequence[Middleware], clock: Clock, network: NetworkOf
) -> grpc.GenericRpcHandler:
    """What grpc calls for the methods of a service: bytes in, bytes out."""
    bound = service.bound(middleware, clock)
    methods: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(_handler(method, network)) for name, method in bound.items()
    }
    return grpc.method_handlers_generic_handler(service.name, methods)


def _handler(method: Bound, network: NetworkOf) -> Callable[[bytes, _Context], Awaitable[bytes]]:
    async def handle(request: bytes, context: _Context) -> bytes:
        try:
            metadata = _metadata(context)
            where = network(context.peer(), metadata)
            return await method.answer(request, metadata, context.time_remaining(), where)
        except Refusal as refusal:
            status = status_of(refusal)
            trailing = ((_STATUS_KEY, status.SerializeToString()),)
            await context.abort(grpc.StatusCode[refusal.code], status.message, trailing)

    return handle


def _metadata(context: _Context) -> dict[str, str]:
    """Text metadata. A key that comes twice keeps both values, joined: two tokens are then none."""
    found: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if isinstance(value, str):
            found[key] = f"{found[key]}, {value}" if key in found else value
    return found
