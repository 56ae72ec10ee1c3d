"""The faults that a simulation asks of the broker in memory, in virtual time: no test here waits for a real second."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from services.kit.bus_memory import SILENCE, TIMEOUT, MemoryBroker, MemoryBus
from services.kit.bus_port import Broken, BusUnavailable, WrongSequence
from services.kit.clock import VirtualClock
from services.kit.event import Stored
from services.kit.streams import StreamSettings
from tests.contract.bus_fixtures import PUBLIC, STREAMS, USERS, event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from services.kit.bus_port import Delivered, Task

TURNS = 20


class World:
    """A broker, its clock, and what followers and workers were given."""

    def __init__(self) -> None:
        self.clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
        self.broker = MemoryBroker(self.clock)
        for settings in STREAMS:
            self.broker.declare(settings)
        self.heard: list[int] = []
        self.worked: list[tuple[str, int]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def bus(self, name: str) -> MemoryBus:
        bus = MemoryBus(self.broker, next(user for user in USERS if user.name == name), self.clock)
        await bus.open()
        return bus

    def follow(self, bus: MemoryBus) -> asyncio.Task[None]:
        return self._run(bus.follow(PUBLIC, (">",), lambda *_: None, self._hear))

    def work(self, bus: MemoryBus, hold: asyncio.Event | None = None) -> asyncio.Task[None]:
        async def work(task: Task) -> None:
            assert isinstance(task.delivered, Stored)
            self.worked.append((task.delivered.event.subject.rsplit(".", 1)[1], task.attempts))
            if hold is not None:
                await hold.wait()
            await task.done()

        return self._run(bus.work(PUBLIC, "rsvps", (">",), work, patience=30))

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(work))
        return self.tasks[-1]

    def _hear(self, delivered: Delivered) -> None:
        assert isinstance(delivered, Stored)
        self.heard.append(delivered.event.revision)

    async def turns(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.close()


async def test_a_stored_state_whose_answer_was_lost_is_found_by_its_publisher(world: World) -> None:
    bus = await world.bus("meetings")
    world.broker.drop_replies = 2
    first = await bus.publish(event("a", 1), 0)
    with pytest.raises(BusUnavailable):
        await bus.publish(event("a", 2), first)
    with pytest.raises(WrongSequence):
        await bus.publish(event("a", 2), first)
    last = await bus.last(PUBLIC, event("a", 1).subject)
    assert isinstance(last, Stored)
    assert (last.event.revision, last.sequence) == (2, 2)


async def test_a_frozen_connection_answers_nothing_and_looks_alive_until_somebody_waits_long_enough(
    world: World,
) -> None:
    meetings, feeds = await world.bus("meetings"), await world.bus("feeds")
    following = world.follow(feeds)
    await meetings.publish(event("a", 1), 0)
    await world.turns()
    meetings.freeze()
    feeds.freeze()
    publishing = asyncio.ensure_future(meetings.publish(event("a", 2), 1))
    await world.turns()
    assert (meetings.connected, publishing.done()) == (True, False)
    await world.clock.advance(TIMEOUT)
    with pytest.raises(BusUnavailable):
        await publishing
    assert world.broker.state(PUBLIC).last_sequence == 1  # type: ignore[union-attr]  # it is there
    await world.clock.advance(SILENCE)
    with pytest.raises(Broken):
        await following
    meetings.thaw()
    assert await meetings.publish(event("a", 2), 1) == 2


async def test_what_was_published_during_a_short_freeze_arrives_after_it(world: World) -> None:
    meetings, feeds = await world.bus("meetings"), await world.bus("feeds")
    world.follow(feeds)
    await world.turns()
    feeds.freeze()
    await meetings.publish(event("a", 1), 0)
    await world.turns()
    assert world.heard == []
    feeds.thaw()
    await world.turns()
    assert world.heard == [1]


async def test_a_stopped_broker_loses_connections_and_tells_them_when_it_runs_again(world: World) -> None:
    bus, times = await world.bus("meetings"), list[int]()
    bus.watch(lambda: times.append(1))
    following = world.follow(await world.bus("feeds"))
    await world.turns()
    world.broker.stop()
    with pytest.raises(BusUnavailable):
        await following
    with pytest.raises(BusUnavailable):
        await bus.publish(event("a", 1), 0)
    late = await world.bus("feeds")
    assert [late.connected] == [False]
    world.broker.start()
    assert times == [1]
    assert [late.connected] == [True]
    assert await bus.publish(event("a", 1), 0) == 1


async def test_a_stream_that_is_rolled_back_has_forgotten_and_breaks_who_listens(world: World) -> None:
    bus = await world.bus("meetings")
    await bus.publish(event("a", 1), 0)
    earlier = world.broker.copy(PUBLIC)
    created = world.broker.state(PUBLIC)
    following = world.follow(await world.bus("feeds"))
    await bus.publish(event("a", 2), 1)
    await world.turns()
    assert world.heard[-1:] == [2]
    world.broker.roll_back(PUBLIC, earlier)
    with pytest.raises(Broken):
        await following
    assert world.broker.state(PUBLIC) == created
    assert await bus.publish(event("b", 1), 0) == 2
    world.broker.roll_back(PUBLIC, earlier)  # the copy is good for more than once
    assert world.broker.state(PUBLIC) == created


async def test_a_wiped_stream_is_another_one(world: World) -> None:
    bus = await world.bus("meetings")
    await bus.publish(event("a", 1), 0)
    before = await bus.stream(PUBLIC)
    world.broker.wipe(PUBLIC)
    after = await bus.stream(PUBLIC)
    assert before is not None
    assert after is not None
    assert (after.created != before.created, after.last_sequence, after.messages) == (True, 0, 0)


async def test_a_worker_that_is_cut_off_loses_what_it_holds_to_another_when_its_time_is_over(world: World) -> None:
    cut, other = await world.bus("rsvps"), await world.bus("rsvps")
    hold = asyncio.Event()
    world.work(cut, hold)
    await (await world.bus("meetings")).publish(event("a", 1), 0)
    await world.turns()
    world.work(other)
    await world.clock.advance(100)  # the first one is alive: it says so
    assert world.worked == [("a", 1)]
    cut.disconnect()
    await world.clock.advance(31)
    assert world.worked == [("a", 1), ("a", 2)]
    hold.set()
    await world.turns()


async def test_of_so_many_messages_that_were_dealt_with_one_comes_again(world: World) -> None:
    world.broker.repeat = 2
    meetings = await world.bus("meetings")
    for name in ("a", "b", "c"):
        await meetings.publish(event(name, 1), 0)
    world.work(await world.bus("rsvps"))
    await world.turns()
    await world.turns()
    assert world.worked == [("a", 1), ("b", 1), ("b", 2), ("c", 1), ("c", 2)]


async def test_tombstones_are_forgotten_in_virtual_time(world: World) -> None:
    bus = await world.bus("meetings")
    await bus.publish(event("a", 1, payload=None), 0, lifetime=90)
    await world.clock.advance(89)
    assert await bus.last(PUBLIC, event("a", 1).subject) is not None
    await world.clock.advance(1)
    assert await bus.last(PUBLIC, event("a", 1).subject) is None
    assert (await bus.stream(PUBLIC)).last_sequence == 1  # type: ignore[union-attr]  # it is there


async def test_with_a_latency_everything_takes_its_time_and_nothing_more(world: World) -> None:
    bus = await world.bus("meetings")
    world.broker.latency = lambda: 0.5
    publishing = asyncio.ensure_future(bus.publish(event("a", 1), 0))
    await world.turns()
    await world.clock.advance(0.9)
    assert not publishing.done()
    await world.clock.advance(0.2)
    assert publishing.result() == 1


async def test_a_stream_that_copies_others_is_refused_by_name(world: World) -> None:
    with pytest.raises(ValueError, match="need a nats-server"):
        world.broker.declare(StreamSettings("HUB", ("x",), sources=(PUBLIC,)))
