"""What is offered of skipped dates, and what is not: what could not be taken, and what has begun, never is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Unmet
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from services.recurrence.zones import to_utc
from tests.service.bookings_house import ANA, BEN, CENTRE, ZONE, at, book, room
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from services.kit.call import Caller

SKIP = {"on_clash": "CLASH_POLICY_SKIP"}
WEEKLY = "FREQ=WEEKLY;COUNT=4"


async def a_house() -> House:
    clock = VirtualClock(START)
    house = House(MemoryStore(KINDS, clock), clock)
    await house.meetings.load()
    await house.centre()
    return house


async def offered(house: House, caller: Caller, name: str) -> list[tuple[str, bool]]:
    """The dates that a booking had to skip, and whether each is to be had."""
    found = await house.call("GetBooking", caller, name=name)
    return [(each.slot.key, each.offered) for each in found.skipped]


async def release(house: House, caller: Caller, made: Any) -> None:
    await house.call("ReleaseBooking", caller, name=made.name, scope="BOOKING_SCOPE_ALL")


async def move(house: House, made: Any, key: str, start: str) -> None:
    """One date of Ben's is at another time."""
    await house.call(
        "ChangeBooking",
        BEN,
        booking={"name": made.name, "schedule": {"start": start}},
        update_mask="schedule.start",
        scope="BOOKING_SCOPE_THIS",
        key=key,
    )


async def test_a_time_that_a_series_has_by_another_of_its_dates_is_not_offered_to_it() -> None:
    house = await a_house()
    name = await room(house)
    other = await book(house, ANA, name, at("2026-12-01T19:00"))
    series = await book(house, BEN, name, at(rule=WEEKLY), **SKIP)
    await release(house, ANA, other)
    assert await offered(house, BEN, series.name) == [("20261201", True)]
    await move(house, series, "20261208", "2026-12-01T19:30")
    assert await offered(house, BEN, series.name) == [("20261201", False)]
    with pytest.raises(Unmet):
        await house.call("TakeSkippedDates", BEN, name=series.name)
    await move(house, series, "20261208", "2026-12-01T20:00")
    assert await offered(house, BEN, series.name) == [("20261201", True)]
    done = await house.call("TakeSkippedDates", BEN, name=series.name)
    assert list(done.skipped) == []


async def test_what_begins_at_this_very_moment_is_neither_offered_nor_taken() -> None:
    house = await a_house()
    name = await room(house)
    other = await book(house, ANA, name, at("2026-12-01T19:30"))
    series = await book(house, BEN, name, at(rule=WEEKLY), **SKIP)
    house.clock.jump(to_utc(datetime.fromisoformat("2026-12-01T19:00"), ZONE))
    await release(house, ANA, other)
    assert await offered(house, BEN, series.name) == [("20261201", False)]
    with pytest.raises(Unmet) as refused:
        await house.call("TakeSkippedDates", BEN, name=series.name, keys=["20261201"])
    assert refused.value.reason == "NOTHING_FREE"


async def test_what_waits_in_another_hall_of_a_shared_part_is_looked_at_when_its_own_floor_is_freed() -> None:
    house = await a_house()
    place = await house.place(title="Halls")

    async def a_room(title: str, *parts: str) -> str:
        fields = {"title": title, "place": place.name, "parts": list(parts)}
        return str((await house.call("CreateRoom", parent=CENTRE, room=fields)).name)

    east, middle, west = [await a_room(title) for title in ("East", "Middle", "West")]
    left, right = await a_room("Left", east, middle), await a_room("Right", middle, west)
    first = await book(house, ANA, east, at("2026-12-01T19:00"))
    second = await book(house, ANA, west, at("2026-12-02T19:00"))
    one = await book(house, BEN, left, at("2026-11-24T19:00", WEEKLY), **SKIP)
    other = await book(house, BEN, right, at("2026-11-25T19:00", WEEKLY), **SKIP)
    await release(house, ANA, first)
    assert await offered(house, BEN, one.name) == [("20261201", True)]
    assert await offered(house, BEN, other.name) == [("20261202", False)]
    await release(house, ANA, second)
    assert await offered(house, BEN, other.name) == [("20261202", True)]


async def test_two_dates_of_one_meeting_that_overlap_are_not_in_each_others_way() -> None:
    """A late evening, and what begins at midnight: the evening is offered, and had, when it becomes free."""
    house = await a_house()
    place = await house.place()
    fields = {"title": "Hall", "place": place.name}
    name = str((await house.call("CreateRoom", parent=CENTRE, room=fields)).name)
    other = await book(house, ANA, name, at("2026-12-01T22:30"))
    late = {"start": "2026-11-24T23:00", "time_zone": ZONE, "minutes": 90, "rule": "FREQ=WEEKLY;BYDAY=TU"}
    extra = {"extra_dates": [{"date": "2026-12-02", "time": "00:00", "ordinal": 1}]}
    meeting = {"title": "Night Owls", "mode": "MODE_IN_PERSON", "place": place.name, "rooms": [name]}
    meeting = {**meeting, "schedule": {**late, **extra}}
    await house.call("CreateMeeting", parent=CENTRE, meeting=meeting, **SKIP)
    await release(house, ANA, other)
    (queued,) = (await house.call("ListBookings", parent=CENTRE, queue="BOOKING_QUEUE_OFFERED")).bookings
    assert [(each.slot.key, each.offered) for each in queued.skipped] == [("20261201", True)]
    done = await house.call("TakeSkippedDates", name=queued.name)
    assert list(done.skipped) == []
