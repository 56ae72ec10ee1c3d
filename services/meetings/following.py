"""What other instances of this service have written: heard of on its own streams, then read from the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from services.kit.projection import Projection
from services.kit.store.port import OutcomeUnknown
from services.kit.streams import private_stream, public_stream, subjects_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.bus_port import Bus
    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.logs import Log
    from services.kit.store.port import Commit, Record, Store

AGAIN = 1.0
"""Seconds until a store that could not be read is asked again."""


class Keeper(Protocol):
    """What keeps records of a kind in memory."""

    def behind(self, id_: str, event: Event) -> bool:
        """Whether the event tells of something newer than what is known of that record."""

    def apply(self, record: Record) -> None:
        """Takes in a record as it is now; an older state than is known changes nothing."""


class Following:
    """Keeps what is in memory in step with what it was not told of: commits of other instances, and those in doubt.

    An event only says that there is something newer; what is true stands in the store. Run it all the time.
    """

    def __init__(self, store: Store, keepers: Mapping[str, Keeper], clock: Clock, log: Log) -> None:
        """`keepers` by the kind of record that they keep."""
        self._store = store
        self._keepers = keepers
        self._clock = clock
        self._log = log
        self._wanted: dict[tuple[str, str], None] = {}
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
        keeper = self._keepers.get(kind)
        if keeper is not None and keeper.behind(id_, event):
            self.read_again(kind, id_)

    def reset(self) -> None:
        """The stream lost its past. The store did not."""

    def read_again(self, kind: str, id_: str) -> None:
        """A record may be another than is known."""
        if kind in self._keepers:
            self._wanted[kind, id_] = None
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
            kind, id_ = key = next(iter(self._wanted))
            del self._wanted[key]  # before it is read: what is heard of it meanwhile is newer than what was read
            try:
                record = await self._store.get(kind, id_)
            except BaseException:
                self._wanted[key] = None
                raise
            if record is not None:
                self._keepers[kind].apply(record)


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
                self._following.read_again(record.kind, record.id)
            raise
