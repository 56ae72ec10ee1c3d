"""Edits of a series and what was recorded about single dates: the table of scopes, row by row, and as laws."""
# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from services.recurrence.edits import (
    Orphaned,
    between_parts,
    derive_start,
    map_date,
    reschedule,
    same_days,
    split,
)
from services.recurrence.rule import format_rule, parse_rule
from services.recurrence.schedule import check, dates, first_key, has, last_key, occurrence, recurrence_id
from services.recurrence.types import Deviation, ExtraDate, Key, RecurrenceError, Schedule
from tests.unit import recurrence_model as model
from tests.unit.recurrence_strategies import FIRST, HORIZON, deviations, schedules


class Change(Deviation, frozen=True, kw_only=True):
    """What a service makes of a deviation."""

    title: str | None = None


def _series(rule: str, start: datetime = datetime(2026, 11, 24, 19), *extra: ExtraDate) -> Schedule:
    return Schedule(start, "America/Denver", 60, parse_rule(rule) if rule else None, extra)


NONE: tuple[Deviation, ...] = ()
TUESDAYS = _series("FREQ=WEEKLY;BYDAY=TU")
THURSDAYS = _series("FREQ=WEEKLY;BYDAY=TH", datetime(2026, 11, 26, 19))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_the_dates_of_both_parts_are_the_old_dates(data: st.DataObject) -> None:
    schedule = data.draw(schedules())
    changed = data.draw(deviations(schedule))
    keys = model.keys(schedule, FIRST + timedelta(days=250))
    key = data.draw(st.sampled_from(keys))
    try:
        parts = split(schedule, changed, key)
    except RecurrenceError:
        # Only where a part would consist of the second occurrences of days alone.
        assert all(k.ordinal for k in keys if k.date >= key.date) or all(k.ordinal for k in keys if k.date < key.date)
        return
    if parts is None:
        assert key.date == keys[0].date
        return
    before, after = parts
    check(before.schedule)
    check(after.schedule)
    assert model.keys(before.schedule, HORIZON) + model.keys(after.schedule, HORIZON) == model.keys(schedule, HORIZON)
    assert before.deviations + after.deviations == changed
    assert first_key(after.schedule).date == key.date
    between_parts(last_key(before.schedule), after.schedule, None)
    for part in parts:
        for each in dates(part.schedule, until=HORIZON):
            assert recurrence_id(part.schedule, each) == recurrence_id(schedule, each)


def test_a_count_is_shared_out_between_the_parts() -> None:
    parts = split(_series("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=7"), NONE, Key(date(2026, 12, 8)))
    assert parts is not None
    rules = [part.schedule.rule for part in parts]
    assert [format_rule(rule) for rule in rules if rule] == [
        "FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261203",
        "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3",
    ]


def test_a_split_at_an_extra_date_keeps_it_before_the_start_of_the_second_part() -> None:
    extra = ExtraDate(date(2026, 12, 3), 0, time(9))
    parts = split(_series("FREQ=WEEKLY", TUESDAYS.start, extra), NONE, extra.key)
    assert parts is not None
    assert parts[0].schedule.extra == ()
    assert parts[1].schedule.start == datetime(2026, 12, 8, 19)
    assert list(dates(parts[1].schedule, until=date(2026, 12, 8))) == [extra.key, Key(date(2026, 12, 8))]


def test_a_split_at_an_extra_date_after_the_rule_starts_with_it() -> None:
    first, second = ExtraDate(date(2027, 1, 5), 0, time(9)), ExtraDate(date(2027, 1, 9))
    parts = split(_series("FREQ=WEEKLY;COUNT=2", TUESDAYS.start, first, second), NONE, first.key)
    assert parts is not None
    assert parts[0].schedule.rule == parse_rule("FREQ=WEEKLY;COUNT=2")
    assert parts[1].schedule.start == datetime(2027, 1, 5, 9)
    assert parts[1].schedule.extra == (ExtraDate(date(2027, 1, 9), 0, time(19)),)


def test_a_date_that_is_none_splits_nothing() -> None:
    with pytest.raises(RecurrenceError) as refusal:
        split(TUESDAYS, NONE, Key(date(2026, 11, 25)))
    assert refusal.value.field == "occurrence"


