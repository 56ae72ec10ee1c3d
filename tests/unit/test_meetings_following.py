"""How an instance hears of what others wrote: nothing that it is told while it reads is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from services.kit.clock import VirtualClock
from services.kit.store.port import Unwritten
from services.meetings.following import AGAIN, Following
from tests.contract.bus_fixtures import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LOG = structlog.get_logger()


class Shelf:
    """A store whose answers are as old as the question, and wait at a gate; and a listing of what was read."""

    def __init__(self) -> None:
        self.now = "old"
        self.asked = 0
        self.gate = asyncio.Event()
        self.fault: Exception | None = None
        self.read: list[str] = []

    async def get(self, _kind: str, _id: str) -> str:
        found = self.now
        self.asked += 1
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return found

    def apply(self, record: str) -> None:
        self.read.append(record)


class Reading:
    """An instance that reads what it hears of."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
        shelf: Any = self.shelf
        self.following = Following(shelf, {"meeting": shelf, "booking": shelf}, self.clock, LOG)
        self.task = asyncio.create_task(self.following.run())


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    made = Reading()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_what_is_heard_of_while_it_is_being_read_is_read_again(reading: Reading) -> None:
    reading.following.read_again("meeting", "m1")
    await until(lambda: reading.shelf.asked == 1)
    reading.shelf.now = "new"
    reading.following.read_again("meeting", "m1")
    reading.shelf.gate.set()
    await until(lambda: reading.shelf.read == ["old", "new"])


async def test_what_could_not_be_read_is_asked_for_again(reading: Reading) -> None:
    reading.shelf.fault = Unwritten("the database is away")
    reading.shelf.gate.set()
    reading.following.read_again("meeting", "m1")
    await until(lambda: reading.shelf.asked == 1)
    reading.shelf.fault = None
    await reading.clock.advance(AGAIN)
    await until(lambda: reading.shelf.read == ["old"])
