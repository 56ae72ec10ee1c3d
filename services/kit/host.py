"""A process that hosts services: what each of them is given, and how all of them start, drain and stop.

`everything.py` hosts all services on embedded engines, `python -m services.<name>` one of them on those that its
settings name, the simulation all of them on engines in memory. A service does not know which.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.kit.bus_port import Bus
    from services.kit.clock import Clock, Ids
    from services.kit.http import App
    from services.kit.kept import Keeper
    from services.kit.logs import Log
    from services.kit.projection import Projection
    from services.kit.publication import Publication
    from services.kit.reactor import Reactor
    from services.kit.relay import Relay
    from services.kit.service import Service
    from services.kit.settings import Settings
    from services.kit.store.port import Kind, Record, Store

Due = "Mapping[str, Callable[[Record], Awaitable[None]]]"


@dataclass(frozen=True)
class Plan:
    """One service, as a process has to know it before it runs. `name` is also its user on the bus.

    `kinds`: empty where it has no store. `follows` gives the names of the streams it reads, of a site. `reacts`: it has
    a stream of dead letters. `build` wires it into its host; it reads, and starts nothing by itself.
    """

    name: str
    build: Callable[[Hosted], Awaitable[None]]
    kinds: tuple[Kind, ...] = ()
    publications: tuple[Publication, ...] = ()
    follows: Callable[[str], tuple[str, ...]] = lambda _: ()
    reacts: bool = False


class Engines(Protocol):
    """Where a host's stores and connections come from."""

    async def open(self, plans: tuple[Plan, ...]) -> None:
        """Starts what has to run before anything else, streams included. Raises OSError, ValueError, BusError."""

    async def store(self, plan: Plan) -> Store:
        """The service's store, open."""

    async def bus(self, plan: Plan) -> Bus:
        """The service's connection, opened; it may not be connected yet."""

    async def problems(self) -> list[str]:
        """What is wrong with the engines just now, a sentence each."""

    async def close(self) -> None:
        """Stops what `open` started."""


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
    services: list[Service] = field(default_factory=list)
    """What it answers over gRPC."""
    mounts: dict[str, App] = field(default_factory=dict)
    """What it answers over HTTP, by first path segment ("/calendars"); "" is everything else."""
    keepers: list[Keeper] = field(default_factory=list)
    due: dict[str, Callable[[Record], Awaitable[None]]] = field(default_factory=dict)
    """Who decides about records of a kind whose time has come."""
    projections: dict[str, Projection] = field(default_factory=dict)
    reactors: list[Reactor] = field(default_factory=list)
    relay: Relay | None = None
    """The host's own doing, where the plan has publications."""

    @property
    def store(self) -> Store:
        """Its store. Raises RuntimeError for a service that declared no kinds."""
        if self.own_store is None:
            raise RuntimeError(f"{self.plan.name} has no store")
        return self.own_store
