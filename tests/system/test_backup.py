"""A backup, and what becomes of a machine that is lost: everything is as it was at that moment, calendars included."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from services.kit.clock import SystemClock
from services.kit.store.mongo import MongoStore
from services.meetings.records import KINDS
from tests.contract.mongo_wire_beside import beside
from tests.system import acts
from tests.system.running import ROOT, System, environment, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.process import Answer

HOUSE = "centres/house"
START = "2026-11-24T19:00"
MEETINGS = 5
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="
ENVIRON = {"OPENCHAIR_ENV": "production", "OPENCHAIR_PUBLIC_URL": "https://chairs.example.org"}
LATER = "What came later"

_KILLED_AT = """
import os, signal, sys
from services.kit import points
from services.cli.__main__ import main

def reached(point):
    if point == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

points.listen(reached)
main(sys.argv[2:])
"""


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    return path


@pytest.fixture
def environ(key: Path) -> dict[str, str]:
    return {**ENVIRON, "OPENCHAIR_BACKUP_KEY_FILE": str(key)}


@pytest.fixture
def first(tmp_path: Path, environ: dict[str, str]) -> Iterator[System]:
    with running(tmp_path / "first", environ) as system:
        yield system


async def furnish(system: System) -> list[str]:
    """A centre with meetings; their names."""
    async with system.meetings() as stub:
        await acts.create_centre(stub, "house")
        made = [await acts.create_meeting(stub, HOUSE, f"Before {number}", START) for number in range(MEETINGS)]
    until(lambda: system.get("/calendars/house.ics").status == 200, "the centre has a calendar")
    until(lambda: len(acts.events(system.feed("house"))) == MEETINGS, "all are in the calendar")
    return [meeting.name for meeting in made]


class House(NamedTuple):
    """A system with a centre, which runs, and the names of its meetings."""

    system: System
    names: list[str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests that change nothing in it."""
    folder = tmp_path_factory.mktemp("house")
    key = folder / "key"
    key.write_text(KEY + "\n")
    with running(folder / "site", {**ENVIRON, "OPENCHAIR_BACKUP_KEY_FILE": str(key)}) as system:
        with ThreadPoolExecutor(1) as thread:
            names = thread.submit(asyncio.run, furnish(system)).result()
        yield House(system, names)


async def change(system: System, names: list[str]) -> None:
    """What the backup does not know: a new meeting, another title, a new centre."""
    async with system.meetings() as stub:
        await acts.create_meeting(stub, HOUSE, LATER, START)
        await acts.rename(stub, names[0], "Renamed later")
        await acts.create_centre(stub, "later")
    until(lambda: LATER in acts.summaries(system.feed("house")), "the calendar shows it")
    until(lambda: system.get("/calendars/later.ics").status == 200, "the new centre has a calendar")


def done(finished: subprocess.CompletedProcess[str], code: int = 0) -> str:
    """What a command said on standard output, or, where it failed, as an error."""
    assert finished.returncode == code, finished.stderr + finished.stdout
    return finished.stdout if code == 0 else finished.stderr


