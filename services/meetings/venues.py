"""When a place or a room changed, the meetings that are held there follow, one commit each; and old ones go."""

from __future__ import annotations

import functools
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.errors import NotFound, Refusal
from services.kit.leaves import Changes, Facts
from services.kit.leaves import Decision as LeafDecision
from services.kit.store.port import Commit, Conflict, Record
from services.meetings import closing, offering, presence, records, titling
from services.meetings.claiming import Draft
from services.meetings.desk import Decision, Desk, trail
from services.meetings.diary import leaf
from services.meetings.passing import next_due
from services.meetings.places import meetings_at
from services.meetings.types import Meeting, Place, Status
from services.meetings.types_rooms import Room
from services.meetings.wire import child_name

if TYPE_CHECKING:
    from services.kit.leaves import Head, Leaf
    from services.meetings.diary import Diary
    from services.meetings.parts import Parts

WHO = "openchair"
SLICE: Final = 100
"""Bookings that are brought up in one commit."""


class Venues:
    """The reconciler of venues, and the end of deleted meetings."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def place_due(self, record: Record) -> None:
        """Brings the copies of a place in step with it, and first what everybody sees of its rooms."""
        place = records.read(record, Place)
        await titling.follow(self.desk, place, WHO)
        await self._follow(record, place)

    async def room_due(self, record: Record) -> None:
        """Brings copies of a room in step with it, what everybody sees of its bookings, what is closed and offered."""
        room = records.read(record, Room)
        await self._follow_at(room)
        await self._follow_closed(room)
        after: str | None = ""
        while after is not None:
            followed = functools.partial(_followed, record.due_at, after)
            after = await self.desk.heads.change("room", record.id, followed, actor=WHO)
        await offering.anew(self.desk, self.parts.in_force, room.centre, WHO)

    async def meeting_due(self, record: Record) -> None:
        """A deleted meeting has been shown as cancelled long enough: only its last revision is kept."""
        meeting = records.read(record, Meeting)
        if meeting.status is Status.CANCELLED:
            at = self.desk.now()
            gone = records.write(record, meeting, at=at, actor=WHO, gone=True)
            await self._commit(Commit((gone,), (), trail((gone,), at, WHO, "forget")))

    async def _follow(self, record: Record, used: Place | Room) -> None:
        await self._follow_at(used)
        settled = msgspec.structs.replace(
            record, revision=record.revision + 1, at=self.desk.now(), actor=WHO, due_at=None
        )
        await self._commit(Commit((settled,), (), trail((settled,), settled.at, WHO, "settle")))

    async def _follow_at(self, used: Place | Room) -> None:
        failed: list[Refusal] = []
        for held in await meetings_at(self.desk, used):
            try:
                await self._rehouse(child_name(held.value.centre, "meetings", held.value.id))
            except Refusal as refusal:  # the others follow all the same; this one is tried again
                failed.append(refusal)
        if failed:
            raise failed[0]

    async def _follow_closed(self, room: Room) -> None:
        """Its parts may be others now, and so what is closed with it: meetings of its place follow."""
        frame, at = await self.parts.in_force.frame(room.centre), self.desk.clock.now()
        if not frame.floor or not room.place:
            return
        for held in await self.desk.every("meeting", Meeting, centre=room.centre):
            if closing.overlaid(held.value, frame, at) is not held.value:
                await self._rehouse(child_name(held.value.centre, "meetings", held.value.id))

    async def _rehouse(self, name: str) -> None:
        async def decide(at: str) -> Decision[None]:
            try:
                held = await self.parts.meeting(name)
            except NotFound:
                return Decision((), None, "rehouse")
            meeting, moved = await self.parts.housed(held.value, held.value, at, WHO)
            if meeting == held.value:
                return Decision((), None, "rehouse")
            drafts, asked = (Draft(held.record, meeting, held.record.due_at),), await self.parts.lenient(meeting)
            return Decision(moved, None, "rehouse", drafts=drafts, asked=asked)

        await self.desk.settle(decide, WHO)

    async def _commit(self, change: Commit) -> None:
        try:
            await self.desk.store.commit(change)
        except Conflict:
            return  # somebody was faster; what is due comes again


def _followed(due_at: str | None, after: str, head: Head[Diary], at: str) -> LeafDecision[str | None]:
    """Some of the bookings, in order of id, as the room has them by now, and the last of them; None: it is done."""
    if head.record is None or head.record.gone:
        return LeafDecision(None)
    room = records.read(head.record, Room)
    ids = (id_ for id_ in sorted(head.index.bookings) if id_ > after)
    behind = (each for each in (_of_room(head, id_, room, at) for id_ in ids) if each is not None)
    if leaves := tuple(islice(behind, SLICE)):
        return LeafDecision(leaves[-1].id, Changes(leaves=leaves), "show")
    if head.record.due_at != due_at:  # it was changed again: that comes in its own time
        return LeafDecision(None)
    return LeafDecision(None, Changes(Facts(head.record.state)), "settle")


def _of_room(head: Head[Diary], id_: str, room: Room, at: str) -> Leaf | None:
    """A booking as everybody may see it by now, and due in time where people check in by now; None: it is so."""
    booking, due_at = head.index.bookings[id_], head.leaves[id_].due_at
    due = next_due(booking, room, at) if presence.watched(booking, room) else None
    sooner = due is not None and (due_at is None or due < due_at)
    if booking.public_busy == room.public_busy and not sooner:
        return None
    return leaf(msgspec.structs.replace(booking, public_busy=room.public_busy), due if sooner else due_at)
