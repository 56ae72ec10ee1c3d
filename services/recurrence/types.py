"""What a series is, as far as time goes. All values are immutable and plain.

Local times are naive and mean the series' IANA zone; instants are aware and UTC; lengths are minutes.
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time  # noqa: TC003 - msgspec reads annotations at run time
from typing import NamedTuple

import msgspec


class RecurrenceError(ValueError):
    """A rule or schedule that cannot be. `field` is the part at fault ("rule", "start", "zone" ...)."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Frequency(enum.Enum):
    """RFC 5545 section 3.3.10, FREQ: those that meetings use."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"


class ByDay(msgspec.Struct, frozen=True, order=True):
    """A BYDAY token. `weekday` 0 is Monday; `nth` 2 is the second of the month, -1 the last, 0 every one."""

    weekday: int
    nth: int = 0


class Rule(msgspec.Struct, frozen=True):
    """A recurrence rule. `until` is a local date, inclusive. `week_start` 0 is Monday (WKST)."""

    frequency: Frequency
    interval: int = 1
    by_day: tuple[ByDay, ...] = ()
    by_month_day: tuple[int, ...] = ()
    until: date | None = None
    count: int | None = None
    week_start: int = 0


class Key(NamedTuple):
    """Identity of an occurrence inside its lineage: original local date, ordinal on that day; no edit changes it."""

    date: date
    ordinal: int = 0


class ExtraDate(msgspec.Struct, frozen=True):
    """A date besides those of the rule (RDATE). `time` None: the hour of the series."""

    date: date
    ordinal: int = 0
    time: time | None = None

    @property
    def key(self) -> Key:
        """Its identity."""
        return Key(self.date, self.ordinal)


class Weeks(msgspec.Struct, frozen=True):
    """Some weeks: `weeks` of the month by a date's own weekday (1 to 5, -1 the last), or one turn of a rotation.

    A rotation is `rotation` weeks long (2 to 52; 0: none); `anchor` is a date in a week of turn 1. Weeks begin on
    Monday.
    """

    weeks: tuple[int, ...] = ()
    rotation: int = 0
    turn: int = 0
    anchor: date | None = None


class Schedule(msgspec.Struct, frozen=True):
    """When a series takes place. `start` is naive, local to the IANA zone `zone`, and its date is one of the rule's."""

    start: datetime
    zone: str
    minutes: int
    rule: Rule | None = None
    extra: tuple[ExtraDate, ...] = ()


class Deviation(msgspec.Struct, frozen=True, kw_only=True):
    """What differs on one date, as far as time goes; services add what else may differ.

    `start` (naive, local) is where it moved to, None: not moved. A cancelled one keeps its other fields.
    """

    date: date
    ordinal: int = 0
    cancelled: bool = False
    start: datetime | None = None
    minutes: int | None = None

    @property
    def key(self) -> Key:
        """The occurrence it is about."""
        return Key(self.date, self.ordinal)


class Occurrence(msgspec.Struct, frozen=True):
    """One date of a series as it will take place: `local` is naive, `start` and `end` are instants (UTC)."""

    key: Key
    local: datetime
    start: datetime
    end: datetime
    cancelled: bool = False
    deviates: bool = False
