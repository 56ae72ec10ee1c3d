"""A process that hosts services behind gRPC and HTTP, says how it is, and ends in good order at a signal."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from services.kit.admin import Admin
from services.kit.auth import verifier_of
from services.kit.bus_port import BusError
from services.kit.client import connect
from services.kit.clock import Ids, SystemClock
from services.kit.folder import FolderTaken
from services.kit.host import Host
from services.kit.http import Front, HttpServer, not_found, respond_text
from services.kit.logs import adopt_libraries, make_log
from services.kit.metrics import Metrics, program_version
from services.kit.middleware import outer
from services.kit.natsd import NatsFailed
from services.kit.network import reader
from services.kit.readiness import Readiness
from services.kit.server import GrpcServer
from services.kit.settings import Settings, SettingsError, read
from services.kit.store.port import Unwritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from services.kit.call import Middleware
    from services.kit.client import Channel
    from services.kit.clock import Clock
    from services.kit.host import Engines, Plan
    from services.kit.http import Receive, Scope, Send
    from services.kit.logs import Log
    from services.kit.trace import Traces

LOOK = 2.0
"""Seconds between two looks at how it is."""
GARBAGE = (10_000, 10, 10)
"""How much comes before cycles are looked for (`gc.set_threshold`). Documents are trees, read by the thousand: with
Python's own 700 a third of a start was spent on looking through them."""
COLLECTORS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Where traces go. The library that sends them reads these and its other settings (OTEL_*) by itself."""


class Process:
    """A host with its listeners. `start` it, and `stop` it in any case; `http_port`, `grpc_port` are the real ones."""

    def __init__(
        self, plans: Sequence[Plan], engines: Engines, settings: Settings, clock: Clock, ids: Ids, log: Log
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._grpc: GrpcServer | None = None
        name = f"openchair-{plans[0].name}" if len(plans) == 1 else "openchair"
        self._traces = _traces(name, os.environ, clock, log)
        traced = engines if self._traces is None else self._traces.engines(engines)
        self.host = Host(plans, traced, settings, clock, ids, log)
        self.host.reach.own = self._own_channel
        self._readiness = Readiness(self.host)
        self.health = self._readiness.health
        self.metrics = Metrics(self.health.problems)
        self._admin = Admin(self.host.hosted, self.health.problems, settings, clock, ids, log)
        self._front = Front({**self.health.mounts(), "/metrics": self.metrics.app}, _starting)
        self._http = HttpServer(self._front, settings.host, settings.http_port)

    @property
    def http_port(self) -> int:
        """Where HTTP is answered."""
        return self._http.port

    @property
    def grpc_port(self) -> int:
        """Where gRPC is answered."""
        return self._grpc.port if self._grpc else 0

    @property
    def address(self) -> str:
        """How this machine reaches it over HTTP."""
        return f"http://{self._settings.host}:{self.http_port}"

    def _own_channel(self) -> Channel:
        """How the services of this process call each other: through the listener, as from anywhere."""
        host = self._settings.host
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - an address to reach, not to bind
        return connect(f"[{here}]:{self.grpc_port}" if ":" in here else f"{here}:{self.grpc_port}", plain=True)

    async def start(self) -> None:
        """Comes back when everything answers. Raises FolderTaken, NatsFailed, BusError, OSError, ValueError."""
        await self.host.engines.claim()
        await self._http.start()
        await self.host.open(self.address)
        for one in self.host.hosted:
            self.metrics.add(one)
        self._grpc = self._grpc_server()
        await self._grpc.start()
        self._mount()
        self._readiness.opened = True
        self.host.task("health", self._tell_health(self._grpc))
        if any(one.own_store is not None for one in self.host.hosted):
            self.host.task("backups", self._admin.run())
        await self.host.follow()
        await self._grpc.ready(ready=self.health.serves(await self.health.problems()))

    async def stop(self) -> None:
        """No new requests; those under way end, what was committed reaches the bus, then the engines."""
        await asyncio.gather(self._stop_http(), self._stop_grpc())
        await self.host.stop()
        if self._traces is not None:
            await self._traces.close()

    async def _stop_http(self) -> None:
        with contextlib.suppress(RuntimeError):
            await self._http.stop()

    async def _stop_grpc(self) -> None:
        if self._grpc is not None:
            await self._grpc.stop()

    def _grpc_server(self) -> GrpcServer:
        settings = self._settings
        return GrpcServer(
            [*(service for one in self.host.hosted for service in one.services), self._admin.service],
            (*self._watchers(), *outer(self._log, self._ids, verifier_of(settings, self._clock))),
            host=settings.host,
            port=settings.grpc_port,
            clock=self._clock,
            log=self._log,
            development=settings.development,
            network=reader(self.host.vouch, behind_proxy=settings.behind_tls_proxy),
        )

    def _watchers(self) -> Iterator[Middleware]:
        """What looks at every call from the outside."""
        yield self.metrics.middleware
        if self._traces is not None:
            yield self._traces.middleware

    def _mount(self) -> None:
        self._front.otherwise = not_found
        for one in self.host.hosted:
            self._front.keepers.extend(one.keepers)
            for prefix, app in one.mounts.items():
                if prefix:
                    self._front.mount(prefix, app)
                else:
                    self._front.otherwise = app

    async def _tell_health(self, grpc: GrpcServer) -> None:
        """Says in gRPC's health service what /readyz/serving says, and in the log what /readyz does."""
        known: dict[str, str] | None = None
        while True:
            problems = await self.health.problems()
            await grpc.ready(ready=self.health.serves(problems))
            if known is not None and problems != known:
                self._log.warning("not ready", **problems) if problems else self._log.info("ready")
            known = problems
            await self._clock.sleep(LOOK)


