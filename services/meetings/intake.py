"""One row of an import: what it would become, and making it so. Doing it twice is doing it once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.kit.errors import Refusal, Unavailable
from services.kit.record import transact
from services.kit.store.port import Commit, Record
from services.meetings import records, rows
from services.meetings.desk import Desk, trail
from services.meetings.edits import Neighbours
from services.meetings.types import Import, Meeting, Outcome, Place, ReportRow, Status

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

    from services.meetings.parts import Parts


class Known(NamedTuple):
    """What a row is here: the last part of its series, that part's record, the part before it."""

    record: Record | None = None
    meeting: Meeting | None = None
    around: Neighbours = Neighbours()


class Intake:
    """Brings rows into force, one commit each."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def plan(self, intent: Import, row: import_pb2.ImportRow) -> ReportRow:
        """What would become of the row. Writes nothing."""
        if why := rows.problems(row):
            return rows.refused(row, why)
        try:
            known = await self._known(intent, row)
            outcome = outcome_of(intent, row, known)
            return self._line(intent, row, known, outcome)
        except Unavailable:
            raise
        except Refusal as refusal:
            return rows.refused(row, refusal)

    async def take(self, intent: Import, row: import_pb2.ImportRow) -> ReportRow:
        """Makes the meeting what the row says, and gives its line of the report.

        Raises Unavailable for what is not the row's fault: it is taken again later.
        """
        if why := rows.problems(row):
            return rows.refused(row, why)
        try:
            return await self._take(intent, row)
        except Unavailable:
            raise
        except Refusal as refusal:
            return rows.refused(row, refusal)

    async def _take(self, intent: Import, row: import_pb2.ImportRow) -> ReportRow:
        who = f"import/{intent.id}"
        if outcome_of(intent, row, await self._known(intent, row)) is not Outcome.UNCHANGED:
            await self._settle_place(intent, row, who)

        async def attempt() -> tuple[Commit, ReportRow]:
            at = self.desk.now()
            known = await self._known(intent, row)
            outcome = outcome_of(intent, row, known)
            line = self._line(intent, row, known, outcome)
            if outcome is Outcome.UNCHANGED or taken_by(intent, known.meeting):
                return Commit(()), line
            wanted = rows.wanted_meeting(row, intent, known.meeting, at, known.around)
            housed, moved = await self.parts.housed(known.meeting, wanted, at, who)
            written = (records.write(known.record, housed, at=at, actor=who), *moved)
            return Commit(written, (), trail(written, at, who, "import")), line

        return await transact(self.desk.store, self.desk.clock, self.desk.ids, attempt)

    def _line(self, intent: Import, row: import_pb2.ImportRow, known: Known, outcome: Outcome) -> ReportRow:
        id_ = known.meeting.id if known.meeting else rows.meeting_id(intent.centre, intent.source, row.source_id)
        reasons: tuple[str, ...] = ()
        if outcome is Outcome.CHANGED and known.meeting is not None and not taken_by(intent, known.meeting):
            wanted = rows.wanted_meeting(row, intent, known.meeting, self.desk.now(), known.around)
            reasons = rows.fields_changed(known.meeting, wanted)
        return rows.report(row, outcome, id_, reasons)

    async def _known(self, intent: Import, row: import_pb2.ImportRow) -> Known:
        id_ = rows.meeting_id(intent.centre, intent.source, row.source_id)
        before: Meeting | None = None
        record = await self.desk.store.get("meeting", id_)
        while record is not None:
            meeting = records.read(record, Meeting)
            if not meeting.next:
                return Known(record, meeting, Neighbours(before, None))
            before = None if meeting.status is Status.CANCELLED else meeting
            record = await self.desk.store.get("meeting", meeting.next)
        return Known()

    async def _settle_place(self, intent: Import, row: import_pb2.ImportRow, who: str) -> None:
        """The place as a new or changed row has it; meetings that are held there follow by themselves."""
        id_ = rows.place_id(intent.centre, intent.source, row)
        if not id_:
            return

        async def attempt() -> tuple[Commit, None]:
            at = self.desk.now()
            record = await self.desk.store.get("place", id_)
            current = records.read(record, Place) if record else None
            wanted = rows.wanted_place(row, intent, current, at)
            if record is not None and not record.gone and wanted == current:
                return Commit(()), None
            due = at if current else None
            written = (records.write(record, wanted, at=at, actor=who, due_at=due),)
            return Commit(written, (), trail(written, at, who, "import")), None

        await transact(self.desk.store, self.desk.clock, self.desk.ids, attempt)


def taken_by(intent: Import, meeting: Meeting | None) -> bool:
    """Whether this very import has made the meeting what it is: a slice that was stopped before it could say so."""
    return meeting is not None and meeting.source is not None and meeting.source.by == intent.id


def outcome_of(intent: Import, row: import_pb2.ImportRow, known: Known) -> Outcome:
    """What becomes of a row that can be read."""
    meeting = known.meeting
    if known.record is None or meeting is None:
        return Outcome.NEW
    if taken_by(intent, meeting):
        return Outcome.NEW if meeting.created_at >= intent.created_at else Outcome.CHANGED
    if known.record.gone or meeting.status is Status.CANCELLED:
        return Outcome.CHANGED
    same = meeting.source is not None and meeting.source.digest == rows.digest(row)
    return Outcome.UNCHANGED if same else Outcome.CHANGED
