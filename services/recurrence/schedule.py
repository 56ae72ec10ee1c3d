"""Schedules: whether one can be, which dates it has, and when they take place."""

from __future__ import annotations

import heapq
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from services.recurrence import days
from services.recurrence.rule import check_rule
from services.recurrence.types import Deviation, ExtraDate, Key, Occurrence, RecurrenceError, Schedule
from services.recurrence.zones import to_local, to_utc, zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import time

MAX_MINUTES: Final = 31 * 24 * 60
MAX_EXTRA: Final = 1_000
MAX_ORDINAL: Final = 99
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2200

_DAY: Final = timedelta(days=1)
_EARLIEST: Final = datetime(FIRST_YEAR - 1, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(days.LAST_DAY.year, 1, 1, tzinfo=UTC)


def check(schedule: Schedule) -> None:
    """Refuses what cannot be.

    Raises:
        RecurrenceError: "start", "zone", "minutes", "rule", "extra_dates" or "extra_dates[i].date|ordinal|time".
    """
    start = schedule.start
    if start.tzinfo is not None or start.second or start.microsecond:
        raise RecurrenceError("start", "must be a local time in whole minutes")
    if not FIRST_YEAR <= start.year < LAST_YEAR:
        raise RecurrenceError("start", f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    zone(schedule.zone)
    if not 1 <= schedule.minutes <= MAX_MINUTES:
        raise RecurrenceError("minutes", f"must be from 1 to {MAX_MINUTES} (31 days)")
    _check_start(schedule)
    _check_extra(schedule)


def has(schedule: Schedule, key: Key) -> bool:
    """Whether it is one of the dates, cancelled or not. Costs the same however far away the date is."""
    if key.ordinal == 0 and days.includes(schedule.start.date(), schedule.rule, key.date):
        return True
    return any(extra.date == key.date and extra.ordinal == key.ordinal for extra in schedule.extra)


def dates(schedule: Schedule, since: date = date.min, until: date = days.LAST_DAY) -> Iterator[Key]:
    """The dates from `since` to `until` (local, inclusive), in order of (date, ordinal); maybe without an end."""
    start = schedule.start.date()
    ruled = (Key(day) for day in days.expand(start, schedule.rule, max(since, start), until))
    extra = sorted(each.key for each in schedule.extra if since <= each.date <= until)
    if not extra:
        yield from ruled
        return
    last: Key | None = None
    for key in heapq.merge(ruled, extra):
        if key != last:
            yield key
        last = key


def added(schedule: Schedule) -> tuple[ExtraDate, ...]:
    """The extra dates that the rule does not give anyway (RDATE), in order."""
    start = schedule.start.date()
    extra = (each for each in schedule.extra if each.ordinal or not days.includes(start, schedule.rule, each.date))
    return tuple(sorted(extra, key=lambda each: each.key))


def first_key(schedule: Schedule) -> Key:
    """The first date; extra dates may lie before the start."""
    return min([Key(schedule.start.date()), *(extra.key for extra in schedule.extra)])


def last_key(schedule: Schedule) -> Key | None:
    """The last date, cancelled or not; None: it goes on for ever."""
    last = days.last_day(schedule.start.date(), schedule.rule)
    return None if last is None else max([Key(last), *(extra.key for extra in schedule.extra)])


def recurrence_id(schedule: Schedule, key: Key) -> datetime:
    """The original start of a date (naive, local), from its identity and the present rule (RFC 5545 3.8.4.4)."""
    own = next((extra.time for extra in schedule.extra if extra.key == key), None)
    return datetime.combine(key.date, own or schedule.start.time())


def occurrence(schedule: Schedule, key: Key, deviation: Deviation | None = None) -> Occurrence:
    """One date as it will take place. `key` must be one of the dates, `deviation` the one about it."""
    local = recurrence_id(schedule, key)
    minutes = schedule.minutes
    if deviation is not None:
        local = deviation.start or local
        minutes = deviation.minutes or minutes
    start = to_utc(local, schedule.zone)
    cancelled = deviation is not None and deviation.cancelled
    return Occurrence(key, local, start, start + timedelta(minutes=minutes), cancelled, deviation is not None)


def occurrences(
    schedule: Schedule, deviations: Sequence[Deviation], since: datetime, until: datetime
) -> list[Occurrence]:
    """What ends after `since` and starts before `until` (instants), in order of (start, key).

    Cancelled ones are included with their flag; moved ones are found where they moved to.
    """
    since, until = max(since, _EARLIEST), min(until, _LATEST)
    if until <= since:
        return []
    low = to_local(since, schedule.zone).date() - timedelta(minutes=schedule.minutes) - _DAY
    high = to_local(until, schedule.zone).date() + _DAY
    deviating = {deviation.key: deviation for deviation in deviations}
    found = _regular(schedule, [key for key in dates(schedule, low, high) if key not in deviating])
    reach = low - timedelta(minutes=MAX_MINUTES)
    for key, deviation in deviating.items():
        day = deviation.start.date() if deviation.start else key.date
        if reach <= day <= high and has(schedule, key):
            found.append(occurrence(schedule, key, deviation))
    within = [each for each in found if each.start < until and each.end > since]
    return sorted(within, key=lambda each: (each.start, each.key))


def last_end(schedule: Schedule, deviations: Sequence[Deviation]) -> datetime | None:
    """The instant at which the last of all ends, wherever dates moved to, cancelled or not; None: never."""
    start = schedule.start.date()
    last = days.last_day(start, schedule.rule)
    if last is None:
        return None
    deviating = {deviation.key: deviation for deviation in deviations}
    regular = (Key(day) for day in days.backwards(start, schedule.rule, last))
    keys = {extra.key for extra in schedule.extra} | {key for key in deviating if has(schedule, key)}
    keys.update(next(([key] for key in regular if key not in deviating), []))
    return max(occurrence(schedule, key, deviating.get(key)).end for key in keys)


def any_left(schedule: Schedule, deviations: Sequence[Deviation]) -> bool:
    """Whether at least one date is not cancelled."""
    cancelled = {deviation.key for deviation in deviations if deviation.cancelled}
    return any(key not in cancelled for key in dates(schedule))


def _regular(schedule: Schedule, keys: list[Key]) -> list[Occurrence]:
    """The same as `occurrence` without deviations, many at once."""
    where, hour, length = zone(schedule.zone), schedule.start.time(), timedelta(minutes=schedule.minutes)
    times = {extra.key: extra.time for extra in schedule.extra if extra.time is not None}
    found = []
    for key in keys:
        local = datetime.combine(key.date, times.get(key, hour))
        start = to_utc(local, where)
        found.append(Occurrence(key, local, start, start + length))
    return found


def _check_start(schedule: Schedule) -> None:
    rule, start = schedule.rule, schedule.start.date()
    if rule is None:
        return
    check_rule(rule)
    if rule.until is not None and rule.until < start:
        raise RecurrenceError("rule", "UNTIL lies before the start: there would be no occurrence")
    if not days.names(rule, start, start):
        raise RecurrenceError("start", f"{start} is not one of the dates of its own rule")


def _check_extra(schedule: Schedule) -> None:
    if len(schedule.extra) > MAX_EXTRA:
        raise RecurrenceError("extra_dates", f"at most {MAX_EXTRA} extra dates")
    start, hour = schedule.start.date(), schedule.start.time()
    keys: set[Key] = set()
    taken: set[tuple[date, time]] = set()
    for index, extra in enumerate(schedule.extra):
        ruled = days.includes(start, schedule.rule, extra.date)
        _check_one_extra(f"extra_dates[{index}]", extra, hour if ruled else None)
        if extra.key in keys:
            raise RecurrenceError(f"extra_dates[{index}].date", f"{extra.date} is there twice with one ordinal")
        keys.add(extra.key)
        at = (extra.date, extra.time or hour)
        if at in taken or (extra.ordinal and ruled and at[1] == hour):
            raise RecurrenceError(f"extra_dates[{index}].time", "the series meets at that hour already")
        taken.add(at)


def _check_one_extra(field: str, extra: ExtraDate, ruled_hour: time | None) -> None:
    """`ruled_hour`: the hour of the series where its rule gives this date too."""
    if not FIRST_YEAR <= extra.date.year < LAST_YEAR:
        raise RecurrenceError(f"{field}.date", f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    if not 0 <= extra.ordinal <= MAX_ORDINAL:
        raise RecurrenceError(f"{field}.ordinal", f"must be from 0 to {MAX_ORDINAL}")
    own = extra.time
    if own is not None and (own.tzinfo is not None or own.second or own.microsecond):
        raise RecurrenceError(f"{field}.time", "must be a local time in whole minutes")
    if extra.ordinal == 0 and ruled_hour is not None and own not in {None, ruled_hour}:
        raise RecurrenceError(f"{field}.ordinal", "0 is the rule's own occurrence on that date: a second one is 1")