def _traces(name: str, environ: Mapping[str, str], clock: Clock, log: Log) -> Traces | None:
    """Traces for who names a collector; for anybody else nothing of them is loaded. Raises ValueError."""
    if not any(environ.get(key) for key in COLLECTORS):
        return None
    from services.kit.trace import Traces  # noqa: PLC0415 - see above

    try:
        return Traces(name, program_version(), clock, log)
    except Exception:  # noqa: BLE001 - the library raises what it likes; its text may hold what a header says
        raise ValueError("a setting of OpenTelemetry (OTEL_...) is not what it should be, such as a number") from None


async def _starting(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The app for what is not there yet: a client that is told 404 may forget the address."""
    await respond_text(send, 503, "Starting: try again in a moment.", ((b"retry-after", b"5"),))


async def run(process: Process, welcome: Callable[[float], str]) -> int:
    """Runs until a signal; the exit code. `welcome` says what a person sees first, given the seconds of the start."""
    started = time.monotonic()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop_or_end, stopping, number)
    starting = asyncio.create_task(process.start())
    waiting = asyncio.create_task(stopping.wait())
    failing = asyncio.create_task(process.host.failed.wait())
    try:
        await asyncio.wait((starting, waiting, failing), return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            print(welcome(time.monotonic() - started), flush=True)
            await asyncio.wait((waiting, failing), return_when=asyncio.FIRST_COMPLETED)
    except (FolderTaken, NatsFailed, BusError, Unwritten, OSError, ValueError) as error:
        print(f"openchair: cannot start: {error}. `openchair doctor` says more", file=sys.stderr)
        return 1
    finally:
        starting.cancel()
        waiting.cancel()
        failing.cancel()
        await asyncio.gather(starting, waiting, failing, return_exceptions=True)
        await process.stop()
    if stopping.is_set():
        print("openchair: stopped", file=sys.stderr)
    return 1 if process.host.failed.is_set() else 0


def _stop_or_end(stopping: asyncio.Event, number: int) -> None:
    """The first signal ends in good order, the second at once: nothing that was acknowledged is lost by it."""
    if stopping.is_set():
        os._exit(128 + number)
    stopping.set()


def main(
    make: Callable[[Settings, Clock, Ids, Log], Process],
    welcome: Callable[[Process, Settings, float], str],
    refuse: Callable[[Settings], list[str]],
) -> NoReturn:
    """Entry point of a program: settings from the environment, one process, one event loop. Ends with its exit code.

    `refuse` says what of the settings does not fit this program, a sentence each that begins with the key.
    """
    try:
        settings = read(os.environ)
        problems = refuse(settings)
    except SettingsError as error:
        settings, problems = Settings(), error.problems
    if problems:
        print("openchair: cannot start:", *problems, sep="\n  ", file=sys.stderr)
        raise SystemExit(2)
    log = make_log(settings.log_level)
    adopt_libraries(settings.log_level)
    gc.set_threshold(*GARBAGE)

    async def whole() -> int:
        try:
            process = make(settings, SystemClock(), Ids(), log)
        except ValueError as error:
            print(f"openchair: cannot start: {error}", file=sys.stderr)
            return 2
        return await run(process, lambda seconds: welcome(process, settings, seconds))

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        raise SystemExit(runner.run(whole()))


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
