"""The database of a store: its server, its collections and indexes, and its own page `meta`, checked when it opens.

    meta       one document: {_id: "store", schema, epoch, marking?, filling?}
    records.K  one collection for each kind K
    answers    {_id: {method, caller, request_id}, digest, reply, expires_at, expires}
    audit      {_id, kind, id, revision, at, actor, action, reason}

`marking` is there while every view is being marked: whoever opens the store then does it once more. `filling` is there
while a dump is being taken in: nobody opens the store then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pymongo import IndexModel, UpdateOne
from pymongo.errors import DuplicateKeyError, OperationFailure

from services.kit.store import codec, mongo_documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.kit.store.mongo_client import Client, Collection, Database
    from services.kit.store.mongo_documents import Index, Stored
    from services.kit.store.port import Kind

VERSION = 1
OLDEST = (7, 0)
META = {"_id": "store"}
PIECE = 500
"""Documents that go over at a time."""
SILENT = frozenset({"v", "ns", "key", "name", "background"})
"""What the server says of an index that is no choice of ours."""


async def refuse_unfit(client: Client) -> None:
    """Raises OSError for a server that cannot keep what a store promises, and says what to do about it."""
    said = await client.admin.command("hello")
    if "setName" not in said:
        raise OSError(
            "MongoDB: this server has no replica set, and so no transactions: start mongod with --replSet rs0 and run "
            "rs.initiate() in mongosh once; a set of one node will do"
        )
    version = (await client.admin.command("buildInfo"))["version"]
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise OSError(f"MongoDB {version} is too old: {'.'.join(map(str, OLDEST))} or newer is needed")


def records(database: Database, kind: str) -> Collection:
    """The collection of a kind."""
    return database[f"records.{kind}"]


async def prepare(database: Database, kinds: Mapping[str, Kind]) -> None:
    """Makes or checks everything. Raises ValueError for what this program does not understand."""
    await _meta(database)
    for kind in kinds.values():
        await _prepare(records(database, kind.name), kind)
    for name, wanted in (("answers", mongo_documents.ANSWER_INDEXES), ("audit", mongo_documents.AUDIT_INDEXES)):
        await _make(database[name], await _missing(database[name], wanted))


async def meta(database: Database) -> dict[str, Any]:
    """The store's own page."""
    page: dict[str, Any] = await database["meta"].find_one(META) or {}
    return page


async def epoch(database: Database) -> int:
    """The epoch as stored."""
    return int((await meta(database)).get("epoch", 1))


async def last_serial(database: Database, kinds: Mapping[str, Kind]) -> int:
    """The number of the last commit that is still marked; 0: nothing is."""
    last = 0
    for kind in kinds:
        found = records(database, kind).find({"pending": {"$gt": 0}}, {"pending": 1}).sort([("pending", -1)]).limit(1)
        last = max([last, *(int(document["pending"]) for document in await found.to_list(None))])
    return last


async def _meta(database: Database) -> None:
    names = await database.list_collection_names()
    if names and "meta" not in names:
        raise ValueError("it is somebody else's database: it has collections and no page of ours")
    try:
        new = {"$setOnInsert": {"schema": VERSION, "epoch": 1}}
        await database["meta"].update_one(META, new, upsert=True)
    except DuplicateKeyError:
        pass  # another instance opened it in the same moment
    page = await meta(database)
    if page["schema"] > VERSION:
        raise ValueError(f"the database has schema {page['schema']}, this program knows {VERSION}: upgrade the program")
    if "filling" in page:
        raise ValueError(
            f"it is being filled since {page['filling']}, or was and was interrupted: nothing in it can be relied on; "
            "when nobody fills it any more, drop the database and fill it anew"
        )


async def unknown_kinds(database: Database, kinds: Mapping[str, Kind]) -> list[str]:
    """Kinds that this program does not know and of which there are records."""
    names = {name for name in await database.list_collection_names() if name.startswith("records.")}
    others = sorted({name.removeprefix("records.") for name in names} - kinds.keys())
    return [kind for kind in others if await records(database, kind).find_one({}, {"_id": 1}) is not None]


async def _prepare(collection: Collection, kind: Kind) -> None:
    """Nothing is indexed before every document has what is to be indexed."""
    missing = await _missing(collection, mongo_documents.indexes(kind))
    await _upgrade(collection, kind)
    await _refuse_unindexed(collection, kind, missing)
    await _make(collection, missing)


async def _refuse_unindexed(collection: Collection, kind: Kind, indexes: Sequence[Index]) -> None:
    """Raises ValueError where documents lack a field that is indexed now: no search would ever find them."""
    fields = dict.fromkeys(key for index in indexes for key in index.keys if key.startswith("state."))
    for field in fields:
        found = await collection.find_one({**mongo_documents.HERE, field: None}, {"_id": 1})  # it is null or not there
        if found is not None:
            name = field.removeprefix("state.")
            raise ValueError(
                f"{kind.name} {found['_id']!r} lacks {name!r}, which is indexed now: the kind needs an upgrade"
            )


async def _missing(collection: Collection, wanted: Sequence[Index]) -> list[Index]:
    """Those that are not there. One that nobody here declares stays: an older instance may still need it."""
    there = await collection.index_information()
    for index in wanted:
        _same(collection.name, index, there)
    return [index for index in wanted if index.name not in there]


async def _make(collection: Collection, missing: Sequence[Index]) -> None:
    try:
        if missing:
            await collection.create_indexes([_model(index) for index in missing])
    except OperationFailure as error:
        if error.code not in {85, 86}:
            raise
        raise ValueError(f"{collection.name}: another program made its indexes differently: {error.details}") from error


def _same(collection: str, wanted: Index, there: Mapping[str, Stored]) -> None:
    """Raises ValueError where an index of that name, or on these keys, is another one."""
    keys = _keys(wanted)
    for name, stored in there.items():
        options = {option: value for option, value in stored.items() if option not in SILENT}
        same = [tuple(key) for key in stored["key"]] == keys and options == wanted.options
        if name == wanted.name and not same:
            raise ValueError(
                f"{collection}: index {name!r} is on {stored['key']} with {options}, not on {keys} with "
                f"{wanted.options}: drop it, and it is made as it has to be"
            )
        if name != wanted.name and same:
            raise ValueError(f"{collection}: index {name!r} is what {wanted.name!r} has to be: drop it or rename it")


def _keys(index: Index) -> list[tuple[str, int]]:
    return [(key, 1) for key in index.keys]


def _model(index: Index) -> IndexModel:
    return IndexModel(_keys(index), name=index.name, **index.options)


async def _upgrade(collection: Collection, kind: Kind) -> None:
    """Writes older documents as this program knows them: an index over an old shape would find the wrong ones."""
    older = {"version": {"$lt": kind.version}}
    changes = list[UpdateOne]()
    async for found in collection.find(older, {"version": 1, "revision": 1, "state": 1}):
        state = codec.upgraded(kind, found["_id"], found["version"], mongo_documents.plain(found["state"]))  # type: ignore[arg-type]  # a document
        seen = {field: found[field] for field in ("_id", "version", "revision")}  # whoever commits meanwhile is right
        changes.append(UpdateOne(seen, {"$set": {"state": state, "version": kind.version}}))
        if len(changes) == PIECE:
            await collection.bulk_write(changes, ordered=False)
            changes = []
    if changes:
        await collection.bulk_write(changes, ordered=False)
