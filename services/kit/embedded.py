"""Engines that a process brings itself: SQLite and a supervised nats-server, in a data folder that it owns."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from services.kit.bus import NatsBus
from services.kit.bus_port import BusError
from services.kit.folder import DataFolder
from services.kit.host import streams_of, users_of
from services.kit.natsd import NatsServer
from services.kit.store.sqlite import SqliteStore
from services.kit.streams import check, check_sync, provision

if TYPE_CHECKING:
    from pathlib import Path

    from services.kit.clock import Clock, Ids
    from services.kit.host import Plan
    from services.kit.logs import Log
    from services.kit.settings import Settings
    from services.kit.streams import StreamSettings

LOOK = 1.0  # seconds between two looks at whether the streams are still there


class Embedded:
    """Everything on this machine, for all services of the site: its users on the bus are made of them."""

    engine = "sqlite"

    def __init__(self, settings: Settings, clock: Clock, ids: Ids, log: Log) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._streams: tuple[StreamSettings, ...] = ()
        self._nats: NatsServer | None = None
        self._provisioner: NatsBus | None = None
        self._folder = DataFolder(settings.data, clock)

    async def claim(self) -> None:
        """Takes the data folder. Raises FolderTaken, OSError."""
        await self._folder.acquire()

    async def open(self, plans: tuple[Plan, ...]) -> None:
        """Starts the nats-server and makes the streams. Raises NatsFailed, OSError, ValueError, BusError."""
        site = self._settings.site
        self._streams = streams_of(plans, site)
        self._nats = NatsServer(self._folder, users_of(plans, site), self._clock, self._log)
        await self._nats.start()
        self._provisioner = await self._bus("provisioner")
        await provision(self._provisioner, self._streams)
        problems = await check_sync([self._nats.monitor_url])
        if problems:
            raise ValueError("; ".join(problems))

    async def store(self, plan: Plan) -> SqliteStore:
        """The service's database in the data folder, made where there is none."""
        return await open_sqlite(plan, self._settings, self._clock, self._ids, self._log)

    async def bus(self, plan: Plan) -> NatsBus:
        """The service's connection, made."""
        return await self._bus(plan.name)

    async def run(self) -> None:
        """Makes a stream again that went while we run, deleted or lost with its disk. The relays then fill it."""
        assert self._provisioner is not None
        while True:
            await self._clock.sleep(LOOK)
            if self._nats is not None and self._nats.unwatched.is_set():
                raise RuntimeError("nobody would start the nats-server again")
            if self._nats is not None:
                await self._nats.tend()
            for settings in self._streams:
                with contextlib.suppress(BusError):  # the bus is away, which the relay says
                    if await self._provisioner.stream(settings.name) is None:
                        self._log.warning("a stream is gone: making it again", stream=settings.name)
                        await provision(self._provisioner, (settings,))

    async def problems(self) -> list[str]:
        """What differs from what was declared, and why nothing can be stored."""
        if self._provisioner is None or self._nats is None:
            return []
        return [*filter(None, [self._nats.trouble]), *await check(self._provisioner, self._streams)]

    async def close(self) -> None:
        """Stops the nats-server, then lets go of the data folder."""
        if self._provisioner is not None:
            await self._provisioner.close()
        if self._nats is not None:
            await self._nats.stop()
        self._folder.release()

    async def _bus(self, user: str) -> NatsBus:
        assert self._nats is not None
        bus = NatsBus([self._nats.url], user, self._nats.password(user), self._log)
        await bus.open()
        try:
            await bus.ready()
        except BaseException:
            await bus.close()
            raise
        return bus


async def open_sqlite(plan: Plan, settings: Settings, clock: Clock, ids: Ids, log: Log) -> SqliteStore:
    """The service's database in the data folder, open; a new one gets its name when it is whole.

    Whoever ends us meanwhile leaves a database with all of the sample, or none. A new one begins a new epoch: streams
    may still hold what a lost one published.
    """
    path = settings.data / f"{plan.name}.sqlite"
    if not path.exists():
        draft = path.with_suffix(".new")
        for stale in draft.parent.glob(f"{draft.name}*"):
            stale.unlink()
        await _fill(plan, draft, settings, clock, ids, log)
        _put(draft, path)
    store = SqliteStore(path, plan.kinds, clock)
    await store.open()
    return store


async def _fill(plan: Plan, draft: Path, settings: Settings, clock: Clock, ids: Ids, log: Log) -> None:
    store = SqliteStore(draft, plan.kinds, clock)
    await store.open()
    try:
        await store.raise_epoch(int(clock.now().timestamp()))
        if settings.development and plan.sample is not None:
            log.info("the data folder is empty: loading the sample", service=plan.name)
            await plan.sample(store, clock, ids)
    finally:
        await store.close()


def _put(draft: Path, path: Path) -> None:
    """Gives a finished file its name, for good: what is written to it later must not be lost with the name."""
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
