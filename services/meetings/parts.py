"""A series and what belongs to it: its parts, the places and rooms it uses, its end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from services.kit.clock import instant, moment
from services.kit.errors import Denied, Invalid, NotFound, Violation
from services.meetings import closing, edits, provenance, records
from services.meetings.claiming import LENIENT, Asked, Draft
from services.meetings.desk import MEETING, Desk, Held
from services.meetings.in_force import InForce
from services.meetings.places import used_by
from services.meetings.types import Group, HolidayRule, Meeting, Status
from services.meetings.types_rooms import ClashPolicy, RoomKind
from services.meetings.wanted import used
from services.meetings.wire import child_name
from services.meetings.wire_bookings import POLICIES
from services.recurrence.zones import local_day, midnight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.call import Call
    from services.kit.store.port import Record
    from services.meetings.types_rooms import Room

SHOWN_CANCELLED = 30
KEEPERS: Final = frozenset({"coordinator", "administrator", "operator"})
"""Who keeps a centre's list, and so may know what is in the way."""
OVERRULERS: Final = frozenset({"administrator", "operator"})
LONGEST_REASON: Final = 500


class Parts:
    """Meetings as the store has them, with their neighbours and venues."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.in_force = InForce(desk)

    async def meeting(self, name: str, field: str = "name") -> Held[Meeting]:
        """The meeting of that name. Raises Invalid, NotFound."""
        ids = MEETING.parse(name, field)
        return await self.desk.held("meeting", ids["meeting"], Meeting, name, ids["centre"])

    async def neighbours(self, meeting: Meeting) -> tuple[Held[Meeting] | None, Held[Meeting] | None]:
        """The parts before and after."""
        return await self._part(meeting, meeting.previous), await self._part(meeting, meeting.next)

    async def _part(self, meeting: Meeting, id_: str) -> Held[Meeting] | None:
        return await self.meeting(child_name(meeting.centre, "meetings", id_)) if id_ else None

    async def housed(
        self, before: Meeting | None, meeting: Meeting, at: str, who: str
    ) -> tuple[Meeting, tuple[Record, ...]]:
        """The meeting with its copies of places and rooms, and the records of places that it starts to use, moved on.

        What the closures in force make of its dates is reckoned anew: no write of a meeting escapes them. A place moves
        its revision when a meeting starts to use it, so that nobody deletes it meanwhile; a room does when the meeting
        is written (`claiming`).
        """
        meeting = await self._overlaid(meeting, at)
        if before is not None and before.status is Status.CANCELLED:
            meeting = await self._taken_up(meeting, at)
        places, rooms = await used_by(self.desk, meeting)
        refuse_misplaced(meeting, {id_: held.value for id_, held in rooms.items()})
        housed = edits.with_venues(
            meeting,
            {id_: held.value for id_, held in places.items()},
            {id_: held.value for id_, held in rooms.items()},
        )
        housed = closing.fitting(edits.slim(housed), moment(at))
        if before is not None:
            housed = edits.numbered(before, msgspec.structs.replace(housed, sequence=before.sequence))
        held = before is not None and before.status is not Status.CANCELLED  # a deleted one keeps no place
        housed, joined = await self._grouped(before, housed, at, who)
        old = before.places() if before and held else frozenset()
        moved = tuple(records.touch(held.record, at, who) for id_, held in places.items() if id_ not in old)
        return housed, (*moved, *joined)

    async def _overlaid(self, meeting: Meeting, at: str) -> Meeting:
        """The meeting with what the closures that are in force now make of its dates."""
        holidays = meeting.holidays is HolidayRule.NOT_ON_HOLIDAYS
        frame = await self.in_force.frame(meeting.centre, holidays=holidays)
        bare = not (frame.closures or meeting.closed or (holidays and frame.calendar))
        return meeting if bare else closing.overlaid(meeting, frame, moment(at))

    async def _taken_up(self, meeting: Meeting, at: str) -> Meeting:
        """One that was deleted: meanwhile places and rooms of single dates may have been deleted, too."""
        own = {meeting.place, *meeting.rooms, *(room for each in meeting.sessions for room in each.rooms)}
        gone = set[str]()
        for kind, ids in (("place", meeting.places() - own), ("room", meeting.all_rooms() - own)):
            for id_ in ids:
                record = await self.desk.store.get(kind, id_)
                if record is None or record.gone:
                    gone.add(id_)
        return edits.without(meeting, frozenset(gone), at) if gone else meeting

    async def _grouped(
        self, before: Meeting | None, meeting: Meeting, at: str, who: str
    ) -> tuple[Meeting, tuple[Record, ...]]:
        """The meeting, and the record of the group that it comes to, moved on. Raises NotFound.

        One that is taken up again after it was deleted, and its group too, has none.
        """
        group = meeting.invite_group
        same = before is not None and before.invite_group == group
        if not group or (same and before is not None and before.status is not Status.CANCELLED):
            return meeting, ()
        try:
            name = child_name(meeting.centre, "groups", group)
            held = await self.desk.held("group", group, Group, name, meeting.centre)
        except NotFound:
            if not same:
                raise
            return msgspec.structs.replace(meeting, invite_group=""), ()
        return meeting, (records.touch(held.record, at, who),)

    async def removal(self, held: Held[Meeting], at: str, *, withdrawn: bool) -> tuple[Draft, ...]:
        """What a deletion writes: the meeting first, and its neighbours, who are now each other's."""
        meeting = held.value
        cancelled = edits.cancel_meeting(meeting, at, withdrawn=withdrawn)
        drafts = [Draft(held.record, cancelled, leaves_at(at, meeting.schedule.zone))]
        for id_, change in (
            (meeting.previous, {"next": meeting.next, "next_revision": 0, "next_private_revision": 0}),
            (meeting.next, {"previous": meeting.previous}),
        ):
            if id_:
                other = await self.meeting(child_name(meeting.centre, "meetings", id_))
                value = msgspec.structs.replace(other.value, **change)
                if withdrawn and not meeting.next:
                    value = provenance.ends_here(value)
                drafts.append(Draft(other.record, value, other.record.due_at))
        return tuple(drafts)

    async def lenient(self, meeting: Meeting) -> Asked:
        """How a meeting claims its rooms by what happens by itself."""
        return await self._framed(LENIENT, meeting)

    async def asked(self, call: Call[Any], meeting: Meeting) -> Asked:
        """How a person wants a meeting's rooms claimed. Raises Denied, Invalid for who may not overrule.

        A request that does not say, or has no word for it, is refused what is taken.
        """
        centre = meeting.centre
        policy = POLICIES.get(getattr(call.message, "on_clash", 0), ClashPolicy.REFUSE)
        reason = str(getattr(call.message, "overrule_reason", "")).strip()
        if policy is ClashPolicy.OVERRULE:
            refuse_overruling(call, centre, reason)
        elif reason:
            raise Invalid(Violation("overrule_reason", "goes with on_clash OVERRULE"))
        keeper = call.caller.has(KEEPERS, centre)
        return await self._framed(Asked(policy, reason, call.caller.subject, keeper), meeting)

    async def _framed(self, asked: Asked, meeting: Meeting) -> Asked:
        """With what is in force there; a meeting that has to do with no room needs not know."""
        if not (used(meeting) or meeting.claimed):
            return asked
        return asked._replace(frame=await self.in_force.frame(meeting.centre))


