"""All services, their stores and a nats-server in one process: what `make run` starts.

The same services and contracts as anywhere else; only the engines are embedded: SQLite and a supervised nats-server
under the data folder, which this process owns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from services.feeds import feeds
from services.kit.auth import verifier_of
from services.kit.bus import NatsBus
from services.kit.bus_port import BusError
from services.kit.clock import Clock, Ids, SystemClock, instant
from services.kit.folder import DataFolder, FolderTaken
from services.kit.http import App, Front, Health, HttpServer, respond_text
from services.kit.logs import Log, adopt_libraries, make_log
from services.kit.middleware import outer
from services.kit.natsd import NatsFailed, NatsServer
from services.kit.paging import Pages, page_key
from services.kit.relay import Relay, bury
from services.kit.server import GrpcServer
from services.kit.settings import Settings, SettingsError, read
from services.kit.store.sqlite import SqliteStore
from services.kit.streams import NatsUser, check, check_sync, declared, provision, public_stream, subjects_of
from services.kit.sweep import Sweeper
from services.meetings.desk import Desk
from services.meetings.records import KINDS, PUBLICATIONS
from services.meetings.service import Meetings
from services.web import web

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from services.kit.http import Receive, Scope, Send
    from services.kit.projection import Projection

DRAIN = 3.0  # seconds that what was committed last has to reach the bus before we stop
LOOK = 1.0  # seconds between two looks at whether the streams are still there


class Everything:
    """The whole system. `start` it, and `stop` it in any case; `http_port` and `grpc_port` are the real ones."""

    def __init__(self, settings: Settings, clock: Clock, ids: Ids, log: Log) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._tasks: list[asyncio.Task[Any]] = []
        self._buses: list[NatsBus] = []
        self.folder = DataFolder(settings.data, clock)
        self.nats = NatsServer(self.folder, _users(settings.site), clock, log)
        self._database = settings.data / "meetings.sqlite"
        self.store = SqliteStore(self._database, KINDS, clock)
        self.health = Health({"start": self._check_start})
        self._started = False
        self._front = Front(self.health.mounts(), _starting)
        self._http = HttpServer(self._front, settings.host, settings.http_port)
        self._grpc: GrpcServer | None = None
        self.meetings: Meetings
        self.relay: Relay
        self.projections: dict[str, Projection] = {}
        self.failed = asyncio.Event()

    @property
    def http_port(self) -> int:
        """Where pages and calendars are."""
        return self._http.port

    @property
    def grpc_port(self) -> int:
        """Where the services are."""
        return self._grpc.port if self._grpc else 0

    @property
    def address(self) -> str:
        """How this machine reaches the site."""
        return f"http://{self._settings.host}:{self.http_port}"

    async def start(self) -> None:
        """Comes back when everything answers. Raises FolderTaken, NatsFailed, OSError, ValueError."""
        await self.folder.acquire()
        await self._http.start()
        await self.nats.start()
        await self._provision()
        new = not self._database.exists()
        if self._settings.development and new:
            self._log.info("the data folder is empty: loading the sample centre")
            await self._load_sample()
        await self.store.open()
        await self._start_meetings(new_database=new)
        await self._start_readers()
        self.health.checks.update(store=self._check_store, bus=self._check_bus, calendars=self._check_projections)
        await self._follow()
        assert self._grpc is not None
        await self._grpc.ready()
        self._started = True

    async def stop(self) -> None:
        """Ends in good order: no new requests, what was committed reaches the bus, then the engines."""
        await asyncio.gather(self._stop_http(), self._stop_grpc())
        if self._grpc is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.relay.settled(), DRAIN)
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for bus in self._buses:
            await bus.close()
        await self.nats.stop()
        await self.store.close()
        self.folder.release()

    async def _stop_http(self) -> None:
        with contextlib.suppress(RuntimeError):
            await self._http.stop()

    async def _stop_grpc(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop()

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            self._log.error("a part of the system ended", part=task.get_name(), error=repr(task.exception()))
            self.failed.set()

    async def _bus(self, user: str) -> NatsBus:
        bus = NatsBus([self.nats.url], user, self.nats.password(user), self._log)
        self._buses.append(bus)
        await bus.open()
        await bus.ready()
        return bus

    async def _provision(self) -> None:
        bus = await self._bus("provisioner")
        await provision(bus, declared(self._settings.site, ()))
        problems = await check_sync([self.nats.monitor_url])
        if problems:
            raise ValueError("; ".join(problems))
        self._task("streams", self._keep_streams(bus))

    async def _keep_streams(self, bus: NatsBus) -> None:
        """Makes a stream again that went while we run, deleted or lost with its disk. The relay then fills it."""
        while True:
            await self._clock.sleep(LOOK)
            for settings in declared(self._settings.site, ()):
                with contextlib.suppress(BusError):  # the bus is away, which the relay says
                    if await bus.stream(settings.name) is None:
                        self._log.warning("a stream is gone: making it again", stream=settings.name)
                        await provision(bus, (settings,))

    async def _load_sample(self) -> None:
        """Makes the database beside its place: whoever ends us meanwhile leaves the whole sample or none of it."""
        draft = self._database.with_suffix(".new")
        for stale in draft.parent.glob(f"{draft.name}*"):
            stale.unlink()
        store = SqliteStore(draft, KINDS, self._clock)
        await store.open()
        try:
            meetings = Meetings(self._desk(store))
            await meetings.load()
            await meetings.sample.load()
        finally:
            await store.close()
        _put(draft, self._database)

    def _desk(self, store: SqliteStore) -> Desk:
        return Desk(store, self._clock, self._ids, Pages(page_key(self._settings.page_secret, self._ids)))

    async def _start_meetings(self, *, new_database: bool) -> None:
        settings = self._settings
        desk = self._desk(self.store)
        self.meetings = Meetings(desk)
        await self.meetings.load()
        bus = await self._bus("meetings")
        if new_database:
            await self._begin_anew(bus)
        self.relay = Relay(self.store, bus, PUBLICATIONS, settings.site, self._clock, self._log)
        sweeper = Sweeper(self.store, self._clock, self.meetings.due, log=self._log)
        desk.wake = sweeper.wake
        self._task("relay", self.relay.run())
        self._task("sweeper", sweeper.run())
        self._grpc = GrpcServer(
            self.meetings.services,
            outer(self._log, self._ids, verifier_of(settings, self._clock)),
            host=settings.host,
            port=settings.grpc_port,
            clock=self._clock,
            log=self._log,
            development=settings.development,
        )
        await self._grpc.start()

    async def _begin_anew(self, bus: NatsBus) -> None:
        """A new database on streams that are not: what a lost one published must not stay in every calendar."""
        site, now = self._settings.site, self._clock.now()
        if await bus.subjects(public_stream(site), subjects_of(site, "public", "meetings")):
            epoch = await self.store.raise_epoch(int(now.timestamp()))
            count = await bury(self.store, bus, PUBLICATIONS, site, epoch, instant(now))
            self._log.warning("the database is new, the streams are not: what it does not know is gone", records=count)

    async def _start_readers(self) -> None:
        settings = self._settings
        base_url = settings.public_url or self.address
        following, calendars = feeds(await self._bus("feeds"), settings.site, self._clock, base_url, self._log)
        self.projections["feeds"] = following
        self._front.mount("/calendars", calendars)
        self._front.keepers.append(calendars)
        following, pages = web(await self._bus("web"), settings.site, self._clock, settings.public_url, self._log)
        self.projections["web"] = following
        self._front.otherwise = cast("App", pages)

    async def _follow(self) -> None:
        """Fills the streams first: a reader of an empty or half filled one would say that nothing, or half, is on."""
        await self.relay.settled()
        for name, projection in self.projections.items():
            self._task(name, projection.run())
        for projection in self.projections.values():
            await projection.ready.wait()

    async def _check_start(self) -> str:
        return "" if self._started else "starting"

    async def _check_store(self) -> str:
        await self.store.find("centre", {}, limit=1)
        return ""

    async def _check_bus(self) -> str:
        if not all(bus.connected for bus in self._buses):
            return "not connected to nats-server"
        return "; ".join(await check(self._buses[0], declared(self._settings.site, ())))

    async def _check_projections(self) -> str:
        late = [name for name, projection in self.projections.items() if not projection.ready.is_set()]
        return f"still reading: {', '.join(late)}" if late else ""


async def _starting(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The app for what is not there yet: a calendar client that is told 404 may forget the calendar."""
    await respond_text(send, 503, "Starting: try again in a moment.", ((b"retry-after", b"5"),))


