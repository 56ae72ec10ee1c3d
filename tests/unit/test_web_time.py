"""Nothing stale stands on a page: one that was kept equals one that is made just then, whenever somebody looks."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate, cycle, islice
from typing import TYPE_CHECKING

from services.web.page import Pages
from tests.unit.web_examples import NOON, board, closure, meeting_event

if TYPE_CHECKING:
    from services.web.board import Board

BASE = "https://chairs.example.org"
STEPS = (1, 14, 1, 44, 1, 59, 60, 1, 180, 15, 7, 340)  # minutes: five days, on and beside every edge
LOOKS = 120


def house() -> Board:
    """Meetings and closures of which each begins, ends, moves or is called off within a fortnight."""
    speaker = [{"weeks": [1], "title": "Speaker"}]
    changes = [
        {"date": "2026-11-25", "cancelled": True, "reason": "Snow"},
        {"date": "2026-11-26", "start": "2026-11-27T20:30"},
        {"date": "2026-12-01", "unconfirmed": True},
        {"date": "2026-12-03", "cancelled": True, "holiday": "Founders' Day", "closure": "centres/oak/closures/h"},
    ]
    return board(
        meeting_event("noon", "2026-11-24T12:00", "FREQ=DAILY", changes=changes, programmes=speaker),
        meeting_event("night", "2026-11-24T23:30", "FREQ=DAILY;COUNT=9", minutes=120),
        meeting_event("retreat", "2026-11-27T18:00", minutes=3000),
        meeting_event("east", "2026-11-24T19:00", "FREQ=WEEKLY", zone="Europe/Berlin"),
        closure("days", start="2026-11-28", end="2026-11-29"),
        closure("hours", start="2026-11-26T14:00", end="2026-11-26T18:30"),
        closure("later", start="2026-12-12", end=""),
        closure("h", start="2026-11-01", end="", holidays="US"),
    )


def test_a_page_that_was_kept_is_the_page_of_that_moment() -> None:
    lived, shown = Pages(house()), set()
    for minutes in islice(accumulate(cycle(STEPS)), LOOKS):
        now = NOON + timedelta(minutes=minutes, seconds=minutes % 2)
        kept, fresh = lived.week(BASE, now), Pages(house()).week(BASE, now)
        assert kept is not None
        assert fresh is not None
        assert kept.body == fresh.body, now
        shown.add(kept.body)
    assert len(shown) > 20
