"""A pattern cut at an instant: every stretch is in one of the two, where it belongs, with its key."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recurrence.parting import ends, last_over, parted, without_key
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import minute, stretches
from services.recurrence.types import ExtraDate, Frequency, Key, Rule, Schedule
from tests.unit import recurrence_model as model
from tests.unit.recurrence_strategies import FIRST, ZONES, schedules

LOW = minute(datetime(2025, 1, 1, tzinfo=UTC))
HIGH = minute(datetime(2028, 1, 1, tzinfo=UTC))
WEEKLY = Schedule(datetime.fromisoformat("2026-11-24T19:00"), "America/Denver", 60, Rule(Frequency.WEEKLY))


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    schedule = draw(schedules())
    keys = model.keys(schedule, FIRST + timedelta(days=200))
    without = draw(st.lists(st.sampled_from(keys), max_size=4, unique=True))
    moved = draw(st.lists(st.tuples(st.sampled_from(keys), st.integers(-40, 40), st.integers(0, 23)), max_size=4))
    slots = {
        Slot(key.date, key.ordinal, datetime.combine(key.date, time(hour)) + timedelta(n), 45) for key, n, hour in moved
    }
    whole = draw(st.integers(0, 4))
    return Pattern(
        zone=schedule.zone if whole else draw(st.sampled_from(ZONES)),
        schedule=schedule if whole else None,
        without=tuple(sorted(without)) if whole else (),
        slots=tuple(sorted(slots, key=lambda slot: (slot.key, slot.start))),
    )


@given(patterns(), st.integers(-60, 400), st.integers(0, 1439))
def test_each_stretch_is_over_or_to_come_and_keeps_its_key(pattern: Pattern, days: int, minutes: int) -> None:
    at = minute(datetime(2026, 2, 20, tzinfo=UTC) + timedelta(days=days)) + minutes
    past, coming = parted(pattern, at)
    every = stretches(pattern, LOW, HIGH)
    assert stretches(past, LOW, HIGH) == [each for each in every if each.end <= at]
    assert stretches(coming, LOW, HIGH) == [each for each in every if each.end > at]
    assert last_over(pattern, at) == max((each.end for each in every if each.end <= at), default=None)


@given(patterns(), st.integers(-60, 400))
@settings(max_examples=50)
def test_cut_twice_nothing_is_in_both_pieces(pattern: Pattern, days: int) -> None:
    at = minute(datetime(2026, 2, 20, tzinfo=UTC) + timedelta(days=days))
    first, coming = parted(pattern, at)
    second, rest = parted(coming, at + 3 * 24 * 60)
    pieces = [*stretches(first, LOW, HIGH), *stretches(second, LOW, HIGH), *stretches(rest, LOW, HIGH)]
    assert sorted(pieces) == sorted(stretches(pattern, LOW, HIGH))


def test_where_nothing_is_over_the_rest_is_the_pattern_itself() -> None:
    pattern = Pattern(zone=WEEKLY.zone, schedule=WEEKLY)
    past, coming = parted(pattern, minute(datetime(2026, 11, 25, 2, 59, tzinfo=UTC)))
    assert coming is pattern
    assert past.empty()


def test_a_date_that_ends_at_that_minute_is_over() -> None:
    past, coming = parted(Pattern(zone=WEEKLY.zone, schedule=WEEKLY), minute(datetime(2026, 11, 25, 3, tzinfo=UTC)))
    assert [each.key for each in stretches(past, LOW, HIGH)] == [Key(date(2026, 11, 24))]
    assert coming.schedule is not None
    assert coming.schedule.start == datetime.fromisoformat("2026-12-01T19:00")


def test_a_count_goes_on_counting() -> None:
    counted = msgspec.structs.replace(WEEKLY, rule=Rule(Frequency.WEEKLY, count=3))
    _, coming = parted(Pattern(zone=WEEKLY.zone, schedule=counted), minute(datetime(2026, 12, 3, tzinfo=UTC)))
    assert coming.schedule is not None
    assert coming.schedule.rule == Rule(Frequency.WEEKLY, count=1)


@pytest.mark.parametrize(
    ("rule", "end"), [(None, datetime(2026, 11, 25, 3, tzinfo=UTC)), (Rule(Frequency.WEEKLY), None)]
)
def test_the_end_of_a_pattern(rule: Rule | None, end: datetime | None) -> None:
    pattern = Pattern(zone=WEEKLY.zone, schedule=msgspec.structs.replace(WEEKLY, rule=rule))
    assert ends(pattern) == (None if end is None else minute(end))


def test_the_end_counts_extra_dates_and_moved_ones() -> None:
    schedule = msgspec.structs.replace(WEEKLY, rule=None, extra=(ExtraDate(date(2026, 12, 9)),))
    slot = Slot(date(2026, 11, 24), 0, datetime.fromisoformat("2026-12-20T09:00"), 30)
    assert ends(Pattern(zone=WEEKLY.zone, schedule=schedule)) == minute(datetime(2026, 12, 10, 3, tzinfo=UTC))
    assert ends(Pattern(zone="UTC", slots=(slot,))) == minute(datetime(2026, 12, 20, 9, 30, tzinfo=UTC))
    assert ends(Pattern(zone="UTC")) == 0


def test_a_date_is_taken_out_wherever_it_was() -> None:
    slots = (Slot(date(2026, 12, 1), 0, datetime.fromisoformat("2026-12-02T09:00"), 30),)
    pattern = Pattern(zone=WEEKLY.zone, schedule=WEEKLY, slots=slots)
    for key in (Key(date(2026, 12, 1)), Key(date(2026, 12, 8))):
        pattern = without_key(pattern, key)
    found = stretches(pattern, LOW, minute(datetime(2026, 12, 20, tzinfo=UTC)))
    assert [each.key for each in found] == [Key(date(2026, 11, 24)), Key(date(2026, 12, 15))]
