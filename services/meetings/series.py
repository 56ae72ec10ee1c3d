"""Meetings: Create, Get, List, Update (with its scopes), Delete."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.errors import Invalid, Violation
from services.meetings import edits, provenance, records
from services.meetings.centres import LIVING, kept
from services.meetings.check import possible
from services.meetings.claiming import Draft
from services.meetings.desk import CENTRE, GROUP, PLACE, ROOM, Decision, Desk, Held, Written, actor, expect_etag
from services.meetings.masks import merged
from services.meetings.types import Meeting, Session, Visibility
from services.meetings.wire import meeting_message, read_meeting, stamp, timestamp
from services.meetings.wire_details import session_ids
from services.recurrence.edits import same_days
from services.recurrence.types import RecurrenceError, Schedule
from services.recurrence.wire import parse_key

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.call import Call
    from services.kit.store.port import In, Record
    from services.meetings.parts import Parts
    from services.recurrence.edits import Orphans

WRITABLE = frozenset({*provenance.FIELDS, "rooms", "online_host", "invite_group"})
ORPHANS: dict[int, Orphans] = {pb.ORPHAN_POLICY_KEEP: "keep", pb.ORPHAN_POLICY_DROP: "drop"}

_BLANK = Schedule(start=datetime(2000, 1, 1), zone="UTC", minutes=60)  # noqa: DTZ001 - local by nature


class Series:
    """The methods about meetings as series."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def create_meeting(self, call: Call[pb.CreateMeetingRequest]) -> meeting_pb2.Meeting:
        """A new series."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]

        async def decide(at: str) -> Decision[meeting_pb2.Meeting]:
            standing = await kept(self.desk, centre, request.parent, at, actor(call))
            id_ = self.desk.ids.uuid()
            blank = Meeting(id=id_, centre=centre, created_at=at, lineage=id_, title="", schedule=_BLANK)
            meeting = located(read_meeting(request.meeting, blank), request.meeting)
            possible(meeting.schedule, "meeting.schedule")
            return await self._settle(call, None, meeting, at, "create", fenced=standing)

        return await self._decided(call, decide, validate_only=request.validate_only)

    async def get_meeting(self, call: Call[pb.GetMeetingRequest]) -> meeting_pb2.Meeting:
        """One meeting, whole."""
        held = await self.parts.meeting(call.message.name)
        return stamp(meeting_message(held.value), held.record)

    async def list_meetings(self, call: Call[pb.ListMeetingsRequest]) -> pb.ListMeetingsResponse:
        """A centre's meetings, in order of id; those of one source, if asked."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        where: dict[str, str | In] = {"centre": centre}
        if request.source:
            where["source_name"] = request.source
        if not request.show_cancelled:
            where["status"] = LIVING
        found, token = await self.desk.page(call, "meeting", Meeting, **where)
        if request.public_only:
            public = filter(None, map(_as_everybody_sees_it, found))
            return pb.ListMeetingsResponse(meetings=public, next_page_token=token)
        meetings = [stamp(meeting_message(held.value), held.record) for held in found]
        for meeting in meetings:
            if meeting.HasField("source"):
                meeting.source.ClearField("original")  # a page of them may be larger than a client takes
        return pb.ListMeetingsResponse(meetings=meetings, next_page_token=token)

    async def update_meeting(self, call: Call[pb.UpdateMeetingRequest]) -> meeting_pb2.Meeting:
        """Edits all dates of this part, or one date and those that follow."""
        following = call.message.scope == pb.EDIT_SCOPE_FOLLOWING
        if bool(call.message.occurrence) != following:
            raise Invalid(Violation("occurrence", "goes with scope FOLLOWING, and scope FOLLOWING with it"))

        async def decide(at: str) -> Decision[meeting_pb2.Meeting]:
            held = await self.parts.meeting(call.message.meeting.name, "meeting.name")
            expect_etag(call.message.meeting.name, held.record, call.message.meeting.etag)
            edits.refuse_cancelled(held.value)
            if following:
                return await self._following(call, held, at)
            return await self._of_all(call, held, await self.parts.neighbours(held.value), at)

        return await self._decided(call, decide, validate_only=call.message.validate_only)

    async def _decided(
        self,
        call: Call[pb.CreateMeetingRequest] | Call[pb.UpdateMeetingRequest],
        decide: Callable[[str], Awaitable[Decision[meeting_pb2.Meeting]]],
        *,
        validate_only: bool,
    ) -> meeting_pb2.Meeting:
        """The reply of what was decided, which is written unless it was only to be tried."""
        return await (self.desk.tried if validate_only else self.desk.write)(call, decide)

    async def _of_all(
        self,
        call: Call[pb.UpdateMeetingRequest],
        held: Held[Meeting],
        around: tuple[Held[Meeting] | None, Held[Meeting] | None],
        at: str,
    ) -> Decision[meeting_pb2.Meeting]:
        """The decision to edit every date of this part."""
        edited = edits.edit_all(held.value, edit(call.message, held.value), at, values(*around))
        edited = provenance.edited_here(held.value, edited, call.message.follow_source)
        drafts, fenced = beside(held.value, edited, around, at, actor(call))
        return await self._settle(call, held, edited, at, "update", drafts, fenced)

    async def _following(
        self, call: Call[pb.UpdateMeetingRequest], held: Held[Meeting], at: str
    ) -> Decision[meeting_pb2.Meeting]:
        try:
            key = parse_key(call.message.occurrence)
        except RecurrenceError as error:
            raise Invalid(Violation("occurrence", error.reason)) from error
        around = await self.parts.neighbours(held.value)
        later = around[1]
        parts = edits.split(held.value, key, self.desk.ids.uuid(), at)
        if parts is None:
            return await self._of_all(call, held, around, at)
        cut, continuation = parts
        edited = edits.edit_all(
            continuation, edit(call.message, continuation), at, edits.Neighbours(cut, later.value if later else None)
        )
        edited = provenance.edited_here(continuation, edited, call.message.follow_source)
        cut = records.seen_with(cut, edited)
        edited = msgspec.structs.replace(edited, sequence=0)  # where its days went stays: seats go there
        others = [Draft(held.record, cut)]
        if later is not None:
            others.append(Draft(later.record, msgspec.structs.replace(later.value, previous=edited.id)))
        return await self._settle(call, None, edited, at, "split", tuple(others))

    async def delete_meeting(self, call: Call[pb.DeleteMeetingRequest]) -> meeting_pb2.Meeting:
        """Publishes it as cancelled; its tombstone follows after 30 local days."""
        request = call.message

        async def decide(at: str) -> Decision[meeting_pb2.Meeting]:
            held = await self.parts.meeting(request.name)
            expect_etag(request.name, held.record, request.etag)
            drafts = await self.parts.removal(held, at, withdrawn=True)
            asked = await self.parts.lenient(held.value)
            return Decision((), replying(held.value.id), "delete", request.reason, drafts=drafts, asked=asked)

        return await self.desk.write(call, decide)

    async def _settle(
        self,
        call: Call[pb.UpdateMeetingRequest] | Call[pb.CreateMeetingRequest],
        held: Held[Meeting] | None,
        meeting: Meeting,
        at: str,
        action: str,
        others: tuple[Draft, ...] = (),
        fenced: tuple[Record, ...] = (),
    ) -> Decision[meeting_pb2.Meeting]:
        """The decision to write this meeting, its venues made anew, with whatever it starts to use moved on."""
        before = held.value if held else None
        refuse_unopened(before, meeting)
        meeting, moved = await self.parts.housed(before, meeting, at, actor(call))
        drafts = (Draft(held.record if held else None, meeting), *others)
        asked = await self.parts.asked(call, meeting)
        reason = getattr(call.message, "reason", "")
        return Decision((*fenced, *moved), replying(meeting.id), action, reason, drafts=drafts, asked=asked)


