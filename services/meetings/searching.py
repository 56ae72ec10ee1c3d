"""Meetings that fit: Search."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit import code
from services.kit.errors import Invalid, Violation
from services.kit.paging import page_size
from services.meetings import finder_asked, finder_near
from services.meetings.access import Audience, Viewer, sees
from services.meetings.codes import INSIDERS
from services.meetings.finder_dates import who_on
from services.meetings.finder_entry import sought
from services.meetings.finder_found import Shown
from services.meetings.seats_told import SeatsTold
from services.meetings.types import Centre, Group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.call import Call, Caller
    from services.kit.store.port import Position
    from services.meetings.desk import Desk
    from services.meetings.finder import Finder
    from services.meetings.finder_asked import Asked, Circle
    from services.meetings.finder_dates import Next
    from services.meetings.finder_entry import Entry

USUAL_SIZE: Final = 20
LARGEST_SIZE: Final = 100
MOST_COUNTED: Final = 10_000
SOON: Final = 30 * 60
"""Seconds before its start from which on a meeting counts as open now."""

TOKEN_LASTS: Final = timedelta(hours=1)
LOOKED_AT: Final = 1_500  # work before others get their turn: about as long
RECKONED: Final = 50  # the work of reckoning a next date, where looking at a meeting is 1
FAR: Final = 1 << 40  # seconds: later than any date

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

Key: TypeAlias = "tuple[int, str] | tuple[str, str]"
"""Where a meeting stands in the order: metres, seconds or a folded title; then its id."""


class Searching:
    """The method of search."""

    def __init__(self, desk: Desk, finder: Finder, seats: SeatsTold) -> None:
        self.desk = desk
        self.finder = finder
        self.seats = seats
        self._shown = Shown(seats)

    async def search_meetings(self, call: Call[pb.SearchMeetingsRequest]) -> pb.SearchMeetingsResponse:
        """Those that fit, a page of them. Raises Invalid, NotFound."""
        request = call.message
        asked = finder_asked.read(request)
        size = page_size(request.page_size, USUAL_SIZE, LARGEST_SIZE)
        moment, after = _pinned(self.desk.pages.position(call), call.clock.now())
        await self.finder.settled()
        if asked.centre and not self.finder.holds(asked.centre):
            await self.desk.held("centre", asked.centre, Centre, request.parent, asked.centre)
        viewers = await viewers_of(self.desk, call, asked.centre)
        search = Search(asked, viewers, moment, self.seats)
        rows = await search.run(self.finder.candidates(asked, insider=viewers.insider), after, size + 1)
        at = moment.timestamp()
        shown = [
            self._shown(entry, viewers.audience(entry), moment, at, asked.dates, search.distances.get(entry.number))
            for _, entry in rows[:size]
        ]
        reply = pb.SearchMeetingsResponse.FromString(b"".join(shown))
        reply.total = min(search.total, MOST_COUNTED)
        if len(rows) > size:
            reply.next_page_token = self.desk.pages.token(call, (_microseconds(moment), *rows[size - 1][0]))
        return reply


class Viewers:
    """Who asks, to each centre. `groups` are those whose codes they have, by centre."""

    def __init__(self, caller: Caller, groups: Mapping[str, str]) -> None:
        self._caller = caller
        self._groups = groups
        self._known: dict[str, Viewer] = {}
        self.insider = bool(groups or caller.roles)

    def audience(self, entry: Entry) -> Audience:
        """What they are to a meeting."""
        return self.of(entry.meeting.centre).audience(entry.meeting) if self.insider else Audience.PUBLIC

    def of(self, centre: str) -> Viewer:
        """What they are to a centre."""
        if centre not in self._known:
            staff = self._caller.has(INSIDERS, centre)
            self._known[centre] = Viewer(staff=staff, group=self._groups.get(centre, ""))
        return self._known[centre]

    def sees(self, entry: Entry) -> bool:
        """Whether they may learn that it exists."""
        return entry.public or (self.insider and sees(entry.meeting.visibility, self.audience(entry)))

    def finds(self, entry: Entry) -> bool:
        """Whether they may know where it is held."""
        return entry.in_the_open or (self.insider and entry.found_by(self.audience(entry)))


async def viewers_of(desk: Desk, call: Call[Any], centre: str) -> Viewers:
    """Who asks: `codes.viewer_of` for one centre, or ("") for each."""
    if not call.message.invite_code:
        return Viewers(call.caller, {})
    digest, now = code.digest(call.message.invite_code), desk.now()
    groups = await desk.every("group", Group, **({"centre": centre} if centre else {}))
    opened = [held.value for held in groups if held.value.opens(digest, now)]
    return Viewers(call.caller, {group.centre: group.id for group in opened})


@dataclass
class Search:
    """One search as of a moment. `run` it once; `total` and `distances` (metres, by number) are what it came upon."""

    asked: Asked
    viewers: Viewers
    moment: datetime
    seats: SeatsTold = field(default_factory=SeatsTold)
    total: int = 0
    distances: dict[int, int] = field(default_factory=dict)
    _work: int = 0
    _parts: dict[str, tuple[bool, int, str, Key, Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._at = self.moment.timestamp()
        self._sought = sought(self.asked.words)
        self._dated = bool(self.asked.open_now or self.asked.who or self.asked.seats)

    async def run(self, candidates: list[Entry], after: Key | None, most: int) -> list[tuple[Key, Entry]]:
        """The first `most` of those that fit after that place in the order."""
        best: list[tuple[Key, Entry]] = []
        new: list[tuple[Key, Entry]] = []
        for entry in candidates:
            if self._fits(entry):
                self._note(entry, after, new)
            self._work += 1
            if self._work >= LOOKED_AT:
                best, new, self._work = _first(most, best + new), [], 0
                await asyncio.sleep(0)
        for *_, key, entry in self._parts.values():
            self.total += 1
            if after is None or key > after:
                new.append((key, entry))
        return _first(most, best + new)

    def _note(self, entry: Entry, after: Key | None, new: list[tuple[Key, Entry]]) -> None:
        """Of a series that was split one part is found: that with the next date, if one has any that is held."""
        key = self._key(entry)
        if entry.split:
            part = (self._calls_off(entry), self._begins(entry), entry.id, key, entry)
            lineage = entry.meeting.lineage
            self._parts[lineage] = min(part, self._parts.get(lineage, part), key=lambda each: each[:3])
            return
        self.total += 1
        if after is None or key > after:
            new.append((key, entry))

    def _fits(self, entry: Entry) -> bool:
        asked = self.asked
        if entry.over <= self._at or not (entry.public or self.viewers.sees(entry)):
            return False
        if asked.window is not None and not asked.within(entry.minute):
            return False
        for each in self._sought:
            if each not in entry.text and not (each in entry.hidden and self.viewers.finds(entry)):
                return False
        if asked.circle is not None and not self._near(entry, asked.circle):
            return False
        return not self._dated or self._dates_fit(entry)

    def _near(self, entry: Entry, circle: Circle) -> bool:
        if entry.point is None or not (entry.in_the_open or self.viewers.finds(entry)):
            return False
        metres = finder_near.metres(circle.middle, entry.point)
        if metres > circle.radius:
            return False
        self.distances[entry.number] = round(metres)
        return True

    def _dates_fit(self, entry: Entry) -> bool:
        """Conditions on the next date."""
        following = self._next(entry)
        if not following.dates:
            return False
        first = following.dates[0]
        if self.asked.who and who_on(entry.meeting, first.key.date) not in self.asked.who:
            return False
        if self.asked.seats and (first.cancelled or self.seats.at(entry.meeting, first.key) not in self.asked.seats):
            return False
        return not self.asked.open_now or (not first.cancelled and first.start.timestamp() <= self._at + SOON)

    def _next(self, entry: Entry) -> Next:
        if entry.next is None or not entry.next.holds(self._at):
            self._work += RECKONED
        return entry.next_date(self.moment, self._at)

    def _begins(self, entry: Entry) -> int:
        """When its next date begins, in epoch seconds."""
        following = self._next(entry)
        return int(following.dates[0].start.timestamp()) if following.dates else FAR

    def _calls_off(self, entry: Entry) -> bool:
        """Whether there are dates to come, and every one of them is cancelled."""
        following = self._next(entry)
        return bool(following.dates) and following.dates[0].cancelled

    def _key(self, entry: Entry) -> Key:
        if self.asked.order == pb.SEARCH_ORDER_DISTANCE:
            return self.distances[entry.number], entry.id
        if self.asked.order == pb.SEARCH_ORDER_TITLE:
            return entry.title, entry.id
        return self._begins(entry), entry.id


def _first(most: int, rows: list[tuple[Key, Entry]]) -> list[tuple[Key, Entry]]:
    return heapq.nsmallest(most, rows, key=lambda row: row[0])


def _pinned(position: Position | None, now: datetime) -> tuple[datetime, Key | None]:
    """The moment as of which is searched, and where to go on. Raises Invalid for a token of long ago."""
    if position is None:
        return now, None
    moment = EPOCH + int(position[0]) * _MICROSECOND
    if not timedelta(0) <= now - moment <= TOKEN_LASTS:
        raise Invalid(Violation("page_token", "is more than an hour old: leave it empty to start again"))
    return moment, position[1:]  # type: ignore[return-value]  # as it was put in


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND
