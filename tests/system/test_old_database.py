"""A database that an older program wrote is started on by this one: shown anew, finished, and closed like any other."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.clock import SystemClock
from services.kit.store.port import Record
from services.kit.store.sqlite import SqliteStore
from services.meetings import records
from tests.system import acts
from tests.system.running import System, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = Path(__file__).parents[1] / "data" / "documents" / "v0.1.0-groups.sql"
HOUSE = "centres/house"
TITLES = [f"Group {n}" for n in (0, 1, 2)] + [f"Listed {n}" for n in range(3)] + [f"Other {n}" for n in range(1, 13)]
LATER = "Group 2, later"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    data = tmp_path / "site" / "var"
    data.mkdir(parents=True, mode=0o700)
    (data / "lock").touch()
    with closing(sqlite3.connect(data / "meetings.sqlite")) as connection:
        connection.executescript(DOCUMENT.read_text())
    with running(tmp_path / "site") as started:
        yield started


def shown(system: System) -> set[str]:
    """The titles in the calendar."""
    return {title.replace("\\,", ",") for title in acts.summaries(system.feed("house"))}


async def unlike(system: System) -> list[str]:
    """Records whose views are not as this program shows them."""
    store = SqliteStore(system.data / "meetings.sqlite", records.KINDS, SystemClock())
    await store.open()
    found = [entry async for entry in store.dump() if isinstance(entry, Record)]
    await store.close()
    return [f"{one.kind} {one.id}" for one in found if one.kind in records.SHOWN and not records.as_shown(one)]


async def test_what_an_older_program_left_is_served_finished_and_closed(system: System) -> None:
    until(lambda: system.get("/calendars/house.ics").status == 200, "the centre has a calendar")
    wanted = {*TITLES, LATER}
    until(lambda: shown(system) >= wanted, "all are there, and the import has gone on")
    assert b"Members only" not in system.feed("house")
    assert b"9 Quiet Lane" not in system.feed("house")
    async with system.channel() as channel:
        stub, closures = MeetingServiceStub(channel), ClosureServiceStub(channel)
        there = await acts.meetings(stub, HOUSE)
        assert {one.title for one in there} == wanted | {"Members only"}
        found = await stub.SearchMeetings(meetings_pb.SearchMeetingsRequest(parent=HOUSE, text="Other 1"))
        assert "Other 1" in {one.title for one in found.meetings}
        effect = closure_pb2.CLOSURE_EFFECT_CANCEL
        asked = closure_pb2.Closure(reason="No heating", effect=effect, start="2024-01-01")
        made = await closures.CreateClosure(pb.CreateClosureRequest(parent=HOUSE, closure=asked))

        async def followed() -> bool:
            told = await closures.GetClosure(pb.GetClosureRequest(name=made.name))
            return told.state == closure_pb2.CLOSURE_STATE_IN_FORCE

        await reached(followed, "the meetings have followed")
        for one in await acts.meetings(stub, HOUSE):
            assert {each.closure for each in one.changes} - {""} == {made.name}, one.title
        (split,) = (each for each in await acts.meetings(stub, HOUSE) if each.title == "Group 0")
        (snow,) = (each for each in split.changes if each.reason == "Snow")
        assert (snow.cancelled, snow.closure) == (True, "")
    until(lambda: "now shown anew" in system.said(), "what is shown otherwise by now is brought up")
    assert system.stop() == 0
    assert await unlike(system) == []
