"""When the items of an agenda begin on a date that was moved. Pure; times are naive and local."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import date, time

    from services.recurrence.types import Schedule


def titles_left(rooms: Sequence[str], titles: Sequence[str], without: Container[str]) -> list[str]:
    """Titles of an item's rooms but for those that its date is without; none, where it is not known which is which."""
    if not any(room in without for room in rooms):
        return list(titles)
    known = len(rooms) == len(titles)
    return [title for room, title in zip(rooms, titles, strict=False) if known and room not in without]


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
