"""Schedules against the naive model: which dates there are and when they take place."""

# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recurrence import days
from services.recurrence import schedule as schedules_module
from services.recurrence.rule import parse_rule
from services.recurrence.schedule import (
    added,
    any_left,
    check,
    dates,
    first_key,
    has,
    last_end,
    last_key,
    occurrence,
    occurrences,
    recurrence_id,
)
from services.recurrence.types import Deviation, ExtraDate, Key, RecurrenceError, Schedule
from services.recurrence.zones import zone
from tests.unit import recurrence_model as model
from tests.unit.recurrence_strategies import FIRST, HORIZON, deviations, schedules

TUESDAYS = Schedule(datetime(2026, 11, 24, 19), "America/Denver", 60, parse_rule("FREQ=WEEKLY;BYDAY=TU"))


def _with(rule: str = "", *extra: ExtraDate, start: datetime = TUESDAYS.start) -> Schedule:
    return Schedule(start, "America/Denver", 60, parse_rule(rule) if rule else None, extra)


@given(schedules())
@settings(max_examples=150, deadline=None)
def test_every_shape_expands_as_the_naive_model_does(schedule: Schedule) -> None:
    check(schedule)
    assert list(dates(schedule, until=HORIZON)) == model.keys(schedule, HORIZON)


@given(schedules(), st.integers(0, 300), st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_a_window_of_dates_is_cut_from_the_whole(schedule: Schedule, begin: int, length: int) -> None:
    since = FIRST + timedelta(days=begin)
    until = since + timedelta(days=length)
    assert list(dates(schedule, since, until)) == [k for k in model.keys(schedule, until) if k.date >= since]


@given(schedules())
@settings(max_examples=60, deadline=None)
def test_has_is_membership(schedule: Schedule) -> None:
    keys = set(model.keys(schedule, HORIZON))
    every = [Key(FIRST + timedelta(days=n), ordinal) for n in range(-30, 400) for ordinal in range(3)]
    assert [key for key in every if has(schedule, key)] == [key for key in every if key in keys]


@given(schedules(limited=True))
@settings(max_examples=60, deadline=None)
def test_the_last_date_of_a_series_that_ends_is_its_last(schedule: Schedule) -> None:
    keys = model.keys(schedule, date(2029, 6, 30))
    assert (first_key(schedule), last_key(schedule)) == (keys[0], keys[-1])


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_what_takes_place_in_a_window_equals_the_naive_model(data: st.DataObject) -> None:
    schedule = data.draw(schedules())
    changed = data.draw(deviations(schedule))
    since = datetime.combine(FIRST, time(2, 30), UTC) + timedelta(hours=data.draw(st.integers(-500, 6000)))
    until = since + timedelta(hours=data.draw(st.integers(1, 500)))
    horizon = until.date() + timedelta(days=90)
    found = [(o.start, o.key, o.end, o.cancelled) for o in occurrences(schedule, changed, since, until)]
    assert found == model.taking_place(schedule, changed, zone(schedule.zone), (since, until), horizon)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_last_end_counts_moved_dates(data: st.DataObject) -> None:
    schedule = data.draw(schedules(limited=True))
    changed = data.draw(deviations(schedule))
    ever = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
    found = model.taking_place(schedule, changed, zone(schedule.zone), ever, date(2029, 6, 30))
    assert last_end(schedule, changed) == max(end for _, _, end, _ in found)
    assert any_left(schedule, changed) == any(not cancelled for *_, cancelled in found)


def test_nineteen_stays_nineteen_across_both_clock_changes() -> None:
    year = (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))
    found = occurrences(TUESDAYS, (), *year)
    assert {o.local.time() for o in found} == {time(19)}
    assert {o.start.time() for o in found} == {time(1), time(2)}
    assert {o.start.astimezone(zone("America/Denver")).time() for o in found} == {time(19)}


def test_a_date_moved_into_the_window_is_found_and_one_moved_out_is_not() -> None:
    moved = Deviation(date=date(2026, 12, 1), start=datetime(2027, 3, 3, 18))
    there = (datetime(2027, 3, 3, 6, tzinfo=UTC), datetime(2027, 3, 5, tzinfo=UTC))
    here = (datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 4, tzinfo=UTC))
    assert [o.key for o in occurrences(TUESDAYS, [moved], *there)] == [Key(date(2026, 12, 1))]
    assert occurrences(TUESDAYS, [moved], *here) == []


def test_a_deviation_of_a_date_that_is_none_changes_nothing() -> None:
    stray = Deviation(date=date(2026, 12, 2), start=datetime(2026, 12, 3, 18))
    window = (datetime(2026, 12, 2, 6, tzinfo=UTC), datetime(2026, 12, 8, tzinfo=UTC))
    assert occurrences(TUESDAYS, [stray], *window) == []


def test_what_ends_at_the_beginning_of_the_window_is_over() -> None:
    end = occurrence(TUESDAYS, Key(date(2026, 11, 24))).end
    assert occurrences(TUESDAYS, (), end, end + timedelta(minutes=1)) == []
    assert len(occurrences(TUESDAYS, (), end - timedelta(microseconds=1), end)) == 1
    assert occurrences(TUESDAYS, (), end, end) == []


