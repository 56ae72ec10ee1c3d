"""What repeats: as a rule of ours, as dates, or refused with the line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.system.ics_hostile import EVENTS
from tests.unit.ics_examples import START, event, only, ours, read, refusal, starts, text, theirs

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
ENDS = datetime(2027, 12, 31, 12, tzinfo=UTC)


def ruled(rule: str, *more: str, start: str = START) -> list[str]:
    return event(f"RRULE:{rule}", *more, start=start)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=WEEKLY;BYDAY=MO,WE"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=19;BYMINUTE=0;BYSECOND=0", "FREQ=WEEKLY;BYDAY=MO"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=1", "FREQ=MONTHLY;BYDAY=1MO"),
        ("FREQ=DAILY;UNTIL=20260110T180000Z", "FREQ=DAILY;UNTIL=20260110"),
        ("FREQ=DAILY;UNTIL=20260110T175959Z", "FREQ=DAILY;UNTIL=20260109"),
        ("FREQ=DAILY;UNTIL=20260110T190000", "FREQ=DAILY;UNTIL=20260110"),
        ("FREQ=DAILY;UNTIL=20260110", "FREQ=DAILY;UNTIL=20260110"),
        ("FREQ=WEEKLY;COUNT=10", "FREQ=WEEKLY;COUNT=10"),
        ("FREQ=YEARLY;COUNT=3", "FREQ=MONTHLY;INTERVAL=12;COUNT=3"),
        ("FREQ=YEARLY;BYMONTH=1;BYDAY=1MO", "FREQ=MONTHLY;INTERVAL=12;BYDAY=1MO"),
    ],
)
def test_a_rule_that_we_have_is_kept(given_: str, kept: str) -> None:
    assert only(*ruled(given_)).meeting.schedule.rule == kept


def test_a_day_as_the_end_still_counts_and_it_is_said_so() -> None:
    row = only(*ruled("FREQ=DAILY;UNTIL=20260107"))
    assert starts(row)[-1] == "2026-01-07T19:00"
    assert any("that day still counts" in warning for warning in row.warnings)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=3,9;BYDAY=2SA,-1SU",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=WEEKLY;BYMONTH=1,2,3;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "FREQ=YEARLY;BYYEARDAY=1,100,200",
        "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=2;BYDAY=MO,TU;COUNT=40",
    ],
)
def test_a_rule_that_we_do_not_have_is_kept_as_its_dates_and_it_is_said_so(rule: str) -> None:
    data = text(*ruled(rule))
    (row,) = read(data)
    assert row.meeting.schedule.rule == ""
    assert any("single dates that it gives up to the end of 2027" in warning for warning in row.warnings)
    assert ours([row], until=ENDS) == theirs(data, until=ENDS)


@pytest.mark.parametrize("name", EVENTS)
def test_what_cannot_be_is_refused_and_says_why_and_where(name: str) -> None:
    make, why = EVENTS[name]
    (row,) = read(make())
    assert why in row.refusal
    assert "(line " in row.refusal


def test_more_dates_than_a_series_may_have_are_those_from_this_year_on() -> None:
    daily = "FREQ=DAILY;BYMONTH=1,2,3,4,5,6,7,8,9,10,11"
    row = only(*ruled(daily, start="DTSTART;TZID=Europe/Berlin:20200105T190000"))
    assert starts(row)[0] == "2026-01-01T19:00"
    assert any("before 2026 are left out" in warning for warning in row.warnings)


def test_the_dates_that_are_kept_are_the_same_tomorrow() -> None:
    from datetime import date  # noqa: PLC0415 - of this test alone

    from services.formats.ics import calendar  # noqa: PLC0415 - the same

    data = text(*ruled("FREQ=YEARLY;BYMONTH=3,9;BYDAY=2SA"))
    kept = [calendar.read(data, today=day)[0].SerializeToString() for day in (date(2026, 3, 1), date(2026, 12, 31))]
    assert kept[0] == kept[1]


def test_a_start_that_its_rule_does_not_give_counts_as_a_date() -> None:
    data = text(*ruled("FREQ=WEEKLY;BYDAY=TU;COUNT=3"))
    (row,) = read(data)
    assert starts(row) == ["2026-01-05T19:00", "2026-01-06T19:00", "2026-01-13T19:00"]
    assert row.meeting.schedule.start == "2026-01-06T19:00"
    assert any("not one of the dates of its own rule" in warning for warning in row.warnings)


def test_a_second_date_on_one_day_is_a_date_of_its_own() -> None:
    row = only(*ruled("FREQ=WEEKLY", "RDATE;TZID=Europe/Berlin:20260112T120000,20260113T080000"))
    assert starts(row)[:4] == ["2026-01-05T19:00", "2026-01-12T12:00", "2026-01-12T19:00", "2026-01-13T08:00"]


def test_dates_without_a_rule_are_kept_and_an_excluded_one_is_none_of_them() -> None:
    row = only(*event("RDATE:20260107T180000Z,20260109T180000Z", "EXDATE:20260107T180000Z"))
    assert starts(row) == ["2026-01-05T19:00", "2026-01-09T19:00"]
    assert not row.changes


def test_the_first_date_may_be_excluded() -> None:
    row = only(*ruled("FREQ=DAILY;COUNT=3", "EXDATE:20260105T180000Z"))
    assert starts(row) == ["2026-01-06T19:00", "2026-01-07T19:00"]


def test_an_exception_that_names_only_the_day_means_that_day_and_it_is_said_so() -> None:
    row = only(*ruled("FREQ=WEEKLY", "EXDATE;VALUE=DATE:20260112", "EXDATE;TZID=Europe/Berlin:20260119T000000"))
    assert [change.date for change in row.changes] == ["2026-01-12", "2026-01-19"]
    assert sum("names the day only" in warning for warning in row.warnings) == 2


def test_an_exception_that_is_no_date_excludes_nothing_and_it_is_said_so() -> None:
    row = only(*ruled("FREQ=WEEKLY", "EXDATE:20260112T200000Z", "EXDATE:20260113T180000Z"))
    assert not row.changes
    assert row.warnings[-1] == "2 EXDATE are none of its dates: left out (line 10, 11)"


def test_a_series_without_a_date_left_is_closed() -> None:
    row = only(*ruled("FREQ=DAILY;COUNT=1", "EXDATE:20260105T180000Z"))
    assert row.meeting.state == 2  # suspended
    assert any("cancelled" in warning for warning in row.warnings)


def test_two_rules_are_refused() -> None:
    assert refusal(*ruled("FREQ=DAILY", "RRULE:FREQ=WEEKLY")) == "it has more than one RRULE (line 10)"


def test_a_rule_that_ends_before_it_starts_is_refused() -> None:
    assert "ends (UNTIL) before it starts (line 9)" in refusal(*ruled("FREQ=DAILY;UNTIL=20251231"))


LIMIT = st.one_of(st.just(""), st.integers(1, 60).map(";COUNT={}".format), st.just(";UNTIL=20260830T170000Z"))
EVERY = st.integers(1, 5).map(";INTERVAL={}".format)
DAYS = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True).map(",".join)
NTH = st.lists(
    st.tuples(st.sampled_from((1, 2, 3, -1)), st.sampled_from(WEEKDAYS)), min_size=1, max_size=3, unique=True
).map(lambda each: ",".join(f"{nth}{day}" for nth, day in each))
MONTHS = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True).map(lambda each: ",".join(map(str, each)))
MONTH_DAYS = st.lists(st.integers(-5, 31).filter(bool), min_size=1, max_size=4, unique=True)
RULES = st.one_of(
    st.tuples(st.just("FREQ=DAILY"), EVERY, LIMIT),
    st.tuples(st.just("FREQ=WEEKLY"), EVERY, DAYS.map(";BYDAY={}".format), st.sampled_from(("", ";WKST=SU")), LIMIT),
    st.tuples(st.just("FREQ=MONTHLY"), EVERY, NTH.map(";BYDAY={}".format), LIMIT),
    st.tuples(st.just("FREQ=MONTHLY;BYMONTHDAY="), MONTH_DAYS.map(lambda each: ",".join(map(str, each))), LIMIT),
    st.tuples(st.just("FREQ=YEARLY"), NTH.map(";BYDAY={}".format), MONTHS.map(";BYMONTH={}".format), LIMIT),
    st.tuples(st.just("FREQ=MONTHLY"), DAYS.map(";BYDAY={};BYSETPOS=1,-1".format), LIMIT),
).map("".join)


@settings(deadline=None, max_examples=150)
@given(RULES, st.integers(0, 400), st.booleans())
def test_whatever_the_rule_the_dates_are_those_of_an_independent_program(rule: str, later: int, excluded: bool) -> None:
    first = datetime(2026, 1, 1, 19) + timedelta(days=later)  # noqa: DTZ001 - local by nature
    more = [f"EXDATE;TZID=Europe/Berlin:{first + timedelta(days=7):%Y%m%dT%H%M%S}"] if excluded else []
    data = text(*ruled(rule, *more, start=f"DTSTART;TZID=Europe/Berlin:{first:%Y%m%dT%H%M%S}"))
    (row,) = read(data)
    if row.refusal:
        assert "UNTIL" in row.refusal or "no date" in row.refusal
        return
    if any("not one of the dates of its own rule" in warning for warning in row.warnings) and "COUNT" in rule:
        return  # RFC 5545 section 3.8.5.3 leaves it open what such a start counts as
    if row.meeting.state != 2:
        assert ours([row], until=ENDS) == theirs(data, until=ENDS)


def test_a_start_that_a_list_of_dates_does_not_give_counts_as_one_of_them() -> None:
    row = only(*ruled("FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=7;COUNT=3"))
    assert starts(row) == ["2026-01-05T19:00", "2026-03-07T19:00", "2027-03-07T19:00"]
    assert any("not one of the dates of its own rule" in warning for warning in row.warnings)
