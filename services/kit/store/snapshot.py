"""Everything in a SQLite store as of one moment, and the way back into an empty one.

A snapshot has a connection and a thread of its own, so that neither reads nor writes wait for it. While it lasts the
write-ahead log cannot be cut back, only copied: it grows by what is written meanwhile.
"""

from __future__ import annotations

import asyncio
import queue
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from services.kit import points
from services.kit.store import check, codec, rows, schema
from services.kit.store.port import Entry, Record
from services.kit.store.worker import Job, Worker, one_by_one

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from services.kit.store.port import Kind

PIECE = 256
"""Entries that go over between thread and event loop at a time."""
AHEAD = 4
"""Pieces that wait for the writer at the most."""


class Snapshot:
    """A consistent reading of the whole file, piece by piece."""

    def __init__(self, path: Path, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._worker = Worker(f"snapshot {path.name}", partial(schema.readable, path), one_by_one)
        self._entries: Iterator[Entry] | None = None

    async def open(self) -> None:
        """Connects; the moment is that of the first piece. Raises OSError."""
        await self._worker.open()

    async def piece(self) -> list[Entry]:
        """The next entries; none after the last. Raises RuntimeError after `close`."""
        return await self._worker.submit(Job(self._next))

    async def close(self) -> None:
        """Lets go of the moment."""
        self._entries = None
        await self._worker.close()

    def _next(self, connection: sqlite3.Connection) -> list[Entry]:
        if self._entries is None:
            connection.execute("BEGIN")
            self._entries = rows.everything(connection, self._kinds, schema.meta(connection, "epoch") or 1)
        return list(islice(self._entries, PIECE))


class Filling:
    """Entries on their way from the event loop into one transaction of the writer, which does nothing else meanwhile.

    A fault on the one side ends the other: what the entries raise undoes the transaction, and after a failed write no
    more entries are asked for.
    """

    def __init__(self, kinds: Mapping[str, Kind], at_least: int) -> None:
        self._kinds = kinds
        self._at_least = at_least
        self._loop = asyncio.get_running_loop()
        self._free = asyncio.Semaphore(AHEAD)
        self._pieces: queue.SimpleQueue[list[Entry] | BaseException | None] = queue.SimpleQueue()
        self._failed = False
        self.count = 0
        self.epoch = 0

    async def hand_in(self, entries: AsyncIterator[Entry]) -> None:
        """Hands over everything. Raises what `entries` raises, after the writer was told."""
        try:
            piece = list[Entry]()
            async for entry in entries:
                piece.append(entry)
                if len(piece) == PIECE:
                    await self._hand_over(piece)
                    piece = []
                if self._failed:
                    break
            await self._hand_over(piece)
        except BaseException as error:
            self._pieces.put(error)
            raise
        self._pieces.put(None)

    def work(self, connection: sqlite3.Connection, serial: int) -> int:
        """In the writer's thread: takes in what is fed; the new epoch. Raises ValueError where anything is there."""
        try:
            rows.refuse_unless_empty(connection, self._kinds)
            self._take_all(connection, serial)
            self.epoch = max(self.epoch + 1, self._at_least)
            schema.keep(connection, "epoch", self.epoch)
        except BaseException:
            self._failed = True
            self._loop.call_soon_threadsafe(self._open_wide)
            raise
        return self.epoch

    async def _hand_over(self, piece: list[Entry]) -> None:
        await self._free.acquire()
        self._pieces.put(piece)

    def _open_wide(self) -> None:
        """Nobody waits any more for a writer that takes nothing."""
        for _ in range(AHEAD):
            self._free.release()

    def _take_all(self, connection: sqlite3.Connection, serial: int) -> None:
        while (piece := self._pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise ValueError(f"what should fill the store ended with {type(piece).__name__}") from piece  # noqa: TRY004 - a sentinel
            for entry in piece:
                self._take(connection, entry, serial)
            self._loop.call_soon_threadsafe(self._free.release)
            points.reach("restore.fill")

    def _take(self, connection: sqlite3.Connection, entry: Entry, serial: int) -> None:
        check.entry(self._kinds, entry)
        if isinstance(entry, Record):
            self.epoch = max(self.epoch, entry.epoch)
            rows.take_record(connection, self._kinds[entry.kind], entry, codec.encode(entry), serial)
        else:
            rows.take(connection, entry)
        self.count += 1
