"""Components (RFC 5545 section 3.6) of a file: calendars, the events in them, and the time zones they define."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.formats.ics.lines import Line, lines
from services.formats.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPONENTS: Final = 20_000
DEPTH: Final = 3
DATES: Final = 1_000
"""RDATE and EXDATE values that one event may have."""

_TIMES: Final = frozenset(
    {"UID", "DTSTART", "DTEND", "DURATION", "RRULE", "EXRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "STATUS", "SEQUENCE"}
)
_READ: Final = _TIMES | {
    *("SUMMARY", "DESCRIPTION", "LOCATION", "GEO", "URL", "CONFERENCE", "X-GOOGLE-CONFERENCE", "CATEGORIES", "CLASS"),
    *("DTSTAMP", "LAST-MODIFIED"),
}
"""What of an event is read at all: nobody who is invited, no organizer, no alarm, no attachment."""

_METHODS: Final = frozenset({"", "PUBLISH", "REQUEST"})


@dataclass
class Component:
    """One component with its lines, less those of components inside of it."""

    name: str
    line: int
    named: dict[str, list[Line]] = field(default_factory=dict)
    parts: list[Component] = field(default_factory=list)

    def keep(self, line: Line) -> None:
        """Adds a line."""
        self.named.setdefault(line.name, []).append(line)

    @property
    def lines(self) -> list[Line]:
        """All of them, those of one name together."""
        return [line for lines in self.named.values() for line in lines]

    def all(self, name: str) -> list[Line]:
        """The lines of that name, in order."""
        return self.named.get(name, [])

    def one(self, name: str) -> Line | None:
        """The first of them; None: there is none."""
        return next(iter(self.named.get(name, ())), None)

    def value(self, name: str) -> str:
        """Its value as it stands; "" where there is none."""
        found = self.one(name)
        return found.value.strip() if found else ""


@dataclass
class Event(Component):
    """A VEVENT. `number` counts the events of the file from 1; `faults` are lines that could not be read."""

    number: int = 0
    calendar: Component = field(default_factory=lambda: Component("VCALENDAR", 0))
    faults: list[Line] = field(default_factory=list)


def events(data: bytes) -> list[Event]:
    """The events of a file, in its order. Raises Unreadable if it is, as a whole, not a calendar that can be read."""
    return _Reader().read(lines(data))


class _Reader:
    """Goes through the lines once, and keeps what is needed of them."""

    def __init__(self) -> None:
        self.stack: list[Component] = []
        self.loose = Component("VCALENDAR", 1)  # of events that stand in no calendar
        self.found: list[Event] = []
        self.components = 0
        self.calendars = 0

    def read(self, every: Iterable[Line]) -> list[Event]:
        last = 0
        for line in every:
            self._take(line)
            last = line.number
        if not self.components:
            raise Unreadable("it is empty" if not last else "it is not a calendar: it has no BEGIN:VCALENDAR")
        if self.stack:
            open_ = self.stack[-1]
            raise Unreadable(f"it ends inside of the {open_.name} of line {open_.line}: truncated")
        if not self.found:
            raise Unreadable("it has no events: that is taken as a fault of the source, not as 'there are no meetings'")
        if all(withheld(event) for event in self.found):
            raise Unreadable(withheld(self.found[0]))
        return self.found

    def _take(self, line: Line) -> None:
        if line.name == "BEGIN":
            self._begin(line)
        elif line.name == "END":
            self._end(line)
        elif not self.components:
            raise Unreadable(_looks_like(line))
        elif self.stack:
            self._keep(self.stack[-1], line)

    def _begin(self, line: Line) -> None:
        name = line.value.strip().upper()[:40]
        self.components += 1
        if self.components > COMPONENTS:
            raise Unreadable(f"it has more than {COMPONENTS:,} components (line {line.number})")
        if len(self.stack) >= DEPTH:
            raise Unreadable(f"it is nested more than {DEPTH} levels deep (line {line.number})")
        if not self.stack and self.components == 1 and name != "VCALENDAR":
            raise Unreadable(f"it is not a calendar: it begins with {name[:20]!r}")
        self.stack.append(self._made(name, line.number))

    def _made(self, name: str, number: int) -> Component:
        inside = self.stack[-1] if self.stack else None
        if name == "VEVENT" and (inside is None or inside.name == "VCALENDAR"):
            calendar = inside or self.loose
            self.found.append(Event(name, number, number=len(self.found) + 1, calendar=calendar))
            return self.found[-1]
        made = Component(name, number)
        if inside and (name, inside.name) in {
            ("VTIMEZONE", "VCALENDAR"),
            ("STANDARD", "VTIMEZONE"),
            ("DAYLIGHT", "VTIMEZONE"),
        }:
            inside.parts.append(made)
        return made

    def _end(self, line: Line) -> None:
        name = line.value.strip().upper()[:40]
        if not self.stack:
            raise Unreadable(f"line {line.number} ends {name!r}, which has not begun")
        top = self.stack.pop()
        if name != top.name:
            raise Unreadable(f"line {line.number} ends {name!r} inside of the {top.name} of line {top.line}")

    def _keep(self, into: Component, line: Line) -> None:
        if isinstance(into, Event):
            if not line.name or (line.long and line.name in _READ):
                into.faults.append(line)
            elif line.name in _READ:
                into.keep(line)
        elif into.name in {"VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT"} and line.name and not line.long:
            into.keep(line)


def is_of_time(line: Line) -> bool:
    """Whether a line that cannot be read would have said when, or whether, the event is."""
    name = line.name or line.value.replace(":", ";").partition(";")[0].strip().upper()
    return name in _TIMES


def withheld(event: Event) -> str:
    """Why nothing of its calendar is taken; "" for no reason.

    RFC 5546: what is neither published nor requested is about something that was, and is no list of meetings.
    """
    line = event.calendar.one("METHOD")
    method = line.value.strip().upper()[:20] if line else ""
    if line is None or method in _METHODS:
        return ""
    return f"the METHOD of its calendar is {method} (line {line.number}): only PUBLISH and REQUEST bring meetings"


def _looks_like(line: Line) -> str:
    start = f"{line.name}{line.value}".lstrip()[:200].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "it is a web page (HTML), not a calendar"
    if start.startswith(("[", "{")):
        return "it looks like JSON, not a calendar"
    return f"it is not a calendar: line {line.number} is not BEGIN:VCALENDAR"
