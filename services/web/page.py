"""Pages as bytes, kept until what they say may have changed: then they are made anew by the next reader."""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.resources
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup

from services.formats import words
from services.web import say
from services.web.room import room_week
from services.web.subscribe import InvitedSite, Site, qr
from services.web.week import week

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from services.web.board import Board, CentreBoard

EXIT_URL: Final = "https://www.wikipedia.org/"
_MOST_PAGES: Final = 256
_FEW_EMPTY: Final = 3
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48' fill='none' stroke='%230b5a54'"
    " stroke-width='5' stroke-linecap='round'%3E"
    "%3Cpath d='M14 4v40M14 26h20v18M14 35h20'/%3E%3C/svg%3E"
)


def _style() -> str:
    return importlib.resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8").strip()


STYLE: Final = _style()
STYLE_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What the content security policy lets through: this style sheet, and no other."""


@dataclass(frozen=True)
class Page:
    """One page in both its codings, each with its strong entity tag (RFC 9110 section 8.8.3)."""

    body: bytes
    packed: bytes

    @classmethod
    def of(cls, text: str) -> Page:
        """The page that is this HTML; the same text gives the same bytes."""
        body = text.encode()
        return cls(body, gzip.compress(body, mtime=0))

    def etag(self, *, packed: bool) -> str:
        """The tag of one coding."""
        return f'"{hashlib.blake2b(self.packed if packed else self.body, digest_size=12).hexdigest()}"'


@cache
def _templates() -> jinja2.Environment:
    """The templates, read and compiled once in a process."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("services.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.globals.update(style=Markup(STYLE), icon=_ICON, exit_url=EXIT_URL, refresh=None, qr=_qr)  # noqa: S704 - our own file
    made.filters["dial"] = say.dial
    made.filters["weblink"] = lambda url: words.link(url) or ""
    return made


class Pages:
    """Every page there is, made when first asked for."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._kept: dict[tuple[str, str, bool], tuple[int, datetime, datetime, Page]] = {}
        self._rooms: dict[tuple[str, str, str, bool], tuple[tuple[int, int], datetime, datetime, Page]] = {}
        self._asking: dict[bool, Page] = {}

    def warm(self, now: datetime) -> Iterator[None]:
        """Does what the first week would have to do before it can be made, in slices; yields between them."""
        return self.board.warm(now)

    def week(self, base_url: str, now: datetime, *, centre: str = "", is_current: bool = True) -> Page | None:
        """The week of one centre, or ("") of all; None for a centre that is not known.

        It is kept until something begins or ends, the local day is over, or a newer state has come.
        """
        key = (base_url, centre, is_current)
        version, since, until, page = self._kept.get(key, (-1, now, now, None))
        if page is not None and version == self.board.version and since <= now < until:
            return page
        self.board.advance(now)
        site = Site(base_url)
        weeks = [week(id_, board, site, now) for id_, board in self.board.published() if centre in {"", id_}]
        if centre and not weeks:
            return None
        page = Page.of(self._render("week.html", weeks=weeks, is_local=site.is_local, is_current=is_current))
        if len(self._kept) >= _MOST_PAGES:
            self._kept.clear()
        self._kept[key] = (self.board.version, now, min([each.until for each in weeks], default=now), page)
        return page

    def room(self, base_url: str, now: datetime, centre: str, room: str, *, is_current: bool = True) -> Page | None:
        """The week of a room; None for one that has no page. It is kept until it may be another."""
        board = self.board.boards.get(centre)
        if board is None or board.centre is None:
            return None
        key, version = (base_url, centre, room, is_current), (self.board.version, self.board.rooms_version)
        kept, since, until, page = self._rooms.get(key, ((-1, -1), now, now, None))
        if page is not None and kept == version and since <= now < until:
            return page
        self.board.advance(now)
        site = Site(base_url)
        week = room_week(centre, board, room, site, now)
        if week is None:
            return None
        title = f"{week.title}, {week.centre.title}"
        page = Page.of(self._render("room.html", week=week, title=title, is_local=site.is_local, is_current=is_current))
        if len(self._rooms) >= _MOST_PAGES:
            self._rooms.clear()
        self._rooms[key] = (version, now, week.until, page)
        return page

    def invited(
        self, base_url: str, now: datetime, group: str, board: CentreBoard, code: str, *, centre: str, current: bool
    ) -> Page:
        """The week of what a code opens; kept nowhere. `board` is the group's own, with its centre's record.

        Days without anything are left out where they are many: a group meets on one day, or on two.
        """
        site = InvitedSite(base_url, code)
        board.agenda.advance(now)
        shown = week("week", board, site, now, holder=True)
        empty = sum(not day.lines for day in shown.days)
        text = self._render(
            "invited.html",
            week=shown,
            discreet=site.discreet,
            days=[day for day in shown.days if day.lines or empty <= _FEW_EMPTY],
            group=group,
            code=code,
            centre=centre,
            is_local=site.is_local,
            is_current=current,
        )
        return Page.of(text)

    def nobody(self, **values: Any) -> Page:
        """The page for whoever stands there alone: `at`, `heading`, `text`, `told`, `call` and `crisis_line`."""
        return Page.of(self._render("nobody.html", **values))

    def seats(self, template: str, **values: Any) -> Page:
        """A page about seats: of one reader, kept nowhere. Its title says nothing: it stays in histories."""
        return Page.of(self._render(template, title="A date", **values))

    def asking(self, *, missed: bool) -> Page:
        """The page with a field for a code; `missed`: the one that was given opens nothing.

        What was typed is not said again: every code that opens nothing gets the same bytes.
        """
        if missed not in self._asking:
            self._asking[missed] = Page.of(self._render("code.html", missed=missed))
        return self._asking[missed]

    def plain(self, title: str, text: str, refresh: int | None = None) -> Page:
        """A page that says one thing; with `refresh` the browser asks again after so many seconds."""
        return Page.of(self._render("plain.html", title=title, text=text, refresh=refresh))

    def _render(self, template: str, **values: Any) -> str:
        return _templates().get_template(template).render({"title": "This week"} | values)


def _qr(text: str) -> Markup:
    return Markup(qr(text))  # noqa: S704 - drawn by us: numbers, not text
