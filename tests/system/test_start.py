"""Starting, stopping and being started again, as whoever runs the site does it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import vobject
from icalendar import Calendar

from services.kit.client import RpcError
from tests.system import acts
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

SAMPLE = "centres/riverside"
CALLERS = 50
UNKNOWN = {"UNAVAILABLE", "CANCELLED"}
"""What a caller may be told while the server goes: the call was not done, or nobody knows."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture
def system(kept: System) -> System:
    """Running, with the sample as it came; whatever the test before it did."""
    if kept.process is None or kept.process.poll() is not None:
        kept.start()
    return kept


def stored_meetings(system: System) -> int:
    """How many meetings are in a database, finished or not, whoever has it open; 0 where there is none yet."""
    for name in ("meetings.new", "meetings.sqlite"):
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(f"file:{system.data / name}?mode=ro", uri=True)) as found,
        ):
            return int(found.execute("SELECT count(*) FROM record_meeting").fetchone()[0])
    return 0


def free(system: System) -> bool:
    """Whether nobody owns the data folder."""
    descriptor = os.open(system.data / "lock", os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


async def test_the_first_start_loads_thirty_meetings_with_one_moved_and_one_cancelled_date(system: System) -> None:
    async with system.meetings() as stub:
        meetings = await acts.meetings(stub, SAMPLE)
    changes = [change for meeting in meetings for change in meeting.changes]

    assert len(meetings) == 30
    assert sorted((change.HasField("start"), change.cancelled) for change in changes) == [(False, True), (True, False)]


def test_a_site_for_others_has_no_sample_and_names_none(tmp_path: Path) -> None:
    others = {"OPENCHAIR_ENV": "production", "OPENCHAIR_PUBLIC_URL": "https://chairs.example.org"}
    with running(tmp_path, others) as site:
        until(lambda: "Openchair is ready" in site.said(), "it greets")
        assert stored_meetings(site) == 0
        assert "https://chairs.example.org/calendars/<centre>.ics" in site.said()
        assert "riverside" not in site.said()


def test_the_sample_calendar_is_valid(system: System) -> None:
    answer = system.get("/calendars/riverside.ics")

    assert (answer.status, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert vobject.readOne(answer.body.decode()).validate(raiseException=True)
    assert [part.errors for part in Calendar.from_ical(answer.body).walk() if part.errors] == []


def test_ctrl_c_ends_it_in_good_order_and_it_comes_back_with_the_same_calendar(system: System) -> None:
    before, day = system.feed("riverside"), datetime.now(ZoneInfo(acts.ZONE)).date()
    assert system.stop(signal.SIGINT) == 0, system.said()
    assert "openchair: stopped" in system.said()
    assert system.nats_servers() == []
    assert free(system)

    seconds = system.start()
    after = system.feed("riverside")

    print(f"the second start took {seconds:.2f} s")  # noqa: T201 - a figure to look at, not a limit
    if datetime.now(ZoneInfo(acts.ZONE)).date() == day:  # at the centre's midnight a calendar may change
        assert after == before
    assert acts.summaries(after) == acts.summaries(before)


@pytest.mark.parametrize("lost", ["everything", "the streams"])
def test_a_calendar_is_whole_or_a_matter_of_waiting_from_the_first_answer_on(tmp_path: Path, lost: str) -> None:
    system = System(tmp_path)
    statuses, bodies = list[int](), set[tuple[str, ...]]()

    def served() -> bool:
        with suppress(OSError):
            answer = system.get("/calendars/riverside.ics")
            statuses.append(answer.status)
            if answer.status == 200:
                bodies.add(tuple(acts.summaries(answer.body)))
        return system.readiness().ready

    try:
        if lost == "the streams":
            system.start()
            assert system.stop() == 0
            shutil.rmtree(system.data / "nats" / "jetstream")
        system.launch()
        until(served, "it is ready", interval=0.001)
        served()
        assert set(statuses) == {503, 200}  # a client that is told 404 may forget the calendar
        assert len(bodies) == 1  # and one that is given half of it, half of its dates
        assert system.stop() == 0
    finally:
        system.clean()


async def test_what_a_lost_database_published_is_in_no_calendar_of_the_new_one(system: System) -> None:
    assert system.stop() == 0
    for file in system.data.glob("meetings.sqlite*"):
        file.unlink()
    system.start()
    async with system.meetings() as stub:
        names = {meeting.name.rsplit("/", 1)[1] for meeting in await acts.meetings(stub, SAMPLE)}
    shown = acts.events(system.feed("riverside"))
    assert shown
    assert [key for key in shown if not any(name in key for name in names)] == []


async def test_what_kill_9_leaves_is_no_nats_server_and_a_folder_that_can_be_started_on(system: System) -> None:
    orphan = system.nats_pid
    system.kill()

    assert system.nats_servers() == []
    until(lambda: free(system), "the folder is free")
    system.start()
    assert system.nats_pid != orphan  # and there is just one
    async with system.meetings() as stub:
        assert len(await acts.meetings(stub, SAMPLE)) == 30


def test_a_second_process_on_the_folder_is_refused_naming_the_first(system: System, tmp_path: Path) -> None:
    second = System(tmp_path / "second", {"OPENCHAIR_DATA": str(system.data)})
    try:
        second.launch()
        code = second.wait()
        assert code == 1
        assert f"belongs to the running process {system.pid}" in second.said()
        assert second.said().count("Traceback") == 0
    finally:
        second.process.kill() if second.process else None
    assert system.readiness().ready
    assert len(system.nats_servers()) == 1


@pytest.mark.parametrize(
    ("environ", "named", "code"),
    [
        ({"OPENCHAIR_HTPT_PORT": "8080"}, "OPENCHAIR_HTPT_PORT is not a setting: did you mean OPENCHAIR_HTTP_PORT", 2),
        ({"OPENCHAIR_HOST": "0.0.0.0"}, "OPENCHAIR_HOST would listen in plain text", 2),  # noqa: S104 - refused
        ({"MONGODB_URL": "mongodb://127.0.0.1:27017"}, "MONGODB_URL", 2),
        ({"NATS_URL": "nats://127.0.0.1:4222"}, "NATS_URL", 2),
        ({"OPENCHAIR_HTTP_PORT": "lots"}, "OPENCHAIR_HTTP_PORT must be a port", 2),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name_and_nothing_is_started(
    tmp_path: Path, environ: dict[str, str], named: str, code: int
) -> None:
    system = System(tmp_path, environ)
    try:
        system.launch()
        assert system.wait() == code
        assert named in system.said()
        assert "Traceback" not in system.said()
        assert system.nats_servers() == []
        assert not system.data.exists()
    finally:
        system.clean()


@pytest.mark.parametrize("key", ["OPENCHAIR_HTTP_PORT", "OPENCHAIR_GRPC_PORT"])
def test_a_port_that_is_taken_is_named_and_nothing_stays_running(tmp_path: Path, key: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        system = System(tmp_path, {key: port})
        try:
            system.launch()
            assert system.wait() == 1
            assert port in system.said()
            assert "Traceback" not in system.said()
            assert system.nats_servers() == []
            assert free(system)
        finally:
            system.clean()


async def test_sigterm_under_load_drains_and_keeps_what_was_acknowledged(system: System) -> None:
    done: set[str] = set()
    async with system.meetings() as stub:
        await acts.create_centre(stub, "busy")
        enough = asyncio.Event()
        callers = [asyncio.create_task(_go_on_creating(stub, number, done, enough)) for number in range(CALLERS)]
        await enough.wait()
        code = await asyncio.to_thread(system.stop, signal.SIGTERM)
        refused = await asyncio.gather(*callers)

    assert code == 0, system.said()
    assert set(refused) <= UNKNOWN
    assert system.nats_servers() == []
    system.start()
    async with system.meetings() as stub:
        assert done <= set(await acts.titles(stub, "centres/busy"))
    assert done <= set(acts.summaries(system.feed("busy")))


async def _go_on_creating(stub: MeetingServiceStub, caller: int, done: set[str], enough: asyncio.Event) -> str:
    """Creates meetings until told that it cannot be; how that was said."""
    for number in range(10_000):
        title = f"Meeting {number} of caller {caller}"
        try:
            await acts.create_meeting(stub, "centres/busy", title, "2026-11-24T19:00")
        except RpcError as error:
            return error.code().name
        done.add(title)
        if len(done) >= CALLERS * 2:
            enough.set()
    raise AssertionError("the server never went")


def test_a_start_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    system = System(tmp_path)
    try:
        system.launch()
        until(system.nats_servers, "the start has begun")
        system.stop(signal.SIGTERM)
        assert system.nats_servers() == []
        assert "Traceback" not in system.said()
        assert free(system)
        system.start()
    finally:
        system.clean()


@pytest.mark.slow
async def test_a_first_start_that_is_killed_while_it_loads_the_sample_ends_with_the_whole_sample(
    tmp_path: Path,
) -> None:
    system = System(tmp_path)
    try:
        system.launch()
        until(lambda: stored_meetings(system), "some of the sample is in the store", interval=0)
        system.kill()
        assert 0 < stored_meetings(system) < 30, "the kill came too late to show anything"
        system.start()
        async with system.meetings() as stub:
            meetings = await acts.meetings(stub, SAMPLE)
        assert len(meetings) == 30
        assert sum(len(meeting.changes) for meeting in meetings) == 2
        assert len(acts.events(system.feed("riverside"))) >= 30
    finally:
        system.clean()
