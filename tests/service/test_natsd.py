"""The embedded server: it belongs to one process and one folder, and outlives neither."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.kit.clock import SystemClock
from services.kit.folder import DataFolder, FolderTaken
from services.kit.natsd import _LAUNCH, NatsServer
from services.kit.streams import check_sync
from tests.contract.bus_fixtures import LOG, USERS, event, kill, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).parents[2]

OWNER = """
import asyncio, sys, structlog
from pathlib import Path
from services.kit.clock import SystemClock
from services.kit.folder import DataFolder
from services.kit.natsd import NatsServer

async def main():
    folder = DataFolder(Path(sys.argv[1]))
    await folder.acquire()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    server = NatsServer(folder, [], SystemClock(), structlog.get_logger())
    await server.start()
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    await folder.acquire()
    yield folder
    folder.release()


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def alive(pid: int) -> bool:
    try:
        state = proc(pid, "stat").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a zombie holds nothing; its reaper may be slow in a container


@asynccontextmanager
async def owner(path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A process of its own that owns the folder and runs a server, and the server's pid."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, str(path)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        yield process, int(await asyncio.wait_for(process.stdout.readline(), 30))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_folder_has_one_owner_and_the_refusal_names_it(folder: DataFolder) -> None:
    with pytest.raises(FolderTaken, match=str(os.getpid())) as refused:
        await DataFolder(folder.path).acquire()
    assert refused.value.owner == os.getpid()


async def test_a_folder_that_was_released_is_free(folder: DataFolder) -> None:
    folder.release()
    other = DataFolder(folder.path)
    await other.acquire()
    other.release()


async def test_a_folder_is_closed_to_others(folder: DataFolder) -> None:
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


async def test_configuration_and_passwords_are_for_the_owner_only_and_not_logged(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        home = tmp_path / "data" / "nats"
        modes = {name: stat.S_IMODE((home / name).stat().st_mode) for name in ("nats.conf", "passwords.json")}
        assert modes == {"nats.conf": 0o600, "passwords.json": 0o600}
        words = [site.server.password(user.name) for user in USERS]
        assert len(set(words)) == len(USERS)
        log = (home / "nats.log").read_text()
        command = proc(site.server.pid, "cmdline")
        assert not [word for word in words if word in log or word in command]


async def test_it_listens_on_loopback_only_and_writes_through(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        assert site.server.url.startswith("nats://127.0.0.1:")
        assert site.server.monitor_url.startswith("http://127.0.0.1:")
        assert await check_sync([site.server.monitor_url]) == []


async def test_it_starts_whatever_proxy_the_environment_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with running(tmp_path / "data") as site:
        assert site.server.pid


async def test_a_server_that_does_not_write_through_is_named_with_the_setting(folder: DataFolder) -> None:
    server = Sloppy(folder, USERS, SystemClock(), LOG)
    await server.start()
    try:
        assert await check_sync([server.monitor_url]) == [
            f"{server.monitor_url}: jetstream.sync_interval must be 'always'"
        ]
    finally:
        await server.stop()
    (problem,) = await check_sync([server.monitor_url])
    assert "does not say how it writes to disk" in problem
    assert await check_sync([]) == ["NATS_MONITOR_URLS names no server, so that sync_interval cannot be seen"]


class Sloppy(NatsServer):
    """A server with the default sync interval, two minutes."""

    def _configuration(self) -> dict[str, object]:
        configuration = super()._configuration()
        del configuration["jetstream"]["sync_interval"]
        return configuration


async def test_passwords_streams_and_messages_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        before = site.server.password("meetings")
        await (await site.bus("meetings")).publish(event("a", 1), 0)
    async with running(tmp_path / "data") as site:
        assert site.server.password("meetings") == before
        state = await (await site.bus("meetings")).stream("PUBLIC_home")
        assert state is not None
        assert state.last_sequence == 1


async def test_a_killed_server_is_started_again_on_the_same_ports(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        bus = await site.bus("meetings")
        url = site.server.url
        times: list[int] = []
        bus.watch(lambda: times.append(site.server.pid))
        killed = kill(site.server)
        await until(lambda: times)
        assert times[0] != killed
        assert site.server.url == url


async def test_a_killed_owner_leaves_no_server_behind_and_the_folder_can_be_taken_at_once(tmp_path: Path) -> None:
    async with owner(tmp_path / "data") as (process, server):
        assert alive(server)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        heir = DataFolder(tmp_path / "data")
        await heir.acquire()  # waits for the child, whose copy of the lock falls with it
        assert not alive(server)
        heir.release()


async def test_a_folder_of_a_running_owner_is_refused_to_another_process(tmp_path: Path) -> None:
    async with owner(tmp_path / "data") as (process, _):
        with pytest.raises(FolderTaken) as refused:
            await DataFolder(tmp_path / "data").acquire()
        assert refused.value.owner == process.pid


async def test_the_child_holds_the_lock_too(tmp_path: Path) -> None:
    async with owner(tmp_path / "data") as (process, server):
        assert _holders(tmp_path / "data" / "lock", process.pid, server) == [process.pid, server]


def _holders(path: Path, *pids: int) -> list[int]:
    return [pid for pid in pids if any(link.resolve() == path.resolve() for link in Path(f"/proc/{pid}/fd").iterdir())]


async def test_the_launcher_does_not_start_a_server_for_a_parent_that_is_gone() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _LAUNCH, "1", "/bin/echo", "started"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert (output, errors.strip()) == (b"", b"the parent is gone")


async def test_stopping_ends_the_child(folder: DataFolder) -> None:
    server = NatsServer(folder, USERS, SystemClock(), LOG)
    await server.start()
    pid = server.pid
    await server.stop()
    assert not alive(pid)
    with pytest.raises(RuntimeError):
        _ = server.pid


async def test_a_server_that_cannot_start_says_why(folder: DataFolder) -> None:
    server = Wrong(folder, USERS, SystemClock(), LOG)
    with pytest.raises(Exception, match="nonsense"):
        await server.start()


class Wrong(NatsServer):
    """A server with a configuration it refuses."""

    def _configuration(self) -> dict[str, object]:
        return {**super()._configuration(), "nonsense": json.dumps(1)}


def test_a_folder_of_somebody_else_is_not_taken_and_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "letter.txt").write_text("not ours")
    with pytest.raises(FileExistsError, match="holds other things"):
        asyncio.run(DataFolder(tmp_path).acquire())
    assert tmp_path.stat().st_mode & 0o777 == 0o755


async def test_a_fault_of_ours_while_starting_the_server_again_is_told(folder: DataFolder) -> None:
    server = Faulty(folder, USERS, SystemClock(), LOG)
    await server.start()
    assert not server.unwatched.is_set()
    server.faulty = True
    kill(server)
    await asyncio.wait_for(server.unwatched.wait(), 60)
    await server.stop()


class Faulty(NatsServer):
    """A server that we make a mistake with."""

    faulty = False

    async def _launch(self) -> None:
        if self.faulty:
            raise RuntimeError("a mistake of ours")
        await super()._launch()
