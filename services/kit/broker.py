"""A broker in memory: what a nats-server does for us, without threads, files or a time of its own.

For simulations and tests. It keeps streams, the posts of workers in them, and whoever listens; `bus_memory` connects
to it. What it does is what the contract suite of the bus saw a real server do.
"""

from __future__ import annotations

import asyncio
import copy
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.kit.bus_message import size
from services.kit.bus_port import Broken, BusUnavailable, Full, WrongSequence
from services.kit.clock import instant
from services.kit.streams import StreamState, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from services.kit.bus_memory import MemoryBus
    from services.kit.clock import Clock
    from services.kit.streams import StreamSettings

OVERHEAD = 30  # bytes that a message costs beside itself


@dataclass(frozen=True)
class Message:
    """A message as stored. `ends`: when it is forgotten, on the broker's monotonic scale."""

    subject: str
    sequence: int
    lines: Mapping[str, str]
    payload: bytes
    ends: float = math.inf

    @property
    def size(self) -> int:
        """Bytes that it takes of a stream's limit."""
        return OVERHEAD + len(self.subject) + size(self.lines, self.payload)


@dataclass
class Out:
    """A message in a worker's hands until `until`, when anybody may have it again."""

    message: Message
    until: float
    attempts: int = 1


@dataclass(eq=False)
class Post:
    """How far the workers that share a name are in a stream: what waits, and what is in their hands."""

    subjects: tuple[str, ...]
    patience: float
    todo: dict[str, Message] = field(default_factory=dict)
    out: dict[int, Out] = field(default_factory=dict)

    def offer(self, message: Message) -> None:
        """A new message: it takes the turn of one that it replaces only at the end of the queue."""
        if _wanted(self.subjects, message.subject):
            self.todo.pop(message.subject, None)
            self.todo[message.subject] = message

    def take(self, now: float, stands: Callable[[Message], bool]) -> Out | None:
        """What is to be handed out now: first what came back and was not replaced meanwhile."""
        for sequence in sorted(self.out):
            out = self.out[sequence]
            if out.until > now:
                continue
            del self.out[sequence]
            if stands(out.message):
                return self._hand(out.message, now, out.attempts + 1)
        while self.todo:
            message = self.todo.pop(next(iter(self.todo)))
            if stands(message):
                return self._hand(message, now, 1)
        return None

    def _hand(self, message: Message, now: float, attempts: int) -> Out:
        out = self.out[message.sequence] = Out(message, now + self.patience, attempts)
        return out

    def next_time(self) -> float | None:
        """When something in somebody's hands is handed out again, if nothing is heard of it."""
        return min((out.until for out in self.out.values()), default=None)


@dataclass
class Kept:
    """A stream: the newest message of each subject, in the order of their sequences."""

    settings: StreamSettings
    created: str
    last_sequence: int = 0
    messages: dict[str, Message] = field(default_factory=dict)
    posts: dict[str, Post] = field(default_factory=dict)
    next_end: float = math.inf

    def stands(self, message: Message) -> bool:
        """Whether it is still the newest of its subject."""
        newest = self.messages.get(message.subject)
        return newest is not None and newest.sequence == message.sequence

    def expire(self, now: float) -> None:
        """Forgets what has outlived itself."""
        if now < self.next_end:
            return
        for message in [one for one in self.messages.values() if one.ends <= now]:
            del self.messages[message.subject]
        self.next_end = min((one.ends for one in self.messages.values()), default=math.inf)

    def admit(self, message: Message) -> None:
        """Raises Full where there is no space: a state that is no larger than the one it replaces always has it."""
        most, before = self.settings.max_bytes, self.messages.get(message.subject)
        if most < 0 or (before is not None and message.size <= before.size):
            return
        if sum(one.size for one in self.messages.values()) + message.size > most:
            raise Full("maximum bytes exceeded (10077)")


