"""What many owners hold, put where readers find it: rules with many dates as lines, other dates one by one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from services.recurrence.asked import key_of, number, ruled_dates
from services.recurrence.course import course, singles
from services.recurrence.lines import Line, Lines, Window
from services.recurrence.single_dates import Lot, SingleDates
from services.recurrence.taken import Taken
from services.recurrence.waves import single, waves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.recurrence.course import Course
    from services.recurrence.pattern import Pattern


class Held:
    """What one owner holds, and how it was put in: its lines, and the numbers of its lots of dates."""

    __slots__ = ("after", "before", "lines", "numbers", "owner", "pattern")

    def __init__(self, owner: str, pattern: Pattern, before: int, after: int) -> None:
        self.owner, self.pattern, self.before, self.after = owner, pattern, before, after
        self.lines: tuple[Line, ...] = ()
        self.numbers: tuple[int, ...] = ()

    @property
    def zone(self) -> str:
        """That of its rule."""
        return self.pattern.zone if self.pattern.schedule is None else self.pattern.schedule.zone

    def course(self) -> Course:
        """The dates of its rule, where it has lines."""
        found = course(self.pattern)
        assert found is not None  # a line is of a rule
        return found


class Holdings:
    """What all hold."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.dates = SingleDates()

    def put(self, held: Held) -> None:
        """Takes in what an owner holds."""
        rule = course(held.pattern)
        held.lines = tuple(_lines(held, rule))
        for line in held.lines:
            self.lines.put(line)
        found = _lots(held.pattern, rule)
        held.numbers = tuple(self.dates.put(Lot(held, minutes), list(starts)) for minutes, starts in found.items())

    def remove(self, held: Held) -> None:
        """Takes it out."""
        for line in held.lines:
            self.lines.remove(line)
        if held.numbers:
            for lot, starts in zip(held.numbers, lots(held.pattern).values(), strict=True):
                self.dates.remove(lot, list(starts))

    def taken(self, since: int, until: int) -> Iterator[Taken]:
        """The dates that end after `since` and start before `until`, in no order."""
        for start, (held, minutes) in self._single(since, until):
            for key in lots(held.pattern)[minutes][start]:
                yield Taken(held.owner, key_of(key), start, start + minutes)
        for held, rule in self._ruled(since, until):
            dates = ruled_dates(rule, since - rule.minutes + 1, until)
            for start, key in zip(*dates, strict=True):
                yield Taken(held.owner, key_of(key), start, start + rule.minutes)

    def times(self, since: int, until: int) -> Iterator[tuple[str, int, Sequence[int]]]:
        """The same without keys: owners, how long, and when those dates start."""
        for start, (held, minutes) in self._single(since, until):
            yield held.owner, minutes, (start,)
        for held, rule in self._ruled(since, until):
            yield held.owner, rule.minutes, rule.starting(since - rule.minutes + 1, until)[0]

    def _single(self, since: int, until: int) -> Iterator[tuple[int, Lot]]:
        for near in self.dates.near((since,), until - since, 0, 0):
            if since - near.lot.minutes < near.start < until:
                yield near.start, near.lot

    def _ruled(self, since: int, until: int) -> Iterator[tuple[Held, Course]]:
        window = Window("UTC", single(since), until - since, 0, 0, since, since + 1)
        for held in {line.held for line in self.lines.near(window)}:
            yield held, held.course()


@lru_cache(maxsize=256)
def lots(pattern: Pattern) -> dict[int, dict[int, list[int]]]:
    """The dates that no rule with many dates gives: by length and start, their keys (`asked.number`)."""
    return _lots(pattern, course(pattern))


def _lots(pattern: Pattern, rule: Course | None) -> dict[int, dict[int, list[int]]]:
    """The same, for who needs them once and has the rule's dates at hand."""
    found: dict[int, dict[int, list[int]]] = {}
    if rule is not None and rule.few:
        of_rule = found[rule.minutes] = {}
        for start, key in zip(*ruled_dates(rule, rule.first, rule.last + 1), strict=True):
            of_rule.setdefault(start, []).append(key)
    for each in singles(pattern):
        found.setdefault(each.minutes, {}).setdefault(each.start, []).append(number(each.key))
    return found


def _lines(held: Held, rule: Course | None) -> Iterator[Line]:
    if rule is not None and not rule.few and held.pattern.schedule is not None:
        for wave in waves(held.pattern.schedule):
            yield Line(held, wave, rule.first, rule.last, rule.minutes)
