"""Places: Create, Get, List, Update, Delete; and the copies of them that meetings carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import place_pb2

from services.kit.errors import Unmet
from services.meetings import records
from services.meetings.centres import kept
from services.meetings.desk import CENTRE, PLACE, Decision, Desk, Held, actor, expect_etag
from services.meetings.masks import merged
from services.meetings.types import Closure, Meeting, Place, Status
from services.meetings.types_rooms import Room, RoomKind
from services.meetings.wanted import used as used_rooms
from services.meetings.wire import child_name, stamp
from services.meetings.wire_places import place_message, read_place

if TYPE_CHECKING:
    from services.kit.call import Call

WRITABLE = frozenset(
    {
        "title",
        "address",
        "area",
        "address_access",
        "latitude",
        "longitude",
        "approximate",
        "accessibility",
        "notes",
        "map_url",
        "regions",
    }
)
NAMED_AT_MOST = 20


class Places:
    """The methods about places."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def _place(self, name: str, field: str = "name") -> Held[Place]:
        """The place of that name. Raises Invalid, NotFound."""
        ids = PLACE.parse(name, field)
        return await self.desk.held("place", ids["place"], Place, name, ids["centre"])

    async def create_place(self, call: Call[pb.CreatePlaceRequest]) -> place_pb2.Place:
        """A new place."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]

        async def decide(at: str) -> Decision[place_pb2.Place]:
            standing = await kept(self.desk, centre, call.message.parent, at, actor(call))
            blank = Place(id=self.desk.ids.uuid(), centre=centre, created_at=at, title="")
            place = read_place(call.message.place, blank)
            record = records.write(None, place, at=at, actor=actor(call))
            return Decision((record, *standing), stamp(place_message(place), record), "create")

        return await self.desk.write(call, decide)

    async def get_place(self, call: Call[pb.GetPlaceRequest]) -> place_pb2.Place:
        """One place, whole."""
        held = await self._place(call.message.name)
        return stamp(place_message(held.value), held.record)

    async def list_places(self, call: Call[pb.ListPlacesRequest]) -> pb.ListPlacesResponse:
        """A centre's places, in order of id."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        found, token = await self.desk.page(call, "place", Place, centre=centre)
        return pb.ListPlacesResponse(
            places=[stamp(place_message(held.value), held.record) for held in found], next_page_token=token
        )

    async def update_place(self, call: Call[pb.UpdatePlaceRequest]) -> place_pb2.Place:
        """Changes the fields of the mask; the meetings held there follow one by one."""
        request = call.message

        async def decide(at: str) -> Decision[place_pb2.Place]:
            held = await self._place(request.place.name, "place.name")
            expect_etag(request.place.name, held.record, request.place.etag)
            wanted, _ = merged(place_message(held.value), request.place, request.update_mask, WRITABLE, "place")
            place = read_place(wanted, held.value)
            record = records.write(held.record, place, at=at, actor=actor(call), due_at=at)
            return Decision((record,), stamp(place_message(place), record), "update")

        return await self.desk.write(call, decide)

    async def delete_place(self, call: Call[pb.DeletePlaceRequest]) -> Empty:
        """Removes a place that nothing uses."""

        async def decide(at: str) -> Decision[Empty]:
            held = await self._place(call.message.name)
            expect_etag(call.message.name, held.record, call.message.etag)
            rooms = await self.desk.every("room", Room, centre=held.value.centre, place=held.value.id)
            users = [child_name(room.value.centre, "rooms", room.value.id) for room in rooms]
            users += await closures_at(self.desk, held.value)
            users += [name_of(meeting.value) for meeting in await meetings_at(self.desk, held.value)]
            refuse_in_use(users)
            record = records.write(held.record, held.value, at=at, actor=actor(call), gone=True)
            return Decision((record,), Empty(), "delete")

        return await self.desk.write(call, decide)


def name_of(meeting: Meeting) -> str:
    """Resource name of a meeting."""
    return child_name(meeting.centre, "meetings", meeting.id)


def refuse_in_use(users: list[str]) -> None:
    """Raises Unmet naming what uses it."""
    if users:
        named = ", ".join(users[:NAMED_AT_MOST]) + (" and more" if len(users) > NAMED_AT_MOST else "")
        raise Unmet(f"still used by {named}", "IN_USE", {"used_by": named, "count": str(len(users))})


async def meetings_at(desk: Desk, used: Place | Room) -> list[Held[Meeting]]:
    """The meetings that use a place or a room on any date, or are hosted by it, but for deleted ones."""
    if isinstance(used, Room) and used.kind is RoomKind.VIDEO:
        every = await desk.every("meeting", Meeting, centre=used.centre)
        return [one for one in every if one.value.status is not Status.CANCELLED and one.value.online_host == used.id]
    place = used.id if isinstance(used, Place) else used.place
    usual = await desk.every("meeting", Meeting, centre=used.centre, place=place)
    other = await desk.every("meeting", Meeting, centre=used.centre, elsewhere=True)
    found = {held.value.id: held for held in (*usual, *other)}
    return [
        held
        for held in found.values()
        if held.value.status is not Status.CANCELLED
        and used.id in (held.value.places() if isinstance(used, Place) else held.value.all_rooms())
    ]


async def closures_at(desk: Desk, used: Place | Room) -> list[str]:
    """Names of the closures in force that close a place or a room, or move meetings there."""
    found = await desk.every("closure", Closure, centre=used.centre, active=True)
    return [
        child_name(used.centre, "closures", held.value.id)
        for held in found
        if used.id in {*held.value.places, *held.value.rooms, held.value.move_place, *held.value.move_rooms}
    ]


async def used_by(desk: Desk, meeting: Meeting) -> tuple[dict[str, Held[Place]], dict[str, Held[Room]]]:
    """The places and rooms (its online host among them) that a meeting uses on any date, by id. Raises NotFound."""
    centre = meeting.centre
    places = {
        id_: await desk.held("place", id_, Place, child_name(centre, "places", id_), centre)
        for id_ in sorted(meeting.places())
    }
    rooms = {
        id_: await desk.held("room", id_, Room, child_name(centre, "rooms", id_), centre) for id_ in used_rooms(meeting)
    }
    return places, rooms
