"""One call of one method, without its transport: what methods and middleware see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from google.protobuf.message import Message

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
    """One call. `deadline` is on the clock's monotonic scale; `request_id` is "" where the method takes none."""

    method: str
    message: Q
    caller: Caller
    deadline: float
    clock: Clock
    request_id: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


Method: TypeAlias = Callable[[Call[Any]], Awaitable[Message]]
Middleware: TypeAlias = Callable[[Call[Any], Method], Awaitable[Message]]
