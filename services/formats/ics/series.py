"""One UID's events as parts: series that each have one hour, one text and one place.

A change of one date stays a change. THISANDFUTURE (RFC 5545 section 3.2.13) begins a part of its own. A date that is
held elsewhere is cancelled where it was, and a part of its own where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_pb2 as meetings

from services.formats.ics import details as detailed
from services.formats.ics import rules
from services.formats.ics.dates import Dates, Placed
from services.formats.ics.override import Override, elsewhere, say, where_to
from services.formats.ics.rules import MOST
from services.formats.ics.versions import Group, source_id
from services.formats.weekly import DEFAULT_MINUTES, Refused
from services.recurrence.wire import local_text

if TYPE_CHECKING:
    from services.formats.ics.components import Event
    from services.formats.ics.details import Details
    from services.formats.ics.times import Clock
    from services.recurrence.types import Key

UNREADABLE = "The calendar changes this date in a way that could not be read."
"""Why a date is cancelled whose change could not be read: nobody shall travel to where it was."""

_NAMED = 3
_REMEMBERED = timedelta(days=365)


@dataclass
class Part:
    """One row to be. `number` is that of the event that makes it."""

    number: int
    id: str
    event: Event
    details: Details
    dates: Dates
    cancelled: bool = False
    placed: Placed | None = None
    changes: dict[Key, meetings.OccurrenceChange] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class Refusal(NamedTuple):
    """An event that is not taken, and why."""

    number: int
    id: str
    event: Event
    reason: str


class Series:
    """The parts of one UID, and what of it is refused."""

    def __init__(self, group: Group, clock: Clock) -> None:
        self.group = group
        self.clock = clock
        self.parts: list[Part] = []
        self.refused = [
            Refusal(event.number, "", event, f"its UID is that of event {self._first()} too, and neither is newer")
            for event in group.doubtful
        ]
        if group.master is None:
            for event in group.overrides:
                self._alone(event, "the calendar has no series to which this date belongs")
        else:
            self._read(group.master)

    def _first(self) -> int:
        return self.group.master.number if self.group.master else self.group.overrides[0].number

    def _read(self, master: Event) -> None:
        try:
            found = detailed.details(master)
            detailed.check(found)
            times = self.clock.times(master)
            dates = self.clock.dates(master, times)
        except Refused as refused:
            self._refuse(master, None, str(refused))
            for event in self.group.overrides:
                self._refuse(event, None, f"the series to which it belongs (event {master.number}) is refused")
            return
        older = sorted(event.number for event in self.group.older)
        if older:
            more = f" and {len(older) - _NAMED} more" if len(older) > _NAMED else ""
            named = ", ".join(map(str, older[:_NAMED]))
            times.warnings.append(f"older or equal versions of it are left out: event {named}{more}")
        warnings = [*found.warnings, *times.warnings]
        self._divide(Part(master.number, source_id(self.group.uid), master, found, dates, warnings=warnings))

    def _divide(self, whole: Part) -> None:
        """The parts that THISANDFUTURE makes of a series, each with the changes of its dates."""
        whole.cancelled = whole.event.value("STATUS").upper() == "CANCELLED"
        overrides = self._overrides(whole)
        cuts = [each for each in overrides if each.follows]
        singles = [each for each in overrides if not each.follows]
        bounds: list[Override | None] = [None, *cuts]
        for index, cut in enumerate(bounds):
            until = bounds[index + 1] if index + 1 < len(bounds) else None
            self._part(whole, cut, until, singles)

    def _part(self, whole: Part, cut: Override | None, until: Override | None, singles: list[Override]) -> None:
        low, high = cut.at if cut else None, until.at if until else None
        if cut and (cut.cancelled or cut.fault):
            return
        shift = cut.shift if cut else timedelta(0)
        minutes = cut.minutes if cut and cut.minutes else whole.dates.minutes
        dates = whole.dates.within(low, high, shift, minutes) if cut or until else whole.dates
        if dates is None:
            return
        part = whole
        if cut or until:
            event = cut.event if cut else whole.event
            id_ = source_id(self.group.uid, cut.at) if cut and self.parts else whole.id
            found = cut.details if cut else whole.details
            part = Part(event.number, id_, event, found, dates, whole.cancelled)
            part.warnings = [*(found.warnings if cut else whole.warnings)]
            part.warnings.append(
                "the calendar changes it from a date on: it comes in as a meeting before and one after"
            )
        if dates.listed:
            part.warnings.append("its rule is kept as the single dates that it gives up to the end of next year")
        inside = [each for each in singles if (low is None or each.at >= low) and (high is None or each.at < high)]
        self._settle(part, inside, shift)

    def _settle(self, part: Part, overrides: list[Override], shift: timedelta) -> None:
        """Adds a part with the changes of its dates."""
        dates = part.dates
        for each in overrides:
            if each.at + shift in dates.excluded:
                part.warnings.append(f"event {each.event.number} changes a date that is excluded (EXDATE): left out")
        overrides = [each for each in overrides if each.at + shift not in dates.excluded]
        for local in dates.excluded:
            if local in dates.singles and not dates.ruled(local) and (dates.rule or len(dates.singles) > 1):
                del dates.singles[local]
        self.parts.append(part)
        try:
            part.placed = Placed(dates)
            self._change(part, part.placed, overrides, shift)
        except Refused as refused:
            self.parts.remove(part)
            self._refuse(part.event, None, str(refused), part.id)

    def _change(self, part: Part, placed: Placed, overrides: list[Override], shift: timedelta) -> None:
        """The changes of its dates. Raises Refused for too many."""
        for key, minutes in placed.own.items():
            _entry(part, key).minutes = minutes
        for local in sorted(part.dates.excluded):
            excluded = placed.key(local)
            if excluded is not None:
                _entry(part, excluded).cancelled = True
        for override in overrides:
            changed = placed.key(override.at + shift)
            if changed is not None:
                self._apply(part, _entry(part, changed), override, override.at + shift)
        changes = {key: change for key, change in sorted(part.changes.items()) if len(change.ListFields()) > 1}
        if len(changes) > MOST:
            past = self.clock.today - _REMEMBERED
            changes = {key: change for key, change in changes.items() if key.date >= past}
            part.warnings.append(f"what it changes on dates before {past} is left out")
        if len(changes) > MOST:
            raise Refused(f"it changes more than {MOST:,} of its dates")
        part.changes = changes

    def _apply(self, part: Part, change: meetings.OccurrenceChange, override: Override, local: datetime) -> None:
        """What an event says of one date."""
        if override.fault:
            change.cancelled, change.reason = True, UNREADABLE
            return
        change.cancelled = override.cancelled
        if override.cancelled:
            return
        if elsewhere(part.details, override.details):
            change.cancelled = True
            change.reason = where_to(part.details, override.details)
            self._single(override)
            return
        if override.start != local:
            change.start = local_text(override.start)
        minutes = override.minutes or part.dates.minutes
        if minutes != (change.minutes if change.HasField("minutes") else part.dates.minutes):
            change.minutes = minutes
        say(change, part.details, override.details)
        part.warnings.extend(f"event {override.event.number}: {each}" for each in override.details.warnings)

    def _single(self, override: Override) -> None:
        """A date that is held elsewhere, as a meeting of its own."""
        dates = self._one(override.start, override.minutes)
        warnings = [*override.details.warnings, "one date of a series, held elsewhere: it is a meeting of its own"]
        id_ = source_id(self.group.uid, override.at)
        self.parts.append(Part(override.event.number, id_, override.event, override.details, dates, warnings=warnings))

    def _one(self, start: datetime, minutes: int | None) -> Dates:
        zone = self._zone
        return Dates(
            start, zone, minutes or DEFAULT_MINUTES, None, rules.horizon(self.clock.today), singles={start: None}
        )

    def _overrides(self, whole: Part) -> list[Override]:
        """Those that change a date there is, in the order of the dates. The others stand alone, or are refused."""
        self._zone = whole.dates.zone
        found = []
        for event in self.group.overrides:
            override = self._override(whole, event)
            if override is not None:
                found.append(override)
        return sorted(found, key=lambda each: (each.at, not each.follows))

    def _override(self, whole: Part, event: Event) -> Override | None:
        line = event.one("RECURRENCE-ID")
        assert line is not None
        cancelled = event.value("STATUS").upper() == "CANCELLED"
        follows = line.parameter("RANGE").upper() == "THISANDFUTURE"
        try:
            said = self.clock.moment(event, line, line.value, whole.warnings)
        except Refused as refused:
            whole.warnings.append(f"event {event.number} changes one of its dates, and it cannot be read which")
            self._refuse(event, None, str(refused))
            return None
        at = self.clock.date_of(whole.dates, said, line, whole.warnings)
        if at is None and follows and not said.is_date:
            at = said.at(whole.dates.zone)
        if at is None:
            if cancelled:
                whole.warnings.append(f"event {event.number} cancels a date that it does not have: left out")
            else:
                self._alone(event, "the series to which it belongs has no such date")
            return None
        return self._read_override(whole, event, at, follows=follows, cancelled=cancelled)

    def _read_override(self, whole: Part, event: Event, at: datetime, *, follows: bool, cancelled: bool) -> Override:
        """What it says; in what it does not say it is like the series."""
        same = Override(event, at, at, whole.dates.minutes, whole.details, follows, cancelled)
        if cancelled:
            return same
        try:
            said = detailed.inherited(detailed.details(event), whole.details, event)
            times = self.clock.times(event)
        except Refused as refused:
            self._refuse(event, at, str(refused))
            return same._replace(fault=str(refused))
        said.warnings.extend(times.warnings)
        start = times.start.at(whole.dates.zone)
        return Override(event, at, start, times.minutes or whole.dates.minutes, said, follows, cancelled=False)

    def _alone(self, event: Event, why: str) -> None:
        """A date whose series is not there, as a meeting of its own."""
        at = None
        line = event.one("RECURRENCE-ID")
        try:
            found = detailed.details(event)
            detailed.check(found)
            times = self.clock.times(event)
            self._zone = self.clock.zone(event, times.start, times.warnings)
            if line is not None:
                at = self.clock.moment(event, line, line.value, times.warnings).at(self._zone)
        except Refused as refused:
            self._refuse(event, at, str(refused))
            return
        if event.value("STATUS").upper() == "CANCELLED":
            self._refuse(event, at, f"it cancels one date, and {why}")
            return
        dates = self._one(times.start.at(self._zone), times.minutes)
        warnings = [*found.warnings, *times.warnings, f"{why}: it is a meeting of its own"]
        id_ = source_id(self.group.uid, at)
        self.parts.append(Part(event.number, id_, event, found, dates, warnings=warnings))

    def _refuse(self, event: Event, at: datetime | None, reason: str, id_: str = "") -> None:
        master = event is self.group.master
        known = id_ or (source_id(self.group.uid, at) if master or at else "")
        self.refused.append(Refusal(event.number, known, event, reason))


def _entry(part: Part, key: Key) -> meetings.OccurrenceChange:
    found = part.changes.get(key)
    if found is None:
        found = part.changes[key] = meetings.OccurrenceChange(date=key.date.isoformat(), ordinal=key.ordinal)
    return found
