"""Whatever a calendar says of single dates: the dates here are those that an independent program finds."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ics_examples import event, ours, read, text, theirs

FIRST = datetime(2026, 1, 5, 19)  # noqa: DTZ001 - local by nature; a Monday
RULES = (
    "FREQ=WEEKLY;COUNT=20",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=14",
    "FREQ=DAILY;COUNT=30",
    "FREQ=DAILY;INTERVAL=3;UNTIL=20260401T180000Z",
    "FREQ=MONTHLY;BYDAY=1MO;COUNT=8",
    "FREQ=MONTHLY;BYMONTHDAY=5,20;COUNT=8",
    "FREQ=YEARLY;BYMONTH=1,2,3;BYDAY=1MO,3WE;COUNT=6",
)


class Said(NamedTuple):
    """What is said of one date: by its place in the series, moved by so much, as long as that."""

    date: int
    hours: int
    minutes: int
    cancelled: bool
    follows: bool


SAID = st.builds(
    Said,
    st.integers(0, 7),
    st.sampled_from((0, 0, 1, -3, 24, 26, -24, 48)),
    st.sampled_from((60, 90, 200)),
    st.booleans(),
    st.booleans(),
)


def local(name: str, moment: datetime) -> str:
    return f"{name};TZID=Europe/Berlin:{moment:%Y%m%dT%H%M%S}"


def written(said: Said, at: datetime) -> list[str]:
    follows = said.follows and not said.cancelled
    name = "RECURRENCE-ID;RANGE=THISANDFUTURE" if follows else "RECURRENCE-ID"
    status = ["STATUS:CANCELLED"] if said.cancelled else []
    start = local("DTSTART", at + timedelta(hours=said.hours))
    return event(local(name, at), f"DURATION:PT{said.minutes}M", "SEQUENCE:1", *status, start=start)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(RULES),
    st.lists(SAID, max_size=4, unique_by=lambda each: each.date),
    st.sets(st.integers(0, 7), max_size=2),
)
def test_the_dates_are_those_of_an_independent_program(rule: str, said: list[Said], excluded: set[int]) -> None:
    dates = list(islice(rrulestr(rule.removesuffix("Z"), dtstart=FIRST), 8))
    changed = [each for each in said if each.date < len(dates) and each.date not in excluded]
    gone = [local("EXDATE", dates[index]) for index in sorted(excluded) if index < len(dates)]
    series = event(f"RRULE:{rule}", *gone, start=local("DTSTART", FIRST))
    data = text(*series, *(line for each in changed for line in written(each, dates[each.date])))
    rows = read(data)
    assert not [row.refusal for row in rows if row.refusal]
    closed = [row for row in rows if row.meeting.state == 2]
    assert ours([row for row in rows if row not in closed]) == theirs(data)
