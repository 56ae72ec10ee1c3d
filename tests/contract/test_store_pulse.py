"""Whether the SQLite store says truly that it can be written to, and who is told what when something fails."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from services.kit import points
from services.kit.clock import SystemClock
from services.kit.store import pulse, schema
from services.kit.store.port import Commit, OutcomeUnknown, Unwritten
from services.kit.store.sqlite import SqliteStore
from tests.contract.store_fixtures import KINDS, commit, ids, meeting

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

SIZE = 16 * 1024 * 1024


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy is no writer that hangs, and a heartbeat is believed for as long as a test may take."""
    monkeypatch.setattr(pulse, "PATIENCE", 60.0)
    monkeypatch.setattr(pulse, "INTERVAL", 300.0)


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", KINDS, SystemClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk that fills up needs the right to mount one")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def says(store: SqliteStore, condition: Callable[[str], bool]) -> str:
    """What the store says of itself once it fits."""
    async with asyncio.timeout(60):
        while not condition(reason := await store.serving()):  # noqa: ASYNC110 - a thread answers
            await asyncio.sleep(0.05)
    return reason


async def beats(store: SqliteStore) -> int:
    return await store._read(lambda connection: schema.meta(connection, "heartbeat") or 0)


@contextmanager
def at(point: str, do: Callable[[], object]) -> Iterator[list[str]]:
    """Does that at a point; gives the points that were reached."""
    reached: list[str] = []

    def listener(name: str) -> None:
        reached.append(name)
        if name == point:
            do()

    points.listen(listener)
    try:
        yield reached
    finally:
        points._listeners.remove(listener)


def fail() -> None:
    raise RuntimeError("stop here")


# Serving


async def test_a_full_disk_is_noticed_and_so_is_its_end(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "store.db", KINDS, SystemClock())
    await store.open()
    assert await store.serving() == ""
    ballast = small_disk / "ballast"
    with suppress(OSError):
        await asyncio.to_thread(ballast.write_bytes, bytes(SIZE))
    assert "left" in await store.serving()
    with pytest.raises(Unwritten):
        await store.commit(commit(meeting("big", notes="x" * 3_000_000)))
    assert await says(store, bool)
    await asyncio.to_thread(ballast.unlink)
    await says(store, lambda reason: reason == "")
    await store.commit(commit(meeting("big", notes="x" * 3_000_000)))
    assert await ids(store, {}) == ["big"]
    await store.close()


async def test_a_disk_that_is_nearly_full_is_said_before_a_commit_fails(small_disk: Path) -> None:
    store = SqliteStore(small_disk / "store.db", KINDS, SystemClock())
    await store.open()
    await asyncio.to_thread((small_disk / "ballast").write_bytes, bytes(SIZE - pulse.LEAST))
    assert "KiB left" in await store.serving()
    await store.commit(commit(meeting("a")))
    await store.close()


async def test_a_writer_that_hangs_does_not_serve_and_is_not_given_more_to_do(
    file: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "PATIENCE", 0.05)
    go_on = threading.Event()

    def hang(_: sqlite3.Connection) -> None:
        go_on.wait(30)

    hanging = asyncio.create_task(file._write(hang))
    await asyncio.sleep(0)
    assert [await file.serving() for _ in range(3)] == ["the writer does not answer"] * 3
    go_on.set()
    await hanging
    assert await says(file, lambda reason: reason == "") == ""
    assert await beats(file) == 1


async def test_it_is_tried_once_in_a_while_however_often_it_is_asked(file: SqliteStore) -> None:
    for _ in range(50):
        assert await file.serving() == ""
    assert await beats(file) == 1


async def test_after_a_write_that_failed_it_is_tried_again_soon(file: SqliteStore) -> None:
    assert await file.serving() == ""
    begun = time.monotonic()
    with at("store.commit", fail):
        with pytest.raises(Unwritten):
            await file.commit(commit(meeting("a")))
        assert await says(file, bool) == "cannot be written to: stop here"
    await says(file, lambda reason: reason == "")
    assert time.monotonic() < begun + pulse.INTERVAL


# Who is told


async def test_what_fails_before_the_commit_wrote_nothing_and_what_fails_after_it_is_unknown(
    file: SqliteStore,
) -> None:
    with at("store.commit", fail) as reached, pytest.raises(Unwritten):
        await file.commit(commit(meeting("a")))
    assert reached == ["store.commit"]
    with at("store.committed", fail) as reached, pytest.raises(OutcomeUnknown):
        await file.commit(commit(meeting("b")))
    assert reached == ["store.commit", "store.committed"]
    await file.commit(commit(meeting("c")))
    assert await ids(file, {}) == ["b", "c"]


@pytest.mark.parametrize("fault", [ValueError("no"), asyncio.CancelledError()])
async def test_a_listener_that_fails_leaves_neither_committers_nor_listeners_waiting(
    file: SqliteStore, fault: BaseException
) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    heard: list[Commit] = []

    def broken(_: Commit) -> None:
        raise fault

    file.watch(broken)
    file.watch(heard.append)
    async with asyncio.timeout(60):
        await asyncio.gather(*(file.commit(commit(meeting(f"m{n}"))) for n in range(20)))
    assert len(heard) == 20
    assert faults == [fault] * 20


async def test_who_was_to_hear_of_a_job_and_fails_leaves_nobody_waiting(file: SqliteStore) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(str(context["exception"])))

    def told(_: object) -> None:
        raise RuntimeError("did not listen")

    writes = [file._write(lambda _: 1, told), file._write(lambda _: 2)]
    async with asyncio.timeout(60):
        assert await asyncio.gather(*writes) == [1, 2]
    assert faults == ["did not listen"]
