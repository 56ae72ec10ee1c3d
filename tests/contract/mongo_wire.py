"""A stand-in that speaks MongoDB's wire protocol, for machines where no server can be installed.

It proves what our adapter sends and how it reacts to what comes back. It does NOT prove what a server does: whether an
index is used, what a failover loses, what durable means. For that the same suite runs on a real server (`mongod.py`).

It knows the commands, options and operators that the adapter sends and refuses all others by name, in `surprises` too,
so that it never agrees in silence. `faults` make it fail; `seen` is every command it was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bson
from bson import Timestamp

from tests.contract.mongo_wire_data import (
    TRANSIENT,
    Data,
    Document,
    Name,
    Place,
    Refused,
    Transaction,
    key,
    look,
    matches,
    projected,
    rank,
    unknown,
    updated,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

HEADER = struct.Struct("<iiii")
OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
FIRST_BATCH = 101
COMMON = {"$db", "lsid", "$clusterTime", "$readPreference", "txnNumber", "autocommit", "startTransaction"}
OPTIONS = {
    "ping": set(),
    "buildInfo": {"maxTimeMS"},
    "endSessions": set(),
    "killCursors": {"cursors", "maxTimeMS"},
    "listCollections": {"cursor", "nameOnly", "filter", "maxTimeMS"},
    "listIndexes": {"cursor", "maxTimeMS"},
    "createIndexes": {"indexes", "writeConcern", "maxTimeMS"},
    "find": {"filter", "sort", "limit", "projection", "batchSize", "singleBatch", "readConcern", "maxTimeMS"},
    "getMore": {"collection", "batchSize"},
    "insert": {"documents", "ordered", "writeConcern", "readConcern", "maxTimeMS"},
    "update": {"updates", "ordered", "writeConcern", "readConcern", "maxTimeMS"},
    "delete": {"deletes", "ordered", "writeConcern", "readConcern", "maxTimeMS"},
    "commitTransaction": {"writeConcern", "maxTimeMS", "recoveryToken"},
    "abortTransaction": {"writeConcern", "maxTimeMS", "recoveryToken"},
    "dropDatabase": {"writeConcern", "comment", "maxTimeMS"},
}
HANDSHAKES = {"hello", "ismaster"}
WRITES = {"insert", "update", "delete"}
SIGNATURE = {"hash": bytes(20), "keyId": bson.Int64(0)}


@dataclass
class Fault:
    """Fails a command: after `skip` of its name, `times` in a row. `drops`: it is done, and its reply is lost.

    Without a code the connection is closed before anything is done. `concern`: done, but reported as a failed write
    concern of that code.
    """

    command: str
    code: int = 0
    labels: tuple[str, ...] = ()
    skip: int = 0
    times: int = 1
    drops: bool = False
    concern: bool = False

    def strikes(self, command: str) -> bool:
        if command != self.command or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class MongoWire:
    """The server, on a free port of the loopback, in the loop of the test. `set_name` "": it stands alone."""

    set_name: str = "wire"
    version: str = "7.0.14"
    writable: bool = True
    lifetime: float = 60.0
    """Seconds that a transaction may take: `transactionLifetimeLimitSeconds`. Nobody else ends one of a dead client."""
    data: Data = field(default_factory=Data)
    seen: list[Document] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    before: Callable[[Document], Awaitable[None]] | None = None
    """What every command waits for."""

    async def start(self) -> None:
        self._cursors: dict[int, deque[Document]] = {}
        self._moved = asyncio.Condition()
        self._connections = set[asyncio.Task[None]]()
        self._reaper = asyncio.create_task(self._reap())
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"mongodb://127.0.0.1:{self.port}/"

    async def stop(self) -> None:
        self._reaper.cancel()
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _reap(self) -> None:
        """Ends transactions that take too long, as a server does: it looks in half of the time."""
        while True:
            await asyncio.sleep(self.lifetime / 2)
            async with self._moved:
                self.data.expire(self.lifetime)
                self._moved.notify_all()

    @contextlib.asynccontextmanager
    async def frozen(self) -> AsyncIterator[None]:
        """Nobody gets a reply meanwhile."""
        async with self._moved:
            yield

    def sent(self, command: str) -> list[Document]:
        """Commands of that name, in order."""
        return [document for document in self.seen if next(iter(document)) == command]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while await self._turn(reader, writer):
                    await writer.drain()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _turn(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One message and its reply; False: the connection is to be closed."""
        length, request, _, opcode = HEADER.unpack(await reader.readexactly(HEADER.size))
        body = await reader.readexactly(length - HEADER.size)
        command = _query(body) if opcode == OP_QUERY else _message(body)
        reply = await self._reply(command)
        if reply is None:
            return False
        content = struct.pack("<iqii", 8, 0, 0, 1) if opcode == OP_QUERY else struct.pack("<iB", 0, 0)
        content += bson.encode(reply)
        kind = OP_REPLY if opcode == OP_QUERY else OP_MSG
        writer.write(HEADER.pack(HEADER.size + len(content), 0, request, kind) + content)
        return True

    async def _reply(self, command: Document) -> Document | None:
        name = next(iter(command))
        if name not in HANDSHAKES:
            self.seen.append(command)
            if self.before is not None:
                await self.before(command)
        fault = next((fault for fault in self.faults if fault.strikes(name)), None)
        if fault and not fault.code:
            if fault.drops:
                await self._answer(name, command)
            return None
        if fault and not fault.concern:
            self._dies(command)
            return {"ok": 0, "code": fault.code, "errmsg": "a scripted fault", "errorLabels": list(fault.labels)}
        reply = await self._answer(name, command)
        if fault:
            reply |= {
                "writeConcernError": {"code": fault.code, "errmsg": "scripted"},
                "errorLabels": list(fault.labels),
            }
        return reply

    def _dies(self, command: Document) -> None:
        """A command that fails in a transaction ends it, the committing apart: that may be said again."""
        name = _name(command)
        if name in self.data.open and next(iter(command)) != "commitTransaction":
            self.data.end(name)

    async def _answer(self, name: str, command: Document) -> Document:
        try:
            reply = await self._done(name, command)
        except Refused as refused:
            if refused.unknown:
                self.surprises.append(f"{name}: {refused.message}")
            self._dies(command)
            reply = {"ok": 0, "code": refused.code, "errmsg": refused.message, "errorLabels": refused.labels}
        async with self._moved:
            self._moved.notify_all()
        now = Timestamp(self.data.time, 1)  # what sessions wait for from then on
        return {"ok": 1, "operationTime": now, "$clusterTime": {"clusterTime": now, "signature": SIGNATURE}, **reply}

    async def _done(self, name: str, command: Document) -> Document:
        if name in HANDSHAKES:  # the driver's own affair
            return self._hello()
        if name not in OPTIONS:
            raise unknown(f"the command {name}")
        for option in command.keys() - {name} - COMMON - OPTIONS[name]:
            raise unknown(f"the option {option} of {name}")
        if name in WRITES and command.get("ordered", True) is not True and "autocommit" in command:
            raise unknown("unordered writes in a transaction")
        transaction = self._transaction(name, command)
        if name in WRITES and transaction is None:
            return await self._waits(name, command)
        handle: Callable[[Document, Transaction | None], Document] = getattr(self, f"_{name.lower()}")
        return handle(command, transaction)

    async def _waits(self, name: str, command: Document) -> Document:
        """An ordinary write that meets what an open transaction has written waits until that ends."""
        handle: Callable[[Document, Transaction | None], Document] = getattr(self, f"_{name}")
        async with self._moved:
            while any(self.data.owned(place) for place in self._places(name, command)):
                await self._moved.wait()
            return handle(command, None)

    def _places(self, name: str, command: Document) -> list[Place]:
        space = _space(command, name)
        if name == "insert":
            return [(space, key(document["_id"])) for document in command["documents"]]
        there = self.data.there.get(space, {})
        queries = [change["q"] for change in command["updates" if name == "update" else "deletes"]]
        return [(space, id_) for query in queries for id_, _ in _found(there, query)]

    def _transaction(self, name: str, command: Document) -> Transaction | None:
        """The transaction that the command is of, begun if it says so."""
        if "autocommit" not in command:
            return None
        starts = command.get("startTransaction", False)
        if "readConcern" in command and not starts:
            raise Refused(72, "only the first command of a transaction has a readConcern")
        if name.endswith("Transaction"):
            return None
        if "writeConcern" in command or name not in WRITES | {"find", "getMore"}:
            raise Refused(263, f"{name} with {sorted(command)} cannot run in a transaction")
        named = _name(command)
        if starts:
            if command.get("readConcern", {}).get("level") != "snapshot":
                raise unknown("a transaction without a snapshot")
            return self.data.begin(named)
        if named not in self.data.open:
            raise Refused(251, "NoSuchTransaction", TRANSIENT)
        return self.data.open[named]

    def _view(self, command: Document, transaction: Transaction | None) -> tuple[dict[bytes, Document], Document]:
        """The documents that a find sees, and what its cursor says of their moment."""
        space = _space(command, "find")
        concern = command.get("readConcern", {})
        if transaction is not None:
            return transaction.view.get(space, {}), {}
        if concern.get("level") != "snapshot":
            return self.data.there.get(space, {}), {}
        at = concern["atClusterTime"].time if "atClusterTime" in concern else self.data.time
        snapshot = self.data.snapshots.setdefault(at, self.data.copy())
        return snapshot.get(space, {}), {"atClusterTime": Timestamp(at, 1)}

    def _find(self, command: Document, transaction: Transaction | None) -> Document:
        view, moment = self._view(command, transaction)
        found = [document for _, document in _found(view, command.get("filter", {}))]
        for path, direction in reversed(list(command.get("sort", {}).items())):
            found.sort(key=lambda document, path=path: rank(look(document, path)), reverse=direction < 0)  # type: ignore[misc]  # bound at once
        found = found[: command.get("limit", 0) or None]
        rest = deque(projected(document, command.get("projection", {})) for document in found)
        batch = self._batch(rest, command.get("batchSize", FIRST_BATCH))
        if command.get("singleBatch"):
            rest.clear()
        cursor = {"firstBatch": batch, "id": self._cursor(rest), "ns": _space(command, "find"), **moment}
        return {"cursor": cursor}

    def _getmore(self, command: Document, _: Transaction | None) -> Document:
        rest = self._cursors.pop(command["getMore"], None)
        if rest is None:
            raise Refused(43, "CursorNotFound")
        batch = self._batch(rest, command.get("batchSize", len(rest)))
        space = f"{command['$db']}.{command['collection']}"
        return {"cursor": {"nextBatch": batch, "id": self._cursor(rest, command["getMore"]), "ns": space}}

    def _batch(self, rest: deque[Document], size: int) -> list[Document]:
        return [rest.popleft() for _ in range(min(size, len(rest)))]

    def _cursor(self, rest: deque[Document], id_: int = 0) -> bson.Int64:
        if not rest:
            return bson.Int64(0)
        id_ = id_ or len(self.seen) + 1
        self._cursors[id_] = rest
        return bson.Int64(id_)

    def _killcursors(self, command: Document, _: Transaction | None) -> Document:
        for id_ in command["cursors"]:
            self._cursors.pop(id_, None)
        return {"cursorsKilled": command["cursors"]}

    def _insert(self, command: Document, transaction: Transaction | None) -> Document:
        space = _space(command, "insert")
        view = self.data.there if transaction is None else transaction.view
        for number, document in enumerate(command["documents"]):
            place = (space, key(document["_id"]))
            if place[1] in view.get(space, {}):
                self._dies(command)
                return {
                    "n": number,
                    "writeErrors": [{"index": number, "code": 11000, "errmsg": "E11000 duplicate key"}],
                }
            self.data.write(place, document, transaction)
        return {"n": len(command["documents"])}

    def _update(self, command: Document, transaction: Transaction | None) -> Document:
        done = [self._update_one(command, change, transaction) for change in command["updates"]]
        upserted = [{"index": number, "_id": id_} for number, (_, id_) in enumerate(done) if id_ is not None]
        n = sum(count for count, _ in done) + len(upserted)
        return {"n": n, "nModified": n - len(upserted), **({"upserted": upserted} if upserted else {})}

    def _update_one(self, command: Document, change: Document, transaction: Transaction | None) -> tuple[int, Any]:
        if extra := change.keys() - {"q", "u", "multi", "upsert"}:
            raise unknown(f"updates with {extra}")
        if change.get("multi"):
            raise unknown("updates of many")
        if not all(operator.startswith("$") for operator in change["u"]):
            raise unknown("replacing")
        space = _space(command, "update")
        view = (self.data.there if transaction is None else transaction.view).get(space, {})
        for id_, document in _found(view, change["q"]):
            self.data.write((space, id_), updated(document, change["u"]), transaction)
            return 1, None
        if not change.get("upsert"):
            return 0, None
        new = updated(dict(change["q"]), change["u"], inserts=True)
        self.data.write((space, key(new["_id"])), new, transaction)
        return 0, new["_id"]

    def _delete(self, command: Document, transaction: Transaction | None) -> Document:
        space, count = _space(command, "delete"), 0
        view = (self.data.there if transaction is None else transaction.view).get(space, {})
        for change in command["deletes"]:
            if change.keys() - {"q", "limit"}:
                raise unknown(f"the deletion {change}")
            for id_, _ in list(_found(view, change["q"]))[: change["limit"] or None]:
                self.data.write((space, id_), None, transaction)
                count += 1
        return {"n": count}

    def _committransaction(self, command: Document, _: Transaction | None) -> Document:
        name = _name(command)
        if name not in self.data.committed:
            if name not in self.data.open:
                raise Refused(251, "NoSuchTransaction", TRANSIENT)
            self.data.commit(name)
        return {}

    def _aborttransaction(self, command: Document, _: Transaction | None) -> Document:
        if _name(command) not in self.data.open:
            raise Refused(251, "NoSuchTransaction", TRANSIENT)
        self.data.end(_name(command))
        return {}

    def _createindexes(self, command: Document, _: Transaction | None) -> Document:
        space = _space(command, "createIndexes")
        there = self._indexes_of(space)
        for index in command["indexes"]:
            if extra := index.keys() - {"name", "key", "partialFilterExpression", "expireAfterSeconds"}:
                raise unknown(f"indexes with {extra}")
            same = there.get(index["name"])
            if same is not None and same != {"v": 2, **index}:
                raise Refused(86, f"IndexKeySpecsConflict: {index['name']}")
            there[index["name"]] = {"v": 2, **index}
        return {}

    def _indexes_of(self, space: str) -> dict[str, Document]:
        self.data.there.setdefault(space, {})
        return self.data.indexes.setdefault(space, {"_id_": {"v": 2, "key": {"_id": 1}, "name": "_id_"}})

    def _listindexes(self, command: Document, _: Transaction | None) -> Document:
        space = _space(command, "listIndexes")
        if space not in self.data.there:
            raise Refused(26, "NamespaceNotFound")
        found = list(self._indexes_of(space).values())
        return {"cursor": {"firstBatch": found, "id": bson.Int64(0), "ns": space}}

    def _listcollections(self, command: Document, _: Transaction | None) -> Document:
        start = f"{command['$db']}."
        names = [name.removeprefix(start) for name in self.data.there if name.startswith(start)]
        batch = [{"name": name, "type": "collection"} for name in names]
        return {"cursor": {"firstBatch": batch, "id": bson.Int64(0), "ns": f"{start}$cmd.listCollections"}}

    def _dropdatabase(self, command: Document, _: Transaction | None) -> Document:
        for name in [name for name in self.data.there if name.startswith(f"{command['$db']}.")]:
            del self.data.there[name]
            self.data.indexes.pop(name, None)
        return {}

    def _hello(self) -> Document:
        me = f"127.0.0.1:{self.port}"
        member = {"setName": self.set_name, "hosts": [me], "me": me, "setVersion": 1} if self.set_name else {}
        role = {"isWritablePrimary": self.writable, "ismaster": self.writable, "secondary": not self.writable}
        sizes = {"maxBsonObjectSize": 2**24, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000}
        versions = {"minWireVersion": 0, "maxWireVersion": 21, "logicalSessionTimeoutMinutes": 30}
        return {"helloOk": True, **role, **member, **sizes, **versions}

    def _ping(self, _: Document, __: Transaction | None) -> Document:
        return {}

    _endsessions = _ping

    def _buildinfo(self, _: Document, __: Transaction | None) -> Document:
        return {"version": self.version}


