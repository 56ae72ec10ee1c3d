"""The port of the bus: what services need of it, and nothing that knows NATS.

BusError
├── WrongSequence      another state of this subject was stored meanwhile
├── Unpublishable      the server will never take this message
├── Broken             a copy of a stream has a hole: follow it anew
└── BusUnavailable     no answer: what was asked may or may not have happened
    └── Full           the stream takes no new subject: nothing was stored
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from services.kit.event import TOMBSTONE_LIFETIME, Event, Malformed, Stored
from services.kit.streams import StreamSettings, StreamState

Delivered: TypeAlias = Stored | Malformed
Begin: TypeAlias = Callable[[StreamState, int], None]
Deliver: TypeAlias = Callable[[Delivered], None]


class BusError(Exception):
    """What the bus answers instead of doing what was asked."""


class WrongSequence(BusError):  # noqa: N818 - an answer, not a fault
    """The subject's last message is not the expected one. Nothing was stored."""


class Unpublishable(BusError):  # noqa: N818 - the same
    """Too large for the server: trying again does not help."""


class Broken(BusError):  # noqa: N818 - the same
    """A followed copy has a hole, or its stream is gone or another one."""


class BusUnavailable(BusError):  # noqa: N818 - the same
    """No answer, no connection, storage full: what was asked may or may not have happened. Try again."""


class Full(BusUnavailable):
    """The stream has no space for another subject; states of those that it has can still be replaced, if not larger."""


class Task(Protocol):
    """One message that a worker has taken, until it says what became of it."""

    @property
    def delivered(self) -> Delivered:
        """The message: the newest state of its subject at the time it was taken."""

    @property
    def attempts(self) -> int:
        """How often it was handed out, this time included, as far as the server knows: a crash may make it forget."""

    async def done(self) -> None:
        """It is dealt with: nobody gets it again. Comes back when the server knows. Raises BusUnavailable."""

    async def again(self, seconds: float) -> None:
        """It is to be handed out again, to any worker, after so many seconds. Raises BusUnavailable."""


Work: TypeAlias = Callable[[Task], Awaitable[None]]


class Bus(Protocol):
    """Publishes states and follows streams of them."""

    @property
    def connected(self) -> bool:
        """Whether a server answers at present."""

    @property
    def server_version(self) -> str:
        """That of the server last connected to ("2.15.1"); "" before."""

    def watch(self, listener: Callable[[], None]) -> None:
        """Calls `listener` in the event loop each time a connection is made."""

    async def publish(
        self, event: Event, expected: int, *, traceparent: str = "", lifetime: int = TOMBSTONE_LIFETIME
    ) -> int:
        """Stores the event if its subject's last message has the `expected` sequence (0: has none); says its own.

        A tombstone is forgotten after `lifetime` seconds. Raises WrongSequence, Unpublishable, BusUnavailable.
        """

    async def last(self, stream: str, subject: str) -> Delivered | None:
        """The last message of a subject. Raises BusUnavailable."""

    async def next(self, stream: str, pattern: str, sequence: int) -> Delivered | None:
        """The first message of these subjects with a sequence above this one. Raises BusUnavailable."""

    async def stream(self, name: str) -> StreamState | None:
        """What the stream is like now. Raises BusUnavailable."""

    async def subjects(self, name: str, pattern: str) -> list[str]:
        """The subjects that have a message in the stream. Raises BusUnavailable."""

    async def declare(self, settings: StreamSettings) -> None:
        """Creates or updates a stream; for a user that provisions. Raises BusUnavailable.

        Limits of size, copies beyond those wanted, and what it sources stay as an operator made them.
        """

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        """Delivers the last message of each subject, then each new one, in order and without holes, until cancelled.

        `begin` is called first, with the stream as found and how many messages there are to catch up with. Raises
        Broken where it cannot go on without a hole, BusUnavailable, and whatever `begin` and `deliver` raise.
        """

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
        """Hands messages of a stream to the workers that share `name`, each to one of them, until cancelled.

        It begins with the last message of each subject; the server keeps how far they are, so that who comes back goes
        on where the last one stopped. `work` runs for one message at a time. A message that its worker is silent about
        for `patience` seconds (it died) goes to another; one that was replaced meanwhile may be left out. `idle` is
        called when there is nothing to hand out. `name` is the user's own: see `streams.NatsUser.works`. Raises Broken
        where the stream or the post in it is gone, BusUnavailable, and whatever `work` raises.
        """

    async def close(self) -> None:
        """Lets go of the connection."""
