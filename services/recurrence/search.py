"""The dates of others that are too near to dates that are asked for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, NamedTuple

from services.recurrence.asked import Dates
from services.recurrence.lines import Window, reach
from services.recurrence.taken import Clash, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from services.recurrence.asked import Asked
    from services.recurrence.course import Course
    from services.recurrence.held import Holdings
    from services.recurrence.lines import Line
    from services.recurrence.waves import Reach


class Terms(NamedTuple):
    """Minutes before and after each date asked for; from when on (they end after it) until when; which owners count."""

    before: int
    after: int
    since: int
    until: int
    counts: Callable[[str], bool]


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

    def clashes(self, low: int, high: int) -> Iterator[Clash]:
        """Of what begins from `low` on (the first time: or runs at `low`) and before `high`, in no order."""
        what, terms = self._what, self._terms
        if low == terms.since:
            low -= what.minutes - 1
        if not self._rivals and not self._dates.any(low, high + what.minutes, terms.before, terms.after):
            return
        dates = what.starting(low, high)
        if dates.starts:
            for place, by in self._found(dates):
                start = dates.starts[place]
                yield Clash(dates.key(place), start, start + what.minutes, by)

    def _found(self, dates: Dates) -> Iterator[tuple[int, Taken]]:
        for rival in self._rivals:
            yield from _of_rival(rival, dates)
        for near in self._dates.near(dates.starts, self._what.minutes, self._terms.before, self._terms.after):
            held, minutes = near.lot
            if self._terms.counts(held.owner):
                for key in held.keys(near.start, minutes):
                    yield near.place, Taken(held.owner, key, near.start, near.start + minutes)


def _of_rival(rival: _Rival, dates: Dates) -> Iterator[tuple[int, Taken]]:
    """The dates of a rule that are too near."""
    line, course, apart = rival
    since, until = dates.starts[0] + apart.low + 1, dates.starts[-1] + apart.high
    if line.first >= until or line.last < since:
        return
    others = Dates(*course.starting(since, until))
    for place, other in _pairs(dates.starts, others.starts, apart):
        start = others.starts[other]
        yield place, Taken(line.held.owner, others.key(other), start, start + line.minutes)


def _pairs(ones: Sequence[int], others: Sequence[int], apart: Reach) -> Iterator[tuple[int, int]]:
    """Which of the others begins too near to which of the ones; both are in order. The fewer are gone through."""
    if len(ones) <= len(others):
        for place, one in enumerate(ones):
            first = bisect_right(others, one + apart.low)
            for other in range(first, bisect_left(others, one + apart.high, first)):
                yield place, other
    else:
        for number, other in enumerate(others):
            first = bisect_right(ones, other - apart.high)
            for place in range(first, bisect_left(ones, other - apart.low, first)):
                yield place, number
