"""Meetings that an older version stored get the bookings of their rooms: looked for once, when the service starts.

Until everything was looked at, those of a room are booked before anybody decides about it: nobody takes the hour of a
meeting whose booking was only to come.

Nobody's published meeting loses its room by that: where two have one room at one time already, both keep it, and the
booking says so (`Booking.overruled`).
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from services.kit.clock import moment
from services.kit.errors import NotFound, Unavailable
from services.meetings import composed, records
from services.meetings.claiming import Draft
from services.meetings.desk import Decision, Desk
from services.meetings.places import meetings_at
from services.meetings.types import Meeting
from services.meetings.types_rooms import ClashPolicy, Room, RoomKind
from services.meetings.wanted import used, wanted
from services.meetings.wire import meeting_name
from services.recurrence.portions import ahead

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.logs import Log
    from services.meetings.parts import Parts

PAUSE: Final = 5.0
"""Seconds that the start of the process has for itself; also until it goes on where the store did not do its part."""
SLICE: Final = 50
WHO: Final = "openchair"
BEFORE: Final = "was there before bookings were kept"
"""Why a booking stands in a room that is taken: shown in the room's calendar."""


_BOOKS: ContextVar[bool] = ContextVar("_BOOKS", default=False)
"""Whether what is decided is such a booking itself."""


class MovingIn:
    """Books the rooms of meetings that have none of their own yet, one commit each.

    It may be interrupted, and several instances may do it at once: a meeting that has its rooms is left alone.
    """

    def __init__(self, desk: Desk, parts: Parts, log: Log) -> None:
        self._desk = desk
        self._parts = parts
        self._log = log
        self._seen = set[str]()
        desk.first = self.before

    async def run(self) -> None:
        """Goes through everything once; then there is nothing to do until it is cancelled."""
        while True:
            await self._desk.clock.sleep(PAUSE)
            try:
                if booked := await self.book():
                    self._log.info("rooms of meetings of an older version are booked now", meetings=booked)
                self._desk.first = None
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
                if not record.gone:
                    booked += await self._moved_in(meeting)
            await asyncio.sleep(0)  # others get their turn
            if (after := page.after) is None:
                return booked

    async def before(self, rooms: Iterable[str]) -> None:
        """Books these rooms (ids) for the meetings that are to have them and have not yet."""
        if _BOOKS.get():
            return
        for id_ in rooms:
            if id_ not in self._seen:
                await self._before(id_)
                self._seen.add(id_)

    async def _before(self, room: str) -> None:
        record = await self._desk.store.get("room", room)
        if record is None or record.gone:
            return
        value = records.read(record, Room)
        if value.kind is RoomKind.ROOM:  # the older version knew no video accounts
            for held in await meetings_at(self._desk, value):
                await self._moved_in(held.value)

    async def _moved_in(self, meeting: Meeting) -> bool:
        """Whether it had to be. The others do not wait for one that cannot be; whoever runs this has to know of it."""
        books = _BOOKS.set(True)
        try:
            return self._lacks(meeting) and await self._book(meeting)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one of them
            failed = type(error).__name__
            self._log.warning("could not book the rooms of a meeting", meeting=meeting.id, error=failed)
            return False
        finally:
            _BOOKS.reset(books)

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
