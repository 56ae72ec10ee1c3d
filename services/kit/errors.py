"""Refusals: errors as types with fields, raised where the rule is and translated once, at the edge.

Refusal
├── Invalid             INVALID_ARGUMENT: the request itself is wrong; names the fields
├── NotFound            NOT_FOUND: also for what belongs to somebody else
├── Exists              ALREADY_EXISTS
├── Unmet               FAILED_PRECONDITION: right request, wrong state; names what is in the way
├── Stale               ABORTED: somebody was faster; says the present etag
├── Unauthenticated     UNAUTHENTICATED
├── Denied              PERMISSION_DENIED
├── Exhausted           RESOURCE_EXHAUSTED
├── Late                DEADLINE_EXCEEDED
├── Unavailable         UNAVAILABLE: try again
└── Fault               INTERNAL: our mistake; the answer says only under which number it is in the log
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message


@dataclass(frozen=True)
class Violation:
    """One field that is wrong. `field` is its path in the request ("book.author.name")."""

    field: str
    reason: str


class Refusal(Exception):  # noqa: N818 - an answer to a caller, not a fault of ours
    """A request that is answered with no.

    `reason` is stable, UPPER_SNAKE (google.rpc.ErrorInfo.reason); `details` are for programs (ErrorInfo.metadata), and
    so are `attached`, messages that go along as further details of the status as far as they fit.
    """

    code: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str, reason: str, details: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.details = dict(details or {})
        self.violations: tuple[Violation, ...] = ()
        self.attached: tuple[Message, ...] = ()


class Invalid(Refusal):
    """The request itself is wrong."""

    code = "INVALID_ARGUMENT"

    def __init__(self, *violations: Violation, reason: str = "INVALID_FIELD") -> None:
        text = "; ".join(f"{violation.field}: {violation.reason}" for violation in violations)
        super().__init__(text, reason)
        self.violations = violations


class NotFound(Refusal):
    """There is no such thing, or not for this caller."""

    code = "NOT_FOUND"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} does not exist", "NOT_FOUND", {"name": name})


class Exists(Refusal):
    """The id is taken."""

    code = "ALREADY_EXISTS"

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} exists already", "ALREADY_EXISTS", {"name": name})


class Unmet(Refusal):
    """The state does not allow it now."""

    code = "FAILED_PRECONDITION"


class Stale(Refusal):
    """Somebody was faster: read again, decide again."""

    code = "ABORTED"

    def __init__(self, name: str, etag: str) -> None:
        super().__init__(f"{name!r} was changed meanwhile: its etag is now {etag!r}", "STALE_ETAG", {"etag": etag})


class Unauthenticated(Refusal):
    """Who is calling could not be established."""

    code = "UNAUTHENTICATED"


class Denied(Refusal):
    """The caller is known and may not do this."""

    code = "PERMISSION_DENIED"


class Exhausted(Refusal):
    """Too much, too large, too often."""

    code = "RESOURCE_EXHAUSTED"


class Late(Refusal):
    """The deadline passed before there was an answer."""

    code = "DEADLINE_EXCEEDED"


class Unavailable(Refusal):
    """Cannot be answered now; trying again may help."""

    code = "UNAVAILABLE"


class Fault(Refusal):
    """Our own mistake. `incident` is what the log line about it carries; nothing else is told."""

    code = "INTERNAL"

    def __init__(self, incident: str) -> None:
        super().__init__(f"something went wrong here; incident {incident}", "INTERNAL", {"incident": incident})
