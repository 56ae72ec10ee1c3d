"""The twin of the stores in memory: no threads, no files, one step of the event loop per call. For the simulation."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import instant
from services.kit.store import check, codec, query
from services.kit.store.port import Answer, Audit, Conflict, In, Page, Position, Range, Record, RequestKey
from services.kit.store.watch import Listeners

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from services.kit.clock import Clock
    from services.kit.store.port import Commit, Entry, Kind, View, Where


@dataclass
class Row:
    """A record as it is kept: the state as text, as in a real store, so that nobody can change it from outside."""

    record: Record
    version: int
    text: str
    fields: dict[str, str | int]
    views: dict[str, View] = field(default_factory=dict)
    serials: dict[str, int] = field(default_factory=dict)


@dataclass
class Disk:
    """What outlives a crash of the process: pass it to the next `MemoryStore`."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    answers: dict[RequestKey, Answer] = field(default_factory=dict)
    audit: dict[tuple[str, str], list[Audit]] = field(default_factory=dict)
    epoch: int = 1
    serial: int = 0


class MemoryStore:
    """A `Store` on a `Disk`. Every call does its work at once and then lets others run."""

    def __init__(self, kinds: Sequence[Kind], clock: Clock, disk: Disk | None = None) -> None:
        self._kinds = check.kinds(kinds)
        self._clock = clock
        self._disk = disk or Disk()
        self._listeners = Listeners()

    async def open(self) -> None:
        """Brings what is on the disk up to date. Raises ValueError where a document lacks an indexed field."""
        for kind in self._kinds.values():
            for row in self._rows(kind.name).values():
                indexed = row.record.gone or row.fields.keys() == set(check.fields(kind))
                if row.version < kind.version or (row.version == kind.version and not indexed):
                    _upgrade(kind, row)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - as in the port
        """The record, gone or not."""
        row = self._rows(check.known(self._kinds, kind).name).get(id)
        found = None if row is None else self._record(row)
        await asyncio.sleep(0)
        return found

    async def find(
        self, kind: str, where: Where, order: Sequence[str] = (), limit: int = 100, after: Position | None = None
    ) -> Page:
        """Records by declared index fields."""
        asked = query.checked(check.known(self._kinds, kind), where, order, limit, after)
        keyed = ((_key(asked.order, row), row) for row in self._rows(kind).values() if _matches(asked.where, row))
        start = None if after is None else [_rank(value) for value in after]
        rest = (item for item in keyed if start is None or item[0] > start)
        page = heapq.nsmallest(limit + 1, rest, key=lambda item: item[0])
        records = tuple(self._record(row) for _, row in page[:limit])
        await asyncio.sleep(0)
        return Page(records, asked.position(records[-1]) if len(page) > limit else None)

    async def commit(self, change: Commit) -> None:
        """Writes all of it or nothing."""
        check.change(self._kinds, change)
        texts = [codec.encode(record) for record in change.records]
        self._current(change)
        self._disk.serial += 1
        for record, text in zip(change.records, texts, strict=True):
            self._write(record, text)
        self._disk.answers.update({answer.key: answer for answer in change.answers})
        for line in change.audit:
            self._disk.audit.setdefault((line.kind, line.id), []).append(line)
        for one in change.forgotten:
            del self._rows(one.kind)[one.id]
            self._disk.audit.pop((one.kind, one.id), None)
        self._listeners.tell(lambda kinds: codec.copy(change, texts, self._disk.epoch, kinds))
        await asyncio.sleep(0)

    async def answer(self, request: RequestKey) -> Answer | None:
        """What this request was answered, while that is kept."""
        found = self._disk.answers.get(request)
        fresh = found if found and found.expires_at > instant(self._clock.now()) else None
        await asyncio.sleep(0)
        return fresh

    async def unpublished(self, limit: int) -> list[Record]:
        """Records with a pending view, oldest commit first."""
        marked = [row for row in self._all() if row.serials]
        marked.sort(key=lambda row: (min(row.serials.values()), row.record.kind, row.record.id))
        records = [self._record(row) for row in marked[:limit]]
        await asyncio.sleep(0)
        return records

    async def published(self, kind: str, id: str, view: str, epoch: int, revision: int, sequence: int) -> None:  # noqa: A002 - as in the port
        """Keeps the sequence, and clears the mark if the view has not moved."""
        row = self._rows(kind).get(id)
        if row is not None and view in row.views:
            kept = row.views[view] = msgspec.structs.replace(row.views[view], sequence=sequence)
            if (self._disk.epoch, kept.revision) == (epoch, revision):
                row.serials.pop(view, None)
        await asyncio.sleep(0)

    async def remark(self) -> int:
        """Marks every view as pending."""
        self._disk.serial += 1
        count = 0
        for row in self._all():
            for name, view in row.views.items():
                row.views[name] = msgspec.structs.replace(view, sequence=0)
                row.serials.setdefault(name, self._disk.serial)
                count += 1
        await asyncio.sleep(0)
        return count

    async def raise_epoch(self, at_least: int) -> int:
        """Begins a new epoch after a restore."""
        self._disk.epoch = max(self._disk.epoch + 1, at_least)
        await self.remark()
        return self._disk.epoch

    async def epoch(self) -> int:
        """The present epoch."""
        await asyncio.sleep(0)
        return self._disk.epoch

    async def serving(self) -> str:
        """It always can."""
        await asyncio.sleep(0)
        return ""

    async def dump(self) -> AsyncIterator[Entry]:
        """Everything there is now. Raises ValueError where there are records of a kind that is not declared."""
        for kind, rows in self._disk.rows.items():
            if rows and kind not in self._kinds:
                raise ValueError(
                    f"there are records of kind {kind!r}, which this program does not know: upgrade the program"
                )
        trails = (line for _, lines in sorted(self._disk.audit.items()) for line in lines)
        entries: list[Entry] = [*map(self._record, self._all()), *self._disk.answers.values(), *trails]
        for entry in entries:
            yield entry
            await asyncio.sleep(0)

    async def fill(self, entries: AsyncIterator[Entry], at_least: int) -> int:
        """Takes in a dump, all of it or nothing."""
        draft, newest, count = MemoryStore(tuple(self._kinds.values()), self._clock), 0, 0
        draft._disk.serial = 1
        async for entry in entries:
            newest = max(newest, draft._take(entry))
            count += 1
        if self._all() or self._disk.answers or self._disk.audit:
            raise ValueError("the store is not empty: it cannot be filled")
        self._disk.rows, self._disk.answers = draft._disk.rows, draft._disk.answers
        self._disk.audit, self._disk.serial = draft._disk.audit, draft._disk.serial
        self._disk.epoch = max(newest + 1, at_least)
        await asyncio.sleep(0)
        return count

    async def due(self, now: str, limit: int) -> list[Record]:
        """Records whose time has come, oldest first."""
        rows = [row.record for row in self._all() if not row.record.gone and row.record.due_at]
        past = sorted((r.due_at or "", r.kind, r.id) for r in rows if (r.due_at or "") <= now)
        records = [self._record(self._rows(kind)[id_]) for _, kind, id_ in past[:limit]]
        await asyncio.sleep(0)
        return records

    async def history(self, kind: str, id: str, limit: int = 100) -> list[Audit]:  # noqa: A002 - as in the port
        """The audit trail of one record, newest first."""
        check.known(self._kinds, kind)
        lines = sorted(self._disk.audit.get((kind, id), []), key=lambda line: line.revision)  # stable: then as written
        await asyncio.sleep(0)
        return lines[::-1][:limit]

    async def expire(self, now: str) -> int:
        """Forgets answers whose time is over."""
        over = [key for key, answer in self._disk.answers.items() if answer.expires_at <= now]
        for key in over:
            del self._disk.answers[key]
        await asyncio.sleep(0)
        return len(over)

    def watch(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        """Calls `listener` after each commit."""
        self._listeners.add(listener, kinds)

    def _rows(self, kind: str) -> dict[str, Row]:
        return self._disk.rows.setdefault(kind, {})

    def _all(self) -> list[Row]:
        return [row for kind in self._kinds for row in self._rows(kind).values()]

    def _record(self, row: Row) -> Record:
        kept = row.record
        state = codec.decode(self._kinds[kept.kind], kept.id, row.version, row.text)
        views = (msgspec.structs.replace(view, pending=name in row.serials) for name, view in sorted(row.views.items()))
        return msgspec.structs.replace(kept, state=state, epoch=self._disk.epoch, views=tuple(views))

    def _current(self, change: Commit) -> None:
        """Raises Conflict before anything is written."""
        now = instant(self._clock.now())
        for answer in change.answers:
            stored = self._disk.answers.get(answer.key)
            if stored and stored.expires_at > now:
                raise Conflict(f"{answer.key.method}: this request is answered already")
        for record in change.records:
            row = self._rows(record.kind).get(record.id)
            if record.revision != (row.record.revision if row else 0) + 1:
                raise Conflict(f"{record.kind} {record.id!r} is not at revision {record.revision - 1}")
        for one in change.forgotten:
            row = self._rows(one.kind).get(one.id)
            if row is None or row.record.revision != one.revision:
                raise Conflict(f"{one.kind} {one.id!r} is not at revision {one.revision}")

    def _take(self, entry: Entry) -> int:
        """Takes in an entry of a dump; its epoch, if it is a record."""
        check.entry(self._kinds, entry)
        if isinstance(entry, Answer):
            self._disk.answers[entry.key] = entry
        elif isinstance(entry, Audit):
            self._disk.audit.setdefault((entry.kind, entry.id), []).append(entry)
        elif entry.id in self._rows(entry.kind):
            raise ValueError(f"{entry.kind} {entry.id!r} stands twice in the dump")
        else:
            self._write(entry, codec.encode(entry))
            return entry.epoch
        return 0

    def _write(self, record: Record, text: str) -> None:
        kind = self._kinds[record.kind]
        bare = msgspec.structs.replace(record, state={}, views=())
        old = self._rows(record.kind).get(record.id)
        row = Row(bare, kind.version, text, _fields(kind, record))
        if old is not None:
            row.views, row.serials = old.views, old.serials
        self._rows(record.kind)[record.id] = row
        for view in record.views:
            before = row.views.get(view.name)
            if before is None or view.revision > before.revision:
                sequence = before.sequence if before else 0
                row.views[view.name] = msgspec.structs.replace(view, sequence=sequence)
                row.serials.setdefault(view.name, self._disk.serial)


def _fields(kind: Kind, record: Record) -> dict[str, str | int]:
    if record.gone:
        return {}
    values = ((name, record.state[name]) for name in check.fields(kind))
    return {name: value for name, value in values if isinstance(value, str | int)}


def _upgrade(kind: Kind, row: Row) -> None:
    """Keeps the document in the present shape, with the fields that are indexed now."""
    state = codec.decode(kind, row.record.id, row.version, row.text)
    for name in check.fields(kind):
        if state.get(name) is None and not row.record.gone:
            raise ValueError(
                f"{kind.name} {row.record.id!r} lacks {name!r}, which is indexed now: the kind needs an upgrade"
            )
    row.text, row.version = codec.text(state), kind.version
    row.fields = _fields(kind, msgspec.structs.replace(row.record, state=state))


def _rank(value: str | int) -> tuple[int, int, str]:
    """Sorts numbers before text, and both as SQLite and MongoDB do."""
    return (1, 0, value) if isinstance(value, str) else (0, int(value), "")


def _key(order: Sequence[str], row: Row) -> list[tuple[int, int, str]]:
    return [*(_rank(row.fields[name]) for name in order), _rank(row.record.id)]


def _matches(where: Where, row: Row) -> bool:
    return not row.record.gone and all(_holds(wanted, row.fields[name]) for name, wanted in where.items())


def _holds(wanted: str | int | In | Range, value: str | int) -> bool:
    if isinstance(wanted, In):
        return value in wanted.values
    if isinstance(wanted, Range):
        low = wanted.low is None or _rank(value) >= _rank(wanted.low)
        return low and (wanted.high is None or _rank(value) < _rank(wanted.high))
    return value == wanted
