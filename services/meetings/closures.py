"""Closures: Preview, Create, Get, List, Update, Withdraw. The meetings follow by themselves (`reclosing`)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from google.protobuf.field_mask_pb2 import FieldMask
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb

from services.kit.clock import instant, moment
from services.kit.errors import Invalid, NotFound, Unmet, Violation
from services.kit.leaves import Changes
from services.kit.names import Pattern
from services.kit.paging import page_size
from services.meetings import closing, composed, records
from services.meetings.access import Audience
from services.meetings.desk import CENTRE, PLACE, ROOM, Decision, Desk, Held, actor, expect_etag
from services.meetings.lacking import Lacking
from services.meetings.masks import merged
from services.meetings.previewed import previewed, shut_out_message
from services.meetings.previewing import Claims, Reckoning, reckon
from services.meetings.shut_out import shut_out
from services.meetings.types import Centre, Closure, ClosureEffect, ClosureStatus, LostDate, Meeting, Place
from services.meetings.types_rooms import Room
from services.meetings.wire import child_name, timestamp
from services.meetings.wire_closures import closure_message, read_closure
from services.recurrence.schedule import has, occurrence
from services.recurrence.wire import key_text
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from services.kit.call import Call
    from services.kit.leaves import Key as Head
    from services.kit.store.port import Record
    from services.meetings.parts import Parts

CLOSURE = Pattern("centres/{centre}/closures/{closure}")
WRITABLE = frozenset(
    {
        "reason",
        "places",
        "rooms",
        "online_too",
        "meetings_only",
        "start",
        "end",
        "holidays",
        "holiday_names",
        "effect",
        "move_place",
        "move_rooms",
        "online",
    }
)
MOST_IN_FORCE: Final = 200
"""Closures of one centre at once: every write of a meeting looks at all of them."""
NEWEST: Final = "~"
"""Id of a closure that is only looked at: of those made at the same moment it counts last."""
OVER = frozenset({ClosureStatus.WITHDRAWING, ClosureStatus.WITHDRAWN, ClosureStatus.ENDED})


class Closures:
    """The methods about closures."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def preview_closure(self, call: Call[pb.PreviewClosureRequest]) -> pb.PreviewClosureResponse:
        """What a closure would do."""
        request, now = call.message, self.desk.clock.now()
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        held = await self.desk.held("centre", centre, Centre, request.parent, centre)
        if request.withdrawal and not request.closure.name:
            raise Invalid(Violation("closure.name", "must be given: only what is in force can be taken back"))
        closure = await self._asked(request.closure, centre)
        self._refuse_past(closure, held.value.zone, now)
        frame = await self.parts.in_force.frame(centre)
        frame = frame._replace(
            closures=tuple(each for each in frame.closures if each.id != closure.id),
            floor={**frame.floor, **await self.parts.in_force.floor(closure)},
        )
        found = Reckoning(self.desk.pages.position(call), page_size(request.page_size))
        house, zone = await self.desk.board.house(centre), held.value.zone
        lacking = Lacking(house, instant(now), zone)
        await reckon(self.desk, closure, frame, now, found, Claims(lacking, request.withdrawal))
        reply, after = await previewed(self.desk, centre, found, lacking)
        if not request.withdrawal:
            out, reply.closed_booking_count = await shut_out(house, closure, instant(now), zone)
            reply.closed_bookings.extend([await shut_out_message(self.desk, each) for each in out])
        reply.next_page_token = self.desk.pages.token(call, after)
        reply.until = looked_until(closure, zone, now)
        return reply

    async def create_closure(self, call: Call[pb.CreateClosureRequest]) -> closure_pb2.Closure:
        """Puts one in force; the meetings follow one by one."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]

        async def decide(at: str) -> Decision[closure_pb2.Closure]:
            held = await self.desk.held("centre", centre, Centre, request.parent, centre)
            closure = read_closure(request.closure, blank(self.desk.ids.uuid(), centre, at))
            closure, used = await self._located(closure, request.closure)
            self._refuse_past(closure, held.value.zone, moment(at))
            await self._refuse_too_many(centre)
            record = records.write(None, closure, at=at, actor=actor(call), due_at=at)
            touched = (records.touch(each, at, actor(call)) for each in used if each.kind != "room")
            heads = moved_on(used)
            return Decision((record, *touched), stamped(closure, record), "create", closure.reason, heads=heads)

        return await self.desk.write(call, decide)

    async def get_closure(self, call: Call[pb.GetClosureRequest]) -> closure_pb2.Closure:
        """One closure, and how far it is."""
        held = await self._closure(call.message.name)
        message = stamped(held.value, held.record)
        message.lost.extend(await self._lost(held.value))
        return message

    async def list_closures(self, call: Call[pb.ListClosuresRequest]) -> pb.ListClosuresResponse:
        """A centre's closures, in order of id: those in force; all, if asked."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        await self.desk.held("centre", centre, Centre, request.parent, centre)
        after = self.desk.pages.position(call)
        where: dict[str, str | bool] = {"centre": centre} if request.show_past else {"centre": centre, "active": True}
        page = await self.desk.store.find("closure", where, limit=page_size(request.page_size), after=after)
        found = [(records.read(record, Closure), record) for record in page.records]
        return pb.ListClosuresResponse(
            closures=[
                stamped(closure, record)
                for closure, record in found
                if request.show_past or closure.status is not ClosureStatus.ENDED
            ],
            next_page_token=self.desk.pages.token(call, page.after),
        )

    async def update_closure(self, call: Call[pb.UpdateClosureRequest]) -> closure_pb2.Closure:
        """Changes the fields of the mask; whatever is not over follows."""
        request = call.message

        async def decide(at: str) -> Decision[closure_pb2.Closure]:
            held = await self._closure(request.closure.name, "closure.name")
            expect_etag(request.closure.name, held.record, request.closure.etag)
            if held.value.status in OVER:
                raise Unmet("the closure is over, or was withdrawn: make another one", "CLOSURE_OVER")
            message = closure_message(held.value, Audience.STAFF)
            wanted, _ = merged(message, request.closure, request.update_mask, WRITABLE, "closure")
            closure, used = await self._located(read_closure(wanted, held.value), wanted)
            if closure == held.value:
                return Decision((), stamped(held.value, held.record), "update")
            closure = begun(closure, ClosureStatus.RUNNING)
            record = records.write(held.record, closure, at=at, actor=actor(call), due_at=at)
            touched = (records.touch(each, at, actor(call)) for each in used if each.kind != "room")
            heads = moved_on(used)
            return Decision((record, *touched), stamped(closure, record), "update", closure.reason, heads=heads)

        return await self.desk.write(call, decide)

    async def withdraw_closure(self, call: Call[pb.WithdrawClosureRequest]) -> closure_pb2.Closure:
        """Takes it back. Withdrawn already: the answer is how far that is."""
        request = call.message

        async def decide(at: str) -> Decision[closure_pb2.Closure]:
            held = await self._closure(request.name)
            if held.value.status in {ClosureStatus.WITHDRAWING, ClosureStatus.WITHDRAWN}:
                return Decision((), stamped(held.value, held.record), "withdraw")
            expect_etag(request.name, held.record, request.etag)
            if held.value.status is ClosureStatus.ENDED:
                raise Unmet("the closure is over: nothing is left to take back", "CLOSURE_OVER")
            closure = begun(held.value, ClosureStatus.WITHDRAWING)
            record = records.write(held.record, closure, at=at, actor=actor(call), due_at=at)
            return Decision((record,), stamped(closure, record), "withdraw")

        return await self.desk.write(call, decide)

    async def _closure(self, name: str, field: str = "name") -> Held[Closure]:
        """The closure of that name. Raises Invalid, NotFound."""
        ids = CLOSURE.parse(name, field)
        return await self.desk.held("closure", ids["closure"], Closure, name, ids["centre"])

    async def _asked(self, message: closure_pb2.Closure, centre: str) -> Closure:
        """The closure of a preview: a new one, or the one of that name with what is said instead."""
        base, wanted = blank(NEWEST, centre, self.desk.now()), message
        if message.name:
            held = await self._closure(message.name, "closure.name")
            if held.value.centre != centre:
                raise NotFound(message.name)
            base, whole = held.value, closure_message(held.value, Audience.STAFF)
            wanted, _ = merged(whole, message, FieldMask(), WRITABLE, "closure")
        closure, _ = await self._located(read_closure(wanted, base), wanted)
        return closure

    async def _located(self, closure: Closure, message: closure_pb2.Closure) -> tuple[Closure, tuple[Record, ...]]:
        """The closure with the ids of the places and rooms that the message names, and their records.

        Raises Invalid, NotFound.
        """
        places = [await self._place(closure, name, f"closure.places[{n}]") for n, name in enumerate(message.places)]
        rooms = [await self._room(closure, name, f"closure.rooms[{n}]") for n, name in enumerate(message.rooms)]
        to = [await self._place(closure, message.move_place, "closure.move_place")] if message.move_place else []
        into = [
            await self._room(closure, name, f"closure.move_rooms[{n}]") for n, name in enumerate(message.move_rooms)
        ]
        found = msgspec.structs.replace(
            closure,
            places=_ids(places),
            rooms=_ids(rooms),
            move_place=to[0].value.id if to else "",
            move_rooms=_ids(into),
        )
        _refuse_nowhere(found, [room.value for room in into], [room.value for room in rooms])
        records_used = [held.record for held in (*places, *to)] + [held.record for held in (*rooms, *into)]
        return found, tuple({record.id: record for record in records_used}.values())

    async def _place(self, closure: Closure, name: str, field: str) -> Held[Place]:
        ids = PLACE.parse(name, field)
        if ids["centre"] != closure.centre:
            raise Invalid(Violation(field, "must belong to the same centre"))
        return await self.desk.held("place", ids["place"], Place, name, closure.centre)

    async def _room(self, closure: Closure, name: str, field: str) -> Held[Room]:
        ids = ROOM.parse(name, field)
        if ids["centre"] != closure.centre:
            raise Invalid(Violation(field, "must belong to the same centre"))
        return await self.desk.held("room", ids["room"], Room, name, closure.centre)

    @staticmethod
    def _refuse_past(closure: Closure, zone: str, now: datetime) -> None:
        """What is over stays as it was, so nothing would come of it. Raises Invalid."""
        if closing.window(closure.start, closure.end, zone)[1] <= now:
            raise Invalid(Violation("closure.end", "lies in the past: what is over stays as it was"))

    async def _refuse_too_many(self, centre: str) -> None:
        page = await self.desk.store.find("closure", {"centre": centre, "active": True}, limit=MOST_IN_FORCE)
        if len(page.records) >= MOST_IN_FORCE:
            raise Unmet(f"a centre has at most {MOST_IN_FORCE} closures in force", "TOO_MANY_CLOSURES")

    async def _lost(self, closure: Closure) -> list[closure_pb2.LostRoom]:
        """The dates that have lost a room, with what people call them."""
        meetings: dict[str, Meeting | None] = {}
        rooms = {held.value.id: held.value.title for held in await self.desk.every("room", Room, centre=closure.centre)}
        for id_ in {each.meeting for each in closure.lost}:
            record = await self.desk.store.get("meeting", id_)
            meetings[id_] = None if record is None or record.gone else records.read(record, Meeting)
        return [lost_message(each, closure.centre, meetings[each.meeting], rooms) for each in closure.lost]


