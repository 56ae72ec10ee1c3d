"""What a closure would make of the dates of a centre: the same reckoning as the real one, written nowhere."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings import closing, records
from services.meetings.types import Closed, Closure, ClosureEffect, Meeting, Mode, Status
from services.recurrence.schedule import occurrence
from services.recurrence.types import Key
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.kit.store.port import Position
    from services.meetings.closing import Frame, Group
    from services.meetings.desk import Desk
    from services.meetings.lacking import Lacking
    from services.meetings.types import Change
    from services.recurrence.types import Occurrence

PAGE: Final = 200  # meetings read at once
RECKONED: Final = 20  # meetings until others get their turn

_TWO_DAYS: Final = timedelta(days=2)

CANCELLED_ALREADY = "was cancelled already"
DESPITE = "takes place despite closures"
SAID_ALREADY = "another closure, or a public holiday, says the same already"
NO_LINK = "has no link to join by: cancelled"
CLOSED_TOO = "the other place is closed, too: cancelled"
OTHERWISE = "another closure, or a public holiday, counts for more"


class Impact(NamedTuple):
    """What becomes of one date, and of `keys`, itself among them. `effect` None: it stays as it is."""

    meeting: Meeting
    occurrence: Occurrence
    change: Change | None
    effect: ClosureEffect | None
    reason: str
    closed: Closed | None
    keys: Sequence[Key]

    @property
    def position(self) -> Position:
        """Where it stands in the order of time."""
        return (int(self.occurrence.start.timestamp()), self.meeting.id, key_text(self.occurrence.key))

    def each(self, since: date) -> Iterator[Impact]:
        """One by one, in order of time; those before a day, local to the meeting, may be left out."""
        if len(self.keys) == 1:
            yield self
            return
        for key in self.keys[bisect_left(self.keys, Key(since)) :]:
            yield self._replace(occurrence=occurrence(self.meeting.schedule, key), keys=(key,))


@dataclass
class Reckoning:
    """What a closure would do in all, and the impacts of one page."""

    after: Position | None
    size: int
    occurrences: int = 0
    meetings: int = 0
    kept: int = 0
    outcomes: dict[ClosureEffect, int] = field(default_factory=dict)
    _rows: list[tuple[Position, Impact]] = field(default_factory=list)
    _latest: datetime | None = None

    def __post_init__(self) -> None:
        begins = datetime.fromtimestamp(int(self.after[0]), UTC).date() if self.after else date.min + _TWO_DAYS
        self._since = begins - _TWO_DAYS  # in whichever zone

    def take(self, impacts: list[Impact]) -> None:
        """Counts what becomes of one meeting, and keeps what may stand on the page."""
        for impact in impacts:
            dates = len(impact.keys)
            if impact.effect is None:
                self.kept += dates
            else:
                self.occurrences += dates
                self.outcomes[impact.effect] = self.outcomes.get(impact.effect, 0) + dates
            self._rows += islice(self._placed(impact), self.size + 1)
        self.meetings += any(impact.effect is not None for impact in impacts)
        if len(self._rows) > 4 * self.size:
            self._cut()

    def _placed(self, impacts: Impact) -> Iterator[tuple[Position, Impact]]:
        """What may stand on the page, in order of time."""
        for impact in impacts.each(self._since):
            if self._latest is not None and impact.occurrence.start > self._latest:
                return
            position = impact.position
            if self.after is None or position > self.after:
                yield position, impact

    def _cut(self) -> None:
        """Only what may stand on the page is kept; whatever comes later need not even be placed."""
        self._rows.sort(key=lambda row: row[0])
        del self._rows[self.size + 1 :]
        if len(self._rows) > self.size:
            self._latest = self._rows[-1][1].occurrence.start

    def page(self) -> tuple[list[Impact], Position | None]:
        """The impacts of the page, and where to go on."""
        self._cut()
        page = self._rows[: self.size]
        return [impact for _, impact in page], page[-1][0] if len(self._rows) > self.size else None


async def reckon(
    desk: Desk, closure: Closure, frame: Frame, at: datetime, reckoning: Reckoning, claims: Claims | None = None
) -> None:
    """Goes through the closure's centre: what takes place there at all. `frame` is what counts there without it.

    `claims` finds out which dates would be without a room.
    """
    with_it = frame._replace(closures=closing.ordered((*frame.closures, closure)))
    after, budget = None, RECKONED
    while True:
        page = await desk.store.find("meeting", {"centre": closure.centre}, limit=PAGE, after=after)
        for record in page.records:
            meeting = records.read(record, Meeting)
            if meeting.status is not Status.ACTIVE:
                continue
            found = list(impacts(meeting, closure, frame, with_it, at))
            reckoning.take(found)
            claimed = claims is not None and claims.take(meeting, found, frame, with_it, at)
            budget -= 1
            if claimed or budget <= 0:
                budget = RECKONED
                await asyncio.sleep(0)
        if (after := page.after) is None:
            return


class Claims(NamedTuple):
    """How the dates of a preview claim their rooms: where it moves them, or of a `withdrawal` where they come from."""

    lacking: Lacking
    withdrawal: bool

    def take(self, meeting: Meeting, found: Sequence[Impact], frame: Frame, with_it: Frame, at: datetime) -> bool:
        """Whether the meeting had any."""
        effects = frozenset(ClosureEffect) if self.withdrawal else {ClosureEffect.MOVE}
        keys = [key for impact in found if impact.effect in effects for key in impact.keys]
        if keys:
            self.lacking.take(closing.overlaid(meeting, frame if self.withdrawal else with_it, at), keys)
        return bool(keys)


def impacts(meeting: Meeting, closure: Closure, frame: Frame, with_it: Frame, at: datetime) -> Iterator[Impact]:
    """What becomes of the dates of one meeting that lie in the closure and are not over."""
    low, high = closing.window(closure.start, closure.end, frame.zone)
    if not _touches(closure, frame, meeting):
        return
    counting = {closure.id, *(each.id for each in closing.bearing(meeting, with_it))}
    frame, with_it = (
        each._replace(closures=tuple(one for one in each.closures if one.id in counting)) for each in (frame, with_it)
    )
    for group in closing.groups(meeting, with_it, max(at, low), min(closing.horizon(at), high)):
        if closing.in_time(closure, group.first, frame.zone):
            impact = _impact(meeting, closure, group, frame, with_it)
            if impact is not None:
                yield impact


def _touches(closure: Closure, frame: Frame, meeting: Meeting) -> bool:
    """Whether the meeting is held where it is closed, on any date, also where other closures move it."""
    usual = closing.spot_of(meeting, None)
    spots = [usual, *(closing.spot_of(meeting, change) for change in meeting.changes)]
    moved = (each for each in frame.closures if each.effect is ClosureEffect.MOVE)
    spots += (closing.Spot(each.move_place, each.move_rooms, Mode.IN_PERSON) for each in moved)
    return any(closing.kept_because(closure, spot, meeting.holidays, frame) is not None for spot in spots)


def _impact(meeting: Meeting, closure: Closure, group: Group, frame: Frame, with_it: Frame) -> Impact | None:
    """None: it is not held where it is closed, now or by another closure."""
    each, change, keys = group
    before = closing.verdict(meeting, each, change, frame)
    now = closing.verdict(meeting, each, change, with_it)
    why = closing.kept_because(closure, closing.spot_of(meeting, change), meeting.holidays, frame)
    if change is not None and (change.cancelled or change.despite):
        kept = CANCELLED_ALREADY if change.cancelled else DESPITE
        return Impact(meeting, each, change, None, kept, None, keys) if why == "" or now != before else None
    if now != before and now is not None:
        return Impact(meeting, each, change, now.effect, _otherwise(closure, now), now, keys)
    if why is None:
        return None
    return Impact(meeting, each, change, None, why or SAID_ALREADY, None, keys)


def _otherwise(closure: Closure, closed: Closed) -> str:
    """Why the outcome is another than the closure's effect; "": it is not."""
    if closed.effect is closure.effect:
        return ""
    if closed.effect is not ClosureEffect.CANCEL:
        return OTHERWISE
    return NO_LINK if closure.effect is ClosureEffect.ONLINE else CLOSED_TOO
