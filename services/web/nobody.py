"""Somebody stands there alone: the page that asks whether nobody is here, passes it on, and says what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.exceptions import HTTPException

from services.kit import code
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_key
from services.web.answers import ASKING, answer, form, local_address
from services.web.reports import COUNTED, UNREACHABLE, Told, network_of
from services.web.subscribe import Site
from services.web.week import one

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from openchair.meetings.v1 import centre_pb2
    from starlette.requests import Request
    from starlette.responses import Response

    from services.kit.clock import Clock
    from services.web.board import Board, CentreBoard
    from services.web.invited import Circles
    from services.web.page import Pages
    from services.web.reports import Reports
    from services.web.week import Line

PATH: Final = "/nobody-here/{centre}/{meeting}/{key}"
OWN: Final = frozenset({"", "same-origin", "none"})
"""Whose forms are taken (Sec-Fetch-Site): no other site lets its readers report."""

WORDS: Final = {
    COUNTED: ("It is noted", "The people who run the meetings can see it. You did nothing wrong by coming."),
    "NOT_NOW": ("Not at this time", "It can be said from 15 minutes before the start to 60 minutes after."),
    "NOT_ON": ("It does not take place", "This date was cancelled. We are sorry that you stand there."),
    "TOO_MANY_REPORTS": ("Too many at once", "So many report something just now that this was not noted."),
    UNREACHABLE: ("It could not be passed on", "The report did not get through: nobody has been told. Please call."),
}
_OTHERWISE: Final = ("It could not be noted", "Something was wrong with the report. Please call.")


class Standing(NamedTuple):
    """Where somebody stands: the date, its centre, and the code that opened it to them ("": it is public)."""

    id: str
    centre: centre_pb2.Centre
    line: Line
    name: str
    code: str


class Nobody:
    """The requests of whoever stands there. `behind_proxy`: nobody but a proxy reaches us."""

    def __init__(
        self,
        pages: Pages,
        clock: Clock,
        board: Board,
        circles: Circles | None,
        reports: Reports | None,
        *,
        base_url: Callable[[], str | None],
        behind_proxy: bool,
    ) -> None:
        self._pages = pages
        self._clock = clock
        self._board = board
        self._circles = circles
        self._reports = reports
        self._base_url = base_url
        self._behind_proxy = behind_proxy

    async def answer(self, request: Request) -> Response:
        """The question, by GET or with a code; by POST and "sure" the report itself."""
        said = await form(request) if request.method == "POST" else {}
        at = self._standing(request, said.get("code", ""))
        if at is None:
            raise HTTPException(404)
        if not ("sure" in said and is_own(request, self._base_url() or "")):
            title, text = "Is nobody here?", ""
            return self._page(request, at, title, text, Told("asked" if at.line.asks else "NOT_NOW"))
        told = await self._told(request, at)
        if told.outcome == "NOT_FOUND":
            raise HTTPException(404)  # it was taken away just now
        return self._page(request, at, *WORDS.get(told.outcome, _OTHERWISE), told)

    async def _told(self, request: Request, at: Standing) -> Told:
        if self._reports is None:
            return Told(UNREACHABLE)
        network = network_of(request, behind_proxy=self._behind_proxy)
        return await self._reports.nobody_here(at.name, network, at.code)

    def _page(self, request: Request, at: Standing, title: str, text: str, told: Told) -> Response:
        page = self._pages.nobody(
            at=at,
            heading=title,
            text=text,
            told=told,
            call=told.call or at.centre.phone,
            crisis_line=told.crisis_line or at.centre.crisis_line,
        )
        return answer(request, page, 200, ASKING)

    def _standing(self, request: Request, typed: str) -> Standing | None:
        """The date that the address names, as far as the reader may see it."""
        id_, meeting = request.path_params["centre"], request.path_params["meeting"]
        public, now = self._board.boards.get(id_), self._clock.now()
        if public is None or public.centre is None:
            return None
        try:
            key = parse_key(request.path_params["key"])
        except RecurrenceError:
            return None
        circle = self._circle(id_, typed, now)
        board = circle if circle is not None and meeting in circle.meetings else public
        if circle is not None:
            circle.centre = public.centre
        site = Site(self._base_url() or local_address(request))
        line = one(id_, board, site, now, (meeting, key), holder=board is circle, others=public)
        if line is None:
            return None
        name = f"centres/{id_}/meetings/{meeting}/occurrences/{line.key}"
        return Standing(id_, public.centre, line, name, code.shown(typed) if board is circle else "")

    def _circle(self, centre: str, typed: str, now: datetime) -> CentreBoard | None:
        """What a code opens at this centre; None without one."""
        if not typed or self._circles is None:
            return None
        opened = self._circles.opened_by(code.digest(typed), now)
        return self._circles.board(opened) if opened is not None and opened.centre == centre else None


def is_own(request: Request, base_url: str) -> bool:
    """Whether a form is one of ours, as far as the browser says. An old one says nothing, or the Origin only.

    That is "null" for our own forms, since our pages send no referrer, and may be for others.
    """
    site, origin = (request.headers.get(name, "") for name in ("sec-fetch-site", "origin"))
    if site or origin in {"", "null"}:
        return site in OWN
    return origin.partition("://")[2] in {request.headers.get("host", ""), base_url.partition("://")[2].rstrip("/")}
