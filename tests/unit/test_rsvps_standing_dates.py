"""Which dates of a whole series are ahead, what its list is about, and which rules hold for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from services.recurrence.rule import parse_rule
from services.recurrence.types import Key, Schedule
from services.rsvps import coming
from services.rsvps.types import Differing, Part, Quota, Rules, Scope, Shown, Where

AT: Final = "2026-11-21T12:00:00.000Z"
WEEK: Final = timedelta(days=7)
ZONE: Final = "Europe/Berlin"


def part(id_: str = "tuesday", rule: str = "FREQ=WEEKLY", start: str = "2026-11-24T19:00", **fields: Any) -> Part:
    """A weekly part of a series, an hour long, in a room."""
    first = datetime.fromisoformat(start)
    schedule = Schedule(first, ZONE, 60, parse_rule(rule, ZONE, first) if rule else None)
    usual: dict[str, Any] = {
        "title": "T",
        "kind": "",
        "schedule": schedule,
        "ways": (Where.ROOM,),
        "visibility": "public",
    }
    seen = Shown(**(usual | fields))
    return Part(id=id_, centre="house", lineage="tuesday", public=seen, private=seen)


def test_the_dates_ahead_are_those_that_start_in_time_over_all_parts_in_order() -> None:
    old = part("old", "FREQ=WEEKLY;UNTIL=20261201")
    new = part("new", start="2026-12-08T18:00")
    found = coming.dates((new, old), AT, 3 * WEEK)
    assert [each.key.date.isoformat() for each in found] == ["2026-11-24", "2026-12-01", "2026-12-08"]
    assert [each.start[11:13] for each in found] == ["18", "18", "17"]


def test_a_date_that_is_off_is_ahead_all_the_same_and_a_deleted_part_has_none() -> None:
    off = part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    assert [(each.key, each.off) for each in coming.dates((off,), AT, WEEK)] == [(Key(date(2026, 11, 24)), True)]
    assert coming.dates((part(deleted=True), part("b", active=False)), AT, WEEK) == []


def test_a_standing_seat_has_no_capacity_of_its_own_and_a_course_has() -> None:
    rules = Rules(capacity=3, quotas=(Quota("bed", "Bed", 2),), draw_hours=2, opens_before_minutes=60)
    of_standing = coming.rules_of_series(rules)
    assert (of_standing.capacity, of_standing.quotas[0].places, of_standing.draw_hours) == (0, coming.MANY, 0)
    course = replace(rules, scope=Scope.SERIES)
    assert coming.rules_of_series(course) == course


def test_lists_are_made_before_anybody_else_can_keep_a_seat() -> None:
    day = 24 * 60
    assert coming.ahead_minutes(Rules()) == 14 * day
    assert coming.ahead_minutes(Rules(opens_before_minutes=30 * day)) == 31 * day


def test_a_series_is_about_its_next_date_that_is_on_and_a_date_off_does_not_end_it() -> None:
    off = part(rule="FREQ=WEEKLY;COUNT=3", changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    found = coming.of_series((off,), AT)
    assert (found.start, found.end, found.off) == ("2026-12-01T18:00:00.000Z", "2026-12-08T19:00:00.000Z", False)
    assert coming.of_series((part(),), AT).end == ""


def test_a_series_whose_dates_are_over_or_that_is_deleted_is_off() -> None:
    over = coming.of_series((part(rule="FREQ=WEEKLY;COUNT=2", start="2026-11-03T19:00"),), AT)
    assert (over.off, over.start) == (True, "2026-11-10T19:00:00.000Z")
    assert coming.of_series((part(deleted=True),), AT).off
    assert coming.of_series((), AT).off


def test_a_series_with_a_year_between_two_dates_has_a_next_one() -> None:
    yearly = part(rule="FREQ=MONTHLY;INTERVAL=12", start="2025-12-24T19:00")
    assert coming.of_series((yearly,), AT).start == "2026-12-24T18:00:00.000Z"
