"""A closure whose process is ended by kill -9 while its meetings follow: it goes on by itself, each meeting once."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from tests.system import acts
from tests.system.running import PATIENCE, reached, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.kit.client import Channel
    from tests.system.running import System

HOUSE = "centres/house"
START = "2024-01-02T19:00"  # began long ago, so it has dates in every week to come
SOME = (("intent.slice", 2), ("store.commit", 3), ("intent.kept", 1))
"""Where it is killed, and at which time that it comes there after a start."""
MOST = 6
TEN = (
    *SOME,
    ("store.committed", 2),
    ("intent.slice", 1),
    ("store.commit", 5),
    ("intent.kept", 1),
    ("store.committed", 4),
    ("intent.slice", 2),
    ("store.commit", 2),
)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path / "site", {}, "tests.system.killed") as started:
        yield started


async def furnish(system: System, count: int) -> None:
    """A centre with so many weekly meetings."""
    async with system.meetings() as stub:
        await acts.create_centre(stub, "house")
        name = await acts.stage(stub, HOUSE, [f"Group {n:03}" for n in range(count)], START)
        await stub.CommitImport(meetings_pb.CommitImportRequest(name=name))

        async def imported() -> bool:
            return (await acts.imported(stub, name)).done == count

        await reached(imported, "the meetings are there")


def kill_again_and_again(system: System, rounds: tuple[tuple[str, int], ...]) -> None:
    """Each time it is started it is killed on its way; at last it is not.

    Once at least some meetings have followed and are not counted yet: only then could one be written twice.
    """
    assert system.wait(PATIENCE) == -signal.SIGKILL, system.said()
    uncounted = written_and_not_counted(system)
    for nth in range(1, MOST):  # which commits come together is nothing that can be relied on
        uncounted = uncounted or kill(system, "store.committed", nth)
    assert uncounted > 0
    for point, nth in rounds:
        kill(system, point, nth)
    del system.environ["KILL_AT"]
    system.start()


def kill(system: System, point: str, nth: int) -> int:
    """Started, and killed there; the meetings that were written and not counted."""
    system.environ["KILL_AT"] = f"{point}:{nth}"
    system.launch()
    assert system.wait(PATIENCE) == -signal.SIGKILL, (point, nth, system.said())
    return written_and_not_counted(system)


def written_and_not_counted(system: System) -> int:
    """Meetings that follow the closure, beyond those that it knows of."""
    with closing(sqlite3.connect(system.data / "meetings.sqlite")) as connection:
        meetings = [json.loads(state) for (state,) in connection.execute("SELECT state FROM record_meeting")]
        ((closure,),) = connection.execute("SELECT state FROM record_closure")
    return sum(bool(each["closed"]) for each in meetings) - int(json.loads(closure)["done"])


async def settled(channel: Channel, name: str, state: int, count: int) -> None:
    """The closure has come to that state by itself, and every meeting is counted."""

    async def there() -> bool:
        found = await ClosureServiceStub(channel).GetClosure(pb.GetClosureRequest(name=name))
        return (found.state, found.done, found.total) == (state, count, count)

    await reached(there, f"{name} is in state {state}")


async def closed_and_withdrawn(system: System, count: int, rounds: tuple[tuple[str, int], ...]) -> None:
    await furnish(system, count)
    first, *rest = rounds
    closure = closure_pb2.Closure(
        reason="Closed: no heating", effect=closure_pb2.CLOSURE_EFFECT_CANCEL, start="2024-01-01"
    )
    assert system.get(f"/kill/{first[0]}/{first[1]}").status == 200
    async with system.channel() as channel:
        before = {each.name: each for each in await acts.meetings(MeetingServiceStub(channel), HOUSE)}
        made = await ClosureServiceStub(channel).CreateClosure(pb.CreateClosureRequest(parent=HOUSE, closure=closure))
    kill_again_and_again(system, tuple(rest))
    async with system.channel() as channel:
        await settled(channel, made.name, closure_pb2.CLOSURE_STATE_IN_FORCE, count)
        there = await acts.meetings(MeetingServiceStub(channel), HOUSE)
        assert {each.name: int(each.etag) for each in there} == {
            name: int(each.etag) + 1 for name, each in before.items()
        }
        assert all(each.changes[0].closure == made.name for each in there)
        until(lambda: system.feed("house").count(b"\r\nEXDATE") >= count, "the calendar leaves them out")
        await ClosureServiceStub(channel).WithdrawClosure(pb.WithdrawClosureRequest(name=made.name))
        await settled(channel, made.name, closure_pb2.CLOSURE_STATE_WITHDRAWN, count)
        for each in await acts.meetings(MeetingServiceStub(channel), HOUSE):
            then = before[each.name]
            assert int(each.etag) == int(then.etag) + 2
            for one in (each, then):
                one.ClearField("etag")
                one.ClearField("update_time")
                one.ClearField("sequence")
            assert each == then


async def test_a_closure_that_is_cut_down_goes_on_and_writes_each_meeting_once(system: System) -> None:
    await closed_and_withdrawn(system, 160, SOME)


@pytest.mark.slow
async def test_a_closure_of_400_meetings_is_cut_down_ten_times_and_finishes_by_itself(system: System) -> None:
    await closed_and_withdrawn(system, 400, TEN)
