"""A pattern that is compared with many others: taken apart once."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from services.recurrence.course import Course, ruled, singles
from services.recurrence.types import Key
from services.recurrence.waves import single, waves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.recurrence.course import Single
    from services.recurrence.pattern import Pattern
    from services.recurrence.waves import Wave


class Dates(NamedTuple):
    """When some begin (minutes UTC), in order, and the keys of them: that of a rule's date is its day (ordinal)."""

    starts: Sequence[int]
    keys: Sequence[int | Key]

    def key(self, place: int) -> Key:
        """Whose date that is."""
        found = self.keys[place]
        return Key(date.fromordinal(found)) if isinstance(found, int) else found


class Asked:
    """Dates of a pattern that are of one length: those of its rule, or a single one. Never changed."""

    __slots__ = ("_course", "_single", "minutes", "waves", "zone")

    def __init__(self, zone: str, what: Course | Single, found: tuple[Wave, ...]) -> None:
        self.zone, self.minutes, self.waves = zone, what.minutes, found
        self._course = what if isinstance(what, Course) else None
        self._single = None if isinstance(what, Course) else what

    def starting(self, since: int, until: int) -> Dates:
        """Those that begin from `since` on and before `until`."""
        if self._single is not None:
            one = self._single
            return Dates((one.start,), (one.key,)) if since <= one.start < until else _NONE
        return _starting(self, since, until)

    def starting_anew(self, since: int, until: int) -> Dates:
        """The same, of a rule."""
        assert self._course is not None  # a single date has been answered for
        return Dates(*self._course.starting(since, until))


_NONE = Dates((), ())


@lru_cache(maxsize=64)
def asked(pattern: Pattern) -> tuple[Asked, ...]:
    """All dates of a pattern."""
    found = [Asked(pattern.zone, each, (single(each.wall),)) for each in singles(pattern)]
    schedule = pattern.schedule
    if schedule is not None and schedule.rule is not None and ruled(pattern):
        progressions = tuple(waves(schedule, schedule.rule))
        found.append(Asked(schedule.zone, Course(schedule, pattern), progressions))
    return tuple(found)


@lru_cache(maxsize=16)
def _starting(what: Asked, since: int, until: int) -> Dates:
    """Kept for whoever asks the same of many rooms; some are long, so a few."""
    return what.starting_anew(since, until)
