"""What a client of the services needs of gRPC: a channel that carries a token, and errors in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # its .pyi files come without a marker

from services.kit.errors import Violation
from services.kit.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Channel: TypeAlias = grpc.aio.Channel
"""What `connect` gives and stubs take."""
RpcError: TypeAlias = grpc.aio.AioRpcError
"""What a stub raises when a call was answered with an error."""

_STATUS_KEY = "grpc-status-details-bin"
_DIRECT = (("grpc.enable_http_proxy", 0),)  # a proxy for the world outside cannot reach what listens on this machine


@dataclass(frozen=True)
class Problem:
    """An error of a call. `code` is gRPC's ("NOT_FOUND"), `reason` the stable one ("" if it came from elsewhere).

    `attached` are further details of the status (google.protobuf.Any), for who knows what they may be.
    """

    code: str
    message: str
    reason: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    attached: tuple[Any, ...] = ()

    def __str__(self) -> str:
        head = f"{self.code} ({self.reason})" if self.reason and self.reason != self.code else self.code
        if not self.violations:
            return f"{head}: {self.message}"
        return "\n".join([f"{head}:", *(f"  {wrong.field}: {wrong.reason}" for wrong in self.violations)])


SERVICE = "openchair-service"
"""What a call says where several services answer the same method: a front sends it to the one of that name."""


def connect(target: str, token: str = "", *, plain: bool = False, service: str = "") -> grpc.aio.Channel:
    """A channel to "host:port". It speaks TLS unless the host is this machine; every call carries the token, if any.

    `plain`: without TLS, in a private network. `service`: which one is meant, behind a front. The caller closes it.
    Raises ValueError for a target that is no host and port.
    """
    host, _, port = target.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("the server is named as host:port")
    said = [("authorization", f"Bearer {token}")] if token else []
    said += [(SERVICE, service)] if service else []
    interceptors = [_Headers(said)] if said else []
    if plain or is_loopback(host):
        return grpc.aio.insecure_channel(target, _DIRECT, interceptors=interceptors)
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), interceptors=interceptors)


def explain(error: RpcError) -> Problem:
    """What the server said, for a person (`str`) or a program (its fields)."""
    code, message = error.code().name, error.details() or ""
    reason, details = "", dict[str, str]()
    violations: tuple[Violation, ...] = ()
    attached: tuple[Any, ...] = ()
    for detail in _status(error).details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            reason, details = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = tuple(Violation(wrong.field, wrong.description) for wrong in bad.field_violations)
        else:
            attached = (*attached, detail)
    return Problem(code, message, reason, details, violations, attached)


def failed(code: str, message: str, status: bytes = b"") -> RpcError:
    """What a stub raises for a call that ended with this code ("NOT_FOUND"), where gRPC itself did not carry it.

    `status` is a serialized google.rpc.Status.
    """
    trailing = grpc.aio.Metadata(*([(_STATUS_KEY, status)] if status else []))
    return RpcError(grpc.StatusCode[code], grpc.aio.Metadata(), trailing, message, f"{code}: {message}")


def pairs(
    metadata: Sequence[tuple[str, str | bytes]] | grpc.aio.Metadata | None,
) -> tuple[tuple[str, str | bytes], ...]:
    """The metadata of a call as keys and values, however a caller wrote it."""
    return tuple((key, value) for key, value in metadata or ())


class _Headers(grpc.aio.UnaryUnaryClientInterceptor):
    """Puts the token, and what else is always said, into every call."""

    def __init__(self, headers: Sequence[tuple[str, str]]) -> None:
        self._headers = headers

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Passes the call on with them."""
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()), *self._headers)
        return await continuation(client_call_details._replace(metadata=metadata), request)


def _status(error: RpcError) -> status_pb2.Status:
    """The google.rpc.Status that came with the error; an empty one if none did."""
    for key, value in error.trailing_metadata() or ():
        if key == _STATUS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()
