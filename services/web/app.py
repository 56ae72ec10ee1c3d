"""The pages over HTTP: no script, no cookie, nothing from elsewhere."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from services.kit import code
from services.web.page import STYLE_HASH, Page, Pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from services.kit.clock import Clock
    from services.kit.logs import Log
    from services.web.board import Board
    from services.web.invited import Circles

_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)

HEADERS: Final = {
    "content-type": "text/html; charset=utf-8",
    "content-language": "en",
    "vary": "Accept-Encoding",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

GUARDED: Final = {"cache-control": "no-store", "x-robots-tag": "noindex"}
"""Of pages that are found by their address alone."""

ASKING: Final = GUARDED | {"content-security-policy": _POLICY.replace("form-action 'none'", "form-action 'self'")}
"""Of the page with a field for a code."""

LONGEST_FORM: Final = 4096  # bytes

_LOCAL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')
_WORDS: Final = {
    404: ("Nothing is here", "The address may have been mistyped, or what was here is gone."),
    405: ("Pages are only for reading", "This address takes no other request."),
}


class Web:
    """The requests of readers. `ready` and `current` say how far the board has followed the stream.

    `circles`, where given, are what invite codes open, beside the `board` with their centres; `private_ready` and
    `private_current` say the same of them.
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
    ) -> None:
        self._board = board
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
        """The ASGI application: "/", "/centre/<id>", "/invited" and "/invited/<code>"."""
        return Starlette(
            routes=[
                Route("/", self.week),
                Route("/centre/{centre}", self.week),
                Route("/invited", self.asking, methods=["GET", "POST"]),
                Route("/invited/", self.asking),
                Route("/invited/{code:path}", self.invited),
            ],
            exception_handlers={HTTPException: self._refuse, Exception: self._fail},
        )

    async def week(self, request: Request) -> Response:
        """The next seven days of one centre, or of all."""
        if not self._ready():
            return self._answer_later(request)
        for _ in self._pages.warm(self._clock.now()):
            await asyncio.sleep(0)  # others get their turn
        page_or_none = self._pages.week(
            self._base_url() or _local_address(request),
            self._clock.now(),
            centre=request.path_params.get("centre", ""),
            is_current=self._current(),
        )
        if page_or_none is None:
            raise HTTPException(404)
        return _answer(request, page_or_none, 200, {"cache-control": "no-cache"})

    async def asking(self, request: Request) -> Response:
        """A field for a code that somebody has on paper; what it opens is shown at this same address.

        So the code is neither in the browser's history nor in the log of a server in between.
        """
        if request.method == "POST":
            return self._opened(request, pasted(await _field(request, "code")))
        return _answer(request, self._pages.asking(missed=False), 200, ASKING)

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
            return _answer(request, self._pages.asking(missed=True), 404, ASKING)
        board = self._circles.board(opened)
        board.centre = centre.centre
        page = self._pages.invited(
            self._base_url() or _local_address(request),
            now,
            self._circles.title(opened),
            board,
            code.shown(typed),
            current=self._current() and self._private_current(),
        )
        return _answer(request, page, 200, GUARDED)

    def _answer_later(self, request: Request) -> Response:
        page = self._pages.plain("One moment", "The meetings are being read in. This page tries again by itself.", 3)
        return _answer(request, page, 503, {"retry-after": "3", **GUARDED})

    async def _refuse(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        allow = (getattr(error, "headers", None) or {}).get("Allow")
        page = self._pages.plain(*_WORDS.get(status, ("That did not work", "The request could not be answered.")))
        return _answer(request, page, status, {"cache-control": "no-store"} | ({"allow": allow} if allow else {}))

    async def _fail(self, request: Request, error: Exception) -> Response:
        page_of = request.url.path.split("/")[1]  # what follows may be a code
        self._log.error("page failed", path=f"/{page_of}", error=type(error).__name__)
        page = self._pages.plain(
            "Something is broken here", "It is our fault, and it has been noted. Please try again."
        )
        return _answer(request, page, 500, {"cache-control": "no-store"})


def pasted(text: str) -> str:
    """The code in what somebody put into the field: it may be the whole address of a page or a calendar."""
    return text.strip().rpartition("/")[2].removesuffix(".ics")


async def _field(request: Request, name: str) -> str:
    """What a form says in one field, "" where it does not. Raises HTTPException for what is no form of ours."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_FORM:
                raise HTTPException(413)
        return parse_qs(body.decode("ascii"), max_num_fields=8).get(name, [""])[0]
    except ValueError as error:
        raise HTTPException(400) from error
    except ClientDisconnect:
        return ""  # nobody reads the answer


def _answer(request: Request, page: Page, status: int, headers: dict[str, str]) -> Response:
    """The page in the coding that was asked for, or 304 where the reader has it (RFC 9110 section 13.1.2)."""
    packed = _takes_gzip(request.headers.get("accept-encoding", ""))
    etag = page.etag(packed=packed)
    body = page.packed if packed else page.body
    lines = HEADERS | headers | {"etag": etag}
    if status == 200 and _has(request.headers.get("if-none-match", ""), etag):  # noqa: PLR2004 - OK
        return _Plain(b"", 304, {key: value for key, value in lines.items() if key != "content-type"})
    lines |= {"content-length": str(len(body))} | ({"content-encoding": "gzip"} if packed else {})
    return _Plain(b"" if request.method == "HEAD" else body, status, lines)


class _Plain(Response):
    """A response with the headers it is given, and no others."""

    def init_headers(self, headers: dict[str, str] | None = None) -> None:  # type: ignore[override]  # a dictionary is all we give
        self.raw_headers = [(key.encode(), value.encode()) for key, value in (headers or {}).items()]


def _takes_gzip(accept: str) -> bool:
    codings = [item.replace(" ", "").lower() for item in accept[:1024].split(",")]
    return "gzip" in {coding.partition(";")[0] for coding in codings if not re.search(r";q=0(\.0*)?$", coding)}


def _has(if_none_match: str, etag: str) -> bool:
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match[:4096])


def _local_address(request: Request) -> str:
    """The address of a site that has no public one: the reader's own, if that is this machine's."""
    host = request.headers.get("host", "")
    return f"http://{host if _LOCAL.fullmatch(host) else 'localhost'}"
