"""Backups that a running process makes: which files there are, and what is in them of the keys."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from services.kit.backup import Secret, read
from services.kit.backups import LARGEST_SECRET, Backups, Making
from services.kit.clock import Ids, SystemClock

if TYPE_CHECKING:
    import pytest

KEY = bytes(range(32))


def backups(folder: Path, data: Path) -> Backups:
    return Backups(folder, data, "local", SystemClock(), Ids(), structlog.get_logger())


async def made(all_: Backups) -> Making:
    """A backup of no service."""
    one = all_.begin(KEY, [])
    assert one.task is not None
    await one.task
    return one


def keys_in(one: Making) -> dict[str, bytes]:
    lines = read(BytesIO(one.path.read_bytes()), KEY)
    return {line.path: line.data for line in lines if isinstance(line, Secret)}


class Meanwhile(type(Path())):  # type: ignore[misc]  # the class of this system's paths
    """A folder in which something happens while it is read."""

    happens = staticmethod(lambda: None)

    def glob(self, pattern: str) -> list[Path]:
        """As ever; but first it happens."""
        self.happens()
        return list(super().glob(pattern))


async def test_what_a_former_process_left_is_removed_and_what_begins_meanwhile_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Meanwhile(tmp_path / "backups")
    folder.mkdir()
    (folder / "left.backup").touch()
    (folder / "left.backup.part").touch()
    all_ = backups(folder, tmp_path)
    begun = list[Making]()

    def begin() -> None:
        if not begun:
            begun.append(all_.begin(KEY, []))
            (folder / f"{begun[0].path.name}.part").touch()

    monkeypatch.setattr(Meanwhile, "happens", staticmethod(begin))
    all_.sweep()
    assert [path.name for path in folder.iterdir()] == [f"{begun[0].path.name}.part"]
    await all_.close()
    assert list(folder.iterdir()) == []


async def test_a_key_that_is_a_link_is_backed_up_as_what_it_is(tmp_path: Path) -> None:
    mounted, keys = tmp_path / "mounted", tmp_path / "data" / "keys"
    mounted.write_bytes(b"secret")
    keys.mkdir(parents=True)
    (keys / "token.key").symlink_to(mounted)
    (keys / "nowhere.key").symlink_to(tmp_path / "nowhere")
    all_ = backups(tmp_path / "backups", tmp_path / "data")
    assert keys_in(await made(all_)) == {"keys/token.key": b"secret"}
    await all_.close()


async def test_what_is_too_large_for_a_key_is_not_left_out_in_silence(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "film").write_bytes(bytes(LARGEST_SECRET + 1))
    all_ = backups(tmp_path / "backups", tmp_path)
    one = await made(all_)
    assert not one.done
    assert "keys/film: is larger than 64 KiB" in one.failure
    assert list((tmp_path / "backups").iterdir()) == []
    await all_.close()


async def test_a_backup_that_is_removed_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    all_ = backups(tmp_path / "backups", tmp_path)
    for turns in range(12):
        one = all_.begin(KEY, [])
        for _ in range(turns):
            await asyncio.sleep(0)
        all_.remove(one)
        assert one.task is not None
        await asyncio.wait([one.task])
        assert list((tmp_path / "backups").glob("*")) == []
