"""Where a backup goes: nothing is overwritten, nothing deleted, and who is interrupted runs it again."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from services.kit.backup import Header, Manifest, Secret, service_line
from services.kit.clock import SystemClock
from services.kit.folder import UNFINISHED, DataFolder
from services.kit.restore import Contents, Target
from services.kit.store.port import Commit, Kind, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = "2026-11-21T12:00:00.000Z"
BOOK = Kind("book")
SERVICES = tuple(service_line(name, "sqlite", (BOOK,)) for name in ("lending", "reading"))
SECRETS = (Secret("keys/token.key", 0o600, b"theirs"), Secret("keys/token.pub", 0o644, b"public"))


def contents() -> Contents:
    manifest = Manifest(SERVICES, tuple(secret.path for secret in SECRETS))
    counts = {service.name: Counter(book=1) for service in SERVICES}
    return Contents(Header("local", NOW, "0", "00" * 32), manifest, counts, list(SECRETS))


async def filled(target: Target, names: Sequence[str] = ("lending", "reading")) -> None:
    """Databases beside their future, each with a book that has its name."""
    for service in SERVICES:
        if service.name in names:
            store = await target.store(service)
            await store.commit(Commit((Record("book", service.name, 1, {}, NOW, "me"),)))
            await store.close()


def books(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [id_ for (id_,) in connection.execute("SELECT id FROM record_book")]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_everything_gets_its_name_and_the_keys_their_modes(tmp_path: Path) -> None:
    target = Target(tmp_path, SystemClock())
    assert target.there(contents()) == []
    target.begin()
    await filled(target)
    assert target.put(contents()) is None
    assert names_in(tmp_path) == {"lending.sqlite", "reading.sqlite", "keys"}
    assert [books(tmp_path / f"{one.name}.sqlite") for one in SERVICES] == [["lending"], ["reading"]]
    assert (tmp_path / "lending.sqlite").stat().st_mode & 0o777 == 0o600
    found = {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in (tmp_path / "keys").iterdir()}
    assert found == {"token.key": (b"theirs", 0o600), "token.pub": (b"public", 0o644)}


async def test_what_is_there_is_named_and_moved_aside_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    target = Target(tmp_path, SystemClock())
    for name, data in (("lending.sqlite", b"old"), ("lending.sqlite-wal", b"log"), ("lending.sqlite-shm", b"index")):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "token.key").write_bytes(b"ours")
    (tmp_path / "keys" / "token.pub").write_bytes(b"public")
    (tmp_path / "keys" / "another.key").write_bytes(b"kept")
    assert target.there(contents()) == ["lending.sqlite", "keys/token.key"]
    target.begin()
    await filled(target)
    aside = target.put(contents())
    assert aside is not None
    moved = {str(path.relative_to(aside)): path.read_bytes() for path in aside.rglob("*") if path.is_file()}
    assert moved == {
        "lending.sqlite": b"old",
        "lending.sqlite-wal": b"log",
        "lending.sqlite-shm": b"index",
        "keys/token.key": b"ours",
    }
    assert books(tmp_path / "lending.sqlite") == ["lending"]
    assert (tmp_path / "keys" / "token.key").read_bytes() == b"theirs"
    assert (tmp_path / "keys" / "another.key").read_bytes() == b"kept"


async def test_an_interruption_between_two_names_is_made_good_by_running_it_again(tmp_path: Path) -> None:
    target = Target(tmp_path, SystemClock())
    target.begin()
    await filled(target, ["lending"])
    with pytest.raises(FileNotFoundError):  # ends where the second has no database yet: one name given, one not
        target.put(contents())
    assert (tmp_path / "lending.sqlite").exists()
    again = Target(tmp_path, SystemClock())
    assert again.unfinished
    again.begin()
    await filled(again)
    again.put(contents())
    assert [books(tmp_path / f"{one.name}.sqlite") for one in SERVICES] == [["lending"], ["reading"]]
    assert not again.unfinished


async def test_a_draft_of_an_interrupted_run_is_not_filled_on(tmp_path: Path) -> None:
    target = Target(tmp_path, SystemClock())
    await filled(target)
    store = await target.store(SERVICES[0])
    assert await store.get("book", "lending") is None
    await store.close()


async def test_nothing_but_a_restore_owns_a_folder_that_is_unfinished(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    await folder.acquire()
    Target(tmp_path, SystemClock()).begin()
    folder.release()
    with pytest.raises(FileExistsError, match="a restore was not finished"):
        await DataFolder(tmp_path).acquire()
    restoring = DataFolder(tmp_path, restoring=True)
    await restoring.acquire()
    restoring.release()
    (tmp_path / UNFINISHED).unlink()
    await folder.acquire()
    folder.release()
