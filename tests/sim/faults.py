"""What goes wrong with a site, when a seed says so, and how it is put right again."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from services.kit.host import streams_of
from services.kit.points import POINTS
from services.kit.streams import public_stream
from services.plans import PLANS
from tests.sim.engines import Doom
from tests.sim.site import SITE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.broker import Kept
    from tests.sim.site import Site

BETWEEN = 5.0
"""Seconds between two faults, on average."""

STREAM = public_stream(SITE)
ON_THE_WAY = [point for point in POINTS if point.split(".")[0] in {"store", "relay", "projection", "intent"}]
AT_SEATS = [*ON_THE_WAY, *(point for point in POINTS if point.startswith("reactor"))]


class Faults:
    """Lets things go wrong until it is told to `heal`. `happened` counts them by name."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._chance = site.chance
        self._streams = [settings.name for settings in streams_of(PLANS, SITE)]
        self._copies: list[dict[str, Kept]] = []
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
            self.broker_restored,
            self.all_killed,
            self.clock_jumped,
        )

    async def run(self) -> None:
        """One after the other, sometimes at once, until cancelled."""
        site, chance = self._site, self._chance
        site.odds.lost_reply, site.odds.lost_request = 0.1, 0.05
        site.odds.unwritten, site.odds.unknown = chance.choice(((0.0, 0.0), (0.03, 0.03)))
        site.broker.drop_replies = chance.choice((0, 10))
        site.broker.latency = chance.choice((None, lambda: chance.random() * 0.05, lambda: chance.random() ** 4 * 2))
        while True:
            await asyncio.sleep(chance.expovariate(1 / BETWEEN))
            self._copies.append({name: site.broker.copy(name) for name in self._streams})
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
        seats = self._site.of("rsvps")
        node = self._chance.choice([*self._site.of("meetings") * 3, *self._site.of("feeds"), *seats * 4])
        if node.process is not None:
            points = AT_SEATS if node in seats else ON_THE_WAY
            node.process.doom = Doom(self._chance.choice(points), self._chance.randint(1, 3))

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
        """A stream is made anew, empty."""
        self._site.broker.wipe(self._chance.choice(self._streams))

    async def stream_rolled_back(self) -> None:
        """A stream is what it was at an earlier time, or soon will be again what it was later."""
        name = self._chance.choice(self._streams)
        self._site.broker.roll_back(name, self._chance.choice(self._copies)[name])

    async def broker_restored(self) -> None:
        """The broker stops, and starts again with all its streams as they were at an earlier time."""
        self._site.broker.stop()
        await asyncio.sleep(self._chance.random() * 10)
        for name, kept in self._chance.choice(self._copies).items():
            self._site.broker.roll_back(name, kept)
        self._site.broker.start()

    async def all_killed(self) -> None:
        """Every process at once; the broker goes on."""
        for node in self._site.nodes.values():
            node.kill()

    async def clock_jumped(self) -> None:
        """One process believes that it is up to ten minutes later or earlier."""
        node = self._chance.choice(list(self._site.nodes.values()))
        if node.process is not None:
            node.process.skew = timedelta(seconds=self._chance.randint(-600, 600))
