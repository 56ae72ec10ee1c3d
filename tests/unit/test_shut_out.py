"""Bookings that a closure shuts out: the first are named, all are counted, and others get their turn meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from services.kit.clock import instant
from services.meetings import shut_out as module
from services.meetings.board import House
from services.meetings.diary import Diary
from services.meetings.shut_out import LOOKED_AT, shut_out
from services.meetings.types import Closure, ClosureEffect
from services.meetings.types_rooms import Booking, Room
from services.recurrence.pattern import Pattern
from services.recurrence.types import Schedule

AT: Final = instant(datetime(2030, 6, 1, tzinfo=UTC))
ZONE: Final = "UTC"
SNOW: Final = Closure(
    id="snow", centre="elm", created_at=AT, reason="Snow", effect=ClosureEffect.CANCEL, start="2030-06-03", end=""
)
MONDAY: Final = datetime(2030, 6, 3, 8)  # noqa: DTZ001 - local times are naive


def a_house(rooms: int, bookings: int, *, meeting: str = "") -> House:
    """Rooms with so many bookings of an hour each, of which the last made is the earliest."""
    house = House()
    for room in (f"room-{number}" for number in range(rooms)):
        house.rooms[room] = Room(id=room, centre="elm", created_at=AT, title=room, place="p")
        house.diaries[room] = Diary(room)
        for number in range(bookings):
            start = MONDAY + timedelta(hours=2 * (bookings - number))
            id_ = f"{room} {number:04}"
            house.diaries[room].put(
                Booking(
                    id=id_,
                    centre="elm",
                    room=room,
                    created_at=AT,
                    lineage=id_,
                    pattern=Pattern(zone=ZONE, schedule=Schedule(start, ZONE, 60)),
                    meeting=f"{meeting} {number}" if meeting else "",
                )
            )
    return house


async def turns(house: House) -> int:
    """How often others had their turn meanwhile."""
    asked, count = asyncio.ensure_future(shut_out(house, SNOW, AT, ZONE)), 0
    while not asked.done():
        await asyncio.sleep(0)
        count += 1
    await asked
    return count


async def test_the_earliest_are_named_in_order_of_time_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NAMED", 3)
    found, count = await shut_out(a_house(5, 40), SNOW, AT, ZONE)
    assert count == 200
    assert [each.booking.id for each in found] == ["room-0 0039", "room-1 0039", "room-2 0039"]
    assert {(each.start, each.dates) for each in found} == {(MONDAY + timedelta(hours=2), 1)}


@pytest.mark.parametrize("meeting", ["", "weekly"])
async def test_others_get_their_turn_however_many_bookings_are_passed_over(meeting: str) -> None:
    assert await turns(a_house(10, LOOKED_AT, meeting=meeting)) >= 10


async def test_the_house_may_change_while_others_have_their_turn() -> None:
    house = a_house(3, 2 * LOOKED_AT)
    asked = asyncio.ensure_future(shut_out(house, SNOW, AT, ZONE))
    await asyncio.sleep(0)
    house.diaries["room-0"].remove("room-0 0000")
    del house.rooms["room-2"], house.diaries["room-2"]
    _, count = await asked
    assert count in range(3 * LOOKED_AT, 4 * LOOKED_AT + 1)
