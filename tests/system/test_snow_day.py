"""A snow day: one command closes a house for two days, and forty meetings and their rooms follow; so they do back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from openchair.meetings.v1 import (
    booking_pb2,
    closure_service_pb2,
    meeting_pb2,
    place_pb2,
    room_service_pb2,
    schedule_pb2,
)
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import RpcError
from services.recurrence.zones import local_day
from tests.system import acts
from tests.system.coordinator import ZONE, asked_json, done
from tests.system.running import until

if TYPE_CHECKING:
    from datetime import date

    from services.kit.client import Channel
    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)

HOUSE = "centres/house"
ROOMS, HOURS = 5, (9, 13, 17, 20)
FIRST = local_day(datetime.now(UTC), ZONE) + timedelta(days=9)
SECOND = FIRST + timedelta(days=1)
LINKED = {"online": meeting_pb2.Online(url="https://meet.example/house")}


class Built(NamedTuple):
    """The names of what was made: rooms of the house, the other place and one room there."""

    rooms: list[str]
    other: str
    hall: str


async def build(channel: Channel) -> Built:
    """Forty weekly meetings: in each of five rooms, at four hours, on two days. Every second one has a link."""
    meetings, rooms = MeetingServiceStub(channel), RoomServiceStub(channel)
    await acts.create_centre(meetings, "house")
    places = []
    for title in ("Main House", "Annex"):
        said = place_pb2.Place(title=title, address=f"1 {title} St")
        places.append((await meetings.CreatePlace(pb.CreatePlaceRequest(parent=HOUSE, place=said))).name)
    made = []
    for place, title in [*((places[0], f"Room {n}") for n in range(ROOMS)), (places[1], "Hall")]:
        room = place_pb2.Room(title=title, place=place)
        made.append((await rooms.CreateRoom(room_service_pb2.CreateRoomRequest(parent=HOUSE, room=room))).name)
    wanted = [
        acts.weekly(
            f"{day:%a} {hour} {n}", f"{day}T{hour:02}:00", place=places[0], rooms=[made[n]], **(LINKED if n % 2 else {})
        )
        for day in (FIRST, SECOND)
        for hour in HOURS
        for n in range(ROOMS)
    ]
    requests = [pb.CreateMeetingRequest(parent=HOUSE, meeting=each) for each in wanted]
    await asyncio.gather(*(meetings.CreateMeeting(each) for each in requests))
    return Built(made[:-1], places[1], made[-1])


def one_off(day: date, hour: int) -> booking_pb2.Booking:
    schedule = schedule_pb2.Schedule(start=f"{day}T{hour:02}:00", time_zone=ZONE, minutes=60)
    return booking_pb2.Booking(schedule=schedule, title="Plumbers")


async def book(channel: Channel, room: str, **more: Any) -> str:
    """Somebody else takes the room at nine on the first day."""
    request = room_service_pb2.BookRoomRequest(parent=HOUSE, rooms=[room], booking=one_off(FIRST, 9), **more)
    return str((await RoomServiceStub(channel).BookRoom(request)).bookings[0].name)


async def on(channel: Channel, room: str) -> list[str]:
    """The titles of what is on in a room on the two days."""
    request = room_service_pb2.GetRoomCalendarRequest(name=room)
    request.start_time.FromDatetime(datetime(FIRST.year, FIRST.month, FIRST.day, 6, tzinfo=UTC))
    request.end_time.FromDatetime(request.start_time.ToDatetime(UTC) + timedelta(days=2))
    return [each.title for each in (await RoomServiceStub(channel).GetRoomCalendar(request)).events]


async def close(system: System, *how: str) -> Any:
    """The one command."""
    words = ("close", "house", f"--from={FIRST}", f"--until={SECOND}", "--place=Main House", "--because=Snow", *how)
    return await asyncio.to_thread(asked_json, system, *words, "--yes")


async def withdraw(system: System) -> str:
    return await asyncio.to_thread(done, system, "close", "withdraw", "house", "Snow", "--yes")


def days_in(system: System) -> dict[str, str]:
    """Each event of the feed by its first line of what matters: the exceptions and overrides in it."""
    text = system.feed("house").decode().replace("\r\n ", "")
    return {
        part.split("SUMMARY:")[1].split("\r\n")[0] + str(n): part
        for n, part in enumerate(text.split("BEGIN:VEVENT")[1:])
    }


def excluded(system: System) -> int:
    return sum("\r\nEXDATE" in part for part in days_in(system).values())


def overrides(system: System, word: str) -> int:
    return sum("\r\nRECURRENCE-ID" in part and word in part for part in days_in(system).values())


async def test_a_snow_day_frees_rooms_and_gives_back_what_is_still_there(system: System) -> None:
    async with system.channel() as channel:
        built = await build(channel)
        room = built.rooms[0]
        assert len(await on(channel, room)) == 8
        with pytest.raises(RpcError, match="taken"):
            await book(channel, room)

        closed = await close(system)
        assert closed["impact"]["cancelled"] == closed["impact"]["occurrences"] == 40
        assert [await on(channel, each) for each in built.rooms] == [[]] * ROOMS
        until(lambda: excluded(system) + overrides(system, "STATUS:CANCELLED") >= 40, "everybody reads it")
        with pytest.raises(RpcError, match="Snow"):
            await book(channel, room)  # nobody else is there; but it is closed
        overruling = {"on_clash": booking_pb2.CLASH_POLICY_OVERRULE, "overrule_reason": "The pipes"}
        plumbers = await book(channel, room, **overruling)
        assert await on(channel, room) == ["Plumbers"]

        told = await withdraw(system)
        assert "taken back" in told
        listed = await acts.meetings(MeetingServiceStub(channel), HOUSE)
        assert sum(bool(each.changes) for each in listed) == 1  # the one whose room the plumbers have
        (without,) = (each for each in listed if each.changes)
        assert list(without.changes[0].lost_rooms) == [room]
        assert "Plumbers" in await on(channel, room)
        assert [len(await on(channel, each)) for each in built.rooms] == [8] * ROOMS
        assert await lost(channel) == [(without.title, f"{FIRST}T09:00", "Room 0")]
        until(lambda: excluded(system) == 0, "everybody reads that it is on again")

        await RoomServiceStub(channel).ReleaseBooking(
            room_service_pb2.ReleaseBookingRequest(name=plumbers, scope=room_service_pb2.BOOKING_SCOPE_ALL)
        )
        queue = room_service_pb2.ListBookingsRequest(parent=HOUSE, queue=room_service_pb2.BOOKING_QUEUE_OFFERED)
        (offered,) = (await RoomServiceStub(channel).ListBookings(queue)).bookings
        assert (offered.meeting, offered.skipped[0].slot.start) == (without.name, f"{FIRST}T09:00")
        taken = room_service_pb2.TakeSkippedDatesRequest(name=offered.name)
        assert not (await RoomServiceStub(channel).TakeSkippedDates(taken)).skipped

        online = await close(system, "--online")
        assert (online["impact"]["online"], online["impact"]["cancelled"]) == (16, 24)
        assert [await on(channel, each) for each in built.rooms] == [[]] * ROOMS
        await withdraw(system)

        moved = await close(system, "--move-to=Annex", "--to-room=Hall")
        assert moved["impact"]["moved"] == 40
        assert len(await on(channel, built.hall)) == 8  # of five at one hour the first has it, and four are named
        assert len(await lost(channel)) == 32
        until(lambda: overrides(system, "Annex") >= 40, "everybody reads where it is")
        await withdraw(system)
        assert ([len(await on(channel, each)) for each in built.rooms], await on(channel, built.hall)) == ([8] * 5, [])


async def lost(channel: Channel) -> list[tuple[str, str, str]]:
    """The dates that the closure that was made last, or its withdrawal, has left without a room."""
    stub = ClosureServiceStub(channel)
    request = closure_service_pb2.ListClosuresRequest(parent=HOUSE, show_past=True)
    newest = max((await stub.ListClosures(request)).closures, key=lambda each: each.create_time.ToDatetime())
    found = await stub.GetClosure(closure_service_pb2.GetClosureRequest(name=newest.name))
    assert found.lost_count == len(found.lost)
    return [(each.title, each.local_start, each.room_title) for each in found.lost]
