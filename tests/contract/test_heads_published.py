"""Leaves are published one by one, by the relay that publishes every record, over a real nats-server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1.place_pb2 import Place

from services.kit.clock import SystemClock
from services.kit.event import Event, Stored
from services.kit.publication import Publication, body
from services.kit.relay import Relay
from tests.contract.bus_fixtures import LOG, PUBLIC, SITE, Site, running
from tests.contract.heads_examples import KINDS, Said, heads_on, leave, resize, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Bus
    from services.kit.store.port import Record
    from tests.contract.store_fixtures import Engine

pytest_plugins = ("tests.contract.store_fixtures",)


def _published(kind: str) -> Publication:
    def render(record: Record) -> Place | None:
        return None if record.state.get("removed") else Place(name=record.id, title=str(record.state.get("size", "")))

    return Publication(kind, "public", "meetings", "openchair.meetings.v1.Place", render, "centre")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path / "data") as site:
        yield site


async def _last(bus: Bus, kind: str, id_: str) -> Event:
    found = await bus.last(PUBLIC, f"openchair.{SITE}.public.meetings.oak.{kind}.{id_}")
    assert isinstance(found, Stored)
    return found.event


async def test_each_leaf_is_a_message_of_its_own_and_a_removed_one_a_tombstone(site: Site, engine: Engine) -> None:
    store = await engine.start(KINDS)
    bus = await site.bus("meetings")
    relay = Relay(store, bus, [_published("list"), _published("seat")], SITE, SystemClock(), LOG)
    publishing = asyncio.create_task(relay.run())
    heads = heads_on(store)
    await heads.change("list", "l", resize(500))
    await asyncio.wait_for(relay.settled(), 60)
    replies = await asyncio.gather(*(heads.change("list", "l", take(f"s{n}", 2)) for n in range(100)))
    assert replies[-1] == Said(name="300 left")
    await asyncio.wait_for(relay.settled(), 60)
    assert relay.published == 101, "the head and each leaf once: what did not change is not published again"
    assert body(await _last(bus, "seat", "s7"), Place).title == "2"
    await heads.change("list", "l", leave("s7"))
    await heads.change("list", "l", take("s8", 3))
    await heads.archive("list", "l", lambda leaf: leaf.id in ("s7", "s9"))
    await asyncio.wait_for(relay.settled(), 60)
    states = [await _last(bus, "seat", f"s{n}") for n in (7, 8, 9)]
    assert [(event.revision, event.payload is None) for event in states] == [(2, True), (2, False), (2, True)]
    assert (await _last(bus, "list", "l")).revision == 1
    assert (relay.published, await store.unpublished(10)) == (104, [])
    assert not relay.alarms
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await store.close()