def _put(draft: Path, place: Path) -> None:
    """Gives a finished file its name, for good: what is written to it later must not be lost with the name."""
    draft.replace(place)
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _users(site: str) -> tuple[NatsUser, ...]:
    """Who may do what on the bus: each service its own, and one that makes the streams."""
    public = public_stream(site)
    return (
        NatsUser("provisioner", provisions=True),
        NatsUser("meetings", publishes=(subjects_of(site, "public", "meetings"),)),
        NatsUser("feeds", follows=(public,)),
        NatsUser("web", follows=(public,)),
    )


async def run(settings: Settings, log: Log) -> int:
    """Runs until a signal; the exit code."""
    started = time.monotonic()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    system = Everything(settings, SystemClock(), Ids(), log)
    starting = asyncio.create_task(system.start())
    waiting = asyncio.create_task(stopping.wait())
    failing = asyncio.create_task(system.failed.wait())
    try:
        await asyncio.wait((starting, waiting, failing), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            print(_welcome(system, settings, time.monotonic() - started), flush=True)
            await asyncio.wait((waiting, failing), return_when=asyncio.FIRST_COMPLETED)
    except (FolderTaken, NatsFailed, BusError, OSError, ValueError) as error:
        print(f"openchair: cannot start: {error}", file=sys.stderr)
        return 1
    finally:
        starting.cancel()
        waiting.cancel()
        failing.cancel()
        await asyncio.gather(starting, waiting, failing, return_exceptions=True)
        await system.stop()
    return 1 if system.failed.is_set() else 0


def _welcome(system: Everything, settings: Settings, seconds: float) -> str:
    """What a person sees first."""
    base = settings.public_url or system.address
    lines = [
        f"Openchair is ready ({seconds:.1f} s). Ctrl-C stops it.",
        "",
        f"  Meetings, and how to subscribe   {base}/",
        f"  Calendar of a centre             {base}/calendars/<centre>.ics   (the sample: riverside)",
        f"  gRPC                             {settings.host}:{system.grpc_port}",
        f"  Data                             {settings.data.resolve()}",
    ]
    if settings.public_url is None:
        lines += ["", "  These addresses work on this machine only: set OPENCHAIR_PUBLIC_URL for others to reach it."]
    return "\n".join(lines)


def main() -> None:
    """Entry point: settings from the environment, one process."""
    try:
        settings = read(os.environ)
        _refuse_other_engines(settings)
    except SettingsError as error:
        print("openchair: cannot start:", *error.problems, sep="\n  ", file=sys.stderr)
        raise SystemExit(2) from None
    log = make_log(settings.log_level)
    adopt_libraries(settings.log_level)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise SystemExit(runner.run(run(settings, log)))


def _refuse_other_engines(settings: Settings) -> None:
    """This process brings its own engines; it does not silently leave out what was asked for."""
    problems = [
        f"{key}: everything in one process runs on its own engines; leave it out"
        for key, value in (("MONGODB_URL", settings.mongodb_url), ("NATS_URL", settings.nats_url))
        if value
    ]
    if problems:
        raise SettingsError(problems)


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
