"""Imports: Create, AddRows, Commit, Get, Delete. Nothing is in force before CommitImport's one commit."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from google.protobuf.empty_pb2 import Empty
from openchair.meetings.v1 import import_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.clock import instant
from services.kit.errors import Invalid, Unmet, Violation
from services.kit.paging import page_size
from services.meetings.centres import kept
from services.meetings.check import Problems
from services.meetings.desk import CENTRE, IMPORT, Decision, Desk, Held, actor
from services.meetings.importing import Importing, leaf_id, staged, written
from services.meetings.types import Centre
from services.meetings.types_imports import Batch, Import, ImportStatus, Outcome, ReportRow, Rows
from services.meetings.wire import centre_name, child_name, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.call import Call
    from services.kit.store.port import Position, Record

STAGED_FOR = timedelta(hours=24)
ROWS_PER_CALL = 500
ROWS_PER_IMPORT = 20_000

STATES = {
    ImportStatus.STAGING: import_pb2.IMPORT_STATE_STAGING,
    ImportStatus.RUNNING: import_pb2.IMPORT_STATE_RUNNING,
    ImportStatus.DONE: import_pb2.IMPORT_STATE_DONE,
}
OUTCOMES = {
    Outcome.NEW: import_pb2.ROW_OUTCOME_NEW,
    Outcome.CHANGED: import_pb2.ROW_OUTCOME_CHANGED,
    Outcome.UNCHANGED: import_pb2.ROW_OUTCOME_UNCHANGED,
    Outcome.GONE: import_pb2.ROW_OUTCOME_GONE,
    Outcome.REFUSED: import_pb2.ROW_OUTCOME_REFUSED,
}


class Imports:
    """The methods about imports."""

    def __init__(self, desk: Desk, importing: Importing) -> None:
        self.desk = desk
        self.importing = importing

    async def create_import(self, call: Call[pb.CreateImportRequest]) -> import_pb2.Import:
        """A new import, without rows."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        problems = Problems("import.")
        source = problems.slug("source", getattr(request, "import").source)
        problems.settle()

        async def decide(at: str) -> Decision[import_pb2.Import]:
            standing = await kept(self.desk, centre, request.parent, at, actor(call))
            intent = Import(id=self.desk.ids.uuid(), centre=centre, created_at=at, source=source)
            due = instant(self.desk.clock.now() + STAGED_FOR)
            record = written(None, intent, at, actor(call), due)
            return Decision((record, *standing), import_message(intent, record), "create")

        return await self.desk.write(call, decide)

    async def add_import_rows(self, call: Call[pb.AddImportRowsRequest]) -> import_pb2.Import:
        """Stages rows. What is wrong with one of them stands in the report; the others are not touched by it."""
        sent = type(call.message)()
        sent.CopyFrom(call.message)  # refusals are added to the rows; the request stays as it is remembered
        rows = list(sent.rows)
        check_rows(rows)

        async def decide(at: str) -> Decision[import_pb2.Import]:
            held = await self._staging(call.message.name)
            given = tuple(row.series for row in rows if row.series == row.source_id != "" and not row.refusal)
            batch = Batch(rows[0].number, tuple(row.source_id for row in rows), given)
            others = tuple(other for other in held.value.batches if other.first != batch.first)
            refuse_doubles(rows, others)
            batches = tuple(sorted((*others, batch), key=lambda each: each.first))
            intent = msgspec.structs.replace(held.value, batches=batches)
            if intent.rows > ROWS_PER_IMPORT:
                raise Invalid(Violation("rows", f"an import takes at most {ROWS_PER_IMPORT} rows"))
            record = written(held.record, intent, at, actor(call), held.record.due_at)
            leaf = await self._leaf(intent, batch, rows, at, actor(call))
            return Decision((record, leaf), import_message(intent, record), "add-rows")

        return await self.desk.write(call, decide)

    async def _leaf(self, intent: Import, batch: Batch, rows: list[import_pb2.ImportRow], at: str, who: str) -> Record:
        id_ = leaf_id(intent, batch)
        leaf = Rows(
            id=id_,
            centre=intent.centre,
            of=intent.id,
            first=batch.first,
            rows=tuple(map(staged, rows)),
        )
        return written(await self.desk.store.get("rows", id_), leaf, at, who)

    async def commit_import(self, call: Call[pb.CommitImportRequest]) -> import_pb2.Import:
        """Puts it in force. Committed already: the answer is how far it is."""
        request = call.message

        async def decide(at: str) -> Decision[import_pb2.Import]:
            held = await self._import(request.name)
            if held.value.status is not ImportStatus.STAGING:
                return Decision((), import_message(held.value, held.record), "commit")
            centre = held.value.centre
            await self.desk.held("centre", centre, Centre, centre_name(centre), centre)
            if not held.value.batches:
                raise Unmet("an import without rows would only take things away", "IMPORT_EMPTY")
            await self._refuse_two_at_once(held.value)
            gone = await self.importing.gone(held.value)
            if request.remove_gone:
                await self.importing.refuse_shrinking(held.value, gone)
            intent = msgspec.structs.replace(
                held.value, status=ImportStatus.RUNNING, remove_gone=request.remove_gone, gone=gone
            )
            record = written(held.record, intent, at, actor(call), at)
            return Decision((record,), import_message(intent, record), "commit")

        return await self.desk.write(call, decide)

    async def get_import(self, call: Call[pb.GetImportRequest]) -> pb.GetImportResponse:
        """How far it is, and a page of its report."""
        held = await self._import(call.message.name)
        index, offset = _place(self.desk.pages.position(call))
        lines = await self.importing.report(held.value, index)
        size = page_size(call.message.page_size, ROWS_PER_CALL, ROWS_PER_CALL)
        after: Position | None = None
        if offset + size < len(lines):
            after = (index, offset + size)
        elif index < len(held.value.batches):
            after = (index + 1, 0)
        return pb.GetImportResponse(
            **{"import": import_message(held.value, held.record)},
            report=[report_message(line, held.value.centre) for line in lines[offset : offset + size]],
            next_page_token=self.desk.pages.token(call, after),
        )

    async def delete_import(self, call: Call[pb.DeleteImportRequest]) -> Empty:
        """Forgets what was staged."""

        async def decide(at: str) -> Decision[Empty]:
            held = await self._staging(call.message.name)
            return Decision(await self.importing.forgotten(held, at, actor(call)), Empty(), "delete")

        return await self.desk.write(call, decide)

    async def _refuse_two_at_once(self, intent: Import) -> None:
        """Two lists of one source would each win for some rows, whichever is the newer. Raises Unmet."""
        others = await self.desk.every("import", Import, centre=intent.centre)
        if any(each.value.status is ImportStatus.RUNNING and each.value.source == intent.source for each in others):
            raise Unmet("another import from this source is not done yet", "IMPORT_RUNNING")

    async def _import(self, name: str) -> Held[Import]:
        ids = IMPORT.parse(name, "name")
        return await self.desk.held("import", ids["import"], Import, name, ids["centre"])

    async def _staging(self, name: str) -> Held[Import]:
        held = await self._import(name)
        if held.value.status is not ImportStatus.STAGING:
            raise Unmet("the import is in force already", "IMPORT_COMMITTED")
        return held