def refuse_overruling(call: Call[Any], centre: str, reason: str) -> None:
    """Raises Denied, Invalid for whoever may not overrule, or does not say why."""
    if not call.caller.has(OVERRULERS, centre):
        raise Denied("only administrators overrule what is taken", "OVERRULING_IS_FOR_ADMINISTRATORS")
    if not reason:
        raise Invalid(Violation("overrule_reason", "must be given: it is kept and shown"))
    if len(reason) > LONGEST_REASON:
        raise Invalid(Violation("overrule_reason", f"is longer than {LONGEST_REASON} characters"))


def refuse_misplaced(meeting: Meeting, rooms: Mapping[str, Room]) -> None:
    """Raises Invalid for rooms that are not of the place where they are used, and for what is no room, or no host."""
    held_in = [(meeting.place, meeting.rooms), *((meeting.place, each.rooms) for each in meeting.sessions)]
    held_in += [(each.place or meeting.place, each.rooms) for each in meeting.changes]
    for place, there in held_in:
        if any(rooms[room].kind is RoomKind.VIDEO for room in there):
            raise Invalid(Violation("meeting.rooms", "a video account is no room: it goes into online_host"))
        if any(rooms[room].place != place for room in there):
            raise Invalid(Violation("meeting.rooms", "a room must belong to the place that is given"))
    if meeting.online_host and rooms[meeting.online_host].kind is not RoomKind.VIDEO:
        raise Invalid(Violation("meeting.online_host", "must be a video account"))


def leaves_at(cancelled_at: str, zone: str) -> str:
    """When a deleted meeting is forgotten: the local midnight that ends its 30th day as cancelled."""
    day = local_day(moment(cancelled_at), zone) + timedelta(days=SHOWN_CANCELLED + 1)
    return instant(midnight(day, zone))
