"""When the items of an agenda begin on a date that was moved. Pure; times are naive and local."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, time

    from services.recurrence.types import Schedule


def usually(day: date, schedule: Schedule) -> datetime:
    """When a date of that day would begin at the hour of the series, which the agenda is written for."""
    return datetime.combine(day, schedule.start.time())


def moved_by(usual: datetime, start: datetime, longer: int) -> timedelta:
    """How far the agenda of a date goes along that begins at `start` instead of `usual`.

    It keeps its places in the whole: a workshop that begins an hour later has its lunch an hour later. What begins
    later (or earlier) and ends as usual, being so many minutes `longer`, or shorter, keeps its times.
    """
    same_end = start + timedelta(minutes=longer) == usual
    return timedelta(0) if same_end else start - usual


def begins(usual: datetime, day: int, at: time, moved: timedelta) -> datetime:
    """The start of an item: on which day, from 1, and at what time, on a date that was moved so far."""
    return datetime.combine(usual.date() + timedelta(days=day - 1), at) + moved
