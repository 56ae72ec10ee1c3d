"""One database that several processes use: each sits at its own gate, and hears of its own commits alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from services.kit.store.memory import MemoryStore
from services.kit.store.sqlite import SqliteStore
from services.kit.store.watch import Listeners

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from services.kit.clock import Clock
    from services.kit.store.port import Commit, Entry, Kind, Store

Key: TypeAlias = tuple[object, ...]


class Database:
    """The one store object of a service. `noted` hears each commit, in the order of the database."""

    def __init__(self, kind: str, folder: Path, name: str, kinds: Sequence[Kind], clock: Clock) -> None:
        self._kind = kind
        self._folder = folder
        self._name = name
        self._kinds = kinds
        self._clock = clock
        self._count = 0
        self._told: dict[Key, Commit] = {}
        self.noted: Callable[[Commit], None] = lambda _: None
        self.late: Callable[[], float] = lambda: 0.0
        """Seconds until it hears that something was published."""
        self.store: Store = self._make()

    async def open(self) -> None:
        """Opens what is there."""
        await self.store.open()
        self.store.watch(self._note)

    async def close(self) -> None:
        """Closes it for everybody."""
        await self.store.close()

    async def restore(self, backup: Sequence[Entry], epoch: int) -> None:
        """Becomes what it was when the backup was made, in a new epoch. It must be closed, and nobody may use it."""
        self.store = self._make()
        await self.open()
        await self.store.fill(_each(backup), epoch)

    def told(self, change: Commit) -> Commit:
        """The commit as listeners get it."""
        return self._told.pop(_key(change))

    def _make(self) -> Store:
        self._count += 1
        if self._kind == "memory":
            return MemoryStore(self._kinds, self._clock)
        return SqliteStore(self._folder / f"{self._name}-{self._count}.sqlite", self._kinds, self._clock)

    def _note(self, commit: Commit) -> None:
        self._told[_key(commit)] = commit
        self.noted(commit)


class Seat:
    """The database as one process has it. While `gate` is shut nothing is asked, and no answer comes."""

    def __init__(self, database: Database, gate: asyncio.Event) -> None:
        self._database = database
        self._gate = gate
        self._listeners = Listeners()
        self._writing: set[asyncio.Task[None]] = set()

    def __getattr__(self, name: str) -> Any:
        async def ask(*values: Any, **named: Any) -> Any:
            await self._gate.wait()
            found = await getattr(self._database.store, name)(*values, **named)
            await self._gate.wait()
            return found

        return ask

    def dump(self) -> AsyncIterator[Entry]:
        return self._database.store.dump()

    def watch(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        self._listeners.add(listener, kinds)

    async def open(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """The others go on; what this one was writing behind a shut gate is never written."""
        for task in self._writing:
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def published(self, *told: Any) -> None:
        """It hears of it late, now and then: more may have been changed meanwhile."""
        await asyncio.sleep(self._database.late())
        await self._gate.wait()
        await self._database.store.published(*told)

    async def commit(self, change: Commit) -> None:
        """Written although its caller is cancelled meanwhile."""
        writing = asyncio.create_task(self._commit(change))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        await asyncio.shield(writing)

    async def _commit(self, change: Commit) -> None:
        await self._gate.wait()
        await self._database.store.commit(change)
        told = self._database.told(change)
        await self._gate.wait()
        self._listeners.tell(lambda _: told)

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear it


def _key(change: Commit) -> Key:
    records = tuple((record.kind, record.id, record.revision) for record in change.records)
    return (records, tuple(answer.key for answer in change.answers))


async def _each(entries: Sequence[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry
