"""A house with rooms that people book: facilitators and coordinators, and what a booking looks like on the wire.

The fixture `house` is that of tests.service.meetings_house, which test modules name in `pytest_plugins`.
"""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.kit.call import Caller
from services.meetings import records
from services.meetings.types_rooms import Booking
from services.recurrence.timetable import minute, stretches

if TYPE_CHECKING:
    from services.recurrence.timetable import Stretch
    from tests.service.meetings_house import House

CENTRE = "centres/house"
ZONE = "America/Edmonton"
ANA = Caller("ana", {"house": frozenset({"facilitator"})})
BEN = Caller("ben", {"house": frozenset({"facilitator"})})
LEE = Caller("lee", {"house": frozenset({"coordinator"})})
MAY = Caller("may", {"house": frozenset({"administrator"})})

TUESDAY = "2026-11-24T19:00"


async def room(house: House, title: str = "Blue Room", **fields: Any) -> str:
    """A room of a new place of the house."""
    place = await house.place(title=f"Place of {title}")
    made = await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place.name, **fields})
    return str(made.name)


def at(start: str = TUESDAY, rule: str = "", minutes: int = 60, **fields: Any) -> dict[str, Any]:
    """A booking as it is asked for."""
    schedule = {"start": start, "time_zone": ZONE, "minutes": minutes, "rule": rule}
    return {"schedule": schedule, **fields}


async def book(house: House, caller: Caller, name: str, booking: dict[str, Any] | None = None, **fields: Any) -> Any:
    """One room booked."""
    reply = await house.call("BookRoom", caller, parent=CENTRE, rooms=[name], booking=booking or at(), **fields)
    return reply.bookings[0]


async def stored(house: House) -> list[Booking]:
    """Every booking that stands."""
    found = await house.store.find("booking", {"centre": "house", "removed": False}, limit=10_000)
    return [records.read(record, Booking) for record in found.records]


def twice(
    bookings: list[Booking], now: datetime, days: int = 200, together: frozenset[frozenset[str]] = frozenset()
) -> list[tuple[Booking, Booking]]:
    """Pairs of bookings that hold one room at one time, by brute force, buffers counted; overruled ones left out.

    `together` are pairs of rooms (ids) that cannot be taken together.
    """
    since = minute(now.astimezone(UTC))
    holding = [
        (each, stretches(each.pattern, since, since + days * 24 * 60))
        for each in bookings
        if not each.competes and not each.overruled
    ]
    return [
        (one, other)
        for (one, mine), (other, theirs) in itertools.combinations(holding, 2)
        if (one.room == other.room or frozenset({one.room, other.room}) in together)
        and any(_meet((one, first), (other, second)) for first in mine for second in theirs)
    ]


def _meet(one: tuple[Booking, Stretch], other: tuple[Booking, Stretch]) -> bool:
    first, second = (one, other) if one[1].start <= other[1].start else (other, one)
    return second[1].start < first[1].end + max(first[0].after, second[0].before)
