"""Midnight, in tests of a whole system: its clock is that of the machine, so a day may end while a test looks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeVar

from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def today(zone: str) -> date:
    """The date it is there."""
    return local_day(datetime.now(UTC), zone)


def on_one_day(zone: str, look: Callable[[date], T]) -> T:
    """What is seen by a look, given the date it is there; again where midnight came meanwhile."""
    day = today(zone)
    while True:
        found = look(day)
        before, day = day, today(zone)
        if day == before:
            return found
