"""Rooms that are free: Find, Check; and what would work instead."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.clock import moment
from services.kit.errors import Invalid, NotFound, Violation
from services.kit.heads import Claim
from services.kit.leaves import Joint
from services.kit.paging import page_size
from services.meetings import booking_checked, booking_rules, free_rooms_asked, had
from services.meetings.alternatives import Wanted
from services.meetings.booking_asked import BOOKING, person, read_booking, room_ids
from services.meetings.booking_checked import Checked, InsteadOf
from services.meetings.bookings import refuse_foreign
from services.meetings.desk import CENTRE, MEETING, PLACE, excluding
from services.meetings.free_rooms_found import UNKNOWN, Search
from services.meetings.free_times import Look
from services.meetings.ledger import Rooms
from services.meetings.types import Centre, Meeting, Place
from services.meetings.types_rooms import Approval, Booking
from services.meetings.wire_rooms import etag, room_message
from services.recurrence.pattern import Pattern
from services.recurrence.wire import local_text
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.kit.call import Call
    from services.kit.leaves import Head, Key
    from services.kit.store.port import Position
    from services.meetings.availability import Booker
    from services.meetings.booking import Person
    from services.meetings.desk import Desk
    from services.meetings.diary import Diary
    from services.meetings.free_rooms_found import Found, Rank
    from services.meetings.parts import Parts

USUAL_SIZE: Final = 20
LARGEST_SIZE: Final = 100
TOKEN_LASTS: Final = timedelta(hours=1)


class FreeRooms:
    """The methods about what is free."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def find_free_rooms(self, call: Call[pb.FindFreeRoomsRequest]) -> pb.FindFreeRoomsResponse:
        """Rooms that could be had, the best fit first. Raises Invalid, NotFound."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        size = page_size(request.page_size, USUAL_SIZE, LARGEST_SIZE)
        at, after = _pinned(self.desk.pages.position(call), self.desk.now())
        sought = free_rooms_asked.read(request, at)
        who = booking_rules.booker(call.caller, centre)
        search = await self._search(request, centre, sought, at, who)
        found = await search.run(after, size + 1)
        reply = pb.FindFreeRoomsResponse()
        for each in found[:size]:
            reply.rooms.append(self._told(each, search.places, who))
        if len(found) > size:
            reply.next_page_token = self.desk.pages.token(call, (at, *found[size - 1].rank))
        return reply

    async def _search(
        self, request: pb.FindFreeRoomsRequest, centre: str, sought: free_rooms_asked.Sought, at: str, who: Booker
    ) -> Search:
        held = await self.desk.held("centre", centre, Centre, request.parent, centre)
        if sought.window is not None and free_rooms_asked.over(sought.window, local_day(moment(at), held.value.zone)):
            raise Invalid(Violation("last_date", "lies in the past"))
        if sought.place:
            if PLACE.parse(request.place, "place")["centre"] != centre:
                raise NotFound(request.place)
            await self.desk.held("place", sought.place, Place, request.place, centre)
        places = {each.value.id: each.value for each in await self.desk.every("place", Place, centre=centre)}
        frame, house = await self.parts.in_force.frame(centre), await self.desk.board.house(centre)
        if any(room.rules.quotas for room in house.rooms.values()):
            who = who._replace(had=await had.lately(self.desk, centre, who.subject))
        return Search(house, sought, Look(at, frame, who), places)

    async def check_booking(self, call: Call[pb.CheckBookingRequest]) -> pb.CheckBookingResponse:
        """What is in the way of a booking, and what would work. Raises Invalid, NotFound."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        asker, ids = person(call, centre), room_ids(request.rooms, centre)
        instead_of, organiser = await self._instead_of(request.instead_of, centre, asker)
        no = Pattern(zone="UTC")
        none = Booking(id="", centre=centre, room="", created_at="", lineage="", pattern=no, organiser=organiser)
        blank = read_booking(request.booking, none)
        if not instead_of.meeting:
            asker = await had.knowing(self.desk, asker, centre, ids, organiser)

        def decide(rooms: Rooms, at: str) -> tuple[Checked, str]:
            return booking_checked.checked(rooms, ids, blank, asker, instead_of, at), at

        checked, at = await self._looked(centre, ids, decide)
        reply = booking_checked.reply(centre, checked, blank.pattern, asker, at)
        if checked.found:
            given_up = frozenset({instead_of.booking} - {""})
            wanted = Wanted(centre, ids, blank.pattern, checked.booker, instead_of.meeting, given_up, blank.attendees)
            reply.alternatives.extend(await self.desk.alternatives.to(wanted))
        return reply

    async def _looked(
        self, centre: str, ids: Sequence[str], decide: Callable[[Rooms, str], tuple[Checked, str]]
    ) -> tuple[Checked, str]:
        """What is decided about these rooms as the store has them now; nothing is written."""

        async def prepare() -> Claim[tuple[Checked, str]]:
            frame = await self.parts.in_force.frame(centre)
            held = await excluding(self.desk.store, ids)

            def look(heads: Mapping[Key, Head[Diary]], at: str) -> Joint[tuple[Checked, str]]:
                return Joint(decide(Rooms(centre, heads, frame), at), {})

            return Claim([("room", id_) for id_ in sorted(held)], look)

        return await self.desk.together(prepare)

    async def _instead_of(self, name: str, centre: str, who: Person) -> tuple[InsteadOf, str]:
        """What would be changed, and for whom the rules are asked. Raises Invalid, NotFound.

        Denied where ChangeBooking denies it: what somebody else has of a room already is in what the rules say.
        """
        if not name:
            return InsteadOf(), who.subject
        if "/bookings/" not in name:
            ids = MEETING.parse(name, "instead_of")
            await self.desk.held("meeting", ids["meeting"], Meeting, name, centre)
            return InsteadOf(meeting=ids["meeting"]), who.subject
        ids = BOOKING.parse(name, "instead_of")
        held = await self.desk.held("booking", ids["booking"], Booking, name, centre)
        if held.record.state.get("removed") or held.value.room != ids["room"] or ids["centre"] != centre:
            raise NotFound(name)
        if held.value.meeting:
            return InsteadOf(meeting=held.value.meeting), who.subject
        refuse_foreign(held.value, who)
        return InsteadOf(booking=held.value.id), held.value.organiser

    def _told(self, found: Found, places: Mapping[str, Place], who: Booker) -> pb.FreeRoom:
        room = found.room
        message = room_message(room)
        message.etag = etag(room)
        return pb.FreeRoom(
            room=message,
            place_title=places[room.place].title if room.place in places else "",
            start=local_text(found.fit.start),
            free=found.fit.free,
            total=found.fit.total,
            metres=found.metres if found.metres < UNKNOWN else 0,
            needs_approval=booking_rules.approval(room.rules, who) is not Approval.NONE,
        )


def _pinned(position: Position | None, now: str) -> tuple[str, Rank | None]:
    """The instant as of which is searched, and where to go on. Raises Invalid for a token of long ago."""
    if position is None:
        return now, None
    at = str(position[0])
    if not timedelta(0) <= moment(now) - moment(at) <= TOKEN_LASTS:
        raise Invalid(Violation("page_token", "is more than an hour old: leave it empty to start again"))
    return at, cast("Rank", position[1:])
