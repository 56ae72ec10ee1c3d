"""How edits of a series compose with what was recorded about single dates: the table of the design's section 6."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar

import msgspec

from services.recurrence import days
from services.recurrence.schedule import check, dates, first_key, has, last_key
from services.recurrence.types import Deviation, ExtraDate, Frequency, Key, RecurrenceError, Rule, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

D = TypeVar("D", bound=Deviation)
Orphans = Literal["keep", "drop"]

_WEEK: Final = timedelta(days=6)
_SEARCH_DAYS: Final = 400


class Part(NamedTuple, Generic[D]):
    """One of the two series that a split makes."""

    schedule: Schedule
    deviations: tuple[D, ...]


class Orphaned(ValueError):  # noqa: N818 - a question to the caller, not a fault
    """An edit takes away the dates of exceptions that moved or changed them: keep them or drop them?"""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        super().__init__(f"{len(keys)} changed dates would be gone: say whether to keep or to drop them")
        self.keys = keys


def same_days(old: Schedule, new: Schedule) -> bool:
    """Whether an edit leaves the days alone and changes the hour, the length or the zone at most."""
    extra_then, extra_now = ({extra.key for extra in each.extra} for each in (old, new))
    return (old.rule, old.start.date(), extra_then) == (new.rule, new.start.date(), extra_now)


def split(schedule: Schedule, deviations: Sequence[D], key: Key) -> tuple[Part[D], Part[D]] | None:
    """What "this and following" makes: the part before the date of `key`, and the part from it on.

    Dates of one day stay together. None: it is the first day, so the whole series is meant. An extra date may come to
    lie before the start of the second part, when the rule only goes on later.

    Raises:
        RecurrenceError: "occurrence": not a date of the series, or one with which no series can begin.
    """
    if not has(schedule, key):
        raise RecurrenceError("occurrence", f"{key.date} is not a date of the series")
    if key.date <= first_key(schedule).date:
        return None
    earlier = tuple(each for each in deviations if each.date < key.date)
    later = tuple(each for each in deviations if each.date >= key.date)
    return Part(_before(schedule, key.date), earlier), Part(_after(schedule, key.date), later)


def reschedule(
    old: Schedule, new: Schedule, deviations: Sequence[D], orphans: Orphans | None
) -> tuple[Schedule, tuple[D, ...]]:
    """The series with new days, and what stays of its exceptions.

    On a date that still exists they stay; cancellations of dates that are gone are dropped; others follow `orphans`.
    A date that is kept becomes an extra date: the exception keeps what it says, and the rest follows the new series.

    Raises:
        Orphaned: `orphans` is None, and there are some.
        RecurrenceError: the new schedule cannot be.
    """
    check(new)
    orphaned = {each.key for each in deviations if not each.cancelled and not has(new, each.key)}
    if orphaned and orphans is None:
        raise Orphaned(tuple(sorted(orphaned)))
    if orphaned and orphans == "keep":
        own = {extra.key: extra.time for extra in old.extra}
        kept = tuple(ExtraDate(key.date, key.ordinal, own.get(key)) for key in orphaned)
        new = msgspec.structs.replace(new, extra=tuple(sorted((*new.extra, *kept), key=lambda extra: extra.key)))
        check(new)
    return new, tuple(each for each in deviations if has(new, each.key))


def derive_start(
    old: Schedule, rule: Rule | None, from_key: Key | None = None, not_before: date | None = None
) -> datetime:
    """The start when a caller changes the rule and names none (naive, local); the hour stays.

    Counted from `from_key`, or the old start: that date itself if the rule names it, else the first date that the rule
    names in the same week (month, for monthly rules), from `not_before` on; none there: the next one.

    Raises:
        RecurrenceError: "rule": it names no date at all.
    """
    anchor = from_key.date if from_key else old.start.date()
    earliest = not_before or date.min
    first = anchor
    if rule is not None and not (anchor >= earliest and days.names(rule, anchor, anchor)):
        low = max(_period((rule,), anchor)[0], earliest)
        nearby = (low + timedelta(days=n) for n in range(_SEARCH_DAYS))
        found = next((day for day in nearby if days.names(rule, anchor, day)), None)
        if found is None:
            raise RecurrenceError("rule", "names no date")
        first = found
    return datetime.combine(first, old.start.time())


def map_date(old: Schedule, new: Schedule, key: Key) -> Key | None:
    """Where a date goes when the days change: None, nowhere.

    A date that still exists stays. Of the others the nth that is gone goes to the nth that is new in the same week
    (by WKST; the same month for monthly rules; one-off to one-off: wherever it went).
    """
    if has(new, key):
        return key
    low, high = date.min, days.LAST_DAY
    if old.rule is not None or new.rule is not None:
        low, high = _period((new.rule, old.rule), key.date)
    gone = [each for each in dates(old, low, high) if not has(new, each)]
    fresh = [each for each in dates(new, low, high) if not has(old, each)]
    moved = dict(zip(gone, fresh, strict=False))
    return moved.get(key)


def between_parts(previous_last: Key | None, schedule: Schedule, next_first: Key | None) -> None:
    """Refuses a part whose days do not lie after the part before it and before the next one. None: there is none.

    Raises:
        RecurrenceError: "schedule".
    """
    first, last = first_key(schedule), last_key(schedule)
    if previous_last is not None and first.date <= previous_last.date:
        reason = f"{first.date} does not lie after {previous_last.date}, the last date of the part before"
        raise RecurrenceError("schedule", reason)
    if next_first is not None and (last is None or last.date >= next_first.date):
        reason = f"does not end before {next_first.date}, the first date of the next part"
        raise RecurrenceError("schedule", reason)


def _period(rules: Sequence[Rule | None], day: date) -> tuple[date, date]:
    """The month of a day if one of the rules is monthly, else its week (by the first rule's WKST)."""
    given = [rule for rule in rules if rule is not None]
    if any(rule.frequency is Frequency.MONTHLY for rule in given):
        return days.month_of(day)
    first = days.week_of(day, given[0].week_start if given else 0)
    return first, first + _WEEK


def _before(schedule: Schedule, day: date) -> Schedule:
    """The same series without what lies on or after a day."""
    start, rule = schedule.start.date(), schedule.rule
    extra = tuple(each for each in schedule.extra if each.date < day)
    if start >= day:
        return _from_extra(schedule, extra)
    if rule is not None and days.bound(start, rule) >= day:
        last = next(days.backwards(start, rule, day - timedelta(days=1)))
        rule = msgspec.structs.replace(rule, until=last, count=None)
    return msgspec.structs.replace(schedule, rule=rule, extra=extra)


def _after(schedule: Schedule, day: date) -> Schedule:
    """The same series without what lies before a day."""
    start, rule = schedule.start.date(), schedule.rule
    extra = tuple(each for each in schedule.extra if each.date >= day)
    first = next(days.expand(start, rule, max(day, start), days.LAST_DAY), None)
    if first is None:
        return _from_extra(schedule, extra)
    if rule is not None and rule.count is not None:
        rule = msgspec.structs.replace(rule, count=rule.count - days.count_before(start, rule, first))
    begin = datetime.combine(first, schedule.start.time())
    return msgspec.structs.replace(schedule, start=begin, rule=rule, extra=extra)


def _from_extra(schedule: Schedule, extra: tuple[ExtraDate, ...]) -> Schedule:
    """A series of nothing but extra dates: the first one is its start, and the others keep their hours."""
    hour = schedule.start.time()
    first = min((each for each in extra if each.ordinal == 0), key=lambda each: each.key, default=None)
    if first is None:
        raise RecurrenceError("occurrence", "a series cannot begin with the second occurrence of a day")
    start = datetime.combine(first.date, first.time or hour)
    rest = tuple(ExtraDate(each.date, each.ordinal, each.time or hour) for each in extra if each != first)
    return Schedule(start, schedule.zone, schedule.minutes, None, rest)
