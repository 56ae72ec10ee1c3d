"""Who waits for what, in order of arrival: a queue for each key while anybody waits, and a task that works it off."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from services.kit.leaves import Key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Waiting(Protocol):
    """Somebody who waits."""

    @property
    def context(self) -> Context:
        """In which it came: what is done for several is done in that of the first, whose trace it belongs to."""


M = TypeVar("M", bound=Waiting)

SHARE = 0.5
"""Of the time that was spent on several together, for how long others are waited for before the next turn, at most."""
LONGEST = 0.02
"""Seconds for which they are waited for, at most."""

Run: TypeAlias = Callable[[Key, Sequence[M]], Coroutine[None, None, Sequence[M]]]


class _Gate:
    """Somebody who wants a key to himself."""

    def __init__(self) -> None:
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.released = asyncio.Event()

    async def open(self) -> None:
        """It is his turn; comes back when he is done, or was gone."""
        if not self.granted.done():
            self.granted.set_result(None)
        await self.released.wait()


class Mailboxes(Generic[M]):
    """A queue per key. `run` is given what waits for one key, oldest first, and says what it left for the next time.

    It must not raise, and must deal with the first at least. Nothing else is done for that key meanwhile. An idle key
    costs nothing.
    """

    def __init__(self, run: Run[M], most: int) -> None:
        self._run = run
        self._most = most
        self._lanes: dict[Key, deque[M | _Gate]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: dict[Key, tuple[int, asyncio.Event]] = {}

    def post(self, key: Key, message: M) -> None:
        """Puts it at the end of the queue."""
        self._put(key, message)

    def busy(self, key: Key) -> bool:
        """Whether anybody waits for the key or has it."""
        return key in self._lanes

    @contextlib.asynccontextmanager
    async def hold(self, keys: Iterable[Key]) -> AsyncIterator[None]:
        """Has all of these keys alone, after everybody who came before.

        They are taken in sorted order, so that no two holders wait for each other.
        """
        gates: list[_Gate] = []
        try:
            for key in sorted(set(keys)):
                gate = _Gate()
                gates.append(gate)
                self._put(key, gate)
                await gate.granted
            yield
        finally:
            for gate in gates:
                gate.granted.cancel()
                gate.released.set()

    def spawn(self, work: Coroutine[None, None, None], context: Context | None = None) -> None:
        """Runs it to its end, whatever becomes of who asked for it."""
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Comes back when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _put(self, key: Key, message: M | _Gate) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = deque()
            self.spawn(self._work(key, lane), Context())
        lane.append(message)
        wanted = self._wanted.get(key)
        if wanted is not None and len(lane) >= wanted[0]:
            wanted[1].set()

    async def _work(self, key: Key, lane: deque[M | _Gate]) -> None:
        try:
            while lane:
                first = lane[0]
                if isinstance(first, _Gate):
                    lane.popleft()
                    await first.open()
                else:
                    await self._turn(key, lane)
        finally:
            del self._lanes[key]

    async def _turn(self, key: Key, lane: deque[M | _Gate]) -> None:
        """Deals with those who wait.

        Where they were several they are likely to come again, one after the other, once they were answered. They are
        let come: whoever came first would be dealt with alone, which costs as much as all of them together.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        taken = self._together(lane)
        left = await self._deal(key, taken)
        lane.extendleft(reversed(left))
        if 1 < len(taken) > len(lane):
            await self._gather(key, len(taken), min(LONGEST, (loop.time() - began) * SHARE))

    async def _gather(self, key: Key, many: int, seconds: float) -> None:
        """Until so many wait, or for so long."""
        enough = asyncio.Event()
        self._wanted[key] = (many, enough)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await enough.wait()
        del self._wanted[key]

    async def _deal(self, key: Key, taken: Sequence[M]) -> Sequence[M]:
        return await asyncio.get_running_loop().create_task(self._run(key, taken), context=taken[0].context)

    def _together(self, lane: deque[M | _Gate]) -> list[M]:
        """Takes those out of the queue who may be dealt with at once."""
        taken: list[M] = []
        while lane and len(taken) < self._most and not isinstance(first := lane[0], _Gate):
            lane.popleft()
            taken.append(first)
        return taken
