"""The utilisation of a room equals counting minute by minute, in weeks of 167, 168 and 169 hours."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings.hours import Hours
from services.meetings.types_rooms import DatedHours, OpeningHours
from services.meetings.utilisation import Use, Week, bounds, mondays, reckoned
from services.recurrence.busy import Interval
from services.recurrence.timetable import at_minute
from services.recurrence.zones import to_local

BERLIN = "Europe/Berlin"
SPRING, SUMMER, AUTUMN = date(2026, 3, 23), date(2026, 6, 1), date(2026, 10, 19)
ALWAYS = Hours((), (), BERLIN)
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

stretches = st.tuples(st.integers(-600, 10_200), st.integers(1, 900), st.booleans())
opening = st.builds(
    lambda days, low, length: OpeningHours(tuple(sorted(days)), low, min(1440, low + length)),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1400),
    st.integers(1, 1440),
)


def counted(hours: Hours, monday: date, uses: list[Use], blocked: list[Interval], now: int) -> Week:
    """The same, a minute at a time."""
    sums, taken = Counter[str](), Counter[tuple[int, int]]()
    low, high = bounds(monday, hours.zone)
    for at in range(low, high):
        local = to_local(at_minute(at), hours.zone)
        by = [each for each in uses if each.start <= at < each.end]
        opened = any(start <= local.hour * 60 + local.minute < end for start, end in hours.on(local.date()))
        sums["opened"] += opened
        sums["booked"] += bool(by)
        sums["used"] += at < now and any(each.used for each in by)
        sums["free"] += opened and not by and not any(start <= at < end for start, end in blocked)
        taken[local.weekday(), local.hour] += bool(by)
    peaks = sorted((hour for hour in taken if taken[hour]), key=lambda hour: (-taken[hour], hour))[:3]
    begun = sum(low <= each.start < high for each in uses)
    told = tuple(f"{DAYS[day]} {hour:02}:00" for day, hour in peaks)
    return Week(monday, sums["opened"], sums["booked"], sums["used"], sums["free"], begun, told)


@given(
    st.sampled_from([SPRING, SUMMER, AUTUMN]),
    st.lists(stretches, max_size=5),
    st.lists(stretches, max_size=2),
    st.lists(opening, max_size=2),
    st.integers(0, 10_000),
)
@settings(max_examples=25, deadline=None)
def test_it_equals_counting_minute_by_minute(
    monday: date,
    booked: list[tuple[int, int, bool]],
    others: list[tuple[int, int, bool]],
    weekly: list[OpeningHours],
    passed: int,
) -> None:
    dated = (DatedHours(monday + timedelta(days=2)), DatedHours(monday + timedelta(days=6), 60, 300))
    hours = Hours(tuple(weekly), dated if weekly else (), BERLIN)
    low = bounds(monday, BERLIN).start
    uses = [Use(low + at, low + at + length, used) for at, length, used in booked]
    blocked = [Interval(low + at, low + at + length) for at, length, _ in others]
    assert reckoned(hours, monday, uses, blocked, low + passed) == counted(hours, monday, uses, blocked, low + passed)


@pytest.mark.parametrize(("monday", "hours"), [(SPRING, 167), (SUMMER, 168), (AUTUMN, 169)])
def test_a_week_has_as_many_hours_as_the_clock_gives_it(monday: date, hours: int) -> None:
    week = reckoned(ALWAYS, monday, [], [], 0)
    assert (week.opened, week.free, week.booked, week.peaks) == (hours * 60, hours * 60, 0, ())


def test_what_is_booked_twice_is_counted_once_and_what_is_to_come_was_not_used() -> None:
    low = bounds(SUMMER, BERLIN).start
    uses = [Use(low, low + 120), Use(low + 60, low + 180), Use(low + 600, low + 660, used=False)]
    week = reckoned(ALWAYS, SUMMER, uses, [], low + 90)
    assert (week.booked, week.used, week.bookings) == (240, 90, 3)
    assert week.peaks == ("Mon 00:00", "Mon 01:00", "Mon 02:00")


def test_the_weeks_are_whole() -> None:
    assert mondays(date(2026, 11, 25), date(2026, 11, 30)) == [date(2026, 11, 23), date(2026, 11, 30)]
    assert mondays(date(2026, 11, 23), date(2026, 11, 29)) == [date(2026, 11, 23)]
    assert bounds(date(2026, 11, 23), "UTC").start * 60 == int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
