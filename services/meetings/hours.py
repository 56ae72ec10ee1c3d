"""Opening hours of a room, and which dates of a pattern do not lie within them. Pure.

Hours are local to the room's zone, what is taken lasts so many real minutes: on a night when the clock changes an
evening ends an hour earlier or later. Where one day is open until 24:00 and the next from 00:00 on, an evening may go
on. Minutes for setting up and tearing down need no open door.

Nearly every date is like every other one of its weekday. So weekdays are looked at, and single dates only where
something is special: the clock changes, or the date has hours of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from services.recurrence.schedule import has, last_key
from services.recurrence.timetable import LOOKED_AT, Stretch, at_minute, minute, stretches
from services.recurrence.types import Frequency, Key
from services.recurrence.zones import to_local, to_utc, zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.meetings.types_rooms import DatedHours, OpeningHours
    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Schedule

Spans: TypeAlias = "tuple[tuple[int, int], ...]"
"""From and to, in minutes: in order, neither overlapping nor touching."""

_DAY: Final = 1440
_WEEK: Final = 7
_ONE: Final = timedelta(days=1)
_NAMES: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


class Hours(NamedTuple):
    """When a room is open; `zone` is IANA. Neither weekly hours nor dated ones: always."""

    weekly: tuple[OpeningHours, ...]
    dated: tuple[DatedHours, ...]
    zone: str

    def on(self, day: date) -> Spans:
        """The minutes of a local date in which it is open: dated hours count in place of the weekday's."""
        own = [(each.opens, each.closes) for each in self.dated if each.date == day]
        if not own and not self.weekly:
            return ((0, _DAY),)
        usual = [(each.opens, each.closes) for each in self.weekly if day.weekday() in each.weekdays]
        return merged((opens, closes) for opens, closes in own or usual if opens < closes)

    def open_between(self, since: int, until: int) -> Spans:
        """When it is open between two minutes (`timetable.minute`), days that touch at midnight as one."""
        first, last = _local(since, self.zone).date(), _local(until, self.zone).date()
        days = [first + _ONE * number for number in range((last - first).days + 1)]
        found = merged(
            (_minute(day, opens, self.zone), _minute(day, closes, self.zone))
            for day in days
            for opens, closes in self.on(day)
        )
        return tuple((max(low, since), min(high, until)) for low, high in found if low < until and high > since)


class Misfit(NamedTuple):
    """A date that does not lie within the hours, and why."""

    key: Key
    start: int
    end: int
    reason: str


def merged(spans: Iterable[tuple[int, int]]) -> Spans:
    """The same time, what overlaps or touches as one."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return tuple(found)


def misfits(hours: Hours, pattern: Pattern, since: int, most: int = 1_000) -> Sequence[Misfit]:
    """The dates ending after `since` that do not lie within the hours, as far as the pattern goes or `LOOKED_AT`.

    In order of time; no more than `most`, and then the earliest.
    """
    return _misfits(hours, pattern, since, most) if hours.weekly or hours.dated else ()


@lru_cache(64)
def _misfits(hours: Hours, pattern: Pattern, since: int, most: int) -> Sequence[Misfit]:
    """Kept for whoever asks the same of many rooms: those of a house are mostly open at the same hours."""
    until = since + LOOKED_AT // timedelta(minutes=1)
    if pattern.schedule is None:
        return _ill_at(hours, stretches(pattern, since, until), most)
    if _alike_fit(hours, pattern.schedule, since, until):
        return _ill_at(hours, _special(hours, pattern, since, until), most)
    return _searched(hours, pattern, since, until, most)


def _ill_at(hours: Hours, each_of: Iterable[Stretch], most: int) -> list[Misfit]:
    told = ((each, _reason(hours, each)) for each in each_of)
    return list(islice((Misfit(*each, reason) for each, reason in told if reason), most))


def _within(spans: Spans, start: int, end: int) -> bool:
    place = bisect_right(spans, (start, 1 << 62)) - 1
    return place >= 0 and spans[place][0] <= start and end <= spans[place][1]


def _searched(hours: Hours, pattern: Pattern, since: int, until: int, most: int) -> list[Misfit]:
    """Looks at every date, a year at a time; of those that are like others of their weekday at one of them."""
    special = {each.key for each in _special(hours, pattern, since, until)}
    alike: dict[tuple[int, time], str] = {}
    found: list[Misfit] = []
    low = since
    while low < until and len(found) < most:
        high = min(low + 366 * _DAY, until)
        for each in stretches(pattern, low, high):
            if low == since or each.start >= low:
                reason = _reason(hours, each) if each.key in special else _by_weekday(hours, each, alike)
                found += [Misfit(*each, reason)] if reason else []
        low = high
    return found[:most]


def _by_weekday(hours: Hours, each: Stretch, known: dict[tuple[int, time], str]) -> str:
    start = _local(each.start, hours.zone)
    kind = start.weekday(), start.time()
    if kind not in known:
        known[kind] = _reason(hours, each)
    return known[kind]


# What is like every other date of its weekday


def _alike_fit(hours: Hours, schedule: Schedule, since: int, until: int) -> bool:
    """Whether the rule's dates lie within the hours wherever nothing is special about them."""
    opening = schedule.start.hour * 60 + schedule.start.minute
    if schedule.minutes >= _WEEK * _DAY:
        return not hours.weekly
    apart = _apart(schedule.zone, hours.zone, _years(schedule, since, until))
    week = _week(hours.weekly)
    return all(
        _within(week, low, low + schedule.minutes)
        for weekday in _weekdays(schedule)
        for low in ((weekday * _DAY + opening + each) % (_WEEK * _DAY) for each in apart)
    )


