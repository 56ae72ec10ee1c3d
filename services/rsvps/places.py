"""Whether there are places, in a word, and what a guest has to know before keeping one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import msgspec
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.kit.clock import moment
from services.kit.errors import NotFound
from services.rsvps import chairs, coming, following, lists, standing, turns, wire
from services.rsvps.line import Line
from services.rsvps.reacting import parts_of
from services.rsvps.sheet import Sheet
from services.rsvps.times import NEVER, times
from services.rsvps.types import GuestList, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.rsvps.desk import Desk, Found
    from services.rsvps.types import Seat

AHEAD: Final = timedelta(days=400)
MOST: Final = 12
"""Dates that are looked at for one that can still be had."""


class Places:
    """The method for whoever asks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def availability(self, call: Call[pb.GetAvailabilityRequest]) -> pb.GetAvailabilityResponse:
        """Of a date; of a course; or of a meeting's next date that can still be had. Raises NotFound."""
        name = call.message.name
        if self._desk.is_occurrence(name):
            found = await self._desk.occurrence(name, call)
            return _message(found, await self._of_course(found, await self._list(found)))
        meeting = await self._desk.meeting(name, call)
        if meeting.event.rules.scope is Scope.SERIES:
            return _message(meeting, await self._list(meeting))
        return await self._next(meeting, call)

    async def _next(self, meeting: Found, call: Call[Any]) -> pb.GetAvailabilityResponse:
        """The first date at which there is anything to be had; else the next one."""
        parts, first = await parts_of(self._desk.store, meeting.event.id), None
        for each in coming.dates(parts, self._desk.now(), AHEAD)[:MOST]:
            part = following.part_with(parts, each.key)
            if part is None:
                continue
            found = await self._desk.occurrence(following.date_name(part, each.key), call)
            guest_list = await self._list(found)
            first = first or (found, guest_list)
            if {chairs.OPEN, chairs.WAITLIST} & set(guest_list.words.values()):
                return _message(found, guest_list)
        if first is None:
            raise NotFound(meeting.name)
        return _message(*first)

    async def _of_course(self, found: Found, date: GuestList) -> GuestList:
        """What a date of a course says is what the course says."""
        if found.event.rules.scope is not Scope.SERIES:
            return date
        whole = await self._list(replace(found, key=None, list=found.event.series))
        return msgspec.structs.replace(date, words=whole.words, closed=whole.closed)

    async def _list(self, found: Found) -> GuestList:
        """The list as it is now; where there is none yet, as it would be."""
        if found.key is not None:
            if found.list and self._desk.first is not None:
                found = await self._desk.first(found)
            known = await self._desk.look(found, lambda sheet, _: sheet.list)
            return known or self._imagined(self._desk.fresh(found, "none"), *await self._standing(found))
        parts, last = await parts_of(self._desk.store, found.event.id), found.event.rules.last_joining_date
        occasion = coming.of_series(parts, self._desk.now(), last)
        found = replace(found, occasion=occasion)
        if found.list:
            known = await self._desk.look(found, lambda sheet, _: sheet.list)
            if known is not None:
                return known
        series = GuestList(
            id="none",
            centre=found.event.centre,
            event=found.event.id,
            scope=Scope.SERIES,
            secret="",
            occasion=occasion,
            rules=coming.rules_of_series(found.event.rules),
        )
        return self._imagined(series)

    async def _standing(self, found: Found) -> tuple[GuestList | None, tuple[Seat, ...]]:
        """The list of standing seats, and those: they are in the list of a date as soon as there is one."""
        if not found.event.series or found.rules.scope is Scope.SERIES:
            return None, ()

        def read(head: Head[Line]) -> tuple[GuestList | None, tuple[Seat, ...]]:
            return lists.guest_list(head), tuple(standing.kept(head.index.seats.values()))

        return await self._desk.heads.look("list", found.event.series, read)

    def _imagined(self, value: GuestList, series: GuestList | None = None, seats: Sequence[Seat] = ()) -> GuestList:
        """What a list would say that nobody is in but who has a standing seat."""
        sheet, at = Sheet(value, Line(value.id)), self._desk.now()
        turns.settle(sheet, at)
        if series is not None and seats:
            numbers = count()
            standing.arrange(sheet, series, seats, at, new=lambda: f"{next(numbers)}", fresh=True)
            turns.settle(sheet, at)
        return sheet.list


def _message(found: Found, value: GuestList) -> pb.GetAvailabilityResponse:
    occasion, instants = value.occasion, times(value)
    reply = pb.GetAvailabilityResponse(
        invitation=wire.invitation(found.event, value.rules),
        availability=wire.availability(value),
        name=found.name,
        cancelled=occasion.off,
    )
    stamps = (
        (reply.start_time, occasion.start),
        (reply.end_time, occasion.end),
        (reply.open_time, instants.opens),
        (reply.close_time, instants.closes),
    )
    for stamp, at in stamps:
        if at and at != NEVER:
            stamp.FromDatetime(moment(at))
    return reply
