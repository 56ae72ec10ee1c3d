"""The stores under contract, and the records they are tried with.

Test modules name this one in `pytest_plugins`: that gives them the fixtures `store_clock`, `engine` and `store`. They
import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import pytest

from services.kit.clock import VirtualClock, instant
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Answer, Audit, Commit, Document, Kind, Record, RequestKey, Store, View, Where
from services.kit.store.sqlite import SqliteStore
from tests.contract.mongo_wire import MongoWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from services.kit.clock import Clock
    from services.kit.store.mongo_client import Driver
    from tests.contract.mongod import Databases

pytest_plugins = ("tests.contract.mongod",)
START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW = instant(START)
MEETING = Kind("meeting", (("centre", "start"), ("centre", "seats"), ("open", "start"), ("start",)))
SEAT = Kind("seat", (("list", "place"),))
KINDS = (MEETING, SEAT)


@dataclass
class Engine:
    """A database that outlives its stores: `start` opens a store on it, for these kinds."""

    name: str
    clock: VirtualClock
    start: Callable[[Sequence[Kind]], Awaitable[Store]]


EngineOf: TypeAlias = "Callable[[pytest.FixtureRequest, VirtualClock], AbstractAsyncContextManager[Engine]]"


@asynccontextmanager
async def sqlite_engine(request: pytest.FixtureRequest, clock: VirtualClock) -> AsyncIterator[Engine]:
    folder: Path = request.getfixturevalue("tmp_path")

    async def start(kinds: Sequence[Kind]) -> Store:
        store = SqliteStore(folder / "store.db", kinds, clock)
        await store.open()
        return store

    yield Engine("sqlite", clock, start)


@asynccontextmanager
async def memory_engine(request: pytest.FixtureRequest, clock: VirtualClock) -> AsyncIterator[Engine]:
    del request
    disk = Disk()

    async def start(kinds: Sequence[Kind]) -> Store:
        store = MemoryStore(kinds, clock, disk)
        await store.open()
        return store

    yield Engine("memory", clock, start)


def mongodb_engine(driver: Driver) -> EngineOf:
    """A real server, an empty database for each test."""

    @asynccontextmanager
    async def engine(request: pytest.FixtureRequest, clock: VirtualClock) -> AsyncIterator[Engine]:
        url: str = request.getfixturevalue("mongodb_url")
        lent = Lent(request.getfixturevalue("mongodb_databases"))

        async def start(kinds: Sequence[Kind]) -> MongoStore:
            lent.opened.append(await start_mongodb(url, lent.name(kinds), clock, driver, kinds))
            return lent.opened[-1]

        try:
            yield Engine(f"mongodb-{driver}", clock, start)
        finally:
            await lent.give_back()

    return engine


class Lent:
    """A database for one test, taken when its first store is opened."""

    def __init__(self, databases: Databases) -> None:
        self.opened: list[MongoStore] = []
        self._databases = databases
        self._name = ""
        self._shapes: list[Hashable] = []

    def name(self, kinds: Sequence[Kind]) -> str:
        """Of the database; a store for these kinds is to be opened in it."""
        self._shapes.append(tuple((kind.name, kind.indexes, kind.version) for kind in kinds))
        self._name = self._name or self._databases.take(self._shapes[0])
        return self._name

    async def give_back(self) -> None:
        """For others, unless a store is still open, or was opened for other kinds: then it is dropped."""
        if not self._name:
            return
        open_ = [store for store in self.opened if await store.serving() != "the store is not open"]
        for store in open_:  # its test has failed: the next one should not
            await store.close()
        if open_ or len(set(self._shapes)) > 1:
            await asyncio.to_thread(self._databases.drop, self._name)
        else:
            await asyncio.to_thread(self._databases.give_back, self._name, self._shapes[0])


def mongodb_wire_engine(driver: Driver) -> EngineOf:
    """A stand-in for a server: it finds our own mistakes and proves nothing about MongoDB."""

    @asynccontextmanager
    async def engine(request: pytest.FixtureRequest, clock: VirtualClock) -> AsyncIterator[Engine]:
        del request
        server = MongoWire()
        await server.start()
        yield Engine(f"mongodb-wire-{driver}", clock, partial(start_mongodb, server.url, "tests", clock, driver))
        await server.stop()
        assert server.surprises == [], server.surprises

    return engine


async def start_mongodb(url: str, database: str, clock: Clock, driver: Driver, kinds: Sequence[Kind]) -> MongoStore:
    """A store with a client of its own, which belongs to the loop of its test."""
    store = MongoStore(url, database, kinds, clock, driver=driver)
    await store.open()
    return store


ENGINES: dict[str, EngineOf] = {
    "sqlite": sqlite_engine,
    "memory": memory_engine,
    "mongodb-motor": mongodb_engine("motor"),
    "mongodb-pymongo": mongodb_engine("pymongo"),
    "mongodb-wire-motor": mongodb_wire_engine("motor"),
    "mongodb-wire-pymongo": mongodb_wire_engine("pymongo"),
}


def meeting(id_: str, revision: int = 1, **changes: object) -> Record:
    """A meeting as a record: `changes` are of the state or, where there is one of that name, of the record."""
    state: Document = {"centre": "north", "start": NOW, "seats": 10, "open": True, "title": "Open chair"}
    own: dict[str, object] = {"at": NOW, "actor": "coordinator"}
    for name, value in changes.items():
        (own if name in Record.__struct_fields__ else state)[name] = value  # type: ignore[assignment]  # what is not the record's is the state's
    return Record(**{"kind": "meeting", "id": id_, "revision": revision, "state": state, **own})  # type: ignore[arg-type]  # by name


def seat(id_: str, revision: int = 1, list_: str = "l", place: int = 1) -> Record:
    return Record("seat", id_, revision, {"list": list_, "place": place}, NOW, "guest")


def commit(*records: Record) -> Commit:
    return Commit(records)


def public(revision: int = 1, digest: str = "d") -> View:
    return View("public", revision, NOW, digest)


def answer(request: str, reply: str = "cmVwbHk=", seconds: int = 60) -> Answer:
    expires = instant(datetime.fromtimestamp(START.timestamp() + seconds, UTC))
    return Answer(RequestKey("Book", "caller", request), "body", reply, expires)


def line(id_: str, revision: int, action: str) -> Audit:
    return Audit("meeting", id_, revision, NOW, "coordinator", action, "because")


async def stored(store: Store, id_: str) -> Record:
    """The meeting of that id, which is there."""
    found = await store.get("meeting", id_)
    assert found is not None
    return found


async def ids(store: Store, where: Where, order: tuple[str, ...] = (), kind: str = "meeting") -> list[str]:
    return [record.id for record in (await store.find(kind, where, order)).records]


@pytest.fixture
def store_clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest, store_clock: VirtualClock) -> AsyncIterator[Engine]:
    async with ENGINES[request.param](request, store_clock) as opened:
        yield opened


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.start(KINDS)
    yield opened
    await opened.close()
