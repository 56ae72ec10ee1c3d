"""How many dates of many patterns begin on a day: as counting each of them gives, for the price of a few."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings.booking_rules import Booker, breaches
from services.meetings.types_rooms import BookingRules, Quota, QuotaPeriod, WhoMayBook
from services.recurrence import tally
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.schedule import dates
from services.recurrence.tally import Tally
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.types import ByDay, Frequency, Key, Rule, Schedule
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    import pytest

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "America/Scoresbysund", "Pacific/Apia", "UTC")
SINCE = minute(datetime(2026, 11, 1, tzinfo=UTC))
UNTIL = SINCE + 800 * 1440
RULES = (
    Rule(Frequency.DAILY),
    Rule(Frequency.DAILY, 3),
    Rule(Frequency.DAILY, 2, count=40),
    Rule(Frequency.WEEKLY),
    Rule(Frequency.WEEKLY, until=date(2027, 5, 1)),
    Rule(Frequency.WEEKLY, 2, (ByDay(0), ByDay(3), ByDay(6)), week_start=6),
    Rule(Frequency.WEEKLY, 3, (ByDay(5),), count=9),
    Rule(Frequency.MONTHLY),
    Rule(Frequency.MONTHLY, 2, by_day=(ByDay(0, 4), ByDay(1, -1))),
    Rule(Frequency.MONTHLY, by_month_day=(-1, 23), count=7),
)


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    zone, rule = draw(st.sampled_from(ZONES)), draw(st.sampled_from([None, *RULES]))
    day = date(2026, 10, 20) + timedelta(days=draw(st.integers(0, 120)))
    hour = time(draw(st.sampled_from([0, 2, 7, 12, 19, 22, 23])), draw(st.sampled_from([0, 30, 45])))
    schedule = Schedule(datetime.combine(_first(day, rule), hour), zone, draw(st.integers(15, 300)), rule)
    there = list(dates(schedule, until=date(2027, 6, 1)))
    gone = draw(st.sets(st.sampled_from(there), max_size=3)) if there else set()
    without = {*gone, Key(date(2027, 1, 13))}  # the last one is mostly none of its dates
    moved = tuple(Slot(key.date, 0, datetime(2027, 2, 3, 23, 30), 50) for key in sorted(gone)[:1])  # noqa: DTZ001 - local
    return Pattern(zone=zone, schedule=schedule, without=tuple(sorted(without)), slots=moved)


def _first(day: date, rule: Rule | None) -> date:
    """The first day from that one on that is one of the rule's: a series begins on one of its dates."""
    while rule is not None and rule.by_day and not _named(day, rule):
        day += timedelta(days=1)
    while rule is not None and rule.by_month_day and day.day != rule.by_month_day[1]:
        day += timedelta(days=1)
    return day


