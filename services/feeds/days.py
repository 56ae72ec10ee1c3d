"""A rule on some weekdays only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.feeds.parts import beginning
from services.recurrence import days
from services.recurrence.types import ByDay, Frequency

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.recurrence.types import Rule, Schedule


def restricted(schedule: Schedule, weekdays: Collection[int]) -> list[Schedule] | None:
    """What a schedule's rule gives on these weekdays (0 is Monday; none: on any): one schedule, or nothing.

    None where no rule says it: the 15th of a month, and every third day, are any weekday.
    """
    rule = schedule.rule
    if not weekdays or rule is None:
        return [schedule]
    kept = _kept(schedule, rule, frozenset(weekdays))
    if kept is None or kept is rule:
        return None if kept is None else [schedule]
    begun = beginning(schedule, kept) if kept.by_day else None
    return [] if begun is None else [replace(begun, extra=schedule.extra)]


def _kept(schedule: Schedule, rule: Rule, weekdays: frozenset[int]) -> Rule | None:
    """The rule on these weekdays, without any day where it has none of them."""
    own = rule.by_day
    if rule.frequency is Frequency.DAILY and rule.interval == 1:
        own = tuple(map(ByDay, range(7)))
    elif rule.frequency is Frequency.WEEKLY and not own:
        own = (ByDay(schedule.start.weekday()),)
    if not own:
        return None
    kept = tuple(each for each in own if each.weekday in weekdays)
    if kept == own:
        return rule
    last = days.last_day(schedule.start.date(), rule)
    frequency = Frequency.MONTHLY if rule.frequency is Frequency.MONTHLY else Frequency.WEEKLY
    return replace(rule, frequency=frequency, by_day=kept, count=None, until=last)
