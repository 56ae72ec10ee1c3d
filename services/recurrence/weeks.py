"""Weeks of the month and turns of a rotation: which dates a programme is about."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.recurrence.types import RecurrenceError

if TYPE_CHECKING:
    from datetime import date

    from services.recurrence.types import Weeks

LAST: Final = -1
MOST: Final = 5
LONGEST_ROTATION: Final = 52

_WEEK: Final = timedelta(days=7)


def week_of_month(day: date) -> int:
    """Which of its weekday in its month a date is: the 15th is always a third."""
    return (day.day - 1) // 7 + 1


def is_last(day: date) -> bool:
    """Whether no later date of its month has its weekday."""
    return (day + _WEEK).month != day.month


def falls_on(weeks: Weeks, day: date) -> bool:
    """Whether a local date is one of these weeks."""
    if weeks.rotation and weeks.anchor is not None:
        since = weeks.anchor - timedelta(days=weeks.anchor.weekday())
        return (day - since).days // 7 % weeks.rotation == weeks.turn - 1
    return week_of_month(day) in weeks.weeks or (LAST in weeks.weeks and is_last(day))


def check(weeks: Weeks) -> None:
    """Refuses what cannot be.

    Raises:
        RecurrenceError: "weeks", "rotation", "turn" or "anchor".
    """
    if bool(weeks.weeks) == bool(weeks.rotation):
        raise RecurrenceError("weeks", "either weeks of the month or a rotation must be given")
    if any(week != LAST and not 1 <= week <= MOST for week in weeks.weeks) or len(set(weeks.weeks)) < len(weeks.weeks):
        raise RecurrenceError("weeks", "must be different ones of 1 to 5, and -1 for the last")
    if weeks.rotation:
        _check_rotation(weeks)
    elif weeks.turn or weeks.anchor is not None:
        raise RecurrenceError("turn", "turn and anchor go with a rotation")


def _check_rotation(weeks: Weeks) -> None:
    if not 2 <= weeks.rotation <= LONGEST_ROTATION:  # noqa: PLR2004 - of one week would be every week
        raise RecurrenceError("rotation", f"must be from 2 to {LONGEST_ROTATION} weeks")
    if not 1 <= weeks.turn <= weeks.rotation:
        raise RecurrenceError("turn", f"must be from 1 to {weeks.rotation}, the length of the rotation")
    if weeks.anchor is None:
        raise RecurrenceError("anchor", 'must be a date in a week of turn 1, such as "2026-11-24"')
