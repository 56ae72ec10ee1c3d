"""The disk is full while meetings follow a closure: it waits, and finishes by itself when there is room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from tests.system import acts
from tests.system.running import until
from tests.system.test_closure_killed import furnish, settled
from tests.system.test_full_disk import on_a_small_disk

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.client import Channel
    from tests.system.running import System

HOUSE = "centres/house"
COUNT = 120
LEFT = 700 * 1024  # bytes: enough for the closure, and for some of its meetings
LONG = "Closed: " + "x" * 400


async def close(channel: Channel) -> str:
    """All of it, until further notice, with much to say on each date."""
    asked = closure_pb2.Closure(reason=LONG, effect=closure_pb2.CLOSURE_EFFECT_CANCEL, start="2024-01-01")
    request = pb.CreateClosureRequest(parent=HOUSE, closure=asked, request_id="close")
    return (await ClosureServiceStub(channel).CreateClosure(request)).name


async def closed_by(channel: Channel, name: str) -> int:
    """How many meetings follow it."""
    there = await acts.meetings(MeetingServiceStub(channel), HOUSE)
    return sum(any(each.closure == name for each in one.changes) for one in there)


def not_written(system: System) -> bool:
    """Whether the store says that it has no room."""
    told = system.unready()
    return told is not None and not told.serving


@pytest.mark.slow
async def test_a_closure_waits_for_room_on_the_disk_and_each_meeting_follows_once(tmp_path: Path) -> None:
    with on_a_small_disk(tmp_path) as (system, disk, _):
        await furnish(system, COUNT)
        async with system.channel() as channel:
            before = {one.name: int(one.etag) for one in await acts.meetings(MeetingServiceStub(channel), HOUSE)}
            disk.fill(leave=LEFT)
            name = await close(channel)
            until(lambda: not_written(system), "/readyz says that the disk is full")
            assert 0 <= await closed_by(channel, name) < COUNT
            disk.make_room()
            until(lambda: system.readiness().ready, "ready again, by itself")
            await settled(channel, name, closure_pb2.CLOSURE_STATE_IN_FORCE, COUNT)
            after = {one.name: int(one.etag) for one in await acts.meetings(MeetingServiceStub(channel), HOUSE)}
            assert await closed_by(channel, name) == COUNT
            assert after == {meeting: etag + 1 for meeting, etag in before.items()}
            until(lambda: system.feed("house").count(b"\r\nEXDATE") >= COUNT, "the calendar leaves them out")
