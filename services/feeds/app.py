"""The feeds over HTTP: a raw ASGI application, because this is the path that everybody polls.

A hit is one look into a dictionary and two sends. Paths: /calendars/<centre>.ics and
/calendars/<centre>/meeting/<id>.ics, by GET and HEAD. Query parameters are ignored as long as they are few.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from services.feeds.shelf import Shelf
from services.kit.http import not_found, respond_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from services.feeds.invited import Invited
    from services.feeds.model import Directory, Touched
    from services.feeds.page import Page
    from services.kit.clock import Clock
    from services.kit.http import Receive, Scope, Send
    from services.kit.kept import Kept
    from services.kit.logs import Log

LONGEST_QUERY = 2048  # bytes
MOST_PAGES = 4096  # kept ready
SLICE = 16  # meetings rendered before others get their turn: about 10 ms

_PATH = re.compile(r"/calendars/([a-z0-9-]{2,40})(?:/meeting/([A-Za-z0-9_-]{1,64}))?\.ics", re.ASCII)
_ALLOWED = frozenset({"GET", "HEAD"})
_ALLOW = ((b"allow", b"GET, HEAD"),)
_LATER = ((b"retry-after", b"5"),)


class Calendars:
    """The ASGI application. `ready` says whether the directory has caught up with the stream.

    `invited`, where there is one, knows the unlisted meetings: their calendars are found by their address alone.
    """

    def __init__(
        self,
        directory: Directory,
        ready: Callable[[], bool],
        clock: Clock,
        base_url: str,
        log: Log,
        invited: Invited | None = None,
    ) -> None:
        self._invited = invited
        self._directory = directory
        self._ready = ready
        self._clock = clock
        self._base_url = base_url
        self._log = log
        self._shelves: dict[str, Shelf] = {}
        self._pages: dict[str, Page] = {}
        self._targets: dict[bytes, Page] = {}
        self._paths: dict[str, set[str]] = {}
        self._arrived: dict[str, datetime] = {}

    def touch(self, touched: Touched) -> None:
        """Takes off the shelf what an event has made old."""
        self.spoil(touched.centre)
        now = self._arrived[touched.centre] = self._clock.now()
        shelf = self._shelves.get(touched.centre)
        if shelf is not None:
            shelf.arrived = now
        if shelf is not None and touched.meeting is not None:
            shelf.touch(touched.meeting)

    def spoil(self, centre: str) -> None:
        """Has every page of a centre put together anew: also when something came that is not public."""
        for path in self._paths.pop(centre, ()):
            del self._pages[path]
            del self._targets[path.encode()]

    def reset(self) -> None:
        """Forgets everything that was made."""
        self._shelves.clear()
        self._pages.clear()
        self._targets.clear()
        self._paths.clear()

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        """The answer to a GET of exactly this path, if its page is ready and still holds."""
        page = self._targets.get(url)
        return page.kept(headers) if page is not None and page.span.holds(self._clock.now()) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        page = self._pages.get(scope["path"])
        if page is None or not page.span.holds(self._clock.now()) or scope["query_string"] or scope["method"] != "GET":
            await self._answer_others(scope, receive, send)
            return
        status, headers, body = page.answer(scope["headers"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer_others(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Whatever is not a plain GET of a page that is ready."""
        if scope["method"] not in _ALLOWED:
            await respond_text(send, 405, "Calendars are read with GET or HEAD.", _ALLOW)
        elif len(scope["query_string"]) > LONGEST_QUERY:
            await respond_text(send, 414, "The query is too long.")
        elif not self._ready() or not self._directory.listings:  # of a stream that was made anew nothing is known yet
            await respond_text(send, 503, "The calendars are being read in: try again in a moment.", _LATER)
        elif (page := await self._page(scope["path"])) is None:
            await self._answer_unknown(scope, receive, send)
        else:
            status, headers, body = page.answer(scope["headers"])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer_unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A meeting that is not found may be one that is not known yet."""
        if self._invited is not None and not self._invited.ready() and "/meeting/" in scope["path"]:
            await respond_text(send, 503, "The calendars are being read in: try again in a moment.", _LATER)
        else:
            await not_found(scope, receive, send)

    async def _page(self, path: str) -> Page | None:
        """The page of that path, made anew unless it still holds."""
        page = self._pages.get(path)
        if page is not None and page.span.holds(self._clock.now()):
            return page
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        page = await self._make(match[1], match[2])
        if page is not None:
            self._keep(match[1], path, page)
        return page

    async def _make(self, centre: str, meeting: str | None) -> Page | None:
        """The page made anew; None for what is not known here. Others get their turn while much is rendered."""
        if meeting is None and centre in self._directory.listings:
            await _warm(self._shelf(centre))
        if centre not in self._directory.listings:  # asked again: the directory may have been rebuilt meanwhile
            return None
        shelf = self._shelf(centre)
        now = self._clock.now()
        if meeting is None:
            return shelf.centre_page(now)
        unlisted = self._invited.unlisted(centre, meeting, shelf, now) if self._invited is not None else None
        return unlisted or shelf.meeting_page(meeting, now)

    def _shelf(self, centre: str) -> Shelf:
        if centre not in self._shelves:
            self._shelves[centre] = Shelf(
                centre, self._directory.listings[centre], self._base_url, self._log, self._arrived[centre]
            )
        return self._shelves[centre]

    def _keep(self, centre: str, path: str, page: Page) -> None:
        if len(self._pages) >= MOST_PAGES:
            self._pages.clear()
            self._targets.clear()
            self._paths.clear()
        self._pages[path] = page
        self._targets[path.encode()] = page
        self._paths.setdefault(centre, set()).add(path)


async def _warm(shelf: Shelf) -> None:
    """Renders what is not rendered yet, a slice at a time."""
    while waiting := shelf.unrendered(SLICE):
        for meeting in waiting:
            shelf.sheet(meeting)
        await asyncio.sleep(0)
