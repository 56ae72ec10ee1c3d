"""Opening hours: what lies within them, compared with a look at every quarter of an hour."""

from __future__ import annotations

import functools
import timeit
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings.hours import Hours, misfits
from services.meetings.types_rooms import DatedHours, OpeningHours
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.types import ByDay, Frequency, Key, Rule, Schedule
from services.recurrence.zones import to_local

BERLIN = "Europe/Berlin"
ZONES = (BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
QUARTERS = st.integers(0, 96).map(lambda number: number * 15)
MOMENTS = st.datetimes(datetime.fromisoformat("2026-10-20"), datetime.fromisoformat("2027-04-10"))
WEEKDAYS = frozenset(range(7))


def misfit_keys(hours: Hours, pattern: Pattern, since: int) -> list[Key]:
    return [each.key for each in misfits(hours, pattern, since)]


def is_open(hours: Hours, at: int) -> bool:
    """Whether it is open in the quarter of an hour that begins then, by nothing but the clock on the wall."""
    local = to_local(at_minute(at), hours.zone)
    now, own = local.hour * 60 + local.minute, [each for each in hours.dated if each.date == local.date()]
    usual = [each for each in hours.weekly if local.weekday() in each.weekdays]
    if not own and not hours.weekly:
        return True
    return any(each.opens <= now < each.closes for each in own or usual)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, int]:
    low, high = sorted((draw(QUARTERS), draw(QUARTERS)))
    return (0, 1440) if low == high else (low, high)


@st.composite
def opening(draw: st.DrawFn) -> Hours:
    weekly = draw(st.lists(st.tuples(st.frozensets(st.integers(0, 6), min_size=1), spans()), max_size=3))
    days = st.dates(date(2026, 10, 20), date(2027, 4, 10))
    dated = draw(st.lists(st.tuples(days, st.just((0, 0)) | spans()), max_size=3, unique_by=lambda each: each[0]))
    if draw(st.booleans()):  # open nearly always: so that what is special counts
        weekly.append((WEEKDAYS, (draw(st.sampled_from([0, 0, 120, 420])), 1440)))
    return Hours(
        tuple(OpeningHours(tuple(sorted(days)), *span) for days, span in weekly),
        tuple(DatedHours(day, *span) for day, span in dated),
        draw(st.sampled_from(ZONES)),
    )


