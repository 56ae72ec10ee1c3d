"""A storm of meetings with rooms, and of bookings, whose process is ended by kill -9: nothing of it is half there."""

from __future__ import annotations

import asyncio
import random
import signal
import uuid
from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

import grpc
import pytest
from openchair.meetings.v1 import booking_pb2, place_pb2, room_service_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import RpcError
from tests.system import acts
from tests.system.running import PATIENCE, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.kit.client import Channel
    from tests.system.running import System

Request: TypeAlias = pb.CreateMeetingRequest | room_service_pb2.BookRoomRequest

HOUSE = "centres/house"
CALLERS = 6
HOURS = [f"2027-03-{day:02}T{hour:02}:00" for day in range(1, 8) for hour in range(8, 22)]
AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
SOME = (("store.commit", 25), ("store.committed", 30), ("store.commit", 40))
MANY = tuple((point, nth) for nth in range(3, 60, 6) for point in ("store.commit", "store.committed", "relay.publish"))


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path / "site", {}, "tests.system.killed") as started:
        yield started


class Caller:
    """Wants rooms at hours that others want, too, for meetings and without; knows what was answered, and what not."""

    def __init__(self, source: random.Random, place: str, rooms: list[str]) -> None:
        self._source, self._place, self._rooms = source, place, rooms
        self.known: list[str] = []
        self.refused: list[str] = []
        self.unanswered: Request | None = None

    async def go_on(self, channel: Channel) -> None:
        """Until there is no answer."""
        try:
            while True:
                self.unanswered = self.unanswered or self._next()
                await self.ask(channel)
        except RpcError as error:
            if error.code() not in AWAY:
                raise

    async def ask(self, channel: Channel) -> None:
        """Once, what was not answered yet."""
        if (request := self.unanswered) is None:
            return
        title = request.meeting.title if isinstance(request, pb.CreateMeetingRequest) else request.booking.title
        try:
            if isinstance(request, pb.CreateMeetingRequest):
                await MeetingServiceStub(channel).CreateMeeting(request)
            else:
                await RoomServiceStub(channel).BookRoom(request)
            self.known.append(title)
        except RpcError as error:
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            self.refused.append(title)
        self.unanswered = None

    def _next(self) -> Request:
        start, id_ = self._source.choice(HOURS), str(uuid.UUID(int=self._source.getrandbits(128)))
        rooms = self._source.sample(self._rooms, self._source.choice([1, 1, 2]))
        if self._source.random() < 0.5:
            meeting = acts.weekly(f"Meeting {id_}", start, place=self._place, rooms=rooms)
            return pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting, request_id=id_)
        schedule = schedule_pb2.Schedule(start=start, time_zone=acts.ZONE, minutes=60, rule="FREQ=WEEKLY;COUNT=20")
        booking = booking_pb2.Booking(title=f"Coaching {id_}", schedule=schedule)
        return room_service_pb2.BookRoomRequest(parent=HOUSE, rooms=rooms, booking=booking, request_id=id_)


async def furnish(channel: Channel, seed: int) -> list[Caller]:
    meetings, stub = MeetingServiceStub(channel), RoomServiceStub(channel)
    await acts.create_centre(meetings, "house")
    place = place_pb2.Place(title="Main House", address="1 Main St")
    name = (await meetings.CreatePlace(pb.CreatePlaceRequest(parent=HOUSE, place=place))).name
    rooms = []
    for title in ("Blue", "Red", "Green"):
        room = place_pb2.Room(title=title, place=name)
        rooms.append((await stub.CreateRoom(room_service_pb2.CreateRoomRequest(parent=HOUSE, room=room))).name)
    return [Caller(random.Random(seed * 100 + n), name, rooms) for n in range(CALLERS)]  # noqa: S311 - seeded


async def bookings(channel: Channel) -> list[booking_pb2.Booking]:
    found: list[booking_pb2.Booking] = []
    request = room_service_pb2.ListBookingsRequest(parent=HOUSE, page_size=200)
    while True:
        answer = await RoomServiceStub(channel).ListBookings(request)
        found += answer.bookings
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


async def look(channel: Channel, callers: list[Caller]) -> int:
    """What holds after a start, when everybody has asked again for what was not answered. How much there is."""
    for caller in callers:
        await caller.ask(channel)
    meetings = {each.name: each for each in await acts.meetings(MeetingServiceStub(channel), HOUSE)}
    booked = await bookings(channel)
    there = Counter(each.title for each in meetings.values())
    there += Counter({each.title: 1 for each in booked if not each.meeting})
    assert there == Counter(title for caller in callers for title in caller.known), "acknowledged, and there once"
    held = Counter((each.meeting, each.name.split("/bookings/")[0]) for each in booked if each.meeting)
    assert held == Counter((name, room) for name, each in meetings.items() for room in each.rooms), "no half of one"
    hours = Counter((each.name.split("/bookings/")[0], each.schedule.start) for each in booked)
    assert all(count == 1 for count in hours.values()), "no room holds two"
    alone = Counter((each.title, each.name.split("/bookings/")[0]) for each in booked if not each.meeting)
    assert all(count == 1 for count in alone.values()), "none is doubled"
    return len(booked)


async def stormed(system: System, rounds: tuple[tuple[str, int], ...], seed: int) -> None:
    async with system.channel() as channel:
        callers = await furnish(channel, seed)
    for point, nth in rounds:
        assert system.get(f"/kill/{point}/{nth}").status == 200
        async with system.channel() as channel:
            await asyncio.gather(*(caller.go_on(channel) for caller in callers))
        assert system.wait(PATIENCE) == -signal.SIGKILL, system.said()
        system.start()
        async with system.channel() as channel:
            count = await look(channel, callers)
    assert count > 20
    assert any(caller.refused for caller in callers), "they wanted the same hours"


async def test_after_kill_9_in_a_storm_no_meeting_and_no_booking_is_half_there(system: System) -> None:
    await stormed(system, SOME, 1)


@pytest.mark.slow
async def test_after_kill_9_thirty_times_no_meeting_and_no_booking_is_half_there(system: System) -> None:
    await stormed(system, MANY, 2)
