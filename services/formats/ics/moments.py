"""Dates, times, lengths and periods (RFC 5545 section 3.3), read strictly."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from services.formats.weekly import Refused
from services.recurrence.schedule import FIRST_YEAR, LAST_YEAR
from services.recurrence.zones import to_local, to_utc

_MOMENT: Final = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_LENGTH: Final = re.compile(
    r"([+-])?P(?:(\d{1,4})W|(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?)", re.ASCII
)


class Moment(NamedTuple):
    """A date or a time as it is written: `zone` is an IANA name, "" for a floating time and for a date."""

    local: datetime
    zone: str = ""
    is_date: bool = False

    @property
    def instant(self) -> datetime:
        """When that is, UTC. Only of a time with a zone."""
        return to_utc(self.local, self.zone)

    def at(self, zone: str) -> datetime:
        """What the clock shows there then (naive). A floating time is the same everywhere, a date is its midnight."""
        if not self.zone or self.zone == zone:
            return self.local
        return to_local(self.instant, zone)


def moment(text: str, zone: str) -> Moment:
    """DATE or DATE-TIME, in whole minutes. `zone` holds for what does not say UTC. Raises Refused."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise Refused(f"{text[:30]!r} is not a date and time")
    local = _local(found[1], found[2] or "000000")
    if local is None:
        raise Refused(f"{text[:30]!r} is not a date and time")
    if not FIRST_YEAR <= local.year < LAST_YEAR:
        raise Refused(f"{text[:30]!r} does not lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    if found[2] is None:
        return Moment(local, is_date=True)
    return Moment(local, "UTC" if found[3] else zone)


def _local(day: str, clock: str) -> datetime | None:
    try:
        return datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(clock[:2]), int(clock[2:4]))  # noqa: DTZ001 - local
    except ValueError:
        return None


def length(text: str) -> timedelta:
    """DURATION. A day counts 24 hours. Raises Refused."""
    found = _LENGTH.fullmatch(text.strip().upper())
    if found is None or not any(found.groups()[1:]):
        raise Refused(f"DURATION {text[:30]!r} is not a length")
    weeks, days, hours, minutes, seconds = (int(each or 0) for each in found.groups()[1:])
    sum_ = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -sum_ if found[1] == "-" else sum_


def between(start: Moment, end: Moment) -> timedelta:
    """How long it is from one to the other, by instants where both have zones."""
    if start.zone and end.zone:
        return end.instant - start.instant
    return end.local - start.local


def stamp(text: str) -> datetime:
    """A UTC stamp such as LAST-MODIFIED; the beginning of time for what is none."""
    try:
        found = moment(text, "UTC")
    except Refused:
        return datetime.min.replace(tzinfo=UTC)
    return found.local.replace(tzinfo=UTC)


def day_text(day: date) -> str:
    """A date for people: "24 December 2026"."""
    return f"{day.day} {day:%B %Y}"
