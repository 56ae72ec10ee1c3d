"""One row of an import: what it would become, and making it so. Doing it twice is doing it once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.kit.errors import Refusal, Unavailable
from services.kit.record import transact
from services.kit.store.port import Commit, Record
from services.meetings import records, rows
from services.meetings.claiming import Draft
from services.meetings.desk import ATTEMPTS, Decision, Desk, Held, trail
from services.meetings.edits import Neighbours
from services.meetings.types import AddressAccess, Meeting, Place, Status
from services.meetings.types_imports import Import, Outcome, ReportRow

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

    from services.meetings.parts import Parts


NEW_PLACE = "new"  # stands in a plan for the id that a place will get


class Known(NamedTuple):
    """What a row is here: the last part of its series, that part's record, the part before it, and that one's.

    `own`: it came out of this very centre, from no source or from another.
    """

    record: Record | None = None
    meeting: Meeting | None = None
    around: Neighbours = Neighbours()
    former: Record | None = None
    own: bool = False


class Intake:
    """Brings rows into force, one commit each."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def plan(self, intent: Import, row: import_pb2.ImportRow) -> ReportRow:
        """What would become of the row. Writes nothing."""
        known = await self._known(intent, row)
        if as_it_came(intent, row, known):
            return self._line(intent, row, known, Outcome.UNCHANGED, "")
        if why := rows.problems(row):
            return rows.refused(row, why)
        try:
            outcome = await self._outcome(intent, row, known)
            return self._line(intent, row, known, outcome, await self._known_place(intent, row))
        except Unavailable:
            raise
        except Refusal as refusal:
            return rows.refused(row, refusal)

    async def take(self, intent: Import, row: import_pb2.ImportRow) -> ReportRow:
        """Makes the meeting what the row says, and gives its line of the report.

        Raises Unavailable for what is not the row's fault: it is taken again later.
        """
        known = await self._known(intent, row)
        if as_it_came(intent, row, known):
            return self._line(intent, row, known, Outcome.UNCHANGED, "")
        if why := rows.problems(row):
            return rows.refused(row, why)
        try:
            return await self._take(intent, row, known)
        except Unavailable:
            raise
        except Refusal as refusal:
            return rows.refused(row, refusal)

    async def _take(self, intent: Import, row: import_pb2.ImportRow, known: Known) -> ReportRow:
        who = f"import/{intent.id}"
        outcome, local = await self._outcome(intent, row, known), known.meeting.local_fields if known.meeting else ()
        if outcome is Outcome.UNCHANGED or rows.keeps_place(row, known.meeting):
            place = await self._known_place(intent, row) if local else ""
        else:
            place = await self._settle_place(intent, row, known, who)

        loaded = [known]  # what the first attempt decides on; only after a Conflict it is loaded again

        async def decide(at: str) -> Decision[ReportRow]:
            known = loaded.pop() if loaded else await self._known(intent, row)
            outcome = await self._outcome(intent, row, known)
            line = self._line(intent, row, known, outcome, place)
            if outcome is Outcome.UNCHANGED or taken_by(intent, known.meeting):
                return Decision((), line, "import")
            wanted = rows.wanted_meeting(row, intent, known.meeting, place, at, known.around)
            housed, moved = await self.parts.housed(known.meeting, wanted, at, who)
            earlier, joined = await self._earlier(row, known, housed, at, who)
            drafts, asked = (Draft(known.record, housed), *earlier), await self.parts.lenient(housed)
            touched = {(each.kind, each.id): each for each in (*moved, *joined)}  # a closure may move both parts there
            return Decision(tuple(touched.values()), line, "import", drafts=drafts, asked=asked)

        return await self.desk.settle(decide, who)

    async def _earlier(
        self, row: import_pb2.ImportRow, known: Known, meeting: Meeting, at: str, who: str
    ) -> tuple[tuple[Draft, ...], tuple[Record, ...]]:
        """The part before, as the row has it; it waits no more for a view that this one loses."""
        before = known.around.before
        if before is None or known.former is None or known.meeting is None:
            return (), ()
        part, moved = await self.parts.housed(before, rows.wanted_earlier(row, before, at), at, who)
        part = records.seen_alone(part, known.meeting, meeting)
        return ((), ()) if part == before else ((Draft(known.former, part),), moved)

    def _line(self, intent: Import, row: import_pb2.ImportRow, known: Known, outcome: Outcome, place: str) -> ReportRow:
        meeting = known.meeting
        id_ = meeting.id if meeting else rows.meeting_id(intent.centre, intent.source, row.source_id)
        reasons: tuple[str, ...] = ()
        if known.own:
            return rows.report(row, Outcome.UNCHANGED, id_, ("it is a meeting of this centre: it is not imported",))
        own = rows.kept(row, intent, meeting, place) if meeting is not None and not withdrawn(known) else ()
        if meeting is not None and withdrawn(known):
            reasons = ("it was deleted here, so it is not brought back",)
        elif meeting is not None and outcome is Outcome.CHANGED and not taken_by(intent, meeting):
            wanted = rows.wanted_meeting(row, intent, meeting, place, self.desk.now(), known.around)
            reasons = rows.fields_changed(meeting, wanted)
        return rows.report(row, outcome, id_, reasons, own)

    async def _known(self, intent: Import, row: import_pb2.ImportRow) -> Known:
        id_ = rows.meeting_id(intent.centre, intent.source, row.source_id)
        before: Meeting | None = None
        former: Record | None = None
        record = await self.desk.store.get("meeting", id_)
        if record is None and row.public_only and (record := await self._exported(intent, row)) is not None:
            meeting = records.read(record, Meeting)
            if meeting.source_name != intent.source:
                return Known(record, meeting, own=True)
        while record is not None:
            meeting = records.read(record, Meeting)
            if not meeting.next:
                return Known(record, meeting, Neighbours(before, None), former if before else None)
            former = record
            before = None if meeting.status is Status.CANCELLED else meeting
            record = await self.desk.store.get("meeting", meeting.next)
        return Known()

    async def _exported(self, intent: Import, row: import_pb2.ImportRow) -> Record | None:
        """The meeting of this centre that a row of a public export names by its id: it says no other identity."""
        record = await self.desk.store.get("meeting", row.source_id)
        there = record is not None and not record.gone and record.state.get("centre") == intent.centre
        return record if there else None

    async def _place(self, intent: Import, row: import_pb2.ImportRow) -> Held[Place] | None:
        """The row's place, if it came in before."""
        key = rows.place_key(intent, row)
        if not key:
            return None
        page = await self.desk.store.find("place", {"centre": intent.centre, "source_key": key}, limit=1)
        return Held(page.records[0], records.read(page.records[0], Place)) if page.records else None

    async def _outcome(self, intent: Import, row: import_pb2.ImportRow, known: Known) -> Outcome:
        """What becomes of the row; one of a public export is compared by what such an export can say."""
        outcome, meeting = outcome_of(intent, row, known), known.meeting
        if not row.public_only or outcome is not Outcome.CHANGED or meeting is None or meeting.source is None:
            return outcome
        if taken_by(intent, meeting) or meeting.status is Status.CANCELLED:
            return outcome
        held = await self._place(intent, row)
        level = meeting.venue.address_access if meeting.venue else AddressAccess.PUBLIC
        told = row.HasField("place") and not rows.keeps_place(row, meeting)
        if told and (held is None or rows.wanted_place(row, held.value, level) != held.value):
            return outcome
        place = held.value.id if held else ""
        wanted = rows.wanted_meeting(row, intent, meeting, place, self.desk.now(), known.around)
        url, extra = (wanted.source.url, wanted.source.extra) if wanted.source else ("", "")
        same = (meeting.source.url, meeting.source.extra) == (url, extra)
        return Outcome.UNCHANGED if same and not rows.fields_changed(meeting, wanted) else outcome

    async def _known_place(self, intent: Import, row: import_pb2.ImportRow) -> str:
        """The id of the row's place; one that is not here yet is NEW_PLACE, none is ""."""
        held = await self._place(intent, row)
        return held.value.id if held else NEW_PLACE * row.HasField("place")

    async def _settle_place(self, intent: Import, row: import_pb2.ImportRow, known: Known, who: str) -> str:
        """The place as a new or changed row has it, by its id; meetings that are held there follow by themselves."""
        key = rows.place_key(intent, row)
        if not key:
            return ""
        former = known.meeting.venue if known.meeting else None
        withheld = former.address_access if former else AddressAccess.PUBLIC

        async def attempt() -> tuple[Commit, str]:
            at = self.desk.now()
            held = await self._place(intent, row)
            base = held.value if held else self._new_place(intent, key, at)
            wanted = rows.wanted_place(row, base, withheld)
            if held and wanted == held.value:
                return Commit(()), wanted.id
            record = records.write(held.record if held else None, wanted, at=at, actor=who, due_at=at if held else None)
            return Commit((record,), (), trail((record,), at, who, "import")), wanted.id

        return await transact(self.desk.store, self.desk.clock, self.desk.ids, attempt, attempts=ATTEMPTS)

    def _new_place(self, intent: Import, key: str, at: str) -> Place:
        return Place(
            id=self.desk.ids.uuid(),
            centre=intent.centre,
            created_at=at,
            title="",
            source=intent.source,
            source_key=key,
        )