def replying(id_: str) -> Callable[[Written], meeting_pb2.Meeting]:
    """What answers with this meeting, as it was written."""

    def reply(written: Written) -> meeting_pb2.Meeting:
        return stamp(meeting_message(written[id_].value), written[id_].record)

    return reply


def _as_everybody_sees_it(held: Held[Meeting]) -> meeting_pb2.Meeting | None:
    """A meeting's public view with its own revision and time; None where it has none."""
    found = records.public_view(held.value)
    view = held.record.view("public")
    if not isinstance(found, meeting_pb2.Meeting) or view is None:
        return None
    found.epoch, found.revision = held.record.epoch, view.revision
    found.update_time.CopyFrom(timestamp(view.at))
    return found


def values(before: Held[Meeting] | None, after: Held[Meeting] | None) -> edits.Neighbours:
    """The parts around one, as the rules take them."""
    return edits.Neighbours(before.value if before else None, after.value if after else None)


def beside(
    before: Meeting, edited: Meeting, around: tuple[Held[Meeting] | None, Held[Meeting] | None], at: str, who: str
) -> tuple[tuple[Draft, ...], tuple[Record, ...]]:
    """What an edit of all dates writes of the neighbouring parts: those that change, and those that only move on."""
    moved = () if same_days(before.schedule, edited.schedule) else fenced(around, at, who)
    previous = around[0]
    if previous is None:
        return (), moved
    alone = records.seen_alone(previous.value, before, edited)
    if alone == previous.value:
        return (), moved
    free = Draft(previous.record, alone)
    return (free,), tuple(record for record in moved if record.id != alone.id)


