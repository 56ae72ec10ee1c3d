"""An import in force: its meetings follow one by one, a slice at a time, from wherever it stopped.

The import is an intent, its progress stands on it. A slice that was stopped half-way runs again and writes only what
is missing (`intake`).
"""

from __future__ import annotations

import asyncio
import base64
from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from google.protobuf.json_format import Parse
from openchair.meetings.v1 import import_pb2

from services.kit.clock import instant
from services.kit.errors import NotFound, Unmet
from services.kit.points import reach
from services.kit.record import revise
from services.kit.store.port import Commit, Conflict, Record
from services.meetings import records, rows
from services.meetings.desk import Decision, Desk, Held, trail
from services.meetings.types import Meeting, Source, Status
from services.meetings.types_imports import Batch, Import, ImportStatus, Outcome, ReportRow, Rows
from services.meetings.wire import child_name

if TYPE_CHECKING:
    from services.meetings.intake import Intake
    from services.meetings.parts import Parts

SLICE = 250  # rows between two commits of how far it is
AT_ONCE = 50  # rows under way: more would keep others waiting
REPORT_KEPT = timedelta(days=30)
TAKEN_BACK = "the source took it back: it is removed"
SHRINKS_BY = 5  # more than one in five gone is a fault of the source, not a deletion


class Brought(msgspec.Struct, frozen=True):
    """What has to be known of each meeting that a source brought: there may be many thousand."""

    id: str
    title: str
    lineage: str
    source: Source | None
    status: Status


class Importing:
    """The reconciler of imports."""

    def __init__(self, desk: Desk, parts: Parts, intake: Intake) -> None:
        self.desk = desk
        self.parts = parts
        self.intake = intake

    async def due(self, record: Record) -> None:
        """Goes one slice further; or forgets an import that was never committed, and a report that is old."""
        held = Held(record, records.read(record, Import))
        if held.value.status is ImportStatus.RUNNING:
            await self._advance(held)
        else:
            at = self.desk.now()
            forgotten = await self.forgotten(held, at, "openchair")
            await self._commit(Commit(forgotten, (), trail(forgotten[:1], at, "openchair", "expire")))
        self.desk.wake()

    async def report(self, intent: Import, index: int) -> list[ReportRow]:
        """The lines of one batch, and after the last batch those of what is gone.

        While staging: what would become of them. Afterwards: what became of those that are in force so far.
        """
        staging = intent.status is ImportStatus.STAGING
        if index >= len(intent.batches):
            return list(await self.gone(intent) if staging else intent.gone)
        leaf = await self._leaf(intent, intent.batches[index])
        if not staging:
            return list(leaf.value.report)
        return [await self.intake.plan(intent, parsed(text)) for text in leaf.value.rows]

    async def gone(self, intent: Import) -> tuple[ReportRow, ...]:
        """The living meetings that this source once brought and that are not among the rows; of a series, each part."""
        staged = {id_ for batch in intent.batches for id_ in batch.ids}
        given = {series for batch in intent.batches for series in batch.series}
        found = [
            gone_line(meeting, meeting.source, taken_back=meeting.source.series in given)
            for meeting in await self._brought(intent)
            if meeting.source and not staged & {meeting.source.id, meeting.lineage}
        ]
        return tuple(sorted(found, key=lambda line: (line.source_id, line.meeting)))

    async def refuse_shrinking(self, intent: Import, lines: tuple[ReportRow, ...]) -> None:
        """Raises Unmet if more than a fifth of what is known from this source is gone from it."""
        gone = len({line.source_id for line in lines if not line.taken_back})
        known = len({meeting.source.id for meeting in await self._brought(intent) if meeting.source})
        if gone * SHRINKS_BY > known:
            raise Unmet(
                f"{gone} of {known} meetings are gone from the source: more than a fifth is not removed at once",
                "SOURCE_SHRANK",
                {"gone": str(gone), "known": str(known)},
            )

    async def forgotten(self, held: Held[Import], at: str, who: str) -> tuple[Record, ...]:
        """The records that make an import and its rows go away."""
        bare = msgspec.structs.replace(held.value, batches=(), gone=())
        written_ = [written(held.record, bare, at, who, gone=True)]
        for batch in held.value.batches:
            leaf = await self._leaf(held.value, batch)
            empty = msgspec.structs.replace(leaf.value, rows=(), report=())
            written_.append(written(leaf.record, empty, at, who, gone=True))
        return tuple(written_)

    async def _brought(self, intent: Import) -> list[Brought]:
        found = await self.desk.every("meeting", Brought, centre=intent.centre, source_name=intent.source)
        return [held.value for held in found if held.value.status is not Status.CANCELLED]

    async def _advance(self, held: Held[Import]) -> None:
        intent = held.value
        if intent.done < intent.total or intent.batch < len(intent.batches):
            reach("intent.slice")
            await (self._advance_rows(held) if intent.batch < len(intent.batches) else self._advance_removal(held))
            reach("intent.kept")
        else:
            until = instant(self.desk.clock.now() + REPORT_KEPT)
            await self._keep(held, msgspec.structs.replace(intent, status=ImportStatus.DONE), until, action="done")

    async def _advance_rows(self, held: Held[Import]) -> None:
        intent = held.value
        leaf = await self._leaf(intent, intent.batches[intent.batch])
        start = len(leaf.value.report)
        lines = await self._take([parsed(text) for text in leaf.value.rows[start : start + SLICE]], intent)
        report = msgspec.structs.replace(leaf.value, report=(*leaf.value.report, *lines))
        counts = Counter(dict(intent.counts)) + Counter(line.outcome for line in lines)
        further = msgspec.structs.replace(
            intent,
            done=intent.done + len(lines),
            batch=intent.batch + (len(report.report) >= len(report.rows)),
            counts=tuple(sorted(counts.items(), key=lambda each: each[0].value)),
        )
        at = self.desk.now()
        await self._keep(held, further, at, written(leaf.record, report, at, held.record.actor))

    async def _take(self, taken: list[import_pb2.ImportRow], intent: Import) -> list[ReportRow]:
        """Brings rows into force: those of one place one after the other, different places at once."""
        by_place: defaultdict[str, list[int]] = defaultdict(list)
        for index, row in enumerate(taken):
            by_place[rows.place_key(intent, row)].append(index)
        lines: dict[int, ReportRow] = {}
        window = asyncio.Semaphore(AT_ONCE)

        async def at_one_place(indexes: list[int]) -> None:
            async with window:
                for index in indexes:
                    lines[index] = await self.intake.take(intent, taken[index])

        await asyncio.gather(*(at_one_place(indexes) for indexes in by_place.values()))
        return [lines[index] for index in range(len(taken))]

    async def _advance_removal(self, held: Held[Import]) -> None:
        intent = held.value
        start = intent.done - intent.rows
        taken = intent.removed[start : start + SLICE]
        for line in taken:
            await self._remove(intent, line)
        further = msgspec.structs.replace(intent, done=intent.done + len(taken))
        await self._keep(held, further, self.desk.now())

    async def _remove(self, intent: Import, line: ReportRow) -> None:
        name = child_name(intent.centre, "meetings", line.meeting)
        who = f"import/{intent.id}"

        async def decide(at: str) -> Decision[None]:
            try:
                held = await self.parts.meeting(name)
            except NotFound:
                return Decision((), None, "delete")
            if held.value.status is Status.CANCELLED:
                return Decision((), None, "delete")
            drafts = await self.parts.removal(held, at, withdrawn=False)
            asked = await self.parts.lenient(held.value)
            return Decision((), None, "delete", "gone from the source", drafts=drafts, asked=asked)

        await self.desk.settle(decide, who)

    async def _keep(self, held: Held[Import], intent: Import, due_at: str, *others: Record, action: str = "go") -> None:
        at = self.desk.now()
        record = written(held.record, intent, at, held.record.actor, due_at)
        await self._commit(Commit((record, *others), (), trail((record,), at, held.record.actor, action)))

    async def _commit(self, change: Commit) -> None:
        try:
            await self.desk.store.commit(change)
        except Conflict:
            return  # another instance went further; what is due comes again

    async def _leaf(self, intent: Import, batch: Batch) -> Held[Rows]:
        name = child_name(intent.centre, "imports", intent.id)
        return await self.desk.held("rows", leaf_id(intent, batch), Rows, name, intent.centre)


