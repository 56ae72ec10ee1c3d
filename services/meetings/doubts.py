"""Where people found nobody: Report, Confirm, List, Resolve."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.kit.clock import instant, moment
from services.kit.errors import Invalid, NotFound, Violation
from services.kit.paging import page_size
from services.meetings import composed, doubting, records
from services.meetings.access import sees
from services.meetings.claiming import Draft
from services.meetings.codes import viewer_of
from services.meetings.desk import CENTRE, OCCURRENCE, Decision, Desk, Held, Written, actor
from services.meetings.listing import occurrence_message
from services.meetings.types import Centre, Doubt, Meeting
from services.meetings.wire import child_name, meeting_message, stamp, timestamp
from services.meetings.wire_closures import doubt_message
from services.recurrence.schedule import has
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import key_text, parse_key

if TYPE_CHECKING:
    from openchair.meetings.v1 import doubt_pb2, meeting_pb2

    from services.kit.call import Call
    from services.kit.store.port import Position, Record
    from services.meetings.parts import Parts
    from services.recurrence.types import Key, Occurrence


class Dated(NamedTuple):
    """A date of a meeting that takes place, and what was reported about it: None where nothing was."""

    held: Held[Meeting]
    key: Key
    found: Occurrence
    record: Record | None
    doubt: Doubt | None

    @property
    def begun(self) -> Doubt:
        """What was reported about it, at least an empty doubt."""
        meeting = self.held.value
        change = meeting.change(self.key)
        return self.doubt or Doubt(
            id=f"{meeting.lineage}-{key_text(self.key)}",
            centre=meeting.centre,
            created_at="",
            meeting=meeting.id,
            lineage=meeting.lineage,
            date=self.key.date,
            ordinal=self.key.ordinal,
            title=meeting.title if change is None or change.title is None else change.title,
            start=instant(self.found.start),
        )


class Doubts:
    """The methods about reports that nobody was there."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts
        self.budget = doubting.Budget()

    async def report_nobody_here(self, call: Call[pb.ReportNobodyHereRequest]) -> pb.ReportNobodyHereResponse:
        """Somebody stands there alone. One more report counts, or changes nothing; the answer is the same."""
        if not call.request_id:
            raise Invalid(Violation("request_id", "must be given: one report for each"))
        seen = await self._reported(call)
        self.budget.take(seen.held.value.centre, call.clock.now())

        async def decide(at: str) -> Decision[pb.ReportNobodyHereResponse]:
            seen = await self._reported(call)
            meeting = seen.held.value
            if not doubting.takes_more(seen.begun):
                return Decision((), await self._reply(meeting, seen.key), "report-nobody-here")
            doubt = _at(msgspec.structs.replace(seen.begun, reports=seen.begun.reports + 1), at)
            after = doubting.marked(meeting, seen.key) if doubt.reports >= doubting.MARKING else meeting
            reply = await self._reply(after, seen.key)
            drafts, asked = _drafts(seen.held, after), await self.parts.lenient(meeting)
            kept = _kept(seen, doubt, at, actor(call))
            return Decision(kept, reply, "report-nobody-here", drafts=drafts, asked=asked)

        return await self.desk.write(call, decide)

    async def confirm_occurrence(self, call: Call[pb.ConfirmOccurrenceRequest]) -> occurrence_pb2.Occurrence:
        """Whoever leads it is there: the mark goes, and no report counts any more."""

        async def decide(at: str) -> Decision[occurrence_pb2.Occurrence]:
            seen = await self._dated(call.message.name)
            doubting.must_be_confirmable(seen.found, call.clock.now())
            after = doubting.confirmed(seen.held.value, seen.key)
            doubt = _at(msgspec.structs.replace(seen.begun, confirmed_at=seen.begun.confirmed_at or at), at)
            shown = composed.all_in_one(after)
            reply = occurrence_message(shown, seen.found)
            drafts, asked = _drafts(seen.held, after), await self.parts.lenient(after)
            kept = _kept(seen, doubt, at, actor(call))
            return Decision(kept, reply, "confirm-occurrence", key_text(seen.key), drafts=drafts, asked=asked)

        return await self.desk.write(call, decide)

    async def list_doubts(self, call: Call[pb.ListDoubtsRequest]) -> pb.ListDoubtsResponse:
        """Where people found nobody lately, newest first: of 30 days, so all are at hand."""
        centre = CENTRE.parse(call.message.parent, "parent")["centre"]
        after = self.desk.pages.position(call)
        size = page_size(call.message.page_size)
        found = [(_position(held), held) for held in await self.desk.every("doubt", Doubt, centre=centre)]
        rest = sorted((each for each in found if after is None or each[0] > after), key=operator.itemgetter(0))
        more = rest[size - 1][0] if len(rest) > size else None
        return pb.ListDoubtsResponse(
            doubts=[_message(held) for _, held in rest[:size]], next_page_token=self.desk.pages.token(call, more)
        )

    async def resolve_doubts(self, call: Call[pb.ResolveDoubtsRequest]) -> meeting_pb2.Meeting:
        """A series is doubtful no more: two further dates would make it so."""

        async def decide(_: str) -> Decision[meeting_pb2.Meeting]:
            held = await self.parts.meeting(call.message.name)
            meeting = doubting.resolved(held.value)

            def reply(written: Written) -> meeting_pb2.Meeting:
                now = written.get(meeting.id, held)
                return stamp(meeting_message(now.value), now.record)

            drafts, asked = _drafts(held, meeting), await self.parts.lenient(meeting)
            return Decision((), reply, "resolve-doubts", drafts=drafts, asked=asked)

        return await self.desk.write(call, decide)

    async def _reported(self, call: Call[pb.ReportNobodyHereRequest]) -> Dated:
        """The date that somebody reports. Raises NotFound, the same for what is not there and what they may not see."""
        seen = await self._dated(call.message.name, call)
        doubting.must_take_reports(seen.found, call.clock.now())
        return seen

    async def _dated(self, name: str, reporter: Call[pb.ReportNobodyHereRequest] | None = None) -> Dated:
        """The date of that name; `reporter`: as far as they may see it. Raises Invalid, NotFound, Unmet."""
        ids = OCCURRENCE.parse(name, "name")
        try:
            key = parse_key(ids["occurrence"])
        except RecurrenceError as error:
            raise Invalid(Violation("name", error.reason)) from error
        try:
            held = await self.parts.meeting(child_name(ids["centre"], "meetings", ids["meeting"]))
        except NotFound as error:
            raise NotFound(name) from error
        if reporter is not None and not await self._sees(reporter, held.value):
            raise NotFound(name)
        if not has(held.value.schedule, key):
            raise NotFound(name)
        record = await self.desk.store.get("doubt", f"{held.value.lineage}-{key_text(key)}")
        doubt = None if record is None or record.gone else records.read(record, Doubt)
        return Dated(held, key, doubting.taking_place(held.value, key), record, doubt)

    async def _sees(self, call: Call[pb.ReportNobodyHereRequest], meeting: Meeting) -> bool:
        viewer = await viewer_of(self.desk, call, meeting.centre)
        return sees(meeting.visibility, viewer.audience(meeting, named=True))

    async def _reply(self, meeting: Meeting, key: Key) -> pb.ReportNobodyHereResponse:
        """Whom to call, and what the date is."""
        name = f"centres/{meeting.centre}"
        centre = (await self.desk.held("centre", meeting.centre, Centre, name, meeting.centre)).value
        unconfirmed = key in meeting.unconfirmed
        states = occurrence_pb2.OCCURRENCE_STATE_SCHEDULED, occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED
        return pb.ReportNobodyHereResponse(call=centre.phone, crisis_line=centre.crisis_line, state=states[unconfirmed])


def _at(doubt: Doubt, at: str) -> Doubt:
    return msgspec.structs.replace(doubt, created_at=doubt.created_at or at)


def _kept(seen: Dated, doubt: Doubt, at: str, who: str) -> tuple[Record, ...]:
    """The record of the doubt, if it changed."""
    due = instant(doubting.forgotten_at(doubt))
    return () if doubt == seen.doubt else (records.write(seen.record, doubt, at=at, actor=who, due_at=due),)


def _drafts(held: Held[Meeting], after: Meeting) -> tuple[Draft, ...]:
    """The meeting, if it changed."""
    return () if after == held.value else (Draft(held.record, after, held.record.due_at),)


def _position(held: Held[Doubt]) -> Position:
    """Newest first: by when it began, then by id."""
    return (-int(moment(held.value.start).timestamp()), held.value.id)


def _message(held: Held[Doubt]) -> doubt_pb2.Doubt:
    message = doubt_message(held.value)
    message.etag = str(held.record.revision)
    message.update_time.CopyFrom(timestamp(held.record.at))
    return message
