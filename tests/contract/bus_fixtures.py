"""A real nats-server for tests, on free ports, in a folder of its own; and its twin in memory for what both do."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from services.kit.bus import NatsBus
from services.kit.bus_memory import MemoryBroker, MemoryBus
from services.kit.clock import SystemClock, instant
from services.kit.event import Event, subject
from services.kit.folder import DataFolder
from services.kit.natsd import NatsServer
from services.kit.streams import NatsUser, declared, private_stream, provision, public_stream, subjects_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from services.kit.streams import StreamSettings

SITE = "home"
PUBLIC = public_stream(SITE)
PRIVATE = private_stream(SITE, "meetings")
REACTING = ("rsvps", "facilitators", "notifications")
STREAMS = declared(SITE, ["meetings", *REACTING], reacts=REACTING)
LOG = structlog.get_logger()
TIMEOUT, HEARTBEAT = 20.0, 4.0
"""Seconds for an answer and between signs of life, for a machine that is busy; two signs missed are a silence."""


def _service(name: str, follows: tuple[str, ...] = (), works: tuple[str, ...] = ()) -> NatsUser:
    views = ("public", "private", "dead") if works else ("public", "private")
    return NatsUser(name, tuple(subjects_of(SITE, view, name) for view in views), follows, works=works)


USERS = (
    NatsUser("provisioner", provisions=True),
    _service("meetings", follows=(PUBLIC,)),
    _service("rsvps", works=(PUBLIC, PRIVATE)),
    _service("facilitators", works=(PUBLIC,)),
    _service("notifications", works=(PUBLIC, private_stream(SITE, "rsvps"))),
    NatsUser("feeds", follows=(PUBLIC, PRIVATE)),
    NatsUser("web", follows=(PUBLIC, PRIVATE)),
)


class Site:
    """A running server with its streams, and connections as any of its users."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self._buses: list[NatsBus] = []

    async def bus(self, user: str, *, timeout: float = TIMEOUT, heartbeat: float = HEARTBEAT) -> NatsBus:  # noqa: ASYNC109 - that of the connection
        """A connection, made."""
        bus = NatsBus([self.server.url], user, self.server.password(user), LOG, timeout=timeout, heartbeat=heartbeat)
        self._buses.append(bus)
        await bus.open()
        await asyncio.wait_for(bus.ready(), 60)
        return bus

    async def provision(self) -> None:
        """Creates the streams."""
        await provision(await self.bus("provisioner"), STREAMS)

    async def recreate(self, stream: str) -> None:
        """Deletes a stream and makes it anew, as a wiped server would."""
        bus = await self.bus("provisioner")
        await bus._ask(f"$JS.API.STREAM.DELETE.{stream}")
        await provision(bus, STREAMS)

    async def put(self, subject: str, lines: Mapping[str, str], payload: bytes) -> None:
        """Stores any message, as the service that owns the subject could."""
        bus = await self.bus(subject.split(".")[3])
        await bus._ask(subject, payload, dict(lines))

    async def change(self, settings: StreamSettings) -> None:
        """Gives a stream other settings."""
        await (await self.bus("provisioner")).declare(settings)

    def crash(self) -> None:
        """The server is killed, and started again by itself."""
        kill(self.server)

    async def close(self) -> None:
        """Lets go of every connection."""
        for bus in self._buses:
            await bus.close()


class MemorySite:
    """The same in memory."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(SystemClock())
        for settings in STREAMS:
            self.broker.declare(settings)
        self._buses: list[MemoryBus] = []

    async def bus(self, user: str, **_: float) -> MemoryBus:
        """A connection, made; its answers come at once."""
        found = next(one for one in USERS if one.name == user)
        bus = MemoryBus(self.broker, found, self.broker.clock)
        self._buses.append(bus)
        await bus.open()
        return bus

    async def recreate(self, stream: str) -> None:
        """Makes a stream anew."""
        self.broker.wipe(stream)

    async def put(self, subject: str, lines: Mapping[str, str], payload: bytes) -> None:
        """Stores any message."""
        self.broker.put(subject, lines, payload)

    async def change(self, settings: StreamSettings) -> None:
        """Gives a stream other settings."""
        self.broker.declare(settings)

    def crash(self) -> None:
        """The broker stops, and soon runs again."""
        self.broker.stop()
        asyncio.get_running_loop().call_later(0.05, self.broker.start)

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


@asynccontextmanager
async def either(kind: str, path: Path) -> AsyncIterator[Site | MemorySite]:
    """A site on a nats-server ("nats") or in memory ("memory")."""
    if kind == "nats":
        async with running(path) as site:
            yield site
    else:
        memory = MemorySite()
        yield memory
        await memory.close()


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Comes back when the condition holds; the machine may be busy."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - any condition, also of other processes
            await asyncio.sleep(0.005)


def event(
    id_: str, revision: int, *, epoch: int = 1, view: str = "public", payload: bytes | None = b"state", **more: object
) -> Event:
    """A state of meeting `id_`."""
    where = subject(SITE, view, "meetings", "oak", "meeting", id_)
    return Event(where, epoch, revision, "openchair.test.v1.Thing", instant(SystemClock().now()), payload, **more)  # type: ignore[arg-type]  # needs, passed on
