"""A centre's next seven days, as they stand on a page: grouped by its local day, everything that matters said.

Pure: of what is public, the time, and the site's address.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import meeting_pb2

from services.recurrence import zones
from services.recurrence.schedule import has, recurrence_id
from services.recurrence.wire import key_text
from services.web import say
from services.web.line import NO_CHANGE, Facts, facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from openchair.meetings.v1 import centre_pb2

    from services.recurrence.types import Key, Occurrence, Schedule
    from services.web.board import CentreBoard
    from services.web.subscribe import Site, Subscription

DAYS: Final = 7
ALTERNATIVES: Final = 3
FROM: Final = "-from"
_BEFORE: Final = timedelta(hours=3)
_AFTER: Final = timedelta(hours=36)


@dataclass(frozen=True)
class Chair:
    """A meeting that would do instead of one that does not take place: an open chair."""

    anchor: str
    when: str
    title: str
    mode: str


@dataclass(frozen=True)
class Line:
    """One date. `state`: "" as the series says, "now", "cancelled", "moved" here, "away" (it has moved from here).

    `target` is the anchor of the line that it has moved to, where that is on the page.
    """

    anchor: str
    day: date
    start: datetime
    end: datetime
    local: datetime
    when: str
    aside: str
    facts: Facts
    state: str
    said: str
    reason: str
    calendar: Subscription
    target: str = ""
    instead: tuple[Chair, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether somebody who goes there finds it."""
        return self.state not in {"cancelled", "away"}


@dataclass(frozen=True)
class Day:
    """One local day with what takes place on it, in order."""

    id: str
    title: str
    short: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Week:
    """All of it. It holds until `until`: then something begins or ends, or the local day is over."""

    id: str
    centre: centre_pb2.Centre
    days: tuple[Day, ...]
    closed: tuple[Facts, ...]
    calendar: Subscription
    page: str
    zone: str
    until: datetime


def week(
    id: str,  # noqa: A002 - the field is named id everywhere
    board: CentreBoard,
    site: Site,
    now: datetime,
    *,
    holder: bool = False,
) -> Week:
    """The week of a centre whose own record is there; `holder`: as holders of a code see it."""
    assert board.centre is not None
    view = _View(id, board, board.centre, site, now, holder=holder)
    lines = sorted([*view.lines(), *view.ghosts()], key=lambda line: (line.start, line.anchor))
    lines = [_linked(line, lines, now) for line in lines]
    edges = [edge for line in lines for edge in (line.start, line.end) if edge > now]
    return Week(
        id=id,
        centre=board.centre,
        days=tuple(view.days(lines)),
        closed=tuple(sorted(view.closed(), key=lambda each: each.title.casefold())),
        calendar=site.centre(id, board.centre.title),
        page=site.page(id),
        zone=board.centre.time_zone,
        until=min([zones.midnight(view.today + timedelta(days=1), view.zone), *edges]),
    )


