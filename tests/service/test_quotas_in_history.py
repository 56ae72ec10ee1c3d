"""What somebody has had of a room counts once for its quotas, also in the moment in which it becomes history."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.booked import waited
from tests.service.bookings_house import ANA, CENTRE, LEE, at, book, room, stored
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from services.kit.store.port import Page, Record

MONDAY, FRIDAY = at("2026-11-23T10:00"), at("2026-11-27T10:00")
WEEK = {"period": "QUOTA_PERIOD_WEEK"}


class Paused(MemoryStore):
    """A store in which whoever has read history waits, where it is told so."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(KINDS, clock)
        self.read, self.goes = asyncio.Event(), asyncio.Event()
        self.goes.set()

    async def find(self, kind: str, *args: Any, **more: Any) -> Page:
        page = await super().find(kind, *args, **more)
        if kind == "past":
            self.read.set()
            await self.goes.wait()
        return page


async def on_wednesday(**rules: Any) -> tuple[House, Paused, str]:
    """A house, its store and a room with rules, of which Ana had the Monday before."""
    clock = VirtualClock(START)
    store = Paused(clock)
    house = House(store, clock)
    await house.meetings.load()
    await house.centre()
    name = await room(house, rules=rules)
    await book(house, ANA, name, MONDAY)
    await clock.advance(timedelta(days=4).total_seconds())
    return house, store, name


async def while_it_moves(house: House, store: Paused, asked: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it where all that is over becomes history after history was read."""
    store.read.clear()
    store.goes.clear()
    task = asyncio.create_task(asked)
    async with asyncio.timeout(20):
        await store.read.wait()
    await house.sweep()
    store.goes.set()
    return await waited(house, task)


async def hold(house: House, name: str, booking: dict[str, Any] = FRIDAY) -> Any:
    return await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=booking)


async def change(house: House, name: str, booking: dict[str, Any] = FRIDAY) -> Any:
    """Of what she has next week."""
    return await house.call(
        "ChangeBooking", ANA, booking={"name": name, **booking}, scope="BOOKING_SCOPE_ALL", update_mask="schedule"
    )


@pytest.mark.parametrize("way", ["book", "hold", "change"])
@pytest.mark.parametrize("quota", [1, 2])
async def test_what_becomes_history_in_that_moment_counts_once(way: str, quota: int) -> None:
    house, store, name = await on_wednesday(quotas=[{**WEEK, "count": quota}])
    if way == "book":
        asked = book(house, ANA, name, FRIDAY)
    elif way == "hold":
        asked = hold(house, name)
    else:
        asked = change(house, (await book(house, ANA, name, at("2026-12-04T10:00"))).name)
    if quota == 1:
        with pytest.raises(Refusal) as refused:
            await while_it_moves(house, store, asked)
        assert refused.value.reason == "BOOKING_RULE"
    else:
        await while_it_moves(house, store, asked)
    assert len(await had(house)) == 1


async def had(house: House) -> tuple[Record, ...]:
    return (await house.store.find("past", {"centre": "house", "organiser": "ana"}, limit=10)).records


async def test_what_competed_counts_for_other_wishes_once_it_is_approved() -> None:
    house, _, name = await on_wednesday(approval="APPROVAL_COMPETES", quotas=[{**WEEK, "count": 1}])
    next_week = at("2026-12-04T10:00"), at("2026-12-03T10:00")
    first, second = [await book(house, ANA, name, each) for each in next_week]  # both wait, and count for nothing
    await house.call("ApproveBooking", LEE, name=first.name)
    for asked in (
        book(house, ANA, name, at("2026-12-02T10:00")),
        house.call("ApproveBooking", LEE, name=second.name),
        change(house, second.name, at("2026-12-02T11:00")),
    ):
        with pytest.raises(Refusal) as refused:
            await asked
        assert refused.value.reason == "BOOKING_RULE"
    await change(house, second.name, at("2026-12-09T11:00"))
    await house.call("ApproveBooking", LEE, name=second.name)
    standing = [each.state.name for each in await stored(house) if each.organiser == "ana"]
    assert standing.count("CONFIRMED") == 2
