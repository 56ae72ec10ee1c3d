"""What is served though it is not public: unlisted meetings by their address, and all that an invite code opens.

/invited/<code>.ics, by GET and HEAD. Whatever stands there that opens nothing (unknown, expired, revoked, mistyped, cut
off) is answered alike, to the byte. No line of any log says what was asked for.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError
from openchair.meetings.v1 import group_pb2, meeting_pb2

from services.feeds.calendar import INVITED, filtered, of_meeting
from services.feeds.filters import Filter, FilterError, parse
from services.feeds.model import Directory, MisfitError, meeting_of
from services.feeds.page import GUARDED
from services.feeds.shelf import Shelf
from services.kit import code
from services.kit.http import respond_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.feeds.model import Listing, Touched
    from services.feeds.page import Page
    from services.feeds.picking import Wish
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.http import Receive, Scope, Send
    from services.kit.logs import Log

GROUP = group_pb2.Group.DESCRIPTOR.full_name
LONGEST_QUERY = 2048  # bytes
MOST_PAGES = 64  # of a centre kept ready
SLICE = 16  # meetings rendered before others get their turn

_PATH = re.compile(r"/invited/([^/]*)\.ics")
_ALLOWED = frozenset({"GET", "HEAD"})
_ALLOW = (b"allow", b"GET, HEAD")
_LATER = (b"retry-after", b"5")


class Opened(NamedTuple):
    """What a code opens: the meetings of a group."""

    centre: str
    group: str


class Hidden(Directory):
    """The private views of all centres: meetings that are not for everybody, and groups with their codes' digests."""

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[Opened, group_pb2.Group] = {}
        self._codes: dict[str, Opened] = {}

    def take(self, listing: Listing, event: Event, scope: str, record: str) -> str | None:
        """Puts the payload in its place; the id of the meeting it was about. Raises what `apply` does."""
        if event.type != GROUP:
            return super().take(listing, event, scope, record)
        group = _group(event, scope, record)
        key = Opened(scope, record)
        for each in self._groups.pop(key, group_pb2.Group()).invite_codes:
            self._codes.pop(each.digest, None)
        if group is not None:
            self._groups[key] = group
            self._codes.update((each.digest, key) for each in group.invite_codes)
        return None

    def meeting(self, event: Event, scope: str, record: str) -> meeting_pb2.Meeting | None:
        """The meeting that an event carries; None for what nobody reads here. Raises MisfitError."""
        meeting = meeting_of(event, scope, record)
        unlisted = meeting is not None and meeting.visibility == meeting_pb2.VISIBILITY_UNLISTED
        return meeting if meeting is not None and (unlisted or meeting.invite_group) else None

    def opened_by(self, digest: str, now: datetime) -> Opened | None:
        """What the code with this digest opens at this moment."""
        key = self._codes.get(digest)
        if key is None:
            return None
        held = next(each for each in self._groups[key].invite_codes if each.digest == digest)
        over = held.HasField("expire_time") and held.expire_time.ToDatetime(now.tzinfo) <= now
        return None if over else key

    def has(self, opened: Opened, meeting: str) -> bool:
        """Whether a meeting belongs to a group."""
        known = self.listings[opened.centre].meetings.get(meeting) if opened.centre in self.listings else None
        return known is not None and known.invite_group == f"centres/{opened.centre}/groups/{opened.group}"

    def of_group(self, opened: Opened) -> list[str]:
        """Ids of a group's meetings, sorted."""
        listing = self.listings.get(opened.centre)
        name = f"centres/{opened.centre}/groups/{opened.group}"
        meetings = listing.meetings.items() if listing is not None else ()
        return sorted(id_ for id_, meeting in meetings if meeting.invite_group == name)

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        super().reset()
        self._groups.clear()
        self._codes.clear()


