"""What somebody has had of rooms lately, for quotas: of what is over history alone knows.

It is read before the rooms are held, and only where a room has quotas. What is over may become history just then: so
whoever decides looks whether what stood in the books when it was read stands there yet (`Lately.still`).
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, cast

from services.kit.clock import instant
from services.kit.store.port import Conflict, Range
from services.meetings import records
from services.meetings.types_rooms import PastBooking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.kit.leaves import Head, Key
    from services.kit.store.port import Position, Where
    from services.meetings.booking import Person
    from services.meetings.desk import Desk
    from services.meetings.diary import Diary
    from services.recurrence.pattern import Pattern

LATELY: Final = timedelta(days=33)
"""No period that has not ended yet began earlier, whatever the zone."""
PAGE: Final = 200

Had: TypeAlias = "tuple[tuple[str, Pattern], ...]"


class Lately(NamedTuple):
    """What somebody has had of rooms (ids); and what stood in the books of each of them when it was read, by booking.

    Without quotas there is nothing to know.
    """

    organiser: str = ""
    had: Had = ()
    books: Mapping[str, Mapping[str, Pattern]] = MappingProxyType({})

    def still(self, heads: Mapping[Key, Head[Diary]]) -> Had:
        """What they have had. Raises Conflict where any of it may have become history since: it is read again."""
        for room, books in self.books.items():
            now = heads["room", room].index.bookings
            if any(id_ not in now or now[id_].pattern != pattern for id_, pattern in books.items()):
                raise Conflict
        return self.had


NOTHING: Final = Lately()


async def known(desk: Desk, centre: str, rooms: Iterable[str], organiser: str) -> Lately:
    """What whoever decides about these rooms (ids) has to know of the organiser; first the books, then history."""
    rooms = tuple(rooms)
    if not organiser or not await _have_quotas(desk, rooms):
        return NOTHING

    def books(head: Head[Diary]) -> dict[str, Pattern]:
        return {each.id: each.pattern for each in head.index.bookings.values() if each.organiser == organiser}

    found = {id_: await desk.heads.look("room", id_, books) for id_ in rooms}
    return Lately(organiser, await lately(desk, centre, organiser), found)


async def known_of(desk: Desk, centre: str, room: str, booking: str) -> Lately:
    """The same of whoever made a booking (id); of one that is not there it is not needed."""
    record = await desk.store.get("booking", booking)
    return await known(desk, centre, (room,), "" if record is None else str(record.state.get("organiser", "")))


async def knowing(desk: Desk, person: Person, centre: str, rooms: Iterable[str], organiser: str) -> Person:
    """The person, with what the organiser has had lately where one of these rooms (ids) has quotas: for a look."""
    if await _have_quotas(desk, rooms):
        return person._replace(had=await lately(desk, centre, organiser))
    return person


async def _have_quotas(desk: Desk, rooms: Iterable[str]) -> bool:
    for id_ in rooms:
        seen = desk.heads.glance("room", id_) if desk.alone else None  # where others write it may have got quotas since
        record = seen or await desk.store.get("room", id_)
        if record is not None and cast("dict[str, object]", record.state.get("rules", {})).get("quotas"):
            return True
    return False


async def lately(desk: Desk, centre: str, organiser: str) -> Had:
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
