"""Midnight, in tests of a whole system: its clock is that of the machine, so a day may end while a test looks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from services.recurrence.zones import local_day
from tests.system.acts import ZONE
from tests.system.running import until

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def today(zone: str, seconds: int = 0) -> date:
    """The date it is there so many seconds from now."""
    return local_day(datetime.now(UTC) + timedelta(seconds=seconds), zone)


def every_week(hour: str, weeks: int = 0) -> str:
    """When a series starts that is held again tomorrow in Edmonton, as local text; so many weeks ago.

    A page has the seven days from today on, so what was held today already, once a week, is not on it until midnight.
    """
    return f"{today(ZONE) + timedelta(days=1 - 7 * weeks)}T{hour}"


def not_over(zone: str, seconds: int) -> None:
    """Comes back when the day lasts so many seconds more there: at once, but for the last ones before midnight."""
    until(lambda: today(zone) == today(zone, seconds), "midnight has passed", seconds * 2)


def on_one_day(zone: str, look: Callable[[date], T]) -> T:
    """What is seen by a look, given the date it is there; again where midnight came meanwhile."""
    day = today(zone)
    while True:
        found = look(day)
        before, day = day, today(zone)
        if day == before:
            return found