def test_a_far_future_date_costs_no_expansion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(days, "_rrule")
    assert has(TUESDAYS, Key(date(9000, 1, 7)))
    assert not has(TUESDAYS, Key(date(9000, 1, 8)))


def test_any_time_can_be_asked_for() -> None:
    lowest, highest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    assert len(occurrences(_with("FREQ=WEEKLY;COUNT=3"), (), lowest, highest)) == 3
    assert occurrences(TUESDAYS, (), lowest, datetime(1999, 1, 1, tzinfo=UTC)) == []


def test_for_ever_has_no_last_date_and_an_end_is_found_however_far() -> None:
    assert last_key(TUESDAYS) is None
    assert last_end(TUESDAYS, ()) is None
    assert last_key(_with("FREQ=MONTHLY;INTERVAL=1000;COUNT=10000")) is not None
    assert last_key(_with("FREQ=DAILY;UNTIL=99991231")) == Key(days.LAST_DAY)


def test_the_hour_of_an_extra_date_is_its_own_or_that_of_the_series() -> None:
    own = ExtraDate(date(2026, 12, 24), 0, time(0, 0))
    plain = ExtraDate(date(2026, 12, 26))
    schedule = _with("FREQ=WEEKLY", own, plain)
    assert recurrence_id(schedule, own.key) == datetime(2026, 12, 24)
    assert recurrence_id(schedule, plain.key) == datetime(2026, 12, 26, 19)


def test_ordinal_0_on_a_date_of_the_rule_is_the_same_occurrence() -> None:
    schedule = _with("FREQ=WEEKLY", ExtraDate(date(2026, 12, 1)), ExtraDate(date(2026, 12, 1), 1, time(21)))
    check(schedule)
    assert list(dates(schedule, until=date(2026, 12, 2))) == [
        Key(date(2026, 11, 24)),
        Key(date(2026, 12, 1)),
        Key(date(2026, 12, 1), 1),
    ]
    assert [each.key for each in added(schedule)] == [Key(date(2026, 12, 1), 1)]


def test_a_series_with_every_date_cancelled_has_none_left() -> None:
    twice = _with("FREQ=WEEKLY;COUNT=2")
    gone = [Deviation(date=key.date, cancelled=True) for key in dates(twice)]
    assert not any_left(twice, gone)
    assert any_left(twice, gone[:1])
    assert any_left(TUESDAYS, gone)


@pytest.mark.parametrize(
    ("field", "schedule"),
    [
        ("start", _with("FREQ=WEEKLY;BYDAY=WE")),
        ("start", _with("FREQ=MONTHLY;BYDAY=2TU")),
        ("start", _with("FREQ=MONTHLY;BYMONTHDAY=31")),
        ("start", _with(start=datetime(2026, 11, 24, 19, tzinfo=UTC))),
        ("start", _with(start=datetime(2026, 11, 24, 19, 0, 30))),
        ("start", _with(start=datetime(1800, 1, 1))),
        ("rule", _with("FREQ=WEEKLY;UNTIL=20261123")),
        ("zone", Schedule(TUESDAYS.start, "Mars/Olympus", 60)),
        ("minutes", Schedule(TUESDAYS.start, "UTC", 0)),
        ("minutes", Schedule(TUESDAYS.start, "UTC", 44_641)),
        ("extra_dates[0].ordinal", _with("FREQ=WEEKLY", ExtraDate(date(2026, 12, 1), 0, time(9)))),
        ("extra_dates[0].ordinal", _with("", ExtraDate(date(2026, 12, 1), -1))),
        ("extra_dates[0].time", _with("FREQ=WEEKLY", ExtraDate(date(2026, 12, 1), 1, time(19)))),
        ("extra_dates[0].time", _with("", ExtraDate(date(2026, 12, 1), 0, time(19, 0, 1)))),
        ("extra_dates[1].time", _with("", ExtraDate(date(2026, 12, 1)), ExtraDate(date(2026, 12, 1), 1))),
        ("extra_dates[1].date", _with("", ExtraDate(date(2026, 12, 1)), ExtraDate(date(2026, 12, 1), 0, time(8)))),
        ("extra_dates[0].date", _with("", ExtraDate(date(9999, 12, 1)))),
        ("extra_dates", _with("", *(ExtraDate(date(2027, 1, 1) + timedelta(days=n)) for n in range(1001)))),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_with_its_field(field: str, schedule: Schedule) -> None:
    with pytest.raises(RecurrenceError) as refusal:
        check(schedule)
    assert refusal.value.field == field


def test_a_length_of_31_days_and_a_thousand_extra_dates_are_allowed() -> None:
    extra = tuple(ExtraDate(date(2027, 1, 1) + timedelta(days=n)) for n in range(schedules_module.MAX_EXTRA))
    check(Schedule(TUESDAYS.start, "UTC", schedules_module.MAX_MINUTES, None, extra))
