"""What goes wrong with a site, when a seed says so, and how it is put right again."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from services.kit.points import POINTS
from services.kit.streams import public_stream
from tests.sim.engines import Doom
from tests.sim.site import SITE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.broker import Kept
    from tests.sim.site import Site

BETWEEN = 5.0
"""Seconds between two faults, on average."""

STREAM = public_stream(SITE)
ON_THE_WAY = [point for point in POINTS if point.split(".")[0] in {"store", "relay", "projection"}]


class Faults:
    """Lets things go wrong until it is told to `heal`. `happened` counts them by name."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._chance = site.chance
        self._copies: list[Kept] = []
        self.happened: Counter[str] = Counter()
        self.kinds: tuple[Callable[[], Awaitable[None]], ...] = (
            self.killed,
            self.killed,
            self.killed_at_a_point,
            self.killed_at_a_point,
            self.broker_away,
            self.connection_lost,
            self.connection_frozen,
            self.stream_wiped,
            self.stream_rolled_back,
            self.clock_jumped,
        )

    async def run(self) -> None:
        """One after the other, sometimes at once, until cancelled."""
        site, chance = self._site, self._chance
        site.odds.lost_reply, site.odds.lost_request = 0.1, 0.05
        site.odds.unwritten, site.odds.unknown = chance.choice(((0.0, 0.0), (0.03, 0.03)))
        site.broker.drop_replies = chance.choice((0, 10))
        site.broker.latency = chance.choice((None, lambda: chance.random() * 0.05, lambda: chance.random() ** 4 * 2))
        self._copies.append(site.broker.copy(STREAM))
        while True:
            await asyncio.sleep(chance.expovariate(1 / BETWEEN))
            self._copies.append(site.broker.copy(STREAM))
            kind = chance.choice(self.kinds)
            self.happened[kind.__name__] += 1
            site.log.info("fault", kind=kind.__name__)
            await kind()

    def heal(self) -> None:
        """Puts everything right; what was killed is started again by itself."""
        site = self._site
        site.odds.heal()
        site.broker.drop_replies, site.broker.latency = 0, None
        for node in site.nodes.values():
            if node.process is not None:
                node.process.skew, node.process.doom = timedelta(), None
        site.broker.start()
        for bus in list(site.broker.connections):
            bus.thaw()
            bus.reconnect()
        site.log.info("healed")

    async def killed(self) -> None:
        """A process, in the middle of anything."""
        self._chance.choice(list(self._site.nodes.values())).kill()

    async def killed_at_a_point(self) -> None:
        """A process, at a named point on the way of a change."""
        node = self._chance.choice([*self._site.of("meetings") * 3, *self._site.of("feeds")])
        if node.process is not None:
            node.process.doom = Doom(self._chance.choice(ON_THE_WAY), self._chance.randint(1, 3))

    async def broker_away(self) -> None:
        """The broker, for up to a minute."""
        self._site.broker.stop()
        await asyncio.sleep(self._chance.random() * 60)
        self._site.broker.start()

    async def connection_lost(self) -> None:
        """One connection, for some seconds."""
        if self._site.broker.connections:
            bus = self._chance.choice(self._site.broker.connections)
            bus.disconnect()
            await asyncio.sleep(self._chance.random() * 20)
            bus.reconnect()

    async def connection_frozen(self) -> None:
        """One connection that looks alive and carries nothing."""
        if self._site.broker.connections:
            bus = self._chance.choice(self._site.broker.connections)
            bus.freeze()
            await asyncio.sleep(self._chance.random() * 20)
            bus.thaw()

    async def stream_wiped(self) -> None:
        """The stream is made anew, empty."""
        self._site.broker.wipe(STREAM)

    async def stream_rolled_back(self) -> None:
        """The stream is what it was at an earlier time, or soon will be again what it was later."""
        self._site.broker.roll_back(STREAM, self._chance.choice(self._copies))

    async def clock_jumped(self) -> None:
        """One process believes that it is up to ten minutes later or earlier."""
        node = self._chance.choice(list(self._site.nodes.values()))
        if node.process is not None:
            node.process.skew = timedelta(seconds=self._chance.randint(-600, 600))
