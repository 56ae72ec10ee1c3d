"""A house with rooms: what its meetings hold of them, compared with what everybody is told of the meetings.

Test modules import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openchair.meetings.v1 import booking_pb2, closure_service_pb2

from services.meetings import composed, records
from services.meetings.types import Meeting
from services.meetings.types_rooms import Booking, Room
from services.meetings.wanted import wanted
from services.recurrence.portions import of_key
from services.recurrence.timetable import minute, stretches
from tests.service import meetings_house
from tests.service.meetings_house import CENTRE, House

if TYPE_CHECKING:
    from services.kit.errors import Refusal

meetings_house.MESSAGES.update(vars(closure_service_pb2))

AHEAD = 400 * 24 * 60
"""Minutes that are looked at date by date."""


async def a_room(house: House, place: str, title: str = "Blue", **fields: Any) -> str:
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place, **fields})
    return str(made.name)


async def an_account(house: House, title: str = "Account 1") -> str:
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": title, "kind": "ROOM_KIND_VIDEO"})
    return str(made.name)


def at(start: str, rule: str = "", minutes: int = 60) -> dict[str, Any]:
    """A schedule of an hour, at 19:00 unless the start says another one."""
    start = start if "T" in start else f"{start}T19:00"
    return {"start": start, "time_zone": "America/Edmonton", "minutes": minutes, "rule": rule}


def report(refused: Refusal) -> booking_pb2.ClashReport:
    (found,) = refused.attached
    assert isinstance(found, booking_pb2.ClashReport)
    return found


async def every(house: House, kind: str, shape: type[Any]) -> list[Any]:
    found = (await house.store.find(kind, {}, limit=500)).records
    return [records.read(each, shape) for each in found if not each.gone and not each.state.get("removed")]


async def bookings(house: House, room: str) -> list[Booking]:
    return [each for each in await every(house, "booking", Booking) if each.room == room.rpartition("/")[2]]


async def stored(house: House, name: str) -> Meeting:
    record = await house.store.get("meeting", name.rpartition("/")[2])
    assert record is not None
    return records.read(record, Meeting)


async def lost(house: House, name: str) -> list[str]:
    """The dates on which a meeting has not its room; "all" for one that it does not have at all."""
    return [str(each.date or "all") for each in (await stored(house, name)).lost]


async def taken(house: House, room: str, days: int = 60) -> list[str]:
    """Who has the room when, in the order of time: "12-01 Tuesday Group"."""
    now = minute(house.clock.now())
    found = [
        (each.start, f"{each.key.date:%m-%d} {booking.title}")
        for booking in await bookings(house, room)
        for each in stretches(booking.pattern, now, now + days * 1440)
    ]
    return [text for _, text in sorted(found)]


async def fits(house: House) -> None:
    """What is booked and what is lost is what the meetings want; nothing overlaps but what somebody overruled."""
    meetings = await every(house, "meeting", Meeting)
    booked = await every(house, "booking", Booking)
    rooms = {each.id: each for each in await every(house, "room", Room)}
    since = minute(house.clock.now())
    until = since + AHEAD
    held = {(each.meeting, each.room): each for each in booked if each.meeting}
    assert len(held) == sum(bool(each.meeting) for each in booked)
    for meeting in meetings:
        wants = {room: stretches(pattern, since, until) for room, pattern in wanted(meeting).items()}
        whole = composed.lost_whole(meeting)
        for room in rooms:
            booking = held.pop((meeting.id, room), None)
            missing = {each.key for each in meeting.lost if each.room == room}
            has = stretches(booking.pattern, since, until) if booking else []
            assert (room in meeting.claimed) == (booking is not None), (meeting.title, room)
            if room in whole:
                assert booking is None
                continue
            assert [each for each in wants.get(room, []) if each.key not in missing] == has, (meeting.title, room)
            skipped = booking.skipped if booking else ()
            assert {each.slot.key for each in skipped} <= missing
            assert all(each.slot in of_key(wanted(meeting)[room], each.slot.key) for each in skipped)
            if booking:
                assert booking.title == meeting.title
    assert not held, "bookings of meetings that are not there"
    _refuse_overlaps(booked, rooms, since, until)


def _refuse_overlaps(booked: list[Booking], rooms: dict[str, Room], since: int, until: int) -> None:
    for room in rooms.values():
        around = {room.id, *room.excludes}
        dates = [
            (each.start, each.end, booking)
            for booking in booked
            if booking.room in around and not booking.competes
            for each in stretches(booking.pattern, since, until)
        ]
        dates.sort(key=lambda each: each[:2])
        for n, (_, end, booking) in enumerate(dates):
            for start, _, other in dates[n + 1 :]:
                if start >= end:
                    break
                mine = room.id in {booking.room, other.room}
                same = booking.meeting != "" and booking.meeting == other.meeting
                assert not mine or same or booking.id == other.id or booking.overruled or other.overruled, (
                    booking.title,
                    other.title,
                )
