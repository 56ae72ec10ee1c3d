"""The twin of the bus in memory: connections to a `MemoryBroker`. No threads and no real time. For simulations.

A user may do what `streams.permissions` gives it, here as on a nats-server.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from services.kit.broker import MemoryBroker, Out, Post
from services.kit.bus_message import check_size, delivered, outgoing
from services.kit.bus_port import Broken, BusUnavailable
from services.kit.clock import first
from services.kit.event import TOMBSTONE_LIFETIME
from services.kit.streams import matches, permissions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from services.kit.broker import Ear, Message
    from services.kit.bus_port import Begin, Deliver, Delivered, Work
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.streams import NatsUser, StreamSettings, StreamState

__all__ = ["MemoryBroker", "MemoryBus"]

TIMEOUT = 3.0
"""Seconds that an answer is waited for."""

SILENCE = 5.0
"""Seconds without a heartbeat after which a follower gives up."""

AT_ONCE = 64
"""Messages delivered before others have their turn."""


class MemoryBus:
    """One connection, as one user. `disconnect`, `reconnect`, `freeze` and `thaw` are for simulations."""

    def __init__(self, broker: MemoryBroker, user: NatsUser, clock: Clock) -> None:
        self._broker = broker
        self._user = user
        self._clock = clock
        self._may = permissions(user)["publish"]["allow"]
        self._asked: set[str] = set()  # verbs that were found allowed
        self._listeners: list[Callable[[], None]] = []
        self._ears: list[Ear] = []
        self._up = asyncio.Event()
        self._frozen = False
        self._version = ""

    async def open(self) -> None:
        """Connects, now or when the broker runs."""
        self._broker.connections.append(self)
        self.reconnect()

    async def ready(self) -> None:
        """Comes back when there is a connection."""
        await self._up.wait()

    async def close(self) -> None:
        """Lets go of the connection; what is under way fails with BusUnavailable."""
        if self in self._broker.connections:
            self._broker.connections.remove(self)
        self.disconnect()

    @property
    def connected(self) -> bool:
        """Whether the broker answers, as far as this end can tell: a frozen connection looks like one that does."""
        return self._up.is_set()

    @property
    def server_version(self) -> str:
        """That of the broker last connected to; "" before."""
        return self._version

    def watch(self, listener: Callable[[], None]) -> None:
        """Calls `listener` each time a connection is made."""
        self._listeners.append(listener)

    def disconnect(self) -> None:
        """The connection is lost, and stays so until `reconnect`."""
        self._up.clear()
        for ear in self._ears:
            ear.lose(BusUnavailable("the connection was lost"))

    def reconnect(self) -> None:
        """The connection is made, if the broker runs and it was lost."""
        if not self._broker.running or self.connected:
            return
        self._frozen, self._version = False, self._broker.version
        self._up.set()
        for listener in self._listeners:
            listener()

    def freeze(self) -> None:
        """Nothing passes from now on, and neither end notices."""
        self._frozen = True
        self._wake()

    def thaw(self) -> None:
        """Things pass again; what waited arrives, what was asked in between does not."""
        self._frozen = False
        self._wake()

    async def publish(
        self, event: Event, expected: int, *, traceparent: str = "", lifetime: int = TOMBSTONE_LIFETIME
    ) -> int:
        """Stores the event if its subject's last message has the `expected` sequence; says its own."""
        lines = outgoing(event, expected, traceparent, lifetime)
        payload = event.payload or b""
        check_size(lines, payload, self._broker.max_payload)
        await self._ask(event.subject)
        ends = lifetime if event.payload is None else None
        sequence = self._broker.publish(event.subject, lines, payload, expected, ends)
        await self._answered()
        return sequence

    async def last(self, stream: str, subject: str) -> Delivered | None:
        """The last message of a subject."""
        await self._ask(f"$JS.API.STREAM.MSG.GET.{stream}")
        message = self._broker.last(stream, subject)
        await self._answered()
        return None if message is None else _delivered(message, 0)

    async def next(self, stream: str, pattern: str, sequence: int) -> Delivered | None:
        """The first message of these subjects with a sequence above this one."""
        await self._ask(f"$JS.API.STREAM.MSG.GET.{stream}")
        message = self._broker.next(stream, pattern, sequence)
        await self._answered()
        return None if message is None else _delivered(message, 0)

    async def stream(self, name: str) -> StreamState | None:
        """What the stream is like now."""
        await self._ask(f"$JS.API.STREAM.INFO.{name}")
        state = self._broker.state(name)
        await self._answered()
        return state

    async def subjects(self, name: str, pattern: str) -> list[str]:
        """The subjects that have a message in the stream."""
        await self._ask(f"$JS.API.STREAM.INFO.{name}")
        found = self._broker.subjects(name, pattern)
        await self._answered()
        return found

    async def declare(self, settings: StreamSettings) -> None:
        """Creates or updates a stream."""
        await self._ask(f"$JS.API.STREAM.CREATE.{settings.name}", f"$JS.API.STREAM.UPDATE.{settings.name}")
        self._broker.declare(settings)
        await self._answered()

    async def follow(self, stream: str, subjects: Sequence[str], begin: Begin, deliver: Deliver) -> None:
        """Delivers the last message of each subject, then each new one, until cancelled or broken."""
        await self._ask(f"$JS.API.CONSUMER.CREATE.{stream}.{self._user.name}-0", f"$JS.API.STREAM.INFO.{stream}")
        with self._listening(stream, subjects) as ear:
            state = self._broker.state(stream)
            if state is None:
                raise Broken(f"there is no stream {stream}")
            begin(state, len(ear.queue))
            while True:
                await self._audible(ear)
                for _ in range(min(AT_ONCE, len(ear.queue))):
                    message = ear.queue.pop(next(iter(ear.queue)))
                    deliver(_delivered(message, len(ear.queue)))
                await self._quiet(ear, None)

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
        """Hands messages of a stream to the workers that share `name`, until cancelled or broken."""
        verbs = (f"$JS.API.CONSUMER.{verb}.{stream}.{name}" for verb in ("INFO", "CREATE", "DELETE", "MSG.NEXT"))
        await self._ask(f"$JS.API.STREAM.INFO.{stream}", *verbs)
        post = self._broker.post(stream, name, subjects, patience)
        hands = _Hands(self, stream, name, post)
        beating = asyncio.create_task(hands.beat())
        try:
            with self._listening(stream, ()) as ear:
                await self._serve(ear, hands, work, idle)
        finally:
            beating.cancel()

    async def _serve(self, ear: Ear, hands: _Hands, work: Work, idle: Callable[[], None] | None) -> None:
        while True:
            await self._audible(ear)
            ear.wake.clear()
            out = self._broker.take(hands.stream, hands.post)
            if out is not None:
                await hands.work(out, work)
                continue
            if idle is not None:
                idle()
            await self._quiet(ear, hands.post.next_time())

    @contextlib.contextmanager
    def _listening(self, stream: str, subjects: Sequence[str]) -> Iterator[Ear]:
        ear = self._broker.listen(stream, subjects)
        self._ears.append(ear)
        try:
            yield ear
        finally:
            self._ears.remove(ear)
            self._broker.unlisten(stream, ear)

    async def _audible(self, ear: Ear) -> None:
        """Comes back when something can be heard. Raises what ended it, and Broken after too long a silence."""
        patience = self._clock.monotonic() + SILENCE
        while self._frozen and ear.lost is None:
            ear.wake.clear()
            if not await first(ear.wake, self._clock, patience - self._clock.monotonic()):
                raise Broken("the broker went silent")
        if ear.lost is not None:
            raise ear.lost

    async def _quiet(self, ear: Ear, until: float | None) -> None:
        """Until there may be something to do."""
        if ear.queue:
            await asyncio.sleep(0)
        elif until is None:
            await ear.wake.wait()
        else:
            await first(ear.wake, self._clock, until - self._broker.clock.monotonic())
        ear.wake.clear()

    async def _ask(self, *verbs: str) -> None:
        """A question on its way. Raises BusUnavailable where it does not arrive, or may not be asked."""
        if not self.connected:
            raise BusUnavailable("not connected")
        await self._answered()
        for verb in verbs:
            if verb not in self._asked and not any(matches(pattern, verb) for pattern in self._may):
                raise BusUnavailable(f"permissions violation: {self._user.name} may not publish to {verb}")
            self._asked.add(verb)

    async def _answered(self) -> None:
        """The way between both ends, once."""
        if self._frozen:
            await self._clock.sleep(TIMEOUT)
            raise BusUnavailable("no answer came")
        if self._broker.latency is None:
            await asyncio.sleep(0)
        else:
            await self._clock.sleep(self._broker.latency())
        if not self.connected:
            raise BusUnavailable("the connection was lost")

    async def settle(self, stream: str, name: str, post: Post, sequence: int, again: float | None) -> None:
        """Tells the broker what became of a message."""
        await self._ask(f"$JS.ACK.{stream}.{name}.1")
        if self._broker.kept(stream).posts.get(name) is not post:
            raise BusUnavailable("the post in the stream is gone")
        self._broker.settle(stream, post, sequence, again)
        await self._answered()

    def renew(self, post: Post, sequence: int) -> None:
        """Tells the broker that a message is still being worked on, if it can hear it."""
        if self.connected and not self._frozen:
            self._broker.renew(post, sequence)

    async def rest(self, seconds: float) -> None:
        """Comes back after so many seconds of its clock."""
        await self._clock.sleep(seconds)

    def _wake(self) -> None:
        for ear in self._ears:
            ear.wake.set()


