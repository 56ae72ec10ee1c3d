"""What is forgotten is gone for good: record, views, trail; in the same commit as what is written, or not at all."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import SystemClock
from services.kit.leaves import Changes, Decision
from services.kit.store.port import Commit, Conflict, Forgotten, Kind, Record
from services.kit.store.sqlite import SqliteStore
from tests.contract.heads_examples import KINDS, fold, heads_on, held, take
from tests.contract.store_fixtures import KINDS as MEETINGS
from tests.contract.store_fixtures import NOW, commit, ids, line, meeting, public, seat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from services.kit.leaves import Head
    from services.kit.store.port import Store
    from tests.contract.store_fixtures import Engine

pytest_plugins = ("tests.contract.store_fixtures",)


async def test_nothing_stays_of_a_record_that_is_forgotten(store: Store) -> None:
    await store.commit(Commit((meeting("a", views=(public(),)),), audit=(line("a", 1, "created"),)))
    await store.commit(
        Commit((meeting("a", 2), meeting("b")), audit=(line("a", 2, "changed"), line("b", 1, "created")))
    )
    await store.commit(Commit((), forgotten=(Forgotten("meeting", "a", 2),)))
    assert await store.get("meeting", "a") is None
    assert await store.history("meeting", "a") == []
    assert await store.unpublished(10) == []
    assert await ids(store, {"centre": "north"}) == ["b"]
    assert len(await store.history("meeting", "b")) == 1
    assert [entry async for entry in store.dump() if getattr(entry, "id", "") == "a"] == []


async def test_a_record_that_is_gone_can_be_forgotten_too(store: Store) -> None:
    await store.commit(commit(meeting("a")))
    await store.commit(commit(meeting("a", 2, gone=True)))
    await store.commit(Commit((), forgotten=(Forgotten("meeting", "a", 2),)))
    assert await store.get("meeting", "a") is None


@pytest.mark.parametrize("revision", [1, 3])
async def test_what_has_moved_is_not_forgotten_and_nothing_else_is_written(store: Store, revision: int) -> None:
    await store.commit(commit(meeting("a")))
    await store.commit(commit(meeting("a", 2)))
    with pytest.raises(Conflict):
        await store.commit(Commit((seat("s"),), forgotten=(Forgotten("meeting", "a", revision),)))
    assert await store.get("meeting", "a") is not None
    assert await store.get("seat", "s") is None


async def test_what_is_not_there_cannot_be_forgotten(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.commit(Commit((), forgotten=(Forgotten("meeting", "a", 1),)))


async def test_nothing_is_written_and_forgotten_in_one_commit(store: Store) -> None:
    await store.commit(commit(meeting("a")))
    with pytest.raises(ValueError, match="twice"):
        await store.commit(Commit((meeting("a", 2),), forgotten=(Forgotten("meeting", "a", 1),)))


@pytest.fixture
async def lists(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.start(KINDS)
    yield opened
    await opened.close()


def leave(*ids: str) -> Callable[[Head[Any], str], Decision[None]]:
    return lambda _head, _at: Decision(None, Changes(removed=ids), "left")


async def test_leaves_are_forgotten_with_their_head_in_one_commit_and_other_instances_see_it(lists: Store) -> None:
    here, there = heads_on(lists), heads_on(lists)
    for id_ in ("a", "b", "c"):
        await here.change("list", "l", take(id_))
    assert await held(there, "l") == {"a": 1, "b": 1, "c": 1}
    await here.change("list", "l", leave("a", "c"))
    assert await here.forget("list", "l", lambda leaf: leaf.id != "b") == 2
    assert await held(here, "l") == await held(there, "l") == await fold(lists, "l") == {"b": 1}
    assert [await lists.get("seat", id_) for id_ in ("a", "c")] == [None, None]
    await there.change("list", "l", take("d"))
    assert await held(here, "l") == {"b": 1, "d": 1}


async def test_a_leaf_that_others_still_see_is_not_forgotten(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    with pytest.raises(ValueError, match="no leaf 'a'"):
        await heads.forget("list", "l", lambda _: True)
    assert await held(heads, "l") == await fold(lists, "l") == {"a": 1}


async def test_a_head_that_is_forgotten_is_not_held_any_more(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    await heads.change("list", "l", leave("a"))
    await heads.forget("list", "l", lambda _: True)
    head = await lists.get("list", "l")
    assert head is not None
    await lists.commit(Commit((), forgotten=(Forgotten("list", "l", head.revision),)))
    assert await held(heads, "l") == {}
    await heads.change("list", "l", take("b"))
    assert await held(heads, "l") == {"b": 1}


async def test_no_byte_of_it_stays_in_the_files_of_the_embedded_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db", MEETINGS, SystemClock())
    await store.open()
    await store.commit(Commit((meeting("secret-id", title="secret-title"),), audit=(line("secret-id", 1, "created"),)))
    assert b"secret-title" in _bytes(tmp_path)
    await store.commit(Commit((), forgotten=(Forgotten("meeting", "secret-id", 1),)))
    assert b"secret-" not in _bytes(tmp_path)
    await store.close()


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_closed_file_does_not_tell_in_which_order_scattered_records_came(tmp_path: Path) -> None:
    """Within a page of an index SQLite leaves entries as they came, until the file is written anew."""
    names = [f"{number * 7919 % 1000:08d}-record" for number in range(60)]

    async def places(folder: Path, *, scattered: bool) -> list[int]:
        await asyncio.to_thread(folder.mkdir)
        kind = Kind("meeting", scattered=scattered)
        store = SqliteStore(folder / "store.db", (kind,), SystemClock())
        await store.open()
        for name in names:
            await store.commit(Commit((Record("meeting", name, 1, {}, NOW, "guest"),)))
        await store.close()
        body = _bytes(folder)
        return [body.find(name.encode()) for name in names]

    as_they_came = await places(tmp_path / "plain", scattered=False)
    assert as_they_came == sorted(as_they_came, reverse=True)
    found = await places(tmp_path / "scattered", scattered=True)
    assert sum(one > other for one, other in itertools.pairwise(found)) < len(names) * 3 / 4