@lru_cache(1024)
def _week(weekly: tuple[OpeningHours, ...]) -> Spans:
    """Three weeks, from a Monday on: what begins in the first may go on as long as a week."""
    if not weekly:
        return ((0, 3 * _WEEK * _DAY),)
    return merged(
        (day * _DAY + each.opens, day * _DAY + each.closes)
        for day in range(3 * _WEEK)
        for each in weekly
        if day % _WEEK in each.weekdays and each.opens < each.closes
    )


def _weekdays(schedule: Schedule) -> frozenset[int]:
    """Those on which its rule may have dates."""
    rule, own = schedule.rule, schedule.start.weekday()
    if rule is None or (rule.frequency is Frequency.DAILY and rule.interval % _WEEK == 0):
        return frozenset({own})
    if rule.by_day and not rule.by_month_day:
        return frozenset(each.weekday for each in rule.by_day)
    return frozenset({own}) if rule.frequency is Frequency.WEEKLY else frozenset(range(_WEEK))


def _years(schedule: Schedule, since: int, until: int) -> range:
    """The years in which it may have dates between these minutes, and one more on either side."""
    last = last_key(schedule)
    high = at_minute(until).year if last is None else min(at_minute(until).year, last.date.year)
    return range(max(at_minute(since).year, schedule.start.year) - 1, high + 2)


def _apart(one: str, other: str, years: range) -> frozenset[int]:
    """How many minutes the clocks of one zone are behind those of the other, at any time in those years."""
    if one == other:
        return frozenset({0})
    return frozenset[int]().union(*(_apart_in(one, other, year) for year in years))


@lru_cache(4096)
def _apart_in(one: str, other: str, year: int) -> frozenset[int]:
    found = set()
    for number in range(366):
        noon = datetime(year, 1, 1, 12, tzinfo=UTC) + _ONE * number
        found.add(int((_offset(noon, other) - _offset(noon, one)) / timedelta(minutes=1)))
    return frozenset(found)


def _offset(at: datetime, name: str) -> timedelta:
    return at.astimezone(zone(name)).utcoffset() or timedelta()


# What is special


class _Special(NamedTuple):
    """A local date of the room, and from where to where (in minutes of that day) it is not like others."""

    day: date
    low: int
    high: int


def _special(hours: Hours, pattern: Pattern, since: int, until: int) -> Iterator[Stretch]:
    """The dates about a change of the clock or hours of their own, single slots and extra dates, in order of time."""
    schedule = pattern.schedule
    assert schedule is not None
    found = [_Special(each.date, 0, _DAY) for each in hours.dated]
    for year in _years(schedule, since, until):
        found += _shifts(hours.zone, year)
        if schedule.zone != hours.zone:
            found += _shifts(schedule.zone, year)
    keys = {each.key for each in schedule.extra} | _about(schedule, hours.zone, found)
    keys -= {*pattern.without, *(slot.key for slot in pattern.slots)}
    alone = [_ruled(schedule, key) for key in keys]
    alone += stretches(msgspec.structs.replace(pattern, schedule=None), since, until)
    yield from sorted((each for each in alone if each.end > since and each.start < until), key=_in_time)


