"""What quotas of a room say: dates that are more of a day, a week or a month than somebody may have. Pure.

Most series keep within their quotas for years. So stretches of time are counted as a whole, by the day, and dates are
looked at one by one only in a day, week or month that has too much.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate, islice
from operator import add, sub
from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings.types_rooms import QuotaPeriod
from services.recurrence.asked import asked, key_of
from services.recurrence.tally import Sums, Tally, local_day, local_days
from services.recurrence.timetable import LOOKED_AT, Stretch, minute
from services.recurrence.types import Frequency
from services.recurrence.zones import midnight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.meetings.types_rooms import Quota
    from services.recurrence.pattern import Pattern

_DAY: Final = timedelta(days=1)
_MANY: Final = 1 << 40
_SPANS: Final = tuple(days * 1440 for days in (31, 2 * 366))
"""From now on, in minutes: what is near is looked at first, since the earliest may be enough."""

_LOOKED_AT: Final = LOOKED_AT // timedelta(minutes=1)


class Excess(NamedTuple):
    """A date that is more than a quota allows: of dates (`counted`), else of minutes."""

    quota: Quota
    date: Stretch
    counted: bool


class _Span(NamedTuple):
    """The dates of a span of time in order: starts, keys (`asked.number`), lengths, the days on which they begin.

    `had` and `asked` are of each day from the ordinal `first` on, which begins a week and a month or lies before them.
    """

    starts: Sequence[int]
    keys: Sequence[int]
    minutes: Sequence[int]
    days: Sequence[int]
    first: int
    had: Sums
    asked: Sums

    def places(self, first: int, after: int) -> Iterator[int]:
        """Of the dates on these days, which are in order but for an hour that is put back over midnight."""
        begin, end = bisect_left(self.days, first - 1), bisect_right(self.days, after)
        return (place for place in range(begin, end) if first <= self.days[place] < after)

    def date(self, place: int) -> Stretch:
        """One of them."""
        start = self.starts[place]
        return Stretch(key_of(self.keys[place]), start, start + self.minutes[place])


def too_much(
    quotas: Sequence[Quota], pattern: Pattern, own: Sequence[Pattern], since: int, zone: str, first: Stretch, most: int
) -> Iterator[Excess]:
    """The dates of a pattern, from the minute `since` on, that are more than quotas allow: at most `most` of each.

    `own` are the patterns of what they have already; days are those of the zone. `first` is the first of the dates.
    """
    doubtful = [each for each in quotas if not _surely_within(each, (pattern, *own), zone)]
    if not doubtful:
        return
    until = since + _LOOKED_AT + 31 * 1440
    day = local_day(min(since, first.start), zone, until)
    early = minute(midnight(date.fromordinal(min(period(day, each.period)[0] for each in doubtful)), zone))
    had = _tally(tuple(own), zone, early, until)
    spans = _spans(pattern, had, since, zone, until)
    for quota, same in zip(doubtful, itertools.tee(spans, len(doubtful)), strict=True):
        yield from islice(_beyond(quota, same, had), most)


@lru_cache(maxsize=8)
def _tally(own: tuple[Pattern, ...], zone: str, since: int, until: int) -> Tally:
    """Kept for whoever asks about many other times in place of one."""
    return Tally(own, zone, since, until)


def _spans(pattern: Pattern, had: Tally, since: int, zone: str, until: int) -> Iterator[_Span]:
    low, end = since, since + _LOOKED_AT
    for high in (*(since + each for each in _SPANS), end):
        found: list[tuple[Sequence[int], Sequence[int], int]] = []
        for each in asked(pattern):
            dates = each.starting(low - (each.minutes - 1) * (low == since), high)
            found += [(*dates, each.minutes)] if dates.starts else []
        if found:
            starts, keys, minutes = _in_order(found)
            yield _span(starts, keys, minutes, local_days(starts, zone, until), had)
        low = high


def _in_order(
    found: Sequence[tuple[Sequence[int], Sequence[int], int]],
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Starts, keys and lengths of all of them, in order of time."""
    if len(found) == 1:
        starts, keys, minutes = found[0]
        return starts, keys, [minutes] * len(starts)
    each = sorted((*one, minutes) for starts, keys, minutes in found for one in zip(starts, keys, strict=True))
    return [start for start, _, _ in each], [key for _, key, _ in each], [length for _, _, length in each]


