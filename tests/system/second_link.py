"""The wire between one process and its nats-server: it may freeze, be cut, and swallow what was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from tests.bench.process import free_port

if TYPE_CHECKING:
    from collections.abc import Callable


class Link:
    """A port of its own that leads to the server at `to`. `swallow` is asked for each publish that was acknowledged."""

    def __init__(self, to: str, swallow: Callable[[], bool]) -> None:
        host, _, port = to.removeprefix("nats://").rpartition(":")
        self._to = (host, int(port))
        self._swallow = swallow
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._server: asyncio.Server | None = None
        self._carrying: set[asyncio.Task[None]] = set()
        self.swallowed = 0
        self.url = ""

    async def open(self) -> None:
        """Listens; again where it did before."""
        port = int(self.url.rpartition(":")[2]) if self.url else free_port()  # one that nobody is given meanwhile
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", port)
        self.url = f"nats://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Ends every connection, and lets none be made."""
        if self._server is not None:
            self._server.close()
        self._server = None
        carrying = tuple(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    def freeze(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._thawed.clear()

    def thaw(self) -> None:
        """What was kept back passes."""
        self._thawed.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        try:
            if self._server is not None:  # closed before we came to run
                with contextlib.suppress(OSError):
                    await self._carry(reader, writer)
        except asyncio.CancelledError:
            pass  # the stream's own callback would complain of it
        finally:
            writer.close()
            self._carrying.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until either side has gone."""
        from_server, to_server = await asyncio.open_connection(*self._to)
        pumps = {
            asyncio.create_task(self._up(reader, to_server)),
            asyncio.create_task(self._down(from_server, writer)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_server.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._thawed.wait()
            writer.write(data)
            await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Frame by frame: a line, and for a message as many bytes as its line says."""
        while True:
            line = await reader.readuntil(b"\r\n")
            body = b""
            if line.startswith((b"MSG ", b"HMSG ")):
                body = await reader.readexactly(int(line.rsplit(b" ", 1)[1]) + 2)
            await self._thawed.wait()
            if line.startswith(b"MSG ") and _acknowledges(body) and self._swallow():
                self.swallowed += 1
                continue
            writer.write(line + body)
            await writer.drain()


def _acknowledges(body: bytes) -> bool:
    """Whether a message is the answer to a publish that a stream has stored."""
    if not body.startswith(b'{"stream":'):
        return False
    reply = json.loads(body)
    return "seq" in reply and "error" not in reply