def test_following_sends_exceptions_on_or_after_the_date_to_the_new_part() -> None:
    changed = [Change(date=date(2026, 12, day), title=str(day)) for day in (1, 8, 15)]
    parts = split(TUESDAYS, changed, Key(date(2026, 12, 8)))
    assert parts is not None
    assert [each.title for each in parts[0].deviations] == ["1"]
    assert [each.title for each in parts[1].deviations] == ["8", "15"]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_exceptions_on_dates_that_still_exist_survive_any_edit_of_the_days(data: st.DataObject) -> None:
    old, new = data.draw(schedules()), data.draw(schedules())
    changed = data.draw(deviations(old))
    orphans = data.draw(st.sampled_from(["keep", "drop"]))
    try:
        result, left = reschedule(old, new, changed, orphans)  # type: ignore[arg-type]  # drawn from its literals
    except RecurrenceError:
        reject()  # two hours collide on one date
    for each in changed:
        stays = has(new, each.key) or (orphans == "keep" and not each.cancelled)
        assert (each in left, has(result, each.key)) == (stays, stays)
    assert set(model.keys(new, HORIZON)) <= set(model.keys(result, HORIZON))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_an_edit_of_the_hour_leaves_every_exception(data: st.DataObject) -> None:
    old = data.draw(schedules())
    changed = data.draw(deviations(old))
    new = msgspec.structs.replace(old, start=old.start.replace(hour=6, minute=10), minutes=45)
    assert same_days(old, new)
    assert reschedule(old, new, changed, None) == (new, changed)
    for each in changed:
        assert occurrence(new, each.key, each).cancelled == each.cancelled
        if each.start:
            assert occurrence(new, each.key, each).local == each.start


def test_the_first_date_can_be_deleted_and_no_edit_brings_it_back() -> None:
    gone = (Change(date=date(2026, 11, 24), cancelled=True),)
    more = _series("FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20270601")
    assert reschedule(TUESDAYS, more, gone, None) == (more, gone)


def test_a_cancellation_of_a_date_that_is_gone_is_dropped() -> None:
    gone = (Change(date=date(2026, 12, 1), cancelled=True, title="moved first", start=datetime(2026, 12, 2, 9)),)
    assert reschedule(TUESDAYS, THURSDAYS, gone, None) == (THURSDAYS, ())


def test_a_changed_date_that_is_gone_is_asked_about() -> None:
    changed = [Change(date=date(2026, 12, day), title="x") for day in (8, 1)]
    with pytest.raises(Orphaned) as question:
        reschedule(TUESDAYS, THURSDAYS, changed, None)
    assert question.value.keys == (Key(date(2026, 12, 1)), Key(date(2026, 12, 8)))
    assert reschedule(TUESDAYS, THURSDAYS, changed, "drop") == (THURSDAYS, ())


def test_a_changed_date_that_is_kept_becomes_an_extra_date_and_keeps_its_fields() -> None:
    changed = (Change(date=date(2026, 12, 1), title="x"),)
    schedule, left = reschedule(TUESDAYS, THURSDAYS, changed, "keep")
    assert schedule.extra == (ExtraDate(date(2026, 12, 1)),)
    assert left == changed


def test_an_extra_date_that_is_taken_away_and_kept_has_its_own_hour_still() -> None:
    extra = ExtraDate(date(2026, 12, 3), 1, time(9))
    old = msgspec.structs.replace(TUESDAYS, extra=(extra,))
    schedule, _ = reschedule(old, TUESDAYS, (Change(date=extra.date, ordinal=1, title="x"),), "keep")
    assert schedule.extra == (extra,)


