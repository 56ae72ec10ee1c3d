"""Transactions: run again where the server says so, committed again where nobody knows, until their time is over.

Not the driver's `with_transaction`, which goes on for two minutes. Deadlines and pauses are of the loop and the wall:
a server cannot be asked to wait on anybody's injected clock.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import pymongo
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from services.kit import points
from services.kit.store import mongo_client
from services.kit.store.port import Conflict, OutcomeUnknown, Unwritten

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable

    from services.kit.store.mongo_client import Client, Session

T = TypeVar("T")

TRANSIENT = "TransientTransactionError"
UNKNOWN = "UnknownTransactionCommitResult"
WRITE_CONFLICT = 112
DUPLICATE = 11000
FIRST_PAUSE = 0.002
LONGEST_PAUSE = 0.2
LEAST = 1.0
"""Seconds that a step is given at least: a commit that comes late is still told apart from one that never was, and on a
slow machine the last try meets what the others met."""


class AlreadyThere(Exception):  # noqa: N818 - an answer of the server
    """What should have been inserted was there: an answer, not a fault. The transaction is dead: look outside of it."""


class Turns:
    """Who writes the same things waits for who came before, in this process: nobody is told 112 by a neighbour.

    It also keeps the order in which listeners hear of one record.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, asyncio.Future[None]] = {}

    @asynccontextmanager
    async def of(self, keys: Iterable[Hashable]) -> AsyncIterator[None]:
        """Comes in when everybody who came for one of these keys before has left."""
        mine = asyncio.get_running_loop().create_future()
        names = list(keys)
        before = {self._last[name] for name in names if name in self._last}
        self._last.update(dict.fromkeys(names, mine))
        try:
            if before:
                await asyncio.wait(before)
            yield
        finally:
            others = [one for one in before if not one.done()]
            if others:  # cancelled while it waited: who comes next still waits for those before
                asyncio.gather(*others).add_done_callback(lambda _: self._leave(names, mine))
            else:
                self._leave(names, mine)

    def _leave(self, names: Iterable[Hashable], mine: asyncio.Future[None]) -> None:
        mine.set_result(None)
        for name in names:
            if self._last.get(name) is mine:
                del self._last[name]


class Transactions:
    """Runs bodies in transactions on one client. `patience`: seconds that one may take, all its attempts together."""

    def __init__(self, client: Client, patience: float, source: random.Random) -> None:
        self._client = client
        self._patience = patience
        self._random = source

    async def run(self, body: Callable[[Session], Awaitable[T]]) -> T:
        """What `body` returns, committed. It has no effect but its writes, as it may run again.

        Raises what `body` raises; Conflict where others were always faster; AlreadyThere; Unwritten; OutcomeUnknown.
        """
        attempt = _Attempt(asyncio.get_running_loop().time() + self._patience, self._random)
        try:
            async with mongo_client.session(self._client) as session:
                while True:
                    try:
                        return await attempt.once(session, body)
                    except PyMongoError as error:
                        if not error.has_error_label(TRANSIENT) or not await attempt.pause():
                            raise
        except PyMongoError as error:
            raise attempt.verdict(error) from error
        except Conflict as conflict:
            if attempt.doubted:  # it may be our own writing that this run has met
                raise OutcomeUnknown(str(conflict)) from conflict
            raise


class _Attempt:
    """What is known of one transaction: until when it may be tried, and whether it may have been committed."""

    def __init__(self, deadline: float, source: random.Random) -> None:
        self._deadline = deadline
        self._random = source
        self._turn = 0
        self.doubted = False

    async def once(self, session: Session, body: Callable[[Session], Awaitable[T]]) -> T:
        """Runs the body and commits."""
        await mongo_client.begin(session)
        try:
            with pymongo.timeout(self._left()):
                result = await body(session)
        except BaseException:
            await mongo_client.abandon(session)
            raise
        points.reach("store.commit")
        await self._commit(session)
        points.reach("store.committed")
        return result

    async def _commit(self, session: Session) -> None:
        while True:
            try:
                with pymongo.timeout(self._left()):
                    await session.commit_transaction()
            except PyMongoError as error:
                self.doubted = True  # the driver has tried twice by itself and tells of the second time only
                if not error.has_error_label(UNKNOWN) or not await self.pause():
                    raise
            else:
                return

    async def pause(self) -> bool:
        """Waits a moment, longer each time; False when the time is over."""
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._turn)
        self._turn += 1
        await asyncio.sleep(self._random.uniform(0, longest))
        return asyncio.get_running_loop().time() < self._deadline

    def verdict(self, error: PyMongoError) -> Exception:
        """What the port calls this end."""
        if self.doubted:
            return OutcomeUnknown(mongo_client.reason(error))
        code = code_of(error)
        if code == DUPLICATE:
            return AlreadyThere("what should be new is there already")
        if code == WRITE_CONFLICT:
            return Conflict("others were always faster")
        return Unwritten(mongo_client.reason(error))

    def _left(self) -> float:
        return max(LEAST, self._deadline - asyncio.get_running_loop().time())


def code_of(error: PyMongoError) -> int | None:
    """The server's code, also where it stands in the outcome of one write of many."""
    if isinstance(error, BulkWriteError):
        errors = (error.details or {}).get("writeErrors", [])
        return errors[0].get("code") if errors else error.code
    return error.code if isinstance(error, OperationFailure) else None
