"""Dates that are taken, and what is in their way. Minutes since 1970-01-01 00:00 UTC, buffers not included."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from services.recurrence.types import Key


class Stretch(NamedTuple):
    """One date of a pattern as it is taken."""

    key: Key
    start: int
    end: int


class Taken(NamedTuple):
    """One date of an owner's pattern."""

    owner: str
    key: Key
    start: int
    end: int


class Clash(NamedTuple):
    """A date that was asked for, and what is in its way."""

    key: Key
    start: int
    end: int
    by: Taken
