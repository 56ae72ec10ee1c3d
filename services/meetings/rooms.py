"""Rooms: Create, Get, List, Update, Delete. Bookings come to live here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.meetings import records
from services.meetings.desk import CENTRE, PLACE, ROOM, Decision, Desk, Held, actor, expect_etag
from services.meetings.masks import merged
from services.meetings.places import closures_at, meetings_at, name_of, refuse_in_use
from services.meetings.types import Place
from services.meetings.types_rooms import Room
from services.meetings.wire import stamp
from services.meetings.wire_places import read_room, room_message

if TYPE_CHECKING:
    from services.kit.call import Call

WRITABLE = frozenset({"title", "capacity", "accessibility", "equipment", "notes"})


class Rooms:
    """The methods of openchair.meetings.v1.RoomService."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def _room(self, name: str, field: str = "name") -> Held[Room]:
        """The room of that name. Raises Invalid, NotFound."""
        ids = ROOM.parse(name, field)
        return await self.desk.held("room", ids["room"], Room, name, ids["centre"])

    async def create_room(self, call: Call[pb.CreateRoomRequest]) -> place_pb2.Room:
        """A new room of one of the centre's places."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        place_id = PLACE.parse(request.room.place, "room.place")["place"]

        async def decide(at: str) -> Decision[place_pb2.Room]:
            place = await self.desk.held("place", place_id, Place, request.room.place, centre)
            blank = Room(id=self.desk.ids.uuid(), centre=centre, created_at=at, title="", place=place_id)
            room = read_room(request.room, blank)
            record = records.write(None, room, at=at, actor=actor(call))
            used = records.touch(place.record, at, actor(call))
            return Decision((record, used), stamp(room_message(room), record), "create")

        return await self.desk.write(call, decide)

    async def get_room(self, call: Call[pb.GetRoomRequest]) -> place_pb2.Room:
        """One room."""
        held = await self._room(call.message.name)
        return stamp(room_message(held.value), held.record)

    async def list_rooms(self, call: Call[pb.ListRoomsRequest]) -> pb.ListRoomsResponse:
        """A centre's rooms, in order of id."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        found, token = await self.desk.page(call, "room", Room, centre=centre)
        return pb.ListRoomsResponse(
            rooms=[stamp(room_message(held.value), held.record) for held in found], next_page_token=token
        )

    async def update_room(self, call: Call[pb.UpdateRoomRequest]) -> place_pb2.Room:
        """Changes the fields of the mask; the meetings held there follow one by one."""
        request = call.message

        async def decide(at: str) -> Decision[place_pb2.Room]:
            held = await self._room(request.room.name, "room.name")
            expect_etag(request.room.name, held.record, request.room.etag)
            wanted, _ = merged(room_message(held.value), request.room, request.update_mask, WRITABLE, "room")
            room = read_room(wanted, held.value)
            record = records.write(held.record, room, at=at, actor=actor(call), due_at=at)
            return Decision((record,), stamp(room_message(room), record), "update")

        return await self.desk.write(call, decide)

    async def delete_room(self, call: Call[pb.DeleteRoomRequest]) -> Empty:
        """Removes a room that no meeting uses."""

        async def decide(at: str) -> Decision[Empty]:
            held = await self._room(call.message.name)
            expect_etag(call.message.name, held.record, call.message.etag)
            users = await closures_at(self.desk, held.value)
            refuse_in_use(users + [name_of(each.value) for each in await meetings_at(self.desk, held.value)])
            record = records.write(held.record, held.value, at=at, actor=actor(call), gone=True)
            return Decision((record,), Empty(), "delete")

        return await self.desk.write(call, decide)
