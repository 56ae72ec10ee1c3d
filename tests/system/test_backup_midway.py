"""A backup from the middle of a closure and of an import, with a report of an empty room: a new machine finishes it."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import closure_pb2, import_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.clock import SystemClock
from tests.system import acts
from tests.system.running import System, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.kit.client import Channel

HOUSE = "centres/house"
START = "2024-01-02T19:00"
COUNT = 160
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    return {"OPENCHAIR_BACKUP_KEY_FILE": str(path)}


@pytest.fixture
def first(tmp_path: Path, environ: dict[str, str]) -> Iterator[System]:
    with running(tmp_path / "first", environ, "tests.system.killed") as system:
        yield system


async def furnish(stub: MeetingServiceStub) -> str:
    """Many meetings, and one that has just begun, of which two say that nobody is there; the name of its date."""
    await acts.create_centre(stub, "house")
    name = await acts.stage(stub, HOUSE, [f"Group {n:03}" for n in range(COUNT)], START)
    await stub.CommitImport(meetings_pb.CommitImportRequest(name=name))

    async def imported() -> bool:
        return (await acts.imported(stub, name)).done == COUNT

    await reached(imported, "the meetings are there")
    begun = SystemClock().now() - timedelta(minutes=5)
    meeting = acts.beginning("Just begun", begun)
    made = await stub.CreateMeeting(meetings_pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting))
    date = f"{made.name}/occurrences/{begun:%Y%m%d}"
    for who in ("one", "another"):
        await stub.ReportNobodyHere(meetings_pb.ReportNobodyHereRequest(name=date, request_id=who))
    return date


async def begin(channel: Channel) -> tuple[str, str]:
    """A closure of all that is later than today, and one more list, until they are killed; their names."""
    stub, tomorrow = MeetingServiceStub(channel), SystemClock().now() + timedelta(days=2)
    created = meetings_pb.CreateImportRequest(parent=HOUSE)
    getattr(created, "import").source = "other"
    listed = (await stub.CreateImport(created)).name
    for batch in range(4):
        numbers = range(batch * COUNT // 4, (batch + 1) * COUNT // 4)
        rows = [
            import_pb2.ImportRow(number=n + 1, source_id=f"o{n}", meeting=acts.weekly(f"Other {n:03}", START))
            for n in numbers
        ]
        await stub.AddImportRows(meetings_pb.AddImportRowsRequest(name=listed, rows=rows))
    asked = closure_pb2.Closure(
        reason="No heating", effect=closure_pb2.CLOSURE_EFFECT_CANCEL, start=f"{tomorrow:%Y-%m-%d}"
    )
    closing = ClosureServiceStub(channel).CreateClosure(pb.CreateClosureRequest(parent=HOUSE, closure=asked))
    committing = stub.CommitImport(meetings_pb.CommitImportRequest(name=listed))
    made, _ = await asyncio.gather(closing, committing)
    return made.name, listed


def left_over(system: System) -> dict[str, str]:
    """How far the closure and the last import are, as the database has it."""
    with closing(sqlite3.connect(system.data / "meetings.sqlite")) as connection:
        found = {
            kind: [json.loads(state) for (state,) in connection.execute(f"SELECT state FROM record_{kind}")]  # noqa: S608 - a name of ours
            for kind in ("closure", "import")
        }
    return {kind: max(states, key=lambda each: each["created_at"])["status"] for kind, states in found.items()}


async def finished(channel: Channel, closure: str, listed: str) -> bool:
    """Whether both have come to their end."""
    told = await ClosureServiceStub(channel).GetClosure(pb.GetClosureRequest(name=closure))
    imported = await acts.imported(MeetingServiceStub(channel), listed)
    return told.state == closure_pb2.CLOSURE_STATE_IN_FORCE and imported.state == import_pb2.IMPORT_STATE_DONE


@pytest.mark.slow
async def test_what_was_half_done_when_it_was_backed_up_is_finished_where_it_is_restored(
    first: System, tmp_path: Path, environ: dict[str, str]
) -> None:
    backup = tmp_path / "house.backup"
    async with first.channel() as channel:
        date = await furnish(MeetingServiceStub(channel))
        assert first.get("/kill/intent.slice/4").status == 200
        closure, listed = await begin(channel)
    assert first.wait(30) == -signal.SIGKILL
    assert left_over(first) == {"closure": "running", "import": "running"}
    assert first.command("backup", "--offline", str(backup)).returncode == 0
    shutil.rmtree(first.data)

    second = System(tmp_path / "second", environ)
    assert second.command("restore", str(backup)).returncode == 0
    try:
        second.start()
        async with second.channel() as channel:
            await reached(lambda: finished(channel, closure, listed), "the closure and the list have come to their end")
            there = await acts.meetings(MeetingServiceStub(channel), HOUSE)
            assert len(there) == 2 * COUNT + 1
            assert [one.title for one in there if closure not in {each.closure for each in one.changes}] == []
            (doubt,) = (
                await MeetingServiceStub(channel).ListDoubts(meetings_pb.ListDoubtsRequest(parent=HOUSE))
            ).doubts
            assert (doubt.occurrence, doubt.reports) == (date, 2)
        titles = {one.title for one in there}
        until(lambda: {*acts.summaries(second.feed("house"))} >= titles, "the calendar has all of them")
        until(lambda: second.feed("house").count(b"\r\nEXDATE") >= 2 * COUNT, "and leaves out what is closed")
        shown = second.feed("house")
        told = json.loads(second.command("republish", "--json").stdout)
        assert told
        until(lambda: second.readiness().ready, "it goes on")
        assert second.feed("house") == shown
        assert second.stop() == 0
        second.start()
        assert second.feed("house") == shown
        assert second.stop() == 0
    finally:
        second.clean()
