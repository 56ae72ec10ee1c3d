"""What who leads has to know, and what guests chose to share: methods of the RsvpService.

Until there is a roster every facilitator of the centre counts as the one who leads. What is exact here stays here:
figures that leave the centre are suppressed where they are small (`figures.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

from services.rsvps import needed
from services.rsvps.needed import Needed
from services.rsvps.sheet import Sheet
from services.rsvps.types import Rules, Scope, Where
from services.rsvps.wire import question_message
from services.rsvps.wire_seats import answer_message

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.rsvps.desk import Desk, Found
    from services.rsvps.line import Line
    from services.rsvps.sealing import Told

COORDINATES: Final = frozenset({"coordinator", "administrator", "operator"})
"""Who learns how many places of a quota are taken."""

_WAYS: Final = {Where.ROOM: seat_pb2.ATTENDANCE_IN_PERSON, Where.ONLINE: seat_pb2.ATTENDANCE_ONLINE}


class NeedsOfLists:
    """What who leads has to know, and what guests chose to share."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_needs(self, call: Call[rsvp_service_pb2.GetNeedsRequest]) -> rsvp_service_pb2.Needs:
        """How many chairs, and what people need. Raises Unmet from 12 hours after its end on."""
        found = await self._desk.occurrence(call.message.name, call)
        known, rules = await self._needed(found)
        reply = _totals(found, known)
        told = [each for _, each in known.told]
        reply.first_names.extend(self._shuffled(each.first_name for each in told if each.first_name))
        reply.celebrations.extend(self._shuffled(_celebration(each) for each in told if _celebrates(each)))
        if call.caller.subject in rules.organisers:
            rows = self._shuffled(needed.answers_for(told, rules.questions))
            for row in rows:
                reply.organiser_answers.add(answers=map(answer_message, row))
        if call.caller.has(COORDINATES, found.part.centre):
            for quota, taken in known.quotas:
                said = reply.quotas.add(taken=taken).quota
                said.id, said.title, said.places = quota.id, quota.title, quota.places
        return reply

    async def export_list(self, call: Call[rsvp_service_pb2.ExportListRequest]) -> rsvp_service_pb2.ExportListResponse:
        """What guests chose to share. Raises Unmet from 12 hours after its end on."""
        found = await self._desk.occurrence(call.message.name, call)
        known, _ = await self._needed(found)
        shared = [(where, each) for where, each in known.told if each.first_name or _celebrates(each)]
        return rsvp_service_pb2.ExportListResponse(rows=self._shuffled(_row(where, each) for where, each in shared))

    async def _needed(self, found: Found) -> tuple[Needed, Rules]:
        """What a date needs; nothing where nobody keeps a seat."""
        if found.occasion is not None:
            needed.must_be_told(found.occasion.end, self._desk.now())
        if found.rules.scope is Scope.SERIES:
            return await self._enrolled(found), found.rules

        def read(sheet: Sheet, at: str) -> tuple[Needed, Rules]:
            needed.must_be_told(sheet.list.occasion.end, at)
            return needed.needed(sheet, at, self._desk.seals(sheet.list)), sheet.list.rules

        if self._desk.first is not None and found.event.series:
            found = await self._desk.first(found)
        return await self._desk.look(found, read) or (Needed(), found.rules)

    async def _enrolled(self, found: Found) -> Needed:
        """What those who are enrolled need on a date of their course; nothing on one that is off."""
        if not found.event.series or found.occasion is None or found.occasion.off:
            return Needed()
        now = self._desk.now()

        def read(head: Head[Line]) -> Needed:
            value = self._desk.list_of(head)
            if value is None:
                return Needed()
            sheet = Sheet(msgspec.structs.replace(value, rules=found.rules), head.index)
            return needed.needed(sheet, now, self._desk.seals(value))

        return await self._desk.heads.look("list", found.event.series, read)

    def _shuffled(self, values: Any) -> list[Any]:
        return needed.shuffled(values, self._desk.ids.random)


def _totals(found: Found, known: Needed) -> rsvp_service_pb2.Needs:
    totals = [
        rsvp_service_pb2.QuestionTotals(
            question=question_message(each.question), counts=each.counts, sum=each.sum, answered=each.answered
        )
        for each in known.totals
    ]
    return rsvp_service_pb2.Needs(
        name=found.name,
        expected_in_person=known.going[Where.ROOM],
        expected_online=known.going[Where.ONLINE],
        waitlisted_in_person=known.waiting[Where.ROOM],
        waitlisted_online=known.waiting[Where.ONLINE],
        offered=known.offered,
        totals=totals,
    )


def _celebrates(told: Told) -> bool:
    return bool(told.chip or told.named or told.milestone)


def _celebration(told: Told) -> seat_pb2.Celebration:
    return seat_pb2.Celebration(chip=told.chip, named=told.named, milestone=told.milestone)


def _row(where: Where, told: Told) -> rsvp_service_pb2.SharedRow:
    celebration = _celebration(told) if _celebrates(told) else None
    return rsvp_service_pb2.SharedRow(first_name=told.first_name, attendance=_WAYS[where], celebration=celebration)
