"""A backup of any store, as a file, fills a store of any other engine with the same."""

from __future__ import annotations

import os
from io import BytesIO
from typing import TYPE_CHECKING, Any

import msgspec

from services.kit.backup import Header, Writer
from services.kit.backups import Making, Source, write_all
from services.kit.restore import Backup, fill
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Entry, Record, Store
from services.kit.wrapping import wrap, write_envelope
from tests.contract.store_fixtures import KINDS, NOW, START, Engine, answer, commit, line, meeting, public, seat

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from services.kit.backup import ServiceLine
    from services.kit.clock import VirtualClock

pytest_plugins = ("tests.contract.store_fixtures",)
KEY = bytes(32)
SECRET = b"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
EPOCH = int(START.timestamp())


async def furnish(store: Store) -> None:
    """Texts that a format could spoil, a record that is gone, a leaf, something due, answers, a trail."""
    texts: dict[str, Any] = {
        "title": 'Ünï "quoted" \\ \n\t \u2028 \U0001f3f4 \x7f',
        "nested": [{"deep": [None, -(2**63), 2**63 - 1, True]}],
    }
    await store.commit(Commit((meeting("a", views=(public(),), **texts),), (answer("r"),), (line("a", 1, "created"),)))
    await store.commit(Commit((meeting("a", 2, views=(public(2, "e"),), **texts),), (), (line("a", 2, "changed"),)))
    await store.commit(commit(meeting("gone"), msgspec.structs.replace(seat("s"), due_at=NOW)))
    await store.commit(commit(meeting("gone", 2, gone=True)))


async def written(name: str, store: Store, data: Path) -> Backup:
    """Its backup, as it would stand in a file."""
    file = BytesIO()
    write_envelope(file, wrap(KEY, "key-file", SECRET))
    writer = Writer(file, KEY, Header("local", NOW, "0", os.urandom(32).hex()))
    await write_all(writer, [Source("meetings", name, KINDS, store)], data, Making("b", START, data))
    file.seek(0)
    return Backup(file)


async def refilled(backup: Backup, engine: Engine) -> Store:
    """A store of that engine that was filled from the backup, opened again."""

    async def open_store(_: ServiceLine) -> Store:
        return await engine.start(KINDS)

    epochs = await fill(backup, KEY, backup.examine(KEY), open_store, EPOCH)
    assert epochs == {"meetings": EPOCH}
    return await engine.start(KINDS)


async def contents(store: Store) -> list[Entry]:
    entries = [_bare(entry) async for entry in store.dump()]
    return sorted(entries, key=repr)


def _bare(entry: Entry) -> Entry:
    """Without what a restore changes."""
    if not isinstance(entry, Record):
        return entry
    views = tuple(msgspec.structs.replace(view, pending=True, sequence=0) for view in entry.views)
    return msgspec.structs.replace(entry, epoch=0, views=views)


async def memory(clock: VirtualClock) -> MemoryStore:
    store = MemoryStore(KINDS, clock)
    await store.open()
    return store


async def test_a_backup_of_any_engine_fills_another(store: Store, store_clock: VirtualClock, tmp_path: Path) -> None:
    await furnish(store)
    backup = await written("any", store, tmp_path)
    other = await memory(store_clock)

    async def start(_: Iterable[object]) -> Store:
        return other

    copy = await refilled(backup, Engine("memory", store_clock, start))
    assert await contents(copy) == await contents(store)


async def test_a_backup_of_another_engine_fills_any(engine: Engine, store_clock: VirtualClock, tmp_path: Path) -> None:
    source = await memory(store_clock)
    await furnish(source)
    copy = await refilled(await written("memory", source, tmp_path), engine)
    assert await contents(copy) == await contents(source)
    assert await copy.epoch() == EPOCH
    assert {record.id for record in await copy.unpublished(10)} == {"a"}
    await copy.close()
