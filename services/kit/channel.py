"""The other transport: calls inside one process, for generated stubs that do not notice.

What gRPC would do to a call happens here too: it travels as bytes, has a deadline on both sides, is cancelled, is too
large, or is answered with a google.rpc.Status. No thread, no socket, no time but the event loop's. Streams are not
carried; there is no method with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from services.kit.client import failed, pairs
from services.kit.errors import Refusal
from services.kit.server import GRACE, LARGEST_MESSAGE, MOST_CALLS, status_of

if TYPE_CHECKING:
    from services.kit.call import Middleware
    from services.kit.clock import Clock
    from services.kit.server import NetworkOf
    from services.kit.service import Bound, Service

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]

HEALTH = "/grpc.health.v1.Health/Check"

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[ -~]*")
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Carrier(Protocol):
    """What a channel hands its calls to: a server in this process, or something between the two that loses some."""

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The reply's bytes. `seconds` is how long the caller waits (None: unsaid). Raises RpcError."""


def _this_process(_peer: str, _metadata: Mapping[str, str]) -> str:
    return ""


class LocalServer:
    """Services without a port, with the methods of `GrpcServer`. A caller reaches them by a `LocalChannel`."""

    def __init__(
        self,
        services: Sequence[Service],
        middleware: Sequence[Middleware],
        *,
        clock: Clock,
        network: NetworkOf = _this_process,
    ) -> None:
        self._network = network
        self._services = tuple(services)
        bound = {service.name: service.bound(middleware, clock) for service in services}
        self._methods = {f"/{name}/{rpc}": one for name, methods in bound.items() for rpc, one in methods.items()}
        self._status: dict[str, int] = {}
        self._calls: set[asyncio.Task[bytes]] = set()
        self._context: contextvars.Context | None = None
        self.port = 0

    async def start(self) -> int:
        """Takes calls, not ready yet. Gives 0: there is no port."""
        self._context = contextvars.copy_context()
        await self.ready(ready=False)
        return self.port

    async def ready(self, *services: str, ready: bool = True) -> None:
        """Says in the health service whether these services (none named: all) can do their work."""
        for name in services or ["", *(service.name for service in self._services)]:
            self._status[name] = _SERVING if ready else _NOT_SERVING

    async def stop(self, grace: float = GRACE) -> None:
        """Takes no new calls, lets those under way end within so many seconds, and cancels the others."""
        self._context = None
        if self._calls:
            await asyncio.wait(self._calls, timeout=grace)
        left = tuple(self._calls)
        for call in left:
            call.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """Answers in a task and a context of the server's own: what a caller has in its context stays there."""
        if self._context is None:
            raise failed("UNAVAILABLE", "the server takes no calls")
        if len(self._calls) >= MOST_CALLS:
            raise failed("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!")
        answering = self._answer(path, request, metadata, seconds)
        call = asyncio.create_task(answering, name=path, context=self._context.copy())
        self._calls.add(call)
        call.add_done_callback(self._over)
        try:
            await asyncio.wait((call,), timeout=seconds)
        finally:
            call.cancel()
        if not call.done():
            raise failed("DEADLINE_EXCEEDED", "Deadline Exceeded")
        if call.cancelled():
            raise failed("UNAVAILABLE", "the server stopped")
        return call.result()

    def _over(self, call: asyncio.Task[bytes]) -> None:
        self._calls.discard(call)
        if not call.cancelled():
            call.exception()  # nobody may be left to hear it

    async def _answer(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        _refuse_larger(request)
        if path == HEALTH:
            return self._check(request)
        method = self._methods.get(path)
        if method is None:
            raise failed("UNIMPLEMENTED", "Method not found!")
        return await _answered(method, request, _text(metadata), seconds, self._network)

    def _check(self, request: bytes) -> bytes:
        """The health service (grpc.health.v1)."""
        try:
            status = self._status.get(health_pb2.HealthCheckRequest.FromString(request).service)
        except DecodeError:
            raise failed("INTERNAL", "Exception deserializing request!") from None
        if status is None:
            raise failed("NOT_FOUND", "")
        return health_pb2.HealthCheckResponse(status=status).SerializeToString()


class LocalChannel:
    """A channel for generated stubs. `token`, if any, goes with every call. Calls begin when they are made."""

    def __init__(self, carrier: Carrier, token: str = "") -> None:
        self._carrier = carrier
        self._own: Metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._calls: set[LocalCall] = set()
        self._closed = False

    def unary_unary(
        self,
        path: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Callable[..., LocalCall]:
        """What a stub calls for one method: with the request, and `timeout` (seconds) and `metadata` by name."""
        write, read = request_serializer or bytes, response_deserializer or bytes

        def call(request: Any, *, timeout: float | None = None, metadata: Any = None) -> LocalCall:
            if self._closed:
                raise ValueError("the channel is closed")
            begun = LocalCall(self._invoke(path, write, read, request, timeout, _checked(pairs(metadata))))
            self._calls.add(begun)
            begun.add_done_callback(self._calls.discard)
            return begun

        return call

    def unary_stream(self, path: str, *_: object, **__: object) -> Callable[..., LocalCall]:
        """Stands in a stub for a method with a stream, which raises NotImplementedError when it is called."""

        def call(*_: object, **__: object) -> LocalCall:
            raise NotImplementedError(f"{path}: no streams inside a process")

        return call

    stream_unary = stream_stream = unary_stream

    async def close(self) -> None:
        """Ends every call that is under way."""
        self._closed = True
        for call in list(self._calls):
            call.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _invoke(
        self,
        path: str,
        write: Callable[[Any], bytes],
        read: Callable[[bytes], Any],
        request: Any,
        timeout: float | None,  # noqa: ASYNC109 - grpc's word; the carrier keeps it
        metadata: Metadata,
    ) -> Any:
        if timeout is not None and timeout <= 0:
            raise failed("DEADLINE_EXCEEDED", "Deadline Exceeded")
        reply = await self._carrier.carry(path, write(request), (*metadata, *self._own), timeout)
        _refuse_larger(reply)
        return read(reply)


class LocalCall:
    """One call under way: awaited, it gives the reply or raises RpcError. As much of grpc.aio's as clients use."""

    def __init__(self, work: Any) -> None:
        self._task: asyncio.Task[Any] = asyncio.ensure_future(work)
        self._task.add_done_callback(_heard)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._task.__await__()

    def cancel(self) -> bool:
        """Gives it up; the method is cancelled too. False where it is over already."""
        return self._task.cancel()

    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._task.cancelled()

    def done(self) -> bool:
        """Whether it is over."""
        return self._task.done()

    def add_done_callback(self, callback: Callable[[LocalCall], object]) -> None:
        """Calls back with this call when it is over."""
        self._task.add_done_callback(lambda _: callback(self))


async def _answered(
    method: Bound, request: bytes, metadata: dict[str, str], seconds: float | None, network: NetworkOf
) -> bytes:
    """The method's reply, or its refusal as the error that gRPC makes of it."""
    try:
        return await method.answer(request, metadata, seconds, network("", metadata))
    except Refusal as refusal:
        status = status_of(refusal)
        raise failed(refusal.code, status.message, status.SerializeToString()) from None
    except Exception as error:
        raise failed("UNKNOWN", f"Unexpected {type(error)}") from error  # no middleware took care of it


def _text(metadata: Metadata) -> dict[str, str]:
    """Text metadata. A key that comes twice keeps both values, joined: two tokens are then none."""
    found: dict[str, str] = {}
    for key, value in metadata:
        if not key.endswith("-bin"):
            text = value if isinstance(value, str) else value.decode("ascii")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _checked(metadata: Metadata) -> Metadata:
    """Raises ValueError for what cannot stand in a header, TypeError for a binary value that is none."""
    for key, value in metadata:
        if key.endswith("-bin") and not isinstance(value, bytes):
            raise TypeError(f"the value of {key!r} must be bytes")
        text = "" if key.endswith("-bin") else value if isinstance(value, str) else value.decode("latin-1")
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(text):
            raise ValueError(f"{key!r} or its value cannot stand in a header")
    return metadata


def _refuse_larger(message: bytes) -> None:
    if len(message) > LARGEST_MESSAGE:
        sizes = f"({len(message)} vs. {LARGEST_MESSAGE})"
        raise failed("RESOURCE_EXHAUSTED", f"Received message larger than max {sizes}")


def _heard(task: asyncio.Task[Any]) -> None:
    """Its error is raised where it is awaited; a call that nobody awaits is not complained about, as in gRPC."""
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()
