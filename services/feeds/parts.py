"""The rules that one rule is shown as, each on dates of its own that together are the dates of the whole.

"2nd and 4th Tuesday" in one rule is skipped by Outlook: it becomes one rule for each BYDAY or BYMONTHDAY token. A
weekly series in which some weeks of the month are special becomes one rule for each week of the month, one with a
rotation a rule for each turn: then each part has one title for ever, in every client. COUNT becomes UNTIL.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import lcm
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from services.feeds.programmes import always, on
from services.feeds.uid import token
from services.recurrence import days
from services.recurrence.schedule import added
from services.recurrence.types import ByDay, Frequency

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openchair.meetings.v1.schedule_pb2 import Programme

    from services.feeds.programmes import Special
    from services.recurrence.types import Rule, Schedule

MOST_TURNS: Final = 12
"""A rotation longer than this many weeks stays one series: nobody wants 52 of them."""

_MONDAY: Final = date(1970, 1, 5)
_WEEK: Final = timedelta(days=7)


class Part(NamedTuple):
    """A schedule of its own. `programmes`: what is special on each of its rule's dates; None: it differs."""

    token: str
    schedule: Schedule
    programmes: tuple[Programme, ...] | None


def parts_of(schedule: Schedule, specials: tuple[Special, ...]) -> list[Part]:
    """The schedule itself, or its parts, the one that begins first coming first; that one has the extra dates."""
    rule, start = schedule.rule, schedule.start.date()
    if rule is None:
        return [Part("", schedule, on(specials, start))]
    found = [_part(name, alone, specials) for name, alone in _alone(schedule, rule, specials)]
    if not found:
        return [Part("", schedule, always(specials, rule, start))]
    found.sort(key=lambda part: part.schedule.start)
    first = found[0]
    return [first._replace(schedule=replace(first.schedule, extra=added(schedule))), *found[1:]]


def _part(name: str, schedule: Schedule, specials: tuple[Special, ...]) -> Part:
    assert schedule.rule is not None
    return Part(name, schedule, always(specials, schedule.rule, schedule.start.date()))


def beginning(schedule: Schedule, rule: Rule) -> Schedule | None:
    """The schedule by another rule, from its first date on, without extra dates; None where it has no date."""
    day = schedule.start.date()
    first = next(days.expand(day, rule, day, days.LAST_DAY), None)
    if first is None:
        return None
    return replace(schedule, start=datetime.combine(first, schedule.start.time()), rule=rule, extra=())


def weekday_of(schedule: Schedule) -> int | None:
    """The one weekday of its rule (0 is Monday); None for several, and for days of the month."""
    rule = schedule.rule
    if rule is None or (rule.frequency is Frequency.WEEKLY and not rule.by_day):
        return schedule.start.weekday()
    weekdays = {each.weekday for each in rule.by_day}
    return weekdays.pop() if len(weekdays) == 1 else None


def _alone(schedule: Schedule, rule: Rule, specials: tuple[Special, ...]) -> list[tuple[str, Schedule]]:
    """The schedules that it is split into, with what tells them apart; none where it stays whole."""
    start = schedule.start.date()
    whole = replace(rule, count=None, until=days.last_day(start, rule))
    if _is_split(rule):
        alone = [replace(whole, by_day=(each,)) for each in rule.by_day]
        return _begun(schedule, alone + [replace(whole, by_month_day=(each,)) for each in rule.by_month_day])
    plain = rule.frequency is Frequency.WEEKLY and rule.interval == 1 and len(rule.by_day) < 2  # noqa: PLR2004 - one day a week
    if not specials or not plain:
        return []
    if all(each.weeks.rotation for each in specials):
        return _by_turn(schedule, whole, lcm(*(each.weeks.rotation for each in specials)))
    return _begun(schedule, _by_week(whole, start, specials))


def _begun(schedule: Schedule, rules: Iterable[Rule]) -> list[tuple[str, Schedule]]:
    """A schedule for each rule of a single token that has any date."""
    return [(token(rule), begun) for rule in rules if (begun := beginning(schedule, rule)) is not None]


def _by_turn(schedule: Schedule, rule: Rule, turns: int) -> list[tuple[str, Schedule]]:
    """One every so many weeks for each week of the whole cycle, counted from one Monday for everybody."""
    if turns > MOST_TURNS:
        return []
    found = []
    for late in range(turns):
        start = schedule.start + late * _WEEK
        if rule.until is None or start.date() <= rule.until:
            turn = (start.date() - _MONDAY).days // 7 % turns + 1
            found.append(
                (f"{turn}of{turns}", replace(schedule, start=start, rule=replace(rule, interval=turns), extra=()))
            )
    return found


def _by_week(rule: Rule, start: date, specials: tuple[Special, ...]) -> list[Rule]:
    """One for each week of the month, counted from its front or, for "the last", from its end: whichever is exact."""
    for weeks in (range(1, 6), range(-1, -6, -1)):
        tokens = [(ByDay(start.weekday(), nth),) for nth in weeks]
        rules = [replace(rule, frequency=Frequency.MONTHLY, by_day=each, week_start=0) for each in tokens]
        if all(always(specials, each, start) is not None for each in rules):
            return rules
    return []


def _is_split(rule: Rule) -> bool:
    """Monthly by several tokens. Days from both ends of a month can be the same date (31 and -1): these stay whole."""
    if rule.frequency is not Frequency.MONTHLY:
        return False
    return len(rule.by_day) > 1 or (len(rule.by_month_day) > 1 and not _both_ends(rule.by_month_day))


def _both_ends(month_days: Sequence[int]) -> bool:
    return min(month_days) < 0 < max(month_days)
