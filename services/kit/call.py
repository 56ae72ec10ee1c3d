"""One call of one method, without its transport: what methods and middleware see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from google.protobuf.message import Message

if TYPE_CHECKING:
    from services.kit.clock import Clock

Q = TypeVar("Q", bound=Message)

EVERYWHERE = "*"


@dataclass(frozen=True)
class Caller:
    """Who is calling: a subject ("" for nobody known) and its roles per scope ("*": everywhere).

    Role names are those of openchair.access.v1.Role without the prefix, in lower case: "coordinator".
    """

    subject: str = ""
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def has(self, wanted: frozenset[str], scope: str) -> bool:
        """Whether one of the roles is held in this scope or everywhere."""
        held = self.roles.get(EVERYWHERE, frozenset()) | (self.roles.get(scope, frozenset()) if scope else frozenset())
        return bool(wanted & held)


NOBODY = Caller()


@dataclass(frozen=True)
class Call(Generic[Q]):
    """One call. `deadline` is on the clock's monotonic scale; `request_id` is "" where the method takes none.

    `method` is the full name with a slash and none in front ("openchair.example.v1.ExampleService/GetExample").
    `metadata` keys are in lower case; what proves who calls is taken out of it by authentication. `trace` is a W3C
    trace id, 32 hexadecimal digits. `network` says opaquely from which network it comes ("": from this machine).
    """

    method: str
    message: Q
    caller: Caller
    deadline: float
    clock: Clock
    request_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""
    network: str = field(default="", repr=False)

    def having(self, **changes: Any) -> Call[Q]:
        """The same call with these fields instead: `dataclasses.replace`, at a tenth of its price."""
        other: Call[Q] = object.__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other


Method: TypeAlias = Callable[[Call[Any]], Awaitable[Message]]


class Middleware(Protocol):
    """What stands between the transport and a method: it passes the call on, answers it itself, or refuses."""

    async def __call__(self, call: Call[Any], method: Method) -> Message:
        """Answers the call, as a rule by calling `method`."""


def chain(middlewares: Sequence[Middleware], method: Method) -> Method:
    """The method behind its middlewares, the first one outermost. Needs no transport."""
    for middleware in reversed(middlewares):
        method = partial(middleware, method=method)
    return method
