"""Answers that are kept ready, written before a request becomes a task.

The whole way through ASGI (scope, task, two messages, a look at each header) costs several times what writing bytes
costs. An application that has the very bytes at hand says so by `kept`; any other request goes the whole way.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_HEADERS = 64 * 1024  # bytes of a request's line and headers

_BODY = frozenset({b"content-length", b"transfer-encoding", b"expect"})
_STATUS = {status: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Kept(NamedTuple):
    """A whole answer: `head` holds the header lines and the empty line after them, without Date."""

    status: int
    head: bytes
    body: bytes


class Keeper(Protocol):
    """An application with answers at hand."""

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        """The answer to a GET of this request target (as it came, with its query), or None: ask the whole way."""


def head_of(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Header lines as they are written, with the empty line after them (RFC 9112 section 2.1)."""
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


class _Answered:
    """Stands where uvicorn keeps the request that is being answered: this one is."""

    response_complete = True
    keep_alive = True
    disconnected = False

    def __init__(self) -> None:
        self.message_event = asyncio.Event()


class KeptProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which first asks the application for an answer that is kept. Bounds the headers, too."""

    _size = 0
    _heard = 0
    _unheard = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A connection begins. What is written goes out at once, not when the loop has gone round."""
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes. The parser holds a header back until its end: one without end must not fill the memory."""
        before = self._heard
        super().data_received(data)
        self._unheard = self._unheard + len(data) if self._heard == before else 0
        if self._unheard > MOST_HEADERS:
            self._refuse()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._size = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._grow(len(name) + len(value))
        super().on_header(name, value)

    def _grow(self, size: int) -> None:
        self._heard += 1
        self._size += size
        if self._size > MOST_HEADERS:
            self._refuse()

    def _refuse(self) -> None:
        if self._idle() and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._heard += 1
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request ends."""
        self._heard += 1
        if self.cycle is not None:  # None: it was refused
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no request is told so; not where a request before it would take that for its own answer."""
        if self._idle() and not self.transport.is_closing():
            super().send_400_response(msg)
        self.transport.close()

    def _idle(self) -> bool:
        """Whether every request so far has its answer."""
        return self.cycle is None or self.cycle.response_complete

    def on_headers_complete(self) -> None:
        """Everything but a body is known."""
        self._heard += 1
        if self.transport.is_closing():
            return
        kept = self._kept() if self._plain() else None
        if kept is None:
            super().on_headers_complete()
            return
        date = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
        self.transport.writelines((_STATUS[HTTPStatus(kept.status)] + date + kept.head, kept.body))
        self.cycle = cast("Any", _Answered())
        self.on_response_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody fills the log by asking for protocols that are not spoken here."""

    def _plain(self) -> bool:
        """Whether it is a GET without body on a connection that goes on, and nothing before it waits for its answer."""
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self._idle()
            and not self.flow.write_paused
            and not any(name in _BODY for name, _ in self.headers)
        )

    def _kept(self) -> Kept | None:
        ask = getattr(self.app, "kept", None)
        return cast("Kept | None", ask(self.url, self.headers)) if ask else None
