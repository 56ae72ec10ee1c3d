"""Decisions about the bookings of rooms, by people: on one room, together with whoever waits for it too, or on several.

What a decision frees or takes heals skipped dates in the same commit (`skipping`); what it refuses is answered with
what would work instead.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from services.kit.errors import NotFound, Unmet
from services.kit.heads import Claim
from services.kit.leaves import Changes, Decision, Joint
from services.kit.store.port import Conflict, Record
from services.meetings import records
from services.meetings.booking_asked import BOOKING, person
from services.meetings.clashes import Clashing
from services.meetings.desk import actor, expect_etag, reach
from services.meetings.diary import Diary, leaf
from services.meetings.had import NOTHING
from services.meetings.passing import next_due
from services.meetings.skipping import healed, with_leaves
from services.meetings.types_rooms import Booking, BookingState, Room
from services.meetings.wire import child_name
from services.meetings.wire_bookings import Told, stamped

if TYPE_CHECKING:
    from openchair.meetings.v1 import booking_pb2

    from services.kit.call import Call
    from services.kit.heads import Prepare
    from services.kit.leaves import Head, Key
    from services.meetings.booking import Person
    from services.meetings.closing import Frame
    from services.meetings.desk import Desk, Held
    from services.meetings.had import Had, Lately
    from services.meetings.parts import Parts

R = TypeVar("R")


class Decided(NamedTuple):
    """What becomes of bookings: `written` and `removed` (as they were last); `told` is what the reply tells.

    `records` are written along.
    """

    written: tuple[tuple[Booking, Room], ...]
    told: tuple[Booking, ...]
    action: str
    reason: str = ""
    removed: tuple[Booking, ...] = ()
    records: tuple[Record, ...] = ()


class Rooms(NamedTuple):
    """The rooms that a decision holds, what is in force at their centre, and what somebody has had (`Ledger.write`)."""

    centre: str
    heads: Mapping[Key, Head[Diary]]
    frame: Frame
    had: Had = ()

    def knowing(self, person: Person) -> Person:
        """The person, with what whoever it is for has had."""
        return person._replace(had=self.had)

    def room(self, id_: str) -> Room:
        """One of them. Raises NotFound, the same for absent and for another centre's.

        Raises Conflict where its parts were changed since it was read, so that not all of it is held: it is read again.
        """
        record = self.heads["room", id_].record
        if record is None or record.gone or record.state.get("centre") != self.centre:
            raise NotFound(child_name(self.centre, "rooms", id_))
        room = records.read(record, Room)
        if any(("room", other) not in self.heads for other in room.excludes):
            raise Conflict
        return room

    def diaries(self, room: Room) -> dict[str, Diary]:
        """What is booked in it, and in all that it excludes."""
        return {id_: self.heads["room", id_].index for id_ in (room.id, *room.excludes)}

    def booking(self, room: str, id_: str, name: str, etag: str = "") -> Booking:
        """One of its bookings, which people may change. Raises NotFound, Stale, Unmet: a meeting holds it."""
        self.room(room)
        head = self.heads["room", room]
        found = head.index.bookings.get(id_)
        if found is None:
            self._refuse_expired(head.removed.get(id_))
            raise NotFound(name)
        expect_etag(name, head.leaves[id_], etag)
        return found

    @staticmethod
    def _refuse_expired(record: Record | None) -> None:
        if record is not None and record.state.get("state") == BookingState.HELD.value:
            raise hold_expired()


def hold_expired() -> Unmet:
    """What is told of a hold whose time is over, swept or not."""
    return Unmet("the hold has expired: the room is free for others", "HOLD_EXPIRED")


Decide: TypeAlias = Callable[[Rooms, str], Decided]
Reply: TypeAlias = Callable[[Sequence["booking_pb2.Booking"]], R]


class Ledger:
    """Where bookings by people are written."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def write(
        self,
        call: Call[Any],
        centre: str,
        rooms: Sequence[str],
        decide: Decide,
        reply: Reply[R],
        along: Callable[[], Awaitable[Record]] | None = None,
        *,
        had: Callable[[], Awaitable[Lately]] | None = None,
    ) -> R:
        """Decides about rooms (ids) at the present instant, and commits. Gives the reply.

        Of a part the halls that have it are held with all their parts: what is offered there may be free now, or taken.
        `along` gives a record that is written in the same commit: it is asked before each attempt, and what it has read
        since counts only if nobody has moved that record. `had` reads what somebody has had, before each attempt.
        """
        due = False

        async def prepare(*, glanced: bool = False) -> Claim[R]:
            frame = await self.parts.in_force.frame(centre)
            further = (await along(),) if along is not None else ()
            known = NOTHING if had is None else await had()
            held = frozenset(rooms) if glanced else await reach(self.desk.store, rooms)

            def joint(heads: Mapping[Key, Head[Diary]], at: str) -> Joint[R]:
                nonlocal due
                decided = _joint(call, Rooms(centre, heads, frame, known.still(heads)), decide, reply, at)
                due = due or _due(decided.changes, at)
                return msgspec.structs.replace(decided, records=(*decided.records, *further))

            moves = [(each.kind, each.id) for each in further]
            return Claim([("room", id_) for id_ in sorted(held)], joint, moves)

        try:
            first = functools.partial(prepare, glanced=self._by_itself(rooms))
            settled = self._settled(first, prepare, call) if along is None else self.desk.together(prepare, call=call)
            answer = await settled
        except Clashing as refused:
            if refused.wanted is not None:  # the first room that cannot be had refuses, but all are wanted at once
                refused.wanted = refused.wanted._replace(rooms=tuple(rooms))
            raise await self.desk.alternatives.offered(refused) from None
        if due:
            self.desk.wake()
        return answer

    def _by_itself(self, rooms: Sequence[str]) -> bool:
        """Whether it is one room that excluded no other when last seen here; who decides finds out where it does."""
        record = self.desk.heads.glance("room", rooms[0]) if len(rooms) == 1 else None
        return record is not None and not record.gone and not record.state.get("excludes")

    async def _settled(self, first: Prepare[R], prepare: Prepare[R], call: Call[Any]) -> R:
        """One room is decided about with whoever waits for it too; if it has come to exclude others, with these."""
        claim = await self.desk.ready(first)
        if len(claim.heads) == 1:
            with contextlib.suppress(Conflict):
                return await self.desk.heads.change(*claim.heads[0], _alone(claim), call=call)
        return await self.desk.together(prepare, call=call)


