"""What is on: every meeting's occurrences in sorted arrays, kept in step with the store, so that asking is a bisect."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.meetings import records
from services.meetings.types import Change, Meeting, Status, Visibility
from services.meetings.wire import MODES, child_name, number, online_message, venue_message
from services.recurrence.agenda import Agenda
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from services.kit.clock import Clock
    from services.kit.store.port import Commit, Record, Store
    from services.recurrence.types import Occurrence

BEHIND = timedelta(days=35)
AHEAD = timedelta(days=62)


class Listing:
    """The living meetings of every centre, with an agenda each. Built from the store, then fed with its commits."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._meetings: dict[str, Meeting] = {}
        self._agendas: defaultdict[str, Agenda] = defaultdict(self._agenda)
        store.watch(self._committed)

    def _agenda(self) -> Agenda:
        now = self._clock.now()
        return Agenda(now - BEHIND, now + AHEAD)

    async def load(self) -> None:
        """Reads every living meeting."""
        after = None
        while True:
            page = await self._store.find("meeting", {}, limit=1000, after=after)
            for record in page.records:
                self.apply(record)
            if (after := page.after) is None:
                return

    def _committed(self, commit: Commit) -> None:
        for record in commit.records:
            if record.kind == "meeting":
                self.apply(record)

    def apply(self, record: Record) -> None:
        """Takes in one meeting as it is now."""
        meeting = records.read(record, Meeting)
        agenda = self._agendas[meeting.centre]
        if record.gone or meeting.status is not Status.ACTIVE:
            self._meetings.pop(meeting.id, None)
            agenda.remove(meeting.id)
        else:
            self._meetings[meeting.id] = meeting
            agenda.put(meeting.id, meeting.schedule, meeting.changes)

    def between(
        self, request: pb.ListOccurrencesRequest, centre: str, since: datetime, until: datetime, *, insider: bool
    ) -> list[tuple[Meeting, Occurrence]]:
        """The occurrences that were asked for, in order of time."""
        agenda = self._agendas.get(centre)
        if agenda is None:
            return []
        agenda.advance(self._clock.now() - BEHIND)
        return [
            (self._meetings[id_], occurrence)
            for id_, occurrence in agenda.between(since, until)
            if wanted(request, self._meetings[id_], occurrence, insider=insider)
        ]


def wanted(request: pb.ListOccurrencesRequest, meeting: Meeting, occurrence: Occurrence, *, insider: bool) -> bool:
    """Whether an occurrence passes the request's filters, and may be seen."""
    if meeting.visibility is not Visibility.PUBLIC and not insider:
        return False
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


def occurrence_message(meeting: Meeting, occurrence: Occurrence, *, public: bool) -> occurrence_pb2.Occurrence:
    """One date, with what differs on it."""
    change = meeting.change(occurrence.key) or Change(date=occurrence.key.date)
    online = change.online or meeting.online
    venue = change.venue or meeting.venue
    key = key_text(occurrence.key)
    message = occurrence_pb2.Occurrence(
        name=f"{child_name(meeting.centre, 'meetings', meeting.id)}/occurrences/{key}",
        identity=f"{meeting.lineage}/{key}",
        state=occurrence_pb2.OCCURRENCE_STATE_CANCELLED
        if occurrence.cancelled
        else occurrence_pb2.OCCURRENCE_STATE_SCHEDULED,
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
        venue=venue_message(venue, public=public) if venue else None,
        online=online_message(online, public=public) if online else None,
    )
    message.start_time.FromDatetime(occurrence.start)
    message.end_time.FromDatetime(occurrence.end)
    return message
