"""Services in a process: what each of them is given, and how all of them start, drain and stop.

`everything.py` hosts all services on embedded engines, `python -m services.<name>` one of them on those that its
settings name, the simulation all of them on engines in memory. A service does not know which. Nothing here listens:
`process.py` puts a host behind gRPC and HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from services.kit.reach import Reach, Unknown
from services.kit.relay import Relay
from services.kit.streams import NatsUser, declared, private_stream, stream_of, subjects_of
from services.kit.sweep import Sweeper
from services.kit.vouch import Vouch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    from services.kit.bus_port import Bus
    from services.kit.client import Channel
    from services.kit.clock import Clock, Ids
    from services.kit.http import App
    from services.kit.kept import Keeper
    from services.kit.logs import Log
    from services.kit.projection import Projection
    from services.kit.publication import Publication
    from services.kit.reactor import Reactor
    from services.kit.service import Service
    from services.kit.settings import Settings
    from services.kit.store.port import Kind, Record, Store
    from services.kit.streams import StreamSettings

DRAIN = 3.0
"""Seconds that what was committed last has to reach the bus before we stop."""


@dataclass(frozen=True)
class Plan:
    """One service, as a process has to know it before it runs. `name` is also its user on the bus.

    `kinds`: empty where it has no store. `follows` gives the names of the streams it reads, of a site. `reacts`: it has
    a stream of dead letters. `build` wires it into its host; it reads, and starts nothing by itself. `sample` fills a
    new database with examples, in development. `needs` names fields of the settings that must be stated where it runs
    alone, `needs_shared` those where it has no data folder of its own either.
    """

    name: str
    build: Callable[[Hosted], Awaitable[None]]
    kinds: tuple[Kind, ...] = ()
    publications: tuple[Publication, ...] = ()
    follows: Callable[[str], tuple[str, ...]] = lambda _: ()
    reacts: bool = False
    sample: Callable[[Store, Clock, Ids], Awaitable[None]] | None = None
    needs: tuple[str, ...] = ()
    needs_shared: tuple[str, ...] = ()


class Engines(Protocol):
    """Where a host's stores and connections come from."""

    @property
    def engine(self) -> str:
        """What the stores are: "sqlite", "mongodb", "memory"."""

    async def claim(self) -> None:
        """Takes what one process alone may have, before anything listens. Raises FolderTaken, OSError."""

    async def open(self, plans: tuple[Plan, ...]) -> None:
        """Starts what has to run before anything else, streams included. Raises OSError, ValueError, BusError."""

    async def store(self, plan: Plan) -> Store:
        """The service's store, open. The host closes it."""

    async def bus(self, plan: Plan) -> Bus:
        """The service's connection, opened; it may not be connected yet. The host closes it."""

    async def run(self) -> None:
        """What they do all the time, until cancelled."""

    async def problems(self) -> list[str]:
        """What is wrong with the engines just now, a sentence each."""

    async def close(self) -> None:
        """Stops what `open` started, and gives back what was claimed."""


def _nowhere(service: str) -> Channel:
    raise Unknown(service)


