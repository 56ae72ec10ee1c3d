"""Answers kept ready: written at once, in order, with the same bytes as the whole way through ASGI."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from services.kit.http import respond, serve
from services.kit.kept import MOST_HEADERS, Kept, head_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.kit.http import HttpServer, Receive, Scope, Send

GET = b"GET /kept HTTP/1.1\r\nHost: here\r\n\r\n"
ASKED = b"GET /asked HTTP/1.1\r\nHost: here\r\n\r\n"


class Shelf:
    """Keeps /kept; answers everything else, and /kept too, the whole way."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.came = asyncio.Event()
        self.body = b"kept"

    def kept(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Kept | None:
        if url != b"/kept":
            return None
        self.seen.append("kept")
        if (b"if-none-match", b'"k"') in headers:
            return Kept(304, head_of([(b"etag", b'"k"')]), b"")
        length = str(len(self.body)).encode()
        return Kept(200, head_of([(b"etag", b'"k"'), (b"content-length", length)]), self.body)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.seen.append(f"{scope['method']} {scope['path']}")
        self.came.set()
        await self.hold.wait()
        await respond(send, 200, b"asked", b"text/plain")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def server(shelf: Shelf) -> AsyncIterator[HttpServer]:
    running = await serve(shelf, "127.0.0.1", 0)
    yield running
    await running.stop()


async def exchange(server: HttpServer, *requests: bytes, answers: int) -> list[tuple[bytes, bytes]]:
    """Head and body of each answer to what is sent in one piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"".join(requests))
    found = []
    for _ in range(answers):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        found.append((head, await reader.readexactly(int(lines.get(b"content-length", b"0")))))
    writer.close()
    await writer.wait_closed()
    return found


async def test_a_kept_answer_has_a_date_its_headers_and_its_body(server: HttpServer, shelf: Shelf) -> None:
    ((head, body),) = await exchange(server, GET, answers=1)
    assert head.startswith(b"HTTP/1.1 200 OK\r\ndate: ")
    assert b'\r\netag: "k"\r\n' in head
    assert (body, shelf.seen) == (b"kept", ["kept"])


async def test_a_304_has_no_body(server: HttpServer) -> None:
    asked = GET[:-2] + b'If-None-Match: "k"\r\n\r\n'
    first, second = await exchange(server, asked, GET, answers=2)
    assert first[0].startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert second[1] == b"kept"


async def test_pipelined_answers_come_in_the_order_of_their_requests(server: HttpServer, shelf: Shelf) -> None:
    answers = await exchange(server, GET, ASKED, GET, ASKED, answers=4)
    assert [body for _, body in answers] == [b"kept", b"asked", b"asked", b"asked"]
    assert shelf.seen == ["kept", "GET /asked", "GET /kept", "GET /asked"]


async def test_nothing_overtakes_a_request_that_still_waits(server: HttpServer, shelf: Shelf) -> None:
    shelf.hold.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ASKED + GET)
    await shelf.came.wait()
    shelf.hold.set()
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"content-type: text/plain" in head
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "refused", [b"NONSENSE\r\n\r\n", b"GET / HTTP/1.1\r\nX-Much: " + b"x" * MOST_HEADERS + b"\r\n\r\n"]
)
async def test_a_request_that_waits_gets_no_answer_that_is_meant_for_the_next(
    server: HttpServer, shelf: Shelf, refused: bytes
) -> None:
    shelf.hold.clear()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(ASKED + refused)
    try:
        assert await asyncio.wait_for(reader.read(), 60) == b""
    finally:
        shelf.hold.set()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "request_",
    [
        b"HEAD /kept HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET /kept HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
        b"GET /kept HTTP/1.0\r\nHost: here\r\n\r\n",
        b"GET /kept HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi",
        b"GET /kept?x=1 HTTP/1.1\r\nHost: here\r\n\r\n",
    ],
    ids=["HEAD", "close", "1.0", "with a body", "with a query"],
)
async def test_anything_but_a_plain_get_goes_the_whole_way(server: HttpServer, shelf: Shelf, request_: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request_)
    await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert shelf.seen[0].endswith("/kept")


async def test_a_reader_that_is_slow_gets_every_byte(server: HttpServer, shelf: Shelf) -> None:
    shelf.body = bytes(range(256)) * 4096  # 1 MiB
    answers = await exchange(server, GET * 3, answers=3)
    assert all(body in (shelf.body, b"asked") for _, body in answers)
    assert answers[0][1] == shelf.body


@pytest.mark.parametrize(
    "begun", [b"GET /kept HTTP/1.1\r\nX-Much: ", b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "]
)
async def test_one_header_that_never_ends_does_not_fill_the_memory(server: HttpServer, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begun)
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            writer.write(b"x" * MOST_HEADERS)
            await writer.drain()
        await asyncio.wait_for(reader.read(), 60)  # ends only when the server closes
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_long_body_is_no_header(server: HttpServer, shelf: Shelf) -> None:
    post = b"POST /asked HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (2 * MOST_HEADERS)
    ((head, body),) = await exchange(server, post, b"x" * (2 * MOST_HEADERS), answers=1)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert (body, shelf.seen) == (b"asked", ["POST /asked"])


async def test_headers_without_end_are_refused(server: HttpServer, shelf: Shelf) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    line = b"X-Much: " + b"x" * 1000 + b"\r\n"
    writer.write(b"GET /kept HTTP/1.1\r\nHost: here\r\n" + line * (MOST_HEADERS // 1000 + 5) + b"\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    await reader.read()
    writer.close()
    await writer.wait_closed()
    assert shelf.seen == []
