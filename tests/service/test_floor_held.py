"""Whoever takes a room moves the heads of all that share its floor: so another instance, which decided on what was
before, decides again. And what a closure makes of a date is no reason to refuse what a person writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Unmet
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.records import KINDS
from tests.service import bookings_house
from tests.service.booked import waited
from tests.service.bookings_house import ANA, BEN, CENTRE, book, twice
from tests.service.claims_house import a_room, at, fits, lost, stored, taken
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from collections.abc import Awaitable


async def a_house() -> House:
    clock = VirtualClock(START)
    house = House(MemoryStore(KINDS, clock), clock)
    await house.meetings.load()
    await house.centre()
    return house


async def halls(house: House) -> tuple[str, str, str]:
    """The name of a place, of a part and of the hall that it is a part of."""
    place = (await house.place()).name
    part = await a_room(house, place, "East")
    return place, part, await a_room(house, place, "Hall", parts=[part])


async def tried(wish: Awaitable[object]) -> bool:
    """Whether it was had."""
    try:
        await wish
    except Unmet:
        return False
    return True


async def revision(house: House, room: str) -> int:
    record = await house.store.get("room", room.rpartition("/")[2])
    assert record is not None
    return record.revision


@pytest.mark.parametrize("by", ["person", "meeting"])
async def test_what_is_taken_in_a_part_moves_the_hall_and_the_other_way_round(by: str) -> None:
    house = await a_house()
    place, part, hall = await halls(house)
    for room, other, day in ((part, hall, "2026-11-24"), (hall, part, "2026-11-25")):
        before = await revision(house, other)
        if by == "person":
            await book(house, ANA, room, bookings_house.at(f"{day}T19:00"))
        else:
            await house.meeting(place=place, rooms=[room], schedule=at(day))
        assert await revision(house, other) == before + 1


async def test_a_room_that_a_meeting_names_and_does_not_take_moves_so_that_nobody_deletes_it_meanwhile() -> None:
    house = await a_house()
    place = (await house.place()).name
    room = await a_room(house, place)
    before = await revision(house, room)
    await house.meeting(mode="MODE_ONLINE", online={"url": "https://meet.example/a"}, place=place, rooms=[room])
    assert await taken(house, room) == []
    assert await revision(house, room) == before + 1


async def test_of_a_hall_and_its_part_asked_for_at_once_at_two_instances_one_is_had() -> None:
    """Each has its own picture of the rooms, and only the store between them."""
    one = await a_house()
    place, part, hall = await halls(one)
    other = House(one.store, one.clock)
    await other.meetings.load()

    for day in range(1, 9):
        when = f"2026-12-{day:02}"
        in_hall = book(one, ANA, hall, bookings_house.at(f"{when}T19:00"))
        if day % 2:
            in_part = book(other, BEN, part, bookings_house.at(f"{when}T19:30"))
        else:
            in_part = other.meeting(place=place, rooms=[part], schedule=at(f"{when}T19:30"))
        assert sorted(await waited(one, asyncio.gather(tried(in_hall), tried(in_part)))) == [False, True]
    pair = frozenset({frozenset(name.rpartition("/")[2] for name in (part, hall))})
    assert not twice(await bookings_house.stored(one), START, 60, pair)


async def test_words_are_changed_while_a_closure_moves_a_date_into_a_room_that_is_taken() -> None:
    house = await a_house()
    here, there = (await house.place()).name, (await house.place(title="Library")).name
    blue, green = await a_room(house, here), await a_room(house, there, "Green")
    name = (await house.meeting(place=here, rooms=[blue])).name
    await house.meeting(title="Readers", place=there, rooms=[green], schedule=at("2026-12-01"))
    closure = {
        "reason": "Snow",
        "effect": "CLOSURE_EFFECT_MOVE",
        "start": "2026-12-01",
        "end": "2026-12-02",
        "places": [here],
        "move_place": there,
        "move_rooms": [green],
    }
    await house.call("CreateClosure", parent=CENTRE, closure=closure)
    await house.call(
        "UpdateMeeting", meeting={"name": name, "title": "Evening Group"}, update_mask="title", scope="EDIT_SCOPE_ALL"
    )
    assert await lost(house, name) == ["2026-12-01"]
    assert await taken(house, green) == ["12-01 Readers"]
    await fits(house)


async def test_a_meeting_that_is_moved_keeps_the_minutes_that_its_room_had() -> None:
    house = await a_house()
    place = (await house.place()).name
    room = await a_room(house, place, before_minutes=30)
    name = (await house.meeting(place=place, rooms=[room])).name
    await house.call("UpdateRoom", room={"name": room}, update_mask="beforeMinutes")
    await book(house, ANA, room, bookings_house.at("2026-11-25T18:00"))
    for start, has_room in (("19:29", False), ("19:30", True)):
        moved = {"name": name, "schedule": at(f"2026-11-25T{start}", "FREQ=WEEKLY;BYDAY=WE")}
        done = await tried(house.call("UpdateMeeting", meeting=moved, update_mask="schedule"))
        assert done is has_room


async def test_a_meeting_that_was_written_by_who_did_not_know_of_a_closure_follows_at_the_second_look() -> None:
    house = await a_house()
    name = (await house.meeting()).name
    unknowing = await stored(house, name)
    closure = {"reason": "Snow", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-11-24", "end": "2026-11-25"}
    await house.call("CreateClosure", parent=CENTRE, closure=closure)
    await house.sweep()
    assert [str(each.key.date) for each in (await stored(house, name)).closed] == ["2026-11-24"]
    record = await house.store.get("meeting", unknowing.id)
    late = records.write(record, unknowing, at=house.desk.now(), actor="late")
    await house.store.commit(Commit((late,), (), ()))
    await house.sweep()
    assert (await stored(house, name)).closed == ()
    await house.clock.advance(121)
    await house.sweep()
    assert [str(each.key.date) for each in (await stored(house, name)).closed] == ["2026-11-24"]
