"""What every instance tells of rooms, once all is healed and quiet: as the store has it, no more and no less.

Whoever goes to a date finds it in the rooms that are named. Calendars of rooms show what is on in them and in what
shares their floor. What is found to be free is.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.meetings.types_rooms import RoomKind
from services.recurrence.timetable import at_minute, minute
from services.recurrence.wire import key_text
from tests.sim.rooms import AHEAD, CENTRE
from tests.sim.rooms_checker import NEAR

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from typing import Any

    from openchair.meetings.v1 import occurrence_pb2

    from tests.sim.rooms_checker import Rooms


async def told_otherwise(rooms: Rooms, channels: Mapping[str, Any], now: datetime) -> list[str]:
    """What instances tell otherwise than the store says."""
    wrong: list[str] = []
    for name, channel in channels.items():
        found = [
            *await _listed(rooms, MeetingServiceStub(channel), now),
            *await _calendars(rooms, RoomServiceStub(channel)),
            *await _free(rooms, RoomServiceStub(channel)),
        ]
        wrong += [f"{name}: {each}" for each in found]
    return wrong


async def _listed(rooms: Rooms, stub: MeetingServiceStub, now: datetime) -> Iterator[str]:
    """Whoever goes to a date finds it in the rooms that are named; and each room that is taken is named."""
    request = pb.ListOccurrencesRequest(parent=CENTRE, page_size=1000)
    request.start_time.FromDatetime(now)
    request.end_time.FromDatetime(at_minute(rooms.now + AHEAD))
    found: list[occurrence_pb2.Occurrence] = []
    while True:
        page = await stub.ListOccurrences(request)
        found += page.occurrences
        request.page_token = page.next_page_token
        if not request.page_token:
            return _going(rooms, found)


def _going(rooms: Rooms, listed: list[occurrence_pb2.Occurrence]) -> Iterator[str]:
    here, named = {meeting_pb2.MODE_IN_PERSON, meeting_pb2.MODE_HYBRID}, set[tuple[str, int, int, str]]()
    hosted = {meeting_pb2.MODE_ONLINE, meeting_pb2.MODE_HYBRID}
    for each in listed:
        meeting = each.name.split("/")[3]
        start, end = _times(each)
        if start <= rooms.now:
            continue
        if each.mode in here:
            named |= {(meeting, start, end, title) for title in each.venue.rooms}
        host, key = rooms.meetings[meeting].online_host, each.name.rpartition("/")[2]
        lost = {(one.room, one.key and key_text(one.key)) for one in rooms.meetings[meeting].lost}
        if host and each.mode in hosted and not {(host, None), (host, key)} & lost:
            named.add((meeting, start, end, rooms.rooms[host].title))
    taken = {
        (each.booking.meeting, each.start, each.end, rooms.rooms[room].title)
        for room, dates in rooms.had.items()
        for each in dates
        if each.booking.meeting and each.start > rooms.now
    }
    for id_, start, end, room in sorted(named ^ taken, key=lambda each: each[1]):
        sent = (id_, start, end, room) in named
        what = "is sent to a room that it has not" if sent else "has a room, and is not sent there"
        yield f"{rooms.meetings[id_].title} {what}: {room} at {at_minute(start)}"


async def _calendars(rooms: Rooms, stub: RoomServiceStub) -> list[str]:
    wrong: list[str] = []
    for room in rooms.rooms.values():
        request = rooms_pb.GetRoomCalendarRequest(name=f"{CENTRE}/rooms/{room.id}")
        request.start_time.FromDatetime(at_minute(rooms.now + NEAR))
        request.end_time.FromDatetime(at_minute(rooms.now + AHEAD))
        events = (await stub.GetRoomCalendar(request)).events
        shown = sorted((*_times(each), each.booking.rpartition("/")[2]) for each in events)
        dates = (each for other in rooms.floor[room.id] for each in rooms.had[other] if each.end > rooms.now + NEAR)
        expected = sorted((each.start, each.end, each.booking.id) for each in dates)
        if shown != expected:
            apart = [(at_minute(start), id_) for start, _, id_ in sorted({*shown} ^ {*expected})][:4]
            wrong.append(f"the calendar of {room.title} differs: {apart or 'dates are shown twice'}")
    return wrong


async def _free(rooms: Rooms, stub: RoomServiceStub) -> list[str]:
    """Those that it finds for an hour are those that are free: right after what is taken."""
    wrong: list[str] = []
    soon = rooms.now + 1440
    edges = sorted({each.end for dates in rooms.had.values() for each in dates if soon < each.end < soon + 9 * 1440})
    for start in edges[:: max(1, len(edges) // 8)]:
        schedule = schedule_pb2.Schedule(start=f"{at_minute(start):%Y-%m-%dT%H:%M}", time_zone="UTC", minutes=60)
        request = rooms_pb.FindFreeRoomsRequest(parent=CENTRE, page_size=100, schedule=schedule)
        shown = {each.room.title for each in (await stub.FindFreeRooms(request)).rooms}
        ids = [each.id for each in rooms.rooms.values() if each.kind is RoomKind.ROOM]
        expected = {rooms.rooms[id_].title for id_ in ids if rooms.free(id_, start, start + 60)}
        if shown != expected:
            wrong.append(f"finds {sorted(shown)}, free are {sorted(expected)} at {at_minute(start)}")
    return wrong


def _times(each: Any) -> tuple[int, int]:
    return minute(each.start_time.ToDatetime(UTC)), minute(each.end_time.ToDatetime(UTC))
