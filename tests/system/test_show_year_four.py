"""A weekly meeting without end and a yearly one that first meet in four years: refused, naming that date.

However it is asked for: over gRPC for a booking and for a meeting, and by both commands.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import booking_pb2, meeting_pb2, place_pb2, room_service_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.cli.clashes import attached
from services.cli.when import short
from services.kit.client import RpcError, explain
from services.recurrence.zones import local_day
from tests.system import acts
from tests.system.coordinator import ZONE, asked_json, command, done

if TYPE_CHECKING:
    from services.kit.client import Channel, Problem
    from tests.system.running import System

pytest_plugins = ("tests.system.coordinator",)

HOUSE = "centres/house"


def tuesday(day: int, after: int) -> date:
    """The first such day in April, in a later year, that is a Tuesday."""
    every = (date(year, 4, day) for year in range(after + 1, after + 12))
    return next(each for each in every if each.weekday() == 1)


FIRST = tuesday(15, local_day(datetime.now(UTC), ZONE).year)
WEEKLY, YEARLY = (f"{FIRST}", "FREQ=WEEKLY;BYDAY=TU"), (f"{FIRST + timedelta(days=2)}", "FREQ=YEARLY")
MET = tuesday(17, FIRST.year)
KEY, SAID = f"{MET:%Y%m%d}", short(MET)
"""The first 17 April that is a Tuesday: from 2031 on in 2035."""


def schedule(day: str, rule: str) -> schedule_pb2.Schedule:
    return schedule_pb2.Schedule(start=f"{day}T19:00", time_zone=ZONE, minutes=60, rule=rule)


class Rooms:
    """A centre with rooms; in each of them there is something already."""

    def __init__(self, channel: Channel) -> None:
        self.meetings, self.rooms = MeetingServiceStub(channel), RoomServiceStub(channel)
        self.place = ""

    async def furnished(self) -> Rooms:
        await acts.create_centre(self.meetings, "house")
        place = place_pb2.Place(title="Main House", address="1 Main St")
        self.place = (await self.meetings.CreatePlace(pb.CreatePlaceRequest(parent=HOUSE, place=place))).name
        return self

    async def room(self, title: str) -> str:
        room = place_pb2.Room(title=title, place=self.place)
        return (await self.rooms.CreateRoom(room_service_pb2.CreateRoomRequest(parent=HOUSE, room=room))).name

    async def meeting(self, room: str, when: tuple[str, str]) -> None:
        held = meeting_pb2.MODE_IN_PERSON
        meeting = meeting_pb2.Meeting(
            title="Steps", mode=held, place=self.place, rooms=[room], schedule=schedule(*when)
        )
        await self.meetings.CreateMeeting(pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting))

    async def booking(self, room: str, when: tuple[str, str]) -> None:
        booking = booking_pb2.Booking(title="Coaching", schedule=schedule(*when))
        await self.rooms.BookRoom(room_service_pb2.BookRoomRequest(parent=HOUSE, rooms=[room], booking=booking))


def names_the_date(problem: Problem) -> None:
    report = attached(problem)
    assert report is not None
    assert (problem.reason, problem.details["date"]) == ("ROOM_TAKEN", KEY)
    assert report.clashes[0].key == KEY


async def test_what_first_meets_in_four_years_is_refused_naming_that_date(system: System) -> None:
    async with system.channel() as channel:
        made = await Rooms(channel).furnished()
        for number, (one, other) in enumerate(((WEEKLY, YEARLY), (YEARLY, WEEKLY))):
            room = await made.room(f"Room {number}")
            await made.meeting(room, one)
            for asks in (made.meeting, made.booking):
                with pytest.raises(RpcError) as refused:
                    await asks(room, other)
                names_the_date(explain(refused.value))
        assert len(await acts.meetings(made.meetings, HOUSE)) == 2


def test_the_commands_say_which_date_it_is(system: System) -> None:
    done(system, "room", "create", "riverside", "--place=Riverside House", "--title=Far Room")
    weekly = ("--on=tuesday", "--from", WEEKLY[0], "--at=19:00", "--for=60", "--every=week")
    yearly = ("--from", YEARLY[0], "--at=19:00", "--for=60", f"--rule={YEARLY[1]}")
    done(system, "book", "riverside", "Far Room", *weekly, "--title=Weaving", "--yes")
    kind = ("--title=Anniversary", "--mode=in-person", "--place=Riverside House", "--room=Far Room")
    for words in (("book", "riverside", "Far Room"), ("meeting", "create", "riverside", *kind)):
        answer = command(*words, *yearly, "--yes")
        assert answer.returncode == 1
        first = (answer.stdout + answer.stderr).partition("IN THE WAY")[2].split("\n")[1].strip()
        assert first == f"{SAID} 19:00 to 20:00  taken by Weaving, 19:00 to 20:00", answer
    assert len(asked_json(system, "book", "list", "riverside", "--room=Far Room")) == 1
