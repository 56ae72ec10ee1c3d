"""What hosts run on in the simulation: stores that outlive their process, connections to one broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from services.kit import points
from services.kit.bus_memory import MemoryBus
from services.kit.host import user_of
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import OutcomeUnknown, Unwritten
from tests.sim.loop import HERE, Killed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from services.kit.broker import MemoryBroker
    from services.kit.clock import Clock
    from services.kit.host import Plan
    from services.kit.store.port import Commit, Kind, Page, Position, Record, RequestKey, Where

SLOWEST = 0.02
"""Seconds that a question to a store takes at most."""


class Odds:
    """How likely things go wrong, each from 0 to 1; all of them 0 once a run has been healed."""

    def __init__(self) -> None:
        self.unwritten = 0.0
        """A commit is refused, nothing is written."""
        self.unknown = 0.0
        """A commit is written, and said not to be known."""
        self.lost_request = 0.0
        """A call does not arrive."""
        self.lost_reply = 0.0
        """A call is answered, and the answer does not arrive."""

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.unwritten = self.unknown = self.lost_request = self.lost_reply = 0.0


class SimStore(MemoryStore):
    """The store in memory, on a disk shared with other processes: it takes time, and commits go wrong."""

    def __init__(self, kinds: Sequence[Kind], clock: Clock, disk: Disk, chance: random.Random, odds: Odds) -> None:
        super().__init__(kinds, clock, disk)
        self._chance = chance
        self._odds = odds

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as in the port
        await self._pause()
        return await super().get(kind, id)

    async def find(
        self, kind: str, where: Where, order: Sequence[str] = (), limit: int = 100, after: Position | None = None
    ) -> Page:
        await self._pause()
        return await super().find(kind, where, order, limit, after)

    async def answer(self, request: RequestKey) -> Any:
        await self._pause()
        return await super().answer(request)

    async def unpublished(self, limit: int) -> list[Record]:
        await self._pause()
        return await super().unpublished(limit)

    async def published(self, kind: str, id: str, view: str, epoch: int, revision: int, sequence: int) -> None:  # noqa: A002 - as in the port
        await self._pause()
        await super().published(kind, id, view, epoch, revision, sequence)

    async def commit(self, change: Commit) -> None:
        """Written although its caller is cancelled meanwhile, as by the others."""
        writing = asyncio.create_task(self._commit(change))
        writing.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(writing)

    async def _commit(self, change: Commit) -> None:
        await self._pause()
        if self._chance.random() < self._odds.unwritten:
            raise Unwritten("the disk is full")
        points.reach("store.commit")
        await super().commit(change)
        points.reach("store.committed")
        await self._pause()
        if self._chance.random() < self._odds.unknown:
            raise OutcomeUnknown("the answer was lost")

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.random() * SLOWEST)


class SimEngines:
    """The engines of one process. `noted` is called for each commit of its stores, as it is written."""

    engine = "memory"

    def __init__(
        self,
        site: str,
        broker: MemoryBroker,
        disks: dict[str, Disk],
        clock: Clock,
        chance: random.Random,
        odds: Odds,
        noted: Callable[[Commit], None],
    ) -> None:
        self._site = site
        self._broker = broker
        self._disks = disks
        self._clock = clock
        self._chance = chance
        self._odds = odds
        self._noted = noted
        self.buses: list[MemoryBus] = []

    async def claim(self) -> None:
        """Nobody else could have it."""

    async def open(self, plans: tuple[Plan, ...]) -> None:
        """The broker and its streams are the operator's."""

    async def store(self, plan: Plan) -> SimStore:
        """The service's store, on the disk that its instances share."""
        disk = self._disks.setdefault(plan.name, Disk())
        store = SimStore(plan.kinds, self._clock, disk, self._chance, self._odds)
        await store.open()
        store.watch(self._noted)
        return store

    async def bus(self, plan: Plan) -> MemoryBus:
        """A connection, made when the broker runs."""
        bus = MemoryBus(self._broker, user_of(plan, self._site), self._clock)
        self.buses.append(bus)
        await bus.open()
        return bus

    async def run(self) -> None:
        """Nothing, for ever."""
        await asyncio.Event().wait()

    async def problems(self) -> list[str]:
        """None that it knows of."""
        return []

    async def close(self) -> None:
        """Nothing to stop."""


class Doom:
    """Ends a process when it comes to a named point for the so-manieth time."""

    def __init__(self, point: str, times: int) -> None:
        self.point = point
        self.left = times

    def met(self, point: str) -> bool:
        """Whether this is the moment."""
        self.left -= point == self.point
        return point == self.point and self.left == 0


def _reached(point: str) -> None:
    here = HERE.get()
    if here is not None and isinstance(here.doom, Doom) and here.doom.met(point):
        here.kill()
        raise Killed(point)


points.listen(_reached)