class Ear:
    """Somebody who listens to a stream: what was not delivered yet, and why it ended."""

    def __init__(self, subjects: Sequence[str] = ()) -> None:
        self._subjects = tuple(subjects)
        self.queue: dict[str, Message] = {}
        self.wake = asyncio.Event()
        self.lost: Exception | None = None

    def hear(self, messages: Iterable[Message]) -> None:
        """Takes what it wants of these; a state that is not delivered yet gives way to a newer one."""
        for message in messages:
            if _wanted(self._subjects, message.subject):
                self.queue.pop(message.subject, None)
                self.queue[message.subject] = message
        self.wake.set()

    def lose(self, error: Exception) -> None:
        """It has heard the last."""
        self.lost = self.lost or error
        self.wake.set()


class MemoryBroker:
    """Streams in memory, and the faults that a simulation asks for.

    `drop_replies`: of so many publishes one is stored and its publisher not told (0: none). `repeat`: of so many
    messages that a worker dealt with one is handed out again (0: none). `latency` gives the seconds that a question or
    an answer is on its way; None: it arrives in the next turn of the event loop.
    """

    def __init__(self, clock: Clock, *, version: str = "2.15.1", max_payload: int = 1024 * 1024) -> None:
        self.clock = clock
        self.version = version
        self.max_payload = max_payload
        self.drop_replies = 0
        self.repeat = 0
        self.latency: Callable[[], float] | None = None
        self.running = True
        self.connections: list[MemoryBus] = []
        self._streams: dict[str, Kept] = {}
        self._ears: dict[str, list[Ear]] = {}
        self._born = 0
        self._published = 0
        self._done = 0

    # faults

    def stop(self) -> None:
        """Ends as a crash would: every connection is lost, what was acknowledged stays."""
        self.running = False
        for connection in list(self.connections):
            connection.disconnect()

    def start(self) -> None:
        """Runs again; every connection finds it."""
        self.running = True
        for connection in list(self.connections):
            connection.reconnect()

    def wipe(self, name: str) -> None:
        """The stream is made anew under its name, as after the loss of its disk: no messages, no workers' posts."""
        settings = self._streams[name].settings
        self.delete(name)
        self.declare(settings)

    def delete(self, name: str) -> None:
        """The stream is gone."""
        del self._streams[name]
        self._break(name, f"the stream {name} is gone")

    def copy(self, name: str) -> Kept:
        """A backup of the stream, workers' posts included."""
        return copy.deepcopy(self._streams[name])

    def roll_back(self, name: str, earlier: Kept) -> None:
        """The stream is again as it was when it was copied."""
        self._streams[name] = copy.deepcopy(earlier)
        self._break(name, f"the stream {name} was rolled back")

    def forget_post(self, stream: str, name: str) -> None:
        """Somebody removed the workers' post."""
        del self._streams[stream].posts[name]
        self._break(stream, f"the post {name} is gone")

    def put(self, subject: str, lines: Mapping[str, str], payload: bytes) -> int:
        """Stores any message, as one could who speaks to the server directly; says its sequence."""
        return self._store(self._of(subject), subject, lines, payload, None)

    # what connections ask for

    def publish(
        self, subject: str, lines: Mapping[str, str], payload: bytes, expected: int, lifetime: int | None
    ) -> int:
        """Stores a message if its subject's last one is as expected. Raises WrongSequence, Full, BusUnavailable."""
        kept = self._of(subject)
        last = kept.messages.get(subject)
        if (last.sequence if last else 0) != expected:
            raise WrongSequence(f"wrong last sequence: {last.sequence if last else 0} (10071)")
        sequence = self._store(kept, subject, lines, payload, lifetime)
        self._published += 1
        if self.drop_replies and self._published % self.drop_replies == 0:
            raise BusUnavailable("the answer was lost")
        return sequence

    def last(self, stream: str, subject: str) -> Message | None:
        """The newest message of a subject."""
        return self.kept(stream).messages.get(subject)

    def next(self, stream: str, pattern: str, sequence: int) -> Message | None:
        """The first message of these subjects above a sequence."""
        found = (one for one in self.kept(stream).messages.values() if one.sequence > sequence)
        return next((one for one in found if matches(pattern, one.subject)), None)

    def subjects(self, stream: str, pattern: str) -> list[str]:
        """The subjects that have a message, in their order."""
        return sorted(subject for subject in self.kept(stream).messages if matches(pattern, subject))

    def state(self, name: str) -> StreamState | None:
        """What the stream is like now."""
        if name not in self._streams:
            return None
        kept = self.kept(name)
        return StreamState(kept.created, kept.last_sequence, len(kept.messages), kept.settings)

    def declare(self, settings: StreamSettings) -> None:
        """Creates or updates a stream. Raises ValueError for one that has sources, which this broker does not do."""
        if settings.sources:
            raise ValueError(f"{settings.name}: streams with sources need a nats-server")
        if settings.name in self._streams:
            self._streams[settings.name].settings = settings
            return
        self._born += 1
        self._streams[settings.name] = Kept(settings, f"{instant(self.clock.now())}/{self._born}")

    def listen(self, stream: str, subjects: Sequence[str]) -> Ear:
        """Begins with the newest message of each subject. Raises BusUnavailable where there is no such stream."""
        kept, ear = self.kept(stream), Ear(subjects)
        ear.hear(kept.messages.values())
        self._ears.setdefault(stream, []).append(ear)
        return ear

    def unlisten(self, stream: str, ear: Ear) -> None:
        """It does not want to hear any more."""
        self._ears[stream].remove(ear)

    def post(self, stream: str, name: str, subjects: Sequence[str], patience: float) -> Post:
        """The workers' post in a stream, made where there is none or where they want other subjects now."""
        kept = self.kept(stream)
        post = kept.posts.get(name)
        if post is None or post.subjects != tuple(subjects):
            if post is not None:
                self.forget_post(stream, name)
            post = kept.posts[name] = Post(tuple(subjects), patience)
            for message in kept.messages.values():
                post.offer(message)
        post.patience = patience
        return post

    def take(self, stream: str, post: Post) -> Out | None:
        """Something to work on. Raises Broken where the post is gone."""
        kept = self.kept(stream)
        if post not in kept.posts.values():
            raise Broken("the post in the stream is gone")
        return post.take(self.clock.monotonic(), kept.stands)

    def settle(self, stream: str, post: Post, sequence: int, again: float | None) -> None:
        """A worker is done with a message, or wants it handed out `again` after so many seconds."""
        out = post.out.get(sequence)
        if out is None:
            return
        self._done += again is None
        if again is None and not (self.repeat and self._done % self.repeat == 0):
            del post.out[sequence]
        else:
            out.until = self.clock.monotonic() + (again or 0.0)
        self._tell(stream)

    def renew(self, post: Post, sequence: int) -> None:
        """A worker is still at it."""
        if sequence in post.out:
            post.out[sequence].until = self.clock.monotonic() + post.patience

    def kept(self, stream: str) -> Kept:
        """The stream as it is at this moment. Raises BusUnavailable where there is none."""
        if stream not in self._streams:
            raise BusUnavailable(f"stream not found: {stream} (10059)")
        kept = self._streams[stream]
        kept.expire(self.clock.monotonic())
        return kept

    def _of(self, subject: str) -> Kept:
        for name, kept in self._streams.items():
            if _wanted(kept.settings.subjects, subject):
                return self.kept(name)
        raise BusUnavailable("NoRespondersError: no stream stores this subject")

    def _store(self, kept: Kept, subject: str, lines: Mapping[str, str], payload: bytes, lifetime: int | None) -> int:
        ends = math.inf if lifetime is None else self.clock.monotonic() + lifetime
        kept.next_end = min(kept.next_end, ends)
        message = Message(subject, kept.last_sequence + 1, dict(lines), payload, ends)
        kept.admit(message)
        kept.last_sequence += 1
        kept.messages.pop(subject, None)
        kept.messages[subject] = message
        for post in kept.posts.values():
            post.offer(message)
        for ear in self._ears.get(kept.settings.name, []):
            ear.hear((message,))
        return message.sequence

    def _tell(self, stream: str) -> None:
        for ear in self._ears.get(stream, []):
            ear.wake.set()

    def _break(self, stream: str, why: str) -> None:
        for ear in self._ears.get(stream, []):
            ear.lose(Broken(why))


def _wanted(patterns: Iterable[str], subject: str) -> bool:
    return any(matches(pattern, subject) for pattern in patterns)
