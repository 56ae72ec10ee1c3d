"""What a commit writes, inside its transaction."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from pymongo import DeleteOne, InsertOne, UpdateOne

from services.kit.store import mongo_documents, mongo_schema
from services.kit.store.port import Commit, Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from services.kit.store.mongo_client import Collection, Database, Session
    from services.kit.store.mongo_documents import Stored
    from services.kit.store.port import Forgotten, Kind, Record


class Prepared(NamedTuple):
    """A checked commit on its way: its states as JSON, its number, who writes it and in which epoch.

    `now`: when it was asked for. `ahead`: by how much the machine's clock is ahead of that one.
    """

    change: Commit
    texts: Sequence[str]
    serial: int
    writer: str
    epoch: int
    now: str
    ahead: timedelta


async def write(session: Session, database: Database, kinds: Mapping[str, Kind], prepared: Prepared) -> None:
    """All of it. Raises Conflict where a stored revision has moved; what is there already ends in a duplicate key."""
    change = prepared.change
    if change.answers:
        answers = [mongo_documents.answered(answer, prepared.ahead) for answer in change.answers]
        await database["answers"].insert_many(answers, session=session)
    unsorted = zip(change.records, prepared.texts, strict=True)
    pairs = sorted(unsorted, key=lambda pair: (pair[0].kind, pair[0].revision > 1))
    for kind, group in groupby(pairs, key=lambda pair: pair[0].kind):
        await _records(session, mongo_schema.records(database, kind), kinds[kind], list(group), prepared)
    if change.audit:
        lines = [
            mongo_documents.audited(line, prepared.serial, position, prepared.writer)
            for position, line in enumerate(change.audit)
        ]
        await database["audit"].insert_many(lines, session=session)
    if change.forgotten:
        await _forget(session, database, change.forgotten)


async def _forget(session: Session, database: Database, forgotten: Sequence[Forgotten]) -> None:
    """Documents and lines, by kind. The journal and the log of the replica set lose them in their own time."""
    for kind, group in groupby(sorted(forgotten, key=lambda one: one.kind), key=lambda one: one.kind):
        some = list(group)
        writes: list[InsertOne[Stored] | UpdateOne | DeleteOne] = [
            DeleteOne({"_id": one.id, "revision": one.revision}) for one in some
        ]
        done = await mongo_schema.records(database, kind).bulk_write(writes, session=session)
        if done.deleted_count != len(some):
            raise Conflict(f"{kind} {', '.join(repr(one.id) for one in some)}: a stored revision has moved")
        ids = {"$in": [one.id for one in some]}
        await database["audit"].delete_many({"kind": kind, "id": ids}, session=session)


async def gave_way(database: Database, prepared: Prepared) -> bool:
    """Whether answers that are no longer kept stood in the way: looked for outside of the dead transaction."""
    ids = [mongo_documents.answer_id(answer.key) for answer in prepared.change.answers]
    if not ids:
        return False
    over = {"_id": {"$in": ids}, "expires_at": {"$lte": prepared.now}}
    return bool((await database["answers"].delete_many(over)).deleted_count)


async def _records(
    session: Session, collection: Collection, kind: Kind, pairs: Sequence[tuple[Record, str]], prepared: Prepared
) -> None:
    """Records of one kind, the new ones first: the driver sends a message for each run of inserts or of updates."""
    views = await _views(session, collection, [record for record, _ in pairs if record.revision > 1])
    writes = [_write(kind, record, text, views.get(record.id, {}), prepared) for record, text in pairs]
    done = await collection.bulk_write(writes, session=session)
    if done.inserted_count + done.matched_count != len(writes):
        raise Conflict(f"{kind.name} {', '.join(repr(record.id) for record, _ in pairs)}: a stored revision has moved")


def _write(kind: Kind, record: Record, text: str, views: Stored, prepared: Prepared) -> InsertOne[Stored] | UpdateOne:
    epoch, serial = prepared.epoch, prepared.serial
    if record.revision == 1:
        return InsertOne(mongo_documents.inserted(record, text, kind.version, epoch, serial))
    before = {"_id": record.id, "revision": record.revision - 1}
    return UpdateOne(before, mongo_documents.changed(record, text, kind.version, epoch, serial, views))


async def _views(session: Session, collection: Collection, records: Sequence[Record]) -> dict[str, Stored]:
    """The stored views of these records, by id; not asked for where no record brings any."""
    ids = [record.id for record in records if record.views]
    if not ids:
        return {}
    found = await collection.find({"_id": {"$in": ids}}, {"views": 1}, session=session).to_list(None)
    return {document["_id"]: document["views"] for document in found}
