"""Time that runs faster than that of the machine and can be moved on, as one process after another sees it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class Time:
    """Everybody's time: `speed` seconds in each of the machine's."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._zero = asyncio.get_running_loop().time()
        self._ahead = 0.0
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Seconds since the start."""
        return (asyncio.get_running_loop().time() - self._zero) * self._speed + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds."""
        due = self.monotonic() + seconds
        await asyncio.sleep(0)
        while (left := due - self.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left / self._speed):
                    await self._moved.wait()

    def move(self, seconds: float) -> None:
        """It is so much later: who sleeps until then wakes up."""
        self._ahead += seconds
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


class GatedClock:
    """The clock of one process: while its gate is shut, nobody in it wakes up."""

    def __init__(self, time: Time, gate: asyncio.Event) -> None:
        self._time = time
        self._gate = gate

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return self._time.now()

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self._time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds, and not while the gate is shut."""
        await self._time.sleep(seconds)
        await self._gate.wait()