@st.composite
def patterns(draw: st.DrawFn, zone: str) -> Pattern:
    zone = zone if draw(st.booleans()) else draw(st.sampled_from(ZONES))
    day = draw(st.dates(date(2026, 10, 20), date(2027, 1, 1)))
    start = datetime.combine(day, time.min) + timedelta(minutes=draw(QUARTERS.filter(lambda each: each < 1440)))
    frequency = draw(st.sampled_from(Frequency))
    by_day = tuple(ByDay(each) for each in sorted(draw(st.frozensets(st.integers(0, 6), max_size=3)) | {day.weekday()}))
    rule = Rule(
        frequency,
        draw(st.sampled_from([1, 1, 2, 7])),
        by_day if frequency is Frequency.WEEKLY else (),
        until=date(2027, 4, 20) if draw(st.booleans()) else None,
    )
    minutes = draw(st.sampled_from([15, 60, 90, 240, 1440, 1500, 10_095]))
    slots = tuple(
        Slot(each.date(), 0, each, 45)
        for each in sorted(draw(st.lists(MOMENTS, max_size=2)))
        for each in [each.replace(minute=each.minute // 15 * 15, second=0, microsecond=0)]
    )
    without = (Key(day),) if draw(st.booleans()) else ()
    return Pattern(zone=zone, schedule=Schedule(start, zone, minutes, rule), without=without, slots=slots)


def law(hours: Hours, pattern: Pattern) -> None:
    since = minute(datetime(2026, 10, 15, tzinfo=UTC))
    until = minute(datetime(2027, 4, 20, tzinfo=UTC))
    looked_at = stretches(pattern, since, until)
    wanted = [each.key for each in looked_at if not all(is_open(hours, at) for at in range(each.start, each.end, 15))]
    assert [each.key for each in misfits(hours, pattern, since, 400) if each.start < until] == wanted


@settings(deadline=None)
@given(st.data())
def test_what_does_not_lie_within_the_hours_is_what_meets_a_closed_quarter_of_an_hour(data: st.DataObject) -> None:
    hours = data.draw(opening())
    law(hours, data.draw(patterns(hours.zone)))


def weekly(start: str, minutes: int = 90, zone: str = BERLIN) -> Pattern:
    return Pattern(zone=zone, schedule=Schedule(datetime.fromisoformat(start), zone, minutes, Rule(Frequency.WEEKLY)))


EVENINGS = Hours((OpeningHours((0, 1, 2, 3, 4), 540, 1320),), (), BERLIN)
NOW = minute(datetime(2026, 11, 21, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        ("2026-11-24T07:30", "opens at 09:00"),
        ("2026-11-24T21:00", "closes at 22:00"),
        ("2026-11-24T22:30", "closes at 22:00"),
        ("2026-11-28T10:00", "is not open on Saturdays"),
    ],
)
def test_what_is_wrong_is_said_in_words(start: str, reason: str) -> None:
    assert {each.reason for each in misfits(EVENINGS, weekly(start), NOW, 3)} == {reason}


def test_a_date_with_hours_of_its_own_is_named_with_its_reason_and_one_that_is_open_longer_fits() -> None:
    shut = DatedHours(date(2026, 12, 1), reason="Stock-taking")
    longer = DatedHours(date(2026, 12, 8), 540, 1440)
    hours = EVENINGS._replace(dated=(shut, longer))
    assert [each.reason for each in misfits(hours, weekly("2026-11-24T19:00"), NOW)] == [
        "is not open on 2026-12-01: Stock-taking"
    ]
    late = misfit_keys(hours, weekly("2026-11-24T22:00", 60), NOW)[:3]
    assert [key.date.isoformat() for key in late] == ["2026-11-24", "2026-12-01", "2026-12-15"]


def test_an_evening_goes_on_past_midnight_where_both_days_are_open_then() -> None:
    both = Hours((OpeningHours((1,), 540, 1440), OpeningHours((2,), 0, 120)), (), BERLIN)
    assert misfits(both, weekly("2026-11-24T23:00", 180), NOW) == []
    assert {each.reason for each in misfits(both, weekly("2026-11-24T23:00", 195), NOW, 3)} == {"closes at 02:00"}


def test_a_night_on_which_the_clock_changes_lasts_as_long_as_it_lasts() -> None:
    hours = Hours((OpeningHours((5, 6), 0, 1440), OpeningHours((0,), 0, 420)), (), BERLIN)
    found = misfits(hours, weekly("2026-11-22T23:00", 480), NOW, 10)
    assert found == []  # Sunday 23:00 to Monday 07:00; the clock has changed by then
    night = Hours((OpeningHours((5,), 1320, 1440), OpeningHours((6,), 0, 300)), (), BERLIN)
    dates = misfit_keys(night, weekly("2026-11-21T22:00", 420), NOW)
    assert dates[:2] == [Key(date(2027, 3, 27)), Key(date(2028, 3, 25))]  # summer time begins: it ends at 06:00


def test_hours_cost_next_to_nothing_where_a_series_without_end_fits() -> None:
    wide = Hours((OpeningHours(tuple(range(7)), 0, 1440),), (), BERLIN)
    for pattern in (weekly("2026-11-22T11:00"), weekly("2026-11-24T19:00", zone="America/New_York")):
        look = functools.partial(misfits, wide, pattern, NOW)
        assert look() == []
        assert min(timeit.repeat(look, number=1, repeat=5)) < 0.01  # seconds; looking at each date takes longer
