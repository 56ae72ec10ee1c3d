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
FIRST = local_day(datetime.now(UTC), ZONE) + timedelta(days=3)
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


def location(system: System, title: str) -> str:
    """Where the one event of that title that is no series takes place, as everybody reads it."""
    (found,) = (part for part in days_in(system).values() if f"SUMMARY:{title}" in part and "RECURRENCE-ID" in part)
    return acts.value(found.encode(), "LOCATION")


def on_page(system: System, words: str) -> int:
    """How often that is said on the page of the centre."""
    answer = system.get("/centre/house")
    assert answer.status == 200
    return answer.body.decode().count(words)


def seen(system: System, *, cancelled: int = 0, moved: int = 0) -> bool:
    """Whether the feed and the page both say of exactly so many dates that they are cancelled, or somewhere else."""
    in_feed = excluded(system) + overrides(system, "STATUS:CANCELLED"), overrides(system, "LOCATION:")
    on_its_page = on_page(system, "<strong>Cancelled</strong>"), on_page(system, "At another place on this date")
    return in_feed[0] == on_its_page[0] == cancelled and on_its_page[1] == moved <= in_feed[1]


async def in_the_way(channel: Channel, rooms: list[str]) -> set[int]:
    """The kinds of what keeps others from having all these rooms at nine on the first day."""
    request = room_service_pb2.CheckBookingRequest(parent=HOUSE, rooms=rooms, booking=one_off(FIRST, 9))
    return {each.kind for each in (await RoomServiceStub(channel).CheckBooking(request)).clashes}


async def test_a_snow_day_frees_rooms_and_gives_back_what_is_still_there(system: System) -> None:
    async with system.channel() as channel:
        built = await build(channel)
        assert await in_the_way(channel, built.rooms) == {booking_pb2.CLASH_KIND_TAKEN}
        until(lambda: on_page(system, ">Room 0, Main House<") == 8 and seen(system), "everybody reads that it is on")
        plumbers = await cancelled(system, channel, built)
        await put_back_but_one(system, channel, built.rooms)
        await healed(channel, plumbers)
        await held_online(system, channel, built.rooms)
        await moved(system, channel, built)

        await paused(system, channel, built, [])
        await paused(system, channel, built, ["--move-to=Annex", "--to-room=Hall"])


async def found_free(channel: Channel) -> list[str]:
    """The rooms that are found free at nine on the first day."""
    request = room_service_pb2.FindFreeRoomsRequest(parent=HOUSE, schedule=one_off(FIRST, 9).schedule)
    return sorted(each.room.name for each in (await RoomServiceStub(channel).FindFreeRooms(request)).rooms)


async def booked_by(channel: Channel) -> set[str]:
    """The names of what the caller has booked."""
    request = room_service_pb2.ListBookingsRequest(parent=HOUSE, mine=True)
    return {each.name for each in (await RoomServiceStub(channel).ListBookings(request)).bookings}


async def cancelled(system: System, channel: Channel, built: Built) -> str:
    """Closed: nobody comes, the rooms are empty, and an administrator lets plumbers into one. Name of their booking."""
    room = built.rooms[0]
    assert len(await on(channel, room)) == 8
    with pytest.raises(RpcError, match="taken"):
        await book(channel, room)
    closed = await close(system)
    assert closed["impact"]["cancelled"] == closed["impact"]["occurrences"] == 40
    assert [await on(channel, each) for each in built.rooms] == [[]] * ROOMS
    until(lambda: seen(system, cancelled=40), "everybody reads it")
    assert on_page(system, "Main House is closed") > 0
    assert await in_the_way(channel, built.rooms) == {booking_pb2.CLASH_KIND_CLOSED}  # and taken by nobody
    with pytest.raises(RpcError, match="Snow"):
        await book(channel, room)
    overruling = {"on_clash": booking_pb2.CLASH_POLICY_OVERRULE, "overrule_reason": "The pipes"}
    plumbers = await book(channel, room, **overruling)
    assert await on(channel, room) == ["Plumbers"]
    return plumbers


async def put_back_but_one(system: System, channel: Channel, rooms: list[str]) -> None:
    """Open again: all have their rooms but the one whose room the plumbers have, and that is said to everybody."""
    told = await withdraw(system)
    assert "taken back" in told
    assert "1 date would have no room, since somebody else has it" in told
    assert "without Room 0 (Plumbers)" in told
    listed = await acts.meetings(MeetingServiceStub(channel), HOUSE)
    assert sum(bool(each.changes) for each in listed) == 1
    (without,) = (each for each in listed if each.changes)
    assert list(without.changes[0].lost_rooms) == [rooms[0]]
    assert "Plumbers" in await on(channel, rooms[0])
    assert [len(await on(channel, each)) for each in rooms] == [8] * ROOMS
    async with system.channel({"house": ["coordinator"]}) as asks:
        assert await lost(asks) == [(without.title, f"{FIRST}T09:00", "Room 0")]
    for said in (told, await asyncio.to_thread(done, system, "close", "show", "house", "Snow")):
        assert "1 date has no room now" in said
        assert f"09:00  {without.title}: without Room 0" in said
    until(lambda: seen(system), "everybody reads that it is on again")
    until(lambda: location(system, without.title).startswith("Main House"), "and that one of them has no room")