@dataclass
class Hosted:
    """One service in its process. `build` adds to it what the service consists of; the host runs and ends all of it."""

    plan: Plan
    settings: Settings
    clock: Clock
    ids: Ids
    log: Log
    bus: Bus
    own_store: Store | None = None
    engine: str = ""
    address: str = ""
    """How this machine reaches what it answers over HTTP ("http://127.0.0.1:8080")."""
    reach: Callable[[str], Channel] = _nowhere
    """A channel to another service, by its name, once something asks: not while it is built. Raises Unknown."""
    services: list[Service] = field(default_factory=list)
    """What it answers over gRPC."""
    mounts: dict[str, App] = field(default_factory=dict)
    """What it answers over HTTP, by first path segment ("/books"); "" is everything else."""
    keepers: list[Keeper] = field(default_factory=list)
    due: dict[str, Callable[[Record], Awaitable[None]]] = field(default_factory=dict)
    """Who decides about records of a kind whose time has come."""
    projections: dict[str, Projection] = field(default_factory=dict)
    """By the name of what is followed, for logs and readiness."""
    reactors: list[Reactor] = field(default_factory=list)
    works: dict[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """What else it does all the time, by a name for logs; each runs until cancelled."""
    vouch: Vouch = field(default_factory=Vouch)
    """What processes of the site tell each other by way of a third."""
    relay: Relay | None = None
    """The host's own doing, where the plan has publications."""
    sweeper: Sweeper | None = None
    """The host's own doing, where there is a store."""

    @property
    def store(self) -> Store:
        """Its store. Raises RuntimeError for a service that declared no kinds."""
        if self.own_store is None:
            raise RuntimeError(f"{self.plan.name} has no store")
        return self.own_store

    @property
    def shared(self) -> bool:
        """Whether other instances of the service may write to its store: a file has one owner."""
        return self.engine != "sqlite"

    def wake(self) -> None:
        """Something may be due now: the sweeper need not wait."""
        if self.sweeper is not None:
            self.sweeper.wake()


class Host:
    """Services on engines. `open` it, let it `follow`, and `stop` it in any case."""

    def __init__(
        self, plans: Sequence[Plan], engines: Engines, settings: Settings, clock: Clock, ids: Ids, log: Log
    ) -> None:
        self._plans = tuple(plans)
        self.engines = engines
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._log = log
        self._tasks: list[asyncio.Task[Any]] = []
        self.reach = Reach([plan.name for plan in self._plans], settings)
        self.vouch = Vouch.of(settings.page_secret)
        self.hosted: list[Hosted] = []
        self.failed = asyncio.Event()
        """Set when a part ended that never should."""

    async def open(self, address: str = "") -> None:
        """Comes back when every service can answer, from its own store alone. Raises what engines raise."""
        await self.engines.open(self._plans)
        self.task("engines", self.engines.run())
        for plan in self._plans:
            await self._host(plan, address)

    async def follow(self) -> None:
        """Comes back when all has been published that was to be, and everything followed has been caught up with.

        Fills the streams first: a reader of an empty or half filled one would say that nothing, or half, is on.
        """
        await self._settled()
        followed = [(one, name, each) for one in self.hosted for name, each in one.projections.items()]
        for one, name, projection in followed:
            self.task(f"{one.plan.name} follows {name}", projection.run())
        for one in self.hosted:
            for reactor in one.reactors:
                self.task(f"{one.plan.name} reacts", reactor.run())
        for _, _, projection in followed:
            await projection.ready.wait()

    async def stop(self) -> None:
        """Ends in good order: what was committed reaches the bus, then connections, stores, engines.

        Nobody calls any more. What a call that was given up still commits (`Heads.idle`) has to be waited for before
        that, as soon as a service decides on heads; none does yet.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._settled(), DRAIN)
        for task in reversed(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._closed("calls", self.reach.close())
        for one in self.hosted:
            await self._closed(f"{one.plan.name} bus", one.bus.close())
        for one in self.hosted:
            if one.own_store is not None:
                await self._closed(f"{one.plan.name} store", one.own_store.close())
        await self.engines.close()

    async def _closed(self, part: str, closing: Coroutine[Any, Any, None]) -> None:
        """One that does not close in good order keeps no other from it."""
        try:
            await closing
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest has to be closed too
            self._log.error("did not close in good order", part=part, error=repr(error))

    def task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Runs something until `stop`; that it ends by itself is a failure."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            self._log.error("a part of the system ended", part=task.get_name(), error=repr(task.exception()))
            self.failed.set()

    async def _host(self, plan: Plan, address: str) -> None:
        """One service, wired; what it owes to others is published and swept from here on."""
        log = self._log.bind(service=plan.name)
        bus = await self.engines.bus(plan)
        one = Hosted(plan, self._settings, self._clock, self._ids, log, bus, address=address, reach=self.reach.to)
        one.vouch = self.vouch
        self.hosted.append(one)
        if plan.kinds:
            one.own_store, one.engine = await self.engines.store(plan), self.engines.engine
        await plan.build(one)
        if plan.publications:
            site, source = self._settings.site, self._ids.random
            one.relay = Relay(one.store, bus, plan.publications, site, self._clock, log, source=source)
            self.task(f"{plan.name} relay", one.relay.run())
        for name, work in one.works.items():
            self.task(f"{plan.name} {name}", work())
        if one.due:
            one.sweeper = Sweeper(one.store, self._clock, one.due, log=log)
            self.task(f"{plan.name} sweeper", one.sweeper.run())

    async def _settled(self) -> None:
        await asyncio.gather(*(one.relay.settled() for one in self.hosted if one.relay is not None))


def user_of(plan: Plan, site: str) -> NatsUser:
    """What a service may do on the bus: publish its own, read what it follows."""
    shown = {(one.view, one.service) for one in plan.publications}
    if plan.reacts:
        shown.add(("dead", plan.name))
    publishes = tuple(subjects_of(site, view, service) for view, service in sorted(shown))
    follows = plan.follows(site)
    return NatsUser(plan.name, publishes=publishes, follows=follows, works=follows if plan.reacts else ())


def users_of(plans: Iterable[Plan], site: str) -> tuple[NatsUser, ...]:
    """All users of a site's broker: the services, and one that makes the streams."""
    return (NatsUser("provisioner", provisions=True), *(user_of(plan, site) for plan in plans))


def streams_of(plans: Iterable[Plan], site: str, replicas: int = 1) -> tuple[StreamSettings, ...]:
    """The streams that these services publish to or follow."""
    plans = tuple(plans)
    users = [user_of(plan, site) for plan in plans]
    names = {name for user in users for name in user.follows}
    names |= {stream_of(subject) for user in users for subject in user.publishes}
    prefix = private_stream(site, "")
    private = sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    reacts = [plan.name for plan in plans if plan.reacts]
    return tuple(stream for stream in declared(site, private, replicas, reacts=reacts) if stream.name in names)
