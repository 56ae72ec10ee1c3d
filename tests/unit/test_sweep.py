from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from services.kit.clock import VirtualClock, instant
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Answer, Commit, Kind, Record, RequestKey
from services.kit.sweep import BATCH, EXPIRE_EVERY, LONGEST_PAUSE, Sweeper

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class Store(MemoryStore):
    """A store that can be out of order."""

    broken = False

    async def due(self, now: str, limit: int) -> list[Record]:
        if self.broken:
            raise OSError("out of order")
        return await super().due(now, limit)


class World:
    """A store, a clock, a sweeper over one kind, and what was handed over."""

    def __init__(self, fails: frozenset[str] = frozenset(), idle: frozenset[str] = frozenset()) -> None:
        self.clock = VirtualClock(START)
        self.store = Store((Kind("hold"), Kind("offer")), self.clock)
        self.fails, self.idle = fails, idle
        self.handed = list[str]()
        self.lines = structlog.testing.LogCapture()
        log = structlog.wrap_logger(
            None, processors=[self.lines], wrapper_class=structlog.make_filtering_bound_logger(0)
        )
        self.sweeper = Sweeper(self.store, self.clock, {"hold": self.handle}, log=log)

    async def handle(self, record: Record) -> None:
        self.handed.append(record.id)
        if record.id in self.fails:
            raise RuntimeError("Jane Doe cannot come")
        if record.id not in self.idle:
            await self.put(record.id, record.revision + 1, None)

    async def put(self, id_: str, revision: int = 1, seconds: float | None = 0.0, kind: str = "hold") -> None:
        due = None if seconds is None else instant(START + timedelta(seconds=seconds))
        await self.store.commit(Commit((Record(kind, id_, revision, {}, instant(START), "system", due_at=due),)))

    async def sweeps(self, seconds: int) -> list[str]:
        """What is handed over by a sweep each second, so long."""
        self.handed.clear()
        for _ in range(seconds):
            await self.sweeper.once()
            await self.clock.advance(1)
        return self.handed


@contextlib.asynccontextmanager
async def running(world: World) -> AsyncIterator[None]:
    task = asyncio.ensure_future(world.sweeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def settle() -> None:
    """Lets everybody run who can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_is_due_is_handed_over_once_and_oldest_first() -> None:
    world = World()
    for id_, seconds in (("b", -1.0), ("a", 0.0), ("c", -2.0), ("later", 5.0)):
        await world.put(id_, seconds=seconds)
    assert await world.sweeper.once() == 3
    assert world.handed == ["c", "b", "a"]
    assert await world.sweeper.once() == 0


async def test_one_that_fails_is_tried_again_later_and_later_and_delays_no_other() -> None:
    world = World(fails=frozenset({"bad"}))
    await world.put("bad", seconds=-9.0)
    await world.put("good")
    assert await world.sweeps(15) == ["bad", "good", "bad", "bad", "bad"]  # after 0, 1, 3 and 7 seconds
    await world.clock.advance(10 * LONGEST_PAUSE)
    assert await world.sweeps(1) == ["bad"]


async def test_a_failure_is_logged_by_ids_and_type_only() -> None:
    world = World(fails=frozenset({"bad"}))
    await world.put("bad")
    await world.sweeper.once()
    assert world.lines.entries == [
        {
            "event": "due_failed",
            "log_level": "warning",
            "kind": "hold",
            "id": "bad",
            "error": "RuntimeError",
            "times": 1,
        }
    ]


async def test_a_batch_of_failures_does_not_hide_what_comes_after() -> None:
    bad = frozenset(f"bad{n:03}" for n in range(BATCH + 10))
    world = World(fails=bad)
    for id_ in sorted(bad):
        await world.put(id_, seconds=-9.0)
    await world.put("good")
    for _ in range(2):
        await world.sweeper.once()
    assert world.handed.count("good") == 1
    assert set(world.handed) == bad | {"good"}


async def test_one_that_moved_while_it_waited_is_handed_over_at_once() -> None:
    world = World(idle=frozenset({"a"}))
    await world.put("a")
    assert await world.sweeps(3) == ["a", "a"]
    await world.put("a", 2)
    await world.sweeper.once()
    assert world.handed == ["a", "a", "a"]


async def test_a_kind_without_a_handler_is_reported_and_delays_no_other() -> None:
    world = World()
    await world.put("orphan", seconds=-9.0, kind="offer")
    await world.put("a")
    await world.sweeper.once()
    assert world.handed == ["a"]
    assert [(entry["kind"], entry["id"]) for entry in world.lines.entries] == [("offer", "orphan")]


async def test_answers_are_expired_once_in_a_while() -> None:
    world = World()

    async def answered() -> int:
        expires = instant(world.clock.now() + timedelta(seconds=1))
        await world.store.commit(Commit((), (Answer(RequestKey("m", "c", expires), "d", "r", expires),)))
        await world.clock.advance(2)
        await world.sweeper.once()
        return len(world.store._disk.answers)

    assert await answered() == 0
    assert await answered() == 1
    await world.clock.advance(EXPIRE_EVERY)
    assert await answered() == 0


async def test_it_looks_again_after_each_period() -> None:
    world = World()
    async with running(world):
        await settle()
        await world.put("a", seconds=0.5)
        await world.clock.advance(0.9)
        await settle()
        assert world.handed == []
        await world.clock.advance(0.1)
        await settle()
        assert world.handed == ["a"]


async def test_a_poke_is_not_a_period_late_even_while_it_sweeps() -> None:
    world = World()
    async with running(world):
        await settle()
        await world.put("a")
        world.sweeper.wake()
        await settle()
        assert world.handed == ["a"]
    busy = World()
    busy.store.watch(lambda _: busy.sweeper.wake())
    await busy.put("a")
    async with running(busy):
        await settle()
        await busy.put("b")
        await settle()
        assert busy.handed == ["a", "b"]


async def test_more_than_a_batch_is_handed_over_without_waiting() -> None:
    world = World()
    for n in range(2 * BATCH + 5):
        await world.put(f"{n:03}")
    async with running(world):
        for _ in range(100):
            await settle()
        assert len(world.handed) == 2 * BATCH + 5


async def test_a_store_that_cannot_be_read_is_asked_again() -> None:
    world = World()
    await world.put("a")
    world.store.broken = True
    async with running(world):
        await settle()
        assert [entry["event"] for entry in world.lines.entries] == ["sweep_failed"]
        world.store.broken = False
        await world.clock.advance(1)
        await settle()
        assert world.handed == ["a"]


async def test_two_sweepers_make_it_happen_once() -> None:
    world = World()
    committed = list[Record]()
    world.store.watch(lambda change: committed.extend(change.records))
    for n in range(20):
        await world.put(f"{n:02}")
    other = Sweeper(world.store, world.clock, {"hold": world.handle}, log=world.sweeper._log)
    await asyncio.gather(world.sweeper.once(), other.once())
    assert sorted(record.id for record in committed if record.revision == 2) == [f"{n:02}" for n in range(20)]
    assert len(world.handed) > 20
    assert all(record == msgspec.structs.replace(record, due_at=None) for record in committed[20:])