class _Hands:
    """One worker of a post: the message that it holds, and the word that it still does."""

    def __init__(self, bus: MemoryBus, stream: str, name: str, post: Post) -> None:
        self.bus = bus
        self.stream = stream
        self.name = name
        self.post = post
        self._sequence = 0

    async def work(self, out: Out, work: Work) -> None:
        self._sequence = out.message.sequence
        try:
            await work(_Task(self, out.message, len(self.post.todo), out.attempts))
        finally:
            self._sequence = 0

    async def beat(self) -> None:
        while True:
            await self.bus.rest(self.post.patience / 3)
            self.bus.renew(self.post, self._sequence)


class _Task:
    """One message that a worker has taken."""

    def __init__(self, hands: _Hands, message: Message, pending: int, attempts: int) -> None:
        self._hands = hands
        self._sequence = message.sequence
        self.delivered = _delivered(message, pending)
        self.attempts = attempts

    async def done(self) -> None:
        """It is dealt with."""
        await self._settle(None)

    async def again(self, seconds: float) -> None:
        """It is to be handed out again after so many seconds."""
        await self._settle(seconds)

    async def _settle(self, again: float | None) -> None:
        hands = self._hands
        await hands.bus.settle(hands.stream, hands.name, hands.post, self._sequence, again)


def _delivered(message: Message, pending: int) -> Delivered:
    return delivered(message.subject, message.lines, message.payload, message.sequence, pending)
