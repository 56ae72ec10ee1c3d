"""Time and randomness, passed in everywhere: no service reads the wall clock or sleeps by itself."""

from __future__ import annotations

import asyncio
import os
import random
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

PIECE = 4096
LONGEST_DRAWN = 1024
MIDNIGHT = "T00:00:00.000Z"
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_RANDOM = 0xFFFFFFFF_FFFF_0FFF_3FFF_FFFFFFFFFFFF
"""What of a UUID is random: all but the version, and the variant of RFC 9562."""
_VERSION_4 = 0x4000_8000_000000000000


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; deadlines are stated on this scale."""

    async def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds of this clock."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds."""
        await asyncio.sleep(seconds)


class VirtualClock:
    """A clock that a test moves; sleepers wake when it passes them, in order of their time."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        """The instant the test has come to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start of the test."""
        return self._seconds

    @property
    def asleep(self) -> bool:
        """Whether anybody waits for it to be moved."""
        return any(not waiting.done() for _, _, waiting in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Comes back when the test has moved the clock so far."""
        self._count += 1
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._seconds + max(seconds, 0.0), self._count, waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Moves the clock, waking sleepers on the way and letting them run."""
        target = self._seconds + seconds
        while True:
            due = min((sleeper for sleeper in self._sleepers if sleeper[0] <= target), default=None)
            self._move(due[0] if due else target)
            if due is None:
                return
            self._sleepers.remove(due)
            if not due[2].done():
                due[2].set_result(None)
            for _ in range(10):  # a woken task may wake others
                await asyncio.sleep(0)

    def jump(self, now: datetime) -> None:
        """Sets the wall clock, as an operator or NTP would; the monotonic scale does not move."""
        self._now = now.astimezone(UTC)

    def _move(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds - self._seconds)
        self._seconds = seconds


async def first(event: asyncio.Event, clock: Clock, seconds: float) -> bool:
    """Until the event is set or so many seconds have passed, whichever comes first; says whether it is set."""
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    sleeping.add_done_callback(lambda _: waiting.cancel())
    try:
        await asyncio.wait((waiting,))  # one alone: of several it is not determined which is looked at first
    finally:
        waiting.cancel()
        sleeping.cancel()
    return event.is_set()


class _Drawn(random.SystemRandom):
    """The system's randomness, drawn in larger pieces: each call of the system costs more than what is drawn.

    What was given is forgotten. Each thread has a piece of its own, so that no two are ever given the same.
    """

    def __init__(self) -> None:
        self._own = threading.local()
        super().__init__()

    def getrandbits(self, k: int) -> int:
        """So many random bits, 0 to 1024."""
        if not 0 <= k <= LONGEST_DRAWN:
            return super().getrandbits(k)
        length = (k + 7) // 8
        left: bytearray = getattr(self._own, "left", None) or bytearray()
        if len(left) < length:
            left = self._own.left = bytearray(os.urandom(PIECE))
        given = int.from_bytes(left[-length:], "big") if length else 0
        del left[len(left) - length :]
        return given >> (length * 8 - k)


class Ids:
    """Opaque ids from one random source, which a test seeds."""

    def __init__(self, source: random.Random | None = None) -> None:
        self.random = source or _Drawn()

    def uuid(self) -> str:
        """A random (version 4) UUID, RFC 9562 section 5.4, as text."""
        text = self.digits()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def digits(self) -> str:
        """The same without its hyphens: 32 hexadecimal digits."""
        return f"{self.random.getrandbits(128) & _RANDOM | _VERSION_4:032x}"


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, fixed width, so that instants sort as text: "2026-11-21T12:00:00.000Z"."""
    there = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return there.isoformat(timespec="milliseconds")[:-6] + "Z"  # "+00:00"


def day(text: str) -> str:
    """The instant at which the day (UTC) of another instant begins, both as `instant` writes them."""
    return f"{text[:10]}{MIDNIGHT}"


def moment(text: str) -> datetime:
    """The instant that `instant` wrote, aware, UTC. Raises ValueError for any other text."""
    if not INSTANT.fullmatch(text):
        raise ValueError(f"{text!r} is not an instant")
    return datetime.fromisoformat(text)  # forty times as fast as strptime, which every message read would pay for
