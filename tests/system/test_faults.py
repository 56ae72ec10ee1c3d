"""What may go wrong with the whole system, and what then holds: what was acknowledged is there, once, also in feeds.

A frozen nats-server is one that neither answers nor closes its connections: worse than one that is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import nats
import pytest
from openchair.meetings.v1 import import_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.clock import SystemClock
from services.kit.store.sqlite import SqliteStore
from services.kit.streams import inbox
from services.meetings.records import KINDS
from tests.system import acts
from tests.system.kill_rounds import PROGRAM
from tests.system.running import System, reached, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nats.js import JetStreamContext
    from openchair.meetings.v1.meeting_pb2 import Meeting
    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

HOUSE = "centres/house"
START = "2026-11-24T19:00"
MEETINGS = 20
STREAM = "PUBLIC_local"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path) as started:
        yield started


async def furnish(system: System, stub: MeetingServiceStub) -> list[Meeting]:
    """A centre with meetings, all of them in its calendar."""
    await acts.create_centre(stub, "house")
    made = [await acts.create_meeting(stub, HOUSE, f"Before {number:02}", START) for number in range(MEETINGS)]
    await_titles(system, [meeting.title for meeting in made])
    return made


async def rename_all(stub: MeetingServiceStub, meetings: list[Meeting], word: str) -> list[str]:
    """Gives each another title; all are acknowledged when it comes back."""
    return [(await acts.rename(stub, one.name, f"{word} {place:02}")).title for place, one in enumerate(meetings)]


def await_titles(system: System, titles: list[str]) -> None:
    """Until the calendar shows just these."""
    until(lambda: acts.summaries(system.feed("house")) == titles, f"the feed shows {titles[:2]} ...")


async def test_a_frozen_nats_stops_neither_edits_nor_feeds_and_everything_follows_when_it_is_back(
    system: System,
) -> None:
    async with system.meetings() as stub:
        made = await furnish(system, stub)
        before = system.feed("house")
        with system.frozen_nats():
            wanted = await rename_all(stub, made, "During")
            checks = until(system.unready, "/readyz says why not").checks
            assert checks["bus"] == "no answer"
            assert checks["store"] == "ok"
            assert system.feed("house") == before
        await_titles(system, wanted)
        until(lambda: system.readiness().ready, "ready again")


@pytest.mark.slow
async def test_a_nats_that_is_killed_again_and_again_is_started_again_and_nothing_is_lost(system: System) -> None:
    async with system.meetings() as stub:
        made = await furnish(system, stub)
        first = system.nats_pid
        for word in ("First", "Second", "Third"):
            os.kill(until(system.nats_servers, "a nats-server")[0], signal.SIGKILL)
            wanted = await rename_all(stub, made, word)
            assert len(acts.events(system.feed("house"))) == MEETINGS
        await_titles(system, wanted)
        until(lambda: system.readiness().ready, "ready again")
    assert system.nats_pid != first


@pytest.mark.slow
async def test_a_frozen_nats_does_not_keep_the_system_from_ending(system: System) -> None:
    with system.frozen_nats():
        assert system.stop(signal.SIGTERM) == 0, system.said()
    assert system.nats_servers() == []


async def test_kill_9_between_commit_and_publish_loses_nothing(system: System) -> None:
    async with system.meetings() as stub:
        made = await furnish(system, stub)
        before = system.feed("house")
        with system.frozen_nats():
            wanted = await rename_all(stub, made, "After")
            assert system.feed("house") == before  # so nothing was published
            system.kill()
    system.start()
    assert acts.summaries(system.feed("house")) == wanted  # ready means: the feeds have it
    async with system.meetings() as stub:
        assert await acts.titles(stub, HOUSE) == wanted


@pytest.mark.slow
async def test_an_import_goes_on_after_each_kill_9_and_brings_in_each_meeting_once(tmp_path: Path) -> None:
    wanted = [f"Imported {number:03}" for number in range(500)]
    with running(tmp_path, program=PROGRAM) as system:
        async with system.meetings() as stub:
            await acts.create_centre(stub, "house")
            name = await acts.stage(stub, HOUSE, wanted, START)
            assert system.get("/kill/store.committed/100").status == 200
            await stub.CommitImport(pb.CommitImportRequest(name=name))
            assert await asyncio.to_thread(system.wait) == -signal.SIGKILL
        first = await _brought(system)
        system.environ["KILL_AT"] = "store.committed:100"
        system.launch()
        assert await asyncio.to_thread(system.wait) == -signal.SIGKILL
        assert 0 < first < await _brought(system) < len(wanted)
        del system.environ["KILL_AT"]
        system.start()

        async with system.meetings() as stub:
            done = await reached(lambda: _done(stub, name), "the import has ended by itself")
            assert (done.done, done.new_rows, done.refused_rows) == (500, 500, 0)
            assert await acts.titles(stub, HOUSE) == wanted
        await_titles(system, wanted)


async def _brought(system: System) -> int:
    """How many meetings the database of a system that is gone has of the house."""
    store = SqliteStore(system.data / "meetings.sqlite", KINDS, SystemClock())
    await store.open()
    try:
        return len((await store.find("meeting", {"centre": "house"}, limit=500)).records)
    finally:
        await store.close()


async def _done(stub: MeetingServiceStub, name: str) -> import_pb2.Import | None:
    found = await acts.imported(stub, name)
    return found if found.state == import_pb2.IMPORT_STATE_DONE else None


async def test_an_import_that_was_not_committed_before_a_kill_9_has_brought_in_nothing(system: System) -> None:
    async with system.meetings() as stub:
        await acts.create_centre(stub, "house")
        name = await acts.stage(stub, HOUSE, [f"Staged {number}" for number in range(100)], START)
        system.kill()
    system.start()
    async with system.meetings() as stub:
        staged = await acts.imported(stub, name)
        assert (staged.state, staged.rows, staged.done) == (import_pb2.IMPORT_STATE_STAGING, 100, 0)
        assert await acts.titles(stub, HOUSE) == []
    assert acts.events(system.feed("house")) == {}


@pytest.mark.parametrize("orderly", [True, False], ids=["stopped", "killed"])
async def test_feeds_are_whole_again_when_the_streams_were_lost_while_it_was_down(
    system: System, *, orderly: bool
) -> None:
    async with system.meetings() as stub:
        made = await furnish(system, stub)
    before = {centre: acts.events(system.feed(centre)) for centre in ("house", "riverside")}
    system.stop() if orderly else system.kill()
    shutil.rmtree(system.data / "nats" / "jetstream")

    system.start()
    assert {centre: acts.events(system.feed(centre)) for centre in before} == before
    async with system.meetings() as stub:
        await_titles(system, await rename_all(stub, made, "Later"))


@asynccontextmanager
async def provisioner(system: System) -> AsyncIterator[JetStreamContext]:
    """The bus as the only user sees it that may delete a stream."""
    nats_home = system.data / "nats"
    password = json.loads((nats_home / "passwords.json").read_text())["provisioner"]
    ports = json.loads((nats_home / f"nats-server_{system.nats_pid}.ports").read_text())
    connection = await nats.connect(
        ports["nats"][0], user="provisioner", password=password, inbox_prefix=inbox("provisioner").encode()
    )
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


async def test_a_nats_that_dies_and_loses_its_disk_is_filled_again_and_no_feed_ever_shows_less(
    system: System,
) -> None:
    async with system.meetings() as stub:
        made = await furnish(system, stub)
        before, sample = system.feed("house"), acts.events(system.feed("riverside"))
        with system.frozen_nats():
            shutil.rmtree(system.data / "nats" / "jetstream")
            os.kill(system.nats_pid, signal.SIGKILL)

        def ready() -> bool:
            assert system.feed("house") == before
            return system.readiness().ready

        until(lambda: not ready(), "it is noticed")
        until(ready, "ready again")
        await_titles(system, await rename_all(stub, made, "After"))
    system.stop()
    system.start()  # from the stream alone, as a reader that was away would have it
    assert len(acts.events(system.feed("house"))) == MEETINGS
    assert acts.events(system.feed("riverside")) == sample


@pytest.mark.slow
async def test_a_stream_deleted_while_it_runs_is_made_and_filled_again_and_no_feed_ever_shows_less(
    system: System,
) -> None:
    async with system.meetings() as stub, provisioner(system) as streams:
        made = await furnish(system, stub)
        before = system.feed("house")
        count = (await streams.stream_info(STREAM)).state.messages
        await streams.delete_stream(STREAM)

        async def filled() -> bool:
            assert system.feed("house") == before
            try:
                return (await streams.stream_info(STREAM)).state.messages == count
            except nats.js.errors.NotFoundError:
                return False

        await reached(filled, "everything is published again")
        await_titles(system, await rename_all(stub, made, "After"))
        until(lambda: system.readiness().ready, "ready again")
