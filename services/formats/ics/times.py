"""When one event is: its start, its length, the dates that repeat it, and those that are left out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.formats.ics import components, rules
from services.formats.ics.dates import Dates
from services.formats.ics.moments import Moment, between, length, moment
from services.formats.ics.zones import Zones
from services.formats.weekly import DEFAULT_MINUTES, Refused
from services.recurrence.schedule import MAX_MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from services.formats.ics.components import Component, Event
    from services.formats.ics.lines import Line

_LONG: Final = 12 * 60
_FAULTS: Final = 3


@dataclass
class Times:
    """When an event is, as it says. `minutes` is None where it says nothing of its length."""

    start: Moment
    minutes: int | None
    warnings: list[str] = field(default_factory=list)


class Clock:
    """Reads times; `asked` is the zone of those that name none, "" if nobody said one. `today` is the local day."""

    def __init__(self, asked: str, today: date) -> None:
        self.asked = asked
        self.today = today
        self._zones: dict[int, Zones] = {}

    def zones(self, calendar: Component) -> Zones:
        """The zones of one calendar of the file."""
        if id(calendar) not in self._zones:
            self._zones[id(calendar)] = Zones(calendar, self.asked, self.today.year)
        return self._zones[id(calendar)]

    def times(self, event: Event) -> Times:
        """When it is. Raises Refused, naming the line."""
        warnings = _faults(event)
        line = event.one("DTSTART")
        if line is None:
            raise Refused(f"it has no DTSTART: nothing says when it is (line {event.line})")
        start = self.moment(event, line, line.value, warnings)
        if start.is_date:
            raise Refused(f"it is an all-day event: a meeting needs an hour (line {line.number})")
        return Times(start, self._minutes(event, start, warnings), warnings)

    def moment(self, event: Event, line: Line, text: str, warnings: list[str]) -> Moment:
        """A time of that line. Raises Refused, naming it."""
        with _line(line):
            tzid = line.parameter("TZID")
            zones = self.zones(event.calendar)
            zone = zones.zone(tzid, warnings) if tzid and not text.strip().upper().endswith("Z") else ""
            found = moment(text, zone or self.asked)
            if not found.zone and not found.is_date:
                hint = f" (the calendar itself says {zones.of_calendar})" if zones.of_calendar else ""
                raise Refused(f"its time names no time zone: say which one with --timezone{hint}")
            if tzid and line.name == "DTSTART" and zone:
                zones.check(tzid, zone, found.local, warnings)
            return found

    def zone(self, event: Event, start: Moment, warnings: list[str]) -> str:
        """The zone in which the series is agreed on. A single time in UTC may be told in any other just as well."""
        if start.zone != "UTC":
            return start.zone
        if not (event.one("RRULE") or event.one("RDATE")):
            return self.zones(event.calendar).of_calendar or self.asked or "UTC"
        warnings.append("it repeats in UTC: where the clocks change, its hour there changes twice a year")
        return "UTC"

    def dates(self, event: Event, times: Times) -> Dates:
        """All dates of a series. Raises Refused, naming the line."""
        zone = self.zone(event, times.start, times.warnings)
        start = times.start.at(zone)
        minutes = times.minutes
        if minutes is None:
            minutes = DEFAULT_MINUTES
            times.warnings.append(f"it does not say when it ends: {DEFAULT_MINUTES} minutes are taken")
        found = self._pattern(event, start, zone, times.warnings)
        dates = Dates(found.start, zone, minutes, found.rule, rules.horizon(self.today))
        dates.singles.update(dict.fromkeys(found.dates))
        self._add(event, dates, times.warnings)
        self._exclude(event, dates, times.warnings)
        return dates

    def _pattern(self, event: Event, start: datetime, zone: str, warnings: list[str]) -> rules.Pattern:
        if line := event.one("EXRULE"):
            raise Refused(f"it has an EXRULE, which is not supported (line {line.number})")
        lines = event.all("RRULE")
        if not lines:
            return rules.Pattern(start, None, (start,))
        with _line(lines[-1]):
            if len(lines) > 1:
                raise Refused("it has more than one RRULE")
            return rules.pattern(lines[0].value, start, zone, self.today, warnings)

    def _add(self, event: Event, dates: Dates, warnings: list[str]) -> None:
        """RDATE: RFC 5545 section 3.8.5.2. A period has a length of its own."""
        for line, text in _values(event, "RDATE"):
            begin, _, end = text.partition("/")
            start = self.moment(event, line, begin, warnings)
            own = None
            if end:
                with _line(line):
                    lasts = (
                        length(end) if "P" in end.upper() else between(start, self.moment(event, line, end, warnings))
                    )
                    own = _checked(lasts)
            local = start.at(dates.zone)
            if start.is_date:
                local = local.replace(hour=dates.start.hour, minute=dates.start.minute)
                warnings.append(f"an RDATE names a day only: the hour of the series is taken (line {line.number})")
            if own is not None or not dates.ruled(local):
                dates.singles[local] = own

    def _exclude(self, event: Event, dates: Dates, warnings: list[str]) -> None:
        """EXDATE: RFC 5545 section 3.8.5.1. What is none of the dates excludes nothing."""
        missed = []
        for line, text in _values(event, "EXDATE"):
            found = self.date_of(dates, self.moment(event, line, text, warnings), line, warnings)
            if found is None:
                missed.append(line.number)
            else:
                dates.excluded.add(found)
        if missed:
            where = ", ".join(str(number) for number in dict.fromkeys(missed[:_FAULTS]))
            warnings.append(f"{len(missed)} EXDATE are none of its dates: left out (line {where})")

    def date_of(self, dates: Dates, said: Moment, line: Line, warnings: list[str]) -> datetime | None:
        """The date of the series that an EXDATE or RECURRENCE-ID means; None: none of them.

        A day alone, or its midnight, means the one date on that day.
        """
        local = said.at(dates.zone)
        if not said.is_date and dates.has(local):
            return local
        day = said.local.date()
        found = dates.on(day) if said.is_date or not (said.local.hour or said.local.minute) else []
        if len(found) != 1:
            return None
        warnings.append(
            f"its {line.name} names the day only, {day}: the date on that day is meant (line {line.number})"
        )
        return found[0]

    def _minutes(self, event: Event, start: Moment, warnings: list[str]) -> int | None:
        """DTEND or DURATION. Raises Refused for an end before the start."""
        end, lasts = event.one("DTEND"), event.one("DURATION")
        line = end or lasts
        if line is None:
            return None
        with _line(line):
            found = between(start, self._end(event, end, warnings)) if end else length(line.value)
            if not found:
                warnings.append("it ends when it starts: the end is left out")
                return None
            minutes = _checked(found)
        if minutes > _LONG:
            warnings.append(f"it lasts {minutes // 60} h {minutes % 60:02d} min: is that right?")
        return minutes

    def _end(self, event: Event, line: Line, warnings: list[str]) -> Moment:
        found = self.moment(event, line, line.value, warnings)
        if found.is_date:
            raise Refused("its end is a day, its start an hour")
        return found


def _checked(lasts: timedelta) -> int:
    minutes = int(lasts / timedelta(minutes=1))
    if minutes < 1:
        raise Refused("it ends before it starts")
    if minutes > MAX_MINUTES:
        raise Refused(f"it lasts longer than {MAX_MINUTES // 1440} days")
    return minutes


def _values(event: Event, name: str) -> Iterator[tuple[Line, str]]:
    """Each value of a list. Raises Refused over the limit before one of them is read."""
    lines = event.all(name)
    if sum(line.value.count(",") + 1 for line in lines) > components.DATES:
        raise Refused(f"it has more than {components.DATES:,} {name} (line {lines[0].number})")
    for line in lines:
        for text in line.value.split(","):
            if text.strip():
                yield line, text


def _faults(event: Event) -> list[str]:
    """Warns of lines that are none. Raises Refused where such a line would have said when it is."""
    for line in event.faults:
        if components.is_of_time(line):
            raise Refused(f"a line that says when it is cannot be read (line {line.number})")
    where = ", ".join(str(line.number) for line in event.faults[:_FAULTS])
    return [f"what cannot be read of it is left out (line {where})"] if event.faults else []


@contextmanager
def _line(line: Line) -> Iterator[None]:
    """Whatever is refused inside is so because of that line."""
    try:
        yield
    except Refused as refused:
        if "(line " in str(refused):
            raise
        raise Refused(f"{refused} (line {line.number})") from None