def _due(changes: Mapping[Key, Changes], at: str) -> bool:
    """Whether time makes something else of a booking at once: then it is not left to the sweeper's next round."""
    leaves = (leaf for each in changes.values() for leaf in each.leaves)
    return any(leaf.due_at is not None and leaf.due_at <= at for leaf in leaves)


def _alone(claim: Claim[R]) -> Callable[[Head[Any], str], Decision[R]]:
    """The same decision about one room, to be taken together with those of others."""

    def decide(head: Head[Any], at: str) -> Decision[R]:
        joint = claim.decide({head.key: head}, at)
        return Decision(joint.reply, joint.changes.get(head.key), joint.action, joint.reason, records=joint.records)

    return decide


def _joint(call: Call[Any], rooms: Rooms, decide: Decide, reply: Reply[R], at: str) -> Joint[R]:
    decided = decide(rooms, at)
    changes = _changes(decided, at)
    changes = healed(rooms.heads, changes, at, closures=rooms.frame.closures, zone=rooms.frame.zone)
    said = [_told(call, rooms, changes, each, at) for each in decided.told]
    return Joint(reply(said), changes, decided.records, decided.action, decided.reason)


def _changes(decided: Decided, at: str) -> dict[Key, Changes]:
    """What becomes of the heads; those that were relied upon move, too."""
    changes: dict[Key, Changes] = {}
    for booking, room in decided.written:
        changes |= {("room", other): changes.get(("room", other), Changes()) for other in room.excludes}
        before = changes.get(("room", room.id), Changes())
        changes["room", room.id] = with_leaves(before, [leaf(booking, next_due(booking, room, at))])
    for booking in decided.removed:
        before = changes.get(("room", booking.room), Changes())
        changes["room", booking.room] = msgspec.structs.replace(before, removed=(*before.removed, booking.id))
    return changes


def _told(
    call: Call[Any], rooms: Rooms, changes: Mapping[Key, Changes], booking: Booking, at: str
) -> booking_pb2.Booking:
    """The booking as it is after the commit, for whoever asked."""
    head = rooms.heads["room", booking.room]
    written = changes.get(head.key, Changes())
    healed_one = next((each for each in written.leaves if each.id == booking.id), None)
    before = head.leaves.get(booking.id) or head.removed.get(booking.id)
    revision = before.revision if before else 0
    if healed_one is not None and (booking.skipped or healed_one.state["skipped"]):  # others are as they were decided
        booking = msgspec.convert(healed_one.state, Booking)
    if healed_one is not None or booking.id in written.removed:
        revision, stamp = revision + 1, at
    else:
        stamp = before.at if before else at
    record = Record("booking", booking.id, revision, {}, stamp, actor(call))
    return stamped(booking, record, told(call, booking))


def told(call: Call[Any], booking: Booking) -> Told:
    """How much of a booking the caller learns."""
    asker = person(call, booking.centre).asker
    if call.caller.has(frozenset({"service"}), booking.centre) and not asker.keeper:
        return Told.EVENT
    return Told.ALL if asker.knows(booking) else Told.BUSY


async def stored(desk: Desk, name: str) -> Held[Booking]:
    """The booking of that name, as it is stored. Raises Invalid, NotFound."""
    ids = BOOKING.parse(name, "name")
    held = await desk.held("booking", ids["booking"], Booking, name, ids["centre"])
    if held.record.state["removed"] or held.value.room != ids["room"]:
        raise NotFound(name)
    return held
