"""Busy times of a real system: what readers make of them, and that nothing but times is anywhere that anybody looks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from openchair.meetings.v1 import booking_pb2, group_pb2, meeting_pb2, place_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import RpcError, connect
from tests.system import acts, canaries
from tests.system.busy_readers import READERS, Period
from tests.system.canaries import Surface, found
from tests.system.running import System, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

CENTRE = "centres/oak"
HERE = ZoneInfo(acts.ZONE)


class House(NamedTuple):
    """Names of what was made, and words that nobody is told."""

    words: dict[str, str]
    names: dict[str, str]

    def path(self, room: str) -> str:
        """The address of a room's busy times."""
        return f"/freebusy/oak/{self.id(room)}.ifb"

    def id(self, name: str) -> str:
        """The last part of a name."""
        return self.names[name].rpartition("/")[2]

    def word(self, name: str) -> str:
        """The canary of that name."""
        return self.words.setdefault(name, canaries.word())

    def paths(self, *rooms: str) -> list[str]:
        """Everything where anybody may look."""
        own = [path for room in rooms for path in self._of(room)]
        return ["/", "/centre/oak", "/calendars/oak.ics", "/meeting-guide/oak.json", *own]

    def _of(self, room: str) -> list[str]:
        id_ = self.id(room)
        return [self.path(room), f"/centre/oak/room/{id_}", f"/calendars/oak/room/{id_}.ics"]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running(tmp_path_factory.mktemp("busy"), {"OPENCHAIR_LOG_LEVEL": "debug"}) as started:
        yield started


@asynccontextmanager
async def stubs(system: System) -> AsyncIterator[tuple[Any, Any]]:
    async with system.channel() as channel:
        yield MeetingServiceStub(channel), RoomServiceStub(channel)


@pytest.fixture(scope="module")
def house(system: System) -> House:
    """Two rooms of a public place: of the hall everybody may know when it is taken, of the office nobody."""
    made = House({}, {})
    asyncio.run(_open(system, made))
    until(lambda: system.get(made.path("hall")).status == 200, "the busy times of the hall are told")
    return made


async def _open(system: System, made: House) -> None:
    async with stubs(system) as (meetings, rooms):
        await acts.create_centre(meetings, "oak")
        place = place_pb2.Place(title="The House", address="1 Main Street")
        made.names["place"] = (await meetings.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))).name
        for name, public in (("hall", True), ("office", False)):
            room = place_pb2.Room(title=f"The {name}", place=made.names["place"], capacity=20, public_busy=public)
            made.names[name] = (await rooms.CreateRoom(rooms_pb.CreateRoomRequest(parent=CENTRE, room=room))).name
        group = pb.CreateGroupRequest(parent=CENTRE, group=group_pb2.Group(title="Ours"))
        made.names["group"] = (await meetings.CreateGroup(group)).name


@cache
def today() -> datetime:
    """Midnight here before the first test; the same for all of them, although a day may end meanwhile."""
    return datetime.now(HERE).replace(hour=0, minute=0, second=0, microsecond=0)


def day(days: int) -> datetime:
    """Midnight here, so many days from today."""
    return today() + timedelta(days=days)


def period(days: int, hour: int, kind: str = "BUSY") -> Period:
    """An hour of a day."""
    start = day(days).replace(hour=hour).astimezone(UTC)
    return Period(kind, start, start + timedelta(hours=1))


def at(days: int, hour: int, rule: str = "") -> schedule_pb2.Schedule:
    return schedule_pb2.Schedule(start=f"{day(days):%Y-%m-%d}T{hour:02}:00", time_zone=acts.ZONE, minutes=60, rule=rule)


async def book(system: System, house: House, room: str, schedule: schedule_pb2.Schedule) -> str:
    """Somebody books a room, with a word in everything that takes one; its name."""
    said: dict[str, Any] = {name: house.word(f"booking's {name}") for name in ("title", "notes")}
    request = rooms_pb.BookRoomRequest(parent=CENTRE, rooms=[house.names[room]])
    request.booking.CopyFrom(booking_pb2.Booking(schedule=schedule, **said))
    async with stubs(system) as (_, rooms):
        (made,) = (await rooms.BookRoom(request)).bookings
    return str(made.name)


