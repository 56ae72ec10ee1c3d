"""The embedded store: SQLite in one writer thread and one reader thread. One process owns the file."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import sqlite3
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from services.kit.clock import Clock, instant
from services.kit.store import check, codec, query, rows, schema, writer
from services.kit.store.port import (
    Answer,
    Audit,
    Commit,
    Kind,
    OutcomeUnknown,
    Page,
    Position,
    Record,
    RequestKey,
    Unwritten,
    Where,
)
from services.kit.store.pulse import Pulse
from services.kit.store.snapshot import Filling, Snapshot
from services.kit.store.watch import Listeners
from services.kit.store.worker import Job, Worker, one_by_one

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from services.kit.store.port import Entry

T = TypeVar("T")

SCATTER_EVERY = 86400.0
"""Seconds until a file in which the order of commits is not to be seen is written anew, besides when it is closed."""
SCATTER_UP_TO = 64 * 1024 * 1024
"""Bytes of a file that is written anew, which takes about a second. In a larger one a page holds fewer neighbours."""


class SqliteStore:
    """A `Store` in one file, for the kinds that are declared."""

    def __init__(self, path: Path, kinds: Sequence[Kind], clock: Clock) -> None:
        self._path = path
        self._kinds = check.kinds(kinds)
        self._clock = clock
        self._listeners = Listeners()
        self._writer = Worker(f"writer {path.name}", self._write_connection, writer.group)
        self._reader = Worker(f"reader {path.name}", partial(schema.readable, path), one_by_one)
        self._pulse = Pulse(path, lambda: self._write(_beat))
        self._snapshots = set[Snapshot]()
        self._epoch = 1
        self._serial = 0
        self._scatter_at = clock.monotonic() + SCATTER_EVERY

    async def open(self) -> None:
        """Makes or checks the file. Raises OSError or ValueError, naming the path and what is wrong."""
        await self._writer.open()
        try:
            await self._reader.open()
        except BaseException:
            await self._writer.close()
            raise

    async def close(self) -> None:
        """Lets what is being written end, then closes; the writer is last, and so the one that checkpoints."""
        await self._pulse.end()
        for snapshot in tuple(self._snapshots):
            await snapshot.close()
        await self._reader.close()
        await self._scatter()
        await self._writer.close()

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as in the port
        """The record, gone or not."""
        return await self._read(partial(self._get, check.known(self._kinds, kind), id))

    async def find(
        self, kind: str, where: Where, order: Sequence[str] = (), limit: int = 100, after: Position | None = None
    ) -> Page:
        """Records by declared index fields."""
        asked = query.checked(check.known(self._kinds, kind), where, order, limit, after)
        rest, values = query.condition(asked)
        found = await self._read(lambda connection: self._records(connection, asked.kind, rest, values))
        more = len(found) > limit
        return Page(tuple(found[:limit]), asked.position(found[limit - 1]) if more else None)

    async def commit(self, change: Commit) -> None:
        """Writes all of it or nothing, in a transaction it may share with others."""
        check.change(self._kinds, change)
        texts = [codec.encode(record) for record in change.records]
        prepared = rows.Prepared(change, texts, instant(self._clock.now()))

        def work(connection: sqlite3.Connection) -> None:
            self._serial += 1
            rows.write(connection, self._kinds, prepared, self._serial)

        def told(_: None) -> None:
            self._listeners.tell(lambda kinds: codec.copy(change, texts, self._epoch, kinds))

        await self._write(work, told, after=writer.empty_log if change.forgotten else None)

    async def answer(self, request: RequestKey) -> Answer | None:
        """What this request was answered, while that is kept."""
        now = instant(self._clock.now())
        return await self._read(lambda connection: rows.answer(connection, request, now))

    async def unpublished(self, limit: int) -> list[Record]:
        """Records with a pending view, oldest commit first."""
        return await self._read(partial(self._unpublished, limit))

    async def published(self, kind: str, id: str, view: str, epoch: int, revision: int, sequence: int) -> None:  # noqa: A002 - as in the port
        """Keeps the sequence, and clears the mark if the view has not moved."""

        def work(connection: sqlite3.Connection) -> None:
            current = epoch == schema.meta(connection, "epoch")  # not ours, which the loop learns of after the writer
            rows.published(connection, (kind, id, view), revision, sequence, current=current)

        await self._write(work)

    async def remark(self) -> int:
        """Marks every view as pending."""
        return await self._write(self._remark)

    async def raise_epoch(self, at_least: int) -> int:
        """Begins a new epoch after a restore."""
        return await self._write(partial(self._raise_epoch, at_least), self._begin)

    async def epoch(self) -> int:
        """The present epoch."""
        return await self._read(lambda connection: schema.meta(connection, "epoch") or 1)

    async def serving(self) -> str:
        """Whether the disk takes writes and the writer lives, tried at most every few seconds."""
        return await self._pulse.reason()

    async def dump(self) -> AsyncIterator[Entry]:
        """Everything there is, as of the first entry. The log grows meanwhile: take all of it without a pause."""
        snapshot = Snapshot(self._path, self._kinds)
        await snapshot.open()
        self._snapshots.add(snapshot)
        try:
            while piece := await snapshot.piece():
                for entry in piece:
                    yield entry
        finally:
            self._snapshots.discard(snapshot)
            await snapshot.close()

    async def fill(self, entries: AsyncIterator[Entry], at_least: int) -> int:
        """Takes in a dump in one transaction. Other writes wait until it is done."""
        filling = Filling(self._kinds, at_least)
        writing = asyncio.ensure_future(self._write(partial(self._fill, filling), self._begin))
        try:
            await filling.hand_in(entries)
        except BaseException:
            await asyncio.wait({writing})
            writing.exception()  # what fed it says more
            raise
        await writing
        return filling.count

    async def due(self, now: str, limit: int) -> list[Record]:
        """Records whose time has come, oldest first."""
        return await self._read(partial(self._due, now, limit))

    async def history(self, kind: str, id: str, limit: int = 100) -> list[Audit]:  # noqa: A002 - as in the port
        """The audit trail of one record, newest first."""
        check.known(self._kinds, kind)
        return await self._read(lambda connection: rows.history(connection, kind, id, limit))

    async def expire(self, now: str) -> int:
        """Forgets answers whose time is over."""
        if self._clock.monotonic() >= self._scatter_at:
            await self._scatter()
        return await self._write(
            lambda connection: connection.execute("DELETE FROM answer WHERE expires_at <= ?", (now,)).rowcount
        )

    async def _scatter(self) -> None:
        """Has the file tell nothing of the order of commits, where a kind wants that and it does not take long."""
        self._scatter_at = self._clock.monotonic() + SCATTER_EVERY
        wanted = any(kind.scattered for kind in self._kinds.values())
        if wanted and self._writer.is_open and self._path.stat().st_size <= SCATTER_UP_TO:
            with contextlib.suppress(Unwritten, OutcomeUnknown):
                await self._write(lambda _: None, after=writer.scatter)

    def watch(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        """Calls `listener` after each commit."""
        self._listeners.add(listener, kinds)

    async def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._reader.submit(Job(work))

    async def _write(
        self,
        work: Callable[[sqlite3.Connection], T],
        told: Callable[[T], None] | None = None,
        *,
        after: Callable[[sqlite3.Connection], None] | None = None,
    ) -> T:
        """The writer goes on when the caller is cancelled."""
        try:
            return await asyncio.shield(self._writer.submit(Job(work, told, after=after)))
        except (Unwritten, OutcomeUnknown):
            self._pulse.doubt()
            raise

    def _write_connection(self) -> sqlite3.Connection:
        connection = schema.writable(self._path)
        try:
            schema.prepare(connection, self._kinds)
        except (ValueError, sqlite3.Error) as error:
            connection.close()
            verdict = ValueError if isinstance(error, ValueError) else OSError
            raise verdict(f"{self._path}: {error}") from error
        self._epoch = schema.meta(connection, "epoch") or 1
        self._serial = connection.execute("SELECT coalesce(max(serial), 0) FROM view").fetchone()[0]
        return connection

    def _get(self, kind: Kind, id: str, connection: sqlite3.Connection) -> Record | None:  # noqa: A002 - as in the port
        found = self._records(connection, kind, "WHERE id = ?", (id,))
        return found[0] if found else None

    def _records(
        self, connection: sqlite3.Connection, kind: Kind, rest: str, values: Sequence[str | int]
    ) -> list[Record]:
        found = connection.execute(rows.select(kind, rest), values).fetchall()
        return [rows.record(kind, self._epoch, row) for row in found]

    def _unpublished(self, limit: int, connection: sqlite3.Connection) -> list[Record]:
        with _snapshot(connection):
            found = rows.pending(connection, self._kinds, limit)
            records = (self._get(self._kinds[kind], id_, connection) for kind, id_ in found)
            return [record for record in records if record is not None]

    def _due(self, now: str, limit: int, connection: sqlite3.Connection) -> list[Record]:
        rest = "WHERE due_at <= ? AND gone = 0 ORDER BY due_at, id LIMIT ?"
        with _snapshot(connection):
            each = [self._records(connection, kind, rest, (now, limit)) for kind in self._kinds.values()]
        merged = heapq.merge(*each, key=lambda record: (record.due_at or "", record.kind, record.id))
        return list(merged)[:limit]

    def _remark(self, connection: sqlite3.Connection) -> int:
        self._serial += 1
        statement = "UPDATE view SET sequence = 0, serial = coalesce(serial, ?)"
        return connection.execute(statement, (self._serial,)).rowcount

    def _fill(self, filling: Filling, connection: sqlite3.Connection) -> int:
        self._serial += 1
        return filling.work(connection, self._serial)

    def _begin(self, epoch: int) -> None:
        self._epoch = epoch

    def _raise_epoch(self, at_least: int, connection: sqlite3.Connection) -> int:
        epoch = max((schema.meta(connection, "epoch") or 1) + 1, at_least)
        schema.keep(connection, "epoch", epoch)
        self._remark(connection)
        return epoch


def _beat(connection: sqlite3.Connection) -> None:
    """Writes a row that nobody reads."""
    schema.keep(connection, "heartbeat", (schema.meta(connection, "heartbeat") or 0) + 1)


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """One state of the database for several statements."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")
