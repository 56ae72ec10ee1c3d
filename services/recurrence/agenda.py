"""What takes place when, over many series: a sorted list per week, made when somebody asks for that week.

To put a series in costs next to nothing, however often it recurs. The first reader of a week pays for expanding every
series over it, or has that done before in slices (`warm`); from then on a change costs its own expansion, and reading
is a bisect. Of the weeks that were read, those not asked for longest are forgotten when there are too many.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.schedule import MAX_MINUTES, occurrences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.recurrence.types import Deviation, Key, Occurrence, Schedule

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEEK: Final = timedelta(days=7)
_SHORT: Final = timedelta(days=1)
_LONG: Final = timedelta(minutes=MAX_MINUTES)
_SLACK: Final = 64
_FEW: Final = 64  # as many are put in their places one by one; for more the week is sorted anew
_LEAST_WEEKS: Final = 8
_MOST_KEPT: Final = 100_000

Row = tuple[str, "Occurrence"]


class _Series:
    """One series as it was put; a newer one of its id, or its removal, makes it dead. No other has its `number`."""

    __slots__ = ("alive", "deviations", "id", "number", "schedule")

    def __init__(self, number: int, id: str, schedule: Schedule, deviations: tuple[Deviation, ...]) -> None:  # noqa: A002 - the field is named id everywhere
        self.number = number
        self.id = id
        self.schedule = schedule
        self.deviations = deviations
        self.alive = True

    @property
    def longest(self) -> timedelta:
        """No occurrence lasts longer."""
        minutes = [each.minutes for each in self.deviations if each.minutes is not None]
        return timedelta(minutes=max([self.schedule.minutes, *minutes]))

    def starting(self, since: datetime, until: datetime) -> list[_Entry]:
        """The entries of what starts in this time."""
        found = occurrences(self.schedule, self.deviations, since, until)
        return [_Entry(each.start, self.id, each.key, self.number, self, each) for each in found if each.start >= since]


class _Entry(NamedTuple):
    """A row in sorting order: no two agree in start, id, key and number."""

    start: datetime
    id: str
    key: Key
    number: int
    series: _Series
    occurrence: Occurrence


class _Week:
    """What starts in one week. `waiting` are the series that were not yet expanded over it."""

    __slots__ = ("entries", "since", "until", "waiting")

    def __init__(self, number: int, series: dict[str, _Series]) -> None:
        self.since = _EPOCH + number * _WEEK
        self.until = self.since + _WEEK
        self.waiting = dict(series)
        self.entries: list[_Entry] = []

    def settle(self, most: int | None = None) -> int:
        """Expands what waits, or so many of it; says how many."""
        if not self.waiting:
            return 0
        taken = [self.waiting.pop(id_) for id_ in list(islice(self.waiting, most))]
        new = [entry for series in taken for entry in series.starting(self.since, self.until)]
        if len(new) <= _FEW:
            for entry in new:
                insort(self.entries, entry)
        else:
            self.entries += new
            self.entries.sort()
        return len(taken)

    def clean(self) -> None:
        """Takes out what is dead."""
        self.entries = [entry for entry in self.entries if entry.series.alive]

    def between(self, since: datetime, until: datetime) -> list[_Entry]:
        """What starts from `since` on and before `until`, in order."""
        self.settle()
        begin, end = bisect_left(self.entries, (since,)), bisect_left(self.entries, (until,))
        return [entry for entry in self.entries[begin:end] if entry.series.alive]


class _Lane:
    """The series of which no occurrence lasts longer than `longest`: how far back a reader has to look."""

    def __init__(self, longest: timedelta) -> None:
        self.longest = longest
        self.series: dict[str, _Series] = {}
        self.weeks: dict[int, _Week] = {}  # those read last stand last
        self._dead = 0

    def put(self, series: _Series) -> None:
        self.series[series.id] = series
        for week in self.weeks.values():
            week.waiting[series.id] = series

    def remove(self, id: str) -> None:  # noqa: A002 - the same
        series = self.series.pop(id, None)
        if series is None:
            return
        series.alive = False
        self._dead += 1
        for week in self.weeks.values():
            week.waiting.pop(id, None)
        if self._dead > _SLACK + len(self.series) // 2:
            self._dead = 0
            for week in self.weeks.values():
                week.clean()

    def between(self, since: datetime, until: datetime) -> Iterable[_Entry]:
        """Those that end after `since` and start before `until`, in order."""
        if not self.series:
            return []
        running, found = list[_Entry](), list[_Entry]()
        for week in self._asked(since, until):
            running += [e for e in week.between(since - self.longest, since) if e.occurrence.end > since]
            found += week.between(since, until)
        self._forget()
        return chain(running, found)

    def warm(self, since: datetime, until: datetime, most: int) -> int:
        """Expands up to so many of those that a reader of this time would wait for; says how many."""
        done = 0
        for week in self._asked(since, until) if self.series else ():
            if done >= most:
                break
            done += week.settle(most - done)
        return done

    def trim(self, since: datetime) -> None:
        """Forgets the weeks of which nothing can still run at `since`."""
        for number in [number for number, week in self.weeks.items() if week.until + self.longest <= since]:
            del self.weeks[number]

    def _asked(self, since: datetime, until: datetime) -> list[_Week]:
        """The weeks that a reader of this time looks at, moved to the end of those that are kept."""
        asked = list[_Week]()
        for number in range((since - self.longest - _EPOCH) // _WEEK, -((_EPOCH - until) // _WEEK)):
            week = self.weeks.pop(number) if number in self.weeks else _Week(number, self.series)
            self.weeks[number] = week
            asked.append(week)
        return asked

    def _forget(self) -> None:
        kept = sum(len(week.entries) for week in self.weeks.values())
        while kept > _MOST_KEPT and len(self.weeks) > _LEAST_WEEKS:
            oldest = self.weeks.pop(next(iter(self.weeks)))
            kept -= len(oldest.entries)


class Agenda:
    """The occurrences of many series, by time; any time may be asked for."""

    def __init__(self) -> None:
        self._short, self._long = _Lane(_SHORT), _Lane(_LONG)
        self._number = 0

    def __len__(self) -> int:
        return len(self._short.series) + len(self._long.series)

    def put(
        self, series_id: str, schedule: Schedule, deviations: Sequence[Deviation], *, suspended: bool = False
    ) -> None:
        """The series is now like this. A suspended one takes place at no time."""
        self.remove(series_id)
        if suspended:
            return
        self._number += 1
        series = _Series(self._number, series_id, schedule, tuple(deviations))
        (self._short if series.longest <= _SHORT else self._long).put(series)

    def remove(self, series_id: str) -> None:
        """The series is gone; it need not have been there."""
        self._short.remove(series_id)
        self._long.remove(series_id)

    def between(self, since: datetime, until: datetime) -> list[Row]:
        """What ends after `since` and starts before `until` (instants), cancelled too, in order of (start, id, key)."""
        if until <= since:
            return []
        found = merge(self._short.between(since, until), self._long.between(since, until))
        return [(entry.id, entry.occurrence) for entry in found]

    def warm(self, since: datetime, until: datetime, most: int) -> Iterator[None]:
        """Does what `between` would have to do before it can answer, `most` series at a time; yields in between.

        Meanwhile series may be put and removed.
        """
        while True:
            done = self._short.warm(since, until, most)
            done += self._long.warm(since, until, most - done)
            if done < most:
                return
            yield

    def advance(self, now: datetime) -> None:
        """Time has passed: what ended before this week is forgotten."""
        week = _EPOCH + (now - _EPOCH) // _WEEK * _WEEK
        self._short.trim(week)
        self._long.trim(week)
