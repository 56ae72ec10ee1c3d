"""What is on: every meeting in an agenda that is kept in step with the store, so that asking is a bisect."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import msgspec
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.meetings import composed, records
from services.meetings.access import Audience, sees
from services.meetings.finder import Finder
from services.meetings.types import Change, Meeting, Status
from services.meetings.wire import MODES, child_name, occurrence_state, online_message, venue_message
from services.meetings.wire_details import WHO_MAY_COME, number, programme_message
from services.recurrence.agenda import Agenda
from services.recurrence.weeks import falls_on
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.kit.clock import Clock
    from services.kit.event import Event
    from services.kit.store.port import Commit, Position, Record, Store
    from services.meetings.access import Viewer
    from services.recurrence.types import Occurrence

BEHIND = timedelta(days=35)
SLICE = timedelta(days=1)
EXPANDED = 200  # series expanded before others get their turn: about 5 ms

PAGE = 200

NEVER = (-1, 0)

Row: TypeAlias = "tuple[Meeting, Occurrence]"


class _Seen(NamedTuple):
    """How far the listing knows a meeting: (epoch, revision) of its record, and of each of its views."""

    order: tuple[int, int]
    views: dict[str, tuple[int, int]]


class Listing:
    """The living meetings of every centre, with an agenda each. Built from the store, then fed with its commits."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._meetings: dict[str, Meeting] = {}
        self._seen: dict[str, _Seen] = {}
        self._agendas: defaultdict[str, Agenda] = defaultdict(Agenda)
        self.finder = Finder()
        store.watch(self._committed, kinds=("meeting",))

    async def load(self) -> None:
        """Reads every living meeting."""
        after = None
        while True:
            page = await self._store.find("meeting", {}, limit=PAGE, after=after)
            for record in page.records:
                self.apply(record)
            if (after := page.after) is None:
                return

    def _committed(self, commit: Commit) -> None:
        for record in commit.records:
            if record.kind == "meeting":
                self.apply(record)

    def apply(self, record: Record) -> None:
        """Takes in one meeting as it is now; an older state than is known changes nothing."""
        order, seen = (record.epoch, record.revision), self._seen.get(record.id)
        if seen is not None and order < seen.order:
            return
        self._seen[record.id] = _Seen(order, {view.name: (record.epoch, view.revision) for view in record.views})
        meeting = records.read(record, Meeting)
        agenda = self._agendas[meeting.centre]
        if record.gone or meeting.status is not Status.ACTIVE:
            self._meetings.pop(meeting.id, None)
            agenda.remove(meeting.id)
            self.finder.remove(meeting.id)
        else:
            # half of its memory, and no answer about a date says it
            meeting = msgspec.structs.replace(composed.all_in_one(meeting), source=None, day_changes=(), sessions=())
            self._meetings[meeting.id] = meeting
            agenda.put(meeting.id, meeting.schedule, meeting.changes)
            self.finder.put(meeting)

    def behind(self, id_: str, event: Event) -> bool:
        """Whether the event tells of something newer than what is known of that meeting."""
        seen = self._seen.get(id_)
        if seen is None:
            return event.payload is not None
        return seen.views.get(event.subject.split(".")[2], NEVER) < event.order

    async def page(self, asked: Asked, after: Position | None, size: int) -> tuple[list[Row], Position | None]:
        """The next `size` occurrences after a position, in order of time, and where to go on.

        It goes through the window a day at a time, so that a page costs what a page holds.
        """
        rows: list[Row] = []
        agenda = self._agendas.get(asked.centre)
        if agenda is None:
            return rows, None
        agenda.advance(self._clock.now() - BEHIND)
        for since, until, first in days(asked.since, asked.until, after):
            for _ in agenda.warm(since, until, EXPANDED):
                await asyncio.sleep(0)
            for id_, occurrence in agenda.between(since, until):
                begun = not first and occurrence.start < since  # seen with the day it began on
                if begun or not asked.takes(self._meetings[id_], occurrence):
                    continue
                row = (self._meetings[id_], occurrence)
                if after is not None and position(row) <= after:
                    continue
                if len(rows) == size:
                    return rows, position(rows[-1])
                rows.append(row)
            await asyncio.sleep(0)  # others get their turn
        return rows, None


