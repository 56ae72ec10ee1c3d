"""Two instances on one database: each finds the rooms that the other's bookings leave, and a start begins with them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from google.protobuf.field_mask_pb2 import FieldMask
from openchair.meetings.v1 import booking_pb2, place_pb2, schedule_pb2
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1 import room_service_pb2 as pb
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.channel import LocalChannel, LocalServer
from tests.service.test_instances import CLOCK, HOUSE, Instance, _as_operator, two

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["two"]

WHEN = schedule_pb2.Schedule(start="2027-01-12T19:00", time_zone="America/Edmonton", minutes=60)


async def rooms_of(instance: Instance) -> RoomServiceStub:
    server = LocalServer(instance.host.hosted[0].services, (_as_operator,), clock=CLOCK)
    await server.start()
    return RoomServiceStub(LocalChannel(server))  # type: ignore[arg-type]  # it does what a stub asks of a channel


async def finds(stub: RoomServiceStub, titles: Sequence[str], **asked: int) -> None:
    """Comes back when just these are free."""
    async with asyncio.timeout(60):
        while True:
            reply = await stub.FindFreeRooms(pb.FindFreeRoomsRequest(parent=HOUSE, schedule=WHEN, **asked))  # type: ignore[arg-type]  # capacity
            if [each.room.title for each in reply.rooms] == [*titles]:
                return
            await asyncio.sleep(0.005)


async def make(instance: Instance, stub: RoomServiceStub, *titles: str) -> list[place_pb2.Room]:
    asked = meetings_pb.CreatePlaceRequest(parent=HOUSE, place=place_pb2.Place(title="Hall"))
    place = (await instance.stub.CreatePlace(asked)).name
    made = (place_pb2.Room(title=title, place=place, capacity=10) for title in titles)
    return [await stub.CreateRoom(pb.CreateRoomRequest(parent=HOUSE, room=each)) for each in made]


def booking(room: place_pb2.Room) -> pb.BookRoomRequest:
    return pb.BookRoomRequest(parent=HOUSE, rooms=[room.name], booking=booking_pb2.Booking(schedule=WHEN))


async def test_what_one_books_changes_and_releases_the_other_does_not_find_and_finds(
    two: tuple[Instance, Instance],
) -> None:
    one, other = two
    here, there = await rooms_of(one), await rooms_of(other)
    await finds(there, [])
    blue, _ = await make(one, here, "Blue", "Red")
    await finds(there, ["Blue", "Red"])
    booked = (await here.BookRoom(booking(blue))).bookings[0]
    await finds(here, ["Red"])
    await finds(there, ["Red"])
    await there.ReleaseBooking(pb.ReleaseBookingRequest(name=booked.name))
    await finds(here, ["Blue", "Red"])


async def test_what_only_staff_knows_of_a_room_is_heard_of_too(
    two: tuple[Instance, Instance],
) -> None:
    one, other = two
    here, there = await rooms_of(one), await rooms_of(other)
    (blue,) = await make(one, here, "Blue")
    await finds(there, ["Blue"])
    changed = place_pb2.Room(name=blue.name, title="Indigo")
    await here.UpdateRoom(pb.UpdateRoomRequest(room=changed, update_mask=FieldMask(paths=["title"])))
    await finds(there, ["Indigo"])


async def test_who_starts_later_finds_what_was_left(two: tuple[Instance, Instance]) -> None:
    one, other = two
    here = await rooms_of(one)
    blue, _ = await make(one, here, "Blue", "Red")
    await here.BookRoom(booking(blue))
    await other.host.stop()
    engines = other.host.engines
    again = Instance(engines._disk, engines._broker)  # type: ignore[attr-defined]
    await again.start()
    try:
        await finds(await rooms_of(again), ["Red"])
    finally:
        await again.host.stop()
