"""A database that a released version wrote opens, and every document in it is what it was, and can be found."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import SystemClock
from services.kit.store import check
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Record
from services.kit.store.schema import kinds_in
from services.kit.store.sqlite import SqliteStore
from services.meetings.records import KINDS, PUBLICATIONS, document, read
from services.meetings.types import Centre, Group, Meeting, Place
from services.meetings.types_imports import Import, Rows
from services.meetings.types_rooms import Room

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.store.port import Entry, Store

DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
VERSIONS = sorted(path.stem for path in DOCUMENTS.glob("*.sql"))
COUNTS = {
    "v0.1.0": {"centre": 2, "place": 2, "room": 6, "meeting": 34, "import": 2, "rows": 2},
    "v0.1.0-groups": {"centre": 2, "place": 4, "room": 7, "group": 2, "meeting": 39, "import": 2, "rows": 2},
}
SHAPES: dict[str, Any] = {
    "centre": Centre,
    "place": Place,
    "room": Room,
    "group": Group,
    "meeting": Meeting,
    "import": Import,
    "rows": Rows,
}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def file(version: str, tmp_path: Path) -> Path:
    """The database as that version left it."""
    path = tmp_path / "meetings.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DOCUMENTS / f"{version}.sql").read_text())
    return path


@pytest.fixture
async def store(file: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(file, KINDS, SystemClock())
    await opened.open()
    yield opened
    await opened.close()


async def records(store: Store) -> list[Record]:
    return [entry async for entry in store.dump() if isinstance(entry, Record)]


def kinds_of(connection: sqlite3.Connection) -> set[str]:
    """The kinds that a file has."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'record\\_%' ESCAPE '\\'")
    return {name.removeprefix("record_") for (name,) in tables if name.removeprefix("record_") in SHAPES}


def stored(file: Path) -> dict[tuple[str, str], tuple[int, str]]:
    """Revision and state of each record, as the old file has them."""
    found: dict[tuple[str, str], tuple[int, str]] = {}
    with closing(sqlite3.connect(file)) as connection:
        for kind in kinds_of(connection):
            rows = connection.execute(f"SELECT id, revision, state FROM record_{kind}")  # noqa: S608 - a name of ours
            found |= {(kind, id_): (revision, state) for id_, revision, state in rows}
    return found


def test_a_document_of_every_kind_of_every_version_is_here(version: str, file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        sizes = {
            kind: connection.execute(f"SELECT count(*) FROM record_{kind}").fetchone()[0]  # noqa: S608 - a name of ours
            for kind in COUNTS[version]
        }
    assert sizes == COUNTS[version]


async def test_every_record_is_there_at_its_revision_and_converts(version: str, file: Path) -> None:
    before = stored(file)
    store = SqliteStore(file, KINDS, SystemClock())
    await store.open()
    found = await records(store)
    await store.close()
    assert {(one.kind, one.id): one.revision for one in found} == {key: before[key][0] for key in before}
    assert sum(COUNTS[version].values()) == len(found)
    for one in found:
        read(one, SHAPES[one.kind])


async def test_its_tables_are_made_anew_once_and_their_order_tells_nothing(file: Path) -> None:
    def order() -> list[str]:
        with closing(sqlite3.connect(file)) as connection:
            return [id_ for (id_,) in connection.execute("SELECT id FROM record_meeting ORDER BY rowid")]

    async def opened() -> list[str]:
        store = SqliteStore(file, KINDS, SystemClock())
        await store.open()
        await store.close()
        return await asyncio.to_thread(order)

    found = await opened()
    assert found not in (sorted(found), sorted(found, reverse=True))
    assert await opened() == found


def still(now: Any, old: Any) -> Any:
    """What is said now, as far as the older version knew to say it."""
    if isinstance(now, dict) and isinstance(old, dict):
        return {name: still(now[name], old[name]) for name in old if name in now}
    if isinstance(now, list) and isinstance(old, list) and len(now) == len(old):
        return [still(one, other) for one, other in zip(now, old, strict=True)]
    return now


async def test_what_a_document_said_it_says_still(file: Path) -> None:
    before = {key: json.loads(state) for key, (_, state) in stored(file).items()}
    store = SqliteStore(file, KINDS, SystemClock())
    await store.open()
    found = await records(store)
    await store.close()
    for one in found:
        now = document(read(one, SHAPES[one.kind]))
        old = before[one.kind, one.id]
        assert still(now, old) == {name: old[name] for name in old if name in now}


async def test_every_record_is_found_by_each_of_its_indexes(store: SqliteStore) -> None:
    for one in await records(store):
        kind = next(kind for kind in KINDS if kind.name == one.kind)
        for index in kind.indexes:
            where: dict[str, Any] = {field: one.state[field] for field in index}
            page = await store.find(one.kind, where, index, limit=10_000)
            assert one in page.records, (one.kind, index)


async def test_every_record_is_rendered_for_whoever_may_see_it(store: SqliteStore) -> None:
    publications = {(each.kind, each.view): each for each in PUBLICATIONS}
    found = await records(store)
    events = [publications[one.kind, view.name].event(one, "local") for one in found for view in one.views]
    assert len(events) >= 40


async def test_it_can_be_backed_up(version: str, store: SqliteStore, file: Path) -> None:
    assert {kind.name for kind in kinds_in(file)} >= set(COUNTS[version])
    kinds = check.kinds(KINDS)

    async def entries() -> AsyncIterator[Entry]:
        async for entry in store.dump():
            check.entry(kinds, entry)
            yield entry

    copy = MemoryStore(KINDS, SystemClock())
    assert await copy.fill(entries(), 1) >= len(await records(store))


async def test_opening_it_again_changes_nothing(file: Path) -> None:
    seen = []
    for _ in range(2):
        store = SqliteStore(file, KINDS, SystemClock())
        await store.open()
        seen.append(await records(store))
        await store.close()
    assert seen[0] == seen[1]
