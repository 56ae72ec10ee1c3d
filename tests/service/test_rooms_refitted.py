"""What a room is to be from now on touches new wishes only: who has it keeps it, and may still change the words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid, Unmet
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, at, book, room, stored
from tests.service.claims_house import fits, lost

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
MONDAYS = {"opening_hours": [{"weekdays": [1], "opens": "08:00", "closes": "10:00"}]}


@pytest.mark.parametrize(
    ("change", "mask", "reason"),
    [
        (MONDAYS, "openingHours", "ROOM_NOT_OPEN"),
        ({"before_minutes": 60, "after_minutes": 60}, "beforeMinutes,afterMinutes", "ROOM_TAKEN"),
        ({"rules": {"longest_minutes": 30}}, "rules", "BOOKING_RULE"),
    ],
)
async def test_who_has_a_room_keeps_it_whatever_becomes_of_the_room(
    house: House, change: dict[str, Any], mask: str, reason: str
) -> None:
    name = await room(house)
    place = (await house.call("GetRoom", name=name)).place
    meeting = await house.meeting(place=place, rooms=[name])
    mine = await book(house, ANA, name, at("2026-11-24T20:00", "FREQ=WEEKLY"))
    before = [(each.id, each.pattern, each.before, each.after) for each in await stored(house)]
    await house.call("UpdateRoom", room={"name": name, **change}, update_mask=mask)
    await house.call("UpdateMeeting", LEE, meeting={"name": meeting.name, "title": "Circle"}, update_mask="title")
    await house.call("ChangeBooking", ANA, booking={"name": mine.name, "title": "Coaching"}, update_mask="title")
    assert [(each.id, each.pattern, each.before, each.after) for each in await stored(house)] == before
    assert await lost(house, meeting.name) == []
    await fits(house)
    with pytest.raises(Unmet) as refused:
        await book(house, BEN, name, at("2026-11-24T21:15"))
    assert refused.value.reason == reason


async def test_a_room_stays_where_it_is(house: House) -> None:
    name, other = await room(house), (await house.place(title="Elsewhere")).name
    with pytest.raises(Invalid) as refused:
        await house.call("UpdateRoom", room={"name": name, "place": other}, update_mask="place")
    assert [each.field for each in refused.value.violations] == ["update_mask"]
    assert (await house.call("ListRooms", parent=CENTRE)).rooms[0].place != other
