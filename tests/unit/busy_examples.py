"""Rooms that say when they are taken, their bookings as the bus brings them, and the busy times asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from openchair.meetings.v1 import booking_pb2, place_pb2

from services.feeds.freebusy import FreeBusyTimes
from services.kit.clock import VirtualClock
from services.kit.event import Event
from tests.unit.feeds_examples import ADDRESS, CENTRE, EDMONTON, NOON, Answer, asked, centre, id_of, stated

HALL, PART = id_of(900), id_of(901)
PATH = f"/freebusy/{CENTRE}/{HALL}.ifb"


def room(id_: str = HALL, *, public_busy: bool = True, excludes: tuple[str, ...] = ()) -> place_pb2.Room:
    """A room's public view."""
    names = [f"centres/{CENTRE}/rooms/{each}" for each in excludes]
    return place_pb2.Room(name=f"centres/{CENTRE}/rooms/{id_}", public_busy=public_busy, excludes=names)


def booking(
    number: int = 1, start: str = "2026-11-24T19:00", rule: str = "", *, of: str = HALL, **more: Any
) -> booking_pb2.Booking:
    """The public view of a booking for an hour; `minutes` and `zone` go to its schedule, no `start`: it has none."""
    zone, minutes = more.pop("zone", EDMONTON), more.pop("minutes", 60)
    fields: dict[str, Any] = {"state": booking_pb2.BOOKING_STATE_CONFIRMED, "time_zone": zone}
    made = booking_pb2.Booking(name=f"centres/{CENTRE}/rooms/{of}/bookings/{id_of(number)}", **(fields | more))
    if start:
        made.schedule.start, made.schedule.rule = start, rule
        made.schedule.time_zone, made.schedule.minutes = zone, minutes
    return made


def ended(message: booking_pb2.Booking | place_pb2.Room, revision: int = 2, time: datetime = NOON) -> Event:
    """The tombstone of a record."""
    made = stated(message, revision, time)
    return Event(made.subject, made.epoch, made.revision, made.type, made.time, None)


class Times:
    """The application with what it knows, on a clock that the test moves."""

    def __init__(self, *events: Event, now: datetime = NOON, base_url: str = ADDRESS) -> None:
        self.clock = VirtualClock(now)
        self.ready = True
        self.app = FreeBusyTimes(lambda: self.ready, self.clock, base_url, structlog.get_logger())
        self.apply(stated(centre()), *events)

    def apply(self, *events: Event) -> None:
        """As the projection does."""
        for event in events:
            self.app.apply(event)

    async def get(self, path: str = PATH, method: str = "GET", query: bytes = b"", **headers: str) -> Answer:
        """One request; `if_none_match="x"` is the header If-None-Match."""
        return await asked(self.app, path, method, query, **headers)

    async def lines(self, path: str = PATH) -> list[str]:
        """The content lines, unfolded."""
        answer = await self.get(path)
        assert answer.status == 200
        return answer.body.decode().replace("\r\n ", "").split("\r\n")[:-1]

    async def periods(self, path: str = PATH) -> list[tuple[str, str]]:
        """FBTYPE and period of each FREEBUSY, in order."""
        found = [line.partition(":") for line in await self.lines(path) if line.startswith("FREEBUSY")]
        return [(name.partition("FBTYPE=")[2], value) for name, _, value in found]


def period(start: str, end: str) -> str:
    """Of two instants, "2026-11-25T02:00"."""
    return "/".join(f"{datetime.fromisoformat(each).replace(tzinfo=UTC):%Y%m%dT%H%M%SZ}" for each in (start, end))
