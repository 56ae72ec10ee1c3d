"""A meeting that is being written while its house is closed follows, whatever the clock of whoever looks again says."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.store.memory import Disk, MemoryStore
from services.meetings.reclosing import LOOKS_AGAIN
from services.meetings.records import KINDS
from tests.service import test_in_force
from tests.service.booked import waited
from tests.service.claims_house import at, stored
from tests.service.meetings_house import CENTRE, START, House

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from services.kit.store.port import Commit

assert test_in_force.FLOOD  # it makes the requests of closures known
SEEDS = itertools.count(1)
"""Another one for each instance: no two make the same ids."""
SCHEDULED = 1
DAY = "2026-12-02"
SNOW = {"reason": "Snow", "effect": "CLOSURE_EFFECT_CANCEL", "start": DAY, "end": "2026-12-03"}


class Slow(MemoryStore):
    """A store whose commits wait, where it is told so."""

    def __init__(self, clock: VirtualClock, disk: Disk) -> None:
        super().__init__(KINDS, clock, disk)
        self.asked, self.goes = asyncio.Event(), asyncio.Event()
        self.goes.set()

    async def commit(self, change: Commit) -> None:
        self.asked.set()
        await self.goes.wait()
        await super().commit(change)


async def instance(disk: Disk, ahead: timedelta = timedelta()) -> tuple[House, Slow]:
    clock = VirtualClock(START + ahead)
    store = Slow(clock, disk)
    house = House(store, clock, seed=next(SEEDS))
    await house.meetings.load()
    return house, store


async def made(house: House, _: str) -> str:
    return str((await house.meeting(title="New", schedule=at(f"{DAY}T19:00"))).name)


async def moved(house: House, name: str) -> str:
    await house.call("UpdateMeeting", meeting={"name": name, "schedule": at(f"{DAY}T19:00")}, update_mask="schedule")
    return name


async def one_date(house: House, name: str) -> str:
    change = {"start": f"{DAY}T19:00"}
    await house.call("ChangeOccurrence", name=f"{name}/occurrences/20261124", change=change, update_mask="start")
    return name


async def held_while(
    slow: tuple[House, Slow], writing: Coroutine[Any, Any, str], *meanwhile: Coroutine[Any, Any, Any]
) -> str:
    """What is written, by the store that lets it wait until something else is done."""
    house, store = slow
    store.asked.clear()
    store.goes.clear()
    task = asyncio.create_task(writing)
    async with asyncio.timeout(20):
        await store.asked.wait()
    for each in meanwhile:
        await each
    store.goes.set()
    name = await waited(house, task)
    await waited(house, house.desk.heads.idle())
    return name


async def closed(house: House, name: str) -> list[str]:
    return [str(each.key.date) for each in (await stored(house, name)).closed]


@pytest.mark.parametrize(("write", "date"), [(made, DAY), (moved, DAY), (one_date, "2026-11-24")])
async def test_what_was_decided_before_a_closure_and_stands_after_its_last_look_follows(
    write: Callable[[House, str], Coroutine[Any, Any, str]], date: str
) -> None:
    """The second look is due at once by the clock of an instance that is two minutes ahead."""
    disk = Disk()
    house, store = await instance(disk)
    await house.centre()
    there = str((await house.meeting()).name)
    (closer, _), (ahead, _) = await instance(disk), await instance(disk, LOOKS_AGAIN)
    closing = closer.call("CreateClosure", parent=CENTRE, closure=SNOW)
    name = await held_while((house, store), write(house, there), closing, closer.sweep(), ahead.sweep())
    assert await closed(house, name) == [date]


async def test_what_was_decided_before_a_closure_was_withdrawn_and_stands_after_its_last_look_is_open() -> None:
    disk = Disk()
    house, store = await instance(disk)
    await house.centre()
    there = str((await house.meeting()).name)
    (closer, _), (ahead, _) = await instance(disk), await instance(disk, LOOKS_AGAIN)
    snow = (await closer.call("CreateClosure", parent=CENTRE, closure=SNOW)).name
    withdrawal = closer.call("WithdrawClosure", name=snow)
    name = await held_while((house, store), moved(house, there), withdrawal, closer.sweep(), ahead.sweep())
    assert await closed(house, name) == []
    assert [each.state for each in await house.listed(30, show_cancelled=True)] == [SCHEDULED]


async def test_whoever_went_away_before_the_answer_has_a_meeting_that_follows() -> None:
    disk = Disk()
    house, store = await instance(disk)
    await house.centre()
    there = str((await house.meeting()).name)
    (closer, _), (ahead, _) = await instance(disk), await instance(disk, LOOKS_AGAIN)
    store.asked.clear()
    store.goes.clear()
    task = asyncio.create_task(moved(house, there))
    async with asyncio.timeout(20):
        await store.asked.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await closer.call("CreateClosure", parent=CENTRE, closure=SNOW)
    await closer.sweep()
    await ahead.sweep()
    store.goes.set()
    await waited(house, house.desk.heads.idle())
    assert await closed(house, there) == [DAY]


async def test_what_no_closure_concerns_is_written_once() -> None:
    """Nothing of the look at what is in force shows where there is nothing to follow."""
    house, _ = await instance(Disk())
    await house.centre()
    await house.call("CreateClosure", parent=CENTRE, closure=SNOW)
    await house.sweep()
    name = await moved(house, str((await house.meeting()).name))
    await house.desk.heads.idle()
    record = await house.store.get("meeting", name.rpartition("/")[2])
    assert record is not None
    assert record.revision == 2  # made, and moved
    assert await closed(house, name) == [DAY]
