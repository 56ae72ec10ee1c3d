"""Two and three instances over one store, clocks minutes apart: whoever is asked, no room is had twice.

People book, hold, confirm, approve, change and give back, coordinators hold meetings and close the house, time passes
and is looked after, requests come twice and instances start anew, all at once. Then everything is compared with what
was told, by brute force.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import booking_pb2

from services.kit.errors import Refusal
from services.kit.store.memory import Disk, MemoryStore
from services.meetings.types_rooms import BookingState, PastBooking, Room
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.zones import local_day
from tests.contract.mongo_wire import MongoWire
from tests.contract.store_fixtures import start_mongodb
from tests.service.bookings_house import ANA, BEN, CENTRE, ZONE, at, stored, twice
from tests.service.claims_house import every, fits
from tests.service.shared_house import QUOTA, Shared
from tests.sim.rooms import pattern

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from services.kit.clock import VirtualClock
    from services.kit.store.port import Commit, Kind, Store
    from services.meetings.types_rooms import Booking
    from services.recurrence.pattern import Pattern
    from services.recurrence.timetable import Stretch
    from tests.service.meetings_house import House

SKEWS = ((0.0, 240.0), (0.0, -180.0, 420.0))
JUMP = 600.0


class Slow(MemoryStore):
    """One that takes its time between what was decided and its being written: others decide meanwhile."""

    chance = random.Random(5)  # noqa: S311 - seeded

    async def commit(self, change: Commit) -> None:
        for _ in range(self.chance.choice((0, 1, 4, 16))):
            await asyncio.sleep(0)
        await super().commit(change)


@asynccontextmanager
async def shared(engine: str, seed: int, skews: tuple[float, ...]) -> AsyncIterator[Shared]:
    """Instances over one store of that engine."""
    disk, server = Disk(), MongoWire()

    async def memory(kinds: Sequence[Kind], clock: VirtualClock) -> Store:
        store = Slow(kinds, clock, disk)
        await store.open()
        return store

    async def wire(kinds: Sequence[Kind], clock: VirtualClock) -> Store:
        return await start_mongodb(server.url, "tests", clock, "motor", kinds)

    if engine == "wire":
        await server.start()
    site = Shared(wire if engine == "wire" else memory, seed, skews)
    await site.start()
    yield site
    for house in site.houses:
        await house.store.close()
    if engine == "wire":
        await server.stop()


async def storm(site: Shared, rounds: int, at_once: int) -> None:
    """So many rounds of so many at once; between them time passes, a clock goes wrong for a while, one starts anew."""
    for number in range(rounds):
        wrong = site.clocks[-1]
        wrong.jump(wrong.now() + timedelta(seconds=JUMP * (1 if number % 2 else -1)))
        await site.run(site.rush(), *(site.act() for _ in range(at_once)))
        wrong.jump(wrong.now() - timedelta(seconds=JUMP * (1 if number % 2 else -1)))
        if number % 3 == 1:
            await site.restart(number % len(site.houses))
        await site.pass_time(site.pick.choice((0, 2, 20)))
    await quiet(site)


async def quiet(site: Shared) -> None:
    """Everything that is due is done."""
    for minutes in (0, 5, 15, 15):
        await site.pass_time(minutes)
        await site.sweep()


async def check(site: Shared) -> None:
    """What must be true in the end, in an instance that knows nothing but the store."""
    await site.restart(0)
    house = site.houses[0]
    bookings = await stored(house)
    holding = [each for each in bookings if each.state is not BookingState.HELD]
    rooms = await every(house, "room", Room)
    together = frozenset(frozenset({room.id, other}) for room in rooms for other in room.excludes)
    assert not twice(holding, site.now(), 30, together)
    await site.run(fits(house))
    _as_told(site, bookings)
    _within_quota(site, holding)
    await _given_back_once(house)
    await _answers_stand(site)


def _as_told(site: Shared, bookings: list[Booking]) -> None:
    there = {f"centres/house/rooms/{each.room}/bookings/{each.id}": each for each in bookings if not each.meeting}
    held = {name for name, each in site.told.items() if each.state == booking_pb2.BOOKING_STATE_HELD}
    study = site.rooms["Study"]
    soon = minute(site.now()) + 1
    stays = {name for name, each in there.items() if all(date.start < soon for date in _dates(site, each.pattern))}
    assert not (site.gone - stays) & there.keys(), "it was given back, but for what was on"
    assert there.keys() - held - site.gone <= site.told.keys(), "nobody was told that it was made"
    for name, told in site.told.items():
        if name in held or name.startswith(study):
            continue
        assert name in there, ("it was told to be there", told)
        one = there[name]
        assert one.state.value == booking_pb2.BookingState.Name(told.state)[14:].lower(), name
        assert _dates(site, one.pattern) == _dates(site, pattern(told)), name


def _dates(site: Shared, taken: Pattern) -> list[Stretch]:
    now = minute(site.now())
    return stretches(taken, now, now + 60 * 1440)


def _within_quota(site: Shared, bookings: list[Booking]) -> None:
    had: Counter[tuple[str, Any]] = Counter()
    since = minute(site.now()) - 1440
    for each in bookings:
        if each.room == site.rooms["Practice"].rpartition("/")[2] and not each.meeting:
            for date in stretches(each.pattern, since, since + 60 * 1440):
                day = local_day(at_minute(date.start), ZONE)
                had[each.organiser, day - timedelta(days=day.weekday())] += 1
    assert all(count <= QUOTA for count in had.values()), had


async def _given_back_once(house: House) -> None:
    gone = Counter(
        (past.booking.id, key) for past in await every(house, "past", PastBooking) for key in past.booking.released
    )
    assert all(count == 1 for count in gone.values()), gone


async def _answers_stand(site: Shared) -> None:
    """Whoever asks again gets the same answer, whichever instance is asked, also one that was started since."""
    for each in site.pick.sample(site.sent, min(12, len(site.sent))):
        (again,) = await site.run(site.any().call(each.method, each.caller, **each.request))
        assert again == each.answer, each.method


@pytest.mark.parametrize("engine", ["memory", "wire"])
async def test_nobody_holds_more_than_five_at_several_instances_together(engine: str) -> None:
    async with shared(engine, 5, (0.0, 0.0, 0.0)) as site:
        name = site.rooms["East"]
        asked = [at(f"2026-12-02T{hour:02}:00", minutes=30) for hour in range(8, 20)]
        calls = (
            site.houses[n % 3].call("HoldRoom", ANA, parent=CENTRE, room=name, booking=each)
            for n, each in enumerate(asked)
        )
        told = await site.run(*(held(each) for each in calls))
        assert (told.count(""), {*told}) == (5, {"", "TOO_MANY_HOLDS"})
        holding = [each for each in await stored(site.houses[0]) if each.state is BookingState.HELD]
        assert len(holding) == 5
        other = site.houses[1].call("HoldRoom", BEN, parent=CENTRE, room=name, booking=at())
        assert await site.run(held(other)) == [""]


async def held(ask: Awaitable[Any]) -> str:
    """The reason for which a hold was refused; "": it was not."""
    try:
        await ask
    except Refusal as refused:
        return refused.reason
    return ""


@pytest.mark.parametrize("skews", SKEWS, ids=["two", "three"])
async def test_whoever_is_asked_no_room_is_had_twice_and_what_was_told_is_true(skews: tuple[float, ...]) -> None:
    async with shared("memory", 3, skews) as site, asyncio.timeout(55):
        await storm(site, 4, 6)
        await check(site)
    assert site.counts["BookRoom made"] > 0 < site.counts["BookRoom refused"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("engine", "seed"), [*(("memory", n) for n in range(10)), *(("wire", n) for n in range(4))])
async def test_in_long_storms_no_room_is_had_twice_and_what_was_told_is_true(engine: str, seed: int) -> None:
    """As above, over the stand-in for MongoDB's wire protocol too."""
    async with shared(engine, seed, SKEWS[seed % 2]) as site:
        await storm(site, 12, 12)
        await check(site)
