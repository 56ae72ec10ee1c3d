"""Rules with many dates, of many owners, in cells: an hour of the week, or of the day, by the clock of their zone.

A reader looks at the cells that it lies in, compares period and phase there, and is left with those few that it may
really meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.course import DAY
from services.recurrence.offsets import WEEK
from services.recurrence.waves import Lag, Reach, lag, may_meet, near_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.recurrence.held import Held
    from services.recurrence.waves import Wave

_HOUR: Final = 60
_HOURS: Final = DAY // _HOUR


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """One progression of an owner's rule; `first` and `last` bound the starts of its dates (UTC)."""

    held: Held
    wave: Wave
    first: int
    last: int
    minutes: int


class Window(NamedTuple):
    """What is looked for: dates of some zone, `minutes` long, that begin from `since` on and before `until` (UTC)."""

    zone: str
    wave: Wave
    minutes: int
    before: int
    after: int
    since: int
    until: int


class _Cells:
    """Those of one zone: by the hour of the week if they keep to a weekday, else by the hour of the day."""

    __slots__ = ("ahead", "by_day", "by_week", "longest")

    def __init__(self) -> None:
        self.ahead = self.longest = 0  # of any that ever was there: minutes before, and minutes with those after
        self.by_week: dict[int, list[Line]] = {}
        self.by_day: dict[int, list[Line]] = {}

    def put(self, line: Line) -> None:
        self.ahead = max(self.ahead, line.held.before)
        self.longest = max(self.longest, line.minutes + line.held.after)
        cells, hours = self._of(line)
        for hour in hours:
            cells.setdefault(hour, []).append(line)

    def remove(self, line: Line) -> None:
        cells, hours = self._of(line)
        for hour in hours:
            cells[hour].remove(line)
            if not cells[hour]:
                del cells[hour]

    def near(self, window: Window, differ: Lag) -> Iterator[Line]:
        """Those that share an hour with it, whatever the clocks do. One may come more than once."""
        low = window.wave.at - window.before + differ.least
        high = window.wave.at + window.minutes + window.after + differ.most
        in_day, in_week = _hours(low, high, DAY), _hours(low, high, WEEK)
        if window.wave.period and window.wave.period % WEEK:
            in_week = [hour + shift for hour in in_day for shift in range(0, WEEK // _HOUR, _HOURS)]
        found = [
            *(self.by_day[hour] for hour in in_day if hour in self.by_day),
            *(self.by_week[hour] for hour in in_week if hour in self.by_week),
        ]
        return iter(found[0]) if len(found) == 1 else iter({line for cell in found for line in cell})

    def _of(self, line: Line) -> tuple[dict[int, list[Line]], list[int]]:
        """The cells that it belongs to."""
        weekly = line.wave.period % WEEK == 0
        low, high = line.wave.at - line.held.before, line.wave.at + line.minutes + line.held.after
        return (self.by_week, _hours(low, high, WEEK)) if weekly else (self.by_day, _hours(low, high, DAY))


class Lines:
    """The rules of many owners, by zone."""

    def __init__(self) -> None:
        self._zones: dict[str, _Cells] = {}

    def put(self, line: Line) -> None:
        """Takes one in."""
        self._zones.setdefault(line.held.zone, _Cells()).put(line)

    def remove(self, line: Line) -> None:
        """Takes it out."""
        self._zones[line.held.zone].remove(line)

    def near(self, window: Window) -> Iterator[Line]:
        """Those of which dates may be too near to what is looked for. An owner may come more than once."""
        for zone, cells in self._zones.items():
            differ = lag(window.zone, zone, window.since, window.until)
            wave, before, after = window.wave, window.before, window.after
            widest = Reach(-cells.longest - before, window.minutes + max(after, cells.ahead))
            if differ.turns and not near_turn(wave, widest, differ.most, differ.turns):
                differ = Lag(0, 0, differ.turns)
            for line in cells.near(window, differ):
                low = -line.minutes - max(before, line.held.after)
                high = window.minutes + max(after, line.held.before)
                if line.last <= window.since + low or line.first >= window.until + high:
                    continue
                if may_meet(wave, line.wave, Reach(low, high), differ):
                    yield line


def reach(window: Window, line: Line) -> Reach:
    """How far after a date of the one a date of the other must begin to be too near."""
    return Reach(
        -line.minutes - max(window.before, line.held.after), window.minutes + max(window.after, line.held.before)
    )


def _hours(low: int, high: int, period: int) -> list[int]:
    """The hours that the minutes from `low` to before `high` lie in, round and round."""
    first, last = low // _HOUR, max(low, high - 1) // _HOUR
    most = period // _HOUR
    return [hour % most for hour in range(first, min(last, first + most - 1) + 1)]
