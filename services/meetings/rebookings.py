"""Bookings by people, later: Change, Release, TakeSkippedDates."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from services.kit.errors import Invalid, Unmet, Violation
from services.meetings import rebooking, taking
from services.meetings.booking import takes_anything
from services.meetings.booking_asked import BOOKING, person, read_key, read_reason
from services.meetings.bookings import refuse_foreign
from services.meetings.changing import Changing, history_of
from services.meetings.desk import actor
from services.meetings.had import known, known_of
from services.meetings.ledger import Decided, Ledger, hold_expired, stored
from services.meetings.retaking import with_skipped
from services.meetings.types_rooms import BookingState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openchair.meetings.v1 import booking_pb2
    from openchair.meetings.v1 import room_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.ledger import Rooms
    from services.meetings.parts import Parts
    from services.meetings.types_rooms import Booking, Room
    from services.recurrence.types import Key

THIS: Final = 1
FOLLOWING: Final = 2
SCOPES: Final = frozenset({0, THIS, FOLLOWING, 3})


class Rebookings:
    """The methods that change bookings."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts
        self.ledger = Ledger(desk, parts)

    async def change_booking(self, call: Call[pb.ChangeBookingRequest]) -> booking_pb2.Booking:
        """Changes one date, one and those that follow, or all."""
        request = call.message
        ids = BOOKING.parse(request.booking.name, "booking.name")
        asked = person(call, ids["centre"], request.on_clash, request.overrule_reason)
        key, new_id = _key(request.scope, request.key), self.desk.ids.uuid()

        def decide(rooms: Rooms, at: str) -> Decided:
            found = rooms.booking(ids["room"], ids["booking"], request.booking.name, request.booking.etag)
            _refuse_hold(found, at)
            refuse_foreign(found, asked)
            changing = Changing(rooms, rooms.room(found.room), rooms.knowing(asked), request, at)
            if request.scope == THIS and key is not None:
                return changing.this(found, key)
            if request.scope == FOLLOWING and key is not None:
                rebooking.date_of(found, key, at)
                parts = rebooking.cut(found, key, new_id)
                if parts.earlier is not None and parts.later is not None:
                    return changing.following(found, parts.earlier, parts.later, key)
            return changing.all(found, actor(call))

        had = functools.partial(known_of, self.desk, ids["centre"], ids["room"], ids["booking"])
        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _first, had=had)

    async def release_booking(self, call: Call[pb.ReleaseBookingRequest]) -> booking_pb2.Booking:
        """Gives back one date, one and those that follow, or all."""
        request = call.message
        ids = BOOKING.parse(request.name, "name")
        asked = person(call, ids["centre"])
        key, reason = _key(request.scope, request.key), read_reason(request.reason)

        def decide(rooms: Rooms, at: str) -> Decided:
            found = rooms.booking(ids["room"], ids["booking"], request.name, request.etag)
            refuse_foreign(found, asked)
            room = rooms.room(found.room)
            if request.scope == THIS and key is not None:
                left = rebooking.given_back(found, key, at)
                if left.skipped or takes_anything(left.pattern, at):
                    return Decided(((left, room),), (left,), "release", reason)
            if request.scope == FOLLOWING and key is not None:
                rebooking.date_of(found, key, at)
                earlier = rebooking.cut(found, key, "").earlier
                if earlier is not None:
                    return Decided(((earlier, room),), (earlier,), "release", reason)
            return _ended(found, room, actor(call), reason, at)

        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _first)

    async def take_skipped_dates(self, call: Call[pb.TakeSkippedDatesRequest]) -> booking_pb2.Booking:
        """Takes dates that a series had to skip and that are free now."""
        request = call.message
        ids = BOOKING.parse(request.name, "name")
        asked = person(call, ids["centre"])
        keys = frozenset(read_key(text, f"keys[{index}]") for index, text in enumerate(request.keys))
        booking = (await stored(self.desk, request.name)).value
        if booking.meeting and asked.keeper:
            return await taking.take(self.desk, self.parts, call, booking, keys)

        def decide(rooms: Rooms, at: str) -> Decided:
            found = rooms.booking(ids["room"], ids["booking"], request.name)
            refuse_foreign(found, asked)
            room = rooms.room(found.room)
            made = with_skipped(rooms, room, found, rooms.knowing(asked), keys, at)
            return Decided(((made, room),), (made,), "take-skipped")

        had = functools.partial(known, self.desk, ids["centre"], (ids["room"],), booking.organiser)
        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _first, had=had)


def _ended(found: Booking, room: Room, who: str, reason: str, at: str) -> Decided:
    """Everything that is to come is given back."""
    left = rebooking.ended(found, at)
    records = history_of(left.past, at, who)
    if left.on is not None:
        return Decided(((left.on, room),), (left.on,), "release", reason, records=records)
    return Decided((), (found,), "release", reason, removed=(found,), records=records)


def _key(scope: int, text: str) -> Key | None:
    """The date that the scope is about. Raises Invalid where one is needed, or none."""
    if scope not in SCOPES:
        raise Invalid(Violation("scope", "is not one of the values this field takes"))
    if scope in {THIS, FOLLOWING}:
        return read_key(text)
    if text:
        raise Invalid(Violation("key", "is for the scopes THIS and FOLLOWING"))
    return None


def _refuse_hold(found: Booking, at: str) -> None:
    if found.state is BookingState.HELD:
        raise Unmet("it is only held: confirm it first", "NOT_CONFIRMED") if found.holds(at) else hold_expired()


def _first(told: Sequence[booking_pb2.Booking]) -> booking_pb2.Booking:
    return told[0]
