"""Everything in a MongoDB store as of one moment, and the way back into an empty one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pymongo.errors import BulkWriteError, OperationFailure

from services.kit import points
from services.kit.store import check, codec, mongo_client, mongo_documents, mongo_schema
from services.kit.store.mongo_documents import Stored
from services.kit.store.mongo_schema import META, PIECE, records
from services.kit.store.mongo_transaction import DUPLICATE, code_of
from services.kit.store.port import Answer, Audit, Record

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
    from datetime import timedelta

    from services.kit.store.mongo_client import Client, Collection, Database, Session
    from services.kit.store.port import Entry, Kind

PAST = frozenset({239, 246})
"""SnapshotTooOld, SnapshotUnavailable."""


async def dump(client: Client, database: Database, kinds: Mapping[str, Kind]) -> AsyncGenerator[Entry, None]:
    """Everything, read in one snapshot. Raises OSError where the server let go of the moment before the end.

    Raises ValueError where there are records of a kind that this program does not know: they would be left out.
    """
    for kind in await mongo_schema.unknown_kinds(database, kinds):
        raise ValueError(f"there are records of kind {kind!r}, which this program does not know: upgrade the program")
    try:
        async with mongo_client.session(client, snapshot=True) as session:
            page = await database["meta"].find_one(META, session=session)
            for known in kinds.values():
                async for found in _each(records(database, known.name), session):
                    yield mongo_documents.record(known, max(int(page["epoch"]), int(found["epoch"])), found)
            async for found in _each(database["answers"], session):
                yield mongo_documents.answer(found)
            async for found in _each(database["audit"], session):
                yield mongo_documents.audit(found)
    except OperationFailure as error:
        if error.code not in PAST:
            raise
        raise OSError(
            "MongoDB has let go of the moment that was being read, as it does after minSnapshotHistoryWindowInSeconds "
            "(300 unless set): raise it on every member, or try again when less is written"
        ) from error


async def _each(collection: Collection, session: Session) -> AsyncIterator[Stored]:
    """All documents by id, page by page: each page is a search of its own at the session's moment."""
    rest: Stored = {}
    while True:
        found = collection.find(rest, session=session).sort([("_id", 1)])
        page = await found.limit(-PIECE).batch_size(PIECE).to_list(None)  # below zero: one batch, as much as fits in it
        if not page:
            return
        for document in page:
            yield document
        rest = {"_id": {"$gt": page[-1]["_id"]}}


class Filling:
    """A dump on its way into an empty database. `serial`: the number under which everything is marked."""

    def __init__(self, database: Database, kinds: Mapping[str, Kind], serial: int, writer: str) -> None:
        self._database = database
        self._kinds = kinds
        self._serial = serial
        self._writer = writer
        self._begun = ""
        self._lines = 0
        self._newest = 0

    async def take(self, entries: AsyncIterator[Entry], shift: timedelta) -> int:
        """Takes in everything, piece by piece, and says how many."""
        count = 0
        waiting = dict[str, list[Stored]]()
        async for entry in entries:
            name, document = self._document(entry, shift)
            waiting.setdefault(name, []).append(document)
            if len(waiting[name]) == PIECE:
                await self._insert(name, waiting.pop(name))
            count += 1
        for name, documents in waiting.items():
            await self._insert(name, documents)
        return count

    async def begin(self, now: str) -> None:
        """Says in `meta` that the store is being filled. Raises ValueError where it holds anything."""
        for collection in self._collections():
            if await collection.find_one({}, {"_id": 1}) is not None:
                raise ValueError("the store is not empty: it cannot be filled")
        if await mongo_schema.unknown_kinds(self._database, self._kinds):
            raise ValueError("the store is not empty: it cannot be filled")
        begun, self._begun = {"$set": {"filling": now}}, now
        meta = self._database["meta"]
        if not (await meta.update_one({**META, "filling": {"$exists": False}}, begun)).matched_count:
            raise ValueError("the store is not empty: it is being filled by somebody else")

    async def end(self, at_least: int) -> int:
        """Begins the new epoch: from now on the store is there."""
        epoch = max(await mongo_schema.epoch(self._database), self._newest + 1, at_least)
        await self._database["meta"].update_one(META, {"$set": {"epoch": epoch}, "$unset": {"filling": ""}})
        return epoch

    async def undo(self) -> None:
        """Empties the store again; until that is done it says that it is being filled, also where `end` came first."""
        await self._database["meta"].update_one(META, {"$set": {"filling": self._begun}})
        for collection in self._collections():
            await collection.delete_many({})
        await self._database["meta"].update_one(META, {"$unset": {"filling": ""}})

    def _collections(self) -> list[Collection]:
        own = [records(self._database, kind) for kind in self._kinds]
        return [*own, self._database["answers"], self._database["audit"]]

    def _document(self, entry: Entry, shift: timedelta) -> tuple[str, Stored]:
        check.entry(self._kinds, entry)
        if isinstance(entry, Answer):
            return "answers", mongo_documents.answered(entry, shift)
        if isinstance(entry, Audit):
            self._lines += 1
            return "audit", mongo_documents.audited(entry, self._serial, self._lines, self._writer)
        return f"records.{entry.kind}", self._record(entry)

    def _record(self, entry: Record) -> Stored:
        text = codec.encode(entry)
        mongo_documents.fits(entry, text)
        self._newest = max(self._newest, entry.epoch)
        return mongo_documents.inserted(entry, text, self._kinds[entry.kind].version, 0, self._serial)

    async def _insert(self, name: str, documents: list[Stored]) -> None:
        try:
            await _to_the_end(self._database[name].insert_many(documents))
        except BulkWriteError as error:
            if code_of(error) != DUPLICATE:
                raise
            raise ValueError(f"{name}: an id stands twice in the dump") from error
        points.reach("restore.fill")


async def _to_the_end(writing: Awaitable[object]) -> None:
    """Waits until it is written, also when cancelled: what came in after `undo` would stay."""
    task = asyncio.ensure_future(writing)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