class Invited:
    """The ASGI application. `ready` says whether all that its answers are made of has caught up with its stream."""

    def __init__(
        self, public: Directory, hidden: Hidden, ready: Callable[[], bool], clock: Clock, base_url: str, log: Log
    ) -> None:
        self.ready = ready
        self._public = public
        self._hidden = hidden
        self._clock = clock
        self._base_url = base_url
        self._log = log
        self._shelves: dict[tuple[str, bool], Shelf] = {}
        self._pages: dict[str, dict[tuple[str, Filter], Page]] = {}
        self._arrived: dict[str, datetime] = {}

    def touch(self, touched: Touched, *, hidden: bool) -> None:
        """Takes off the shelf what an event has made old, be it of a `hidden` record or of a public one."""
        self._pages.pop(touched.centre, None)
        self._arrived[touched.centre] = self._clock.now()
        for holder in (False, True):
            shelf = self._shelves.get((touched.centre, holder))
            if shelf is not None and hidden and touched.meeting is not None:
                shelf.touch(touched.meeting)

    def reset(self) -> None:
        """Forgets everything that was made."""
        self._shelves.clear()
        self._pages.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        del receive
        match = _PATH.fullmatch(scope["path"])
        if scope["method"] not in _ALLOWED:
            await respond_text(send, 405, "Calendars are read with GET or HEAD.", (_ALLOW, *GUARDED))
        elif not self.ready() or not self._hidden.listings:  # of a stream that was made anew nothing is known yet
            text = "The calendars are being read in: try again in a moment."
            await respond_text(send, 503, text, (_LATER, *GUARDED))
        elif len(scope["query_string"]) > LONGEST_QUERY:
            await respond_text(send, 414, "The query is too long.", (*GUARDED,))
        else:
            await self._answer(scope, send, code.digest(match[1] if match else ""))

    async def _answer(self, scope: Scope, send: Send, digest: str) -> None:
        """What the code with this digest opens. Whether a filter is right is said alike, whatever the code opens."""
        try:
            page = await self._page(digest, parse(scope["query_string"]))
        except FilterError as error:
            await respond_text(send, 400, str(error), (*GUARDED,))
            return
        if page is None:
            await respond_text(send, 404, "Not found.", (*GUARDED,))
        else:
            status, headers, body = page.answer(scope["headers"])
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def unlisted(self, centre: str, wish: Wish, public: Shelf, now: datetime) -> Page | None:
        """The calendar of an unlisted meeting, by its own id: that is the link. With it the parts that are public.

        The id of a part that everybody knows does not open one that is unlisted.
        """
        shelf = self._shelf(centre, holder=False)
        listing = self._hidden.listings.get(centre)
        meeting, wanted = wish.id, wish.filter
        known = listing.meetings.get(meeting) if listing is not None else None
        if (
            not self.ready()
            or shelf is None
            or listing is None
            or known is None
            or known.visibility != meeting_pb2.VISIBILITY_UNLISTED
        ):
            return None
        parts = [
            id_
            for id_ in listing.lineage(meeting)
            if listing.meetings[id_].visibility == meeting_pb2.VISIBILITY_UNLISTED
        ]
        others = self._public.listings[centre].lineage(known.lineage or meeting)
        stretches = [shelf.stretch(parts, now, wanted), public.stretch(others, now, wanted)]
        return shelf.page(filtered(of_meeting(centre, meeting, known), wanted), stretches, now, guarded=True)

    async def _page(self, digest: str, wanted: Filter) -> Page | None:
        """What the code with this digest opens, as a calendar."""
        opened = self._hidden.opened_by(digest, self._clock.now())
        if opened is None or self._shelf(opened.centre, holder=True) is None:
            return None
        page = self._pages.get(opened.centre, {}).get((opened.group, wanted))
        if page is not None and page.span.holds(self._clock.now()):
            return page
        await self._warm(opened)
        return self._make(digest, wanted)

    async def _warm(self, opened: Opened) -> None:
        """Renders the group's meetings, a slice at a time, so that others get their turn."""
        waiting = self._hidden.of_group(opened)
        for start in range(0, len(waiting), SLICE):
            shelf = self._shelf(opened.centre, holder=True)
            for meeting in waiting[start : start + SLICE]:
                if shelf is not None and self._hidden.has(opened, meeting):
                    shelf.sheet(meeting)
            await asyncio.sleep(0)

    def _make(self, digest: str, wanted: Filter) -> Page | None:
        """The same, put together: asked for again, as much may have happened meanwhile."""
        now = self._clock.now()
        opened = self._hidden.opened_by(digest, now)
        shelf = self._shelf(opened.centre, holder=True) if opened is not None else None
        if opened is None or shelf is None:
            return None
        stretch = shelf.stretch(self._hidden.of_group(opened), now, wanted)
        page = shelf.page(filtered(INVITED, wanted), [stretch], now, guarded=True)
        kept = self._pages.setdefault(opened.centre, {})
        if len(kept) >= MOST_PAGES:
            kept.clear()
        kept[opened.group, wanted] = page
        return page

    def _shelf(self, centre: str, *, holder: bool) -> Shelf | None:
        """The sheets of a centre's hidden meetings; None where one of its two sides is not known."""
        public, hidden = self._public.listings.get(centre), self._hidden.listings.get(centre)
        if public is None or public.centre is None or hidden is None:
            return None
        hidden.centre = public.centre
        key = (centre, holder)
        if key not in self._shelves:
            self._shelves[key] = Shelf(centre, hidden, self._base_url, self._log, self._arrived[centre], holder=holder)
        shelf = self._shelves[key]
        shelf.besides, shelf.arrived = public.newest, self._arrived[centre]
        shelf.turn(self._clock.now())
        return shelf


def _group(event: Event, scope: str, record: str) -> group_pb2.Group | None:
    """The group that an event carries; None for a tombstone. Raises MisfitError."""
    if event.payload is None:
        return None
    try:
        group = group_pb2.Group.FromString(event.payload)
    except DecodeError as error:
        raise MisfitError("the payload is not what its type says") from error
    if group.name != f"centres/{scope}/groups/{record}":
        raise MisfitError("subject and payload name different groups")
    return group