def gone_line(meeting: Meeting | Brought, source: Source, *, taken_back: bool) -> ReportRow:
    """The line of a meeting that is not among the rows any more."""
    return ReportRow(
        number=0,
        source_id=source.id,
        title=meeting.title,
        outcome=Outcome.GONE,
        reasons=(TAKEN_BACK,) if taken_back else (),
        meeting=meeting.id,
        taken_back=taken_back,
    )


def staged(row: import_pb2.ImportRow) -> str:
    """A row as it is kept: base64 of its bytes, a tenth of the work of JSON, and read by nobody else."""
    return base64.b64encode(row.SerializeToString()).decode()


def parsed(text: str) -> import_pb2.ImportRow:
    """A staged row. Those of older versions are JSON, most of which names fields as the contract does."""
    if not text.startswith("{"):
        return import_pb2.ImportRow.FromString(base64.b64decode(text))
    try:
        return import_pb2.ImportRow(**msgspec.json.decode(text))
    except (TypeError, ValueError):  # an older one, or one with a value that JSON spells in its own way
        return Parse(text, import_pb2.ImportRow(), ignore_unknown_fields=True)


def leaf_id(intent: Import, batch: Batch) -> str:
    """Id of the record that holds a batch's rows."""
    return f"{intent.id}-{batch.first}"


def written(
    previous: Record | None, value: Import | Rows, at: str, who: str, due_at: str | None = None, *, gone: bool = False
) -> Record:
    """The next revision of an import's record or leaf. Nobody else sees them: they have no views."""
    return revise(
        previous,
        kind="import" if isinstance(value, Import) else "rows",
        id=value.id,
        state=records.document(value),
        at=at,
        actor=who,
        views={},
        due_at=due_at,
        gone=gone,
    )
