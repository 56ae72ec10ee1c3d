"""A booking that is looked at and not made: what BookRoom would meet at this moment, room by room. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.clock import moment
from services.meetings import history
from services.meetings.booking import Wish, gap_of, in_the_way, of_room, refuse_impossible, standing
from services.meetings.bookings import refuse_each_other
from services.meetings.clashes import clash_message
from services.meetings.shares import refuse_many
from services.meetings.types_rooms import BookingState
from services.recurrence.timetable import LOOKED_AT, at_minute, extent, minute
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.meetings.availability import Hindrance
    from services.meetings.booking import Person
    from services.meetings.booking_rules import Booker
    from services.meetings.diary import Diary
    from services.meetings.ledger import Rooms
    from services.meetings.types_rooms import Booking, Room
    from services.recurrence.pattern import Pattern

MOST_TOLD: Final = 200
_LOOKED_AT: Final = int(LOOKED_AT.total_seconds()) // 60


class InsteadOf(NamedTuple):
    """What would be changed: a booking or a meeting (ids; ""), which is not in its own way."""

    booking: str = ""
    meeting: str = ""

    def own(self, diary: Diary) -> Booking | None:
        """What it has of a room."""
        return diary.by_meeting(self.meeting) if self.meeting else diary.bookings.get(self.booking)


class Checked(NamedTuple):
    """What was found, in order of time; whether it would have to be approved; for whom rules were asked (None: not)."""

    found: list[Hindrance]
    needs_approval: bool
    booker: Booker | None


def checked(
    rooms: Rooms, ids: Sequence[str], blank: Booking, person: Person, instead_of: InsteadOf, at: str
) -> Checked:
    """What is in the way of the booking in these rooms. Raises Exhausted, Invalid, NotFound, as BookRoom does."""
    found: list[Hindrance] = []
    wanted = [rooms.room(id_) for id_ in ids]
    assert blank.pattern.schedule is not None
    for room in wanted:
        refuse_impossible(blank.pattern.schedule, at, "booking.schedule", gap_of(room.before, room.after))
    refuse_each_other(wanted)
    waits, kept = False, list[tuple[str, "Pattern"]]()
    for room in wanted:
        if instead_of == InsteadOf():
            refuse_many(rooms.diaries(room)[room.id], person)
        wish = _wish(rooms, room, of_room(blank, room), person, instead_of, at)
        kept += ((room.id, each) for each in wish.keeps)
        found += in_the_way(room, rooms.diaries(room), wish, at, rooms.frame)
        waits |= wish.rules and standing(wish.booking, room, person).state is BookingState.PENDING
    who = person.books_for(blank.organiser)
    booker = None if instead_of.meeting else who._replace(had=(*who.had, *kept))
    return Checked(sorted(found, key=lambda each: (each.start, each.key, each.room, each.by_start)), waits, booker)


def _wish(rooms: Rooms, room: Room, booking: Booking, person: Person, instead_of: InsteadOf, at: str) -> Wish:
    own = {id_: instead_of.own(diary) for id_, diary in rooms.diaries(room).items()}
    given_up = frozenset(each.id for each in own.values() if each is not None)
    has = own[room.id]
    if has is not None:  # it keeps the minutes that it was made with
        booking = msgspec.structs.replace(booking, before=has.before, after=has.after)
    past = None if has is None or has.competes else history.past_of(has, at)
    keeps = () if past is None else (past.booking.pattern,)
    taken, rules = has.pattern if has else None, not instead_of.meeting
    return Wish(booking, person, taken, ignoring=given_up, rules=rules, keeps=keeps)


def reply(centre: str, checked: Checked, pattern: Pattern, person: Person, at: str) -> pb.CheckBookingResponse:
    """The answer, without alternatives."""
    since = minute(moment(at))
    dates, last = extent(pattern, since, since + _LOOKED_AT)
    return pb.CheckBookingResponse(
        free=not checked.found,
        clashes=[clash_message(centre, each, person.asker) for each in checked.found[:MOST_TOLD]],
        total=len(checked.found),
        needs_approval=checked.needs_approval,
        dates=dates,
        until=local_day(at_minute(last), pattern.zone).isoformat() if dates else "",
    )
