"""Meeting Guide lists: /meeting-guide/<centre>.json, by GET and HEAD, kept ready and validated as the calendars are.

Scripts of any site may read it: TSML UI fetches lists from the page of whoever embeds it. What it holds is public, and
no cookie or token makes it say more.
"""

from __future__ import annotations

import asyncio
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from services.feeds import gz
from services.feeds.page import JSON, Page, lasting
from services.formats.meeting_guide_out import records
from services.kit.http import not_found, respond_text
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date, datetime

    from openchair.meetings.v1 import centre_pb2, meeting_pb2

    from services.feeds.model import Directory, Listing, Touched
    from services.kit.clock import Clock
    from services.kit.http import Receive, Scope, Send
    from services.kit.kept import Kept

SLICE = 16  # series written before others get their turn: about 10 ms
SEGMENT = 64
PATIENCE = 3
MOST_MAKERS = 2  # lists that are put together at a time
LONGEST_QUERY = 2048  # bytes

_PATH = re.compile(r"/meeting-guide/([a-z0-9-]{2,40})\.json", re.ASCII)
_ALLOWED = frozenset({"GET", "HEAD"})
_ALLOW = ((b"allow", b"GET, HEAD"),)
_LATER = ((b"retry-after", b"5"),)
_OPENING, _BETWEEN, _END = b"[\n", b",\n", b"\n]\n"


class Entry(NamedTuple):
    """One record of a list, in its order."""

    name: str
    slug: str
    body: bytes


class Leaflet:
    """The list of one centre: the records of each series, made once for each of its states and each local day.

    `version` moves with every change. `arrived` is when the last state of this centre came in here.
    """

    def __init__(self, listing: Listing, base_url: str, arrived: datetime) -> None:
        self.arrived = arrived
        self.version = 0
        self._listing = listing
        self._base_url = base_url.rstrip("/")
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._waiting: dict[str, None] = {}
        self._series: dict[str, str] = {}
        self._made_for: tuple[date, centre_pb2.Centre] | None = None

    def touch(self, meeting: str) -> None:
        """It has changed, come or gone."""
        self.version += 1
        for series in {self._series.pop(meeting, meeting), self._listing.series_of(meeting)}:
            self._entries.pop(series, None)
            self._waiting[series] = None

    def turn(self, now: datetime) -> centre_pb2.Centre | None:
        """Brings it to the centre's present day, and to what the centre says of itself; the centre."""
        centre = self._listing.centre
        made_for = (local_day(now, centre.time_zone), centre) if centre is not None else None
        if made_for != self._made_for:
            self._made_for = made_for
            self.version += 1
            self._entries.clear()
            self._waiting = dict.fromkeys(map(self._listing.series_of, self._listing.meetings))
        return centre

    @property
    def waiting(self) -> int:
        """How many series are still to be made."""
        return len(self._waiting)

    def write(self, most: int) -> None:
        """Makes some of what waits."""
        for series in list(islice(self._waiting, most)):
            del self._waiting[series]
            ids = self._listing.lineage(series)
            self._series.update(dict.fromkeys(ids, series))
            self._entries[series] = tuple(self._made(self._listing.meetings[each] for each in ids))

    def segments(self) -> Iterator[gz.Segment]:
        """The whole list, some records at a time."""
        found = sorted(self._apart(), key=lambda entry: (entry.name, entry.slug))
        for start in range(0, len(found), SEGMENT):
            body = _BETWEEN.join(entry.body for entry in found[start : start + SEGMENT])
            yield gz.segment((_BETWEEN if start else _OPENING) + body)
        yield gz.segment(_END if found else _OPENING.rstrip() + _END.lstrip())

    def page(self, segments: Sequence[gz.Segment], now: datetime, file_name: str) -> Page:
        """The answer made of them."""
        assert self._listing.centre is not None
        stated, span = lasting(self._listing.newest, self._listing.centre.time_zone, now, self.arrived)
        return Page(segments, stated, span, file_name, content_type=JSON, shared_with_scripts=True)

    def _apart(self) -> list[Entry]:
        """All entries. Series that claim one slug are written together, so that only the first has it."""
        claims: dict[str, list[str]] = {}
        for series, entries in self._entries.items():
            for entry in entries:
                claims.setdefault(entry.slug, []).append(series)
        torn = {series for claim in claims.values() if len(claim) > 1 for series in claim}
        alone = [entry for series, entries in self._entries.items() if series not in torn for entry in entries]
        ids = (each for series in torn for each in self._listing.lineage(series))
        return alone + list(self._made(self._listing.meetings[each] for each in ids)) if torn else alone

    def _made(self, found: Iterable[meeting_pb2.Meeting]) -> Iterator[Entry]:
        assert self._made_for is not None
        today, centre = self._made_for
        for record in records(found, centre, self._base_url, today):
            yield Entry(record["name"], record["slug"], json.dumps(record, ensure_ascii=False).encode())


