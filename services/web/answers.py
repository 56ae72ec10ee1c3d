"""Pages as answers over HTTP: what every one carries, and what a form may say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.web.page import STYLE_HASH, Page

if TYPE_CHECKING:
    from starlette.requests import Request

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
"""Of pages with a form."""

LONGEST_FORM: Final = 4096  # bytes

_LOCAL: Final = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?")
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


async def form(request: Request) -> dict[str, str]:
    """What a form says, each field once. Raises HTTPException for what is no form of ours."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST_FORM:
                raise HTTPException(413)
        fields = parse_qs(body.decode("ascii"), max_num_fields=8)
    except ValueError as error:
        raise HTTPException(400) from error
    except ClientDisconnect:
        return {}  # nobody reads the answer
    return {name: values[0] for name, values in fields.items()}


def answer(request: Request, page: Page, status: int, headers: dict[str, str]) -> Response:
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


def local_address(request: Request) -> str:
    """The address of a site that has no public one: the reader's own, if that is this machine's."""
    host = request.headers.get("host", "")
    return f"http://{host if _LOCAL.fullmatch(host) else 'localhost'}"
