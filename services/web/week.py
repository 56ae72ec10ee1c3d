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
from services.recurrence.schedule import has, occurrence, recurrence_id
from services.recurrence.sessions import moved_by, usually
from services.recurrence.wire import key_text, to_deviation
from services.web import say
from services.web.agenda import AgendaDay, agenda
from services.web.calendars import Example, Part, examples, parts
from services.web.chairs import Chair, instead
from services.web.line import NO_CHANGE, Facts, facts
from services.web.notices import Notice, notices
from services.web.notices import edges as closed_edges
from services.web.seats_rules import word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from openchair.meetings.v1 import centre_pb2

    from services.recurrence.types import Key, Occurrence, Schedule
    from services.web.board import CentreBoard
    from services.web.subscribe import Site, Subscription

DAYS: Final = 7
FROM: Final = "-from"
EARLY: Final = timedelta(minutes=15)
LATE: Final = timedelta(minutes=60)
"""From so long before the start of a date to so long after, whoever stands there alone can say so."""


@dataclass(frozen=True)
class Line:
    """One date. `state`: "" as the series says, "now", "cancelled", "moved" here, "away" (it has moved from here).

    `target` is the anchor of the line that it has moved to, where that is on the page. `warning` is what somebody has
    to know who is about to go there. `id` and `key` name the date; `asks`: it is the time in which one can say that
    nobody is there. `seats` is the path of the page about seats ("": none are kept), `word` whether there is one.
    """

    id: str
    key: str
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
    warning: str = ""
    asks: bool = False
    agenda: tuple[AgendaDay, ...] = ()
    instead: tuple[Chair, ...] = ()
    seats: str = ""
    word: str = ""

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
    notices: tuple[Notice, ...]
    calendar: Subscription
    page: str
    guide: str
    zone: str
    parts: tuple[Part, ...]
    examples: tuple[Example, ...]
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
    edges = [edge for line in lines for edge in (line.start - EARLY, line.start, line.start + LATE, line.end)]
    edges += [zones.midnight(view.today + timedelta(days=1), view.zone), *closed_edges(board, view.zone)]
    return Week(
        id=id,
        centre=board.centre,
        days=tuple(view.days(lines)),
        closed=tuple(sorted(view.closed(), key=lambda each: each.title.casefold())),
        notices=notices(board, view.zone, now),
        calendar=site.centre(id, board.centre.title),
        page=site.page(id),
        guide=site.guide(id),
        parts=parts(id, board, site, view.kinds),
        examples=examples(id, site),
        zone=board.centre.time_zone,
        until=min(edge for edge in edges if edge > now),
    )


