"""Rules with many dates, of many owners, in cells: an hour of the week, or of the day, by the clock of their zone.

A reader looks at the cells that it lies in, compares period and phase there, and is left with those few that it may
really meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.course import DAY
from services.recurrence.offsets import WEEK
from services.recurrence.waves import Reach, lag, may_meet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.recurrence.held import Held
    from services.recurrence.waves import Lag, Wave

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

    __slots__ = ("by_day", "by_week")

    def __init__(self) -> None:
        self.by_week: dict[int, list[Line]] = {}
        self.by_day: dict[int, list[Line]] = {}

    def put(self, line: Line) -> None:
        cells, hours = self._of(line)
        for hour in hours:
            cells.setdefault(hour, []).append(line)

    def remove(self, line: Line) -> None:
        cells, hours = self._of(line)
        for hour in hours:
            cells[hour].remove(line)
            if not cells[hour]:
                del cells[hour]

    def near(self, window: Window, differ: Lag) -> set[Line]:
        """Those that share an hour with it, whatever the clocks do."""
        low = (window.wave.at - window.before + differ.least) // _HOUR
        high = (window.wave.at + window.minutes + window.after + differ.most) // _HOUR
        in_day = _hours(low, high, DAY)
        in_week = _hours(low, high, WEEK)
        if window.wave.period and window.wave.period % WEEK:
            in_week = [hour + shift for hour in in_day for shift in range(0, WEEK // _HOUR, _HOURS)]
        found = {line for hour in in_day for line in self.by_day.get(hour, ())}
        return found.union(line for hour in in_week for line in self.by_week.get(hour, ()))

    def _of(self, line: Line) -> tuple[dict[int, list[Line]], list[int]]:
        """The cells that it belongs to."""
        weekly = line.wave.period % WEEK == 0
        low = (line.wave.at - line.held.before) // _HOUR
        high = (line.wave.at + line.minutes + line.held.after) // _HOUR
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
            for line in cells.near(window, differ):
                apart = reach(window, line)
                there = line.last > window.since + apart.low and line.first < window.until + apart.high
                if there and may_meet(window.wave, line.wave, apart, differ):
                    yield line


def reach(window: Window, line: Line) -> Reach:
    """How far after a date of the one a date of the other must begin to be too near."""
    return Reach(
        -line.minutes - max(window.before, line.held.after), window.minutes + max(window.after, line.held.before)
    )


def _hours(low: int, high: int, period: int) -> list[int]:
    """The hours from `low` to `high`, round and round."""
    most = period // _HOUR
    return [hour % most for hour in range(low, min(high, low + most - 1) + 1)]
