"""A service of a proto and the plain objects that do it, bound together without a transport.

`Bound.answer` takes and gives protobuf bytes: the gRPC server calls it, and so can a channel inside the process.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from google.protobuf import message_factory
from google.protobuf.message import DecodeError, Message

from services.kit.access import Access, rules_of
from services.kit.call import NOBODY, Call, Method, Middleware, chain
from services.kit.errors import Invalid, Violation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

    from services.kit.clock import Clock

NEVER = float("inf")

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Service:
    """A service and its implementation: a coroutine function `create_book(call)` for the rpc CreateBook.

    Several objects may share the work. Raises ValueError, naming the methods, when one is missing, done twice or not in
    the proto, or when the proto does not say who may call one. `middleware` is this service's own, behind access.
    """

    def __init__(
        self, descriptor: ServiceDescriptor, *implementations: object, middleware: Sequence[Middleware] = ()
    ) -> None:
        self.descriptor = descriptor
        self._middleware = (Access(rules_of(descriptor)), *middleware)
        self._methods = _methods(descriptor, implementations)

    @property
    def name(self) -> str:
        """Its full name."""
        return self.descriptor.full_name

    @staticmethod
    def method_name(method: MethodDescriptor) -> str:
        """What the coroutine function for an rpc is called: create_book for CreateBook."""
        return _WORDS.sub("_", method.name).lower()

    def bound(self, outer: Sequence[Middleware], clock: Clock) -> dict[str, Bound]:
        """Its methods by their names in the proto, behind all middlewares."""
        return {
            method.name: Bound(method, outer, chain(self._middleware, self._methods[method.name]), clock)
            for method in self.descriptor.methods
        }


class Bound:
    """One method, from the bytes of a request to those of its reply."""

    def __init__(self, descriptor: MethodDescriptor, outer: Sequence[Middleware], method: Method, clock: Clock) -> None:
        self.name = f"{descriptor.containing_service.full_name}/{descriptor.name}"
        self._request = message_factory.GetMessageClass(descriptor.input_type)
        self._takes_id = "request_id" in descriptor.input_type.fields_by_name
        self._method = chain(outer, method)
        self._unreadable = chain(outer, _refuse_unreadable)
        self._clock = clock

    async def answer(
        self, request: bytes, metadata: Mapping[str, str], seconds: float | None = None, network: str = ""
    ) -> bytes:
        """The reply. `seconds` is how long the caller waits; None: unsaid. Raises Refusal."""
        try:
            message = self._request.FromString(request)
        except DecodeError:
            await self._unreadable(self._call(self._request(), metadata, seconds, network))
            raise  # not reached: it is refused
        reply = await self._method(self._call(message, metadata, seconds, network))
        return reply.SerializeToString()

    def _call(self, message: Any, metadata: Mapping[str, str], seconds: float | None, network: str) -> Call[Any]:
        deadline = NEVER if seconds is None else self._clock.monotonic() + seconds
        request_id = message.request_id if self._takes_id else ""
        return Call(self.name, message, NOBODY, deadline, self._clock, request_id, metadata, network=network)


async def _refuse_unreadable(_call: Call[Any]) -> Message:
    raise Invalid(Violation("", "the request cannot be read as its message (not protobuf, or text that is not UTF-8)"))


def _methods(descriptor: ServiceDescriptor, implementations: Sequence[object]) -> dict[str, Method]:
    """The method for each rpc. Raises ValueError, naming what is missing, done twice or not in the proto."""
    wanted = {Service.method_name(method): method.name for method in descriptor.methods}
    found: dict[str, Method] = {}
    faults = []
    for implementation in implementations:
        for name, method in _coroutines(implementation):
            if name not in wanted:
                faults.append(f"{name} is not in the proto")
            elif wanted[name] in found:
                faults.append(f"{name} is there twice")
            else:
                found[wanted[name]] = method
    faults += [f"{name} is missing" for name, rpc in wanted.items() if rpc not in found]
    if faults:
        raise ValueError(f"{descriptor.full_name}: {', '.join(faults)}")
    return found


def _coroutines(implementation: object) -> list[tuple[str, Method]]:
    """The public coroutine methods of an object's class: what it does for callers."""
    names = [name for name in dir(type(implementation)) if not name.startswith("_")]
    return [
        (name, getattr(implementation, name))
        for name in names
        if inspect.iscoroutinefunction(inspect.getattr_static(implementation, name))
    ]