class Guide:
    """The ASGI application. `ready` says whether the directory has caught up with the stream."""

    def __init__(self, directory: Directory, ready: Callable[[], bool], clock: Clock, base_url: str) -> None:
        self._directory = directory
        self._ready = ready
        self._clock = clock
        self._base_url = base_url
        self._leaflets: dict[str, Leaflet] = {}
        self._pages: dict[str, Page] = {}
        self._targets: dict[bytes, Page] = {}
        self._arrived: dict[str, datetime] = {}
        self._makers = asyncio.Semaphore(MOST_MAKERS)

    def touch(self, touched: Touched) -> None:
        """Spoils what an event has made old."""
        self._pages.pop(touched.centre, None)
        self._targets.pop(_target(touched.centre), None)
        now = self._arrived[touched.centre] = self._clock.now()
        leaflet = self._leaflets.get(touched.centre)
        if leaflet is not None:
            leaflet.arrived = now
            if touched.meeting is not None:
                leaflet.touch(touched.meeting)

    def reset(self) -> None:
        """Forgets everything that was made."""
        self._leaflets.clear()
        self._pages.clear()
        self._targets.clear()

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        """The answer to a GET of exactly this path, if its page is ready and still holds."""
        page = self._targets.get(url)
        return page.kept(headers) if page is not None and page.span.holds(self._clock.now()) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        match = _PATH.fullmatch(scope["path"])
        if scope["method"] not in _ALLOWED:
            await respond_text(send, 405, "Lists are read with GET or HEAD.", _ALLOW)
        elif len(scope["query_string"]) > LONGEST_QUERY:
            await respond_text(send, 414, "The query is too long.")
        elif not self._ready() or not self._directory.listings:
            await respond_text(send, 503, "The meetings are being read in: try again in a moment.", _LATER)
        elif match is None or (page := await self._page(match[1])) is None:
            await not_found(scope, receive, send)
        else:
            status, headers, body = page.answer(scope["headers"])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _page(self, centre: str) -> Page | None:
        """The list of a centre, made anew unless it still holds; None for one that is not known."""
        page = self._at_hand(centre)
        if page is None and centre in self._directory.listings:
            async with self._makers:  # who waits for others that make the same has theirs
                page = self._at_hand(centre)
                return page if page is not None else await self._make(centre)
        return page

    def _at_hand(self, centre: str) -> Page | None:
        """The list as it is kept, if it still holds."""
        page = self._pages.get(centre)
        return page if page is not None and page.span.holds(self._clock.now()) else None

    async def _make(self, centre: str) -> Page | None:
        turns = 0
        while (leaflet := self._leaflet(centre)) is not None:
            page = await self._made(leaflet, centre, patient=turns < PATIENCE)
            if page is not None and self._leaflets.get(centre) is leaflet:
                self._pages[centre] = self._targets[_target(centre)] = page
                return page
            turns += 1
        return None

    async def _made(self, leaflet: Leaflet, centre: str, *, patient: bool) -> Page | None:
        """The page; None where something changed while others had their turn (`patient`)."""
        for _ in range(0, leaflet.waiting, SLICE):  # no longer, however much comes in meanwhile
            leaflet.write(SLICE)
            if patient:
                await asyncio.sleep(0)
        version, segments = leaflet.version, []
        for segment in leaflet.segments():
            segments.append(segment)
            if patient:
                await asyncio.sleep(0)
        now = self._clock.now()
        known = leaflet.turn(now)
        same = not leaflet.waiting and version == leaflet.version
        return leaflet.page(segments, now, f"{centre}.json") if known and same else None

    def _leaflet(self, centre: str) -> Leaflet | None:
        """The list of a centre, turned to this moment; None for one that is not known."""
        listing = self._directory.listings.get(centre)
        if listing is None or listing.centre is None:
            return None
        if centre not in self._leaflets:
            self._leaflets[centre] = Leaflet(listing, self._base_url, self._arrived[centre])
        self._leaflets[centre].turn(self._clock.now())
        return self._leaflets[centre]


def _target(centre: str) -> bytes:
    return f"/meeting-guide/{centre}.json".encode()
