"""Backups that an operator asks a running process for: real services on SQLite and a nats-server, over real gRPC."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from openchair.admin.v1 import admin_service_pb2 as pb

from services.kit.admin import Admin
from services.kit.backup import Header, Kept, Manifest, Secret, read, read_header
from services.kit.backups import KEEP, Backups, Source
from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.sealed import Damaged
from services.kit.settings import Settings
from services.kit.store.memory import MemoryStore
from tests.contract.store_fixtures import KINDS, START, commit, meeting
from tests.service.test_admin import KEY, LOG, House, problem, running, until
from tests.service.test_admin import house as house  # noqa: PLC0414 - a fixture
from tests.system import acts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


async def finished(house: House, key: bytes = KEY) -> pb.Backup:
    made = await house.admin.CreateBackup(pb.CreateBackupRequest(key=key))

    async def done() -> pb.Backup | None:
        found = await house.admin.GetBackup(pb.GetBackupRequest(name=made.name))
        assert not found.failure
        return found if found.done else None

    found: pb.Backup = await until(done)
    return found


async def fetched(house: House, name: str) -> bytes:
    data = b""
    while True:
        piece = (await house.admin.ReadBackup(pb.ReadBackupRequest(name=name, offset=len(data)))).data
        if not piece:
            return data
        data += piece


async def test_a_backup_holds_every_store_and_the_keys_and_only_its_key_opens_it(house: House) -> None:
    for name in ("aa", "bb"):
        await acts.create_centre(house.meetings, name)
    made = await finished(house)
    data = await fetched(house, made.name)
    assert made.size == len(data)
    header, _ = read_header(BytesIO(data))
    assert isinstance(header, Header)
    assert header.site == "local"
    lines = list(read(BytesIO(data), KEY))
    (manifest,) = (line for line in lines if isinstance(line, Manifest))
    assert [service.name for service in manifest.services] == ["meetings", "watcher"]
    assert sorted(line.id for line in lines if isinstance(line, Kept)) == ["aa", "bb"]
    secrets = {line.path: line.data for line in lines if isinstance(line, Secret)}
    keys = await asyncio.to_thread((house.settings.data / "keys" / "token.key").read_bytes)
    assert secrets["keys/token.key"] == keys
    assert b"house" not in data.split(b"\n", 1)[1]
    with pytest.raises(Damaged):
        list(read(BytesIO(data), bytes(32)))


async def test_the_status_says_as_of_when_the_newest_backup_is_that_somebody_has(house: House) -> None:
    made = await finished(house)
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    assert not status.HasField("last_backup_time")  # nobody has it yet
    await fetched(house, made.name)
    await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name))
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    assert status.last_backup_time.ToMilliseconds() == made.create_time.ToMilliseconds()


async def test_a_backup_is_for_its_owner_alone_and_goes_when_it_is_deleted(house: House) -> None:
    made = await finished(house)
    folder = house.settings.data / "backups"
    (path,) = await asyncio.to_thread(lambda: list(folder.iterdir()))
    modes = await asyncio.to_thread(lambda: (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777))
    assert modes == (0o600, 0o700)
    await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name))
    assert await asyncio.to_thread(lambda: list(folder.iterdir())) == []
    for call in (
        house.admin.GetBackup(pb.GetBackupRequest(name=made.name)),
        house.admin.ReadBackup(pb.ReadBackupRequest(name=made.name)),
        house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name)),
        house.admin.GetBackup(pb.GetBackupRequest(name="backups/../lock")),
    ):
        assert (await problem(call)).code == "NOT_FOUND"


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
async def test_a_key_that_is_none_is_refused(house: House, key: bytes) -> None:
    assert (await problem(house.admin.CreateBackup(pb.CreateBackupRequest(key=key)))).code == "INVALID_ARGUMENT"


async def test_a_backup_leaves_nothing_behind_when_the_process_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await finished(house)
    assert list((tmp_path / "var" / "backups").iterdir()) == []


# The files


class Slow(MemoryStore):
    """A store whose dump waits until it is let go on."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(KINDS, clock)
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def dump(self) -> AsyncIterator[Any]:
        async for entry in super().dump():
            yield entry
        await self.go_on.wait()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[tuple[Backups, Slow, VirtualClock]]:
    clock = VirtualClock(START)
    store = Slow(clock)
    await store.commit(commit(meeting("a")))
    backups = Backups(folder / "backups", folder, "local", clock, Ids(), LOG)
    yield backups, store, clock
    await backups.close()


def source(store: Slow) -> list[Source]:
    return [Source("meetings", "memory", KINDS, store)]


async def test_a_second_one_is_not_begun_while_one_is_made(house: House) -> None:
    hosted = house.hosted("meetings")
    slow = Slow(VirtualClock(START))
    hosted.own_store, real = slow, hosted.own_store
    try:
        first = await house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY))
        refused = await problem(house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY)))
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "BACKUP_RUNNING")
        refused = await problem(house.admin.ReadBackup(pb.ReadBackupRequest(name=first.name)))
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "BACKUP_UNFINISHED")
        await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=first.name))
    finally:
        hosted.own_store = real
    assert (await finished(house)).done


async def test_one_that_fails_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, _):
        store.error = OSError("the disk is full")
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        assert (made.done, made.failure) == (False, "the disk is full")
        assert list((tmp_path / "backups").iterdir()) == []


async def test_one_that_nobody_fetches_goes_after_a_day(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, clock):
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        await clock.advance(KEEP - 1)
        backups.forget_old()
        assert backups.get(made.id) is made
        await clock.advance(1)
        backups.forget_old()
        assert backups.get(made.id) is None
        assert list((tmp_path / "backups").iterdir()) == []


async def test_what_another_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, _):
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        for name in ("old.backup", "old.backup.part", "notes.txt"):
            (tmp_path / "backups" / name).touch()
        backups.sweep()
        assert {path.name for path in (tmp_path / "backups").iterdir()} == {f"{made.id}.backup", "notes.txt"}


async def test_writes_go_on_while_a_backup_is_made_and_it_is_of_one_moment(house: House) -> None:
    for n in range(20):
        await acts.create_centre(house.meetings, f"before-{n}")
    made = await house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY))
    after = [await acts.create_centre(house.meetings, f"after-{n}") for n in range(20)]
    assert len(after) == 20

    async def done() -> bool:
        return bool((await house.admin.GetBackup(pb.GetBackupRequest(name=made.name))).done)

    await until(done)
    lines = list(read(BytesIO(await fetched(house, made.name)), KEY))
    found = {line.id for line in lines if isinstance(line, Kept)}
    assert {f"before-{n}" for n in range(20)} <= found
    late = sorted(int(id_.removeprefix("after-")) for id_ in found if id_.startswith("after-"))
    assert late == list(range(len(late)))  # as of one moment: those that came before it, without a hole


async def no_problems() -> dict[str, str]:
    return {}


async def test_the_folder_is_where_the_settings_say(tmp_path: Path) -> None:
    settings = replace(Settings(), data=tmp_path, backups=tmp_path / "elsewhere")
    admin = Admin([], no_problems, settings, SystemClock(), Ids(), LOG)
    made = admin._backups.begin(KEY, [])
    assert made.task is not None
    await made.task
    assert os.listdir(tmp_path / "elsewhere") == [made.path.name]  # noqa: PTH208 - names
    await admin._backups.close()
