"""Engines that the settings name: a NATS cluster, and MongoDB or SQLite. For a service that runs alone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, NoReturn

from services.kit.bus import NatsBus
from services.kit.bus_port import BusError
from services.kit.credentials import credentials_of
from services.kit.embedded import open_sqlite
from services.kit.folder import DataFolder
from services.kit.host import streams_of
from services.kit.process import Process, main
from services.kit.settings import key_of
from services.kit.store.port import Unwritten
from services.kit.streams import check, check_sync

if TYPE_CHECKING:
    from services.kit.bus_port import Bus
    from services.kit.clock import Clock, Ids
    from services.kit.host import Plan
    from services.kit.logs import Log
    from services.kit.settings import Settings
    from services.kit.store.port import Kind, Store

LOOK = 5.0
"""Seconds between two looks at the broker's streams and servers."""

PATIENCE = 1.0
"""Seconds that a start waits for the broker before it goes on without."""

UNSYNCED = (
    "it cannot be seen that jetstream.sync_interval is 'always': NATS_MONITOR_URLS names no server"
    " (or set OPENCHAIR_NATS_SYNC_TRUSTED=true)"
)
UNSEEN = "the broker has not been looked at yet"


class Deployed:
    """What one service runs on where others run beside it. It waits for its broker and its database for ever.

    It makes no streams: whoever may, could have one copy what others keep to themselves.
    """

    def __init__(self, plan: Plan, settings: Settings, clock: Clock, ids: Ids, log: Log) -> None:
        self._plan = plan
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._bus: NatsBus | None = None
        self._found = [UNSEEN]
        self._waiting = ""
        self._connected = asyncio.Event()
        self._folder = DataFolder(settings.data, clock) if owns_folder(plan, settings) else None

    @property
    def engine(self) -> str:
        """What the store is."""
        return "mongodb" if self._settings.mongodb_url else "sqlite"

    async def claim(self) -> None:
        """Takes the data folder, where there is one to be taken. Raises FolderTaken, OSError."""
        if self._folder is not None:
            await self._folder.acquire()

    async def open(self, _plans: tuple[Plan, ...], /) -> None:
        """Nothing has to run before the service: what it needs is run by others."""

    async def store(self, plan: Plan) -> Store:
        """The service's database."""
        settings = self._settings
        if settings.mongodb_url is None:
            return await open_sqlite(plan, settings, self._clock, self._ids, self._log)
        return await self._mongodb(plan, settings.mongodb_url)

    async def bus(self, plan: Plan) -> Bus:
        """The service's connection, under way. Raises ValueError for credentials that do not fit."""
        user, password = credentials_of(self._settings)
        urls = [url.strip() for url in (self._settings.nats_url or "").split(",")]
        self._bus = bus = NatsBus(urls, user, password, self._log.bind(service=plan.name))
        bus.watch(self._connected.set)
        await bus.open()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):  # mostly it is there: then nobody has to begin twice
                    await bus.ready()
        except BaseException:
            await bus.close()
            raise
        return bus

    async def run(self) -> None:
        """Looks at the broker again and again, and says what has changed."""
        while True:
            found = await self._look()
            if found not in (self._found, [UNSEEN]):
                level = self._log.warning if found else self._log.info
                level("looked at the broker", problems=found)
            self._found = found
            await self._pause()

    async def problems(self) -> list[str]:
        """What the last look at the broker found, and what is waited for."""
        waiting = [self._waiting] if self._waiting else []
        away = self._bus is None or not self._bus.connected
        return [*waiting, *([] if away else self._found)]

    async def close(self) -> None:
        """Lets go of the data folder."""
        if self._folder is not None:
            self._folder.release()

    async def _look(self) -> list[str]:
        if self._bus is None or not self._bus.connected:
            return [UNSEEN]
        self._connected.clear()
        try:
            wrong = await check(self._bus, streams_of((self._plan,), self._settings.site))
        except BusError as error:
            return [f"the broker does not answer: {error}"]
        return [*wrong, *await self._sync()]

    async def _sync(self) -> list[str]:
        settings = self._settings
        if settings.nats_sync_trusted:
            return []
        if not settings.nats_monitor_urls:
            return [UNSYNCED]
        return await check_sync(settings.nats_monitor_urls)

    async def _pause(self) -> None:
        """Until it is time to look again; at once after each connection that is made."""
        waits = {asyncio.ensure_future(self._connected.wait()), asyncio.ensure_future(self._clock.sleep(LOOK))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _mongodb(self, plan: Plan, url: str) -> Store:
        """The database, once it can be reached. A new one begins a new epoch: streams may know a lost one."""
        from services.kit.store.mongo import MongoStore  # noqa: PLC0415 - a driver that SQLite's users do without

        settings = self._settings
        database = settings.mongodb_database or f"openchair_{settings.site}_{plan.name}"
        while True:
            store = MongoStore(url, database, plan.kinds, self._clock)
            try:
                await store.open()
                if await _is_new(store, plan.kinds):
                    await store.raise_epoch(int(self._clock.now().timestamp()))
            except (OSError, Unwritten) as error:
                await store.close()
                waiting, self._waiting = self._waiting, f"waits for its database: {error}"
                if waiting != self._waiting:  # once for as long as it stays so
                    self._log.warning("waits for its database", error=str(error))
                await self._clock.sleep(LOOK)
            except BaseException:
                await store.close()
                raise
            else:
                self._waiting = ""
                return store


def owns_folder(plan: Plan, settings: Settings) -> bool:
    """Whether the service keeps its database, and keys, in a data folder of its own."""
    return bool(plan.kinds) and settings.mongodb_url is None


def refusals(plan: Plan, settings: Settings) -> list[str]:
    """What the service cannot run alone without, or with, a sentence each."""
    problems = [] if settings.nats_url else [f"NATS_URL is needed: {plan.name} alone brings no broker of its own"]
    try:
        credentials_of(settings)
    except ValueError as error:
        problems.append(str(error))
    needs = list(plan.needs)
    if not owns_folder(plan, settings):
        needs.append("token_keys")
    if plan.kinds and settings.mongodb_url is not None:
        needs += ["page_secret", *plan.needs_shared]
    return problems + [
        f"{key_of(name)} is needed, the same for each {plan.name} that runs: .env.example says what it is"
        for name in dict.fromkeys(needs)
        if getattr(settings, name) is None
    ]


def alone(plan: Plan) -> NoReturn:
    """Entry point of one service as a process of its own."""

    def make(settings: Settings, clock: Clock, ids: Ids, log: Log) -> Process:
        return Process((plan,), Deployed(plan, settings, clock, ids, log), settings, clock, ids, log)

    def welcome(process: Process, settings: Settings, seconds: float) -> str:
        where = f"HTTP {process.address}, gRPC {settings.host}:{process.grpc_port}"
        return f"Openchair's {plan.name} of site {settings.site} is ready ({seconds:.1f} s): {where}"

    main(make, welcome, lambda settings: refusals(plan, settings))


async def _is_new(store: Store, kinds: tuple[Kind, ...]) -> bool:
    """Whether it has never held anything: its epoch is the first, and there are no records."""
    if await store.epoch() > 1:
        return False
    pages = [await store.find(kind.name, {}, limit=1) for kind in kinds]
    return not any(page.records for page in pages)