class _View:
    """One centre at one moment."""

    def __init__(
        self,
        id: str,  # noqa: A002 - the same
        board: CentreBoard,
        centre: centre_pb2.Centre,
        site: Site,
        now: datetime,
        *,
        holder: bool,
    ) -> None:
        self.id = id
        self.holder = holder
        self.board = board
        self.language = centre.language
        self.zone = centre.time_zone
        self.site = site
        self.now = now
        self.today = zones.local_day(now, self.zone)
        self.end = zones.midnight(self.today + timedelta(days=DAYS), self.zone)

    def lines(self) -> Iterator[Line]:
        """What takes place, or was to, from now to the end of the seventh day."""
        for meeting, each in self.board.agenda.between(self.now, self.end):
            yield self._line(meeting, each)

    def ghosts(self) -> Iterator[Line]:
        """The places in the week that a date has moved away from: whoever looks there must find where it went."""
        for id, changes in self.board.changes.items():  # noqa: A001 - the same
            for key, change in changes.items():
                if change.HasField("start") and not change.cancelled and self._moves(id, key):
                    yield from self._ghost(id, key, change)

    def days(self, lines: Sequence[Line]) -> Iterator[Day]:
        """The seven days, empty ones too."""
        by_day = defaultdict(list)
        for line in lines:
            by_day[line.day].append(line)
        for number in range(DAYS):
            day = self.today + timedelta(days=number)
            short = say.short_day(day, self.today)
            yield Day(f"{self.id}-{day}", say.near_day(day, self.today), short, tuple(by_day[day]))

    def closed(self) -> Iterator[Facts]:
        """Meetings that are suspended: listed, with no date."""
        for meeting in self.board.meetings.values():
            if meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED:
                yield facts(meeting, centre_language=self.language, holder=self.holder)

    def _line(self, id: str, each: Occurrence) -> Line:  # noqa: A002 - the same
        meeting = self.board.meetings[id]
        change = self.board.changes[id].get(each.key, NO_CHANGE)
        state, said = self._state(meeting, change, each)
        start, end = zones.to_local(each.start, self.zone), zones.to_local(each.end, self.zone)
        return Line(
            anchor=f"{id}-{key_text(each.key)}",
            day=max(start.date(), self.today),
            start=each.start,
            end=each.end,
            local=start,
            when=say.span(start, end),
            aside=self._aside(meeting, each, start.date()),
            facts=facts(meeting, change, self.language, holder=self.holder),
            state=state,
            said=said,
            reason=change.reason,
            calendar=self.site.meeting(self.id, meeting.lineage or id, meeting.title),
        )

    def _state(
        self, meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange, each: Occurrence
    ) -> tuple[str, str]:
        if meeting.state == meeting_pb2.MEETING_STATE_CANCELLED:
            return "cancelled", "Cancelled: this meeting has ended for good."
        if each.cancelled:
            return "cancelled", "Cancelled"
        if change.HasField("start") and self._moves(meeting.name.rpartition("/")[2], each.key):
            schedule = self.board.schedules[meeting.name.rpartition("/")[2]]
            before = self._here(recurrence_id(schedule, each.key), schedule)
            return "moved", f"Moved from {say.day(before.date())}, {say.clock(before)}"
        return ("now", "On now") if each.start <= self.now else ("", "")

    def _aside(self, meeting: meeting_pb2.Meeting, each: Occurrence, day: date) -> str:
        if day < self.today:
            return f"since {say.DAYS[day.weekday()]}"
        other = meeting.schedule.time_zone
        return f"{say.clock(each.local)} in {other}" if zones.zone(other) is not zones.zone(self.zone) else ""

    def _here(self, local: datetime, schedule: Schedule) -> datetime:
        """A local time of the series as the clocks of the centre show it: every time on the page is that."""
        return zones.to_local(zones.to_utc(local, schedule.zone), self.zone)

    def _moves(self, id: str, key: Key) -> bool:  # noqa: A002 - the same
        schedule, change = self.board.schedules[id], self.board.changes[id][key]
        return has(schedule, key) and datetime.fromisoformat(change.start) != recurrence_id(schedule, key)

    def _ghost(self, id: str, key: Key, change: meeting_pb2.OccurrenceChange) -> Iterator[Line]:  # noqa: A002 - the same
        meeting, schedule = self.board.meetings[id], self.board.schedules[id]
        if meeting.state != meeting_pb2.MEETING_STATE_ACTIVE:
            return
        start = zones.to_utc(recurrence_id(schedule, key), schedule.zone)
        end = start + timedelta(minutes=schedule.minutes)
        if end <= self.now or start >= self.end:
            return
        local = zones.to_local(start, self.zone)
        target = self._here(datetime.fromisoformat(change.start), schedule)
        yield Line(
            anchor=f"{id}-{key_text(key)}{FROM}",
            day=max(local.date(), self.today),
            start=start,
            end=end,
            local=local,
            when=say.span(local, zones.to_local(end, self.zone)),
            aside="",
            facts=facts(meeting, centre_language=self.language, holder=self.holder),
            state="away",
            said=f"Moved to {say.day(target.date())}, {say.clock(target)}",
            reason=change.reason,
            calendar=self.site.meeting(self.id, meeting.lineage or id, meeting.title),
        )


def _linked(line: Line, lines: Sequence[Line], now: datetime) -> Line:
    """The line with its ways on: to where it has moved, or to what takes place instead."""
    if line.state == "away":
        anchor = line.anchor.removesuffix(FROM)
        return replace(line, target=anchor if any(each.anchor == anchor for each in lines) else "")
    return replace(line, instead=_instead(line, lines, now)) if line.state == "cancelled" else line


def _instead(cancelled: Line, lines: Sequence[Line], now: datetime) -> tuple[Chair, ...]:
    """The next that would do: of the same fellowship first, then what is nearest in time; soon, and still to reach."""
    begins, ends = max(now, cancelled.start - _BEFORE), cancelled.start + _AFTER
    fellowship = cancelled.facts.about[:1]
    found = [line for line in lines if line.is_on and begins < line.start < ends]
    found.sort(key=lambda line: (line.facts.about[:1] != fellowship, abs(line.start - cancelled.start), line.anchor))
    return tuple(
        Chair(
            anchor=line.anchor,
            when=f"{say.DAYS[line.day.weekday()]}, {say.clock(line.local)}",
            title=line.facts.title,
            mode=line.facts.mode,
        )
        for line in sorted(found[:ALTERNATIVES], key=lambda line: line.start)
    )
