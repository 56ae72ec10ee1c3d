"""When an event is: DTSTART, DTEND, RRULE, RDATE, EXDATE. Local with TZID, those of one-offs too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from icalendar import vRecur

from services.recurrence.rule import rrule_value
from services.recurrence.zones import to_local, to_utc, zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from icalendar import Event

    from services.feeds.series import Date, Series


def add_series(event: Event, part: Series) -> None:
    """Those of a master. DTEND is nominal, since clients measure every date by it."""
    schedule = part.schedule
    where = zone(schedule.zone)
    event.add("DTSTART", schedule.start.replace(tzinfo=where))
    event.add("DTEND", (schedule.start + timedelta(minutes=schedule.minutes)).replace(tzinfo=where))
    if schedule.rule is not None:
        event.add("RRULE", vRecur.from_ical(rrule_value(schedule.rule, schedule)))
    if part.extra:
        event.add("RDATE", [local.replace(tzinfo=where) for local in part.extra])
    if part.cancelled and part.any_left:
        event.add("EXDATE", [local.replace(tzinfo=where) for local in part.cancelled])


def add_original(event: Event, one: Date, name: str) -> None:
    """RECURRENCE-ID: the original start, in the master's zone and form."""
    event.add("RECURRENCE-ID", one.original.replace(tzinfo=zone(name)))


def add_single(event: Event, start: datetime, minutes: int, name: str) -> None:
    """Those of a single date (naive, local to the zone): its end is exact."""
    where = zone(name)
    end = _exact_end(start, minutes, where)
    event.add("DTSTART", start.replace(tzinfo=where))
    event.add("DTEND", end if end.tzinfo else end.replace(tzinfo=where))


def _exact_end(start: datetime, minutes: int, where: ZoneInfo) -> datetime:
    """Naive and local; in the second pass of an hour that occurs twice UTC.

    Local it would mean the first pass (RFC 5545 section 3.3.5): an hour early, and maybe before the start. Section
    3.8.2.2 lets DTEND be UTC beside a DTSTART with a zone.
    """
    end = to_utc(start, where) + timedelta(minutes=minutes)
    local = to_local(end, where)
    return local if to_utc(local, where) == end else end
