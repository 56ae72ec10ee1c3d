"""Connections that say nothing, or half of something, and requests that do not say whom they mean."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from services.kit.http import respond, serve
from services.kit.patient import PatientProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.http import HttpServer, Receive, Scope, Send

WHOLE = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpServer]:
    monkeypatch.setattr(PatientProtocol, "patience", 1.0)
    running = await serve(_app, "127.0.0.1", 0)
    yield running
    await running.stop()


async def _app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(1.5)  # an answer may take longer than the headers may
    await respond(send, 200, b"here", b"text/plain")


async def said(server: HttpServer, *pieces: bytes) -> bytes:
    """All that comes back until the server hangs up, or says no more for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: here\r\nX-Half: ", b"\r\n\r\n"])
async def test_who_does_not_finish_a_request_is_left_alone_after_a_while(server: HttpServer, begun: bytes) -> None:
    assert await said(server, begun) == b""


async def test_half_of_a_second_request_holds_the_connection_no_longer_than_half_of_a_first(server: HttpServer) -> None:
    answer = await said(server, WHOLE, b"GET /again HTTP/1.1\r\n")
    assert answer.count(b"200 OK") == 1


async def test_an_answer_may_take_longer_than_the_headers_may(server: HttpServer) -> None:
    answer = await said(server, b"GET /slow HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"here")


@pytest.mark.parametrize(
    "request_text",
    [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\nHosts: a\r\n\r\n"],
    ids=["none", "two", "another"],
)
async def test_a_request_that_names_no_host_or_two_is_refused(server: HttpServer, request_text: bytes) -> None:
    assert (await said(server, request_text)).startswith(b"HTTP/1.1 400 ")


async def test_http_1_0_knows_no_host(server: HttpServer) -> None:
    assert b" 200 OK" in await said(server, b"GET / HTTP/1.0\r\n\r\n")