def _named(day: date, rule: Rule) -> bool:
    last = (day + timedelta(days=7)).month != day.month
    return any(
        each.weekday == day.weekday() and each.nth in {0, (day.day + 6) // 7, -1 if last else 0} for each in rule.by_day
    )


@settings(deadline=None)
@given(st.lists(patterns(), max_size=6), st.sampled_from(ZONES))
def test_a_tally_is_what_counting_each_date_gives(own: list[Pattern], zone: str) -> None:
    found = Tally(own, zone, SINCE, UNTIL)
    wanted: dict[int, tuple[int, int]] = {}
    for each in (date_ for pattern in own for date_ in stretches(pattern, SINCE, UNTIL)):
        day = to_local(at_minute(each.start), zone).toordinal()
        count, minutes = wanted.get(day, (0, 0))
        wanted[day] = count + 1, minutes + each.end - each.start
    first, after = (to_local(at_minute(at), zone).toordinal() for at in (SINCE, UNTIL))
    days = range(first + 1, after)  # of the first and the last not all of the day is asked
    assert {day: found.on(day) for day in days if found.on(day) != (0, 0)} == {
        day: wanted[day] for day in days if day in wanted
    }


def test_what_the_clock_leaves_out_before_midnight_is_of_the_next_day() -> None:
    """In Scoresbysund the clock is put from 23:00 to 24:00: what begins at 23:30 begins at 00:30 that night."""
    nights = Schedule(datetime(2027, 3, 20, 23, 30), "America/Scoresbysund", 30, Rule(Frequency.DAILY))  # noqa: DTZ001 - local
    own = Pattern(zone=nights.zone, schedule=nights)
    found = Tally([own], nights.zone, SINCE, UNTIL)
    counts = {f"{day:%d}": found.on(day.toordinal()) for day in (date(2027, 3, number) for number in range(26, 30))}
    assert counts == {"26": (1, 30), "27": (0, 0), "28": (2, 60), "29": (1, 30)}


def test_what_quotas_cost_does_not_grow_with_how_much_somebody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series without end, by somebody who has fifty or five thousand of them: as many are looked up."""
    looked: list[int] = []
    on = tally._Alike.on

    def looking(alike: tally._Alike, day: int) -> tuple[int, int]:
        looked.append(day)
        return on(alike, day)

    monkeypatch.setattr(tally._Alike, "on", looking)
    counts = {}
    for many in (50, 500, 5_000):
        looked.clear()
        own = [_weekly(number) for number in range(many)]
        rules = BookingRules(quotas=(Quota(QuotaPeriod.DAY, many), Quota(QuotaPeriod.WEEK, many, many * 61)))
        new = Pattern(zone="UTC", schedule=Schedule(datetime(2026, 11, 23, 3), "UTC", 30, Rule(Frequency.DAILY)))  # noqa: DTZ001 - local
        found = breaches(rules, new, own, SINCE, Booker("ana", WhoMayBook.FACILITATORS), zone="UTC")
        counts[many] = len(looked), len(found)
    assert counts[50] == counts[500] == counts[5_000]
    assert 0 < counts[50][0] <= 2 * 31 * 366


def _weekly(number: int) -> Pattern:
    start = datetime(2026, 11, 2) + timedelta(days=number % 7, minutes=number % 1_300)  # noqa: DTZ001 - local
    return Pattern(zone="UTC", schedule=Schedule(start, "UTC", 30, Rule(Frequency.WEEKLY)))


QUOTAS = st.builds(
    Quota, st.sampled_from(QuotaPeriod), st.integers(0, 40), st.sampled_from([0, 45, 120, 600, 3_000])
).filter(lambda each: bool(each.count or each.minutes))


@settings(deadline=None, max_examples=40)
@given(patterns(), st.lists(patterns(), max_size=3), st.sampled_from(ZONES), QUOTAS)
def test_what_is_too_much_is_what_counting_each_date_gives(
    new: Pattern, own: list[Pattern], zone: str, quota: Quota
) -> None:
    far = SINCE + 550 * 1440
    found = breaches(
        BookingRules(quotas=(quota,)), new, own, SINCE, Booker("ana", WhoMayBook.FACILITATORS), zone=zone, most=99_999
    )
    told = [(each.key, each.start, each.rule) for each in found if each.start < far]
    assert told == _counted(new, own, zone, quota, far)


def _counted(new: Pattern, own: list[Pattern], zone: str, quota: Quota, far: int) -> list[tuple[Key, int, str]]:
    """One date after the other."""
    taken: dict[tuple[int, ...], list[int]] = {}
    for pattern in own:
        for each in stretches(pattern, SINCE - 40 * 1440, far + 40 * 1440):
            taken.setdefault(_period(each.start, zone, quota), []).append(each.end - each.start)
    found = []
    for each in stretches(new, SINCE, far):
        had = taken.setdefault(_period(each.start, zone, quota), [])
        if quota.count and len(had) >= quota.count:
            found.append((each.key, each.start, f"QUOTA_COUNT_{quota.period.name}"))
        elif quota.minutes and sum(had) + each.end - each.start > quota.minutes:
            found.append((each.key, each.start, f"QUOTA_MINUTES_{quota.period.name}"))
        else:
            had.append(each.end - each.start)
    return found


def _period(at: int, zone: str, quota: Quota) -> tuple[int, ...]:
    day = to_local(at_minute(at), zone).date()
    if quota.period is QuotaPeriod.WEEK:
        return tuple(day.isocalendar()[:2])
    return (day.year, day.month) if quota.period is QuotaPeriod.MONTH else (day.toordinal(),)


def test_a_series_within_its_quotas_is_not_looked_at_date_by_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty years of days: only where a span of time begins and ends it is asked what is had of one week."""
    asked: list[int] = []
    between = Tally.between

    def looking(of: Tally, first: int, after: int) -> tuple[int, int]:
        asked.append(first)
        return between(of, first, after)

    monkeypatch.setattr(Tally, "between", looking)
    rules = BookingRules(quotas=(Quota(QuotaPeriod.DAY, 151), Quota(QuotaPeriod.WEEK, 1_007, 1_007 * 30)))
    own = [_weekly(number) for number in range(1_000)]
    new = Pattern(zone="UTC", schedule=Schedule(datetime(2026, 11, 23, 3), "UTC", 30, Rule(Frequency.DAILY)))  # noqa: DTZ001 - local
    asks = Booker("ana", WhoMayBook.FACILITATORS)
    assert not breaches(rules, new, own, SINCE, asks, zone="UTC")
    assert len(asked) <= 100
    asked.clear()
    less = BookingRules(quotas=(Quota(QuotaPeriod.WEEK, 1_006),))
    assert len(breaches(less, new, own, SINCE, asks, zone="UTC", most=100)) == 100
    assert len(asked) <= 200
