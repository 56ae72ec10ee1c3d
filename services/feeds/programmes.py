"""What is special in some weeks: on which dates, over a whole rule, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.feeds.text import clean, line
from services.recurrence.types import Frequency
from services.recurrence.weeks import LAST, falls_on
from services.recurrence.wire import to_weeks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from openchair.meetings.v1 import meeting_pb2
    from openchair.meetings.v1.schedule_pb2 import Programme

    from services.recurrence.types import Rule, Weeks

_FROM_THE_FRONT = {4: ((4, False), (4, True)), 5: ((5, True),)}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NTH = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 5: "5th", LAST: "last"}
_WHO = {1: "everybody may come", 2: "for members only", 3: "by referral or appointment"}


class Special(NamedTuple):
    """A programme with the weeks it is about."""

    weeks: Weeks
    message: Programme


def specials_of(meeting: meeting_pb2.Meeting) -> tuple[Special, ...]:
    """A meeting's programmes. Raises RecurrenceError for weeks that cannot be."""
    return tuple(Special(to_weeks(each), each) for each in meeting.programmes)


def on(specials: Iterable[Special], day: date) -> tuple[Programme, ...]:
    """What is special on a date, by its original day."""
    return tuple(each.message for each in specials if falls_on(each.weeks, day))


def always(specials: tuple[Special, ...], rule: Rule, start: date) -> tuple[Programme, ...] | None:
    """What is special on each date of a rule alike; None where it differs from one to another."""
    if not specials:
        return ()
    if rule.frequency is Frequency.WEEKLY and len(rule.by_day) < 2:  # noqa: PLR2004 - one day a week
        steady = all(each.weeks.rotation and rule.interval % each.weeks.rotation == 0 for each in specials)
        return on(specials, start) if steady else None
    if any(each.weeks.rotation for each in specials) or rule.frequency is not Frequency.MONTHLY:
        return None
    if len(rule.by_day) != 1 or not rule.by_day[0].nth:
        return None
    found = [
        tuple(each.message for each in specials if _covers(each.weeks, *where)) for where in _places(rule.by_day[0].nth)
    ]
    return found[0] if all(each == found[0] for each in found) else None


def _places(nth: int) -> tuple[tuple[int, bool], ...]:
    """Which weeks of a month the nth of a weekday can be, and whether it then is the last of them."""
    if nth > 0:
        return _FROM_THE_FRONT.get(nth, ((nth, False),))
    return tuple((week, nth == LAST) for week in (nth + 5, nth + 6) if week)


def _covers(weeks: Weeks, week: int, last: bool) -> bool:
    return week in weeks.weeks or (last and LAST in weeks.weeks)


def titles(programmes: Iterable[Programme]) -> str:
    """What stands in brackets after the title: "Speaker, Birthdays"."""
    return ", ".join(dict.fromkeys(text for text in (line(each.title) for each in programmes) if text))


def in_words(specials: Iterable[Special], weekday: int | None) -> Iterator[str]:
    """A line for each: "3rd Thursday of the month: Speaker". `weekday` where the series has only that one."""
    for each in specials:
        said = line(each.message.title) or "Special"
        who = _WHO.get(each.message.who_may_come, "")
        more = "; ".join(text for text in (who, line(clean(each.message.notes))) if text)
        yield f"{_when(each.weeks, weekday)}: {said}" + (f" ({more})" if more else "")


def _when(weeks: Weeks, weekday: int | None) -> str:
    if weeks.rotation and weeks.anchor is not None:
        return f"Every {_ordinal(weeks.rotation)} week (turn {weeks.turn} since {weeks.anchor})"
    front = sorted(week for week in weeks.weeks if week != LAST)
    names = [_NTH[week] for week in [*front, *([LAST] if LAST in weeks.weeks else [])]]
    said = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{said[:1].upper()}{said[1:]} {_DAYS[weekday] if weekday is not None else 'week'} of the month"


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")  # noqa: PLR2004 - 11th, 12th, 13th
    return f"{number}{ending}"
