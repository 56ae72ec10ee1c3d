"""What somebody has had of rooms lately, for quotas: of what is over history alone knows.

It is read before the rooms are held, and only where a room has quotas: what is over in that moment may be missed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast

from services.kit.clock import instant
from services.kit.store.port import Range
from services.meetings import records
from services.meetings.types_rooms import PastBooking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.store.port import Position, Where
    from services.meetings.booking import Person
    from services.meetings.desk import Desk
    from services.recurrence.pattern import Pattern

LATELY: Final = timedelta(days=33)
"""No period that has not ended yet began earlier, whatever the zone."""
PAGE: Final = 200


async def knowing(desk: Desk, person: Person, centre: str, rooms: Iterable[str], organiser: str) -> Person:
    """The person, with what the organiser has had lately where one of these rooms (ids) has quotas."""
    for id_ in rooms:
        seen = desk.heads.glance("room", id_) if desk.alone else None  # where others write it may have got quotas since
        record = seen or await desk.store.get("room", id_)
        if record is not None and cast("dict[str, object]", record.state.get("rules", {})).get("quotas"):
            return person._replace(had=await lately(desk, centre, organiser))
    return person


async def of_booking(desk: Desk, person: Person, centre: str, room: str, booking: str) -> Person:
    """The same for whoever made a booking (id); of one that is not there it is not needed."""
    record = await desk.store.get("booking", booking)
    organiser = "" if record is None else str(record.state.get("organiser", ""))
    return await knowing(desk, person, centre, (room,), organiser) if organiser else person


async def lately(desk: Desk, centre: str, organiser: str) -> tuple[tuple[str, Pattern], ...]:
    """What is over and in the books of the rooms of a centre, each with its room (id)."""
    since = Range(instant(desk.clock.now() - LATELY))
    where: Where = {"centre": centre, "organiser": organiser, "ended": since}
    found = list[tuple[str, "Pattern"]]()
    after: Position | None = None
    while organiser:
        page = await desk.store.find("past", where, ("ended",), PAGE, after)
        past = (records.read(record, PastBooking) for record in page.records)
        found += ((each.room, each.booking.pattern) for each in past)
        if (after := page.after) is None:
            break
    return tuple(found)
