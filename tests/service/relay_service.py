"""A service of one kind of record with its relay, on a real nats-server, for the tests of relays.

Test modules name this one in `pytest_plugins`: that gives them the fixtures `site`, `service` and `newer`. They import
from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1.place_pb2 import Place

from services.kit.clock import SystemClock, instant
from services.kit.event import Event, Stored
from services.kit.publication import Publication, body
from services.kit.record import revise
from services.kit.relay import Relay
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Kind
from tests.contract.bus_fixtures import LOG, PUBLIC, SITE, Site, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Bus
    from services.kit.store.port import Record


TYPE = "openchair.meetings.v1.Place"


CLOCK = SystemClock()


def render(record: Record) -> Place | None:
    return Place(name=record.id, title=str(record.state["title"])) if record.state["title"] else None


PLACES = Publication("place", "public", "meetings", TYPE, render, "centre")


class Service:
    """A store with a relay running on it."""

    def __init__(self, bus: Bus, disk: Disk | None = None, publication: Publication = PLACES) -> None:
        self.disk = disk or Disk()
        self.store = MemoryStore([Kind("place")], CLOCK, self.disk)
        self.bus = bus
        self.relay = Relay(self.store, bus, [publication], SITE, CLOCK, LOG)
        self.task = asyncio.create_task(self.relay.run())

    async def put(self, id_: str, title: str) -> Record:
        """Commits place `id_` with this title; "": nothing public about it."""
        change = await self.changed(id_, title)
        await self.store.commit(Commit((change,)))
        return change

    async def changed(self, id_: str, title: str) -> Record:
        before = await self.store.get("place", id_)
        content = Place(title=title) if title else None
        return revise(
            before,
            kind="place",
            id=id_,
            state={"centre": "oak", "title": title},
            at=instant(CLOCK.now()),
            actor="test",
            views={"public": content},
        )

    async def settled(self) -> None:
        await asyncio.wait_for(self.relay.settled(), 60)

    async def stream(self, id_: str) -> Event | None:
        """What the stream holds of a place."""
        last = await self.bus.last(PUBLIC, subject(id_))
        assert last is None or isinstance(last, Stored)
        return last.event if last else None

    async def title(self, id_: str) -> str:
        event = await self.stream(id_)
        assert event is not None
        return body(event, Place).title

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def subject(id_: str) -> str:
    return f"openchair.{SITE}.public.meetings.oak.place.{id_}"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path / "data") as site:
        yield site


@pytest.fixture
async def service(site: Site) -> AsyncIterator[Service]:
    service = Service(await site.bus("meetings"))
    yield service
    await service.stop()


async def last_sequence(bus: Bus) -> int:
    state = await bus.stream(PUBLIC)
    assert state is not None
    return state.last_sequence


@pytest.fixture
def newer() -> Event:
    message = Place(title="From the future", epoch=1, revision=9)
    return Event(subject("hall"), 1, 9, TYPE, instant(CLOCK.now()), message.SerializeToString())