async def healed(channel: Channel, plumbers: str) -> None:
    """The plumbers leave: the meeting is offered its room, and takes it."""
    stub = RoomServiceStub(channel)
    queue = room_service_pb2.ListBookingsRequest(parent=HOUSE, queue=room_service_pb2.BOOKING_QUEUE_SKIPPED)
    assert len((await stub.ListBookings(queue)).bookings) == 1
    queue.queue = room_service_pb2.BOOKING_QUEUE_OFFERED
    assert not (await stub.ListBookings(queue)).bookings
    scope = room_service_pb2.BOOKING_SCOPE_ALL
    await stub.ReleaseBooking(room_service_pb2.ReleaseBookingRequest(name=plumbers, scope=scope))
    (offered,) = (await stub.ListBookings(queue)).bookings
    assert offered.skipped[0].slot.start == f"{FIRST}T09:00"
    taken = room_service_pb2.TakeSkippedDatesRequest(name=offered.name)
    assert not (await stub.TakeSkippedDates(taken)).skipped


async def held_online(system: System, channel: Channel, rooms: list[str]) -> None:
    """By their own link where they have one; the others are cancelled; all rooms are empty."""
    online = await close(system, "--online")
    assert (online["impact"]["online"], online["impact"]["cancelled"]) == (16, 24)
    assert [await on(channel, each) for each in rooms] == [[]] * ROOMS
    assert await in_the_way(channel, rooms) == {booking_pb2.CLASH_KIND_CLOSED}
    until(lambda: seen(system, cancelled=24), "everybody reads it")
    until(lambda: on_page(system, "Online on this date") == 16, "and where the others are")
    await withdraw(system)
    until(lambda: seen(system), "everybody reads that it is on again")


async def moved(system: System, channel: Channel, built: Built) -> None:
    """Elsewhere: of five at one hour the first has the one room there, and the four others are named."""
    said = await close(system, "--move-to=Annex", "--to-room=Hall")
    assert said["impact"]["moved"] == 40
    assert [await on(channel, each) for each in built.rooms] == [[]] * ROOMS
    assert len(await on(channel, built.hall)) == 8
    assert await in_the_way(channel, [built.hall]) == {booking_pb2.CLASH_KIND_TAKEN}
    assert (len(await lost(channel)), said["closure"]["lost_count"], said["impact"]["lost_count"]) == (32, 32, 32)
    before = {(each["title"], each["local_start"], each["room_title"]) for each in said["impact"]["lost"]}
    assert before == {*await lost(channel)}
    until(lambda: overrides(system, "Annex") == 40 and seen(system, moved=40), "everybody reads where it is")
    assert (overrides(system, "Hall"), on_page(system, ">Hall, Annex<")) == (8, 8)
    assert "32 dates have no room now" in await asyncio.to_thread(done, system, "close", "show", "house", id_of(said))
    await withdraw(system)
    assert ([len(await on(channel, each)) for each in built.rooms], await on(channel, built.hall)) == ([8] * 5, [])
    until(lambda: seen(system) and overrides(system, "") == 0, "everybody reads that all is as it was")


async def paused(system: System, channel: Channel, built: Built, how: list[str]) -> None:
    """Only meetings are closed: a facilitator finds their rooms, books one and keeps it when all is withdrawn."""
    said = await close(system, "--meetings-only", *how)
    assert said["impact"]["moved" if how else "cancelled"] == 40
    until(lambda: on_page(system, "Meetings pause in Main House") > 0, "everybody reads what it is")
    async with system.channel({"house": ["facilitator"]}) as others:
        assert await found_free(others) == sorted([*built.rooms, *([] if how else [built.hall])])
        assert await in_the_way(others, built.rooms) == set()
        wedding = await book(others, built.rooms[0])
        assert await on(channel, built.rooms[0]) == ["Plumbers"]
        assert "1 date has no room now" in await withdraw(system)
        assert [each[1:] for each in await lost(channel)] == [(f"{FIRST}T09:00", "Room 0")]
        assert [len(await on(channel, each)) for each in built.rooms] == [8] * ROOMS
        assert wedding in await booked_by(others)
    await healed(channel, wedding)
    until(lambda: seen(system) and overrides(system, "") == 0, "everybody reads that all is as it was")


def id_of(said: Any) -> str:
    """The id of the closure that was made."""
    return str(said["closure"]["id"])


async def lost(channel: Channel) -> list[tuple[str, str, str]]:
    """The dates that the closure that was made last, or its withdrawal, has left without a room."""
    stub = ClosureServiceStub(channel)
    request = closure_service_pb2.ListClosuresRequest(parent=HOUSE, show_past=True)
    newest = max((await stub.ListClosures(request)).closures, key=lambda each: each.create_time.ToDatetime())
    found = await stub.GetClosure(closure_service_pb2.GetClosureRequest(name=newest.name))
    assert found.lost_count == len(found.lost)
    return [(each.title, each.local_start, each.room_title) for each in found.lost]
