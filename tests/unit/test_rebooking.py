"""Bookings changed at their borders: what has begun at this very moment, what lies on the date of a cut."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from services.kit.clock import instant
from services.kit.errors import Unmet
from services.meetings.history import parted
from services.meetings.rebooking import cut, date_of, given_back, rescheduled
from services.meetings.types_rooms import Booking, BookingState
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.portions import ahead
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import minute, stretches
from services.recurrence.types import Key, Schedule

SINCE = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT, NOW = instant(SINCE), minute(SINCE)
TODAY, NEXT = Key(date(2026, 11, 24)), Key(date(2026, 12, 1))


def weekly(hour: str, rule: str = "FREQ=WEEKLY") -> Schedule:
    return Schedule(datetime.fromisoformat(f"2026-11-24T{hour}"), "UTC", 60, parse_rule(rule))


def booking(schedule: Schedule, **more: tuple[Key, ...] | tuple[Slot, ...]) -> Booking:
    pattern = Pattern(zone="UTC", schedule=schedule, **more)  # type: ignore[arg-type]  # each field has its own
    return Booking(id="b", centre="c", room="r", created_at=AT, lineage="b", pattern=pattern)


def days(pattern: Pattern, count: int = 2) -> list[str]:
    found = stretches(pattern, NOW, NOW + 21 * 1440)[:count]
    return [f"{SINCE + timedelta(minutes=each.start - NOW):%m-%d %H:%M}" for each in found]


def test_what_begins_at_this_very_moment_has_begun() -> None:
    with pytest.raises(Unmet) as told:
        date_of(booking(weekly("12:00")), TODAY, AT)
    assert told.value.reason == "DATE_BEGUN"
    assert date_of(booking(weekly("12:01")), TODAY, AT).start.minute == 1
    assert days(given_back(booking(weekly("12:01")), TODAY, AT).pattern) == ["12-01 12:01", "12-08 12:01"]


@pytest.mark.parametrize("had", ["10:00", "11:00", "12:00"])
def test_a_date_that_has_begun_today_is_not_had_again_at_a_later_hour(had: str) -> None:
    """What is on at twelve stays at its hour; what was over by then is not to come once more."""
    made = rescheduled(booking(weekly(had)), weekly("19:00"), AT)
    on = ["11-24 12:00"] if had == "12:00" else []
    assert days(made.pattern, 3)[: len(on) + 1] == [*on, "12-01 19:00"]


def test_what_is_said_of_the_date_of_a_cut_belongs_to_what_follows_it() -> None:
    moved = Slot(NEXT.date, 0, datetime.fromisoformat("2026-12-02T09:00"), 60)
    earlier, later = cut(booking(weekly("19:00"), slots=(moved,)), NEXT, "new")
    assert earlier is not None
    assert later is not None
    assert (earlier.pattern.slots, later.pattern.slots) == ((), (moved,))
    earlier, later = cut(booking(weekly("19:00"), without=(NEXT,)), NEXT, "new")
    assert earlier is not None
    assert later is not None
    assert days(earlier.pattern) == ["11-24 19:00"]
    assert days(later.pattern) == ["12-08 19:00"]


@pytest.mark.parametrize("state", BookingState)
def test_only_what_was_confirmed_becomes_history(state: BookingState) -> None:
    """What was only asked for, and is over, was never had: no report and no quota counts it."""
    asked = msgspec.structs.replace(booking(weekly("11:00")), state=state)
    rest, past = parted(asked, AT)
    assert days(rest.pattern) == ["12-01 11:00", "12-08 11:00"]
    assert (past is not None) is (state is BookingState.CONFIRMED)


def test_what_ends_at_this_very_moment_is_not_ahead() -> None:
    assert days(ahead(Pattern(zone="UTC", schedule=weekly("11:00")), SINCE)) == ["12-01 11:00", "12-08 11:00"]
    assert ahead(Pattern(zone="UTC", schedule=weekly("11:00")), SINCE).schedule == weekly_from("2026-12-01T11:00")
    slots = tuple(Slot(TODAY.date, n, datetime.fromisoformat(f"2026-11-24T1{n}:00"), 60) for n in (1, 2))
    assert ahead(Pattern(zone="UTC", slots=slots), SINCE).slots == slots[1:]


def weekly_from(start: str) -> Schedule:
    return Schedule(datetime.fromisoformat(start), "UTC", 60, parse_rule("FREQ=WEEKLY"))