def days(since: datetime, until: datetime, after: Position | None) -> Iterator[tuple[datetime, datetime, bool]]:
    """The window in slices of a day, from where `after` stands; and whether a slice is the window's first."""
    start = since
    if after is not None:
        start = max(since, datetime.fromtimestamp(int(after[0]), UTC))
    first = start == since
    while start < until:
        end = min(start + SLICE, until)
        yield start, end, first
        start, first = end, False


def position(row: Row) -> Position:
    """Where an occurrence stands in the order of a list."""
    meeting, occurrence = row
    return (int(occurrence.start.timestamp()), meeting.id, key_text(occurrence.key))


@dataclass(frozen=True)
class Asked:
    """A window of time at one centre, with the filters of a request, and who asks."""

    request: pb.ListOccurrencesRequest
    centre: str
    since: datetime
    until: datetime
    viewer: Viewer

    def audience(self, meeting: Meeting) -> Audience:
        """What the asker is to a meeting: who names an unlisted one knows its link."""
        named = self.request.meeting == child_name(meeting.centre, "meetings", meeting.id)
        return self.viewer.audience(meeting, named=named)

    def takes(self, meeting: Meeting, occurrence: Occurrence) -> bool:
        """Whether an occurrence passes the filters, and may be seen."""
        return sees(meeting.visibility, self.audience(meeting)) and wanted(self.request, meeting, occurrence)

    def message(self, meeting: Meeting, occurrence: Occurrence) -> occurrence_pb2.Occurrence:
        """The occurrence as the asker may see it."""
        return occurrence_message(meeting, occurrence, self.audience(meeting))


def wanted(request: pb.ListOccurrencesRequest, meeting: Meeting, occurrence: Occurrence) -> bool:
    """Whether an occurrence passes the request's filters."""
    if occurrence.cancelled and not request.show_cancelled:
        return False
    change = meeting.change(occurrence.key) if occurrence.deviates else None
    mode = (change.mode if change else None) or meeting.mode
    place = (change.place if change else None) or meeting.place
    return (
        request.meeting in ("", child_name(meeting.centre, "meetings", meeting.id))
        and request.kind in ("", meeting.kind)
        and request.fellowship in ("", meeting.fellowship)
        and (not request.type or request.type in meeting.types)
        and (not request.mode or MODES.get(request.mode) is mode)
        and request.language in ("", meeting.language)
        and request.place in ("", child_name(meeting.centre, "places", place))
    )


def occurrence_message(
    meeting: Meeting, occurrence: Occurrence, audience: Audience = Audience.STAFF
) -> occurrence_pb2.Occurrence:
    """One date, with what differs on it."""
    change = meeting.change(occurrence.key) or Change(date=occurrence.key.date)
    online = change.online or meeting.online
    venue = change.venue or meeting.venue
    key = key_text(occurrence.key)
    message = occurrence_pb2.Occurrence(
        name=f"{child_name(meeting.centre, 'meetings', meeting.id)}/occurrences/{key}",
        identity=f"{meeting.lineage}/{key}",
        state=occurrence_state(occurrence, change),  # type: ignore[arg-type]  # the wire's number
        local_start=occurrence.local.isoformat(timespec="minutes"),
        time_zone=meeting.schedule.zone,
        changed=occurrence.deviates and not occurrence.cancelled,
        reason=change.reason,
        title=meeting.title if change.title is None else change.title,
        kind=meeting.kind,
        fellowship=meeting.fellowship,
        types=meeting.types,
        mode=number(MODES, change.mode or meeting.mode),  # type: ignore[arg-type]  # the wire's number
        notes=meeting.notes if change.notes is None else change.notes,
        venue=venue_message(venue, audience) if venue else None,
        online=online_message(online, audience) if online else None,
        closure=child_name(meeting.centre, "closures", change.closure),
        holiday=change.holiday,
    )
    _say_programmes(message, meeting, occurrence)
    message.start_time.FromDatetime(occurrence.start)
    message.end_time.FromDatetime(occurrence.end)
    return message


def _say_programmes(message: occurrence_pb2.Occurrence, meeting: Meeting, occurrence: Occurrence) -> None:
    """What is special on that date: programmes go by its original day."""
    on = [each for each in meeting.programmes if falls_on(each.when, occurrence.key.date)]
    message.programmes.extend(map(programme_message, on))
    who = next((each.who_may_come for each in on if each.who_may_come), meeting.who_may_come)
    message.who_may_come = number(WHO_MAY_COME, who)  # type: ignore[assignment]  # the wire's number
