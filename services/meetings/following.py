"""What other instances of this service have written: heard of on its own streams, then read from the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from services.kit.projection import Projection
from services.kit.store.port import OutcomeUnknown
from services.kit.streams import private_stream, public_stream, subjects_of

if TYPE_CHECKING:
    from services.kit.bus_port import Bus
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log
    from services.kit.store.port import Commit, Store
    from services.meetings.listing import Listing

AGAIN = 1.0
"""Seconds until a store that could not be read is asked again."""


class Following:
    """Keeps the listing in step with what it was not told of: commits of other instances, and those in doubt.

    An event only says that there is something newer; what is true stands in the store. Run it all the time.
    """

    def __init__(self, store: Store, listing: Listing, clock: Clock, log: Log) -> None:
        self._store = store
        self._listing = listing
        self._clock = clock
        self._log = log
        self._wanted: dict[str, None] = {}
        self._some = asyncio.Event()

    def projections(self, bus: Bus, site: str) -> dict[str, Projection]:
        """What to follow, of the service's own streams."""
        streams = {"public": public_stream(site), "private": private_stream(site, "meetings")}
        return {
            f"own {view} views": Projection(
                bus, stream, [subjects_of(site, view, "meetings")], self.apply, self.reset, self._clock, self._log
            )
            for view, stream in streams.items()
        }

    def doubting(self) -> Store:
        """The store, for whoever commits: what may or may not have been written is read again."""
        return cast("Store", _Doubting(self._store, self))

    def apply(self, event: Event) -> None:
        """Takes in an event of our own."""
        kind, id_ = event.subject.split(".")[-2:]
        if kind == "meeting" and self._listing.behind(id_, event):
            self.read_again(id_)

    def reset(self) -> None:
        """The stream lost its past. The store did not."""

    def read_again(self, id_: str) -> None:
        """A meeting may be another than the listing knows."""
        self._wanted[id_] = None
        self._some.set()

    async def run(self) -> None:
        """Reads what is wanted, until cancelled. A store that cannot be read is asked again."""
        while True:
            await self._some.wait()
            self._some.clear()
            try:
                await self._read()
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, it must not end this
                self._log.warning("could not read what others wrote, tries again", error=type(error).__name__)
                await self._clock.sleep(AGAIN)
                self._some.set()

    async def _read(self) -> None:
        while self._wanted:
            id_ = next(iter(self._wanted))
            del self._wanted[id_]  # before it is read: what is heard of it meanwhile is newer than what was read
            try:
                record = await self._store.get("meeting", id_)
            except BaseException:
                self._wanted[id_] = None
                raise
            if record is not None:
                self._listing.apply(record)


class _Doubting:
    """A store whose commits of unknown outcome are looked into."""

    def __init__(self, store: Store, following: Following) -> None:
        self._store = store
        self._following = following

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def commit(self, change: Commit) -> None:
        try:
            await self._store.commit(change)
        except OutcomeUnknown:
            for record in change.records:
                if record.kind == "meeting":
                    self._following.read_again(record.id)
            raise
