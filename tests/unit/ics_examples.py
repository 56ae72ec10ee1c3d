"""iCalendar texts for tests, read in this process; and what an independent program makes of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import icalendar
import recurring_ical_events

from services.formats.ics import calendar
from services.meetings.rows import problems
from services.recurrence.schedule import occurrences
from services.recurrence.wire import to_deviation, to_schedule

if TYPE_CHECKING:
    from openchair.meetings.v1 import import_pb2

TODAY: Final = date(2026, 11, 21)
BERLIN: Final = "Europe/Berlin"
START: Final = "DTSTART;TZID=Europe/Berlin:20260105T190000"  # a Monday
SINCE: Final = datetime(2018, 1, 1, tzinfo=UTC)
UNTIL: Final = datetime(2027, 12, 31, tzinfo=UTC)


def text(*lines: str) -> bytes:
    """A calendar of these lines."""
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""]).encode()


def event(*lines: str, uid: str = "a@example.org", start: str = START, title: str = "Evening group") -> list[str]:
    """An event, 90 minutes long unless the lines say otherwise, in a hall."""
    length = [] if any(line.startswith(("DTEND", "DURATION")) for line in lines) else ["DURATION:PT90M"]
    where = [] if any(line.startswith("LOCATION") for line in lines) else ["LOCATION:Hall\\, 1 Main St"]
    return ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{title}", start, *length, *where, *lines, "END:VEVENT"]


def read(data: bytes, timezone: str = "", **said: Any) -> list[import_pb2.ImportRow]:
    """The rows. None is refused by the service that was not refused before."""
    rows = calendar.read(data, today=TODAY, timezone=timezone, **said)
    assert [problems(row) for row in rows if not row.refusal] == [()] * sum(not row.refusal for row in rows)
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    ids = [row.source_id for row in rows if row.source_id]
    assert len(set(ids)) == len(ids)
    return rows


def only(*lines: str, timezone: str = "", **said: Any) -> import_pb2.ImportRow:
    """The row of a calendar with one event, which is not refused."""
    (row,) = read(text(*lines), timezone, **said)
    assert not row.refusal, row.refusal
    return row


def refusal(*lines: str, timezone: str = "") -> str:
    """Why the one event of a calendar is refused."""
    (row,) = read(text(*lines), timezone)
    assert row.refusal
    return row.refusal


def ours(
    rows: list[import_pb2.ImportRow], since: datetime = SINCE, until: datetime = UNTIL
) -> list[tuple[datetime, datetime]]:
    """From when until when the meetings of the rows are, in order."""
    found = []
    for row in rows:
        if not row.refusal:
            deviations = [to_deviation(change) for change in row.changes]
            all_ = occurrences(to_schedule(row.meeting.schedule), deviations, since, until)
            found += [(each.start, each.end) for each in all_ if not each.cancelled]
    return sorted(found)


def theirs(data: bytes, since: datetime = SINCE, until: datetime = UNTIL) -> list[tuple[datetime, datetime]]:
    """The same by recurring-ical-events over icalendar."""
    parsed = icalendar.Calendar.from_ical(data)
    found = recurring_ical_events.of(parsed, skip_bad_series=True).between(since, until)
    kept = (each for each in found if each.get("STATUS") != "CANCELLED")
    return sorted((each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in kept)


def starts(row: import_pb2.ImportRow, since: datetime = SINCE, until: datetime = UNTIL) -> list[str]:
    """The local starts of a row's dates, as text."""
    schedule = to_schedule(row.meeting.schedule)
    deviations = [to_deviation(change) for change in row.changes]
    return [
        each.local.isoformat(timespec="minutes")
        for each in occurrences(schedule, deviations, since, until)
        if not each.cancelled
    ]
