"""A whole iCalendar file into rows of an import: each event is in one of them, or in a refusal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings

from services.formats import words
from services.formats.ics import components
from services.formats.ics.dates import Placed
from services.formats.ics.moments import stamp
from services.formats.ics.series import Part, Refusal, Series
from services.formats.ics.times import Clock
from services.formats.ics.versions import groups, source_id
from services.formats.weekly import known_zone
from services.recurrence.schedule import any_left
from services.recurrence.types import Deviation
from services.recurrence.wire import from_schedule

if TYPE_CHECKING:
    from datetime import date

    from services.formats.ics.components import Event

_ORIGINAL: Final = 60_000
_WARNINGS: Final = 20


def read(
    data: bytes, *, today: date, timezone: str = "", fellowship: str = "", kind: str = "support-meeting"
) -> list[imports.ImportRow]:
    """The rows of a file (gzip or not), by the position of the event that makes them, from 1.

    `timezone` (IANA) is for times that name no zone; without it these are refused. `today` is the local day: rules that
    cannot be said are kept as dates up to the end of the year after it. Raises Unreadable if the file as a whole is
    refused, ValueError if `timezone` is not known.
    """
    if timezone and not known_zone(timezone):
        raise ValueError(f"{timezone!r} is not in the tz database")
    events = components.events(data)
    found, nameless = groups(event for event in events if not components.withheld(event))
    clock = Clock(timezone, today)
    rows = [
        _refused(Refusal(event.number, "", event, reason)) for event in events if (reason := components.withheld(event))
    ]
    rows += [
        _refused(Refusal(event.number, "", event, f"it has no UID: nothing says which it is (line {event.line})"))
        for event in nameless
    ]
    for group in found:
        series = Series(group, clock)
        rows.extend(map(_refused, series.refused))
        rows.extend(_row(part, source_id(group.uid), words.line(fellowship), kind) for part in series.parts)
    return sorted(rows, key=lambda row: row.number)


def _refused(refusal: Refusal) -> imports.ImportRow:
    reason = refusal.reason if "(line " in refusal.reason else f"{refusal.reason} (line {refusal.event.line})"
    return imports.ImportRow(
        number=refusal.number, source_id=refusal.id, refusal=reason, original=_original(refusal.event)
    )


def _row(part: Part, series: str, fellowship: str, kind: str) -> imports.ImportRow:
    found = part.details
    row = imports.ImportRow(
        number=part.number,
        source_id=part.id,
        original=_original(part.event),
        source_url=found.website,
        source_update_time=_updated(part.event),
        changes=part.changes.values(),
        extra=found.extra,
        start_stated=True,
        series=series,
    )
    if found.place is not None:
        row.place.CopyFrom(found.place)
    row.meeting.CopyFrom(_meeting(part, fellowship, kind))
    row.warnings.extend(list(dict.fromkeys(part.warnings))[:_WARNINGS])
    return row


def _meeting(part: Part, fellowship: str, kind: str) -> meetings.Meeting:
    found = part.details
    schedule = (part.placed or Placed(part.dates)).schedule
    meeting = meetings.Meeting(
        title=found.title,
        kind=kind,
        fellowship=fellowship,
        mode=found.mode,
        notes=found.notes,
        focus=found.focus,
        website=found.website,
        online=None if found.mode == meetings.MODE_IN_PERSON else found.joined,
        visibility=meetings.VISIBILITY_MEMBERS if found.hidden else meetings.VISIBILITY_PUBLIC,
        state=meetings.MEETING_STATE_ACTIVE,
        schedule=from_schedule(schedule),
    )
    gone = [
        Deviation(date=key.date, ordinal=key.ordinal, cancelled=part.changes[key].cancelled) for key in part.changes
    ]
    if part.cancelled or not any_left(schedule, gone):
        meeting.state = meetings.MEETING_STATE_SUSPENDED
        part.warnings.append("the calendar says it is cancelled: it is listed as closed, without dates")
    return meeting


def _updated(event: Event) -> str:
    """LAST-MODIFIED; not DTSTAMP, which many programs set to the time of the export."""
    said = event.value("LAST-MODIFIED")
    found = stamp(said)
    return f"{found:%Y-%m-%dT%H:%M:%S}.000Z" if said and found.year > 1 else ""


def _original(event: Event) -> str:
    """The lines that were read, as JSON; of a very long event those that are short."""
    lines = [[line.name, line.parameters, line.value] for line in event.lines]
    text = json.dumps(lines, separators=(",", ":"))
    if len(text) > _ORIGINAL:
        text = json.dumps([each for each in lines if len(each[2]) < 1_000][:50], separators=(",", ":"))  # noqa: PLR2004
    return text if len(text) <= _ORIGINAL else ""
