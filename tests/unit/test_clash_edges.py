"""The borders of what clashes, one by one: examples that no chance has to find."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import instant
from services.meetings.availability import free, hindrances
from services.meetings.diary import Diary
from services.meetings.hours import Hours, misfits
from services.meetings.types_rooms import Booking, BookingState, DatedHours, OpeningHours, Room
from services.meetings.wholes import overlaps
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import Timetable, minute, stretches
from services.recurrence.types import ExtraDate, Key, Schedule
from services.recurrence.waves import Lag, Reach, Wave, may_meet

if TYPE_CHECKING:
    from collections.abc import Iterable

BERLIN = "Europe/Berlin"
SINCE = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT, NOW = instant(SINCE), minute(SINCE)
LENGTHS = (0, 10, 25)


def series(start: str, rule: str = "", minutes: int = 60, zone: str = BERLIN, **more: Any) -> Pattern:
    begins = datetime.fromisoformat(start)
    schedule = Schedule(begins, zone, minutes, parse_rule(rule) if rule else None, more.pop("extra", ()))
    return Pattern(zone=zone, schedule=schedule, **more)


def clashes(held: Pattern, asked: Pattern) -> list[str]:
    """On which days; also the other way round."""
    one, other = Timetable(), Timetable()
    one.put("one", held, 0, 0)
    other.put("other", asked, 0, 0)
    found = [str(each.key.date) for each in one.clashes(asked, 0, 0, NOW)]
    assert bool(found) == bool(other.clashes(held, 0, 0, NOW))
    return found


def room(id_: str, **more: Any) -> Room:
    return Room(id=id_, centre="c", created_at=AT, title=id_, place="p", zone=BERLIN, **more)


def booking(id_: str, of: str, when: Pattern, **more: Any) -> Booking:
    return Booking(id=id_, centre="c", room=of, created_at=AT, lineage=id_, pattern=when, **more)


def diaries(rooms: Iterable[str], *bookings: Booking) -> dict[str, Diary]:
    found = {id_: Diary(id_) for id_ in rooms}
    for each in bookings:
        found[each.room].put(each)
    return found


@pytest.mark.parametrize("rule", ["", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=3"])
@pytest.mark.parametrize("held_in", ["hall", "part"])
def test_each_side_of_a_date_has_minutes_of_its_own_and_the_larger_of_two_counts(rule: str, held_in: str) -> None:
    for held_before, held_after, before, after in itertools.product(LENGTHS, repeat=4):
        hall = room("hall", before=before, after=after, excludes=("part",))
        held = booking("held", held_in, series("2026-11-24T19:00", rule), before=held_before, after=held_after)
        have, later, earlier = diaries(("hall", "part"), held), max(held_after, before), max(after, held_before)
        for begins, is_free in (
            (1_200 + later, True),
            (1_199 + later, False),
            (1_080 - earlier, True),
            (1_081 - earlier, False),
        ):  # 20:00 is when the one that is held ends, 18:00 where the one that is asked for ends when that begins
            asked = series(f"2026-11-24T{begins // 60}:{begins % 60:02}")
            assert (hindrances(hall, have, asked, AT) == []) is is_free, (held, hall, begins)
            assert free(hall, have, asked, AT) is is_free


def test_what_ends_at_that_minute_is_over_and_what_begins_at_the_end_is_not_yet() -> None:
    for pattern in (series("2026-11-24T19:00"), series("2026-11-24T19:00", "FREQ=WEEKLY")):
        ((_, start, end),) = stretches(pattern, NOW, NOW + 7 * 1440)
        assert stretches(pattern, end, end + 60) == []
        assert stretches(pattern, start - 60, start) == []
        assert len(stretches(pattern, end - 1, end)) == len(stretches(pattern, start, start + 1)) == 1


def test_thirty_years_are_looked_at() -> None:
    assert clashes(series("2026-11-24T19:00", "FREQ=DAILY"), series("2056-11-20T19:30")) == ["2056-11-20"]


def test_what_is_left_out_or_moved_of_an_extra_date_leaves_the_rules_own_date_of_that_day() -> None:
    day, morning = date(2026, 12, 1), Key(date(2026, 12, 1), 1)
    extra = (ExtraDate(day, 1, datetime.fromisoformat("2026-12-01T09:00").time()),)
    slot = Slot(day, 1, datetime.fromisoformat("2026-12-01T11:00"), 60)
    evening, at_nine, at_eleven = (series(f"2026-12-01T{hour}:00") for hour in ("19", "09", "11"))
    left_out = series("2026-11-24T19:00", "FREQ=WEEKLY", extra=extra, without=(morning,))
    moved = series("2026-11-24T19:00", "FREQ=WEEKLY", extra=extra, slots=(slot,))
    assert [bool(clashes(left_out, each)) for each in (evening, at_nine, at_eleven)] == [True, False, False]
    assert [bool(clashes(moved, each)) for each in (evening, at_nine, at_eleven)] == [True, False, True]


def test_a_night_of_the_last_day_of_each_month_meets_the_first_morning_of_the_next() -> None:
    still, first, last = Lag(0, 0), Wave(30, 1_440, 1 << 1), Wave(1_380, 1_440, 1 << 31)
    assert may_meet(first, last, Reach(-120, 60), still)
    night = series("2026-11-30T23:00", "FREQ=MONTHLY;BYMONTHDAY=-1", 120)
    morning = series("2026-12-01T00:30", "FREQ=MONTHLY;BYMONTHDAY=1")
    assert clashes(night, morning)[:3] == ["2026-12-01", "2027-01-01", "2027-02-01"]
    assert clashes(morning, night)[:3] == ["2026-11-30", "2026-12-31", "2027-01-31"]


def test_two_yearly_rules_of_different_months_are_told_apart_without_their_dates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Timetable()
    table.put("march", series("2027-03-02T19:00", "FREQ=MONTHLY;INTERVAL=12;BYDAY=1TU"), 0, 0)
    table.settle(1)
    monkeypatch.setattr("services.recurrence.course.Course.starting", None)
    assert table.clashes(series("2027-06-01T19:00", "FREQ=MONTHLY;INTERVAL=12;BYDAY=1TU"), 0, 0, NOW) == []


@pytest.mark.parametrize(
    ("more", "stands"),
    [
        ({}, True),
        ({"competes": True, "state": BookingState.PENDING}, False),
        ({"state": BookingState.HELD, "expires_at": AT}, False),
        ({"state": BookingState.HELD, "expires_at": instant(datetime(2026, 11, 21, 12, 1, tzinfo=UTC))}, True),
    ],
)
def test_only_what_keeps_others_out_is_in_the_way_of_rooms_that_come_to_share_floor(
    more: dict[str, Any], *, stands: bool
) -> None:
    when, apart = series("2026-11-24T19:00"), {id_: room(id_) for id_ in ("a", "h")}
    joined = [room("a", excludes=("h",)), room("h", excludes=("a",))]
    for one, other in (("a", "h"), ("h", "a")):
        have = diaries(("a", "h"), booking("x", one, when), booking("y", other, when, **more))
        assert bool(overlaps(apart, joined, have, AT, NOW, BERLIN)) is stands


@pytest.mark.parametrize(
    ("zone", "start", "of_room", "day"),
    [
        ("America/Los_Angeles", "2026-12-24T15:00", "Australia/Sydney", date(2026, 12, 25)),
        ("Pacific/Pago_Pago", "2026-12-22T23:30", "Pacific/Kiritimati", date(2026, 12, 24)),
        ("Pacific/Kiritimati", "2026-12-24T00:30", "Pacific/Pago_Pago", date(2026, 12, 22)),
    ],
)
def test_hours_of_a_date_count_by_the_rooms_own_calendar(zone: str, start: str, of_room: str, day: date) -> None:
    every_day = (OpeningHours(tuple(range(7)), 0, 1440),)
    hours = Hours(every_day, (DatedHours(day, reason="Stock-taking"),), of_room)
    (found,) = misfits(hours, series(start, "FREQ=WEEKLY;COUNT=4", zone=zone), NOW)
    assert (str(found.key.date), found.reason) == (start[:10], f"is not open on {day}: Stock-taking")
