"""A pattern that is compared with many others: taken apart once."""

from __future__ import annotations

from bisect import bisect_left
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.course import Course, course, singles
from services.recurrence.types import Key
from services.recurrence.waves import single, waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.recurrence.course import Single
    from services.recurrence.pattern import Pattern
    from services.recurrence.waves import Wave

_ORDINAL: Final = 16


class Dates(NamedTuple):
    """When some begin (minutes UTC), in order, and which they are: keys as numbers, which sort as the keys do."""

    starts: Sequence[int]
    keys: Sequence[int]


def number(key: Key) -> int:
    """A key as a number."""
    return key.date.toordinal() << _ORDINAL | key.ordinal


def key_of(found: int) -> Key:
    """The key of a number."""
    return Key(date.fromordinal(found >> _ORDINAL), found & (1 << _ORDINAL) - 1)


def ruled_dates(rule: Course, since: int, until: int) -> Dates:
    """Those of a rule that begin from `since` on and before `until`."""
    starts, days = rule.starting(since, until)
    return Dates(starts, [day << _ORDINAL for day in days])


class Asked:
    """Dates of a pattern that are of one length: those of its rule, or some single ones. Never changed."""

    __slots__ = ("_what", "minutes", "waves", "zone")

    def __init__(self, zone: str, what: Course | Dates, minutes: int, found: tuple[Wave, ...]) -> None:
        self.zone, self.minutes, self.waves, self._what = zone, minutes, found, what

    @property
    def last(self) -> int:
        """None begins after it."""
        return self._what.last if isinstance(self._what, Course) else self._what.starts[-1]

    def starting(self, since: int, until: int) -> Dates:
        """Those that begin from `since` on and before `until`."""
        if isinstance(self._what, Course):
            return _ruled(self._what, since, until)
        starts, keys = self._what
        begin, end = bisect_left(starts, since), bisect_left(starts, until)
        return Dates(starts[begin:end], keys[begin:end])


@lru_cache(maxsize=64)
def asked(pattern: Pattern) -> tuple[Asked, ...]:
    """All dates of a pattern."""
    found = list[Asked]()
    by_length: dict[int, list[Single]] = {}
    for each in singles(pattern):
        by_length.setdefault(each.minutes, []).append(each)
    for minutes, same in by_length.items():
        dates = sorted((each.start, number(each.key)) for each in same)
        listed = Dates([start for start, _ in dates], [key for _, key in dates])
        found.append(Asked(pattern.zone, listed, minutes, tuple(single(each.wall) for each in same)))
    rule = course(pattern)
    if rule is not None and pattern.schedule is not None:
        found.append(Asked(pattern.schedule.zone, rule, rule.minutes, tuple(waves(pattern.schedule))))
    return tuple(found)


@lru_cache(maxsize=16)
def _ruled(rule: Course, since: int, until: int) -> Dates:
    """Kept for whoever asks the same of many rooms; few, since some are long."""
    return ruled_dates(rule, since, until)
