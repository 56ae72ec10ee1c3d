"""What stores do with what an older program, or a newer one, has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import SystemClock
from services.kit.store.port import Document, Kind
from services.kit.store.schema import kinds_in
from services.kit.store.sqlite import SqliteStore
from tests.contract.store_fixtures import Engine, commit, ids, meeting

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ("tests.contract.store_fixtures",)
OLD = Kind("meeting", (("centre",),))
INDEXES = (("centre",), ("centre", "group"))


def _with_group(state: Document) -> Document:
    return {"group": "", **state}


NEW = Kind("meeting", INDEXES, version=2, upgrades={1: _with_group})


async def opened(path: Path, kind: Kind) -> SqliteStore:
    store = SqliteStore(path, (kind,), SystemClock())
    await store.open()
    return store


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file of the older program, with one living document and one that is gone."""
    found = tmp_path / "store.db"
    store = await opened(found, OLD)
    await store.commit(commit(meeting("a"), meeting("gone", gone=True)))
    await store.close()
    return found


async def test_an_index_over_a_new_field_finds_old_documents_once_they_are_upgraded(path: Path) -> None:
    store = await opened(path, NEW)
    assert await ids(store, {"centre": "north", "group": ""}) == ["a"]
    await store.close()


async def test_an_index_over_a_field_that_old_documents_lack_is_refused_and_leaves_the_file_as_it_was(
    path: Path,
) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"store\.db: meeting 'a' lacks 'group'"):
            await opened(path, Kind("meeting", INDEXES))
    store = await opened(path, OLD)
    assert await ids(store, {"centre": "north"}) == ["a"]
    await store.close()


async def test_a_file_says_for_which_kinds_it_was_made(path: Path) -> None:
    assert kinds_in(path) == (Kind("meeting", (("centre",),)),)
    store = await opened(path, NEW)
    await store.close()
    assert kinds_in(path) == (Kind("meeting", INDEXES, version=2),)


async def test_records_of_a_kind_that_the_program_does_not_know_are_not_left_out_of_a_dump_in_silence(
    engine: Engine,
) -> None:
    store = await engine.start((OLD,))
    await store.commit(commit(meeting("a")))
    await store.close()
    store = await engine.start((Kind("seat"),))
    with pytest.raises(ValueError, match="records of kind 'meeting'"):
        _ = [entry async for entry in store.dump()]
    await store.close()


async def test_a_new_index_finds_old_documents_that_have_its_field(engine: Engine) -> None:
    store = await engine.start((OLD,))
    await store.commit(commit(meeting("a"), meeting("b", seats=3)))
    await store.close()
    store = await engine.start((Kind("meeting", (("centre",), ("seats",))),))
    assert await ids(store, {"seats": 3}) == ["b"]
    await store.close()


async def test_many_documents_are_upgraded_piece_by_piece_and_each_once(engine: Engine) -> None:
    store = await engine.start((OLD,))
    for begin in range(0, 1001, 143):
        await store.commit(commit(*(meeting(f"m{n:04}") for n in range(begin, begin + 143))))
    await store.close()
    upgraded = list[Document]()

    def upgrade(state: Document) -> Document:
        upgraded.append(state)
        return _with_group(state)

    store = await engine.start((Kind("meeting", INDEXES, 2, {1: upgrade}),))
    assert len(upgraded) == 1001
    assert len((await store.find("meeting", {"group": ""}, limit=2000)).records) == 1001
    await store.close()


async def test_what_an_older_program_writes_once_more_is_found_when_the_newer_one_comes_back(engine: Engine) -> None:
    for kind, id_ in ((OLD, "a"), (NEW, "b"), (OLD, "c")):
        store = await engine.start((kind,))
        await store.commit(commit(meeting(id_, **{"group": ""} if kind is NEW else {})))  # type: ignore[arg-type]  # of the state
        await store.close()
    store = await engine.start((NEW,))
    assert await ids(store, {"centre": "north", "group": ""}) == ["a", "b", "c"]
    await store.close()


@pytest.mark.parametrize("value", [{}, {"group": None}], ids=["absent", "null"])
async def test_an_index_over_a_field_that_documents_lack_is_refused_until_they_are_upgraded(
    engine: Engine, value: dict[str, Any]
) -> None:
    store = await engine.start((OLD,))
    await store.commit(commit(meeting("a", **value), meeting("gone", gone=True)))
    await store.close()
    for _ in range(2):
        with pytest.raises(ValueError, match="meeting 'a' lacks 'group', which is indexed now"):
            await engine.start((Kind("meeting", INDEXES),))
    store = await engine.start((Kind("meeting", INDEXES, 2, {1: lambda state: {**state, "group": "g"}}),))
    assert await ids(store, {"centre": "north", "group": "g"}) == ["a"]
    await store.close()