async def meet(system: System, house: House, room: str, schedule: schedule_pb2.Schedule, *, hidden: bool) -> str:
    """A meeting of the centre is held there; its name."""
    meeting = acts.weekly(house.word("hidden title") if hidden else "Open door", "2026-01-05T10:00")
    meeting.schedule.CopyFrom(schedule)
    meeting.place = house.names["place"]
    meeting.rooms.append(house.names[room])
    if hidden:
        meeting.visibility, meeting.invite_group = meeting_pb2.VISIBILITY_MEMBERS, house.names["group"]
    async with stubs(system) as (meetings, _):
        return str((await meetings.CreateMeeting(pb.CreateMeetingRequest(parent=CENTRE, meeting=meeting))).name)


def test_it_is_told_when_a_room_is_taken_and_never_by_what(system: System, house: House) -> None:
    """By a public meeting, by one for members, by somebody's booking; four programs read the same."""
    asyncio.run(meet(system, house, "hall", at(1, 9), hidden=False))
    asyncio.run(meet(system, house, "hall", at(2, 9, "FREQ=DAILY;COUNT=2"), hidden=True))
    booked = asyncio.run(book(system, house, "hall", at(4, 9)))
    wanted = [period(1, 9), period(2, 9), period(3, 9), period(4, 9)]
    until(lambda: len(READERS["icalendar"](system.get(house.path("hall")).body)) == len(wanted), "all are told")
    body = system.get(house.path("hall")).body
    for name in ("icalendar", "ical", "vobject"):
        assert READERS[name](body) == wanted, name
    page = system.get(f"/centre/oak/room/{house.id('hall')}").body
    assert page.count(b"Taken</li>") == 3
    assert page.count(b"Open door</a></li>") == 1
    feed = system.get(f"/calendars/oak/room/{house.id('hall')}.ics").body
    assert [line for line in feed.split(b"\r\n") if line.startswith(b"SUMMARY")] == [b"SUMMARY:Open door"]
    surfaces = [Surface(path, system.get(path).body) for path in house.paths("hall")]
    surfaces += [each for name in ("PUBLIC_*", "DEAD_*") for each in _streams(system, name)]
    surfaces.append(Surface("log", system.log.read_bytes()))
    assert house.words
    assert found(surfaces, house.words) == set()
    assert found([Surface("own", body)], {"a booking's id": booked.rpartition("/")[2]}) == set()


def _streams(system: System, pattern: str) -> list[Surface]:
    return list(canaries.files(system.data / "nats" / "jetstream", f"**/{pattern}/**/*"))


def test_ical_js_reads_the_same(system: System, house: House) -> None:
    body = system.get(house.path("hall")).body
    assert READERS["ical.js"](body) == READERS["icalendar"](body)


def test_a_room_that_does_not_say_so_tells_nothing_by_no_byte_and_no_header(system: System, house: House) -> None:
    def look() -> dict[str, Any]:
        answers = {path: system.get(path) for path in house.paths("office", "hall")}
        return {path: (each.status, _lasting(each.headers), each.body) for path, each in answers.items()}

    before = look()
    assert before[house.path("office")][0] == 404
    asyncio.run(book(system, house, "office", at(5, 9)))
    asyncio.run(meet(system, house, "office", at(6, 9), hidden=True))
    last = asyncio.run(book(system, house, "hall", at(7, 9)))
    until(lambda: period(7, 9) in READERS["icalendar"](system.get(house.path("hall")).body), "what came later is told")
    asyncio.run(_release(system, last))
    until(lambda: period(7, 9) not in READERS["icalendar"](system.get(house.path("hall")).body), "it is released")
    after = look()
    own = {house.path("hall")}  # its stamp has moved with what was booked there and released
    assert {path for path in before if before[path] != after[path]} - own == set()


def _lasting(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "date"}


async def _release(system: System, name: str) -> None:
    async with stubs(system) as (_, rooms):
        await rooms.ReleaseBooking(rooms_pb.ReleaseBookingRequest(name=name))