def _about(schedule: Schedule, zone: str, specials: Iterable[_Special]) -> set[Key]:
    """The rule's dates that what is special may concern. Where zones differ all that are near."""
    opening = schedule.start.hour * 60 + schedule.start.minute
    weekdays, reach = _weekdays(schedule), (opening + schedule.minutes) // _DAY + 2
    loose = 0 if schedule.zone == zone else _DAY + _DAY // 2
    days = set()
    for day, low, high in specials:
        for number in range(-reach, 3):
            begins = number * _DAY + opening
            if (
                (day.weekday() + number) % _WEEK in weekdays
                and begins - loose <= high
                and (begins + schedule.minutes + loose >= low)
            ):
                days.add(day + _ONE * number)
    return {Key(day) for day in days if has(schedule, Key(day))}


def _in_time(each: Stretch) -> tuple[int, Key]:
    return each.start, each.key


def _ruled(schedule: Schedule, key: Key) -> Stretch:
    own = next((each.time for each in schedule.extra if each.key == key), None)
    start = minute(to_utc(datetime.combine(key.date, own or schedule.start.time()), schedule.zone))
    return Stretch(key, start, start + schedule.minutes)


@lru_cache(4096)
def _shifts(name: str, year: int) -> tuple[_Special, ...]:
    """The local dates of a year on which the clock changes, and between which hours on the wall."""
    found, day = [], date(year, 1, 1)
    begins = to_utc(datetime.combine(day, time.min), name)
    while day.year == year:
        ends = to_utc(datetime.combine(day + _ONE, time.min), name)
        if _offset(begins, name) != _offset(ends, name):
            found.append(_Special(day, *_walls(begins, ends, day, name)))
        day, begins = day + _ONE, ends
    return tuple(found)


def _walls(low: datetime, high: datetime, day: date, name: str) -> tuple[int, int]:
    """What the clock shows before and after it changes, the smaller first, in minutes after midnight."""
    before, midnight = _offset(low, name), datetime.combine(day, time.min, UTC)
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(middle, name) == before else (low, middle)
    walls = sorted(int((high + each - midnight) / timedelta(minutes=1)) for each in (before, _offset(high, name)))
    return walls[0] - 1, walls[1] + 1


# In words


def _reason(hours: Hours, each: Stretch) -> str:
    """Why a date does not lie within the hours: the first time of its own at which it is not open; "": it does."""
    if _within(hours.open_between(each.start, each.end), each.start, each.end):
        return ""
    start = _local(each.start, hours.zone)
    spans = hours.on(start.date())
    if not spans:
        return _not_open(hours, start.date())
    began = start.hour * 60 + start.minute
    inside = next((span for span in spans if span[0] <= began < span[1]), None)
    if inside is None:
        later = next((low for low, _ in spans if low > began), None)
        return f"opens at {_clock(later)}" if later is not None else f"closes at {_clock(spans[-1][1])}"
    if inside[1] < _DAY:
        return f"closes at {_clock(inside[1])}"
    return _closed_after_midnight(hours, start.date(), each.end)


def _closed_after_midnight(hours: Hours, day: date, end: int) -> str:
    """It is open until midnight, and goes on: the first day on which it does not, all day."""
    last = _local(end - 1, hours.zone).date()
    while day < last:
        day += _ONE
        spans = hours.on(day)
        if not spans or spans[0][0] > 0:
            return _not_open(hours, day) if not spans else "closes at 24:00"
        if spans[0][1] < _DAY:
            return f"closes at {_clock(spans[0][1])}"
    return "closes at 24:00"


def _not_open(hours: Hours, day: date) -> str:
    own = next((each for each in hours.dated if each.date == day), None)
    if own is None:
        return f"is not open on {_NAMES[day.weekday()]}"
    return f"is not open on {day}" + (f": {own.reason}" if own.reason else "")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _local(at: int, name: str) -> datetime:
    return to_local(at_minute(at), name)


def _minute(day: date, minutes: int, name: str) -> int:
    """The instant of so many minutes after midnight, by the clock on the wall; 24:00 is when the next day begins."""
    at = datetime.combine(day, time.min) + timedelta(minutes=minutes)
    return minute(to_utc(at, name))
