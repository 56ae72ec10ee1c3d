"""The store of a larger installation: MongoDB, which several instances of a service may share.

A commit is one transaction, durable on a majority when it is acknowledged. What the modules beside this one do:
`mongo_client` the two drivers, `mongo_schema` collections and indexes, `mongo_documents` records as documents,
`mongo_transaction` the loop around a transaction, `mongo_marks` what is to be published, `mongo_dump` backups.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from contextlib import aclosing
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import pymongo
from pymongo.errors import PyMongoError

from services.kit.clock import Clock, SystemClock, instant
from services.kit.store import (
    check,
    codec,
    mongo_client,
    mongo_commit,
    mongo_documents,
    mongo_dump,
    mongo_marks,
    mongo_schema,
    query,
)
from services.kit.store.mongo_client import unwritten
from services.kit.store.mongo_commit import Prepared
from services.kit.store.mongo_transaction import AlreadyThere, Transactions, Turns
from services.kit.store.port import Answer, Audit, Commit, Conflict, Kind, Page, Position, Record, RequestKey, Where
from services.kit.store.watch import Listeners

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterable, Sequence
    from datetime import timedelta

    from services.kit.store.mongo_client import Client, Collection, Database, Driver
    from services.kit.store.mongo_documents import Stored
    from services.kit.store.port import Entry

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a commit may take, all its attempts together."""
LONG = 600.0
"""Seconds that indexes of a large store, and emptying one, may take."""
PULSE = 2.0
"""Seconds in which the server has to say whether it can be written to."""
GRACE = 0.5
"""Seconds more until nobody waits for the driver to say that it did not."""


