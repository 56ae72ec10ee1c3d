"""Whether the dates of a booking leave each other enough time: daily ones, a change of the clock, and single ones."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from services.meetings.booking import overlaps_itself
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import minute
from services.recurrence.types import ExtraDate, Schedule
from services.recurrence.zones import to_utc

ZONE = "America/Denver"
START = datetime.fromisoformat("2026-11-24T10:00")
SINCE = minute(to_utc(START, ZONE))


def daily(minutes: int, *extra: ExtraDate) -> Schedule:
    return Schedule(START, ZONE, minutes, parse_rule("FREQ=DAILY"), extra)


@pytest.mark.parametrize(
    ("minutes", "gap", "overlaps"),
    [(1_200, 0, False), (1_140, 60, False), (1_380, 0, False), (1_381, 0, True), (1_320, 61, True), (1_440, 0, True)],
)
def test_daily_dates_may_last_until_the_next_one_on_the_shortest_day_of_the_year(
    minutes: int, gap: int, overlaps: bool
) -> None:
    assert overlaps_itself(Pattern(zone=ZONE, schedule=daily(minutes)), gap, SINCE) == overlaps


def test_dates_besides_those_of_the_rule_are_looked_at_however_short_they_are() -> None:
    half_past = START.replace(day=25, minute=30)
    moved = Slot(date(2026, 11, 26), 0, half_past, 60)
    assert overlaps_itself(Pattern(zone=ZONE, schedule=daily(60), slots=(moved,)), 0, SINCE)
    assert overlaps_itself(Pattern(zone=ZONE, slots=(moved, Slot(moved.date, 0, half_past, 30))), 0, SINCE)
    extra = ExtraDate(half_past.date(), 1, half_past.time())
    assert overlaps_itself(Pattern(zone=ZONE, schedule=daily(60, extra)), 0, SINCE)
    assert not overlaps_itself(Pattern(zone=ZONE, schedule=daily(60)), 0, SINCE)