def backed_up(system: System, path: Path, *options: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(done(system.command("backup", *options, "--json", str(path))))
    return told


def shown(answer: Answer) -> tuple[bytes, str, str]:
    """What a calendar client keeps: the bytes, and what it asks with the next time."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return answer.body, headers["etag"], headers["last-modified"]


def backups_in(folder: Path) -> set[str]:
    """Names of finished and unfinished backups."""
    return {path.name for path in folder.glob("*.backup*")}


def killed_at(point: str, system: System, *arguments: str) -> None:
    """Runs a command that is killed when it comes to this point."""
    command = [sys.executable, "-c", _KILLED_AT, point, *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=environment(system.environ), capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr


# The machine is lost


async def test_on_a_new_machine_the_calendars_are_those_of_the_backup(
    first: System, tmp_path: Path, environ: dict[str, str]
) -> None:
    names = await furnish(first)
    before = shown(first.get("/calendars/house.ics"))
    backup = tmp_path / "house.backup"
    told = backed_up(first, backup)
    assert told["services"]["meetings"]["meeting"] == MEETINGS
    assert backup.stat().st_mode & 0o777 == 0o600
    await change(first, names)
    first.kill()
    shutil.rmtree(first.data)

    second = System(tmp_path / "second", environ)
    said = done(second.command("restore", str(backup)))
    assert "Start it: make run" in said
    try:
        second.start()
        assert shown(second.get("/calendars/house.ics")) == before
        assert second.get("/calendars/later.ics").status == 404
        async with second.meetings() as stub:  # with the keys of the first machine: restored too
            await acts.rename(stub, names[0], "Renamed on the new machine")
        until(lambda: "Renamed on the new machine" in acts.summaries(second.feed("house")), "it goes on from there")
        assert second.stop() == 0
    finally:
        second.clean()


async def test_on_the_same_machine_with_its_old_streams_what_came_later_disappears(
    first: System, tmp_path: Path
) -> None:
    names = await furnish(first)
    before = first.feed("house")
    backup = tmp_path / "house.backup"
    backed_up(first, backup)
    await change(first, names)
    assert first.stop() == 0

    refused = done(first.command("restore", str(backup)), 1)
    assert "meetings.sqlite" in refused
    assert "--replace" in refused
    told = json.loads(done(first.command("restore", "--replace", "--json", str(backup))))
    first.start()
    assert first.feed("house") == before
    until(lambda: first.get("/calendars/later.ics").status == 404, "the later centre has no calendar any more")
    async with first.meetings() as stub:
        assert LATER not in await acts.titles(stub, HOUSE)
    aside = tmp_path / "first" / "var" / told["aside"].rsplit("/", 1)[1] / "meetings.sqlite"
    assert LATER.encode() in aside.read_bytes()  # nothing is deleted


@pytest.mark.slow
async def test_a_second_restore_of_the_same_backup_ends_in_the_same_place(first: System, tmp_path: Path) -> None:
    names = await furnish(first)
    before = first.feed("house")
    backup = tmp_path / "house.backup"
    backed_up(first, backup)
    for _ in range(2):
        await change(first, names)
        assert first.stop() == 0
        done(first.command("restore", "--replace", str(backup)))
        first.start()
        assert first.feed("house") == before


@pytest.mark.slow
async def test_a_backup_of_a_stopped_server_holds_the_same(first: System, tmp_path: Path) -> None:
    await furnish(first)
    online = backed_up(first, tmp_path / "online.backup")
    running_still = done(first.command("backup", "--offline", str(tmp_path / "refused.backup")), 1)
    assert "leave out --offline" in running_still
    first.kill()
    no_server = done(first.command("backup", str(tmp_path / "refused.backup")), 4)
    assert "--offline" in no_server
    offline = backed_up(first, tmp_path / "offline.backup", "--offline")
    assert offline["services"] == online["services"]
    assert offline["keys"] == online["keys"] > 0
    assert backups_in(tmp_path) == {"online.backup", "offline.backup"}


@pytest.fixture
def mongodb() -> Iterator[str]:
    """A stand-in that speaks MongoDB's protocol: it shows what the command sends, and proves nothing about a server."""
    with beside() as url:
        yield url


@pytest.mark.slow
async def test_a_backup_of_sqlite_goes_into_mongodb_once(
    house: House, tmp_path: Path, environ: dict[str, str], mongodb: str
) -> None:
    first, names = house
    backup = tmp_path / "house.backup"
    backed_up(first, backup)
    larger = System(tmp_path / "larger", {**environ, "MONGODB_URL": mongodb})
    done(larger.command("restore", str(backup)))
    store = MongoStore(mongodb, "openchair_local_meetings", KINDS, SystemClock())
    await store.open()
    found = [await store.get("meeting", name.rpartition("/")[2]) for name in names]
    assert [record and record.state["title"] for record in found] == [f"Before {n}" for n in range(MEETINGS)]
    assert await store.epoch() > 1_700_000_000
    await store.close()
    assert (larger.data / "keys" / "token.key").read_bytes() == (first.data / "keys" / "token.key").read_bytes()
    assert "not empty" in done(larger.command("restore", str(backup)), 1)
    assert sorted(path.name for path in larger.data.iterdir()) == ["keys", "lock"]


# What is refused, and leaves everything as it was


@pytest.mark.slow
def test_what_cannot_be_restored_is_refused_before_anything_is_written(
    house: House, tmp_path: Path, environ: dict[str, str]
) -> None:
    first = house.system
    backup, damaged, cut = tmp_path / "house.backup", tmp_path / "damaged.backup", tmp_path / "cut.backup"
    backed_up(first, backup)
    data = backup.read_bytes()
    damaged.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
    cut.write_bytes(data[:-100])
    other = tmp_path / "other-key"
    other.write_text(KEY[::-1])
    empty = System(tmp_path / "empty", environ)
    for arguments, reason in (
        ((str(damaged),), "damaged"),
        ((str(cut),), "cut off"),
        ((str(tmp_path / "nothing.backup"),), "No such file"),
        (("--key-file", str(other), str(backup)), "key file"),
    ):
        assert reason in done(empty.command("restore", *arguments), 1)
        assert not empty.data.exists()
    elsewhere = System(tmp_path / "elsewhere", {**environ, "OPENCHAIR_SITE": "elsewhere"})
    assert "OPENCHAIR_SITE=local" in done(elsewhere.command("restore", str(backup)), 1)
    for file in (backup, damaged):  # that a server runs is said before a file is read whole
        assert "belongs to the running process" in done(first.command("restore", "--replace", str(file)), 1)
    assert first.readiness().ready


def test_a_backup_never_overwrites_and_is_verified_by_reading_it_whole(house: House, tmp_path: Path) -> None:
    first = house.system
    backup = tmp_path / "house.backup"
    told = backed_up(first, backup)
    data = backup.read_bytes()
    assert "is there already" in done(first.command("backup", str(backup)), 1)
    assert backup.read_bytes() == data
    assert json.loads(done(first.command("backup", "--verify", "--json", str(backup)))) == told
    said = done(first.command("backup", "--verify", str(backup)))
    assert f"{MEETINGS} meeting" in said
    backup.write_bytes(data[:-1])
    assert "cut off" in done(first.command("backup", "--verify", str(backup)), 1)


# Killed in the middle


async def test_a_backup_that_was_killed_is_none(first: System, tmp_path: Path) -> None:
    await furnish(first)
    assert first.stop() == 0
    backup, part = tmp_path / "house.backup", tmp_path / "house.backup.part"
    killed_at("backup.part", first, "backup", "--offline", str(backup))
    assert not backup.exists()
    assert "not a backup that can be used" in done(first.command("backup", "--verify", str(part)), 1)
    backed_up(first, backup, "--offline")
    assert not part.exists()


def test_a_restore_that_was_killed_is_run_again_and_nothing_starts_before(
    house: House, tmp_path: Path, environ: dict[str, str]
) -> None:
    first = house.system
    before = shown(first.get("/calendars/house.ics"))
    backup = tmp_path / "house.backup"
    backed_up(first, backup)
    second = System(tmp_path / "second", environ)
    killed_at("restore.fill", second, "restore", str(backup))
    second.launch()
    assert second.wait() == 1
    assert "a restore was not finished" in second.said()
    done(second.command("restore", str(backup)))
    assert not list(second.data.glob("*restor*"))
    try:
        second.start()
        assert shown(second.get("/calendars/house.ics")) == before
        assert second.stop() == 0
    finally:
        second.clean()


# Passphrases


def typed(system: System, lines: list[str], *arguments: str) -> tuple[int, str]:
    """Runs the command on a terminal of its own, where these lines are typed when it asks."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        command = [sys.executable, "-m", "services.cli", *arguments]
        os.execve(sys.executable, command, environment(system.environ))  # noqa: S606 - the program under test
    said = b""
    waiting = list(lines)
    try:
        while piece := os.read(terminal, 4096):
            said += piece
            if waiting and piece.rstrip().endswith(b":"):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode(errors="replace")


@pytest.mark.slow
def test_a_passphrase_is_asked_for_twice_and_opens_the_backup(house: House, tmp_path: Path) -> None:
    system = System(tmp_path)
    system.environ = {key: value for key, value in house.system.environ.items() if "KEY_FILE" not in key}
    backup = str(tmp_path / "house.backup")
    words = "six words that nobody guesses easily"
    code, said = typed(system, [words, "others"], "backup", backup)
    assert (code, "two different" in said) == (2, True), said
    code, said = typed(system, ["short"], "backup", backup)
    assert (code, "12 characters" in said) == (2, True), said
    code, said = typed(system, [words, words], "backup", backup)
    assert (code, words in said) == (0, False), said
    code, said = typed(system, [words], "backup", "--verify", backup)
    assert (code, f"{MEETINGS} meeting" in said) == (0, True), said
    code, said = typed(system, ["another one altogether"], "backup", "--verify", backup)
    assert (code, "not the one of this backup" in said) == (1, True), said
    refused = done(system.command("backup", "--verify", backup), 2)
    assert "--key-file" in refused  # no terminal, nobody to ask


# Publishing again


def test_republish_and_dead_letters_speak_to_a_person_and_to_a_program(house: House) -> None:
    first = house.system
    said = done(first.command("republish"))
    assert "published again" in said
    told = json.loads(done(first.command("republish", "--service", "meetings", "--new-epoch", "--json")))
    assert told["count"] >= MEETINGS + 1
    assert "rsvps" not in done(first.command("dead", "list"))
    assert json.loads(done(first.command("dead", "list", "--json"))) == {
        "meetings": [],
        "rsvps": [],
        "feeds": [],
        "web": [],
    }
    assert "--service: is not a service of this process" in done(first.command("dead", "list", "--service", "x"), 2)
    assert done(first.command("dead", "replay", "--service", "meetings")) == "0 handled, 0 failed again.\n"
    until(lambda: len(acts.events(first.feed("house"))) == MEETINGS, "the calendar is as it was")
