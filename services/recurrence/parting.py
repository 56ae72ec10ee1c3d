"""A pattern cut at an instant: what of it is over by then, and what is still to come or on. Pure.

Every stretch is in exactly one of the two; keys stay. Minutes are those of `timetable.minute`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from services.recurrence import days
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.schedule import added, has, last_end, occurrence, recurrence_id
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.types import Key
from services.recurrence.zones import to_local, to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from services.recurrence.types import Schedule

WINDOW: Final = 62 * 24 * 60
"""Minutes in which a last stretch is looked for first."""

_DAY: Final = timedelta(days=1)


def parted(pattern: Pattern, at: int) -> tuple[Pattern, Pattern]:
    """What ends at or before `at`, and what ends after it. Where nothing is over the second is the pattern itself."""
    bare, singles = _laid_out(pattern)
    over = tuple(slot for slot in singles if _end(slot, pattern.zone) <= at)
    if not over and (bare is None or _begins_after(bare, at)):
        return Pattern(zone=pattern.zone), pattern
    rest = tuple(slot for slot in singles if slot not in over)
    keys = {slot.key for slot in singles} | {*pattern.without}
    earlier, later = (None, None) if bare is None else (_until(bare, at), _since(bare, at))
    return _past(earlier, keys, over, pattern.zone, at), _made(later, keys, rest, pattern.zone)


def without_key(pattern: Pattern, key: Key) -> Pattern:
    """The pattern with no stretch of that date."""
    slots = tuple(slot for slot in pattern.slots if slot.key != key)
    return msgspec.structs.replace(pattern, without=tuple(sorted({*pattern.without, key})), slots=slots)


def ends(pattern: Pattern) -> int | None:
    """When the last of it ends, or would if all its dates were taken; None: never. 0: it takes nothing."""
    found = [_end(slot, pattern.zone) for slot in pattern.slots]
    if pattern.schedule is not None:
        last = last_end(pattern.schedule, ())
        if last is None:
            return None
        found.append(minute(last))
    return max(found, default=0)


def last_over(pattern: Pattern, at: int) -> int | None:
    """When the last stretch ended of those that are over by `at`; None: none is."""
    high, width, first = at, WINDOW, _first(pattern)
    while high > first:
        found = [each.end for each in stretches(pattern, high - width, high) if each.end <= at]
        if found:
            return max(found)
        high, width = high - width, width * 2
    return None


def _laid_out(pattern: Pattern) -> tuple[Schedule | None, tuple[Slot, ...]]:
    """The schedule without its extra dates, and these among the slots."""
    schedule = pattern.schedule
    if schedule is None or not schedule.extra:
        return schedule, pattern.slots
    gone = {*pattern.without, *(slot.key for slot in pattern.slots)}
    extra = (
        Slot(each.date, each.ordinal, recurrence_id(schedule, each.key), schedule.minutes)
        for each in added(schedule)
        if each.key not in gone
    )
    bare = msgspec.structs.replace(schedule, extra=())
    return bare, tuple(sorted((*pattern.slots, *extra), key=_order))


def _begins_after(schedule: Schedule, at: int) -> bool:
    """Whether not even its first date is over."""
    return minute(occurrence(schedule, Key(schedule.start.date())).end) > at


def _until(schedule: Schedule, at: int) -> Schedule | None:
    """The same without dates that begin on a later day than `at` is there."""
    start, day = schedule.start.date(), _local_day(at, schedule.zone)
    if start > day or schedule.rule is None:
        return schedule if start <= day else None
    last = next(days.backwards(start, schedule.rule, day))
    return msgspec.structs.replace(schedule, rule=msgspec.structs.replace(schedule.rule, until=last, count=None))


def _since(schedule: Schedule, at: int) -> Schedule | None:
    """The same from the first date on that is not over; None: all are."""
    start, rule = schedule.start.date(), schedule.rule
    low = _local_day(at, schedule.zone) - timedelta(minutes=schedule.minutes) - 2 * _DAY
    expanded = days.expand(start, rule, max(start, low), days.LAST_DAY)
    first = next((day for day in expanded if minute(occurrence(schedule, Key(day)).end) > at), None)
    if first is None or first == start:
        return None if first is None else schedule
    if rule is not None and rule.count is not None:
        rule = msgspec.structs.replace(rule, count=rule.count - days.count_before(start, rule, first))
    begin = datetime.combine(first, schedule.start.time())
    return msgspec.structs.replace(schedule, start=begin, rule=rule)


def _past(schedule: Schedule | None, keys: Iterable[Key], slots: tuple[Slot, ...], zone: str, at: int) -> Pattern:
    made = _made(schedule, keys, slots, zone)
    if schedule is None:
        return made
    on = (each.key for each in stretches(msgspec.structs.replace(made, slots=()), at, at + WINDOW))
    return _made(schedule, {*keys, *on}, slots, zone)


def _made(schedule: Schedule | None, keys: Iterable[Key], slots: tuple[Slot, ...], zone: str) -> Pattern:
    without = () if schedule is None else tuple(sorted(key for key in keys if has(schedule, key)))
    return Pattern(zone=zone, schedule=schedule, without=without, slots=slots)


def _first(pattern: Pattern) -> int:
    """Nothing of it begins before."""
    starts = [slot.start for slot in pattern.slots]
    if pattern.schedule is not None:
        schedule = pattern.schedule
        starts += [schedule.start, *(recurrence_id(schedule, each.key) for each in schedule.extra)]
    return min((minute(to_utc(start, pattern.zone)) for start in starts), default=1 << 62)


def _end(slot: Slot, zone: str) -> int:
    return minute(to_utc(slot.start, zone)) + slot.minutes


def _order(slot: Slot) -> tuple[Key, datetime]:
    return slot.key, slot.start


def _local_day(at: int, zone: str) -> date:
    return to_local(at_minute(at), zone).date()