def fenced(around: tuple[Held[Meeting] | None, ...], at: str, who: str) -> tuple[Record, ...]:
    """The parts around one whose days change, moved on: if their days change meanwhile, one of the two decides anew."""
    return tuple(records.touch(held.record, at, who) for held in around if held is not None)


def edit(request: pb.UpdateMeetingRequest, current: Meeting) -> edits.Edit:
    """What an update asks for. Raises Invalid naming the fields that are wrong."""
    wanted, paths = merged(meeting_message(current), request.meeting, request.update_mask, WRITABLE, "meeting")
    meeting = located(read_meeting(wanted, current), wanted)
    start_named = bool(paths & {"schedule", "schedule.start"})
    return edits.Edit(meeting, ORPHANS.get(request.orphans), start_named)


def located(meeting: Meeting, message: meeting_pb2.Meeting) -> Meeting:
    """The meeting with the ids of the place, rooms, host and group that the message names. Raises Invalid."""
    place = PLACE.parse(message.place, "meeting.place") if message.place else None
    group = GROUP.parse(message.invite_group, "meeting.invite_group") if message.invite_group else None
    host = ROOM.parse(message.online_host, "meeting.online_host") if message.online_host else None
    rooms = [ROOM.parse(room, f"meeting.rooms[{n}]") for n, room in enumerate(message.rooms)]
    if rooms and place is None:
        raise Invalid(Violation("meeting.place", "rooms go with the place they are in"))
    named = (("meeting.place", place), ("meeting.online_host", host), ("meeting.invite_group", group))
    for field, ids in (*named, *((f"meeting.rooms[{n}]", room) for n, room in enumerate(rooms))):
        if ids and ids["centre"] != meeting.centre:
            raise Invalid(Violation(field, "must belong to the same centre"))
    return msgspec.structs.replace(
        meeting,
        place=place["place"] if place else "",
        rooms=tuple(dict.fromkeys(room["room"] for room in rooms)),
        online_host=host["room"] if host else "",
        sessions=_in_rooms(meeting, message),
        invite_group=group["group"] if group else "",
    )


def _in_rooms(meeting: Meeting, message: meeting_pb2.Meeting) -> tuple[Session, ...]:
    """The sessions with the ids of the rooms that the message names for each of them. Raises Invalid."""
    found: dict[str, tuple[str, ...]] = {}
    for n, (id_, said) in enumerate(zip(session_ids(message.sessions), message.sessions, strict=True)):
        rooms = [ROOM.parse(room, f"meeting.sessions[{n}].rooms") for room in said.rooms]
        if rooms and not message.place:
            raise Invalid(Violation("meeting.place", "rooms go with the place they are in"))
        if any(room["centre"] != meeting.centre for room in rooms):
            raise Invalid(Violation(f"meeting.sessions[{n}].rooms", "must belong to the same centre"))
        found[id_] = tuple(room["room"] for room in rooms)
    return tuple(msgspec.structs.replace(each, rooms=found[each.id]) for each in meeting.sessions)


def refuse_unopened(before: Meeting | None, meeting: Meeting) -> None:
    """Raises Invalid for a meeting for members that nobody could open, unless it is so already (an import)."""
    closed = meeting.visibility is Visibility.MEMBERS and not meeting.invite_group
    was_closed = before is not None and before.visibility is Visibility.MEMBERS and not before.invite_group
    if closed and not was_closed:
        reason = "a meeting for members needs the group whose invite code opens it: make one, and name it here"
        raise Invalid(Violation("meeting.invite_group", reason))
