"""What many owners hold, put where readers find it: rules with many dates as lines, other dates one by one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from services.recurrence.asked import Dates
from services.recurrence.course import Course, ruled, singles
from services.recurrence.lines import Line, Lines, Window
from services.recurrence.single_dates import Lot, SingleDates
from services.recurrence.taken import Taken
from services.recurrence.waves import single, waves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Key


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
        """Its rule, of one that has lines."""
        assert self.pattern.schedule is not None  # a line is of a rule
        return Course(self.pattern.schedule, self.pattern)

    def keys(self, start: int, minutes: int) -> Sequence[Key]:
        """Whose dates lie there, of those that no line has."""
        return lots(self.pattern)[minutes][start]


class Holdings:
    """What all hold."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.dates = SingleDates()

    def put(self, held: Held) -> None:
        """Takes in what an owner holds."""
        held.lines = tuple(_lines(held))
        for line in held.lines:
            self.lines.put(line)
        found = lots(held.pattern)
        held.numbers = tuple(self.dates.put(Lot(held, minutes), list(starts)) for minutes, starts in found.items())

    def remove(self, held: Held) -> None:
        """Takes it out."""
        for line in held.lines:
            self.lines.remove(line)
        if held.numbers:
            for number, starts in zip(held.numbers, lots(held.pattern).values(), strict=True):
                self.dates.remove(number, list(starts))

    def taken(self, since: int, until: int) -> Iterator[Taken]:
        """The dates that end after `since` and start before `until`, in no order."""
        for near in self.dates.near((since,), until - since, 0, 0):
            held, minutes = near.lot
            if since - minutes < near.start < until:
                yield from (
                    Taken(held.owner, key, near.start, near.start + minutes) for key in held.keys(near.start, minutes)
                )
        window = Window("UTC", single(since), until - since, 0, 0, since, since + 1)
        for held in {line.held for line in self.lines.near(window)}:
            course = held.course()
            dates = Dates(*course.starting(since - course.minutes + 1, until))
            for place, start in enumerate(dates.starts):
                yield Taken(held.owner, dates.key(place), start, start + course.minutes)


@lru_cache(maxsize=64)
def lots(pattern: Pattern) -> dict[int, dict[int, list[Key]]]:
    """The dates that no rule with many dates gives: by length, and by start."""
    found: dict[int, dict[int, list[Key]]] = {}
    for each in singles(pattern):
        found.setdefault(each.minutes, {}).setdefault(each.start, []).append(each.key)
    return found


def _lines(held: Held) -> Iterator[Line]:
    schedule = held.pattern.schedule
    if schedule is None or schedule.rule is None or not ruled(held.pattern):
        return
    first, last = held.course().bounds()
    for wave in waves(schedule, schedule.rule):
        yield Line(held, wave, first, last, schedule.minutes)