@pytest.mark.parametrize(
    ("rule", "from_day", "not_before", "start"),
    [
        ("FREQ=WEEKLY;BYDAY=TH", None, None, date(2026, 11, 26)),
        ("FREQ=WEEKLY;BYDAY=MO", None, None, date(2026, 11, 23)),
        ("FREQ=WEEKLY;BYDAY=MO", None, date(2026, 11, 24), date(2026, 11, 30)),
        ("FREQ=WEEKLY;BYDAY=SU", None, None, date(2026, 11, 29)),
        ("FREQ=WEEKLY;BYDAY=SU;WKST=SU", None, None, date(2026, 11, 22)),
        ("FREQ=WEEKLY;BYDAY=MO,TU", None, None, date(2026, 11, 24)),
        ("FREQ=WEEKLY;BYDAY=WE", date(2026, 12, 8), None, date(2026, 12, 9)),
        ("FREQ=DAILY", None, None, date(2026, 11, 24)),
        ("FREQ=MONTHLY;BYDAY=2TU", None, None, date(2026, 11, 10)),
        ("FREQ=MONTHLY;BYDAY=2TU", None, date(2026, 11, 24), date(2026, 12, 8)),
        ("FREQ=MONTHLY;BYDAY=5SA", None, date(2026, 12, 1), date(2027, 1, 30)),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", None, None, date(2026, 11, 30)),
        ("", None, None, date(2026, 11, 24)),
    ],
)
def test_a_new_rule_without_a_start_begins_in_the_same_period(
    rule: str, from_day: date | None, not_before: date | None, start: date
) -> None:
    parsed = parse_rule(rule) if rule else None
    key = Key(from_day) if from_day else None
    found = derive_start(TUESDAYS, parsed, key, not_before)
    assert found == datetime.combine(start, time(19))
    check(Schedule(found, "America/Denver", 60, parsed))


@pytest.mark.parametrize(
    ("old", "new", "day", "mapped"),
    [
        (TUESDAYS, THURSDAYS, date(2026, 12, 1), date(2026, 12, 3)),
        (TUESDAYS, _series("FREQ=WEEKLY;BYDAY=TU,TH"), date(2026, 12, 1), date(2026, 12, 1)),
        (_series("FREQ=WEEKLY;BYDAY=TU,WE"), THURSDAYS, date(2026, 12, 1), date(2026, 12, 3)),
        (_series("FREQ=WEEKLY;BYDAY=TU,WE"), THURSDAYS, date(2026, 12, 2), None),
        (TUESDAYS, _series("FREQ=MONTHLY;BYDAY=4TH", datetime(2026, 11, 26, 19)), date(2026, 12, 8), None),
        (
            _series("FREQ=MONTHLY;BYDAY=4TU"),
            _series("FREQ=MONTHLY;BYDAY=1FR", datetime(2026, 11, 6, 19)),
            date(2026, 12, 22),
            date(2026, 12, 4),
        ),
        (_series(""), _series("", datetime(2027, 3, 1, 9)), date(2026, 11, 24), date(2027, 3, 1)),
        (TUESDAYS, THURSDAYS, date(2026, 12, 2), None),
        (TUESDAYS, _series("FREQ=WEEKLY;COUNT=1"), date(2026, 12, 1), None),
    ],
)
def test_old_dates_map_to_new_ones_of_the_same_period(
    old: Schedule, new: Schedule, day: date, mapped: date | None
) -> None:
    assert map_date(old, new, Key(day)) == (Key(mapped) if mapped else None)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_two_dates_map_to_one_and_those_that_exist_stay(data: st.DataObject) -> None:
    old, new = data.draw(schedules()), data.draw(schedules())
    keys = model.keys(old, FIRST + timedelta(days=120))
    mapped = {key: map_date(old, new, key) for key in keys}
    found = [key for key in mapped.values() if key is not None]
    assert len(found) == len(set(found))
    assert all(has(new, key) for key in found)
    assert all(mapped[key] == key for key in keys if has(new, key))


def test_a_part_lies_between_its_neighbours() -> None:
    until = _series("FREQ=WEEKLY;UNTIL=20261231")
    between_parts(Key(date(2026, 11, 23)), until, Key(date(2026, 12, 30)))
    between_parts(None, TUESDAYS, None)
    for previous, schedule, following in (
        (Key(date(2026, 11, 24)), until, None),
        (None, until, Key(date(2026, 12, 29), 1)),
        (None, TUESDAYS, Key(date(2036, 1, 1))),
    ):
        with pytest.raises(RecurrenceError) as refusal:
            between_parts(previous, schedule, following)
        assert refusal.value.field == "schedule"
