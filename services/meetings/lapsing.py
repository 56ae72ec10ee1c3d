"""What time makes of bookings: holds expire, dates that nobody came to are given back, what is over becomes history.

Every step is a decision on the room as it is then, so it happens once, however many there are who look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.kit.heads import Claim
from services.kit.leaves import Changes, Decision, Joint
from services.kit.record import revise, transact
from services.kit.store.port import Commit
from services.meetings import history, presence, records
from services.meetings.desk import Desk, reach, trail
from services.meetings.diary import leaf
from services.meetings.passing import missed, next_due
from services.meetings.skipping import healed
from services.meetings.types_rooms import BookingState, PastBooking, Room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.leaves import Head, Key
    from services.kit.store.port import Record
    from services.meetings.closing import Frame
    from services.meetings.diary import Diary
    from services.meetings.parts import Parts
    from services.meetings.types_rooms import Booking

WHO: Final = "openchair"
NOTHING: Final = Joint(None, {})


class Lapsing:
    """What happens to bookings, and to pieces of history, that are due."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def due(self, record: Record) -> None:
        """A booking's time has come, or that of what is left of one that was given back."""
        room, heads = str(record.state["head"]), self.desk.heads
        frame = await self.parts.in_force.frame(str(record.state["centre"]))
        rooms = await reach(self.desk.store, [room])
        if rooms == {room}:

            def decide(head: Head[Diary], at: str) -> Decision[None]:
                found = lapsed({head.key: head}, head.key, record.id, at, frame)
                changes = found.changes.get(head.key)
                return Decision(None, changes, found.action, found.reason, records=found.records)

            await heads.change("room", room, decide, actor=WHO)
            return

        async def prepare() -> Claim[None]:
            keys = [("room", each) for each in await reach(self.desk.store, [room])]
            return Claim(keys, lambda held, at: lapsed(held, ("room", room), record.id, at, frame))

        await self.desk.together(prepare, actor=WHO)

    async def forget(self, record: Record) -> None:
        """30 days after it was over: what people wrote into a booking is not kept any longer."""

        async def attempt() -> tuple[Commit, None]:
            at = self.desk.now()
            current = await self.desk.store.get("past", record.id)
            if current is None or current.gone or current.due_at is None or current.due_at > at:
                return Commit(()), None
            state = records.document(history.bare(records.read(current, PastBooking)))
            written = (revise(current, kind="past", id=record.id, state=state, at=at, actor=WHO, views={}),)
            return Commit(written, (), trail(written, at, WHO, "forget")), None

        await transact(self.desk.store, self.desk.clock, self.desk.ids, attempt)


def lapsed(heads: Mapping[Key, Head[Diary]], key: Key, id_: str, at: str, frame: Frame) -> Joint[None]:
    """What becomes of a leaf of the head of that key; the same as before where it is not due any more. Pure."""
    head = heads[key]
    gone = head.removed.get(id_)
    if gone is not None:
        return Joint(None, {key: Changes(archived=(id_,))}, (), "forget") if _is_due(gone, at) else NOTHING
    record = head.leaves.get(id_)
    if record is None or not _is_due(record, at):
        return NOTHING
    found = _passed(head, head.index.bookings[id_], at)
    changes = healed(heads, {key: found.changes[key]}, at, closures=frame.closures, zone=frame.zone)
    return Joint(None, changes, found.records, found.action, found.reason)


def _is_due(record: Record, at: str) -> bool:
    return record.due_at is not None and record.due_at <= at


def _passed(head: Head[Diary], booking: Booking, at: str) -> Joint[None]:
    if booking.state is BookingState.HELD and booking.expires_at <= at:
        return Joint(None, {head.key: Changes(removed=(booking.id,))}, (), "expire")
    over_at = history.over_at(booking)
    if over_at is not None and over_at <= at:
        return _over(head, booking, at)
    assert head.record is not None  # it has a leaf
    return _looked_after(head, booking, records.read(head.record, Room), at)


def _over(head: Head[Diary], booking: Booking, at: str) -> Joint[None]:
    past = history.past_of(booking, at)
    written = () if past is None else (history.record(past, at, WHO),)
    return Joint(None, {head.key: Changes(archived=(booking.id,))}, written, "is over")


def _looked_after(head: Head[Diary], booking: Booking, room: Room, at: str) -> Joint[None]:
    """The booking without the dates that nobody came to, due when there is something to look at again."""
    dates = presence.ghosts(booking, room, at)
    written: list[PastBooking] = []
    if dates:
        written.append(presence.nobody_came(booking, dates, at))
        booking = presence.given_back(booking, dates, at)
    booking, past = presence.remembered(missed(booking, at), at)
    written += [past] if past else []
    changes = {head.key: Changes(leaves=(leaf(booking, next_due(booking, room, at)),))}
    made = tuple(history.record(each, at, WHO) for each in written)
    return Joint(None, changes, made, "nobody came" if dates else "look again")
