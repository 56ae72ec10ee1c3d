"""The least a Python server can do: prepared bytes, raw ASGI, served as our own services are served.

`python -m tests.bench.prepared PORT FILE`. It is the limit that the feeds are measured against.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from services.kit.http import serve

if TYPE_CHECKING:
    from services.kit.http import Receive, Scope, Send

ETAG = b'"prepared"'


class Prepared:
    """One body, gzipped, for any address."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._unchanged = [(b"etag", ETAG), (b"cache-control", b"public, max-age=900"), (b"vary", b"Accept-Encoding")]
        self._full = [
            (b"content-type", b"text/calendar; charset=utf-8"),
            (b"content-encoding", b"gzip"),
            (b"content-length", str(len(body)).encode()),
            *self._unchanged,
        ]

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answers 304 to whoever has it, 200 otherwise."""
        same = any(name == b"if-none-match" and value == ETAG for name, value in scope["headers"])
        await send(
            {
                "type": "http.response.start",
                "status": 304 if same else 200,
                "headers": self._unchanged if same else self._full,
            }
        )
        await send({"type": "http.response.body", "body": b"" if same else self._body})


async def main() -> None:
    """Serves until it is told to end."""
    body = await asyncio.to_thread(Path(sys.argv[2]).read_bytes)
    server = await serve(Prepared(body), "127.0.0.1", int(sys.argv[1]))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    uvloop.run(main())