class MongoStore:
    """A `Store` in one database, for the kinds that are declared.

    `client`: one that the process shares between its stores (`mongo_client.connect`); it is then not closed here, and
    `url` and `driver` say nothing. Open it in the loop that it is used in.
    """

    def __init__(
        self,
        url: str,
        database: str,
        kinds: Sequence[Kind],
        clock: Clock,
        *,
        driver: Driver = "motor",
        client: Client | None = None,
        patience: float = PATIENCE,
        source: random.Random | None = None,
    ) -> None:
        self._kinds = check.kinds(kinds)
        self._name = database
        self._clock = clock
        self._url = url
        self._driver: Driver = driver
        self._shared = client
        self._patience = patience
        self._random = source or random.SystemRandom()
        self._writer = f"{self._random.getrandbits(32):08x}"
        self._listeners = Listeners()
        self._turns = Turns()
        self._writing = set[asyncio.Task[Any]]()
        self._client: Client | None = None
        self._closing = False
        self._epoch = 1
        self._serial = 0

    async def open(self) -> None:
        """Connects, makes or checks collections and indexes. Raises OSError or ValueError, naming the database."""
        self._closing = False
        client = self._shared if self._shared is not None else mongo_client.connect(self._url, self._driver)
        database = mongo_client.durable(client, self._name)
        try:
            await mongo_schema.refuse_unfit(client)
            with pymongo.timeout(LONG):
                await mongo_schema.prepare(database, self._kinds)
            self._serial = await mongo_schema.last_serial(database, self._kinds)
            self._client = client
            if "marking" in await mongo_schema.meta(database):
                await self._remark()
            self._epoch = await mongo_schema.epoch(database)
        except BaseException as error:
            self._client = None
            if self._shared is None:
                await mongo_client.disconnect(client)
            named = self._named(error)
            if named is None:
                raise
            raise named from error

    def _named(self, error: BaseException) -> Exception | None:
        """The same fault, saying which database."""
        if isinstance(error, PyMongoError):
            return OSError(f"{self._name}: {mongo_client.reason(error)}")
        if isinstance(error, ValueError | OSError):
            return (ValueError if isinstance(error, ValueError) else OSError)(f"{self._name}: {error}")
        return None

    async def close(self) -> None:
        """Lets what is being written end, then closes the client if it is this store's own."""
        self._closing = True
        if self._writing:
            await asyncio.wait(self._writing)
        client, self._client = self._client, None
        if client is not None and self._shared is None:
            await mongo_client.disconnect(client)

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as in the port
        """The record, gone or not."""
        known = check.known(self._kinds, kind)
        with unwritten():
            found = await self._records(kind).find_one({"_id": id})
        return None if found is None else self._record(known, found)

    async def find(
        self, kind: str, where: Where, order: Sequence[str] = (), limit: int = 100, after: Position | None = None
    ) -> Page:
        """Records by declared index fields."""
        asked = query.checked(check.known(self._kinds, kind), where, order, limit, after)
        cursor = self._records(kind).find(mongo_documents.wanted(asked))
        with unwritten():
            found = await cursor.sort(mongo_documents.ordered(asked)).limit(limit + 1).to_list(None)
        page = tuple(self._record(asked.kind, document) for document in found[:limit])
        return Page(page, asked.position(page[-1]) if len(found) > limit else None)

    async def commit(self, change: Commit) -> None:
        """Writes all of it or nothing, in one transaction; goes on when its caller is cancelled."""
        check.change(self._kinds, change)
        texts = [codec.encode(record) for record in change.records]
        for record, text in zip(change.records, texts, strict=True):
            mongo_documents.fits(record, text)
        if self._closing:
            raise RuntimeError("the store is not open")
        self._opened()
        now = instant(self._clock.now())
        prepared = Prepared(change, texts, self._next(), self._writer, self._epoch, now, self._ahead())
        await self._shielded(self._commit(prepared))

    async def answer(self, request: RequestKey) -> Answer | None:
        """What this request was answered, while that is kept."""
        fresh = {"_id": mongo_documents.answer_id(request), "expires_at": {"$gt": instant(self._clock.now())}}
        with unwritten():
            found = await self._database["answers"].find_one(fresh)
        return None if found is None else mongo_documents.answer(found)

    async def unpublished(self, limit: int) -> list[Record]:
        """Records with a pending view, oldest commit first."""
        await self.epoch()  # before the records: an epoch that is newer than they are would put them over their future
        return await self._merged({"pending": {"$gt": 0}}, "pending", limit)

    async def published(self, kind: str, id: str, view: str, epoch: int, revision: int, sequence: int) -> None:  # noqa: A002 - as in the port
        """Keeps the sequence, and clears the mark if the view has not moved."""
        if kind in self._kinds:
            async with self._turns.of([(kind, id)]):
                with unwritten():
                    await mongo_marks.published(self._database, (kind, id, view), epoch, revision, sequence)

    async def remark(self) -> int:
        """Marks every view as pending."""
        with unwritten():
            return await self._shielded(self._remark())

    async def raise_epoch(self, at_least: int) -> int:
        """Begins a new epoch after a restore."""
        with unwritten():
            return await self._shielded(self._raise_epoch(at_least))

    async def epoch(self) -> int:
        """The present epoch, as stored."""
        with unwritten():
            self._learn(await mongo_schema.epoch(self._database))
        return self._epoch

    async def serving(self) -> str:
        """Why the primary cannot be written to, as it says itself."""
        if self._client is None:
            return "the store is not open"
        try:
            async with asyncio.timeout(PULSE + GRACE):  # Motor's threads may all be waiting for the server
                with pymongo.timeout(PULSE):
                    said = await self._client.admin.command("hello")
        except TimeoutError:
            return "MongoDB does not answer"
        except PyMongoError as error:
            return mongo_client.reason(error)
        return "" if said.get("isWritablePrimary") else "MongoDB has no primary that can be written to"

    async def dump(self) -> AsyncIterator[Entry]:
        """Everything there is, in one snapshot. Raises OSError where that grew too old before the end."""
        with unwritten():
            async with aclosing(mongo_dump.dump(self._opened(), self._database, self._kinds)) as entries:
                async for entry in entries:
                    yield entry

    async def fill(self, entries: AsyncIterator[Entry], at_least: int) -> int:
        """Takes in a dump. Nobody else should have the store open meanwhile."""
        filling = mongo_dump.Filling(self._database, self._kinds, self._next(), self._writer)
        with unwritten():
            await filling.begin(instant(self._clock.now()))
            try:
                count = await filling.take(entries, self._ahead())
                self._learn(await filling.end(at_least))
            except BaseException:
                with pymongo.timeout(LONG):
                    await self._shielded(filling.undo())
                raise
        return count

    async def due(self, now: str, limit: int) -> list[Record]:
        """Records whose time has come, oldest first."""
        return await self._merged({"due_at": {"$lte": now}, "gone": False}, "due_at", limit)

    async def history(self, kind: str, id: str, limit: int = 100) -> list[Audit]:  # noqa: A002 - as in the port
        """The audit trail of one record, newest first."""
        check.known(self._kinds, kind)
        cursor = self._database["audit"].find({"kind": kind, "id": id}).sort([("revision", -1), ("_id", -1)])
        with unwritten():
            return [mongo_documents.audit(found) for found in await cursor.limit(limit).to_list(None)]

    async def expire(self, now: str) -> int:
        """Forgets answers whose time is over; the server does so too, by its own clock."""
        with unwritten():
            gone = await self._database["answers"].delete_many({"expires_at": {"$lte": now}})
        return int(gone.deleted_count)

    def watch(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        """Calls `listener` after each commit of this instance."""
        self._listeners.add(listener, kinds)

    def _opened(self) -> Client:
        if self._client is None:
            raise RuntimeError("the store is not open")
        return self._client

    @property
    def _database(self) -> Database:
        return mongo_client.durable(self._opened(), self._name)

    def _records(self, kind: str) -> Collection:
        return mongo_schema.records(self._database, kind)

    def _record(self, kind: Kind, document: Stored) -> Record:
        self._learn(int(document["epoch"]))
        return mongo_documents.record(kind, self._epoch, document)

    def _learn(self, epoch: int) -> None:
        """Another instance may have begun a new epoch."""
        self._epoch = max(self._epoch, epoch)

    async def _merged(self, wanted: Stored, field: str, limit: int) -> list[Record]:
        """Records of all kinds in the order of a field, then kind and id."""

        async def some(kind: str) -> list[tuple[tuple[Any, str, str], Stored]]:
            cursor = self._records(kind).find(wanted).sort([(field, 1), ("_id", 1)]).limit(limit)
            return [((found[field], kind, found["_id"]), found) for found in await cursor.to_list(None)]

        with unwritten():
            each = await asyncio.gather(*(some(kind) for kind in self._kinds))
        first = list(heapq.merge(*each, key=itemgetter(0)))[:limit]
        return [self._record(self._kinds[kind], found) for (_, kind, _), found in first]

    async def _shielded(self, writing: Coroutine[Any, Any, T]) -> T:
        """The writing goes on when the caller is cancelled, and `close` waits for it."""
        task = asyncio.ensure_future(writing)
        self._writing.add(task)
        task.add_done_callback(self._written)
        return await asyncio.shield(task)

    def _written(self, task: asyncio.Task[Any]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also where its caller has gone

    def _next(self) -> int:
        """The number of a commit: it rises in this process, and is about the same in others, as it is the time."""
        self._serial = max(self._serial + 1, int(self._clock.now().timestamp() * 1_000_000))
        return self._serial

    def _ahead(self) -> timedelta:
        """By how much the machine's clock is ahead of ours: the server deletes by the former."""
        return SystemClock().now() - self._clock.now()

    async def _commit(self, prepared: Prepared) -> None:
        change = prepared.change
        keys: list[Hashable] = [*((record.kind, record.id) for record in change.records)]
        keys += [(one.kind, one.id) for one in change.forgotten]
        keys += [answer.key for answer in change.answers]
        async with self._turns.of(keys):
            if not await self._transact(prepared):
                raise Conflict("what should be new is there already")
            self._listeners.tell(lambda kinds: codec.copy(change, prepared.texts, self._epoch, kinds))

    async def _transact(self, prepared: Prepared) -> bool:
        """False: something that it inserts is there already."""
        transactions = Transactions(self._opened(), self._patience, self._random)
        for _ in range(2):
            try:
                await transactions.run(
                    lambda session: mongo_commit.write(session, self._database, self._kinds, prepared)
                )
            except AlreadyThere:
                with unwritten():
                    if not await mongo_commit.gave_way(self._database, prepared):
                        return False
            else:
                return True
        return False

    async def _mark(self, epoch: int, token: str) -> int:
        count = await mongo_marks.mark_all(self._database, self._kinds, epoch, self._next())
        await mongo_marks.end(self._database, token)
        return count

    async def _remark(self) -> int:
        token = self._token()
        return await self._mark(await mongo_marks.begin(self._database, token), token)

    def _token(self) -> str:
        """Names one marking: who ends an earlier one, of this process or another, does not end this one."""
        return f"{self._writer}-{self._next()}"

    async def _raise_epoch(self, at_least: int) -> int:
        token = self._token()
        epoch = await mongo_marks.raise_epoch(self._database, at_least, token)
        self._learn(epoch)
        await self._mark(epoch, token)
        return epoch
