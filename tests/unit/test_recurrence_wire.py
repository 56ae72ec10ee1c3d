"""Schedules as messages, dates as text."""
# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given, settings
from openchair.meetings.v1 import meeting_pb2, schedule_pb2

from services.recurrence.types import Deviation, Key, RecurrenceError, Schedule
from services.recurrence.wire import from_schedule, key_text, parse_key, to_deviation, to_schedule
from tests.unit.recurrence_strategies import schedules


@given(schedules())
@settings(max_examples=80, deadline=None)
def test_a_schedule_survives_the_wire(schedule: Schedule) -> None:
    sent = from_schedule(schedule).SerializeToString()
    assert to_schedule(schedule_pb2.Schedule.FromString(sent)) == schedule


def _message(**fields: object) -> schedule_pb2.Schedule:
    good = {"start": "2026-11-24T19:00", "time_zone": "America/Denver", "minutes": 60, "rule": "FREQ=WEEKLY"}
    return schedule_pb2.Schedule(**{**good, **fields})  # type: ignore[arg-type]  # fields of several types


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("start", {"start": ""}),
        ("start", {"start": "2026-11-24"}),
        ("start", {"start": "2026-11-24T19:00:30"}),
        ("start", {"start": "2026-11-24T19:00Z"}),
        ("start", {"start": "2026-11-31T19:00"}),
        ("time_zone", {"time_zone": ""}),
        ("time_zone", {"time_zone": "../Denver"}),
        ("minutes", {"minutes": 0}),
        ("minutes", {"minutes": 44_641}),
        ("rule", {"rule": "FREQ=HOURLY"}),
        ("extra_dates[1].date", {"extra_dates": [{"date": "2026-12-24"}, {"date": "20261224"}]}),
        ("extra_dates[0].time", {"extra_dates": [{"date": "2026-12-24", "time": "7pm"}]}),
        ("extra_dates[0].ordinal", {"extra_dates": [{"date": "2026-12-24", "ordinal": -1}]}),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_field(field: str, fields: dict[str, object]) -> None:
    with pytest.raises(RecurrenceError) as refusal:
        to_schedule(_message(**fields))
    assert refusal.value.field == field


def test_seconds_may_stand_if_they_are_none_and_until_in_utc_is_read_in_the_zone() -> None:
    schedule = to_schedule(_message(start="2026-11-24T19:00:00", rule="FREQ=WEEKLY;UNTIL=20270106T020000Z"))
    assert schedule.start == datetime(2026, 11, 24, 19)
    assert schedule.rule is not None
    assert schedule.rule.until == date(2027, 1, 5)


def test_a_deviation_holds_only_what_was_set() -> None:
    bare = meeting_pb2.OccurrenceChange(date="2026-11-24", ordinal=1, title="Speaker")
    assert to_deviation(bare) == Deviation(date=date(2026, 11, 24), ordinal=1)
    full = meeting_pb2.OccurrenceChange(date="2026-11-24", cancelled=True, start="2026-11-25T18:00", minutes=90)
    moved = datetime(2026, 11, 25, 18)
    assert to_deviation(full) == Deviation(date=date(2026, 11, 24), cancelled=True, start=moved, minutes=90)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("date", meeting_pb2.OccurrenceChange()),
        ("ordinal", meeting_pb2.OccurrenceChange(date="2026-11-24", ordinal=100)),
        ("start", meeting_pb2.OccurrenceChange(date="2026-11-24", start="")),
        ("start", meeting_pb2.OccurrenceChange(date="2026-11-24", start="9999-12-31T23:00")),
        ("minutes", meeting_pb2.OccurrenceChange(date="2026-11-24", minutes=0)),
    ],
)
def test_a_deviation_that_cannot_be_is_refused(field: str, message: meeting_pb2.OccurrenceChange) -> None:
    with pytest.raises(RecurrenceError) as refusal:
        to_deviation(message)
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("text", "key"), [("20261124", Key(date(2026, 11, 24))), ("20261124-12", Key(date(2026, 11, 24), 12))]
)
def test_a_date_has_one_text(text: str, key: Key) -> None:
    assert key_text(key) == text
    assert parse_key(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "20261131",
        "20261124-0",
        "20261124-01",
        "20261124-100",
        "99991231",
        "00010101",
        "\uff120261124",
    ],
)
def test_no_other_text_is_a_date(text: str) -> None:
    with pytest.raises(RecurrenceError):
        parse_key(text)