def one(
    id: str,  # noqa: A002 - the same
    board: CentreBoard,
    site: Site,
    now: datetime,
    date_: tuple[str, Key],
    *,
    others: CentreBoard,
    holder: bool = False,
) -> Line | None:
    """One date of a meeting, wherever it lies, with what of `others` takes place instead; None where there is none."""
    assert board.centre is not None
    meeting, key = date_
    schedule = board.schedules.get(meeting)
    if schedule is None or not has(schedule, key):
        return None
    view = _View(id, board, board.centre, site, now, holder=holder)
    change = board.changes[meeting].get(key)
    found = view.line(meeting, occurrence(schedule, key, to_deviation(change) if change is not None else None))
    public = _View(id, others, board.centre, site, now, holder=False)
    return replace(found, instead=instead(found, list(public.lines()), now))


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
        self.kinds = {kind.id: kind.title for kind in centre.kinds}
        self.zone = centre.time_zone
        self.site = site
        self.now = now
        self.today = zones.local_day(now, self.zone)
        self.end = zones.midnight(self.today + timedelta(days=DAYS), self.zone)

    def lines(self) -> Iterator[Line]:
        """What takes place, or was to, from now to the end of the seventh day."""
        for meeting, each in self.board.agenda.between(self.now, self.end):
            yield self.line(meeting, each)

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
        for id, known in self.board.known.items():  # noqa: A001 - the same
            if known.state == meeting_pb2.MEETING_STATE_SUSPENDED:
                meeting = self.board.meetings[id]
                yield facts(meeting, centre_language=self.language, holder=self.holder, kinds=self.kinds)

    def line(self, id: str, each: Occurrence) -> Line:  # noqa: A002 - the same
        """One date as it stands on a page."""
        meeting = self.board.meetings[id]
        change = self.board.changes[id].get(each.key, NO_CHANGE)
        state, said = self._state(meeting, change, each)
        start, end = zones.to_local(each.start, self.zone), zones.to_local(each.end, self.zone)
        key = key_text(each.key)
        return Line(
            id=id,
            key=key,
            anchor=f"{id}-{key}",
            day=max(start.date(), self.today),
            start=each.start,
            end=each.end,
            local=start,
            when=say.span(start, end),
            aside=self._aside(meeting, each, start.date()),
            facts=facts(meeting, change, self.language, holder=self.holder, day=each.key.date, kinds=self.kinds),
            state=state,
            said=said,
            reason=change.reason,
            calendar=self.site.meeting(self.id, meeting.lineage or id, meeting.title),
            warning=_warning(meeting, change),
            asks=self._asks(meeting, each),
            agenda=self._agenda(meeting, change, each),
            seats=f"/m/{id}/{key}" if self.board.seats.are_kept(meeting) and not each.cancelled else "",
            word=self._word(meeting, each),
        )

    def _word(self, meeting: meeting_pb2.Meeting, each: Occurrence) -> str:
        lineage = meeting.lineage or meeting.name.rpartition("/")[2]
        return word(self.board.seats.word(lineage, each.key))

    def _agenda(
        self, meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange, each: Occurrence
    ) -> tuple[AgendaDay, ...]:
        """Its rooms are those of the series' place: not those of a date that is held elsewhere."""
        if not meeting.sessions:
            return ()
        schedule = self.board.schedules[meeting.name.rpartition("/")[2]]
        usual = usually(each.key.date, schedule)
        minutes = change.minutes if change.HasField("minutes") else schedule.minutes
        elsewhere = change.HasField("venue") or bool(change.rooms)
        online = (change.mode if change.HasField("mode") else meeting.mode) == meeting_pb2.MODE_ONLINE
        moved = moved_by(usual, each.local, minutes - schedule.minutes)
        roomed = not (elsewhere or online)
        return agenda(meeting.sessions, usual, moved, roomed=roomed, without=change.agenda_without)

    def _asks(self, meeting: meeting_pb2.Meeting, each: Occurrence) -> bool:
        """Whether somebody may stand there alone just now."""
        is_on = meeting.state == meeting_pb2.MEETING_STATE_ACTIVE and not each.cancelled
        return is_on and each.start - EARLY <= self.now < each.start + LATE

    def _state(
        self, meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange, each: Occurrence
    ) -> tuple[str, str]:
        if meeting.state == meeting_pb2.MEETING_STATE_CANCELLED:
            return "cancelled", "Cancelled: this meeting has ended for good."
        if each.cancelled:
            return "cancelled", f"Cancelled: {change.holiday}" if change.holiday else "Cancelled"
        if change.HasField("start") and self._moves(meeting.name.rpartition("/")[2], each.key):
            schedule = self.board.schedules[meeting.name.rpartition("/")[2]]
            before = self._here(recurrence_id(schedule, each.key), schedule)
            return "moved", f"Moved from {say.day(before.date())}, {say.clock(before)}"
        if each.start <= self.now:
            return "now", "On now"
        return "", _differs(meeting, change)

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
            id=id,
            key=key_text(key),
            anchor=f"{id}-{key_text(key)}{FROM}",
            day=max(local.date(), self.today),
            start=start,
            end=end,
            local=local,
            when=say.span(local, zones.to_local(end, self.zone)),
            aside="",
            facts=facts(meeting, centre_language=self.language, holder=self.holder, kinds=self.kinds),
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
    return replace(line, instead=instead(line, lines, now)) if line.state == "cancelled" else line


def _warning(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange) -> str:
    """What somebody has to know before going."""
    if change.unconfirmed:
        return "Unconfirmed: people found nobody there. Call before you go."
    return "People found nobody here lately: call before you go." if meeting.doubtful else ""


def _differs(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange) -> str:
    """What is otherwise on this date, in a word; "" for what the line says anyway."""
    if change.HasField("mode") and change.mode == meeting_pb2.MODE_ONLINE != meeting.mode:
        return "Online on this date"
    if change.HasField("venue") and change.venue.title != meeting.venue.title:
        return "At another place on this date"
    if change.HasField("venue") and list(change.venue.rooms) != list(meeting.venue.rooms):
        return "In another room on this date" if change.venue.rooms else "Not in its usual room on this date"
    return ""
