"""What somebody may have of a room in a day, a week or a month: all that they had counts, over, cut or moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Unmet
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, at, book, room

if TYPE_CHECKING:
    from services.kit.call import Caller
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)


async def a_room(house: House, **quota: Any) -> str:
    """One of which everybody may have so much."""
    return await room(house, rules={"quotas": [{"period": "QUOTA_PERIOD_WEEK", **quota}]})


async def pass_to(house: House, day: str) -> None:
    """It is noon of that day (UTC), and everything due has been done."""
    house.clock.jump(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC))
    await house.sweep()


async def change(
    house: House, name: str, caller: Caller = ANA, scope: str = "ALL", key: str = "", **schedule: Any
) -> Any:
    """Other times."""
    return await house.call(
        "ChangeBooking",
        caller,
        booking={"name": name, "schedule": schedule},
        update_mask=",".join(f"schedule.{field}" for field in schedule),
        scope=f"BOOKING_SCOPE_{scope}",
        key=key,
    )


async def refused(house: House, name: str, day: str, caller: Caller = ANA) -> list[str]:
    """The rules that a date at noon of that day breaks; whoever looks first is told the same."""
    booking = at(f"{day}T12:00")
    dry = await house.call("CheckBooking", caller, parent=CENTRE, rooms=[name], booking=booking)
    found = await house.call("FindFreeRooms", caller, parent=CENTRE, schedule=booking["schedule"])
    rules = [each.rule for each in dry.clashes]
    assert [each.room.name for each in found.rooms] == ([] if rules else [name])
    if rules:
        with pytest.raises(Unmet):
            await book(house, caller, name, booking)
    return rules


async def test_what_is_over_and_history_by_now_counts_in_its_week(house: House) -> None:
    name = await a_room(house, count=2)
    for day in (23, 24):
        await book(house, ANA, name, at(f"2026-11-{day}T19:00"))
    await pass_to(house, "2026-11-27")
    assert await house.store.find("booking", {"centre": "house", "removed": False}) == await house.store.find(
        "booking", {"centre": "none", "removed": False}
    )
    assert await refused(house, name, "2026-11-28") == ["QUOTA_COUNT_WEEK"]
    assert await refused(house, name, "2026-11-30") == []
    assert await refused(house, name, "2026-11-28", BEN) == []


async def test_a_room_of_which_they_have_had_enough_is_not_proposed_in_place_of_another(house: House) -> None:
    hall = await room(house, "Hall")
    name = await a_room(house, count=1)
    await book(house, ANA, name, at("2026-11-24T19:00"))
    await book(house, LEE, hall, at("2026-11-28T12:00"))
    await pass_to(house, "2026-11-27")
    for caller, proposed in ((ANA, False), (BEN, True)):
        asked = {"parent": CENTRE, "rooms": [hall], "booking": at("2026-11-28T12:00")}
        dry = await house.call("CheckBooking", caller, **asked)
        with pytest.raises(Unmet) as told:
            await house.call("BookRoom", caller, **asked)
        reports: tuple[Any, ...] = (dry, told.value.attached[0])
        for found in reports:
            assert (name in {each.room for each in found.alternatives}) is proposed


async def test_what_was_given_back_when_some_of_it_was_over_counts_for_what_was_had(house: House) -> None:
    name = await a_room(house, minutes=180)
    made = await book(house, ANA, name, at("2026-11-23T19:00", "FREQ=DAILY;COUNT=3"))
    await pass_to(house, "2026-11-25")
    await house.call("ReleaseBooking", ANA, name=made.name, scope="BOOKING_SCOPE_ALL")
    await book(house, ANA, name, at("2026-11-26T19:00"))
    assert await refused(house, name, "2026-11-27") == ["QUOTA_MINUTES_WEEK"]


async def test_a_date_that_is_moved_by_itself_counts_with_the_others_of_its_series(house: House) -> None:
    name = await a_room(house, count=1)
    made = await book(house, ANA, name, at("2026-11-24T19:00", "FREQ=WEEKLY"))
    with pytest.raises(Unmet) as told:
        await change(house, made.name, scope="THIS", key="20261201", start="2026-11-26T19:00")
    assert told.value.reason == "BOOKING_RULE"
    await change(house, made.name, scope="THIS", key="20261201", start="2026-12-04T19:00")


async def test_what_lies_before_a_cut_counts_with_what_lies_after_it(house: House) -> None:
    name = await a_room(house, count=3)
    made = await book(house, ANA, name, at("2026-11-23T19:00", "FREQ=DAILY;COUNT=3"))
    with pytest.raises(Unmet) as told:
        await change(house, made.name, scope="FOLLOWING", key="20261124", rule="FREQ=DAILY;COUNT=3")
    assert told.value.reason == "BOOKING_RULE"
    await change(house, made.name, scope="FOLLOWING", key="20261124", rule="FREQ=DAILY;COUNT=2")


async def test_what_is_over_of_a_series_counts_when_the_rest_of_it_is_changed(house: House) -> None:
    name = await a_room(house, count=3)
    made = await book(house, ANA, name, at("2026-11-23T19:00", "FREQ=DAILY;COUNT=3"))
    await pass_to(house, "2026-11-25")
    more = {"start": "2026-11-25T19:00", "rule": "FREQ=DAILY;COUNT=2"}
    for caller in (ANA, LEE):
        with pytest.raises(Unmet) as told:
            await change(house, made.name, caller, **more)
        assert told.value.reason == "BOOKING_RULE"
    dry = await house.call(
        "CheckBooking",
        ANA,
        parent=CENTRE,
        rooms=[name],
        booking=at(more["start"], more["rule"]),
        instead_of=made.name,
    )
    assert [each.rule for each in dry.clashes] == ["QUOTA_COUNT_WEEK"]
    await change(house, made.name, start="2026-11-25T20:00", rule="FREQ=DAILY;COUNT=1")


async def test_history_of_an_older_version_is_found_and_who_it_was_is_forgotten_with_the_words(house: House) -> None:
    name = await a_room(house, count=1)
    await book(house, ANA, name, at("2026-11-23T19:00"))
    await pass_to(house, "2026-11-26")
    (record,) = (await house.store.find("past", {"centre": "house"})).records
    kind = next(each for each in KINDS if each.name == "past")
    older = {field: value for field, value in record.state.items() if field != "organiser"}
    assert kind.upgrades[1](older) == record.state
    assert record.state["organiser"] == "ana"
    await pass_to(house, "2026-12-25")
    (record,) = (await house.store.find("past", {"centre": "house"})).records
    assert "ana" not in str(record.state)
