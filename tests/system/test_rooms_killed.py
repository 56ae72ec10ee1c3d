"""A storm of meetings with rooms, and of bookings, whose process is ended by kill -9: nothing of it is half there.

Meetings go on for ever, bookings for a few weeks; who has many meetings deletes one, so that rooms are never all taken.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
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

Request: TypeAlias = pb.CreateMeetingRequest | pb.DeleteMeetingRequest | room_service_pb2.BookRoomRequest

HOUSE = "centres/house"
CALLERS = 6
FIRST = date(datetime.now(UTC).year + 4, 3, 3)
DAYS, HOURS, WEEKS, LONG, MOST = range(7), range(8, 22), range(100), 3, 6
"""When they begin: all in the same hours of the week. For how many weeks a booking is; meetings that one caller has."""
KINDS = ("Meeting", "Coaching")
AWAY = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
POINTS = ("store.commit", "store.committed", "relay.publish", "")
SOME = (("store.commit", 25), ("", 8), ("store.committed", 30), ("store.committed", 1), ("store.committed", 2))
MANY = tuple((point, nth) for nth in range(3, 43, 4) for point in POINTS)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path / "site", {}, "tests.system.killed") as started:
        yield started


class Caller:
    """Wants rooms at hours that others want, too, for meetings and without; knows what was answered, and what not."""

    def __init__(self, source: random.Random, place: str, rooms: list[str]) -> None:
        self._source, self._place, self._rooms = source, place, rooms
        self.known: dict[str, str] = {}
        self.refused: list[str] = []
        self.wanted: dict[str, set[str]] = {}
        self.unanswered: Request | None = None
        self.answered = asyncio.Semaphore(0)

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
        try:
            await self._ask(channel, request)
        except RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:  # MongoDB keeps for a while what a dead process wrote
                await self.ask(channel)
                return
            if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                raise
            self.refused.append(self.title(request))
        self.unanswered = None
        self.answered.release()

    async def _ask(self, channel: Channel, request: Request) -> None:
        if isinstance(request, pb.CreateMeetingRequest):
            self.known[request.meeting.title] = (await MeetingServiceStub(channel).CreateMeeting(request)).name
        elif isinstance(request, pb.DeleteMeetingRequest):
            await MeetingServiceStub(channel).DeleteMeeting(request)
            del self.known[self.title(request)]
        else:
            await RoomServiceStub(channel).BookRoom(request)
            self.known[request.booking.title] = ""

    def title(self, request: Request) -> str:
        """That of the meeting or booking that it is about."""
        if isinstance(request, pb.DeleteMeetingRequest):
            return next(title for title, name in self.known.items() if name == request.name)
        return request.meeting.title if isinstance(request, pb.CreateMeetingRequest) else request.booking.title

    def _next(self) -> Request:
        id_, mine = str(uuid.UUID(int=self._source.getrandbits(128))), [*filter(None, self.known.values())]
        if len(mine) > MOST:
            return pb.DeleteMeetingRequest(name=self._source.choice(mine), request_id=id_)
        rooms = self._source.sample(self._rooms, self._source.choice([1, 2, 3]))
        day = FIRST + timedelta(self._source.choice(DAYS), weeks=self._source.choice(WEEKS))
        start, title = f"{day}T{self._source.choice(HOURS):02}:00", f"{self._source.choice(KINDS)} {id_}"
        self.wanted[title] = set(rooms)
        if title.startswith("Meeting"):
            meeting = acts.weekly(title, start, place=self._place, rooms=rooms)
            return pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting, request_id=id_)
        schedule = schedule_pb2.Schedule(start=start, time_zone=acts.ZONE, minutes=60, rule=f"FREQ=WEEKLY;COUNT={LONG}")
        booking = booking_pb2.Booking(title=title, schedule=schedule)
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
    """What holds after a start, and again when everybody has asked for what was not answered. How much there is."""
    sure = Counter(title for caller in callers for title in caller.known)
    open_ = Counter(caller.title(caller.unanswered) for caller in callers if caller.unanswered is not None)
    there = await whole(channel, callers)
    assert sure - open_ <= there <= sure | open_, "acknowledged, and there once; besides only what was not answered"
    for caller in callers:
        await caller.ask(channel)
    there = await whole(channel, callers)
    assert there == Counter(title for caller in callers for title in caller.known), "acknowledged, and there once"
    return there.total()


async def whole(channel: Channel, callers: list[Caller]) -> Counter[str]:
    """The titles of all meetings and bookings, each of which has its rooms, all of them and once."""
    wanted = {title: rooms for caller in callers for title, rooms in caller.wanted.items()}
    meetings = {each.name: each for each in await acts.meetings(MeetingServiceStub(channel), HOUSE)}
    booked = await bookings(channel)
    alone = {each.title for each in booked if not each.meeting}
    assert all(set(each.rooms) == wanted[each.title] for each in meetings.values())
    held = Counter((each.title, meetings[each.meeting].title if each.meeting else "", room_of(each)) for each in booked)
    of_meetings = [(each.title, each.title, room) for each in meetings.values() for room in wanted[each.title]]
    assert held == Counter([*of_meetings, *((title, "", room) for title in alone for room in wanted[title])]), "no half"
    hours = Counter((room_of(each), hour) for each in booked for hour in hours_of(each))
    assert all(count == 1 for count in hours.values()), "no room holds two"
    return Counter([*(each.title for each in meetings.values()), *alone])


def hours_of(booking: booking_pb2.Booking) -> list[datetime]:
    """When it begins, as far as any booking goes."""
    start = datetime.fromisoformat(booking.schedule.start)
    count = LONG if "COUNT" in booking.schedule.rule else len(WEEKS) + LONG
    return [start + timedelta(weeks=n) for n in range(count)]


def room_of(booking: booking_pb2.Booking) -> str:
    return booking.name.split("/bookings/")[0]


async def stormed(system: System, rounds: tuple[tuple[str, int], ...], seed: int) -> None:
    async with system.channel() as channel:
        callers = await furnish(channel, seed)
    count = 0
    for point, nth in rounds:
        async with system.channel() as channel:
            killer = asyncio.create_task(kill_midway(system, callers, point, nth))
            await asyncio.gather(*(caller.go_on(channel) for caller in callers))
        await killer
        assert system.wait(PATIENCE) == -signal.SIGKILL, system.said()
        system.start()
        async with system.channel() as channel:
            count = await look(channel, callers)
    assert count > 20
    assert any(caller.refused for caller in callers), "they wanted the same hours"


async def kill_midway(system: System, callers: list[Caller], point: str, nth: int) -> None:
    """At a named point of the way of a change; or, without one, from outside, when the first has so many answers."""
    if point:
        assert (await asyncio.to_thread(system.get, f"/kill/{point}/{nth}")).status == 200
        return
    for _ in range(nth):
        await callers[0].answered.acquire()
    os.kill(system.pid, signal.SIGKILL)


async def test_after_kill_9_in_a_storm_no_meeting_and_no_booking_is_half_there(system: System) -> None:
    await stormed(system, SOME, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)  # it is started forty times
async def test_after_kill_9_forty_times_no_meeting_and_no_booking_is_half_there(system: System) -> None:
    await stormed(system, MANY, 2)
