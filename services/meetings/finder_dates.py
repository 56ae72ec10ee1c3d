"""The next dates of one meeting, from any moment on. Pure."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.days import expand
from services.recurrence.schedule import last_end, occurrences
from services.recurrence.types import Frequency, Key, Occurrence
from services.recurrence.weeks import falls_on
from services.recurrence.zones import to_local, to_utc, zone

if TYPE_CHECKING:
    from services.meetings.types import Meeting, Programme, WhoMayCome
    from services.recurrence.types import Rule, Schedule

FIRST_SPAN: Final = timedelta(days=8)
WIDER: Final = 6
FARTHEST: Final = timedelta(days=3700)
"""How far ahead is looked in a series without an end, at most."""

_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

ALWAYS: Final = float("inf")
SOME_DATES: Final = 30
EVERY_DAY: Final = frozenset(range(1, 8))


class Next(NamedTuple):
    """Occurrences as of `since`, in order of (start, key); the next ones before `until` too. Both are epoch seconds."""

    since: float
    until: float
    dates: tuple[Occurrence, ...]

    def holds(self, at: float) -> bool:
        """Whether these are the next ones at that moment too."""
        return self.since <= at < self.until


def next_dates(meeting: Meeting, moment: datetime, count: int) -> Next:
    """The next `count` occurrences that are not over; cancelled ones only where there is no other."""
    found = _plain(meeting, moment, count) or _not_over(meeting, moment, count)
    held = [each for each in found if not each.cancelled]
    dates = tuple(held[:count] if held else found[:count])
    until = min((each.end.timestamp() for each in dates), default=moment.timestamp() + FIRST_SPAN.total_seconds())
    return Next(moment.timestamp(), until, dates)


def _plain(meeting: Meeting, moment: datetime, count: int) -> list[Occurrence]:
    """The same where it is weekly and nothing is said about single dates from now on, as of most; else nothing."""
    schedule, rule = meeting.schedule, meeting.schedule.rule
    if rule is None or rule.frequency is not Frequency.WEEKLY or schedule.extra:
        return []
    where, length = zone(schedule.zone), timedelta(minutes=schedule.minutes)
    first = (to_local(moment, where) - length).date() - _DAY
    if any(each.date >= first or (each.start is not None and each.start.date() >= first) for each in meeting.changes):
        return []
    found = list[Occurrence]()
    start = schedule.start.date()
    low = max(first, start)
    for day in expand(start, rule, low, low + (count + 2) * rule.interval * _WEEK):
        local = datetime.combine(day, schedule.start.time())
        begins = to_utc(local, where)
        if begins + length > moment:
            found.append(Occurrence(Key(day), local, begins, begins + length))
            if len(found) == count:
                return found
    return []


def _not_over(meeting: Meeting, moment: datetime, count: int) -> list[Occurrence]:
    """Enough of what ends after the moment, from windows that grow until they hold as many as are wanted."""
    end = last_end(meeting.schedule, meeting.changes) if ends(meeting.schedule) else None
    first = meeting.schedule.start.replace(tzinfo=moment.tzinfo)
    farthest = max(moment, first) + FARTHEST if end is None else end + timedelta(seconds=1)
    span = FIRST_SPAN * count
    while True:
        until = min(moment + span, farthest)
        found = occurrences(meeting.schedule, meeting.changes, moment, until)
        if until == farthest or sum(not each.cancelled for each in found) >= count:
            return found
        span *= WIDER


def ends(schedule: Schedule) -> bool:
    """Whether there is a last date."""
    return schedule.rule is None or schedule.rule.until is not None or schedule.rule.count is not None


def over_at(meeting: Meeting) -> float:
    """From when on it has no date any more, cancelled or not, in epoch seconds."""
    if not ends(meeting.schedule):
        return ALWAYS
    end = last_end(meeting.schedule, meeting.changes)
    return ALWAYS if end is None else end.timestamp()


def weekdays(schedule: Schedule) -> frozenset[int]:
    """ISO weekdays (Monday is 1) of the dates as the rule gives them, extra dates among them; of the first 30."""
    extra = {each.date.isoweekday() for each in schedule.extra}
    start, rule = schedule.start.date(), schedule.rule
    if rule is None:
        return frozenset({start.isoweekday(), *extra})
    stated = _stated(start, rule)
    if stated is None:
        stated = {day.isoweekday() for day in islice(expand(start, rule, start, date.max), SOME_DATES)}
    return frozenset(stated | extra)


def _stated(start: date, rule: Rule) -> set[int] | None:
    """The weekdays that a rule without an end names, or comes to anyway; None: it takes reckoning."""
    if rule.count is not None or rule.until is not None:
        return None
    if rule.by_day:
        return {each.weekday + 1 for each in rule.by_day}
    if rule.frequency is Frequency.WEEKLY:
        return {start.isoweekday()}
    if rule.frequency is Frequency.DAILY:
        return {start.isoweekday()} if rule.interval % len(calendar.day_name) == 0 else set(EVERY_DAY)
    return None


def programmes_on(meeting: Meeting, day: date) -> list[Programme]:
    """What is special on a date: programmes go by its original day."""
    return [each for each in meeting.programmes if falls_on(each.when, day)]


def who_on(meeting: Meeting, day: date) -> WhoMayCome | None:
    """Who may come on that date."""
    said = (each.who_may_come for each in programmes_on(meeting, day) if each.who_may_come)
    return next(said, meeting.who_may_come)
