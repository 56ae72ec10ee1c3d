"""How often a meeting is, as people say it: the rule that is meant, and its words again."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.rhythm import every, first_from, said, weekdays
from services.cli.when import Unclear
from services.recurrence.rule import format_rule, parse_rule
from services.recurrence.types import ByDay, Frequency, Rule

WEEK = "FREQ=WEEKLY"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("week", WEEK),
        ("2 weeks", f"{WEEK};INTERVAL=2"),
        ("every other week", f"{WEEK};INTERVAL=2"),
        ("day", "FREQ=DAILY"),
        ("every 3 days", "FREQ=DAILY;INTERVAL=3"),
        ("weekday", f"{WEEK};BYDAY=MO,TU,WE,TH,FR"),
        ("tuesday", f"{WEEK};BYDAY=TU"),
        ("Tuesdays and Thursdays", f"{WEEK};BYDAY=TU,TH"),
        ("mon, wed, fri", f"{WEEK};BYDAY=MO,WE,FR"),
        ("other tuesday", f"{WEEK};INTERVAL=2;BYDAY=TU"),
        ("2 weeks on tuesday", f"{WEEK};INTERVAL=2;BYDAY=TU"),
        ("first tuesday", "FREQ=MONTHLY;BYDAY=1TU"),
        ("1st and 3rd thursday", "FREQ=MONTHLY;BYDAY=1TH,3TH"),
        ("last friday of the month", "FREQ=MONTHLY;BYDAY=-1FR"),
        ("2 months on the first saturday", "FREQ=MONTHLY;INTERVAL=2;BYDAY=1SA"),
        ("15th of the month", "FREQ=MONTHLY;BYMONTHDAY=15"),
        ("last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        ("month", "FREQ=MONTHLY"),
        ("year", "FREQ=YEARLY"),
        ("2 years", "FREQ=YEARLY;INTERVAL=2"),
        ("year on the first tuesday", "FREQ=MONTHLY;INTERVAL=12;BYDAY=1TU"),
    ],
)
def test_a_rhythm_is_the_rule_that_people_mean(text: str, rule: str) -> None:
    assert format_rule(every(text)) == format_rule(parse_rule(rule))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "often",
        "century",
        "0 weeks",
        "0 years",
        "week tuesday first",
        "day on tuesday",
        "32nd",
        "blue moon",
        "2",
        "the",
    ],
)
def test_what_is_no_rhythm_is_refused_with_examples(text: str) -> None:
    with pytest.raises(Unclear, match="first tuesday"):
        every(text)


def test_days_of_the_week_are_told_from_dates() -> None:
    assert weekdays("tuesday, thursday & Sat") == (1, 3, 5)
    assert weekdays("24 dec") is None
    assert weekdays("") is None


DAYS = st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(sorted)
NTHS = st.lists(st.sampled_from((1, 2, 3, -1)), min_size=1, max_size=3, unique=True).map(sorted)
RULES = st.one_of(
    st.builds(lambda n: Rule(Frequency.DAILY, n), st.integers(1, 30)),
    st.builds(lambda n, days: Rule(Frequency.WEEKLY, n, tuple(ByDay(each) for each in days)), st.integers(1, 9), DAYS),
    st.builds(
        lambda n, day, nths: Rule(Frequency.MONTHLY, n, tuple(ByDay(day, nth) for nth in nths)),
        st.integers(1, 6),
        st.integers(0, 6),
        NTHS,
    ),
    st.builds(lambda n, day: Rule(Frequency.MONTHLY, n, by_month_day=(day,)), st.integers(1, 6), st.integers(1, 31)),
)


@given(RULES)
def test_a_rule_in_words_is_read_as_the_same_rule(rule: Rule) -> None:
    assert every(said(rule)) == rule


def test_the_words_of_a_rule_are_those_of_people() -> None:
    assert said(parse_rule("FREQ=MONTHLY;BYDAY=1TU,3TU")) == "every first and third Tuesday of the month"
    assert said(parse_rule(f"{WEEK};BYDAY=TU;UNTIL=20270601")) == "every Tuesday, until Tuesday 1 June 2027"
    assert said(None) == "once"


def test_the_first_date_is_the_first_that_the_rule_names() -> None:
    assert first_from(every("last friday"), date(2026, 11, 28)) == date(2026, 12, 25)
    assert first_from(every("2 weeks on tuesday"), date(2026, 12, 1)) == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=24", "every year on the 24th of December"),
        ("FREQ=MONTHLY;INTERVAL=24;BYDAY=1TU", "every 2 years on the first Tuesday of December"),
        ("FREQ=MONTHLY;INTERVAL=12", "every year, in December"),
        ("FREQ=MONTHLY;INTERVAL=6;BYMONTHDAY=24", "every 6 months on the 24th"),
        (WEEK, "every week"),
    ],
)
def test_a_rule_by_years_is_read_back_with_the_month_in_which_it_begins(rule: str, text: str) -> None:
    assert said(parse_rule(rule), date(2026, 12, 1)) == text