def withdrawn(known: Known) -> bool:
    """Whether a person deleted it here: no list brings it back."""
    return known.meeting is not None and known.meeting.status is Status.CANCELLED and known.meeting.withdrawn


def taken_by(intent: Import, meeting: Meeting | None) -> bool:
    """Whether this very import has made the meeting what it is: a slice that was stopped before it could say so."""
    return meeting is not None and meeting.source is not None and meeting.source.by == intent.id


def as_it_came(intent: Import, row: import_pb2.ImportRow, known: Known) -> bool:
    """Whether the living meeting came out of just this row before, and nothing was edited here.

    What came in was sound, and nothing of the row is kept: so it need not be looked at again.
    """
    meeting = known.meeting
    plain = meeting is not None and not (known.own or row.refusal or meeting.local_fields or withdrawn(known))
    return plain and outcome_of(intent, row, known) is Outcome.UNCHANGED


def outcome_of(intent: Import, row: import_pb2.ImportRow, known: Known) -> Outcome:
    """What becomes of a row that can be read."""
    meeting = known.meeting
    if known.record is None or meeting is None:
        return Outcome.NEW
    if known.own:
        return Outcome.UNCHANGED
    if taken_by(intent, meeting):
        return Outcome.NEW if meeting.created_at >= intent.created_at else Outcome.CHANGED
    if withdrawn(known):
        return Outcome.UNCHANGED
    if known.record.gone or meeting.status is Status.CANCELLED:
        return Outcome.CHANGED
    same = meeting.source is not None and meeting.source.digest == rows.digest(row)
    return Outcome.UNCHANGED if same else Outcome.CHANGED
