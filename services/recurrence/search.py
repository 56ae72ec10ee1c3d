"""The dates of others that are too near to dates that are asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from services.recurrence.asked import key_of, ruled_dates
from services.recurrence.held import lots
from services.recurrence.lines import Window, reach
from services.recurrence.taken import Clash, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.recurrence.asked import Asked, Dates
    from services.recurrence.course import Course
    from services.recurrence.held import Held, Holdings
    from services.recurrence.lines import Line
    from services.recurrence.waves import Reach


class Terms(NamedTuple):
    """Minutes before and after each date asked for; from when on (they end after it) until when; which owners count."""

    before: int
    after: int
    since: int
    until: int
    counts: Callable[[str], bool]


class Found(NamedTuple):
    """A clash in numbers (keys: `asked.number`), so that they sort by time."""

    start: int
    key: int
    by_start: int
    owner: str
    by_key: int
    minutes: int
    by_minutes: int

    def clash(self) -> Clash:
        """The same for people."""
        by = Taken(self.owner, key_of(self.by_key), self.by_start, self.by_start + self.by_minutes)
        return Clash(key_of(self.key), self.start, self.start + self.minutes, by)


class _Rival(NamedTuple):
    """A rule that may be in the way, and how near its dates must not begin."""

    line: Line
    course: Course
    apart: Reach


class Search:
    """Of dates of one length, span by span: those who may be in the way at all are found once."""

    def __init__(self, holdings: Holdings, what: Asked, terms: Terms) -> None:
        self._dates, self._what, self._terms = holdings.dates, what, terms
        found: dict[str, Line] = {}
        since = terms.since - what.minutes + 1
        for wave in what.waves:
            window = Window(what.zone, wave, what.minutes, terms.before, terms.after, since, terms.until)
            found |= {line.held.owner: line for line in holdings.lines.near(window)}
        self._rivals = [
            _Rival(line, line.held.course(), reach(window, line))
            for owner, line in found.items()
            if terms.counts(owner)
        ]

    @property
    def rivals(self) -> int:
        """How many rules may be in the way."""
        return len(self._rivals)

    def in_vain(self) -> bool:
        """Whether it is plain that nothing is in the way."""
        what, terms = self._what, self._terms
        low, high = terms.since - what.minutes + 1, terms.until + what.minutes
        return not self._rivals and not self._dates.any(low, high, terms.before, terms.after)

    def found(self, low: int, high: int) -> Iterator[Found]:
        """Of what begins from `low` on (the first time: or runs at `low`) and before `high`, in no order."""
        what, terms = self._what, self._terms
        if low == terms.since:
            low -= what.minutes - 1
        if not self._rivals and not self._dates.any(low, high + what.minutes, terms.before, terms.after):
            return
        dates = what.starting(low, high)
        if dates.starts:
            for rival in self._rivals:
                yield from _of_rival(dates, what.minutes, rival)
            yield from self._single(dates)

    def _single(self, dates: Dates) -> Iterator[Found]:
        """Those that no rule gives."""
        minutes, terms = self._what.minutes, self._terms
        known: dict[Held, dict[int, dict[int, list[int]]]] = {}
        for place, by_start, (held, length) in self._dates.near(dates.starts, minutes, terms.before, terms.after):
            if held not in known:
                known[held] = lots(held.pattern) if terms.counts(held.owner) else {}
            if known[held]:
                for by_key in known[held][length][by_start]:
                    yield Found(dates.starts[place], dates.keys[place], by_start, held.owner, by_key, minutes, length)


def _of_rival(dates: Dates, minutes: int, rival: _Rival) -> Iterator[Found]:
    """The dates of a rule that are too near; both are in order, and of each the nearest of the other is looked up."""
    starts, keys = dates
    (low, high), length, owner = rival.apart, rival.course.minutes, rival.line.held.owner
    since, until = starts[0] + low + 1, starts[-1] + high
    if rival.course.first >= until or rival.course.last < since:
        return
    others, by_keys = ruled_dates(rival.course, since, until)
    if len(starts) <= len(others):
        for start, key in zip(starts, keys, strict=True):
            first = bisect_right(others, start + low)
            for by in range(first, bisect_left(others, start + high, first)):
                yield Found(start, key, others[by], owner, by_keys[by], minutes, length)
    else:
        for other, by_key in zip(others, by_keys, strict=True):
            first = bisect_right(starts, other - high)
            for one in range(first, bisect_left(starts, other - low, first)):
                yield Found(starts[one], keys[one], other, owner, by_key, minutes, length)
