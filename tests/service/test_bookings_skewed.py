"""Two never have one room where clocks differ, rules change and requests come twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import booking_pb2

from services.kit.errors import Invalid, Unmet
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, at, book, room, stored, twice
from tests.service.meetings_house import START

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
WEEKLY = "FREQ=WEEKLY;BYDAY=TU"


async def test_a_hold_whose_time_somebody_has_got_is_not_confirmed_by_a_clock_that_is_behind(house: House) -> None:
    name = await room(house)
    hold = await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at())
    house.clock.jump(START + timedelta(minutes=11))
    await book(house, BEN, name)
    house.clock.jump(START + timedelta(minutes=5))
    with pytest.raises(Unmet) as refused:
        await house.call("ConfirmHold", ANA, name=hold.name)
    assert refused.value.reason == "ROOM_TAKEN"
    assert [each.organiser for each in await stored(house) if each.holds("2026-11-21T12:20:00.000Z")] == ["ben"]


async def test_a_hold_in_place_of_which_its_person_has_booked_is_not_confirmed_by_a_clock_that_is_behind(
    house: House,
) -> None:
    """The quota is for all that somebody has, whichever instance was asked."""
    name = await room(house, rules={"quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": 1}]})
    hold = await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at())
    house.clock.jump(START + timedelta(minutes=11))
    await book(house, ANA, name, at("2026-11-25T19:00"))
    house.clock.jump(START + timedelta(minutes=5))
    with pytest.raises(Unmet) as refused:
        await house.call("ConfirmHold", ANA, name=hold.name)
    assert refused.value.reason == "BOOKING_RULE"


async def test_a_hold_is_confirmed_though_it_is_late_for_another(house: House) -> None:
    """Only quotas are asked again: whoever held it in time has it."""
    name = await room(house, rules={"least_minutes_ahead": 60, "quotas": [{"period": "QUOTA_PERIOD_DAY", "count": 1}]})
    soon = at("2026-11-21T07:05")
    hold = await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=soon)
    house.clock.jump(START + timedelta(minutes=9))
    confirmed = await house.call("ConfirmHold", ANA, name=hold.name)
    assert confirmed.state == booking_pb2.BOOKING_STATE_CONFIRMED


@pytest.mark.parametrize("approval", ["APPROVAL_UNSPECIFIED", "APPROVAL_HOLDS"])
async def test_what_competes_goes_on_competing_when_its_room_stops_to(house: House, approval: str) -> None:
    """A change of one of its dates gives it none of the others, which it only asked for."""
    name = await room(house, rules={"approval": "APPROVAL_COMPETES"})
    series = await book(house, ANA, name, at(rule=f"{WEEKLY};COUNT=3"))
    await book(house, LEE, name, at("2026-12-01T19:00"))
    await house.call("UpdateRoom", room={"name": name, "rules": {"approval": approval}}, update_mask="rules")
    moved = {"name": series.name, "schedule": {"start": "2026-12-08T20:00"}}
    change = {"booking": moved, "scope": "BOOKING_SCOPE_THIS", "key": "20261208", "update_mask": "schedule.start"}
    changed = await house.call("ChangeBooking", ANA, **change)
    assert (changed.state, changed.competes) == (booking_pb2.BOOKING_STATE_PENDING, True)
    assert not twice(await stored(house), START)


async def test_a_series_is_looked_after_from_when_people_check_in_on(house: House) -> None:
    name = await room(house)
    series = await book(house, ANA, name, at(rule=WEEKLY))
    await house.call("UpdateRoom", room={"name": name, "rules": {"check_in_minutes": 15}}, update_mask="rules")
    await house.sweep()
    house.clock.jump(datetime(2026, 11, 25, 1, 15, tzinfo=UTC))
    await house.sweep()
    found = await house.call("GetBooking", ANA, name=series.name)
    assert list(found.released) == ["20261124"]


async def test_a_dry_run_refuses_what_leaves_no_time_between_its_own_dates(house: House) -> None:
    name = await room(house, before_minutes=30)
    ask = {"parent": CENTRE, "rooms": [name], "booking": at(rule="FREQ=DAILY", minutes=23 * 60 + 45)}
    with pytest.raises(Invalid) as made:
        await house.call("BookRoom", LEE, **ask)
    with pytest.raises(Invalid) as tried:
        await house.call("CheckBooking", LEE, **ask)
    assert tried.value.violations == made.value.violations


async def test_a_double_of_the_fifth_hold_is_answered_as_the_first(house: House) -> None:
    name = await room(house)
    for hour in range(10, 14):
        await house.call("HoldRoom", ANA, parent=CENTRE, room=name, booking=at(f"2026-11-24T{hour}:00"))
    ask = {"parent": CENTRE, "room": name, "booking": at(), "request_id": "fifth"}
    first, second = await asyncio.gather(*(house.call("HoldRoom", ANA, **ask) for _ in range(2)))
    assert first == second
