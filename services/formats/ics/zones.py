"""What a TZID means (RFC 5545 section 3.2.19): always an IANA zone, or nothing.

Nothing is registered anywhere: what one calendar defines holds in that calendar alone.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from dateutil import rrule
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from services.formats.weekly import Refused
from services.recurrence import zones

if TYPE_CHECKING:
    from services.formats.ics.components import Component

_OFFSET: Final = re.compile(r"([+-])(\d\d)(\d\d)(?:\d\d)?", re.ASCII)
_STAMP: Final = re.compile(r"\d{8}T\d{6}", re.ASCII)
_YEARLY: Final = re.compile(r"FREQ=YEARLY(;INTERVAL=1|;(BYMONTH|BYDAY|BYMONTHDAY|UNTIL|WKST)=[A-Z0-9+,-]+)*")
_SINCE: Final = 1970
_UNTIL: Final = 2100
_ONSETS: Final = 2_000
_NAMES: Final = 4
"""Parts of a TZID that may be the name of a zone ("America/Argentina/Buenos_Aires")."""

_AROUND: Final = (timedelta(minutes=-30), timedelta(minutes=61))
"""Just before a change of the clock, and just after an hour that it may skip."""


class Onset(NamedTuple):
    """From this local time (by the clock before) on, another offset holds."""

    local: datetime
    before: timedelta
    after: timedelta

    @property
    def instant(self) -> datetime:
        """When that is."""
        return (self.local - self.before).replace(tzinfo=UTC)


class Definition:
    """What a VTIMEZONE says (RFC 5545 section 3.6.5)."""

    def __init__(self, component: Component) -> None:
        found = [onset for part in component.parts for onset in _onsets(part)]
        self.onsets = sorted(found, key=lambda onset: onset.local)
        self._locals = [onset.local for onset in self.onsets]

    def offset(self, local: datetime) -> timedelta | None:
        """How far local time is ahead of UTC; None where nothing is said about that time."""
        index = bisect_right(self._locals, local)
        return self.onsets[index - 1].after if index else None

    def is_of(self, name: str, year: int) -> bool:
        """Whether an IANA zone is the same: in that year and the next, or as long as a list of changes goes."""
        where = zones.zone(name)
        return all(self.offset(local) == local.replace(tzinfo=where).utcoffset() for local in self._moments(year))

    def _moments(self, year: int) -> list[datetime]:
        """Local times that tell one zone from another."""
        spring = datetime(year, 1, 1)  # noqa: DTZ001 - local by nature
        changes = [local for local in self._locals if year <= local.year < year + 2]
        listed = len({onset.after for onset in self.onsets}) > 1 and self._locals[-1].year < year + 2
        sure = [] if listed else [spring + timedelta(days=15 * step) for step in range(48)]
        near = self._locals[:_ONSETS] if listed else changes
        return [
            *sure,
            *(local + step for local in near for step in _AROUND if self.offset(local + step)),
        ]


class Zones:
    """The zones of one calendar."""

    def __init__(self, calendar: Component, asked: str, year: int) -> None:
        self._asked = asked
        self._year = year
        self._components = calendar.parts
        self._definitions: dict[str, Definition | None] = {}
        self._found: dict[str, tuple[str, str]] = {}
        said = calendar.value("X-WR-TIMEZONE")
        self.of_calendar = said if said in zones.names() else ""

    def zone(self, tzid: str, warnings: list[str]) -> str:
        """The IANA zone of a TZID. Raises Refused, and says in `warnings` what was concluded."""
        if tzid not in self._found:
            self._found[tzid] = self._resolve(tzid)
        name, warning = self._found[tzid]
        if not name:
            raise Refused(warning)
        if warning:
            warnings.append(warning)
        return name

    def check(self, tzid: str, name: str, local: datetime, warnings: list[str]) -> None:
        """Warns where the calendar's own definition of a known name has another hour at that time.

        Raises Refused where the name was concluded from the definition.
        """
        definition = self._definition(tzid)
        stated = definition.offset(local) if definition else None
        if stated is None or stated == local.replace(tzinfo=zones.zone(name)).utcoffset():
            return
        if not known(tzid):
            raise Refused(f"its time zone {tzid[:40]!r} is one of the calendar's own, and was not {name} at that time")
        warnings.append(f"the calendar defines time zone {tzid[:40]!r} otherwise than {name}: {name} is taken")

    def _resolve(self, tzid: str) -> tuple[str, str]:
        if name := known(tzid):
            return name, ""
        if self._components and (definition := self._definition(tzid)):
            names = self._alike(definition)
            if names:
                return names[0], f"its time zone {tzid[:40]!r} is taken as {names[0]}, whose rules are the same"
            return "", f"its time zone {tzid[:40]!r} is one of the calendar's own, and no IANA time zone has its rules"
        return "", f"its time zone {tzid[:40]!r} is not known, and the calendar does not define it"

    def _alike(self, definition: Definition) -> list[str]:
        """Zones with these rules; those that the person or the calendar names first."""
        named = [name for name in (self._asked, self.of_calendar) if name]
        usual = dict.fromkeys([*named, *WINDOWS_TO_OLSON.values(), *sorted(zones.names())])
        return [name for name in usual if name in zones.names() and definition.is_of(name, self._year)][:1]

    def _definition(self, tzid: str) -> Definition | None:
        """What the calendar says of it; None for nothing, or for two things."""
        if tzid not in self._definitions:
            same = [part for part in self._components if part.value("TZID") == tzid]
            bodies = {tuple(tuple(line[1:4] for line in part.lines) for part in each.parts) for each in same}
            self._definitions[tzid] = Definition(same[0]) if len(bodies) == 1 else None
        return self._definitions[tzid]


@cache
def known(tzid: str) -> str:
    """The zone of an IANA name, of a Windows name (CLDR), or of a vendor's ("/vendor/Europe/Berlin"); or ""."""
    if tzid in zones.names():
        return tzid
    if tzid in WINDOWS_TO_OLSON:
        return WINDOWS_TO_OLSON[tzid]
    parts = tzid.split("/") if tzid.startswith("/") else []
    ends = ("/".join(parts[-count:]) for count in range(_NAMES - 1, 0, -1) if count < len(parts))
    return next((end for end in ends if end in zones.names()), "")


