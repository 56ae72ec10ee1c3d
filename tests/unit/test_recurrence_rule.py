"""The RRULE shapes that exist here, and those that are refused."""

# ruff: noqa: DTZ001 - the local times of a series are naive

from __future__ import annotations

import contextlib
import itertools
from datetime import date, datetime

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings

from services.recurrence import days
from services.recurrence.rule import check_rule, format_rule, parse_rule, rrule_value
from services.recurrence.types import ByDay, Frequency, RecurrenceError, Rule, Schedule
from tests.unit.recurrence_strategies import schedules

NOVEMBER = datetime(2026, 11, 24, 19)
"""A fourth Tuesday."""


@given(schedules())
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read_back(schedule: Schedule) -> None:
    if schedule.rule is not None:
        assert parse_rule(format_rule(schedule.rule)) == schedule.rule


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("FREQ=DAILY;INTERVAL=1", "FREQ=DAILY"),
        ("freq=weekly;byday=th,tu;", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("BYDAY=TU,TU;FREQ=WEEKLY;WKST=SU", "FREQ=WEEKLY;BYDAY=TU;WKST=SU"),
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "FREQ=MONTHLY;BYDAY=2TU"),
        ("FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1,1", "FREQ=MONTHLY;BYDAY=-1FR,1FR"),
        ("FREQ=MONTHLY;BYDAY=+2TU,4TU,-1FR", "FREQ=MONTHLY;BYDAY=2TU,4TU,-1FR"),
        ("FREQ=MONTHLY;BYMONTHDAY=15,-1;COUNT=10000", "FREQ=MONTHLY;BYMONTHDAY=-1,15;COUNT=10000"),
        ("FREQ=YEARLY", "FREQ=MONTHLY;INTERVAL=12"),
        ("FREQ=YEARLY;INTERVAL=2;COUNT=5", "FREQ=MONTHLY;INTERVAL=24;COUNT=5"),
        ("FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=24", "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=24"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=4TU;UNTIL=20301231", "FREQ=MONTHLY;INTERVAL=12;BYDAY=4TU;UNTIL=20301231"),
        ("FREQ=YEARLY;BYMONTH=11;BYDAY=TU;BYSETPOS=-1", "FREQ=MONTHLY;INTERVAL=12;BYDAY=-1TU"),
        ("FREQ=YEARLY;BYMONTH=5,11;BYDAY=4TU", "FREQ=MONTHLY;INTERVAL=6;BYDAY=4TU"),
        ("FREQ=YEARLY;BYMONTH=11,2,5,8;COUNT=9", "FREQ=MONTHLY;INTERVAL=3;COUNT=9"),
        ("FREQ=YEARLY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12;BYDAY=4TU", "FREQ=MONTHLY;BYDAY=4TU"),
        ("FREQ=MONTHLY;BYMONTH=11;BYDAY=TU;BYSETPOS=4", "FREQ=MONTHLY;INTERVAL=12;BYDAY=4TU"),
        ("FREQ=MONTHLY;BYMONTH=3,7,11", "FREQ=MONTHLY;INTERVAL=4"),
        ("FREQ=YEARLY;BYMONTHDAY=24", "FREQ=MONTHLY;BYMONTHDAY=24"),
        ("FREQ=YEARLY;BYDAY=TU,TH", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("FREQ=WEEKLY;UNTIL=20270131", "FREQ=WEEKLY;UNTIL=20270131"),
        ("FREQ=WEEKLY;UNTIL=20270131T235959", "FREQ=WEEKLY;UNTIL=20270131"),
        ("FREQ=WEEKLY;UNTIL=20270201T065959Z", "FREQ=WEEKLY;UNTIL=20270131"),
        ("FREQ=WEEKLY;UNTIL=20270202T020000Z", "FREQ=WEEKLY;UNTIL=20270201"),
        ("FREQ=WEEKLY;UNTIL=20270202T015959Z", "FREQ=WEEKLY;UNTIL=20270131"),
    ],
)
def test_a_rule_has_one_canonical_text(text: str, canonical: str) -> None:
    start = datetime(2026, 11, 24, 19)
    assert format_rule(parse_rule(text, "America/Denver", start)) == canonical


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "part"),
        ("RRULE:FREQ=DAILY", "property name"),
        ("FREQ=DAILY\nEXRULE:FREQ=WEEKLY", "FREQ"),
        ("EXRULE=1", "EXRULE"),
        ("INTERVAL=2", "FREQ"),
        ("FREQ=SECONDLY", "FREQ"),
        ("FREQ=MINUTELY", "FREQ"),
        ("FREQ=HOURLY", "FREQ"),
        ("FREQ=YEARLY;BYDAY=2SA", "BYMONTH"),
        ("FREQ=YEARLY;BYDAY=TU;BYMONTHDAY=24", "BYMONTH"),
        ("FREQ=YEARLY;INTERVAL=2;BYMONTHDAY=24", "BYMONTH"),
        ("FREQ=YEARLY;BYDAY=TU;BYSETPOS=20", "BYMONTH"),
        ("FREQ=YEARLY;BYMONTH=3,9;BYDAY=2SA", "month of the start"),
        ("FREQ=YEARLY;BYMONTH=13", "month of the start"),
        ("FREQ=YEARLY;INTERVAL=84", "83"),
        ("FREQ=MONTHLY;BYMONTH=3", "month of the start"),
        ("FREQ=DAILY;FREQ=DAILY", "once"),
        ("FREQ=DAILY;COUNT=", "value"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=1001", "INTERVAL"),
        ("FREQ=DAILY;INTERVAL=²", "INTERVAL"),
        ("FREQ=DAILY;COUNT=0", "COUNT"),
        ("FREQ=DAILY;COUNT=10001", "COUNT"),
        ("FREQ=DAILY;COUNT=1000000000000", "COUNT"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "exclude"),
        ("FREQ=DAILY;UNTIL=20270230", "UNTIL"),
        ("FREQ=DAILY;UNTIL=2027", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20270101T250000", "UNTIL"),
        ("FREQ=DAILY;UNTIL=20270101T000000Z", "time zone"),
        ("FREQ=DAILY;BYHOUR=9", "BYHOUR"),
        ("FREQ=DAILY;BYMINUTE=9", "BYMINUTE"),
        ("FREQ=DAILY;BYMONTH=2", "BYMONTH"),
        ("FREQ=DAILY;BYYEARDAY=2", "BYYEARDAY"),
        ("FREQ=DAILY;X-NAME=2", "X-NAME"),
        ("FREQ=DAILY;INTERVAL=2;BYDAY=MO", "WEEKLY"),
        ("FREQ=DAILY;BYMONTHDAY=-1", "MONTHLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=13", "MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=2TU", "MONTHLY"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
        ("FREQ=WEEKLY;WKST=XX", "WKST"),
        ("FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1", "BYSETPOS"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1", "BYSETPOS"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6", "BYSETPOS"),
        ("FREQ=MONTHLY;BYDAY=0TU", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=6TU", "BYDAY"),
        ("FREQ=MONTHLY;BYDAY=TU,2WE", "mixture"),
        ("FREQ=MONTHLY;BYDAY=4TU,-1TU", "same date"),
        ("FREQ=MONTHLY;BYDAY=5TU,-1TU", "same date"),
        ("FREQ=MONTHLY;BYDAY=TU;BYMONTHDAY=1", "together"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY"),
        ("FREQ=MONTHLY;BYMONTHDAY=" + ",".join(["1"] * 401), "400"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=" + ",".join(["1"] * 401), "400"),
        ("FREQ=DAILY;" * 1000, "longer"),
    ],
)
def test_other_shapes_are_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(RecurrenceError, match=says) as refusal:
        parse_rule(text)
    assert refusal.value.field == "rule"


MONTHS_OF = [
    months for size in range(1, 13) for months in itertools.combinations(range(1, 13), size) if NOVEMBER.month in months
]


@pytest.mark.parametrize(
    "form",
    [
        "FREQ=YEARLY;BYMONTH={}",
        "FREQ=YEARLY;BYMONTH={};BYDAY=4TU",
        "FREQ=YEARLY;BYMONTH={};BYDAY=TU,TH;COUNT=40",
        "FREQ=MONTHLY;BYMONTH={};BYMONTHDAY=24,-7",
        "FREQ=MONTHLY;BYMONTH={};BYDAY=TU;BYSETPOS=4",
    ],
)
def test_of_all_sets_of_months_those_that_are_read_give_the_dates_of_an_independent_program(form: str) -> None:
    """From the month of the start on: once, twice, three, four, six times a year, or in every month."""
    read = []
    for months in MONTHS_OF:
        text = form.format(",".join(map(str, months)))
        with contextlib.suppress(RecurrenceError):
            rule = parse_rule(text, None, NOVEMBER)
            read.append(months)
            _refuse_other_dates(text, rule)
    assert [len(each) for each in read] == ([1, 2, 3, 4, 6, 12])


@pytest.mark.parametrize("text", ["FREQ=YEARLY;BYDAY=TU,TH", "FREQ=YEARLY;BYMONTHDAY=24,-1", "FREQ=YEARLY;INTERVAL=3"])
def test_a_yearly_rule_without_months_gives_the_dates_of_an_independent_program(text: str) -> None:
    _refuse_other_dates(text, parse_rule(text, None, NOVEMBER))


def _refuse_other_dates(text: str, rule: Rule) -> None:
    until = datetime(2040, 1, 1)
    theirs = [each.date() for each in rrulestr(text, dtstart=NOVEMBER).between(NOVEMBER, until, inc=True)]
    assert list(days.expand(NOVEMBER.date(), rule, NOVEMBER.date(), until.date())) == theirs


def test_a_rule_made_by_hand_is_checked_as_well() -> None:
    with pytest.raises(RecurrenceError, match="ordinals"):
        check_rule(Rule(Frequency.MONTHLY, by_day=(ByDay(1, 6),)))
    with pytest.raises(RecurrenceError, match="WKST"):
        check_rule(Rule(Frequency.WEEKLY, week_start=7))


def test_until_in_a_feed_is_the_instant_of_the_last_possible_start() -> None:
    rule = parse_rule("FREQ=WEEKLY;UNTIL=20270131")
    schedule = Schedule(datetime(2026, 11, 22, 19), "America/Denver", 60, rule)
    assert rrule_value(rule, schedule) == "FREQ=WEEKLY;UNTIL=20270201T020000Z"
    assert rrule_value(Rule(Frequency.WEEKLY), schedule) == "FREQ=WEEKLY"


def test_until_at_an_hour_that_occurs_twice_is_the_later_instant() -> None:
    rule = Rule(Frequency.WEEKLY, until=date(2026, 11, 1))
    schedule = Schedule(datetime(2026, 10, 25, 1, 30), "America/Denver", 60, rule)
    assert rrule_value(rule, schedule) == "FREQ=WEEKLY;UNTIL=20261101T083000Z"
