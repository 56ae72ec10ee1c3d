"""Dates, times and lengths as people write them; and that what is written back is read as the same."""

from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.when import Unclear, clock, day, full, length, long, moment

TODAY = date(2026, 11, 26)
"""A Thursday."""
local = datetime.fromisoformat


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-24", date(2026, 12, 24)),
        ("24 dec", date(2026, 12, 24)),
        ("24 December 2027", date(2027, 12, 24)),
        ("24. Dec.", date(2026, 12, 24)),
        ("dec 24", date(2026, 12, 24)),
        ("December 24th, 2026", date(2026, 12, 24)),
        ("Thursday 24 December 2026", date(2026, 12, 24)),
        ("today", date(2026, 11, 26)),
        ("TOMORROW", date(2026, 11, 27)),
        ("thursday", date(2026, 11, 26)),
        ("wed", date(2026, 12, 2)),
        ("1 jan", date(2027, 1, 1)),
        ("26 nov", date(2026, 11, 26)),
        ("25 nov", date(2027, 11, 25)),
        ("29 feb", date(2028, 2, 29)),
    ],
)
def test_a_date_is_the_next_that_is_called_so_today_included(text: str, meant: date) -> None:
    assert day(text, TODAY) == meant


@pytest.mark.parametrize(
    "text", ["", "soon", "24", "31 feb", "2026-02-30", "12/24", "24 de", "0 dec", "next week", "٢٤ dec x"]
)
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Unclear, match="24 dec"):
        day(text, TODAY)


def test_a_date_with_the_wrong_weekday_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(Unclear, match="Thursday 24 December 2026"):
        day("friday 24 december 2026", TODAY)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("19:00", time(19)),
        ("7pm", time(19)),
        ("7:30 PM", time(19, 30)),
        ("12am", time(0)),
        ("12pm", time(12)),
        ("noon", time(12)),
        ("19h", time(19)),
        ("19h30", time(19, 30)),
        ("8.15", time(8, 15)),
    ],
)
def test_a_time_of_day_is_read_as_it_is_said(text: str, meant: time) -> None:
    assert clock(text) == meant


@pytest.mark.parametrize("text", ["", "7", "25:00", "13pm", "0am", "19:60", "evening", "-1:00"])
def test_an_hour_without_am_or_pm_and_nonsense_are_refused(text: str) -> None:
    with pytest.raises(Unclear, match="7:30pm"):
        clock(text)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("1h30", 90), ("1:30", 90), ("1 hour and 30 minutes", 90), ("2 days", 2880), ("45m", 45), ("2h", 120)],
)
def test_a_length_is_minutes_unless_a_unit_is_said(text: str, minutes: int) -> None:
    assert length(text) == minutes


@pytest.mark.parametrize("text", ["", "0", "long", "-5", "1.5h", "h", "99999999999999999999"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(Unclear, match="1h30"):
        length(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("24 dec 14:00", local("2026-12-24T14:00")),
        ("2026-12-24T14:00", local("2026-12-24T14:00")),
        ("tomorrow noon", local("2026-11-27T12:00")),
        ("thursday at 7pm", local("2026-11-26T19:00")),
        ("24 dec", date(2026, 12, 24)),
        ("24 dec 2027", date(2027, 12, 24)),
    ],
)
def test_a_moment_is_a_date_with_a_time_and_a_year_is_no_time(text: str, meant: date) -> None:
    assert moment(text, TODAY) == meant


@given(st.dates(date(2000, 1, 1), date(2200, 12, 31)), st.dates(date(2000, 1, 1), date(2100, 12, 31)))
def test_a_full_date_is_read_as_itself_whatever_day_it_is(meant: date, today: date) -> None:
    assert day(full(meant), today) == meant


@given(st.datetimes(local("2000-01-01T00:00"), local("2200-12-31T00:00")))
def test_a_full_moment_is_read_as_itself(meant: datetime) -> None:
    meant = meant.replace(second=0, microsecond=0)
    assert moment(full(meant), TODAY) == meant


@given(st.integers(1, 31 * 1440))
def test_a_length_that_is_read_back_is_the_same(minutes: int) -> None:
    assert length(long(minutes)) == minutes


@given(st.text(max_size=30))
def test_no_text_at_all_breaks_it(text: str) -> None:
    for read in (lambda text: day(text, TODAY), lambda text: moment(text, TODAY), clock, length):
        try:
            read(text)
        except Unclear:
            continue
