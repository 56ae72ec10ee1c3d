"""An event loop without time, threads or sockets of its own: a run is a pure function of its seed.

Time stands still while anything is ready and jumps to the next timer when nothing is. What is ready runs in an order
that the seed draws: tasks that a real system would run on machines of their own have no order that code may rely on.
Callbacks that are no step of a task keep theirs, which the event loop promises.

A task belongs to the process (`Process`) that its context names. A process that is killed never runs again: not one
line of it, no `finally`, no `except CancelledError`.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from asyncio import events
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

if TYPE_CHECKING:
    import random
    from collections import deque
    from collections.abc import Callable, Coroutine
    from datetime import datetime

T = TypeVar("T")

RUNAWAY: Final = 5_000_000
"""Steps after which a run is taken for one that never ends."""


class Process:
    """What is killed as a whole. `skew` is what its wall clock is ahead of true time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.skew = timedelta()
        self.ended = asyncio.Event()
        """Set when it was killed; whoever had a connection to it sees that."""
        self.doom: object = None
        """What ends it at a named point."""

    def kill(self) -> None:
        """From now on nothing of it runs."""
        self.alive = False
        self.ended.set()

    def run(self, work: Coroutine[Any, Any, T], name: str = "") -> asyncio.Task[T]:
        """A task of this process; what it begins belongs to the process too."""
        context = contextvars.Context()
        context.run(HERE.set, self)
        return asyncio.create_task(work, name=name or self.name, context=context)


class Killed(BaseException):
    """Ends the step during which its process was killed."""


HERE: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
"""The process that the running code belongs to; None: the test's own."""


class Stuck(Exception):  # noqa: N818 - it says what it is
    """Nothing is ready, no timer runs, and what is waited for has not come."""


class NumberedTask(asyncio.Task[Any]):
    """A task that hashes by its number, so that a set of tasks has the same order in every run."""

    def __init__(self, coro: Any, *, loop: SimLoop, **more: Any) -> None:
        self.number = loop.number()
        super().__init__(coro, loop=loop, **more)

    def __hash__(self) -> int:
        return self.number


class NumberedFuture(asyncio.Future[Any]):
    """The same for futures."""

    def __init__(self, *, loop: SimLoop) -> None:
        self.number = loop.number()
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.number


class SimLoop(asyncio.BaseEventLoop):
    """The loop. `steps` counts what has run; `complaints` are what went wrong with nobody to hear it."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._mixing = chance.choice((0.0, 0.1, 0.5, 1.0))
        self._time = 0.0
        self._numbers = 0
        self._tasks: list[NumberedTask] = []
        self.steps = 0
        self.complaints: list[str] = []
        self.set_task_factory(self._task)
        self.set_exception_handler(self._complain)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._time

    def number(self) -> int:
        """The next number of a task or future."""
        self._numbers += 1
        return self._numbers

    def create_future(self) -> NumberedFuture:
        """A future of this loop."""
        return NumberedFuture(loop=self)

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]  # the same, in fewer words
        """There is one thread."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> NoReturn:  # type: ignore[override]  # it never gives anything
        """Refused: threads have an order that no seed draws."""
        raise NotImplementedError(f"no thread in a simulation: {func!r}")

    def bury(self) -> None:
        """Ends what the killed left lying about, and every other task: nothing of it is heard of any more."""
        self._ready.clear()
        self._scheduled.clear()
        for task in self._tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # else its end is complained about
                with suppress(RuntimeError, Killed):  # its `finally` may want to wait
                    cast("Any", task.get_coro()).close()
        self._ready.clear()
        self._scheduled.clear()

    def _task(self, _loop: Any, coro: Any, **more: Any) -> NumberedTask:
        task = NumberedTask(coro, loop=self, **more)
        self._tasks.append(task)
        if len(self._tasks) > 2048 and len(self._tasks) % 1024 == 0:
            self._tasks = [one for one in self._tasks if not one.done()]
        return task

    def _complain(self, _loop: Any, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), Killed):
            self.complaints.append(f"{context.get('message')}: {context.get('exception')!r}")

    def _run_once(self) -> None:
        """One step of what is ready; where nothing is, on to the next timer."""
        self._come_due()
        while not self._ready:
            self._jump()
            self._come_due()
        handle = self._draw()
        self.steps += 1
        if self.steps > RUNAWAY:
            raise Stuck(f"still running after {RUNAWAY} steps, at {self._time} s")
        if not handle._cancelled and _lives(handle):
            with suppress(Killed):
                handle._run()
        handle = None  # type: ignore[assignment]  # it may hold what ends now

    def _jump(self) -> None:
        while self._scheduled and (self._scheduled[0]._cancelled or not _lives(self._scheduled[0])):
            heapq.heappop(self._scheduled)
        if not self._scheduled:
            raise Stuck(f"nothing is left to happen at {self._time} s")
        self._time = max(self._time, self._scheduled[0].when())

    def _come_due(self) -> None:
        while self._scheduled and self._scheduled[0].when() <= self._time:
            self._ready.append(heapq.heappop(self._scheduled))

    def _draw(self) -> asyncio.Handle:
        """The first that is ready, or one of the tasks among them."""
        ready = self._ready
        if len(ready) < 2 or not self._mixing or self._chance.random() >= self._mixing:
            return ready.popleft()
        steps = [index for index, handle in enumerate(ready) if _of_task(handle)]
        if not _of_task(ready[0]):
            steps.append(0)
        index = self._chance.choice(steps)
        handle = ready[index]
        del ready[index]
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time comes."""

    def _process_events(self, event_list: Any) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""


class LoopClock:
    """A clock on the loop's time: `start` is what it says at its beginning, by a process's own skew more."""

    def __init__(self, loop: SimLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> datetime:
        """The present instant as this process believes it, aware, UTC."""
        here = HERE.get()
        skew = here.skew if here else timedelta()
        return self._start + timedelta(seconds=round(self._loop.time(), 6)) + skew

    def monotonic(self) -> float:
        """Seconds since the loop began."""
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Comes back after so many seconds."""
        await asyncio.sleep(max(seconds, 0.0))


def run(main: Callable[[SimLoop], Coroutine[Any, Any, T]], chance: random.Random) -> T:
    """Runs it in a loop of its own to its end. Raises what it raises, and AssertionError for what nobody heard."""
    loop = SimLoop(chance)
    before = events._get_running_loop()
    events._set_running_loop(None)
    try:
        found = loop.run_until_complete(main(loop))
    finally:
        events._set_running_loop(loop)
        loop.bury()
        events._set_running_loop(None)
        loop.close()
        events._set_running_loop(before)
    assert not loop.complaints, loop.complaints
    return found


def _of_task(handle: Any) -> bool:
    return isinstance(getattr(handle._callback, "__self__", None), asyncio.Task)


def _lives(handle: Any) -> bool:
    here = handle._context.get(HERE)
    return here is None or here.alive
