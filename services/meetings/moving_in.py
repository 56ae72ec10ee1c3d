"""Meetings that an older version stored get the bookings of their rooms: looked for once, when the service starts.

Nobody's published meeting loses its room by that: where two have one room at one time already, both keep it, and the
booking says so (`Booking.overruled`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from services.kit.clock import moment
from services.kit.errors import NotFound
from services.meetings import composed, records
from services.meetings.claiming import Draft
from services.meetings.desk import Decision, Desk
from services.meetings.types import Meeting
from services.meetings.types_rooms import ClashPolicy
from services.meetings.wanted import used, wanted
from services.meetings.wire import meeting_name
from services.recurrence.portions import ahead

if TYPE_CHECKING:
    from services.kit.logs import Log
    from services.meetings.parts import Parts

PAUSE: Final = 5.0
"""Seconds that the start of the process has for itself; also until it goes on where the store did not do its part."""
SLICE: Final = 50
WHO: Final = "openchair"
BEFORE: Final = "was there before bookings were kept"
"""Why a booking stands in a room that is taken: shown in the room's calendar."""


class MovingIn:
    """Books the rooms of meetings that have none of their own yet, one commit each.

    It may be interrupted, and several instances may do it at once: a meeting that has its rooms is left alone.
    """

    def __init__(self, desk: Desk, parts: Parts, log: Log) -> None:
        self._desk = desk
        self._parts = parts
        self._log = log

    async def run(self) -> None:
        """Goes through everything once; then there is nothing to do until it is cancelled."""
        while True:
            await self._desk.clock.sleep(PAUSE)
            try:
                if booked := await self.book():
                    self._log.info("rooms of meetings of an older version are booked now", meetings=booked)
                break
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, it must not end the process
                self._log.warning("could not book the rooms of meetings, tries again", error=type(error).__name__)
        await asyncio.Event().wait()

    async def book(self) -> int:
        """How many meetings had to be given their bookings."""
        booked, after = 0, None
        while True:
            page = await self._desk.store.find("meeting", {}, limit=SLICE, after=after)
            for record in page.records:
                meeting = records.read(record, Meeting)
                if not record.gone and self._lacks(meeting):
                    booked += await self._book(meeting)
            await asyncio.sleep(0)  # others get their turn
            if (after := page.after) is None:
                return booked

    def _lacks(self, meeting: Meeting) -> bool:
        """Whether it wants a room, some time, and has no booking there."""
        if not used(meeting):
            return False
        known = {*meeting.claimed, *composed.lost_whole(meeting)}
        wants = ((room, pattern) for room, pattern in wanted(meeting).items() if room not in known)
        now = moment(self._desk.now())
        return any(not ahead(pattern, now).empty() for _, pattern in wants)

    async def _book(self, found: Meeting) -> bool:
        """Whether it still had to be."""

        async def decide(_: str) -> Decision[bool]:
            try:
                held = await self._parts.meeting(meeting_name(found))
            except NotFound:
                return Decision((), reply=False, action="move-in")
            if not self._lacks(held.value):
                return Decision((), reply=False, action="move-in")
            lenient = await self._parts.lenient(held.value)
            asked = lenient._replace(policy=ClashPolicy.OVERRULE, reason=BEFORE)
            draft = Draft(held.record, held.value, held.record.due_at)
            return Decision((), reply=True, action="move-in", drafts=(draft,), asked=asked)

        return await self._desk.settle(decide, WHO)
