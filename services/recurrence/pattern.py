"""When something is taken: the dates of a schedule, less some of them, and single slots besides. Pure."""

from __future__ import annotations

import sys
from datetime import date, datetime  # noqa: TC003 - msgspec reads annotations at run time
from functools import lru_cache

import msgspec

from services.recurrence.types import Key, Rule, Schedule


class Slot(msgspec.Struct, frozen=True):
    """A single stretch: `start` is naive, local to the pattern's zone.

    It is in place of the schedule's date of its key. Several slots may share a key (the sessions of one day).
    """

    date: date
    ordinal: int
    start: datetime
    minutes: int

    @property
    def key(self) -> Key:
        """Its identity, or that of the date it belongs to."""
        return Key(self.date, self.ordinal)


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """When something is taken. `zone` is IANA, the schedule's where there is one. `without` and `slots` are sorted.

    A date of the schedule counts unless its key is in `without` or is that of a slot.
    """

    zone: str
    schedule: Schedule | None = None
    without: tuple[Key, ...] = ()
    slots: tuple[Slot, ...] = ()

    def empty(self) -> bool:
        """Whether it is plain that it takes nothing; one whose every date is in `without` may say False."""
        return self.schedule is None and not self.slots


def shared(pattern: Pattern) -> Pattern:
    """The same, with the objects that many patterns have alike taken from one place: for who keeps many of them."""
    zone, schedule = sys.intern(pattern.zone), pattern.schedule
    if schedule is not None:
        rule = None if schedule.rule is None else _shared(schedule.rule)
        schedule = msgspec.structs.replace(schedule, zone=sys.intern(schedule.zone), rule=rule)
    return msgspec.structs.replace(pattern, zone=zone, schedule=schedule)


@lru_cache(maxsize=4_096)
def _shared(rule: Rule) -> Rule:
    """The first one of all that are alike."""
    return rule
