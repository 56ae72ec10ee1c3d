"""Bookings by people: Book, Hold, Confirm, Approve, Decline."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakValueDictionary

import msgspec
from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Denied, Exhausted, Invalid, Unmet, Violation
from services.kit.middleware import stored_answer
from services.kit.record import revise
from services.meetings.booking import (
    Wish,
    gap_of,
    granted,
    held,
    of_room,
    refuse_given,
    refuse_impossible,
    standing,
)
from services.meetings.booking_asked import BOOKING, person, read_booking, read_reason, read_words, room_id, room_ids
from services.meetings.desk import CENTRE
from services.meetings.had import known, known_of
from services.meetings.ledger import Decided, Ledger, hold_expired
from services.meetings.shares import refuse_many
from services.meetings.types_rooms import Booking, BookingState
from services.meetings.wire import child_name
from services.recurrence.pattern import Pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.call import Call
    from services.kit.store.port import Record
    from services.meetings.booking import Person
    from services.meetings.desk import Desk
    from services.meetings.ledger import Rooms
    from services.meetings.parts import Parts
    from services.meetings.types_rooms import Room, Skipped

MOST_HOLDS: Final = 5
"""Of one person at one centre."""


class Bookings:
    """The methods that make bookings."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.ledger = Ledger(desk, parts)
        self._holding = WeakValueDictionary[tuple[str, str], asyncio.Lock]()

    async def book_room(self, call: Call[pb.BookRoomRequest]) -> pb.BookRoomResponse:
        """Takes one room, or several: all or none."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        asked = person(call, centre, request.on_clash, request.overrule_reason)
        ids = room_ids(request.rooms, centre)
        blanks = [(id_, self._read(request.booking, centre, asked.subject)) for id_ in ids]

        def decide(rooms: Rooms, at: str) -> Decided:
            who = rooms.knowing(asked)
            written = [_new(rooms, id_, blank, asked, at) for id_, blank in blanks]
            refuse_each_other([room for _, room in written])
            bookings = tuple(
                (standing(granted(room, rooms.diaries(room), Wish(booking, who), at, rooms.frame), room, asked), room)
                for booking, room in written
            )
            return Decided(bookings, tuple(booking for booking, _ in bookings), "book", asked.reason)

        had = functools.partial(known, self.desk, centre, ids, asked.subject)
        return await self.ledger.write(
            call, centre, ids, decide, lambda told: pb.BookRoomResponse(bookings=told), had=had
        )

    async def hold_room(self, call: Call[pb.HoldRoomRequest]) -> booking_pb2.Booking:
        """Takes a room for a few minutes."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        asked, id_ = person(call, centre), room_id(request.room, centre, "room")
        blank = self._read(request.booking, centre, asked.subject)

        def decide(rooms: Rooms, at: str) -> Decided:
            booking, room = _new(rooms, id_, blank, asked, at)
            wish = Wish(booking, rooms.knowing(asked))
            made = held(granted(room, rooms.diaries(room), wish, at, rooms.frame), room, at)
            return Decided(((made, room),), (made,), "hold")

        had = functools.partial(known, self.desk, centre, (id_,), asked.subject)
        async with self._turn(centre, asked.subject):
            if (made := await stored_answer(self.desk.store, call)) is not None:  # its double had the turn before
                return cast("booking_pb2.Booking", made)
            counted = functools.partial(self._one_more, centre, asked.subject)
            return await self.ledger.write(call, centre, [id_], decide, _only, along=counted, had=had)

    async def confirm_hold(self, call: Call[pb.ConfirmHoldRequest]) -> booking_pb2.Booking:
        """Makes a booking of a hold."""
        request = call.message
        ids = BOOKING.parse(request.name, "name")
        asked = person(call, ids["centre"])

        def decide(rooms: Rooms, at: str) -> Decided:
            found = rooms.booking(ids["room"], ids["booking"], request.name, request.etag)
            refuse_foreign(found, asked)
            if found.state is not BookingState.HELD:
                raise Unmet("it is a booking already", "NOT_HELD")
            if not found.holds(at):
                raise hold_expired()
            room = rooms.room(ids["room"])
            wish = Wish(found, rooms.knowing(asked), ignoring=frozenset({found.id}))
            refuse_given(room, rooms.diaries(room), wish, at, rooms.frame)  # it may have expired by another's clock
            made = standing(_worded(request.booking, found), room, asked)
            return Decided(((made, room),), (made,), "confirm")

        had = functools.partial(known_of, self.desk, ids["centre"], ids["room"], ids["booking"])
        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _only, had=had)

    async def approve_booking(self, call: Call[pb.ApproveBookingRequest]) -> booking_pb2.Booking:
        """Approves a pending booking, if the time is still to be had."""
        request = call.message
        ids = BOOKING.parse(request.name, "name")
        asked = person(call, ids["centre"], request.on_clash, request.overrule_reason)

        def decide(rooms: Rooms, at: str) -> Decided:
            found = _pending(rooms, ids, request.name, request.etag)
            room = rooms.room(ids["room"])
            counts = found.competes  # what holds its time was counted when it was asked for
            who = rooms.knowing(asked)
            wish = Wish(found, who, ignoring=frozenset({found.id}), rules=counts, only_quotas=True)
            taken = granted(room, rooms.diaries(room), wish, at, rooms.frame)
            skipped = tuple(sorted((*found.skipped, *_newly(taken, found)), key=lambda each: each.slot.start))
            made = msgspec.structs.replace(taken, state=BookingState.CONFIRMED, competes=False, skipped=skipped)
            return Decided(((made, room),), (made,), "approve", asked.reason)

        had = functools.partial(known_of, self.desk, ids["centre"], ids["room"], ids["booking"])
        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _only, had=had)

    async def decline_booking(self, call: Call[pb.DeclineBookingRequest]) -> booking_pb2.Booking:
        """Declines a pending booking."""
        request = call.message
        ids, reason = BOOKING.parse(request.name, "name"), read_reason(request.reason)

        def decide(rooms: Rooms, _: str) -> Decided:
            found = _pending(rooms, ids, request.name, request.etag)
            return Decided((), (found,), "decline", reason, removed=(found,))

        return await self.ledger.write(call, ids["centre"], [ids["room"]], decide, _only)

    def _read(self, message: booking_pb2.Booking, centre: str, organiser: str) -> Booking:
        """A new booking as the message says, not of a room yet."""
        id_, none = self.desk.ids.uuid(), Pattern(zone="UTC")
        blank = Booking(id=id_, centre=centre, room="", created_at="", lineage=id_, pattern=none, organiser=organiser)
        return read_booking(message, blank)

    def _turn(self, centre: str, subject: str) -> asyncio.Lock:
        """One person's holds are made one after the other, so that they can be counted."""
        lock = self._holding.get((centre, subject)) or asyncio.Lock()
        self._holding[centre, subject] = lock
        return lock

    async def _one_more(self, centre: str, subject: str) -> Record:
        """Whoever holds a room, moved on: what they have was counted, and nobody has given them another one since.

        Raises Exhausted for one hold too many.
        """
        id_ = hashlib.sha256(f"{centre}/{subject}".encode()).hexdigest()[:32]
        holder, now = await self.desk.store.get("holder", id_), self.desk.now()
        where: dict[str, str | bool] = {"centre": centre, "organiser": subject, "removed": False}
        found = await self.desk.every("booking", Booking, **where, state=BookingState.HELD.value)
        if sum(each.value.holds(now) for each in found) >= MOST_HOLDS:
            raise Exhausted(f"at most {MOST_HOLDS} holds at once", "TOO_MANY_HOLDS")
        return revise(holder, kind="holder", id=id_, state={}, at=now, actor=subject, views={})


