"""How a host is: what keeps it from being ready, from serving at all, and what to look at even so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.http import Health

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.kit.host import Host, Hosted
    from services.kit.relay import Relay

LATE = 60.0
"""Seconds after which what waits to be published is worth a warning."""


class Readiness:
    """The checks of a host, by the names that /readyz shows.

    start, store and following are essential: a service with a store answers from it while the bus is away, one without
    from what it has read.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.opened = False
        checks = {
            "start": self._start,
            "store": self._stores,
            "bus": self._bus,
            "following": self._following,
            "instances": self._instances,
        }
        warnings = {"relay": self._relays, "following": self._behind}
        self.health = Health(checks, essential=("start", "store", "following"), warnings=warnings)

    async def _start(self) -> str:
        return "" if self.opened else "; ".join(["starting", *await self._host.engines.problems()])

    async def _stores(self) -> str:
        stores = [one.own_store for one in self._host.hosted if one.own_store is not None]
        return "; ".join(filter(None, [await store.serving() for store in stores]))

    async def _bus(self) -> str:
        if not self.opened:
            return ""  # said by start
        away = [one.plan.name for one in self._host.hosted if not one.bus.connected]
        problems = [f"not connected to nats-server: {', '.join(away)}"] if away else []
        return "; ".join([*problems, *await self._host.engines.problems()])

    async def _following(self) -> str:
        late = [name for one, name in self._unread() if one.own_store is None]
        return f"still reading: {', '.join(late)}" if late else ""

    async def _instances(self) -> str:
        late = [name for one, name in self._unread() if one.own_store is not None]
        return f"not heard yet what other instances wrote: {', '.join(late)}" if late else ""

    def _unread(self) -> Iterator[tuple[Hosted, str]]:
        """What is followed and has not been read to its end since the start."""
        for one in self._host.hosted:
            for name, projection in one.projections.items():
                if not projection.ready.is_set():
                    yield one, f"{one.plan.name} {name}"

    async def _relays(self) -> str:
        relays = [(one.plan.name, one.relay) for one in self._host.hosted if one.relay is not None]
        return "; ".join(f"{name} {text}" for name, relay in relays for text in _worth_saying(relay))

    async def _behind(self) -> str:
        away = [
            f"{one.plan.name} {name}"
            for one in self._host.hosted
            for name, projection in one.projections.items()
            if not projection.current
        ]
        return f"not followed just now: {', '.join(away)}" if away else ""


def _worth_saying(relay: Relay) -> Iterator[str]:
    """What is wrong with publishing: how much of it, as anybody may ask, and an id may be all that opens something.

    Everything else goes on, so that it keeps nobody from being ready.
    """
    if alarms := relay.alarms:
        yield f"has {len(alarms)} alarms: `openchair doctor` names them"
    if (late := relay.oldest) > LATE:
        yield f"has had something to publish for {late:.0f} s"
