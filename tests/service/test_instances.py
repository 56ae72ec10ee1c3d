"""Two instances of the meetings service on one database: each lists what the other wrote."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from google.protobuf.field_mask_pb2 import FieldMask
from openchair.meetings.v1 import import_pb2, meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.broker import MemoryBroker
from services.kit.bus_memory import MemoryBus
from services.kit.call import EVERYWHERE, Call, Caller, Method
from services.kit.channel import LocalChannel, LocalServer
from services.kit.client import RpcError, explain
from services.kit.clock import Ids, SystemClock
from services.kit.host import Host, Plan, streams_of, user_of
from services.kit.settings import Settings
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, OutcomeUnknown
from services.meetings.plan import PLAN
from tests.system import acts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

CLOCK = SystemClock()
LOG = structlog.get_logger()
SETTINGS = Settings(site="home")
HOUSE = "centres/house"
SINCE = datetime(2026, 11, 24, tzinfo=UTC)
OPERATOR = Caller("tester", {EVERYWHERE: frozenset({"operator"})})


class Doubtful(MemoryStore):
    """A store that, when asked to, commits without a word: its outcome is unknown."""

    doubtful = False

    async def commit(self, change: Commit) -> None:
        if not self.doubtful:
            return await super().commit(change)
        await MemoryStore(tuple(self._kinds.values()), CLOCK, self._disk).commit(change)
        raise OutcomeUnknown


class Engines:
    """A database and a broker that both instances share."""

    engine = "memory"

    def __init__(self, disk: Disk, broker: MemoryBroker) -> None:
        self._disk = disk
        self._broker = broker

    async def claim(self) -> None:
        pass

    async def open(self, plans: tuple[Plan, ...]) -> None:
        pass

    async def store(self, plan: Plan) -> MemoryStore:
        return Doubtful(plan.kinds, CLOCK, self._disk)

    async def bus(self, plan: Plan) -> MemoryBus:
        bus = MemoryBus(self._broker, user_of(plan, SETTINGS.site), CLOCK)
        await bus.open()
        return bus

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def problems(self) -> list[str]:
        return []

    async def close(self) -> None:
        pass


class Instance:
    """One of them, and how it is called."""

    def __init__(self, disk: Disk, broker: MemoryBroker) -> None:
        self.host = Host((PLAN,), Engines(disk, broker), SETTINGS, CLOCK, Ids(), LOG)
        self.stub: MeetingServiceStub

    async def start(self) -> None:
        await self.host.open()
        server = LocalServer(self.host.hosted[0].services, (_as_operator,), clock=CLOCK)
        await server.start()
        self.stub = MeetingServiceStub(LocalChannel(server))  # type: ignore[arg-type]  # it does what a stub asks of a channel

    async def titles(self) -> list[str]:
        """What is on in a week, as this instance lists it."""
        return [one.title for one in await acts.occurrences(self.stub, HOUSE, SINCE, 7)]


async def _as_operator(call: Call[Any], method: Method) -> Message:
    return await method(replace(call, caller=OPERATOR))


@pytest.fixture
async def two() -> AsyncIterator[tuple[Instance, Instance]]:
    disk, broker = Disk(), MemoryBroker(CLOCK)
    for stream in streams_of((PLAN,), SETTINGS.site):
        broker.declare(stream)
    one, other = Instance(disk, broker), Instance(disk, broker)
    async with AsyncExitStack() as ending:
        for instance in (one, other):
            ending.push_async_callback(instance.host.stop)
            await instance.start()
        for instance in (one, other):
            await instance.host.follow()
        await acts.create_centre(one.stub, "house")
        yield one, other


async def lists(instance: Instance, titles: list[str]) -> None:
    """Comes back when the instance lists just these."""
    async with asyncio.timeout(60):
        while await instance.titles() != titles:  # noqa: ASYNC110 - it is asked as a caller would
            await asyncio.sleep(0.005)


async def test_what_one_creates_changes_and_cancels_is_in_the_list_of_the_other(
    two: tuple[Instance, Instance],
) -> None:
    one, other = two
    made = await acts.create_meeting(one.stub, HOUSE, "Step study", "2026-11-24T19:00")
    await lists(other, ["Step study"])
    await acts.rename(other.stub, made.name, "Open door")
    await lists(one, ["Open door"])
    await one.stub.DeleteMeeting(pb.DeleteMeetingRequest(name=made.name))
    await lists(other, [])


async def test_what_is_not_public_is_heard_of_too(two: tuple[Instance, Instance]) -> None:
    one, other = two
    meeting = acts.weekly("Quiet hour", "2026-11-24T19:00")
    meeting.visibility = meeting_pb2.VISIBILITY_UNLISTED
    made = await one.stub.CreateMeeting(pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting))
    await lists(other, ["Quiet hour"])
    await acts.rename(other.stub, made.name, "Quieter hour")
    await lists(one, ["Quieter hour"])


async def test_what_only_staff_see_is_heard_of_too(two: tuple[Instance, Instance]) -> None:
    one, other = two
    name = await acts.stage(one.stub, HOUSE, ["Other"], "2026-11-24T19:00")
    meeting = acts.weekly("Quiet hour", "2026-11-24T19:00")
    meeting.visibility = meeting_pb2.VISIBILITY_MEMBERS  # of no group: only an import brings one
    row = import_pb2.ImportRow(number=1, source_id="slug-1", meeting=meeting)
    await one.stub.AddImportRows(pb.AddImportRowsRequest(name=name, rows=[row]))
    await one.stub.CommitImport(pb.CommitImportRequest(name=name))
    await lists(other, ["Quiet hour"])
    (made,) = await acts.meetings(one.stub, HOUSE)
    await acts.rename(other.stub, made.name, "Quieter hour")
    await lists(one, ["Quieter hour"])


async def test_a_link_for_staff_alone_is_heard_of_too(two: tuple[Instance, Instance]) -> None:
    one, other = two
    meeting = acts.weekly("Step study", "2026-11-24T19:00")
    meeting.mode = meeting_pb2.MODE_ONLINE
    meeting.online.access, meeting.online.url = meeting_pb2.ONLINE_ACCESS_SEAT_HOLDERS, "https://meet.example.org/1"
    made = await one.stub.CreateMeeting(pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting))
    await lists(other, ["Step study"])
    made.online.url = "https://meet.example.org/2"
    await one.stub.UpdateMeeting(pb.UpdateMeetingRequest(meeting=made, update_mask=FieldMask(paths=["online"])))
    async with asyncio.timeout(60):
        while (await acts.occurrences(other.stub, HOUSE, SINCE, 7))[0].online.url != made.online.url:  # noqa: ASYNC110 - it is asked as a caller would
            await asyncio.sleep(0.005)


async def test_what_was_written_without_a_word_is_listed_also_with_the_bus_away(two: tuple[Instance, Instance]) -> None:
    one, _ = two
    made = await acts.create_meeting(one.stub, HOUSE, "Step study", "2026-11-24T19:00")
    await one.host.hosted[0].bus.close()
    store = one.host.hosted[0].store
    assert isinstance(store, Doubtful)
    store.doubtful = True
    with pytest.raises(RpcError) as unknown:
        await acts.rename(one.stub, made.name, "Open door")
    assert explain(unknown.value).reason == "OUTCOME_UNKNOWN"
    await lists(one, ["Open door"])
