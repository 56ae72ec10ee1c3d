"""What of a pattern is still to come, less single dates, or more than another takes. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from services.recurrence import days
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.zones import to_local, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.recurrence.types import Key, Schedule

_DAY = timedelta(days=1)


def ends(slot: Slot, zone: str) -> datetime:
    """The instant at which it ends."""
    return to_utc(slot.start, zone) + timedelta(minutes=slot.minutes)


def of_key(pattern: Pattern, key: Key) -> tuple[Slot, ...]:
    """What is taken of one date: its slots, or the schedule's own."""
    slots = tuple(slot for slot in pattern.slots if slot.key == key)
    if slots or pattern.schedule is None or key in pattern.without:
        return slots
    return own(pattern.schedule, (key,))


def own(schedule: Schedule, keys: Iterable[Key]) -> tuple[Slot, ...]:
    """Those of these dates that the schedule has, as slots of their own."""
    extra = {each.key: each.time or schedule.start.time() for each in schedule.extra}
    hour, found = schedule.start.time(), []
    for key in keys:
        ruled = key.ordinal == 0 and days.includes(schedule.start.date(), schedule.rule, key.date)
        at = extra.get(key, hour if ruled else None)
        if at is not None:
            found.append(Slot(key.date, key.ordinal, datetime.combine(key.date, at), schedule.minutes))
    return tuple(found)


def plain(pattern: Pattern) -> Pattern:
    """The same with its extra dates as slots, so that the schedule is a rule and nothing else."""
    schedule = pattern.schedule
    if schedule is None or not schedule.extra:
        return pattern
    hidden = {*pattern.without, *(slot.key for slot in pattern.slots)}
    slots = own(schedule, (each.key for each in schedule.extra if each.key not in hidden))
    bare = msgspec.structs.replace(schedule, extra=())
    return pattern_of(pattern.zone, bare, pattern.without, (*pattern.slots, *slots))


def pattern_of(zone: str, schedule: Schedule | None, without: Iterable[Key], slots: Iterable[Slot]) -> Pattern:
    """A pattern in its one form: sorted, and nothing left out that the schedule does not have or a slot replaces."""
    kept = tuple(sorted(set(slots), key=lambda slot: (slot.date, slot.ordinal, slot.start, slot.minutes)))
    replaced = {slot.key for slot in kept}
    hidden = {key for key in without if key not in replaced and schedule is not None and own(schedule, (key,))}
    return Pattern(zone=zone, schedule=schedule, without=tuple(sorted(hidden)), slots=kept)


def ahead(pattern: Pattern, at: datetime) -> Pattern:
    """What of it is not over at that instant. The same however often, and from whichever earlier instant on."""
    pattern = plain(pattern)
    schedule = pattern.schedule and _later(pattern.schedule, at)
    slots = [slot for slot in pattern.slots if ends(slot, pattern.zone) > at]
    return pattern_of(pattern.zone, schedule, _hidden(pattern), slots)


def less(pattern: Pattern, taken_out: Iterable[Slot]) -> Pattern:
    """The pattern without these stretches."""
    pattern, out = plain(pattern), frozenset(taken_out)
    slots = [slot for slot in pattern.slots if slot not in out]
    return pattern_of(pattern.zone, pattern.schedule, {*_hidden(pattern), *(slot.key for slot in out)}, slots)


def added(before: Pattern, after: Pattern) -> Pattern:
    """What the second takes and the first does not; all of the second, where their schedules differ."""
    before, after = plain(before), plain(after)
    if after.schedule is None or (before.schedule, before.zone) == (after.schedule, after.zone):
        had, now = _hidden(before), _hidden(after)
        fresh = set(after.slots) - set(before.slots)
        if after.schedule is not None:
            fresh.update(own(after.schedule, had - now))
        same = before.zone == after.zone
        kept = (slot for slot in fresh if not (same and any(_within(slot, each) for each in of_key(before, slot.key))))
        return pattern_of(after.zone, None, (), kept)
    return after


def _within(slot: Slot, other: Slot) -> bool:
    ended, other_ended = (each.start + timedelta(minutes=each.minutes) for each in (slot, other))
    return other.start <= slot.start and ended <= other_ended


def _hidden(pattern: Pattern) -> set[Key]:
    """The dates of the schedule that are not taken as it says."""
    return {*pattern.without, *(slot.key for slot in pattern.slots)}


def _later(schedule: Schedule, at: datetime) -> Schedule | None:
    """The schedule (without extra dates) from its first date on that is not over; None: it is over."""
    start, hour, length = schedule.start.date(), schedule.start.time(), timedelta(minutes=schedule.minutes)
    low = max(start, (to_local(at, schedule.zone) - length).date() - _DAY)
    for day in days.expand(start, schedule.rule, low, days.LAST_DAY):
        begins = datetime.combine(day, hour)
        if to_utc(begins, schedule.zone) + length > at:
            return _from(schedule, begins)
    return None


def _from(schedule: Schedule, begins: datetime) -> Schedule:
    rule, start = schedule.rule, schedule.start.date()
    if rule is not None and rule.count is not None:
        rule = msgspec.structs.replace(rule, count=rule.count - days.count_before(start, rule, begins.date()))
    return msgspec.structs.replace(schedule, start=begins, rule=rule)