def test_a_room_that_begins_or_ceases_to_say_so_is_followed_with_what_was_booked_before(
    system: System, house: House
) -> None:
    assert system.get(house.path("office")).status == 404
    asyncio.run(_say(system, house.names["office"], public=True))
    until(lambda: len(_told(system, house, "office")) == 2, "both bookings of before are told")
    assert _told(system, house, "office") == [period(5, 9), period(6, 9)]
    asyncio.run(_say(system, house.names["office"], public=False))
    until(lambda: system.get(house.path("office")).status == 404, "nothing is told any more")


def _told(system: System, house: House, room: str) -> list[Period]:
    answer = system.get(house.path(room))
    return READERS["icalendar"](answer.body) if answer.status == 200 else []


async def _say(system: System, name: str, *, public: bool) -> None:
    request = rooms_pb.UpdateRoomRequest(room=place_pb2.Room(name=name, public_busy=public))
    request.update_mask.paths.append("public_busy")
    async with stubs(system) as (_, rooms):
        await rooms.UpdateRoom(request)


def test_a_closure_or_a_cancelled_date_frees_the_room_for_all_to_see(system: System, house: House) -> None:
    name = asyncio.run(meet(system, house, "hall", at(10, 9, "FREQ=DAILY;COUNT=2"), hidden=False))
    until(lambda: period(11, 9) in _told(system, house, "hall"), "both dates are told")
    asyncio.run(_cancel(system, f"{name}/occurrences/{day(10):%Y%m%d}"))
    until(lambda: period(10, 9) not in _told(system, house, "hall"), "the date is free")
    assert period(11, 9) in _told(system, house, "hall")


async def _cancel(system: System, name: str) -> None:
    async with stubs(system) as (meetings, _):
        await meetings.CancelOccurrence(pb.CancelOccurrenceRequest(name=name))


async def test_whoever_asks_over_grpc_without_a_token_is_told_the_same(system: System, house: House) -> None:
    """And of a room that does not say so no more than of one that is not there."""
    async with connect(f"127.0.0.1:{system.grpc_port}") as channel:
        stub = RoomServiceStub(channel)
        request = rooms_pb.GetFreeBusyRequest(parent=CENTRE, rooms=[house.names["hall"]])
        request.start_time.FromDatetime(day(1))
        request.end_time.FromDatetime(day(60))
        (hall,) = (await stub.GetFreeBusy(request)).rooms
        with pytest.raises(RpcError) as closed:
            await stub.GetFreeBusy(rooms_pb.GetFreeBusyRequest(parent=CENTRE, rooms=[house.names["office"]]))
        with pytest.raises(RpcError) as none:
            await stub.GetFreeBusy(rooms_pb.GetFreeBusyRequest(parent=CENTRE, rooms=[f"{CENTRE}/rooms/cellar"]))
    told = [
        Period(
            "BUSY-TENTATIVE" if each.tentative else "BUSY",
            *(at.ToDatetime(UTC) for at in (each.start_time, each.end_time)),
        )
        for each in hall.busy
    ]
    assert told == [each for each in _told(system, house, "hall") if day(1) <= each.start < day(60)]
    assert len(told) >= 4
    assert closed.value.code() == none.value.code()


async def test_what_is_held_while_a_form_is_filled_in_is_told_to_nobody(system: System, house: House) -> None:
    request = rooms_pb.HoldRoomRequest(parent=CENTRE, room=house.names["hall"])
    request.booking.schedule.CopyFrom(at(20, 9))
    async with stubs(system) as (_, rooms):
        held = await rooms.HoldRoom(request)
        last = await book(system, house, "hall", at(21, 9))
        until(lambda: period(21, 9) in _told(system, house, "hall"), "what came later is told")
        assert period(20, 9) not in _told(system, house, "hall")
        await rooms.ConfirmHold(rooms_pb.ConfirmHoldRequest(name=held.name))
    until(lambda: period(20, 9) in _told(system, house, "hall"), "once it is confirmed it is told")
    await _release(system, last)
