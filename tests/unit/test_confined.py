from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.kit.confined import Broken, Confinement, Exceeded, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

ACTS = "tests.unit.confined_acts:"
ORDINARY = Limits(wall=100.0)
TIGHT = Limits(cpu=1, memory=256 * 2**20, wall=100.0, answer=2**20)


PARENT = """
import asyncio, os, pathlib, sys
from services.kit.confined import Confinement

class Told(Confinement):
    async def _started(self):
        child = await super()._started()
        pathlib.Path(sys.argv[1]).write_text(str(child.pid))
        return child

asyncio.run(Told().run("tests.unit.confined_acts:dawdle", b""))
"""
"""A process that starts a child which waits, and writes its number into a file."""


def alive(pid: int) -> bool:
    """Whether it runs; what only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], int]) -> int:
    """What the condition gives once it is true."""
    async with asyncio.timeout(60):  # of a machine that may be busy with much else
        while not (found := condition()):  # noqa: ASYNC110 - a process tells nobody
            await asyncio.sleep(0.01)
    return found


def children() -> list[int]:
    """Process ids of the children of this process."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):  # no process, or gone
            continue
        if folder.name.isdecimal() and parent == os.getpid():
            found.append(int(folder.name))
    return found


async def test_bytes_go_in_and_come_out_as_they_are() -> None:
    data = os.urandom(3_000_000)
    assert await Confinement(ORDINARY).run(ACTS + "echo", data) == data


async def test_nothing_comes_back_from_nothing() -> None:
    assert await Confinement(ORDINARY).run(ACTS + "echo", b"") == b""


@pytest.mark.parametrize(("act", "limit"), [("burn", "cpu"), ("grow", "memory"), ("talk", "answer")])
async def test_what_takes_too_much_is_ended_and_the_limit_is_named(act: str, limit: str) -> None:
    with pytest.raises(Exceeded) as exceeded:
        await Confinement(TIGHT).run(ACTS + act, b"")
    assert exceeded.value.limit == limit


async def test_what_only_waits_is_ended_by_the_clock() -> None:
    with pytest.raises(Exceeded, match=r"more than 0\.5 seconds") as exceeded:
        await Confinement(Limits(wall=0.5)).run(ACTS + "dawdle", b"")
    assert exceeded.value.limit == "wall"


async def test_a_failure_says_nothing_of_what_came_in() -> None:
    with pytest.raises(Broken) as broken:
        await Confinement(ORDINARY).run(ACTS + "fail", b"secret")
    assert broken.value.code == 1
    assert "secret" not in str(broken.value)


async def test_a_crash_of_the_child_is_not_one_of_the_parent() -> None:
    with pytest.raises(Broken) as broken:
        await Confinement(ORDINARY).run(ACTS + "crash", b"")
    assert broken.value.code < 0


async def test_a_function_that_is_not_there_is_a_failure() -> None:
    with pytest.raises(Broken):
        await Confinement(ORDINARY).run(ACTS + "nothing_of_the_kind", b"")


async def test_a_child_that_does_not_listen_is_no_error_of_its_own() -> None:
    with pytest.raises(Broken):
        await Confinement(TIGHT).run("no.such.module:at_all", os.urandom(5_000_000))


async def test_a_child_has_two_pipes_no_environment_and_limits_it_cannot_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCHAIR_PAGE_SECRET", "x")
    found = json.loads(await Confinement(TIGHT).run(ACTS + "situation", b""))
    assert found["files"] == [0, 1, 2]
    assert [name for name in found["environment"] if not name.startswith("LC_")] == []
    assert (found["folder"], found["nice"], found["session"]) == ("/", 10, True)
    assert found["memory"] == [TIGHT.memory, TIGHT.memory]
    assert found["cpu"] == [1, 2]
    assert found["written"] == [0, 0]


async def test_a_child_writes_no_file(tmp_path: Path) -> None:
    with pytest.raises(Broken):
        await Confinement(ORDINARY).run(ACTS + "write", str(tmp_path / "file").encode())
    assert not (tmp_path / "file").exists() or not (tmp_path / "file").read_bytes()


async def test_a_child_ends_with_the_process_that_started_it_however_that_ended(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "pid")], cwd=Path.cwd())  # noqa: ASYNC220 - comes back at once
    child = await until(lambda: (tmp_path / "pid").exists() and int((tmp_path / "pid").read_text() or 0))
    assert alive(child)
    parent.kill()
    parent.wait()
    await until(lambda: not alive(child))


@pytest.mark.skipif(os.getuid() == 0, reason="root may start processes and raise limits whatever is set")
@pytest.mark.parametrize("act", ["fork", "raise_limits"])
async def test_a_child_starts_nothing_and_cannot_raise_its_limits(act: str) -> None:
    with pytest.raises(Broken):
        await Confinement(TIGHT).run(ACTS + act, b"")


async def test_a_child_does_not_inherit_what_its_parent_has_open(tmp_path: Path) -> None:
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)  # noqa: FBT003 - its only form
        found = json.loads(await Confinement(TIGHT).run(ACTS + "situation", b""))
    assert found["files"] == [0, 1, 2]


async def test_the_event_loop_goes_on_meanwhile() -> None:
    running = asyncio.ensure_future(Confinement(TIGHT).run(ACTS + "burn", b""))
    turns = 0
    while not running.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 20
    assert isinstance(running.exception(), Exceeded)


async def test_only_so_many_run_at_once() -> None:
    confinement = Confinement(TIGHT, at_once=2)
    before = set(children())
    all_ = asyncio.gather(*(confinement.run(ACTS + "burn", b"") for _ in range(4)), return_exceptions=True)
    most = 0
    while not all_.done():
        most = max(most, len(set(children()) - before))
        await asyncio.sleep(0.02)
    assert most == 2
    assert all(isinstance(each, Exceeded) for each in all_.result())


async def test_whoever_is_cancelled_leaves_no_child_behind() -> None:
    before = set(children())
    running = asyncio.ensure_future(Confinement(ORDINARY).run(ACTS + "dawdle", b""))
    while not set(children()) - before:  # noqa: ASYNC110 - a process tells nobody that it has begun
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert set(children()) - before == set()
