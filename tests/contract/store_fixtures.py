"""The stores under contract, and the records they are tried with.

Test modules name this one in `pytest_plugins`: that gives them the fixtures `store_clock`, `engine` and `store`. They
import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from services.kit.clock import VirtualClock, instant
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Answer, Audit, Commit, Document, Kind, Record, RequestKey, Store, View, Where
from services.kit.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from pathlib import Path

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NOW = instant(START)
MEETING = Kind("meeting", (("centre", "start"), ("centre", "seats"), ("open", "start"), ("start",)))
SEAT = Kind("seat", (("list", "place"),))
KINDS = (MEETING, SEAT)
NO_MONGODB = "the MongoDB adapter is not built yet: a server would change nothing"


@dataclass
class Engine:
    """A database that outlives its stores: `start` opens a store on it, for these kinds."""

    name: str
    clock: VirtualClock
    start: Callable[[Sequence[Kind]], Awaitable[Store]]


def sqlite_engine(folder: Path, clock: VirtualClock) -> Engine:
    async def start(kinds: Sequence[Kind]) -> Store:
        store = SqliteStore(folder / "store.db", kinds, clock)
        await store.open()
        return store

    return Engine("sqlite", clock, start)


def memory_engine(folder: Path, clock: VirtualClock) -> Engine:
    del folder
    disk = Disk()

    async def start(kinds: Sequence[Kind]) -> Store:
        store = MemoryStore(kinds, clock, disk)
        await store.open()
        return store

    return Engine("memory", clock, start)


def mongodb_engine(folder: Path, clock: VirtualClock) -> Engine:
    del folder, clock
    pytest.skip(NO_MONGODB)


ENGINES: dict[str, Callable[[Path, VirtualClock], Engine]] = {
    "sqlite": sqlite_engine,
    "memory": memory_engine,
    "mongodb": mongodb_engine,
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
def engine(request: pytest.FixtureRequest, tmp_path: Path, store_clock: VirtualClock) -> Engine:
    return ENGINES[request.param](tmp_path, store_clock)


@pytest.fixture
async def store(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.start(KINDS)
    yield opened
    await opened.close()
