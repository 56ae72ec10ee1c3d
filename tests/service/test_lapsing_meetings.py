"""Meetings whose rooms' dates are over: what was is history, and they are edited as ever."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.service.booked import past, waited
from tests.service.meetings_house import CENTRE, House

pytest_plugins = ("tests.service.meetings_house",)

ONCE = {"start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60}


async def held_in(house: House, **fields: Any) -> tuple[Any, str]:
    """A meeting in a room of its own, and the room's id."""
    place = await house.place()
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Hall", "place": place.name})
    meeting = await house.meeting(place=place.name, rooms=[room.name], **fields)
    return meeting, room.name.rpartition("/")[2]


async def booked(house: House, room: str) -> list[str]:
    """The titles of what stands in a room."""
    bookings = await house.desk.heads.look("room", room, lambda head: list(head.index.bookings.values()))
    return [each.title for each in bookings]


async def test_a_meeting_that_is_over_leaves_its_room_to_history_and_can_be_edited(house: House) -> None:
    meeting, room = await held_in(house, schedule=ONCE)
    assert await booked(house, room) == ["Tuesday Group"]
    house.clock.jump(datetime(2026, 11, 27, tzinfo=UTC))
    await house.sweep()
    assert await booked(house, room) == []
    assert [each.booking.title for each in await past(house, room)] == ["Tuesday Group"]
    edited = await house.call("UpdateMeeting", meeting={"name": meeting.name, "title": "Once"}, update_mask="title")
    assert edited.title == "Once"
    assert len(await past(house, room)) == 1
    later = {"name": meeting.name, "schedule": {**ONCE, "start": "2026-12-01T19:00"}}
    await waited(house, house.call("UpdateMeeting", meeting=later, update_mask="schedule.start"))
    assert await booked(house, room) == ["Once"]


async def test_what_a_series_had_stays_as_it_was_when_it_is_changed_or_ends(house: House) -> None:
    meeting, room = await held_in(house)
    house.clock.jump(datetime(2026, 12, 3, tzinfo=UTC))
    edited = {"name": meeting.name, "schedule": {"start": "2026-11-24T21:00", "time_zone": "America/Edmonton"}}
    await house.call("UpdateMeeting", meeting=edited, update_mask="schedule.start")
    reply = await house.call(
        "GetRoomCalendar",
        name=f"{CENTRE}/rooms/{room}",
        start_time="2026-11-20T00:00:00Z",
        end_time="2026-12-12T00:00:00Z",
    )
    assert [each.local_start for each in reply.events] == ["2026-11-24T19:00", "2026-12-01T19:00", "2026-12-08T21:00"]
