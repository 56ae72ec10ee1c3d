"""One thread that owns one connection: jobs go in from the event loop, answers come back to it in batches."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from services.kit.store.port import OutcomeUnknown

T = TypeVar("T")
GROUP = 256


class Job(Generic[T]):
    """Something to do with the connection; `told` runs in the event loop after success, before the caller goes on.

    `after` is done when all that is written together with it is committed, and outside of any transaction.
    """

    def __init__(
        self,
        work: Callable[[sqlite3.Connection], T],
        told: Callable[[T], None] | None = None,
        *,
        after: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        self.work = work
        self.told = told
        self.after = after
        self.done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.error: Exception | None = None
        self.result: T | None = None

    def tell(self) -> None:
        """Gives the outcome to who waits, in the event loop."""
        if self.error is None and self.told is not None:
            try:
                self.told(self.result)  # type: ignore[arg-type]  # work has run: it is a T
            except Exception as error:  # noqa: BLE001 - what was done is done, whoever failed to hear of it
                _report("who was to hear of a job failed", error)
        if self.done.done():  # the caller's loop was torn down
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)  # type: ignore[arg-type]  # work has run: it is a T


Run = Callable[[sqlite3.Connection, Sequence[Job[object]]], None]


def one_by_one(connection: sqlite3.Connection, jobs: Sequence[Job[object]]) -> None:
    """Runs jobs that have nothing to do with each other."""
    for job in jobs:
        try:
            job.result = job.work(connection)
        except Exception as error:  # noqa: BLE001 - it is the caller's
            job.error = error


class Worker:
    """The thread. What waits when it comes round is run as one group, in the order it was asked for."""

    def __init__(self, name: str, connect: Callable[[], sqlite3.Connection], run: Run) -> None:
        self._connect = connect
        self._run = run
        self._jobs: queue.SimpleQueue[list[Job[object]] | None] = queue.SimpleQueue()
        self._asked: list[Job[object]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = asyncio.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def open(self) -> None:
        """Starts the thread and connects. Raises what connecting raised."""
        self._loop = asyncio.get_running_loop()
        connected = Job[None](lambda _: None)
        self._jobs.put([connected])  # type: ignore[list-item]  # a Job of nothing is a Job of something
        self._thread.start()
        try:
            await connected.done
        except BaseException:
            self._loop = None
            raise

    def submit(self, job: Job[T]) -> asyncio.Future[T]:
        """Takes a job in turn. Raises RuntimeError where the store is not open.

        What is asked for in one round of the loop goes over together: a thread that woke for the first would fight for
        the interpreter with those who are still asking.
        """
        if self._loop is None:
            raise RuntimeError("the store is not open")
        if not self._asked:
            self._loop.call_soon(self._hand_over)
        self._asked.append(job)  # type: ignore[arg-type]  # the list does not look at results
        return job.done

    @property
    def is_open(self) -> bool:
        """Whether it takes jobs."""
        return self._loop is not None

    async def close(self) -> None:
        """Lets all that was asked for end, then closes the connection."""
        if self._loop is not None:
            self._loop = None
            self._hand_over()
            self._jobs.put(None)
            await self._closed.wait()

    def _hand_over(self) -> None:
        if self._asked:
            self._jobs.put(self._asked)
            self._asked = []

    def _work(self) -> None:
        loop = self._loop
        assert loop is not None
        opening = self._jobs.get()
        assert opening is not None
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - it is the opener's
            opening[0].error = error
            _post(loop, _tell, opening)
            return
        _post(loop, _tell, opening)
        self._serve(connection, loop)
        connection.close()
        _post(loop, self._closed.set)

    def _serve(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        going = True
        while going:
            group, going = self._group()
            if group:
                self._guarded(connection, group)
                _post(loop, _tell, group)

    def _guarded(self, connection: sqlite3.Connection, group: Sequence[Job[object]]) -> None:
        try:
            self._run(connection, group)
        except Exception as error:  # noqa: BLE001 - the thread must live, and nobody may wait for ever
            for job in group:
                job.error = OutcomeUnknown(str(error))

    def _group(self) -> tuple[list[Job[object]], bool]:
        """Waits for jobs and takes those that wait with them; False after the last."""
        jobs = self._jobs.get()
        group = list[Job[object]]()
        while jobs is not None:
            group += jobs
            if len(group) >= GROUP or self._jobs.empty():
                return group, True
            jobs = self._jobs.get()
        return group, False


def _post(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop was closed without closing the store: nobody waits
        loop.call_soon_threadsafe(call, *arguments)


def _tell(jobs: Sequence[Job[object]]) -> None:
    for job in jobs:
        try:
            job.tell()
        except Exception as error:  # noqa: BLE001 - those behind it wait too
            _report("the outcome of a job could not be told", error)


def _report(message: str, error: Exception) -> None:
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
