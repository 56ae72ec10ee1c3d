"""The feeds over HTTP: a raw ASGI application, because this is the path that everybody polls.

A hit is one look into a dictionary and two sends. Paths, by GET and HEAD: /calendars/<centre>.ics and
/calendars/<centre>/<room|fellowship|kind|meeting>/<id>.ics; any of them takes the filters of `filters`.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from services.feeds.cuts import Recent
from services.feeds.filters import Filter, FilterError, parse
from services.feeds.picking import Wish
from services.feeds.shelf import EVERYTHING, Shelf
from services.formats.slugs import slug
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
MOST_FILTERED = 256
FILTERED_BYTES = 32 * 2**20
SLICE = 16  # meetings rendered before others get their turn: about 10 ms
MOST_MAKERS = 2  # feeds of a wish that are put together at a time: whoever asks for many waits, and nobody else does
PATIENCE = 3  # how often a feed is put together anew because something changed meanwhile, before nobody gets a turn

_PATH = re.compile(
    r"/calendars/([a-z0-9-]{2,40})(?:/(room|fellowship|kind|meeting)/([A-Za-z0-9_-]{1,64}))?\.ics", re.ASCII
)
_ALLOWED = frozenset({"GET", "HEAD"})
_ALLOW = ((b"allow", b"GET, HEAD"),)
_LATER = ((b"retry-after", b"5"),)
_WAIT = "The calendars are being read in: try again in a moment."


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
        self._filtered: Recent[tuple[str, Wish], Page] = Recent(MOST_FILTERED, FILTERED_BYTES)
        self._arrived: dict[str, datetime] = {}
        self._makers = asyncio.Semaphore(MOST_MAKERS)

    def touch(self, touched: Touched) -> None:
        """Takes off the shelf what an event has made old."""
        self.spoil(touched.centre)
        now = self._arrived[touched.centre] = self._clock.now()
        shelf = self._shelves.get(touched.centre)
        if shelf is not None:
            shelf.arrived = now
        if shelf is not None:
            for meeting in filter(None, (touched.meeting, *touched.seats)):
                shelf.touch(meeting)

    def spoil(self, centre: str) -> None:
        """Has every page of a centre put together anew: also when something came that is not public."""
        for path in self._paths.pop(centre, ()):
            del self._pages[path]
            del self._targets[path.encode()]
        for key in self._filtered.names():
            if key[0] == centre:
                self._filtered.pop(key)

    def reset(self) -> None:
        """Forgets everything that was made."""
        self._shelves.clear()
        self._pages.clear()
        self._targets.clear()
        self._paths.clear()
        self._filtered.clear()

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
            await respond_text(send, 503, _WAIT, _LATER)
        else:
            await self._answer_page(scope, receive, send)

    async def _answer_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            page = await self._page(scope["path"], parse(scope["query_string"]))
        except FilterError as error:
            await respond_text(send, 400, str(error))
            return
        if page is None:
            await self._answer_unknown(scope, receive, send)
            return
        status, headers, body = page.answer(scope["headers"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer_unknown(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A meeting that is not found may be one that is not known yet."""
        if self._invited is not None and not self._invited.ready() and "/meeting/" in scope["path"]:
            await respond_text(send, 503, _WAIT, _LATER)
        else:
            await not_found(scope, receive, send)

    async def _page(self, path: str, wanted: Filter) -> Page | None:
        """The page of that address, made anew unless it still holds. One wish, however it is spelt, has one page."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        centre, what, id_ = match[1], match[2] or "", match[3] or ""
        if what in {"fellowship", "kind"}:
            path = f"/calendars/{centre}/{what}/{(id_ := slug(id_))}.ics"
        wish = Wish(what, id_, wanted)
        page = self._at_hand(centre, path, wish)
        return page if page is not None else await self._make(centre, path, wish)

    def _at_hand(self, centre: str, path: str, wish: Wish) -> Page | None:
        """The page as it is kept, if it still holds."""
        page = self._filtered.get((centre, wish)) if wish.filter != EVERYTHING else self._pages.get(path)
        return page if page is not None and page.span.holds(self._clock.now()) else None

    async def _make(self, centre: str, path: str, wish: Wish) -> Page | None:
        """The page made anew, and kept; None for what is not known here. Others get their turn while much is rendered.

        Who waits for others that make the same has theirs.
        """
        if wish.what == "meeting":
            return self._keep(centre, path, wish, self._meeting(centre, wish))
        if not wish.what and wish.filter == EVERYTHING:
            return self._keep(centre, path, wish, await self._whole(centre))
        async with self._makers:
            page = self._at_hand(centre, path, wish)
            return page if page is not None else self._keep(centre, path, wish, await self._made(centre, wish))

    async def _made(self, centre: str, wish: Wish) -> Page | None:
        turns = 0
        while (shelf := self._shelf(centre)) is not None and shelf.kind(wish) is not None:
            page = await self._cut(shelf, wish, patient=turns < PATIENCE)
            if page is not None and self._shelves.get(centre) is shelf:
                return page
            turns += 1
        return None

    async def _whole(self, centre: str) -> Page | None:
        while (shelf := self._shelf(centre)) is not None and (waiting := shelf.unrendered(SLICE)):
            for meeting in waiting:
                shelf.sheet(meeting)
            if len(waiting) == SLICE:  # what little is left is done at once, however much comes in meanwhile
                await asyncio.sleep(0)
        return shelf.centre_page(self._clock.now()) if shelf is not None else None

    async def _cut(self, shelf: Shelf, wish: Wish, *, patient: bool) -> Page | None:
        """The feed of a wish; None where something changed while others had their turn (`patient`)."""
        cut = shelf.cut(wish)
        for _ in range(0, len(cut.waiting), SLICE):  # no longer, however much comes in meanwhile
            shelf.look_at(cut, SLICE)
            if patient:
                await asyncio.sleep(0)
        version, day, stretches = cut.version, shelf.day, []
        for stretch in shelf.stretches(cut, wish.filter):
            stretches.append(stretch)
            if patient:
                await asyncio.sleep(0)
        now = self._clock.now()
        kind = shelf.kind(wish)
        shelf.turn(now)
        same = shelf.has(cut) and not cut.waiting and (version, day) == (cut.version, shelf.day)
        return shelf.page(kind, stretches, now) if same and kind is not None else None

    def _meeting(self, centre: str, wish: Wish) -> Page | None:
        shelf, now = self._shelf(centre), self._clock.now()
        if shelf is None:
            return None
        unlisted = self._invited.unlisted(centre, wish, shelf, now) if self._invited is not None else None
        return unlisted or shelf.meeting_page(wish.id, now, wish.filter)

    def _shelf(self, centre: str) -> Shelf | None:
        """The shelf of a centre, turned to this moment; None for one that is not known."""
        listing = self._directory.listings.get(centre)
        if listing is None or listing.centre is None:
            return None
        if centre not in self._shelves:
            self._shelves[centre] = Shelf(centre, listing, self._base_url, self._log, self._arrived[centre])
        self._shelves[centre].turn(self._clock.now())
        return self._shelves[centre]

    def _keep(self, centre: str, path: str, wish: Wish, page: Page | None) -> Page | None:
        """The page itself."""
        if page is None:
            return None
        if wish.filter != EVERYTHING:
            self._filtered.put((centre, wish), page, page.weight)
            return page
        if len(self._pages) >= MOST_PAGES:
            self._pages.clear()
            self._targets.clear()
            self._paths.clear()
        self._pages[path] = page
        self._targets[path.encode()] = page
        self._paths.setdefault(centre, set()).add(path)
        return page