def _onsets(part: Component) -> list[Onset]:
    """Of STANDARD or DAYLIGHT, those that can be read."""
    before, after = (_offset(part.value(name)) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
    start = _local(part.value("DTSTART"))
    if before is None or after is None or start is None:
        return []
    locals_ = [start]
    for line in part.all("RDATE"):
        locals_.extend(filter(None, map(_local, line.value.split(",")[:_ONSETS])))
    for line in part.all("RRULE")[:1]:
        locals_.extend(_repeated(line.value.strip().upper(), start))
    return [Onset(local, before, after) for local in dict.fromkeys(locals_)]


def _repeated(rule: str, start: datetime) -> list[datetime]:
    """The onsets of a yearly rule. One that began long ago is read from 1970 on."""
    if not _YEARLY.fullmatch(rule):
        return []
    start = start.replace(year=max(start.year, _SINCE), day=min(start.day, 28))
    try:
        repeated = rrule.rrulestr(re.sub(r";UNTIL=(\d{8}T\d{6})Z", r";UNTIL=\1", rule), dtstart=start)
        return repeated.between(start, datetime(_UNTIL, 1, 1), inc=True)  # noqa: DTZ001 - local by nature
    except (ValueError, TypeError, OverflowError):
        return []


def _offset(text: str) -> timedelta | None:
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return -offset if found[1] == "-" else offset


def _local(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S") if _STAMP.fullmatch(text) else None  # noqa: DTZ007 - local
    except ValueError:
        return None
