"""Marks and epochs: what is still to be published, kept right while several instances use one database.

The epoch stands in `meta`, and in each record the newest that it was written or marked in. `meta` is raised first and
the records are marked afterwards, so an instance that has not heard of the new epoch does no harm: what it reads is
older and loses everywhere, and it clears no mark that was set for the new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne

from services.kit.store import mongo_documents, mongo_schema
from services.kit.store.mongo_schema import META, PIECE, records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.store.mongo_client import Collection, Database
    from services.kit.store.mongo_documents import Stored


async def published(database: Database, of: tuple[str, str, str], epoch: int, revision: int, sequence: int) -> None:
    """Keeps the sequence of a view (kind, id, name); clears its mark if it is still at (epoch, revision)."""
    kind, id_, name = of
    collection = records(database, kind)
    matched = False
    while not matched:
        current = await mongo_schema.epoch(database) == epoch
        found = await collection.find_one({"_id": id_}, {"revision": 1, "epoch": 1, "views": 1})
        if found is None or name not in found["views"]:
            return
        view = found["views"][name]
        clears = current and found["epoch"] <= epoch and view["revision"] == revision
        update = _sequence(found["views"], name, sequence, clears=clears)
        matched = (await collection.update_one(_unmoved(found), update)).matched_count == 1


def _unmoved(found: Stored) -> Stored:
    """Matches the document while it, with views that it did not have, and its marks are as they were read."""
    seen = {field: found[field] for field in ("_id", "revision", "epoch")}
    return seen | {f"views.{name}.pending": view["pending"] for name, view in found["views"].items()}


def _sequence(views: Stored, name: str, sequence: int, *, clears: bool) -> Stored:
    sets = {f"views.{name}.sequence": sequence}
    if not clears:
        return {"$set": sets}
    update: Stored = {"$set": {**sets, f"views.{name}.pending": False}}
    if not any(view["pending"] for other, view in views.items() if other != name):
        update["$unset"] = {"pending": ""}
    return update


async def raise_epoch(database: Database, at_least: int, token: str) -> int:
    """Begins a new epoch in `meta`, which says that marking is under way. The records are to be marked next."""
    while True:
        stored = await mongo_schema.epoch(database)
        new = max(stored + 1, at_least)
        begun = {"$set": {"epoch": new, "marking": token}}
        if (await database["meta"].update_one({**META, "epoch": stored}, begun)).matched_count:
            return new


async def begin(database: Database, token: str) -> int:
    """Says in `meta` that marking is under way; the epoch."""
    await database["meta"].update_one(META, {"$set": {"marking": token}})
    return await mongo_schema.epoch(database)


async def end(database: Database, token: str) -> None:
    """Says that this marking is done; one that began after it goes on."""
    await database["meta"].update_one({**META, "marking": token}, {"$unset": {"marking": ""}})


async def mark_all(database: Database, kinds: Iterable[str], epoch: int, serial: int) -> int:
    """Marks every view of every record, and says how many. May be done again from the start."""
    return sum([await _mark(records(database, kind), epoch, serial) for kind in kinds])


async def _mark(collection: Collection, epoch: int, serial: int) -> int:
    count, last = 0, ""
    while True:
        rest = collection.find({"_id": {"$gt": last}}, {"views": 1}).sort([("_id", 1)]).limit(PIECE)
        page = await rest.to_list(None)
        if not page:
            return count
        changes = [
            UpdateOne({"_id": found["_id"]}, mongo_documents.marked(found["views"], epoch, serial)) for found in page
        ]
        await collection.bulk_write(changes, ordered=False)
        count += sum(len(found["views"]) for found in page)
        last = page[-1]["_id"]
