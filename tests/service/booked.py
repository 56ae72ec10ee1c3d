"""Rooms and bookings put into a house as they are stored, past all rules: for tests of what becomes of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from services.kit.clock import instant
from services.kit.leaves import Changes, Decision, Facts, Head
from services.meetings import records
from services.meetings.diary import Diary, leaf
from services.meetings.passing import next_due
from services.meetings.types_rooms import Booking, PastBooking, Room
from services.recurrence.pattern import Pattern
from services.recurrence.types import Frequency, Rule, Schedule

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.service.meetings_house import House

T = TypeVar("T")
ZONE = "America/Denver"
WEEKLY = Rule(Frequency.WEEKLY)


async def put_room(house: House, id_: str = "hall", **fields: Any) -> Room:
    """A room, as it is stored."""
    kept = {"centre": "house", "created_at": house.desk.now(), "title": id_.title(), "place": "p", "zone": ZONE}
    room = Room(id=id_, **{**kept, **fields})

    def decide(_: Head[Diary], __: str) -> Decision[None]:
        return Decision(None, Changes(facts=Facts(records.document(room), records.views(room))))

    await house.desk.heads.change("room", id_, decide, actor="t")
    return room


async def put(house: House, start: str, rule: Rule | None = None, **fields: Any) -> Booking:
    """A booking of the hall from a local time on, an hour long, as it is stored."""
    minutes = fields.pop("minutes", 60)
    schedule = Schedule(datetime.fromisoformat(start), ZONE, minutes, rule)
    id_ = fields.pop("id", None) or house.desk.ids.uuid()
    base = {"centre": "house", "room": "hall", "created_at": house.desk.now(), "lineage": id_, "organiser": "ann"}
    said = {"pattern": Pattern(zone=ZONE, schedule=schedule), "title": "canary one-to-one", **base, **fields}
    booking = Booking(id=id_, **said)

    def decide(head: Head[Diary], at: str) -> Decision[None]:
        assert head.record is not None
        due_at = next_due(booking, records.read(head.record, Room), at)
        return Decision(None, Changes(leaves=(leaf(booking, due_at),)))

    await house.desk.heads.change("room", booking.room, decide, actor="t")
    return booking


async def now_of(house: House, booking: Booking) -> Booking | None:
    """The booking as it stands; None: it does not any more."""
    return await house.desk.heads.look("room", booking.room, lambda head: head.index.bookings.get(booking.id))


async def past(house: House, room: str = "hall") -> list[PastBooking]:
    """What is history in a room, in order of its end."""
    page = await house.store.find("past", {"room": room}, ("ended",), 500)
    return [records.read(record, PastBooking) for record in page.records]


async def waited(house: House, work: Awaitable[T]) -> T:
    """What comes of it; whoever was slower than another, or knew less, waits a little on the clock of the house."""
    task = asyncio.ensure_future(work)
    while not task.done():
        if house.clock.asleep:  # or much time would pass on a slow machine
            await house.clock.advance(0.1)
        await asyncio.wait([task], timeout=0.01)
    return await task


def later(house: House, **delta: float) -> str:
    """The instant so much later than now."""
    return instant(house.clock.now() + timedelta(**delta))


def changed(booking: Booking, **fields: Any) -> Booking:
    """The same with other fields."""
    return msgspec.structs.replace(booking, **fields)