def check_rows(rows: list[import_pb2.ImportRow]) -> None:
    """Raises Invalid for a call that is wrong as a whole."""
    if not 1 <= len(rows) <= ROWS_PER_CALL:
        raise Invalid(Violation("rows", f"takes 1 to {ROWS_PER_CALL} rows a call"))
    numbers = [row.number for row in rows]
    if numbers[0] < 1 or any(left >= right for left, right in pairwise(numbers)):
        raise Invalid(Violation("rows", "must be numbered from 1 in rising order"))


def refuse_doubles(rows: Iterable[import_pb2.ImportRow], others: Iterable[Batch]) -> None:
    """Marks every row whose source id another row has as refused."""
    known = {id_ for batch in others for id_ in batch.ids}
    for row in rows:
        if row.source_id in known and not row.refusal:
            row.refusal = "another row has the same source_id"
        known.add(row.source_id)


def import_message(intent: Import, record: Record) -> import_pb2.Import:
    """The import as an answer."""
    counts = dict(intent.counts)
    return import_pb2.Import(
        name=child_name(intent.centre, "imports", intent.id),
        etag=str(record.revision),
        create_time=timestamp(intent.created_at),
        state=STATES[intent.status],
        source=intent.source,
        remove_gone=intent.remove_gone,
        rows=intent.rows,
        done=intent.done,
        total=intent.total,
        new_rows=counts.get(Outcome.NEW, 0),
        changed_rows=counts.get(Outcome.CHANGED, 0),
        unchanged_rows=counts.get(Outcome.UNCHANGED, 0),
        gone_rows=len(intent.gone),
        refused_rows=counts.get(Outcome.REFUSED, 0),
    )


def report_message(line: ReportRow, centre: str) -> import_pb2.ImportReportRow:
    """One line of the report."""
    return import_pb2.ImportReportRow(
        number=line.number,
        source_id=line.source_id,
        title=line.title,
        outcome=OUTCOMES[line.outcome],
        reasons=line.reasons,
        warnings=line.warnings,
        meeting=child_name(centre, "meetings", line.meeting),
        kept=line.kept,
    )


def _place(position: Position | None) -> tuple[int, int]:
    """Which batch, and which of its lines, a page starts at."""
    return (0, 0) if position is None else (int(position[0]), int(position[1]))
