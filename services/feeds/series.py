"""The series of VEVENTs that a meeting is shown as: one, or one for each token of a rule that Outlook cannot read.

"2nd and 4th Tuesday" in one rule is skipped by Outlook. Such a rule is shown as one series per BYDAY or BYMONTHDAY
token; each starts on its own first date, COUNT becomes UNTIL, and what deviates goes to the series that generates its
date. Extra dates go to the one that begins first.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from services.feeds.uid import token
from services.recurrence import days
from services.recurrence.schedule import added, any_left, has, last_end, recurrence_id
from services.recurrence.types import Frequency, Key
from services.recurrence.wire import to_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openchair.meetings.v1 import meeting_pb2

    from services.recurrence.types import Rule, Schedule


class Date(NamedTuple):
    """One date that stands for itself. Times are naive and local; `original` is its RECURRENCE-ID."""

    original: datetime
    start: datetime
    minutes: int
    change: meeting_pb2.OccurrenceChange | None


class Series(NamedTuple):
    """A master with its dates. Times are naive and local. `last_end` None: it goes on for ever.

    `extra` are the RDATEs, `cancelled` the EXDATEs, `changed` the overrides. `single` is the date of a one-off, or the
    only one left of some: with nothing that recurs beside it, `ical` would show it and its override.
    """

    meeting: str
    token: str
    schedule: Schedule
    extra: tuple[datetime, ...]
    cancelled: tuple[datetime, ...]
    changed: tuple[Date, ...]
    single: Date | None
    any_left: bool
    last_end: datetime | None


def series_of(meeting: meeting_pb2.Meeting, schedule: Schedule) -> list[Series]:
    """The series that a meeting is shown as, the one that begins first coming first."""
    id = meeting.name.rpartition("/")[2]  # noqa: A001 - the word for it
    changes = {to_deviation(change).key: change for change in meeting.changes}
    found = []
    for name, part in _parts(schedule):
        own = {key: change for key, change in changes.items() if has(part, key)}
        changes = {key: change for key, change in changes.items() if key not in own}
        found.append(_series(id, name, part, own))
    return found


def _series(meeting: str, name: str, schedule: Schedule, changes: dict[Key, meeting_pb2.OccurrenceChange]) -> Series:
    deviations = [to_deviation(change) for change in changes.values()]
    gone = {key for key, change in changes.items() if change.cancelled}
    left = any_left(schedule, deviations)
    dates = [_date(schedule, key, change) for key, change in sorted(changes.items(), key=lambda pair: pair[0])]
    extra = {each.key for each in added(schedule)}
    listed = extra - gone if left else extra
    single = Key(schedule.start.date()) if schedule.rule is None and not listed else None
    return Series(
        meeting,
        name,
        schedule,
        extra=tuple(_listed(schedule, listed)),
        cancelled=tuple(sorted(recurrence_id(schedule, key) for key in gone - extra)),
        changed=tuple(date for date in dates if date.change is not None and not date.change.cancelled),
        single=_date(schedule, single, changes.get(single)) if single else None,
        any_left=left,
        last_end=last_end(schedule, deviations),
    )


def _listed(schedule: Schedule, extra: set[Key]) -> Iterator[datetime]:
    """The RDATEs. Beside no RRULE they name DTSTART too: ical.js and `ical` would leave it out."""
    if extra and schedule.rule is None:
        yield schedule.start
    yield from sorted(recurrence_id(schedule, key) for key in extra)


def _date(schedule: Schedule, key: Key, change: meeting_pb2.OccurrenceChange | None) -> Date:
    original = recurrence_id(schedule, key)
    if change is None:
        return Date(original, original, schedule.minutes, None)
    deviation = to_deviation(change)
    return Date(original, deviation.start or original, deviation.minutes or schedule.minutes, change)


def _parts(schedule: Schedule) -> list[tuple[str, Schedule]]:
    """The schedule itself, or one for each token of its rule that has any date."""
    rule = schedule.rule
    if rule is None or not _is_split(rule):
        return [("", schedule)]
    last = days.last_day(schedule.start.date(), rule)
    alone = [replace(rule, by_day=(each,), count=None, until=last) for each in rule.by_day]
    alone += [replace(rule, by_month_day=(each,), count=None, until=last) for each in rule.by_month_day]
    parts = [(token(one), part) for one in alone if (part := _part(schedule, one)) is not None]
    parts.sort(key=lambda pair: pair[1].start)
    name, first = parts[0]
    return [(name, replace(first, extra=added(schedule))), *parts[1:]]


def _part(schedule: Schedule, rule: Rule) -> Schedule | None:
    day = schedule.start.date()
    first = next(days.expand(day, rule, day, days.LAST_DAY), None)
    if first is None:
        return None
    return replace(schedule, start=datetime.combine(first, schedule.start.time()), rule=rule, extra=())


def _is_split(rule: Rule) -> bool:
    """Monthly by several tokens. Days from both ends of a month can be the same date (31 and -1): these stay whole."""
    if rule.frequency is not Frequency.MONTHLY:
        return False
    return len(rule.by_day) > 1 or (len(rule.by_month_day) > 1 and not _both_ends(rule.by_month_day))


def _both_ends(month_days: Sequence[int]) -> bool:
    return min(month_days) < 0 < max(month_days)
