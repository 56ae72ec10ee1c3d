"""What takes place when, over many series: sorted arrays over a rolling horizon, kept until a series changes.

Occurrences lie in a bucket per week of their start. A bucket is sorted when it is first read, and kept sorted from
then on: many series load fast, one change is cheap, and reading is a bisect.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.schedule import MAX_MINUTES, occurrences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.recurrence.types import Deviation, Key, Occurrence, Schedule

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_WEEK: Final = 7 * 86_400
_SHORT: Final = 86_400
_LONG: Final = MAX_MINUTES * 60
_STEP: Final = timedelta(days=28)
_LIMIT: Final = timedelta(days=2 * 366)
_SLACK: Final = 64

Row = tuple[str, "Occurrence"]


class _Series:
    """One series as it was put; a newer one of its id, or its removal, makes it dead."""

    __slots__ = ("alive", "deviations", "entries", "id", "schedule")

    def __init__(self, series_id: str, schedule: Schedule, deviations: tuple[Deviation, ...]) -> None:
        self.id = series_id
        self.schedule = schedule
        self.deviations = deviations
        self.alive = True
        self.entries: list[_Entry] = []

    def occurrences(self, since: datetime, until: datetime) -> list[Occurrence]:
        return occurrences(self.schedule, self.deviations, since, until)


class _Entry(NamedTuple):
    """A row in sorting order: start (seconds since 1970), id and key are unique together."""

    start: int
    id: str
    key: Key
    end: int
    series: _Series
    row: Row


class _Bucket:
    """The entries of one week. A reader finds it sorted; what was never read is only appended to."""

    __slots__ = ("dead", "dirty", "ends", "entries", "starts")

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.starts = array("q")
        self.ends = array("q")
        self.dirty = True
        self.dead = 0

    def add(self, entry: _Entry) -> None:
        if self.dirty:
            self.entries.append(entry)
            return
        at = bisect_left(self.entries, entry)
        self.entries.insert(at, entry)
        self.starts.insert(at, entry.start)
        self.ends.insert(at, entry.end)

    def discard(self, entry: _Entry) -> None:
        """Takes out an entry whose series is dead."""
        if not self.dirty:
            at = bisect_left(self.entries, entry)
            del self.entries[at], self.starts[at], self.ends[at]
            return
        self.dead += 1
        if self.dead > _SLACK + len(self.entries) // 2:
            self.entries = [entry for entry in self.entries if entry.series.alive]
            self.dead = 0

    def settle(self) -> None:
        """Sorts it, unless it is."""
        if not self.dirty:
            return
        self.entries = sorted(entry for entry in self.entries if entry.series.alive)
        self.starts = array("q", [entry.start for entry in self.entries])
        self.ends = array("q", [entry.end for entry in self.entries])
        self.dirty, self.dead = False, 0

    def between(self, since: int, until: int, longest: int) -> list[_Entry]:
        """Those that end after `since` and start before `until`, in order."""
        self.settle()
        oldest = bisect_left(self.starts, since - longest)
        begin, end = bisect_left(self.starts, since), bisect_left(self.starts, until)
        running = [self.entries[i] for i in range(oldest, begin) if self.ends[i] > since]
        return running + self.entries[begin:end]


class _Lane:
    """The weeks of occurrences no longer than `longest` seconds: how far back a reader has to look."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.weeks: dict[int, _Bucket] = {}

    def add(self, entry: _Entry) -> None:
        self.weeks.setdefault(entry.start // _WEEK, _Bucket()).add(entry)

    def discard(self, entry: _Entry) -> None:
        bucket = self.weeks.get(entry.start // _WEEK)
        if bucket is not None:
            bucket.discard(entry)

    def between(self, since: int, until: int) -> list[_Entry]:
        found: list[_Entry] = []
        for week in range((since - self.longest) // _WEEK, (until - 1) // _WEEK + 1):
            if week in self.weeks:
                found += self.weeks[week].between(since, until, self.longest)
        return found

    def trim(self, since: int) -> None:
        """Forgets the weeks of which nothing can still run at `since`."""
        for week in [week for week in self.weeks if (week + 1) * _WEEK + self.longest <= since]:
            del self.weeks[week]


class Agenda:
    """The occurrences of many series, by time. What is asked within two years of its beginning is kept once found.

    Asking before or after that is answered too, by expansion: right, but slow with many series.
    """

    def __init__(self, since: datetime, until: datetime) -> None:
        """`since` and `until` are the horizon that is kept from the outset (instants)."""
        self._since, self._until = since, until
        self._series: dict[str, _Series] = {}
        self._short, self._long = _Lane(_SHORT), _Lane(_LONG)

    def __len__(self) -> int:
        return len(self._series)

    def put(
        self, series_id: str, schedule: Schedule, deviations: Sequence[Deviation], *, suspended: bool = False
    ) -> None:
        """The series is now like this. A suspended one takes place at no time."""
        self.remove(series_id)
        if suspended:
            return
        series = self._series[series_id] = _Series(series_id, schedule, tuple(deviations))
        for each in series.occurrences(self._since, self._until):
            self._add(series, each)

    def remove(self, series_id: str) -> None:
        """The series is gone; it need not have been there."""
        series = self._series.pop(series_id, None)
        if series is None:
            return
        series.alive = False
        for entry in series.entries:
            self._lane(entry).discard(entry)

    def between(self, since: datetime, until: datetime) -> list[Row]:
        """What ends after `since` and starts before `until` (instants), cancelled too, in order of (start, id, key)."""
        if until <= since:
            return []
        self._extend(until)
        early = self._expanded(since, min(until, self._since))
        late = self._expanded(max(since, self._until), until)
        kept = [entry.row for entry in self._kept(since, until)]
        return [*early, *kept, *(row for row in late if row[1].start >= self._until)]

    def advance(self, now: datetime) -> None:
        """Time has passed: what ended before this week is forgotten."""
        week = _EPOCH + timedelta(seconds=_seconds(now) // _WEEK * _WEEK)
        if week <= self._since:
            return
        self._extend(week)
        self._since = week
        self._until = max(self._until, week)
        oldest = _seconds(week)
        for lane in (self._short, self._long):
            lane.trim(oldest)
        for series in self._series.values():
            series.entries = [entry for entry in series.entries if entry.start >= oldest - _LONG - _WEEK]

    def _kept(self, since: datetime, until: datetime) -> list[_Entry]:
        """From the horizon; what began before a horizon that is asked beyond is left to `_expanded`."""
        low, high = _seconds(max(since, self._since)), -_seconds(until, -1)
        found = list(merge(self._short.between(low, high), self._long.between(low, high)))
        if since >= self._since:
            return found
        return [entry for entry in found if entry.start >= low]

    def _expanded(self, since: datetime, until: datetime) -> list[Row]:
        if until <= since:
            return []
        rows = [(id_, each) for id_, series in self._series.items() for each in series.occurrences(since, until)]
        return sorted(rows, key=lambda row: (row[1].start, row[0], row[1].key))

    def _extend(self, until: datetime) -> None:
        """Moves the far end of the horizon, in whole steps and not beyond the limit."""
        steps = -((self._until - until) // _STEP)
        target = min(self._until + steps * _STEP, self._since + _LIMIT) if steps > 0 else self._until
        if target <= self._until:
            return
        for series in self._series.values():
            for each in series.occurrences(self._until, target):
                if each.start >= self._until:
                    self._add(series, each)
        self._until = target

    def _add(self, series: _Series, each: Occurrence) -> None:
        entry = _Entry(_seconds(each.start), series.id, each.key, _seconds(each.end), series, (series.id, each))
        series.entries.append(entry)
        self._lane(entry).add(entry)

    def _lane(self, entry: _Entry) -> _Lane:
        return self._short if entry.end - entry.start <= _SHORT else self._long


def _seconds(instant: datetime, sign: int = 1) -> int:
    """Whole seconds since 1970, rounded down; with sign -1: their negative, so that they round up."""
    return (instant - _EPOCH) * sign // _SECOND