def refuse_foreign(booking: Booking, asked: Person) -> None:
    """Raises Unmet for what a meeting holds, Denied where somebody else booked it and the caller keeps no list."""
    if booking.meeting:
        name = child_name(booking.centre, "meetings", booking.meeting)
        raise Unmet("a meeting holds it: edit the meeting", "HELD_BY_MEETING", {"meeting": name})
    if not asked.keeper and booking.organiser != asked.subject:
        raise Denied("somebody else booked it", "NOT_YOUR_BOOKING")


def _new(rooms: Rooms, room: str, blank: Booking, asked: Person, at: str) -> tuple[Booking, Room]:
    found = rooms.room(room)
    refuse_many(rooms.diaries(found)[found.id], asked)
    assert blank.pattern.schedule is not None
    refuse_impossible(blank.pattern.schedule, at, "booking.schedule", gap_of(found.before, found.after))
    return of_room(msgspec.structs.replace(blank, created_at=at), found), found


def refuse_each_other(rooms: Sequence[Room]) -> None:
    """Raises Invalid for rooms of which one excludes another."""
    wanted = {room.id for room in rooms}
    if any(wanted & {*room.excludes} for room in rooms):
        raise Invalid(Violation("rooms", "names rooms that cannot be taken together, such as a hall and its part"))


def _worded(message: booking_pb2.Booking, base: Booking) -> Booking:
    """The booking with the words of the message that are set."""
    said = booking_pb2.Booking(title=base.title, notes=base.notes, attendees=base.attendees)
    for field in ("title", "notes", "attendees"):
        if getattr(message, field):
            setattr(said, field, getattr(message, field))
    return read_words(said, base)


def _pending(rooms: Rooms, ids: dict[str, str], name: str, etag: str) -> Booking:
    found = rooms.booking(ids["room"], ids["booking"], name, etag)
    if found.state is not BookingState.PENDING:
        raise Unmet("it does not wait to be approved", "NOT_PENDING")
    return found


def _newly(taken: Booking, found: Booking) -> tuple[Skipped, ...]:
    """What it has to skip since it was asked for."""
    return () if taken.skipped == found.skipped else taken.skipped


def _only(told: Sequence[booking_pb2.Booking]) -> booking_pb2.Booking:
    return told[0]
