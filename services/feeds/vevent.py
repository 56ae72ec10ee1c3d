"""VEVENTs of one meeting (RFC 5545 section 3.6.1): a pure function of its message.

Every series is a master and, for each date that was moved or changed, an override in the order of dates; cancelled
dates are EXDATEs. All times are local with TZID, those of one-offs too: one form, whatever the meeting becomes later.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from icalendar import Event, vRecur
from icalendar.prop import vText
from openchair.meetings.v1 import meeting_pb2

from services.feeds import place, text
from services.feeds.series import Date, Series, series_of
from services.feeds.uid import uid
from services.recurrence.rule import rrule_value
from services.recurrence.wire import to_schedule
from services.recurrence.zones import to_local, to_utc, zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from google.protobuf.timestamp_pb2 import Timestamp

CANCELLED = "Cancelled: "


class Sheet(NamedTuple):
    """The events of a meeting, ready to be joined to others. `last_end` None: it goes on for ever."""

    body: bytes
    zone: str
    modified: datetime
    last_end: datetime | None
    cancelled: datetime | None


def render(meeting: meeting_pb2.Meeting, *, holder: bool = False) -> Sheet:
    """The sheet of a meeting, for everybody or for a holder of its group's code; a suspended one has no events.

    Raises:
        RecurrenceError: a schedule that cannot be.
    """
    schedule = to_schedule(meeting.schedule)
    parts = series_of(meeting, schedule)
    suspended = meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED
    events = [] if suspended else [event for part in parts for event in _series(meeting, part, parts, holder=holder)]
    ends = [part.last_end for part in parts]
    return Sheet(
        body=b"".join(event.to_ical(sorted=False) for event in events),
        zone=schedule.zone,
        modified=_instant(meeting.update_time),
        last_end=max((end for end in ends if end is not None), default=None) if None not in ends else None,
        cancelled=_cancelled(meeting),
    )


def _series(meeting: meeting_pb2.Meeting, part: Series, parts: list[Series], *, holder: bool) -> list[Event]:
    """Master first, then the overrides. The one date of a one-off is its master, also when it was moved."""
    cancelled = meeting.state == meeting_pb2.MEETING_STATE_CANCELLED or not part.any_left
    if part.single is not None:
        return [_event(meeting, part, part.single, parts, cancelled=cancelled, holder=holder)]
    dates = (None, *part.changed)
    return [_event(meeting, part, date, parts, cancelled=cancelled, holder=holder) for date in dates]


def _event(
    meeting: meeting_pb2.Meeting, part: Series, date: Date | None, parts: list[Series], *, cancelled: bool, holder: bool
) -> Event:
    shown = text.face(meeting, date.change if date else None, holder=holder)
    event = Event()
    event.add("UID", uid(part.meeting, part.token))
    _add_stamps(event, meeting)
    _add_times(event, part, date)
    event.add("SUMMARY", (CANCELLED if cancelled else "") + (text.line(shown.title) or "Meeting"))
    event.add("STATUS", "CANCELLED" if cancelled else "CONFIRMED")
    if description := text.description(meeting, shown):
        event.add("DESCRIPTION", description)
    place.add_to(event, shown)
    if categories := [line for line in map(text.line, (meeting.fellowship, meeting.kind)) if line]:
        event.add("CATEGORIES", categories)
    event.add("TRANSP", "TRANSPARENT")
    event.add("X-MICROSOFT-CDO-BUSYSTATUS", vText("FREE"))
    _add_relations(event, meeting, part, parts)
    return event


def _add_stamps(event: Event, meeting: meeting_pb2.Meeting) -> None:
    """Of the stored revision, never of now: the same state gives the same bytes. An override has its master's."""
    modified = _instant(meeting.update_time)
    event.add("DTSTAMP", modified)
    event.add("CREATED", _instant(meeting.create_time))
    event.add("LAST-MODIFIED", modified)
    event.add("SEQUENCE", meeting.sequence)


def _add_times(event: Event, part: Series, date: Date | None) -> None:
    """DTEND of a series is nominal, since clients measure every date by it; that of a single date is exact."""
    schedule = part.schedule
    where = zone(schedule.zone)
    start = date.start if date else schedule.start
    if date is not None:
        if part.single is None:
            event.add("RECURRENCE-ID", date.original.replace(tzinfo=where))
        end = _exact_end(start, date.minutes, where)
    else:
        end = start + timedelta(minutes=schedule.minutes)
    event.add("DTSTART", start.replace(tzinfo=where))
    event.add("DTEND", end if end.tzinfo else end.replace(tzinfo=where))
    if date is None:
        _add_dates(event, part)


def _exact_end(start: datetime, minutes: int, where: ZoneInfo) -> datetime:
    """Naive and local; in the second pass of an hour that occurs twice UTC.

    Local it would mean the first pass (RFC 5545 section 3.3.5): an hour early, and maybe before the start. Section
    3.8.2.2 lets DTEND be UTC beside a DTSTART with a zone.
    """
    end = to_utc(start, where) + timedelta(minutes=minutes)
    local = to_local(end, where)
    return local if to_utc(local, where) == end else end


def _add_dates(event: Event, part: Series) -> None:
    where = zone(part.schedule.zone)
    if part.schedule.rule is not None:
        event.add("RRULE", vRecur.from_ical(rrule_value(part.schedule.rule, part.schedule)))
    if part.extra:
        event.add("RDATE", [local.replace(tzinfo=where) for local in part.extra])
    if part.cancelled and part.any_left:
        event.add("EXDATE", [local.replace(tzinfo=where) for local in part.cancelled])


def _add_relations(event: Event, meeting: meeting_pb2.Meeting, part: Series, parts: list[Series]) -> None:
    """Ties the parts of a split series together: RELATED-TO, and REFID (RFC 9253 section 9.2) with the lineage."""
    siblings = [uid(other.meeting, other.token) for other in parts if other.token != part.token]
    neighbours = [uid(name.rpartition("/")[2]) for name in (meeting.previous_part, meeting.next_part) if name]
    for related in (*siblings, *neighbours):
        event.add("RELATED-TO", vText(related, params={"RELTYPE": "SIBLING"}))
    if siblings or neighbours:
        event.add("REFID", vText(meeting.lineage or part.meeting))


def _cancelled(meeting: meeting_pb2.Meeting) -> datetime | None:
    """When it was cancelled, if it was: at the latest when it was last changed."""
    if meeting.state != meeting_pb2.MEETING_STATE_CANCELLED:
        return None
    return _instant(meeting.cancel_time if meeting.HasField("cancel_time") else meeting.update_time)


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC).replace(microsecond=0)
