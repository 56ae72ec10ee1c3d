"""Arguments are read before anybody knows what day it is at the centre: what may be right there is let through."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime

import pytest

from services.cli import reading
from services.kit.clock import VirtualClock

MONDAY = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
"""Sunday evening in Edmonton."""


@pytest.fixture(autouse=True)
def monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SystemClock", lambda: VirtualClock(MONDAY))


@pytest.mark.parametrize("text", ["Sunday 22 november", "mon 23 nov", "tuesday nov 24"])
def test_todays_date_with_its_weekday_is_understood_wherever_it_is_today(text: str) -> None:
    assert reading.date_text(text) == text
    assert reading.moment_text(f"{text} 19:00") == f"{text} 19:00"


@pytest.mark.parametrize("text", ["saturday 22 nov", "saturday 21 nov", "friday 24 dec"])
def test_a_weekday_that_is_wrong_everywhere_is_refused_and_the_right_one_named(text: str) -> None:
    for read in (reading.date_text, reading.moment_text):
        with pytest.raises(ArgumentTypeError, match=r"is a (Monday|Sunday|Thursday): \w+ \d+ \w+ 202[67]"):
            read(text)
