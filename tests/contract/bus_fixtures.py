"""A real nats-server for tests: one per module that asks for it, on free ports, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from services.kit.bus import NatsBus
from services.kit.clock import SystemClock, instant
from services.kit.event import Event, subject
from services.kit.folder import DataFolder
from services.kit.natsd import NatsServer
from services.kit.streams import NatsUser, declared, private_stream, provision, public_stream, subjects_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SITE = "home"
PUBLIC = public_stream(SITE)
PRIVATE = private_stream(SITE, "meetings")
STREAMS = declared(SITE, ["meetings", "rsvps"])
LOG = structlog.get_logger()
HEARTBEAT = 0.2

USERS = (
    NatsUser("provisioner", provisions=True),
    NatsUser(
        "meetings",
        publishes=(subjects_of(SITE, "public", "meetings"), subjects_of(SITE, "private", "meetings")),
        follows=(PUBLIC,),
    ),
    NatsUser("rsvps", publishes=(subjects_of(SITE, "public", "rsvps"), subjects_of(SITE, "private", "rsvps"))),
    NatsUser("feeds", follows=(PUBLIC,)),
)


class Site:
    """A running server with its streams, and connections as any of its users."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self._buses: list[NatsBus] = []

    async def bus(self, user: str) -> NatsBus:
        """A connection, made."""
        bus = NatsBus([self.server.url], user, self.server.password(user), LOG, timeout=1.0, heartbeat=HEARTBEAT)
        self._buses.append(bus)
        await bus.open()
        await asyncio.wait_for(bus.ready(), 10)
        return bus

    async def provision(self) -> None:
        """Creates the streams."""
        await provision(await self.bus("provisioner"), STREAMS)

    async def recreate(self, stream: str) -> None:
        """Deletes a stream and makes it anew, as a wiped server would."""
        bus = await self.bus("provisioner")
        await bus._ask(f"$JS.API.STREAM.DELETE.{stream}")
        await provision(bus, STREAMS)

    async def close(self) -> None:
        """Lets go of every connection."""
        for bus in self._buses:
            await bus.close()


def kill(server: NatsServer) -> int:
    """Kills the server as a crash would; it is started again by itself."""
    pid = server.pid
    os.kill(pid, signal.SIGKILL)
    return pid


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Site]:
    """A server in `path` with the streams of the site."""
    folder = DataFolder(path)
    await folder.acquire()
    server = NatsServer(folder, USERS, SystemClock(), LOG)
    await server.start()
    site = Site(server)
    try:
        await site.provision()
        yield site
    finally:
        await site.close()
        await server.stop()
        folder.release()


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    """Comes back when the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition, also of other processes
            await asyncio.sleep(0.005)


def event(
    id_: str, revision: int, *, epoch: int = 1, view: str = "public", payload: bytes | None = b"state", **more: object
) -> Event:
    """A state of meeting `id_`."""
    where = subject(SITE, view, "meetings", "oak", "meeting", id_)
    return Event(where, epoch, revision, "openchair.test.v1.Thing", instant(SystemClock().now()), payload, **more)  # type: ignore[arg-type]  # needs, passed on
