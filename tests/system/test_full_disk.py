"""A disk that is full, and has room again: who asks is told, nothing acknowledged is lost, nothing refused is kept.

Nobody has to start anything again.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_pb2 import Meeting

from services.kit.client import RpcError, explain
from services.kit.clock import SystemClock
from services.kit.natsd import LEAST
from services.kit.store.port import Unwritten
from services.kit.store.sqlite import SqliteStore
from tests.contract import bus_fixtures
from tests.contract.store_fixtures import KINDS, commit, ids, meeting
from tests.system import acts
from tests.system.kill_rounds import PROGRAM
from tests.system.running import System, running, until
from tests.system.small_disk import MIB, SmallDisk, small_disk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

HOUSE = "centres/house"
START = "2026-11-24T19:00"
MEETINGS = 5
LONG = "x" * 4_000
MOST = 2000
GROUPS, GROUP = 16, 5


@contextmanager
def on_a_small_disk(folder: Path, *, together: bool = False) -> Iterator[tuple[System, SmallDisk, SmallDisk]]:
    """A system that runs, the disk of its databases and that of its broker: two, unless they stand `together`."""
    data = folder / "var"
    with ExitStack() as disks:
        databases = disks.enter_context(small_disk(data, 48 * MIB))
        (data / "lock").touch()  # it is a data folder already
        broker = databases if together else disks.enter_context(small_disk(data / "nats", 24 * MIB))
        yield disks.enter_context(running(folder, program=PROGRAM)), databases, broker


async def furnish(system: System, stub: MeetingServiceStub) -> list[Meeting]:
    """A centre with meetings, all of them in its calendar."""
    await acts.create_centre(stub, "house")
    made = [await acts.create_meeting(stub, HOUSE, f"Before {number}", START) for number in range(MEETINGS)]
    await_titles(system, [meeting.title for meeting in made])
    return made


def await_titles(system: System, titles: list[str]) -> None:
    """Until the calendar shows just these, and the service that reacts has them."""
    until(lambda: acts.summaries(system.feed("house")) == titles, f"the feed shows {titles}")
    until(lambda: followed(system) == titles, f"{titles} are followed")


def followed(system: System) -> list[str]:
    """What the service has kept that reacts to meetings."""
    kept: dict[str, str] = json.loads(system.get("/followed/house").body)
    return sorted(kept.values())


def change(one: Meeting, title: str) -> pb.UpdateMeetingRequest:
    """Another title and longer notes, with an id for when it has to be sent again."""
    changed = Meeting(name=one.name, title=title, notes=LONG)
    request = pb.UpdateMeetingRequest(meeting=changed, request_id=str(uuid4()))
    request.update_mask.paths.extend(["title", "notes"])
    return request


def batched(ids_: Iterable[str]) -> Iterator[list[str]]:
    """The callers that ask at once, one group after the other."""
    waiting = iter(ids_)
    while group := list(islice(waiting, GROUP)):
        yield group


# The database


@pytest.mark.parametrize("together", [False, True], ids=["of their own", "shared with the broker"])
async def test_a_full_disk_under_the_databases_refuses_changes_and_they_go_on_when_there_is_room(
    tmp_path: Path, *, together: bool
) -> None:
    with on_a_small_disk(tmp_path, together=together) as (system, disk, _):
        async with system.meetings() as stub:
            made = await furnish(system, stub)
            shown = {one.name: one.title for one in made}
            disk.fill()
            refused, problem = None, None
            for number in range(MOST):
                request = change(made[number % MEETINGS], f"During {number:04}")
                try:
                    shown[request.meeting.name] = (await stub.UpdateMeeting(request)).title
                except RpcError as error:
                    refused, problem = request, explain(error)
                    break
            assert problem is not None
            assert refused is not None
            assert (problem.code, problem.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
            told = until(system.unready, "/readyz says why not")
            assert "left" in told.checks["store"] or "full" in told.checks["store"]
            assert not told.serving
            assert sorted(shown.values()) == await acts.titles(stub, HOUSE)
            assert acts.summaries(system.feed("house"))

            disk.make_room()
            until(lambda: system.readiness().ready, "ready again, by itself")
            shown[refused.meeting.name] = (await stub.UpdateMeeting(refused)).title
            assert sorted(shown.values()) == await acts.titles(stub, HOUSE)
            await_titles(system, sorted(shown.values()))
        system.stop()
        system.start()
        async with system.meetings() as stub:
            assert sorted(shown.values()) == await acts.titles(stub, HOUSE)


@pytest.mark.parametrize(
    ("sizes", "left"),
    [([30_000], 1_200_000), ([1_000, 1_000, 3 * MIB, 1_000, 1_000], 14 * MIB)],
    ids=["when it is committed", "while one of many is written"],
)
async def test_a_disk_that_fills_up_in_a_group_keeps_just_what_was_acknowledged(
    tmp_path: Path, sizes: list[int], left: int
) -> None:
    wanted = {
        f"m{number:02}": commit(meeting(f"m{number:02}", notes="x" * size))
        for number, size in zip(range(GROUPS * GROUP), cycle(sizes), strict=False)
    }
    with small_disk(tmp_path / "disk", 96 * MIB) as disk:
        store = SqliteStore(disk.path / "store.db", KINDS, SystemClock())
        await store.open()
        disk.fill(leave=left)
        kept = set[str]()
        for group in batched(wanted):
            answers = await asyncio.gather(*(store.commit(wanted[id_]) for id_ in group), return_exceptions=True)
            assert {type(answer) for answer in answers} in ({type(None)}, {Unwritten})  # all of a group, or none
            kept.update(id_ for id_, answer in zip(group, answers, strict=True) if answer is None)
        assert kept
        assert set(await ids(store, {})) == kept < wanted.keys()
        disk.make_room()
        await asyncio.gather(*(store.commit(one) for id_, one in wanted.items() if id_ not in kept))
        await store.close()

        again = SqliteStore(disk.path / "store.db", KINDS, SystemClock())
        await again.open()
        assert set(await ids(again, {})) == wanted.keys()
        assert await again._read(lambda file: file.execute("PRAGMA integrity_check").fetchall()) == [("ok",)]
        await again.close()


# The broker


async def test_a_full_disk_under_the_broker_alone_stops_no_change_and_all_is_published_when_there_is_room(
    tmp_path: Path,
) -> None:
    with on_a_small_disk(tmp_path) as (system, _, disk):
        async with system.meetings() as stub:
            made = await furnish(system, stub)
            first, before = system.nats_pid, system.feed("house")
            disk.fill()
            wanted = [(await stub.UpdateMeeting(change(one, f"During {n}"))).title for n, one in enumerate(made)]

            def named() -> bool:
                return "nats-server stores nothing (no space left" in system.readiness().checks["bus"]

            until(named, "/readyz says what is full")
            assert system.readiness().serving
            assert await acts.titles(stub, HOUSE) == wanted
            assert acts.events(system.feed("house")).keys() == acts.events(before).keys()
            assert system.nats_pid == first  # to start it again would help nobody yet

            disk.make_room()
            until(lambda: system.readiness().ready, "ready again, by itself")
            await_titles(system, wanted)
            assert system.nats_pid != first


async def test_a_broker_that_stores_is_left_alone(tmp_path: Path) -> None:
    async with bus_fixtures.running(tmp_path / "data") as site:
        first = site.server.pid
        site.server._looked -= 60
        await site.server.tend()
        assert (site.server.pid, site.server.trouble) == (first, "")
        site.server._looked -= 60
        os.kill(first, signal.SIGSTOP)
        try:
            await site.server.tend()
        finally:
            os.kill(first, signal.SIGCONT)
        assert (site.server.pid, site.server.trouble) == (first, "")


async def test_a_broker_that_was_started_with_little_room_uses_what_there_is_later(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lock").touch()
    with small_disk(tmp_path / "data" / "nats", 2 * LEAST) as disk:
        disk.fill(leave=MIB)
        async with bus_fixtures.running(tmp_path / "data") as site:
            disk.make_room()
            bus = await site.bus("meetings")
            for number in range(8):
                await bus.publish(bus_fixtures.event(f"m{number}", 1, payload=bytes(MIB // 2)), 0)