def _space(command: Document, name: str) -> str:
    return f"{command['$db']}.{command[name]}"


def _found(view: dict[bytes, Document], query: Document) -> list[tuple[bytes, Document]]:
    """What matches, by its bytes; looked up where the query names one."""
    if isinstance(query.get("_id"), str):
        id_ = key(query["_id"])
        return [(id_, view[id_])] if id_ in view and matches(view[id_], query) else []
    return [(id_, document) for id_, document in view.items() if matches(document, query)]


def _name(command: Document) -> Name:
    return Name(key(command.get("lsid")), command.get("txnNumber", 0))


def _query(body: bytes) -> Document:
    """The document of an OP_QUERY: flags, a name that ends in NUL, two numbers, then the document."""
    start = body.index(b"\0", 4) + 9
    return bson.decode(body[start:])


def _message(body: bytes) -> Document:
    """The document of an OP_MSG, with its sequences put back in their places."""
    if struct.unpack_from("<I", body)[0] & ~(1 << 16):  # streaming may be offered
        raise unknown("flags of a message")
    command, at = Document(), 4
    while at < len(body):
        kind, size = body[at], struct.unpack_from("<i", body, at + 1)[0]
        piece = body[at + 1 : at + 1 + size]
        if kind == 0:
            command |= bson.decode(piece)
        else:
            name, _, documents = piece[4:].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        at += 1 + size
    return command
