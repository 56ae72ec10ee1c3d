"""A closure of meetings only: they pause or go elsewhere, and the rooms that they leave are for whoever books them."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.errors import Unmet
from tests.service.bookings_house import ANA, BEN, LEE, book
from tests.service.bookings_house import at as booked
from tests.service.claims_house import a_room, at, fits, lost, taken
from tests.service.closures_house import close, past_second_look, seen, shown
from tests.service.meetings_house import CENTRE, COORDINATOR, House

pytest_plugins = ("tests.service.meetings_house",)

FEAST = {
    "reason": "A feast",
    "effect": "CLOSURE_EFFECT_CANCEL",
    "start": "2026-12-01",
    "end": "2026-12-02",
    "meetings_only": True,
}
EVENING = booked("2026-12-01T19:00", title="Wedding")


class Home:
    """A place with one room and a meeting in it every Tuesday."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.room = self.meeting = ""

    async def built(self) -> Home:
        self.place = (await self.house.place()).name
        self.room = await a_room(self.house, self.place)
        schedule = at("2026-11-24", "FREQ=WEEKLY;BYDAY=TU")
        held = {"title": "Tuesday Group", "place": self.place, "rooms": [self.room], "schedule": schedule}
        self.meeting = str((await self.house.meeting(**held)).name)
        return self

    async def free(self) -> list[str]:
        """The rooms that a facilitator finds free on that evening."""
        found = await self.house.call("FindFreeRooms", ANA, parent=CENTRE, schedule=EVENING["schedule"])
        return [each.room.name for each in found.rooms]

    async def hindered(self) -> list[int]:
        """The kinds of what keeps a facilitator from having the room on that evening."""
        found = await self.house.call("CheckBooking", ANA, parent=CENTRE, rooms=[self.room], booking=EVENING)
        return [each.kind for each in found.clashes]

    async def closed(self, **more: Any) -> Any:
        return await close(self.house, {**FEAST, "places": [self.place], **more})


@pytest.fixture
async def home(house: House) -> Home:
    return await Home(house).built()


async def test_rooms_of_meetings_that_pause_are_found_and_booked_by_others(house: House, home: Home) -> None:
    assert (await home.free(), await home.hindered()) == ([], [1])
    made = await home.closed()
    assert made.meetings_only
    assert (await shown(house))["12-01"][0]
    assert (await home.free(), await home.hindered()) == ([home.room], [])
    wedding = await book(house, ANA, home.room, EVENING)
    assert not (await house.call("GetBooking", ANA, name=wedding.name)).closed
    (event,) = await events(house, home.room)
    assert (event.title, event.closure_reason) == ("Wedding", "")


async def test_whose_room_was_booked_while_it_paused_is_named_when_it_comes_back(house: House, home: Home) -> None:
    made = await home.closed()
    wedding = await book(house, ANA, home.room, EVENING)
    await house.call("WithdrawClosure", COORDINATOR, name=made.name)
    await house.sweep()
    await past_second_look(house)
    named = [(each.local_start, each.room) for each in (await seen(house, made.name)).lost]
    assert named == [("2026-12-01T19:00", home.room)]
    assert await lost(house, home.meeting) == ["2026-12-01"]
    assert "12-01 Wedding" in await taken(house, home.room)
    await fits(house)
    await house.call("ReleaseBooking", ANA, name=wedding.name, scope="BOOKING_SCOPE_ALL")
    queue = await house.call("ListBookings", LEE, parent=CENTRE, queue="BOOKING_QUEUE_OFFERED")
    await house.call("TakeSkippedDates", LEE, name=queue.bookings[0].name)
    assert await lost(house, home.meeting) == []
    await fits(house)


async def test_unless_it_is_said_a_closed_house_lets_nobody_in(house: House, home: Home) -> None:
    made = await home.closed(meetings_only=False)
    assert (await home.free(), await home.hindered()) == ([], [3])
    with pytest.raises(Unmet, match="A feast"):
        await book(house, BEN, home.room, EVENING)
    await told(house, made.name, meetings_only=True)
    wedding = await book(house, BEN, home.room, EVENING)
    await told(house, made.name, meetings_only=False)
    (stands,) = (await house.call("GetBooking", BEN, name=wedding.name)).closed
    assert (stands.start, stands.reason) == ("2026-12-01T19:00", "A feast")
    assert (await shown(house))["12-01"][0]


async def test_a_date_that_waits_is_offered_when_only_meetings_are_closed_any_more(house: House, home: Home) -> None:
    made = await home.closed(meetings_only=False)
    rule = booked("2026-12-01T10:00", "FREQ=WEEKLY;BYDAY=TU;COUNT=3")
    series = await book(house, BEN, home.room, rule, on_clash="CLASH_POLICY_SKIP")
    assert [each.offered for each in series.skipped] == [False]
    await told(house, made.name, meetings_only=True)
    assert [each.offered for each in (await house.call("GetBooking", BEN, name=series.name)).skipped] == [True]


async def told(house: House, name: str, **fields: Any) -> None:
    """The closure is changed, and followed."""
    await house.call("UpdateClosure", COORDINATOR, closure={"name": name, **fields}, update_mask="meetingsOnly")
    await house.sweep()


async def events(house: House, room: str) -> list[Any]:
    """What is on in the room on that day."""
    times = {"start_time": "2026-12-01T07:00:00Z", "end_time": "2026-12-02T07:00:00Z"}
    return list((await house.call("GetRoomCalendar", LEE, name=room, **times)).events)
