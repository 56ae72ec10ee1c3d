"""A booking keeps the minutes for setting up and tearing down that its room had when it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.meetings.clashes import Clashing
from tests.service.bookings_house import CENTRE, LEE, at, book, room, stored, twice
from tests.service.meetings_house import START

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ["tests.service.meetings_house"]


async def fewer_minutes(house: House, name: str) -> None:
    """The room needs none from now on."""
    await house.call("UpdateRoom", room={"name": name}, update_mask="beforeMinutes")


async def test_a_booking_is_moved_no_nearer_to_another_than_its_own_minutes_allow(house: House) -> None:
    name = await room(house, before_minutes=30)
    old = await book(house, LEE, name, at("2026-11-24T19:00"))
    await fewer_minutes(house, name)
    await book(house, LEE, name, at("2026-11-25T18:00"))
    moved = {"name": old.name, "schedule": {"start": "2026-11-25T19:15"}}
    asked = {"parent": CENTRE, "rooms": [name], "booking": at("2026-11-25T19:15"), "instead_of": old.name}
    assert not (await house.call("CheckBooking", LEE, **asked)).free
    with pytest.raises(Clashing):
        await house.call("ChangeBooking", LEE, booking=moved, update_mask="schedule.start")
    moved["schedule"] = {"start": "2026-11-25T19:30"}
    await house.call("ChangeBooking", LEE, booking=moved, update_mask="schedule.start")
    assert not twice(await stored(house), START)


async def test_a_skipped_date_is_offered_where_the_minutes_of_its_own_series_allow(house: House) -> None:
    name = await room(house, before_minutes=30)
    other = await book(house, LEE, name, at("2026-11-24T19:00"))
    skips = {"on_clash": "CLASH_POLICY_SKIP"}
    series = await book(house, LEE, name, at("2026-11-24T19:00", "FREQ=DAILY;COUNT=3"), **skips)
    await fewer_minutes(house, name)
    await house.call("ReleaseBooking", LEE, name=other.name)
    assert await offered(house, series.name) == [True]
    await book(house, LEE, name, at("2026-11-24T17:45"))
    assert await offered(house, series.name) == [False]


async def offered(house: House, name: str) -> list[bool]:
    """Of each date that it had to skip, whether it is to be had."""
    found = await house.call("GetBooking", LEE, name=name)
    return [each.offered for each in found.skipped]
