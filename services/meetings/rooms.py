"""Rooms: Create, Get, List, Update, Delete.

A room is the head of its bookings: whatever is decided about it is decided while it is held, so that nobody books it in
between. What changes its parts, or ends it, holds all rooms of its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.clock import moment
from services.kit.errors import Invalid, NotFound, Stale, Violation
from services.kit.heads import Claim
from services.kit.leaves import Changes, Facts, Joint
from services.kit.store.port import Conflict
from services.meetings import records, titling, wholes
from services.meetings.booking_rules import ahead
from services.meetings.clashes import Asker, refusal
from services.meetings.desk import CENTRE, PLACE, ROOM, Desk, Held, actor
from services.meetings.masks import merged
from services.meetings.places import closures_at, meetings_at, name_of, refuse_in_use
from services.meetings.types import Centre, Place
from services.meetings.types_rooms import Room, RoomKind
from services.meetings.wire import child_name
from services.meetings.wire_bookings import booking_name
from services.meetings.wire_rooms import KINDS, etag, read_room, room_message, stamped
from services.recurrence.timetable import minute

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.kit.call import Call
    from services.kit.leaves import Head, Key
    from services.kit.store.port import Record
    from services.meetings.diary import Diary

R = TypeVar("R")

WRITABLE = frozenset(
    {
        "title",
        "capacity",
        "accessibility",
        "equipment",
        "notes",
        "photos",
        "opening_hours",
        "dated_hours",
        "before_minutes",
        "after_minutes",
        "rules",
        "parts",
        "time_zone",
        "public_busy",
        "public_title",
        "join_url",
    }
)


class Rooms:
    """The methods of openchair.meetings.v1.RoomService that are about rooms themselves."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def _room(self, name: str, field: str = "name") -> Held[Room]:
        """The room of that name. Raises Invalid, NotFound."""
        ids = ROOM.parse(name, field)
        return await self.desk.held("room", ids["room"], Room, name, ids["centre"])

    async def create_room(self, call: Call[pb.CreateRoomRequest]) -> place_pb2.Room:
        """A new room of one of the centre's places, or a video account."""
        said, id_ = call.message.room, self.desk.ids.uuid()
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        kind = _kind(said)
        place_id = PLACE.parse(said.place, "room.place")["place"] if kind is RoomKind.ROOM else ""

        async def prepare() -> Claim[place_pb2.Room]:
            at = self.desk.now()
            of = await self.desk.held("centre", centre, Centre, call.message.parent, centre)
            place = await self.desk.held("place", place_id, Place, said.place, centre) if place_id else None
            blank = Room(id=id_, centre=centre, created_at=at, title="", place=place_id, kind=kind)
            room = titling.titled(read_room(said, blank, of.value.zone), place.value if place else None)

            def settle(heads: Mapping[Key, Head[Diary]], now: str) -> Joint[place_pb2.Room]:
                changes = _written(heads, room, now, of.value.zone)
                moved = records.touch((place or of).record, now, actor(call))
                return Joint(_answer(room, None, now), changes, (moved,), "create")

            keys = [("room", id_), *(await self._neighbours(room) if room.parts else ())]
            moves = [("place", place_id) if place else ("centre", centre)]
            return Claim(keys, settle, moves)

        return await self._together(call, prepare)

    async def get_room(self, call: Call[pb.GetRoomRequest]) -> place_pb2.Room:
        """One room."""
        held = await self._room(call.message.name)
        return stamped(held.value, held.record)

    async def list_rooms(self, call: Call[pb.ListRoomsRequest]) -> pb.ListRoomsResponse:
        """A centre's rooms, in order of id."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        found, token = await self.desk.page(call, "room", Room, centre=centre)
        return pb.ListRoomsResponse(rooms=[stamped(held.value, held.record) for held in found], next_page_token=token)

    async def update_room(self, call: Call[pb.UpdateRoomRequest]) -> place_pb2.Room:
        """Changes the fields of the mask; meetings held there, and what everybody sees of bookings, follow."""
        request, name = call.message, call.message.room.name

        async def prepare() -> Claim[place_pb2.Room]:
            held = await self._room(name, "room.name")
            of = await self.desk.held("centre", held.value.centre, Centre, name, held.value.centre)
            place = await titling.place_of(self.desk, held.value)
            _, paths = merged(room_message(held.value), request.room, request.update_mask, WRITABLE, "room")

            def settle(heads: Mapping[Key, Head[Diary]], now: str) -> Joint[place_pb2.Room]:
                record, before = _current(heads, held.value.id, name, request.room.etag)
                message, _ = merged(room_message(before), request.room, request.update_mask, WRITABLE, "room")
                room = titling.titled(read_room(message, before, of.value.zone), place.value if place else None)
                if room == before:
                    return Joint(stamped(room, record), {})
                moved = titling.relied_on(before, room, place, now, actor(call))
                return Joint(_answer(room, record, now), _written(heads, room, now, of.value.zone), moved, "update")

            neighbours = await self._neighbours(held.value) if "parts" in paths else []
            return Claim([("room", held.value.id), *neighbours], settle)

        return await self._together(call, prepare)

    async def delete_room(self, call: Call[pb.DeleteRoomRequest]) -> Empty:
        """Removes a room that nothing uses: no meeting, closure or coming booking, no hall of which it is a part."""
        name = call.message.name

        async def prepare() -> Claim[Empty]:
            held = await self._room(name)
            used_by = await closures_at(self.desk, held.value)
            used_by += [name_of(each.value) for each in await meetings_at(self.desk, held.value)]

            def settle(heads: Mapping[Key, Head[Diary]], now: str) -> Joint[Empty]:
                record, room = _current(heads, held.value.id, name, call.message.etag)
                if record.revision != held.record.revision:
                    raise Conflict  # somebody may use it since it was asked
                refuse_in_use([*dict.fromkeys(used_by + _users(heads, room, now))])
                return Joint(Empty(), _without(heads, room), (), "delete")

            return Claim([("room", held.value.id), *await self._neighbours(held.value)], settle)

        return await self._together(call, prepare)

    async def _neighbours(self, room: Room) -> list[Key]:
        """The rooms of its place."""
        if not room.place:
            return []
        found = await self.desk.every("room", Room, centre=room.centre, place=room.place)
        return [("room", held.value.id) for held in found if held.value.id != room.id]

    async def _together(self, call: Call[Any], prepare: Callable[[], Awaitable[Claim[R]]]) -> R:
        """As `Desk.together`; then others are told."""
        reply: R = await self.desk.together(prepare, call=call)
        self.desk.wake()
        return reply


def _kind(said: place_pb2.Room) -> RoomKind:
    """Raises Invalid for a kind that is none, and for a video account at a place."""
    if said.kind not in {0, *KINDS}:
        raise Invalid(Violation("room.kind", "is not one of the values this field takes"))
    kind = KINDS.get(said.kind, RoomKind.ROOM)
    if kind is RoomKind.VIDEO and said.place:
        raise Invalid(Violation("room.place", "a video account is at no place"))
    return kind


def _answer(room: Room, record: Record | None, at: str) -> place_pb2.Room:
    """The room as the commit leaves it."""
    message = stamped(room, record or records.write(None, room, at=at, actor=""))
    message.update_time.FromDatetime(moment(at))
    return message


def _current(heads: Mapping[Key, Head[Diary]], id_: str, name: str, wanted: str) -> tuple[Record, Room]:
    """The room as it is now that it is held. Raises NotFound; Stale where the caller decided on another one."""
    record = heads["room", id_].record
    if record is None or record.gone:
        raise NotFound(name)
    room = records.read(record, Room)
    if wanted and wanted != etag(room):
        raise Stale(name, etag(room))
    return record, room


def _held_rooms(heads: Mapping[Key, Head[Diary]]) -> dict[str, Room]:
    """The rooms that are held and there."""
    found = ((id_, head.record) for (_, id_), head in heads.items())
    return {id_: records.read(record, Room) for id_, record in found if record is not None and not record.gone}


def _written(heads: Mapping[Key, Head[Diary]], room: Room, at: str, zone: str) -> dict[Key, Changes]:
    """What becomes of the room, and of those that it excludes now or did before. Raises Invalid, Clashing."""
    before = _held_rooms(heads)
    if (before[room.id].parts if room.id in before else ()) == room.parts:
        return {("room", room.id): _facts(room, at)}
    _refuse_strangers(heads, before)
    _refuse_parts(before, room)
    after = wholes.excluding({**before, room.id: room}.values())
    diaries = {id_: heads["room", id_].index for id_ in {**before, room.id: room}}
    found = wholes.overlaps(before, after, diaries, at, minute(moment(at)), zone)
    if found:
        refused = refusal(room.centre, found, Asker("", keeper=True))
        refused.message = f"they are booked at the same time: {refused.message}"
        raise refused
    return {("room", each.id): _changed(heads, before, each, room, at) for each in after}


def _changed(heads: Mapping[Key, Head[Diary]], before: Mapping[str, Room], each: Room, room: Room, at: str) -> Changes:
    """One of the rooms of a place, after the parts of `room` have changed: nobody may have decided without that."""
    if each.id == room.id:
        return _facts(each, at)
    record = heads["room", each.id].record
    assert record is not None
    return Changes() if each == before[each.id] else _facts(each, record.due_at)


def _facts(room: Room, due_at: str | None) -> Changes:
    return Changes(Facts(records.document(room), records.views(room), due_at))


def _refuse_strangers(heads: Mapping[Key, Head[Diary]], rooms: Mapping[str, Room]) -> None:
    """Raises Conflict where a room excludes one that is not held: it came to be meanwhile."""
    if any(("room", other) not in heads for room in rooms.values() for other in room.excludes):
        raise Conflict


def _refuse_parts(rooms: Mapping[str, Room], room: Room) -> None:
    """Raises Invalid for parts that are of another place, are not there, or of which it would be a part itself."""
    wrong = [
        Violation(f"room.parts[{n}]", "is no room of the same place")
        for n, part in enumerate(room.parts)
        if part not in rooms or rooms[part].place != room.place
    ]
    if not wrong and wholes.circle({**rooms, room.id: room}, room.id):
        wrong = [Violation("room.parts", "would make it a part of itself")]
    if wrong:
        raise Invalid(*wrong)


def _users(heads: Mapping[Key, Head[Diary]], room: Room, at: str) -> list[str]:
    """Names of halls of which it is a part, and of whatever has it at times that are not over: a meeting, a booking."""
    halls = [each for each in _held_rooms(heads).values() if room.id in each.parts]
    since = minute(moment(at))
    bookings = heads["room", room.id].index.bookings.values()
    coming = [each for each in bookings if (each.competes or each.holds(at)) and any(ahead(each.pattern, since))]
    names = [child_name(room.centre, "rooms", each.id) for each in halls]
    return names + [child_name(room.centre, "meetings", each.meeting) or booking_name(each) for each in coming]


def _without(heads: Mapping[Key, Head[Diary]], room: Room) -> dict[Key, Changes]:
    """The room gone with all its bookings, which are over; those that it excluded are told."""
    head, before = heads["room", room.id], _held_rooms(heads)
    _refuse_strangers(heads, before)
    after = wholes.excluding(each for each in before.values() if each.id != room.id)
    gone = Facts(records.document(room), {"public": None, "private": None}, gone=True)
    changes: dict[Key, Changes] = {("room", room.id): Changes(gone, archived=(*head.leaves, *head.removed))}
    for each in after:
        if each != before[each.id]:
            record = heads["room", each.id].record
            changes["room", each.id] = _facts(each, record.due_at if record else None)
    return changes
