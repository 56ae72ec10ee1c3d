"""The dates of one series as its events say them, and what of them a schedule of ours holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from services.formats.ics.rules import MOST
from services.formats.weekly import Refused
from services.recurrence import days, schedule
from services.recurrence.types import ByDay, ExtraDate, Frequency, Key, RecurrenceError, Rule, Schedule

_WEEK: Final = 7


@dataclass
class Dates:
    """Which dates there are, local to one zone. `singles` are those besides the rule's, with the minutes they have.

    `horizon` is up to when a rule that cannot be said is kept as single dates; of one that was, `listed` is true.
    """

    start: datetime
    zone: str
    minutes: int
    rule: Rule | None
    horizon: date
    listed: bool = False
    singles: dict[datetime, int | None] = field(default_factory=dict)
    excluded: set[datetime] = field(default_factory=set)

    def ruled(self, local: datetime) -> bool:
        """Whether it is one of the rule's."""
        if self.rule is None or local.time() != self.start.time():
            return False
        return days.includes(self.start.date(), self.rule, local.date())

    def has(self, local: datetime) -> bool:
        """Whether the series has a date that begins then, excluded or not."""
        return local in self.singles or self.ruled(local)

    def on(self, day: date) -> list[datetime]:
        """Those that begin on that day."""
        at = datetime.combine(day, self.start.time())
        return sorted({*(each for each in self.singles if each.date() == day), *([at] if self.ruled(at) else [])})

    def within(self, low: datetime | None, high: datetime | None, shift: timedelta, minutes: int) -> Dates | None:
        """Those from `low` until before `high`, all moved by `shift`; None for none of them.

        Excluded are the same dates. What `minutes` a date has of its own it keeps.
        """
        part = Dates(self.start + shift, self.zone, minutes, None, self.horizon)
        for local, own in self.singles.items():
            if _inside(local, low, high):
                part.singles[local + shift] = own
        part.excluded = {local + shift for local in self.excluded if _inside(local, low, high)}
        ruled = self._ruled_within(low, high)
        if ruled is not None:
            _add_shifted(part, *ruled, shift)
        if part.rule is None:
            if not part.singles:
                return None
            part.start = min(part.singles)
        return part

    def _ruled_within(self, low: datetime | None, high: datetime | None) -> tuple[Rule, datetime] | None:
        """The rule cut to that part, and its first start; None where none of its dates lies there."""
        if self.rule is None:
            return None
        begin, hour = self.start.date(), self.start.time()
        since = max(begin, _first_day(low, hour)) if low else begin
        first = next(days.expand(begin, self.rule, since, days.LAST_DAY), None)
        last = days.last_day(begin, self.rule)
        if high is not None:
            limit = _first_day(high, hour) - timedelta(days=1)
            last = next(days.backwards(begin, self.rule, min(limit, last or limit)), None)
        if first is None or (last is None and high is not None) or (last is not None and last < first):
            return None
        cut = self.rule if low is None and high is None else _until(self.rule, last)
        return _plain(cut, begin), datetime.combine(first, hour)


class Placed:
    """The same as a schedule, and which of its keys each date has."""

    def __init__(self, dates: Dates) -> None:
        self.dates = dates
        self.own: dict[Key, int] = {}
        self.keys: dict[datetime, Key] = {}
        self.schedule = self._schedule()

    def key(self, local: datetime) -> Key | None:
        """Identity of the date that begins then; None: there is none."""
        if local in self.keys:
            return self.keys[local]
        return Key(local.date()) if self.dates.ruled(local) else None

    def _schedule(self) -> Schedule:
        """Raises Refused with what is wrong with it."""
        dates = self.dates
        extra = self._extra()
        if dates.rule is None:
            dates.start = min([*dates.singles], default=dates.start)
        made = Schedule(dates.start, dates.zone, dates.minutes, dates.rule, tuple(extra))
        try:
            schedule.check(made)
        except RecurrenceError as error:
            raise Refused(f"{error.field}: {error.reason}") from None
        return made

    def _extra(self) -> list[ExtraDate]:
        """Dates besides the rule's, each with the next free ordinal of its day."""
        dates = self.dates
        first = min(dates.singles) if dates.rule is None and dates.singles else None
        taken: dict[date, int] = {}
        extra: list[ExtraDate] = []
        for local in sorted(dates.singles):
            if dates.ruled(local):
                self._measure(Key(local.date()), dates.singles[local])
                continue
            day = local.date()
            ruled = dates.rule is not None and days.includes(dates.start.date(), dates.rule, day)
            ordinal = taken.get(day, int(ruled))
            taken[day] = ordinal + 1
            self.keys[local] = Key(day, ordinal)
            self._measure(Key(day, ordinal), dates.singles[local])
            if local != first:
                own = None if local.time() == (first or dates.start).time() else local.time()
                extra.append(ExtraDate(day, ordinal, own))
        if len(extra) > MOST:
            raise Refused(f"it has more than {MOST:,} single dates")
        return extra

    def _measure(self, key: Key, minutes: int | None) -> None:
        if minutes is not None and minutes != self.dates.minutes:
            self.own[key] = minutes


def _inside(local: datetime, low: datetime | None, high: datetime | None) -> bool:
    return (low is None or local >= low) and (high is None or local < high)


def _first_day(moment: datetime, hour: time) -> date:
    """The first day whose date at that hour is not before the moment."""
    return moment.date() if hour >= moment.time() else moment.date() + timedelta(days=1)


def _until(rule: Rule, last: date | None) -> Rule:
    return msgspec.structs.replace(rule, count=None, until=last)


def _plain(rule: Rule, begin: date) -> Rule:
    """The same with the weekday, or the day of the month, that it takes from its start."""
    if rule.frequency is Frequency.WEEKLY and not rule.by_day:
        return msgspec.structs.replace(rule, by_day=(ByDay(begin.weekday()),))
    if rule.frequency is Frequency.MONTHLY and not (rule.by_day or rule.by_month_day):
        return msgspec.structs.replace(rule, by_month_day=(begin.day,))
    return rule


def _add_shifted(part: Dates, rule: Rule, first: datetime, shift: timedelta) -> None:
    """The rule's dates, moved: by a rule where one says so, else as single dates."""
    moved = (first + shift).date() - first.date()
    part.start = first + shift
    if not moved or rule.frequency is not Frequency.MONTHLY:
        part.rule = _moved(rule, moved.days)
        return
    last = min(rule.until or part.horizon, part.horizon)
    part.listed = True
    found = [datetime.combine(day, first.time()) + shift for day in days.expand(first.date(), rule, first.date(), last)]
    if len(found) > MOST:
        raise Refused(f"moved, it has more than {MOST:,} single dates")
    part.singles.update(dict.fromkeys(found))


def _moved(rule: Rule, by: int) -> Rule:
    """A daily or weekly rule, moved by whole days."""
    if not by:
        return rule
    until = rule.until + timedelta(days=by) if rule.until else None
    by_day = tuple(sorted(ByDay((token.weekday + by) % _WEEK) for token in rule.by_day))
    start = (rule.week_start + by) % _WEEK if rule.frequency is Frequency.WEEKLY else rule.week_start
    return msgspec.structs.replace(rule, until=until, by_day=by_day, week_start=start)