def _span(starts: Sequence[int], keys: Sequence[int], lengths: Sequence[int], days: Sequence[int], had: Tally) -> _Span:
    first, after = _around(min(days) - 1)[0], _around(max(days) + 1)[1]
    counts, minutes = [0] * (after - first), [0] * (after - first)
    for day, length in zip(days, lengths, strict=True):
        counts[day - first] += 1
        minutes[day - first] += length
    return _Span(starts, keys, lengths, days, first, had.sums(first, after), (counts, minutes))


def _around(day: int) -> tuple[int, int]:
    """Whole weeks and months about a day."""
    week, month = period(day, QuotaPeriod.WEEK), period(day, QuotaPeriod.MONTH)
    return min(week[0], month[0]), max(week[1], month[1])


def _beyond(quota: Quota, spans: Iterator[_Span], had: Tally) -> Iterator[Excess]:
    """The dates that are more than the quota allows: each counts with those before it that were allowed."""
    most, longest = quota.count or _MANY, quota.minutes or _MANY
    taken: dict[int, tuple[int, int]] = {}
    for span in spans:
        for first, after in _full(quota, span):
            count, minutes = taken.get(first) or had.between(first, after)
            for place in span.places(first, after):
                more = count + 1, minutes + span.minutes[place]
                if more[0] > most or more[1] > longest:
                    yield Excess(quota, span.date(place), more[0] > most)
                else:
                    count, minutes = more
            taken[first] = count, minutes


def _full(quota: Quota, span: _Span) -> list[tuple[int, int]]:
    """Those of its periods that may have too much. What begins or ends with it goes on in another one."""
    edges = _edges(quota.period, span)
    limits = quota.count or _MANY, quota.minutes or _MANY
    found = set[int]()
    for limit, had, more in zip(limits, span.had, span.asked, strict=True):
        if limit < _MANY:
            sums = list(accumulate(map(add, had, more), initial=0))
            ends = [sums[edge - span.first] for edge in edges]
            have = list(map(sub, ends[1:], ends))
            found.update(edges[place] for place in range(len(have)) if have[place] > limit)
    near = {day + beside for day in (span.days[0], span.days[-1]) for beside in (-1, 0, 1)}  # the clock may be put back
    found |= {period(day, quota.period)[0] for day in near}
    return [period(first, quota.period) for first in sorted(found)]


def _edges(of: QuotaPeriod, span: _Span) -> Sequence[int]:
    """Where its periods begin and end."""
    after = span.first + len(span.had[0])
    if of is QuotaPeriod.DAY:
        return range(span.first, after + 1)
    low, high = period(span.first, of)
    found = [low] if low >= span.first else []
    while high <= after:
        found.append(high)
        high = period(high, of)[1]
    return found


def _surely_within(quota: Quota, patterns: Sequence[Pattern], zone: str) -> bool:
    """Whether it is plain, without looking at each date, that no period can have too much."""
    dates = minutes = 0
    for each in patterns:
        most = _most_in(each, quota.period, zone)
        dates, minutes = dates + most, minutes + most * _longest(each)
        if dates > (quota.count or _MANY) or minutes > (quota.minutes or _MANY):
            return False
    return True


def _most_in(pattern: Pattern, of: QuotaPeriod, zone: str) -> int:
    """No fewer dates than it has in any period."""
    schedule, single = pattern.schedule, len(pattern.slots)
    if schedule is None:
        return single
    if schedule.zone != zone:
        return _MANY
    rule, single = schedule.rule, single + len(schedule.extra)
    if rule is None or of is QuotaPeriod.DAY:
        return single + 1
    days, turns = (7, 1) if of is QuotaPeriod.WEEK else (31, 5)
    if rule.frequency is Frequency.WEEKLY:
        return single + turns * max(len(rule.by_day), 1)
    if rule.frequency is Frequency.DAILY:
        return single + -(-days // rule.interval)
    return single + (days if rule.by_day else max(len(rule.by_month_day), 1))


def _longest(pattern: Pattern) -> int:
    lengths = [slot.minutes for slot in pattern.slots] + ([pattern.schedule.minutes] if pattern.schedule else [])
    return max(lengths, default=0)


def period(day: int, of: QuotaPeriod) -> tuple[int, int]:
    """The first day (an ordinal) of the day, week or month, and that of the next one."""
    if of is QuotaPeriod.DAY:
        return day, day + 1
    if of is QuotaPeriod.WEEK:
        first = day - (day - 1) % 7
        return first, first + 7
    month = date.fromordinal(day).replace(day=1)
    return month.toordinal(), (month + 31 * _DAY).replace(day=1).toordinal()