def blank(id: str, centre: str, at: str) -> Closure:  # noqa: A002 - the field is named id everywhere
    """A closure about which nothing is said yet."""
    return Closure(id=id, centre=centre, created_at=at, reason="", effect=ClosureEffect.CANCEL, start="")


def begun(closure: Closure, status: ClosureStatus) -> Closure:
    """The closure with its meetings about to follow."""
    return msgspec.structs.replace(
        closure,
        status=status,
        active=status is ClosureStatus.RUNNING,
        after="",
        done=0,
        total=0,
        passing=True,
        passes=0,
        failed=0,
        lost=(),
        lost_count=0,
    )


def moved_on(used: Iterable[Record]) -> dict[Head, Changes]:
    """The rooms among these records, moved on: nobody deletes what a closure names meanwhile."""
    return {(each.kind, each.id): Changes() for each in used if each.kind == "room"}


def _ids(found: list[Held[Place]] | list[Held[Room]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(held.value.id for held in found))


def _refuse_nowhere(closure: Closure, into: list[Room], closed: list[Room]) -> None:
    """Raises Invalid for a move to a place that the closure closes itself, or to rooms of another place."""
    if any(room.place != closure.move_place for room in into):
        raise Invalid(Violation("closure.move_rooms", "a room must belong to the place that is given"))
    if closure.move_place and closure.move_place in closure.places:
        raise Invalid(Violation("closure.move_place", "is closed by the same closure"))
    shut = {id_ for room in closed for id_ in (room.id, *room.excludes)}
    if not shut.isdisjoint(closure.move_rooms):
        raise Invalid(Violation("closure.move_rooms", "are closed by the same closure"))


def lost_message(
    lost: LostDate, centre: str, meeting: Meeting | None, rooms: Mapping[str, str]
) -> closure_pb2.LostRoom:
    """A date without a room that it was to have. `rooms` are titles by id."""
    message = closure_pb2.LostRoom(
        occurrence=f"{child_name(centre, 'meetings', lost.meeting)}/occurrences/{key_text(lost.key)}",
        room=child_name(centre, "rooms", lost.room),
        room_title=rooms.get(lost.room, ""),
    )
    if meeting is not None and has(meeting.schedule, lost.key):
        change = composed.all_in_one(meeting).change(lost.key)
        message.title = meeting.title if change is None or change.title is None else change.title
        message.local_start = occurrence(meeting.schedule, lost.key, change).local.isoformat(timespec="minutes")
    return message


def looked_until(closure: Closure, zone: str, now: datetime) -> str:
    """The last local day that a preview looks at."""
    high = min(closing.window(closure.start, closure.end, zone)[1], closing.horizon(now))
    return str((to_local(high, zone) - timedelta(microseconds=1)).date())


def stamped(closure: Closure, record: Record) -> closure_pb2.Closure:
    """The closure as an answer to its centre's people."""
    message = closure_message(closure, Audience.STAFF)
    message.etag = str(record.revision)
    message.update_time.CopyFrom(timestamp(record.at))
    return message
