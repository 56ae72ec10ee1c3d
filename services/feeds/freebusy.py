"""/freebusy/<centre>/<room>.ifb over HTTP, by GET and HEAD: when a room is taken, where the room lets everybody know.

A room that is not there, one of another centre and one whose busy times are not public are answered alike.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from services.feeds import gz
from services.feeds.busy import BOOKING, Busy, House, freebusy, window
from services.feeds.model import CENTRE, ROOM, scope_of
from services.feeds.page import Page, lasting
from services.kit.http import not_found, respond_text
from services.recurrence.types import RecurrenceError
from services.recurrence.zones import local_day, midnight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.http import Receive, Scope, Send
    from services.kit.kept import Kept
    from services.kit.logs import Log

LONGEST_QUERY = 2048  # bytes
MOST_PAGES = 4096  # kept ready
SLICE = 16  # bookings laid out before others get their turn
MOST_MAKERS = 2
PATIENCE = 3  # how often it is made anew because something changed meanwhile, before nobody gets a turn

_PATH = re.compile(r"/freebusy/([a-z0-9-]{2,40})/([A-Za-z0-9_-]{1,64})\.ifb", re.ASCII)
_TAKES = frozenset({CENTRE, ROOM, BOOKING})
_ALLOWED = frozenset({"GET", "HEAD"})
_ALLOW = ((b"allow", b"GET, HEAD"),)
_LATER = ((b"retry-after", b"5"),)


class FreeBusyTimes:
    """The ASGI application, and what it knows. `ready` says whether that has caught up with the stream."""

    def __init__(self, ready: Callable[[], bool], clock: Clock, base_url: str, log: Log) -> None:
        self._ready = ready
        self._clock = clock
        self._base_url = base_url.rstrip("/")
        self._log = log
        self._houses: dict[str, House] = {}
        self._pages: dict[bytes, Page] = {}
        self._of: dict[str, set[bytes]] = {}
        self._makers = asyncio.Semaphore(MOST_MAKERS)

    def apply(self, event: Event) -> None:
        """Takes in one state. Raises ValueError for an event that contradicts itself; nothing has changed then."""
        if event.type not in _TAKES:
            return
        scope = scope_of(event.subject)[0]
        house = self._houses.get(scope) or House()
        house.apply(event, self._clock.now())
        self._houses[scope] = house
        self._spoil(scope)

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        self._houses.clear()
        self._forget()

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        """The answer to a GET of exactly this path, if it is ready and still holds."""
        page = self._pages.get(url)
        return page.kept(headers) if page is not None and page.span.holds(self._clock.now()) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request. No parameter says anything here: links collect them."""
        if scope["method"] not in _ALLOWED:
            await respond_text(send, 405, "Busy times are read with GET or HEAD.", _ALLOW)
        elif len(scope["query_string"]) > LONGEST_QUERY:
            await respond_text(send, 414, "The query is too long.")
        elif not self._ready() or not self._houses:  # of a stream that was made anew nothing is known yet
            await respond_text(send, 503, "The busy times are being read in: try again in a moment.", _LATER)
        elif (page := await self._page(scope["path"])) is None:
            await not_found(scope, receive, send)
        else:
            status, headers, body = page.answer(scope["headers"])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _page(self, path: str) -> Page | None:
        """The page of that address, made anew unless it still holds; None for what nobody is told of."""
        match = _PATH.fullmatch(path)
        if match is None or self._told(match[1], match[2]) is None:
            return None
        page = self._at_hand(path.encode())
        if page is not None:
            return page
        async with self._makers:  # who waits for others that make the same has theirs
            page = self._at_hand(path.encode())
            return page if page is not None else await self._make(match[1], match[2], path.encode())

    def _told(self, centre: str, room: str) -> House | None:
        """The centre of a room whose busy times everybody may know; None: there is no such room."""
        house = self._houses.get(centre)
        return house if house is not None and house.centre is not None and room in house.open else None

    async def _make(self, centre: str, room: str, path: bytes) -> Page | None:
        turns = 0
        while (house := self._told(centre, room)) is not None:
            version, now = house.version, self._clock.now()
            busy = await self._busy(house, room, now, patient=turns < PATIENCE)
            if self._told(centre, room) is house and house.version == version:
                return self._keep(centre, path, self._render(centre, house, room, busy, now))
            turns += 1
        return None

    async def _busy(self, house: House, room: str, now: datetime, *, patient: bool) -> Busy:
        """What is taken; `patient`: others get their turn meanwhile. What cannot be read is left out, and told."""
        assert house.centre is not None
        zone = house.centre.time_zone
        busy = Busy(window(local_day(now, zone), zone))
        bookings = [booking for each in house.rooms(room) for booking in house.bookings.of(each)]
        for number, booking in enumerate(bookings):
            try:
                busy.add(booking)
            except (RecurrenceError, OverflowError) as error:
                reason = error.reason if isinstance(error, RecurrenceError) else type(error).__name__
                self._log.error("booking left out of busy times", booking=booking.name, reason=reason)
            if patient and number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return busy

    def _render(self, centre: str, house: House, room: str, busy: Busy, now: datetime) -> Page:
        assert house.centre is not None
        zone = house.centre.time_zone
        stated, span = lasting(house.newest, zone, now, house.arrived)
        stamp = max(house.newest, midnight(local_day(now, zone), zone)).replace(microsecond=0)
        address = f"{self._base_url}/freebusy/{centre}/{room}.ifb"
        return Page([gz.segment(freebusy(room, busy, stamp, address))], stated, span, f"{centre}-{room[:8]}.ifb")

    def _at_hand(self, path: bytes) -> Page | None:
        page = self._pages.get(path)
        return page if page is not None and page.span.holds(self._clock.now()) else None

    def _keep(self, centre: str, path: bytes, page: Page) -> Page:
        if len(self._pages) >= MOST_PAGES:
            self._forget()
        self._pages[path] = page
        self._of.setdefault(centre, set()).add(path)
        return page

    def _spoil(self, centre: str) -> None:
        for path in self._of.pop(centre, ()):
            del self._pages[path]

    def _forget(self) -> None:
        self._pages.clear()
        self._of.clear()
