"""Head counts of dates that are over, and what was said after them: methods of the RsvpService."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from openchair.rsvps.v1 import rsvp_service_pb2, statistics_pb2

from services.kit.call import NOBODY
from services.kit.clock import instant, moment
from services.kit.errors import Invalid, NotFound, Unmet, Violation
from services.kit.names import Pattern
from services.kit.store.port import Range
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_date
from services.rsvps import asking, check_in, counting, records, suppressing, tabulating
from services.rsvps.presence import inside, mark_of
from services.rsvps.types import Count, Part, Seat, SeatFor, Use
from services.rsvps.wire_figures import NOTES, row_message

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.rsvps.desk import Desk
    from services.rsvps.sheet import Sheet
    from services.rsvps.tabulating import Item
    from services.rsvps.types import Rules

CENTRE: Final = Pattern("centres/{centre}")
MOST_DAYS: Final = 1827
"""Days that are asked about at once: five years."""

RELEASED_AFTER: Final = counting.CLOSES_AFTER + timedelta(days=1)
"""So long after its end a month is in exports: a day more than it takes in counts, whatever clocks say."""

_BY: Final = {
    statistics_pb2.DIMENSION_MEETING: "meeting",
    statistics_pb2.DIMENSION_ROOM: "room",
    statistics_pb2.DIMENSION_KIND: "kind",
    statistics_pb2.DIMENSION_WEEKDAY: "weekday",
    statistics_pb2.DIMENSION_MONTH: "month",
}


class Asked(NamedTuple):
    """What figures are wanted of: a centre, local dates (both inclusive), by what."""

    centre: str
    first: date
    last: date
    by: tuple[str, ...]


class Figures:
    """Head counts of dates that are over, and what was said after them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def give_feedback(
        self, call: Call[rsvp_service_pb2.GiveFeedbackRequest]
    ) -> rsvp_service_pb2.GiveFeedbackResponse:
        """Takes answers of somebody who checked in, once; to anybody else there is no such date."""
        name, desk = call.message.name, self._desk
        key, id_ = desk.key(call), desk.ids.uuid()
        found = await desk.occurrence(name, inside(call))

        def decide(sheet: Sheet, at: str) -> rsvp_service_pb2.GiveFeedbackResponse:
            held = sheet.list
            if held.ended or sheet.held(mark_of(desk, sheet, key)) is None:
                raise NotFound(name)
            if not held.occasion.start <= at <= instant(moment(held.occasion.end) + check_in.KEPT):
                raise Unmet("one says it from its start to 72 hours after its end", "NOT_NOW")
            mac = desk.secrets.mac(held.secret, held.centre, held.id, key, SeatFor.ANSWERED.value)
            if sheet.held(mac) is not None:
                raise Unmet("it was said before", "ANSWERED")
            given, _ = asking.answers(call.message.answers, _feedback(held.rules))
            sheet.put(Seat(id=id_, centre=held.centre, mac=mac, use=SeatFor.ANSWERED, answers=given))
            return rsvp_service_pb2.GiveFeedbackResponse()

        return await desk.on_list(found, decide, call=replace(call, caller=NOBODY), actor="guest", action="answered")

    async def get_statistics(
        self, call: Call[rsvp_service_pb2.GetStatisticsRequest]
    ) -> rsvp_service_pb2.GetStatisticsResponse:
        """Exact figures, for the centre alone."""
        asked = _asked(call.message)
        items = [tabulating.item(each) for each in await self._counts(asked)]
        found = tabulating.rows((_named(each, asked.centre) for each in items), asked.by)
        return rsvp_service_pb2.GetStatisticsResponse(rows=[row_message(row) for row in found])

    async def export_statistics(
        self, call: Call[rsvp_service_pb2.ExportStatisticsRequest]
    ) -> rsvp_service_pb2.ExportStatisticsResponse:
        """What may leave the centre: always the same of the same months, whoever asks how often."""
        asked = _asked(call.message)
        self._must_be_closed(asked)
        counts = [each for each in await self._counts(asked) if not each.late]
        whole = _whole_years(asked) and "month" not in asked.by
        items = suppressing.years(counts) if whole else suppressing.months(counts)
        public = {each.meeting: await self._is_public(each.meeting) for each in counts}
        shown = (_named(each if public[each.of.meeting] else _unnamed(each), asked.centre) for each in items)
        found = tabulating.rows(shown, asked.by)
        return rsvp_service_pb2.ExportStatisticsResponse(rows=[row_message(row) for row in found], notes=NOTES)

    def _must_be_closed(self, asked: Asked) -> None:
        wrong = []
        if asked.first.day != 1:
            wrong.append(Violation("first_date", "must be the first day of a month"))
        if (asked.last + timedelta(days=1)).day != 1:
            wrong.append(Violation("last_date", "must be the last day of a month"))
        if wrong:
            raise Invalid(*wrong)
        released = counting.closes(asked.last) - counting.CLOSES_AFTER + RELEASED_AFTER
        if self._desk.clock.now() < released:
            raise Unmet("the last of these months is not closed yet", "MONTH_OPEN", {"closed": instant(released)})

    async def _counts(self, asked: Asked) -> list[Count]:
        days = Range(asked.first.isoformat(), (asked.last + timedelta(days=1)).isoformat())
        found: list[Count] = []
        after = None
        while True:
            page = await self._desk.store.find("count", {"centre": asked.centre, "date": days}, ("date",), 1000, after)
            found += [records.read(record, Count) for record in page.records]
            if (after := page.after) is None:
                return found

    async def _is_public(self, meeting: str) -> bool:
        record = await self._desk.store.get("part", meeting)
        return record is not None and not record.gone and records.read(record, Part).public is not None


def _feedback(rules: Rules) -> Rules:
    """The questions that are asked afterwards; what is answered counts in totals and nowhere else."""
    asked = tuple(msgspec.structs.replace(each, use=Use.TOTAL) for each in rules.feedback)
    if not asked:
        raise Unmet("nothing is asked afterwards", "NOTHING_ASKED")
    return msgspec.structs.replace(rules, questions=asked)


def _asked(message: Any) -> Asked:
    """What a request asks about. Raises Invalid."""
    centre = CENTRE.parse(message.parent, "parent")["centre"]
    first, last = (_date(message, field) for field in ("first_date", "last_date"))
    if not first <= last < first + timedelta(days=MOST_DAYS):
        raise Invalid(Violation("last_date", f"must not be before first_date, nor {MOST_DAYS} days after it"))
    by = tuple(_BY[each] for each in message.dimensions if each in _BY)
    if len(by) != len(message.dimensions) or len(set(by)) != len(by):
        raise Invalid(Violation("dimensions", "must be dimensions, each once"))
    return Asked(centre, first, last, by)


def _date(message: Any, field: str) -> date:
    try:
        return parse_date(field, getattr(message, field))
    except RecurrenceError as error:
        raise Invalid(Violation(field, error.reason)) from None


def _whole_years(asked: Asked) -> bool:
    return (asked.first.month, asked.last.month) == (1, 12)


def _named(item: Item, centre: str) -> Item:
    """The meeting by its name."""
    meeting = item.of.meeting and f"centres/{centre}/meetings/{item.of.meeting}"
    return item._replace(of=item.of._replace(meeting=meeting))


def _unnamed(item: Item) -> Item:
    """What is not public has no name outside the centre, nor have its rooms."""
    return item._replace(of=item.of._replace(meeting="", rooms=()))
