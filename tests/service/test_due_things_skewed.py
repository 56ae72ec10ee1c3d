"""What time makes of things, it makes once: whoever is late, whatever their clock says, and after any restart."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest

from services.kit.clock import VirtualClock
from services.kit.store.memory import Disk, MemoryStore
from services.meetings import records
from services.meetings.records import KINDS
from services.meetings.types import Closure, ClosureStatus
from services.meetings.types_rooms import PastBooking
from services.recurrence.timetable import minute, stretches
from tests.service.booked import waited
from tests.service.bookings_house import ANA, BEN, CENTRE, at, book, room, stored
from tests.service.meetings_house import START, House
from tests.service.test_in_force import FLOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

SEEDS = itertools.count(100)
HOURS = 24 * 8


class Left(NamedTuple):
    """What there is in the end: what is booked, what was (starts, in minutes), how a closure stands."""

    booked: list[str]
    had: list[tuple[str, int]]
    skipped: list[str]
    closure: ClosureStatus


async def instance(disk: Disk, after: timedelta) -> House:
    clock = VirtualClock(START + after)
    house = House(MemoryStore(KINDS, clock, disk), clock, seed=next(SEEDS))
    await house.meetings.load()
    return house


async def begun(disk: Disk) -> None:
    """A date that will be over, a hold that expires, a series that could not have two dates, a closure of a day."""
    house = await instance(disk, timedelta())
    await house.centre()
    name = await room(house)
    await book(house, ANA, name, at("2026-11-24T19:00", title="Single"))
    held = at("2026-11-25T19:00", title="Hold")
    await house.call("HoldRoom", BEN, parent=CENTRE, room=name, booking=held)
    series = at("2026-11-22T19:00", "FREQ=DAILY;COUNT=5", title="Series")
    await book(house, ANA, name, series, on_clash="CLASH_POLICY_SKIP")
    await house.call("CreateClosure", parent=CENTRE, closure={**FLOOD, "start": "2026-11-22", "end": "2026-11-23"})


async def left(disk: Disk) -> Left:
    house = await instance(disk, timedelta(hours=HOURS))
    found = await stored(house)
    past = (await house.store.find("past", {"centre": "house"}, limit=1000)).records
    had = [records.read(each, PastBooking).booking for each in past]
    since = minute(START)
    starts = [(each.title, one.start) for each in had for one in stretches(each.pattern, since, since + 60 * HOURS)]
    (closure,) = (await house.store.find("closure", {"centre": "house"}, limit=10)).records
    skipped = [f"{each.title} {one.slot.start}" for each in found for one in each.skipped]
    return Left(sorted(each.title for each in found), sorted(starts), skipped, records.read(closure, Closure).status)


async def run(skews: Sequence[int], hours: int) -> Left:
    """Every so many hours another instance looks, whose clock is so many minutes ahead."""
    disk = Disk()
    await begun(disk)
    skew = itertools.cycle(skews)
    for passed in [*range(0, HOURS, hours), HOURS]:
        for _ in range(len(skews)):
            house = await instance(disk, timedelta(hours=passed, minutes=next(skew)))
            await waited(house, house.sweep())
    return await left(disk)


@pytest.mark.parametrize(("skews", "hours"), [((10, -10, 0), 6), ((-10, 10), 11), ((0,), 48), ((3, -2, 10), HOURS)])
async def test_late_or_by_clocks_that_jump_all_of_it_happens_once(skews: Sequence[int], hours: int) -> None:
    punctual = await run((0,), 3)
    assert (punctual.booked, punctual.closure) == ([], ClosureStatus.ENDED)
    assert len(punctual.had) == len(set(punctual.had)) == 4  # three dates of the series, and the single one
    assert await run(skews, hours) == punctual
