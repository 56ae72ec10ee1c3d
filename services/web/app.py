"""The pages over HTTP: no script, no cookie, nothing from elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from services.kit import code
from services.web.answers import ASKING, GUARDED, answer, form, local_address
from services.web.nobody import PATH, Nobody
from services.web.seats import TOGETHER, SeatPages
from services.web.seats_here import HerePages
from services.web.seats_screen import ADDRESS, ScreenPages

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from services.kit.clock import Clock
    from services.kit.logs import Log
    from services.web.board import Board
    from services.web.invited import Circles
    from services.web.page import Pages
    from services.web.reports import Reports
    from services.web.seats_calls import SeatCalls

_WORDS: Final = {
    404: ("Nothing is here", "The address may have been mistyped, or what was here is gone."),
    405: ("Pages are only for reading", "This address takes no other request."),
}


class Web:
    """The requests of readers. `ready` and `current` say how far the board has followed the stream.

    `circles`, where given, are what invite codes open, beside the `board` with their centres; `private_ready` and
    `private_current` say the same of them. `reports` passes on what readers say; without it the page says that it
    cannot. `seats` passes on what they do about seats. `behind_proxy`: nobody but a proxy reaches us.
    """

    def __init__(
        self,
        pages: Pages,
        clock: Clock,
        base_url: Callable[[], str | None],
        *,
        ready: Callable[[], bool],
        current: Callable[[], bool],
        log: Log,
        board: Board | None = None,
        circles: Circles | None = None,
        private_ready: Callable[[], bool] = lambda: True,
        private_current: Callable[[], bool] = lambda: True,
        reports: Reports | None = None,
        seats: SeatCalls | None = None,
        behind_proxy: bool = False,
    ) -> None:
        self._board = board
        self._seats = seats
        self._reports = reports
        self._behind_proxy = behind_proxy
        self._circles = circles
        self._private_ready = private_ready
        self._private_current = private_current
        self._pages = pages
        self._clock = clock
        self._base_url = base_url
        self._ready = ready
        self._current = current
        self._log = log

    def app(self) -> Starlette:
        """The ASGI application: "/", "/centre/<id>", its rooms, "/nobody-here/...", "/invited", "/invited/<code>"."""
        nobody = Nobody(
            self._pages,
            self._clock,
            self._pages.board,
            self._circles,
            self._reports,
            base_url=self._base_url,
            behind_proxy=self._behind_proxy,
        )
        made = Starlette(
            routes=[
                Route("/", self.week),
                Route("/centre/{centre}", self.week),
                Route("/centre/{centre}/", self.week),
                Route("/centre/{centre}/room/{room}", self.room),
                Route(PATH, self._once_ready(nobody), methods=["GET", "POST"]),
                *self._seat_routes(),
                Route("/invited", self.asking, methods=["GET", "POST"]),
                Route("/invited/", self.asking),
                Route("/invited/{code:path}", self.invited),
            ],
            exception_handlers={HTTPException: self._refuse, Exception: self._fail},
        )
        made.router.redirect_slashes = False  # it would send readers to whatever the Host header says, by http
        return made

    def _seat_routes(self) -> list[Route]:
        """Pages about seats, where somebody passes on what readers do there."""
        if self._seats is None or self._board is None:
            return []
        seats = SeatPages(
            self._pages,
            self._clock,
            self._board,
            self._circles,
            self._seats,
            base_url=self._base_url,
            behind_proxy=self._behind_proxy,
        )
        here = HerePages(self._pages, seats, self._seats, self._base_url)

        async def meeting(request: Request) -> Response:
            return await (here.page if "here" in request.query_params else seats.page)(request)

        pages = {"": meeting, "/{key}": seats.page, f"/{{key}}/{TOGETHER}": seats.page, "/{key}/here": here.page}
        pages["/{key}/mine/{guest}"] = seats.mine
        methods = ["GET", "POST"]
        screen = ScreenPages(self._pages, self._clock, seats, self._seats)
        made = [Route(f"/m/{{meeting}}{end}", self._known(page), methods=methods) for end, page in pages.items()]
        return [*made, Route(ADDRESS, self._known(screen.page))]

    def _known(self, page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The page, once it is known what there is: nobody is told before that there is nothing."""

        async def answered(request: Request) -> Response:
            if not (self._ready() and self._private_ready()):
                return self._answer_later(request)
            return await page(request)

        return answered

    def _once_ready(self, nobody: Nobody) -> Callable[[Request], Awaitable[Response]]:
        """Nobody in front of a door is told that it does not exist while it is not known yet."""

        async def answered(request: Request) -> Response:
            if not self._ready():
                return self._answer_later(request)
            try:
                return await nobody.answer(request)
            except HTTPException:
                if self._private_ready():
                    raise
                return self._answer_later(request)

        return answered

    async def week(self, request: Request) -> Response:
        """The next seven days of one centre, or of all."""
        if not self._ready():
            return self._answer_later(request)
        for _ in self._pages.warm(self._clock.now()):
            await asyncio.sleep(0)  # others get their turn
        page_or_none = self._pages.week(
            self._base_url() or local_address(request),
            self._clock.now(),
            centre=request.path_params.get("centre", ""),
            is_current=self._current(),
        )
        if page_or_none is None:
            raise HTTPException(404)
        return answer(request, page_or_none, 200, {"cache-control": "no-cache"})

    async def room(self, request: Request) -> Response:
        """The next seven days of one room."""
        if not self._ready():
            return self._answer_later(request)
        for _ in self._pages.warm(self._clock.now()):
            await asyncio.sleep(0)  # others get their turn
        base = self._base_url() or local_address(request)
        centre, room = request.path_params["centre"], request.path_params["room"]
        page = self._pages.room(base, self._clock.now(), centre, room, is_current=self._current())
        if page is None:
            raise HTTPException(404)
        return answer(request, page, 200, {"cache-control": "no-cache"})

    async def asking(self, request: Request) -> Response:
        """A field for a code that somebody has on paper; what it opens is shown at this same address.

        So the code is neither in the browser's history nor in the log of a server in between.
        """
        if request.method == "POST":
            return self._opened(request, pasted((await form(request)).get("code", "")))
        return answer(request, self._pages.asking(missed=False), 200, ASKING)

    async def invited(self, request: Request) -> Response:
        """What the code in the address opens."""
        return self._opened(request, request.path_params["code"])

    def _opened(self, request: Request, typed: str) -> Response:
        """The next seven days of what a code opens. Every code that opens nothing is answered alike."""
        if not (self._ready() and self._private_ready()):
            return self._answer_later(request)
        now = self._clock.now()
        opened = self._circles.opened_by(code.digest(typed), now) if self._circles is not None else None
        centre = self._board.boards.get(opened.centre) if self._board is not None and opened is not None else None
        if self._circles is None or opened is None or centre is None or centre.centre is None:
            return answer(request, self._pages.asking(missed=True), 404, ASKING)
        board = self._circles.board(opened)
        board.centre = centre.centre
        page = self._pages.invited(
            self._base_url() or local_address(request),
            now,
            self._circles.title(opened),
            board,
            code.shown(typed),
            centre=opened.centre,
            current=self._current() and self._private_current(),
        )
        return answer(request, page, 200, ASKING)

    def _answer_later(self, request: Request) -> Response:
        page = self._pages.plain("One moment", "The meetings are being read in. This page tries again by itself.", 3)
        return answer(request, page, 503, {"retry-after": "3", **GUARDED})

    async def _refuse(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        allow = (getattr(error, "headers", None) or {}).get("Allow")
        page = self._pages.plain(*_WORDS.get(status, ("That did not work", "The request could not be answered.")))
        return answer(request, page, status, {"cache-control": "no-store"} | ({"allow": allow} if allow else {}))

    async def _fail(self, request: Request, error: Exception) -> Response:
        page_of = request.url.path.split("/")[1]  # what follows may be a code
        self._log.error("page failed", path=f"/{page_of}", error=type(error).__name__)
        page = self._pages.plain(
            "Something is broken here", "It is our fault, and it has been noted. Please try again."
        )
        return answer(request, page, 500, {"cache-control": "no-store"})


def pasted(text: str) -> str:
    """The code in what somebody put into the field: it may be the whole address of a page or a calendar."""
    return text.strip().rpartition("/")[2].removesuffix(".ics")
