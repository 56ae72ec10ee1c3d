"""Rooms over time: what is in the way, told by examples that a coordinator would give."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.recurrence import offsets, zones
from services.recurrence.days import expand
from services.recurrence.ordinals import Days
from services.recurrence.pattern import Pattern, Slot, shared
from services.recurrence.rule import parse_rule
from services.recurrence.timetable import Clash, Timetable, minute
from services.recurrence.types import Key, Schedule
from services.recurrence.waves import Lag, Reach, Wave, may_meet

NOW = minute(datetime(2026, 11, 21, 12, tzinfo=UTC))
DENVER = "America/Denver"


def series(start: str, rule: str | None = "FREQ=WEEKLY", minutes: int = 60, zone: str = DENVER) -> Pattern:
    schedule = Schedule(datetime.fromisoformat(start), zone, minutes, parse_rule(rule) if rule else None)
    return Pattern(zone=zone, schedule=schedule)


def table(*patterns: Pattern, before: int = 0, after: int = 0) -> Timetable:
    made = Timetable()
    for number, each in enumerate(patterns):
        made.put(f"owner-{number}", each, before, after)
    return made


def days(found: list[Clash]) -> list[str]:
    return [str(each.key.date) for each in found]


def test_a_weekly_and_a_yearly_meeting_that_first_meet_in_year_four() -> None:
    weekly = series("2026-11-24T19:00")  # a Tuesday
    yearly = series("2027-12-24T19:00", "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=24")
    found = table(yearly).clashes(weekly, 0, 0, NOW)
    assert days(found)[0] == "2030-12-24"
    assert found[0].by.key == Key(date(2030, 12, 24))
    assert days(table(weekly).clashes(yearly, 0, 0, NOW)) == days(found)
    assert all(date.fromisoformat(each).weekday() == 1 for each in days(found))


def test_rules_that_first_meet_far_beyond_are_found_as_far_as_is_looked() -> None:
    rare = series("2026-11-24T19:00", "FREQ=WEEKLY;INTERVAL=1000")
    daily = series("2040-01-01T19:30", "FREQ=DAILY")
    assert days(table(daily).clashes(rare, 0, 0, NOW)) == ["2046-01-23"]


def test_rules_without_end_that_never_meet_are_told_apart_without_their_dates(monkeypatch: pytest.MonkeyPatch) -> None:
    odd, even = "FREQ=WEEKLY;INTERVAL=2", "FREQ=MONTHLY;BYDAY=1TU"
    room = table(series("2026-11-24T19:00", odd), series("2026-11-24T18:00"), series("2026-12-01T20:00", even))
    room.clashes(series("2026-11-26T19:00"), 0, 0, NOW)
    monkeypatch.setattr("services.recurrence.course.Course.starting", None)
    assert room.clashes(series("2026-12-01T19:00", odd), 0, 0, NOW) == []
    assert room.clashes(series("2026-12-08T20:00", "FREQ=MONTHLY;BYDAY=2TU"), 0, 0, NOW) == []
    assert room.clashes(series("2026-11-24T21:00", "FREQ=DAILY"), 0, 0, NOW) == []
    with pytest.raises(TypeError):
        room.clashes(series("2026-11-24T19:00", "FREQ=DAILY"), 0, 0, NOW)


@pytest.mark.parametrize(("before", "after", "start", "free"), [
    (0, 0, "2026-11-24T20:00", True),
    (0, 0, "2026-11-24T19:59", False),
    (0, 15, "2026-11-24T20:15", True),
    (0, 15, "2026-11-24T20:14", False),
    (30, 15, "2026-11-24T20:29", False),
    (30, 15, "2026-11-24T20:30", True),
    (30, 15, "2026-11-24T17:30", True),
    (30, 15, "2026-11-24T17:31", False),
])  # fmt: skip
def test_the_larger_buffer_lies_between_two_that_follow_each_other(
    before: int, after: int, start: str, *, free: bool
) -> None:
    room = table(series("2026-11-24T19:00"), before=before, after=after)
    assert (room.clashes(series(start), before, after, NOW) == []) is free


def test_lengths_are_absolute_when_the_clock_goes_forward() -> None:
    night = series("2027-03-07T01:30", minutes=60)  # on the 14th it lasts until 03:30
    room = table(night)
    found = days(room.clashes(series("2027-03-07T03:00", minutes=30), 0, 0, NOW))
    assert found[:4] == ["2027-03-14", "2028-03-12", "2029-03-11", "2030-03-10"]
    assert len(found) == len({each[:4] for each in found})
    gap = series("2027-03-07T02:30", minutes=30)  # on the 14th it begins at 03:30
    assert days(table(series("2027-03-07T03:30", minutes=30)).clashes(gap, 0, 0, NOW))[:2] == [
        "2027-03-14",
        "2028-03-12",
    ]


def test_a_night_that_is_an_hour_longer_in_spring_meets_the_morning_after_it() -> None:
    night, morning = series("2026-11-28T20:00", minutes=14 * 60), series("2026-11-29T10:00")
    assert days(table(night).clashes(morning, 0, 0, NOW))[:2] == ["2027-03-14", "2028-03-12"]
    assert days(table(morning).clashes(night, 0, 0, NOW))[:2] == ["2027-03-13", "2028-03-11"]
    early, evening = series("2026-11-29T04:00"), series("2026-11-28T19:00")
    assert days(table(early, before=8 * 60).clashes(evening, 0, 0, NOW))[:2] == ["2027-03-13", "2028-03-11"]
    assert days(table(evening).clashes(early, 8 * 60, 0, NOW))[:2] == ["2027-03-14", "2028-03-12"]


@pytest.mark.parametrize("box", range(910, 914))
def test_buffers_reach_over_the_ends_of_the_boxes_in_which_dates_lie(box: int) -> None:
    border = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=box << 15)

    def at(minutes: int) -> Pattern:
        start = (border + timedelta(minutes=minutes)).replace(tzinfo=None)
        return Pattern(zone="UTC", slots=(Slot(start.date(), 0, start, 30),))

    for since in (minute(border) - 10_000, minute(border) - 3 * 366 * 720 - 40):  # that is as far as is looked first
        assert len(table(at(10), before=60).clashes(at(-70), 0, 0, since)) == 1
        assert len(table(at(10)).clashes(at(-70), 0, 60, since)) == 1
        assert table(at(10), before=50).clashes(at(-70), 0, 50, since) == []
    for since in (minute(border) - 10_000, minute(border) + 29):
        assert len(table(at(-70), after=60).clashes(at(10), 0, 0, since)) == 1
        assert len(table(at(-70)).clashes(at(10), 60, 0, since)) == 1


def test_an_earlier_question_after_a_later_one_is_answered_as_well() -> None:
    room, asked = table(series("2020-01-07T19:00", "FREQ=WEEKLY;COUNT=400")), series("2020-01-07T19:30", "FREQ=DAILY")
    later = room.clashes(asked, 0, 0, NOW)
    earlier = room.clashes(asked, 0, 0, minute(datetime(2020, 1, 1, tzinfo=UTC)))
    assert days(earlier)[0] == "2020-01-07"
    assert len(earlier) == 400
    assert later == [each for each in earlier if each.end > NOW]


def test_owners_that_overlap_are_all_told_and_removed_one_by_one() -> None:
    same = series("2026-11-24T19:00", "FREQ=WEEKLY;COUNT=2")
    room = table(same, same, same)
    room.remove("owner-1")
    assert [each.by.owner for each in room.clashes(same, 0, 0, NOW)] == ["owner-0", "owner-2"] * 2
    room.remove("owner-0")
    room.remove("owner-2")
    assert (room.clashes(same, 0, 0, NOW), len(room)) == ([], 0)


def test_a_month_long_stay_beside_short_meetings_is_found_from_its_middle() -> None:
    stay = Pattern(
        zone=DENVER, slots=(Slot(date(2026, 12, 1), 0, datetime.fromisoformat("2026-12-01T09:00"), 31 * 24 * 60),)
    )
    short = [series(f"2026-11-{day:02d}T{hour:02d}:00", minutes=30) for day in range(23, 30) for hour in range(9, 17)]
    room = table(stay, *short)
    asked = series("2026-12-27T20:00", None)
    assert [each.by.owner for each in room.clashes(asked, 0, 0, NOW)] == ["owner-0"]


def test_the_days_of_a_rule_as_numbers_are_its_days() -> None:
    for text in ("FREQ=WEEKLY;BYDAY=TU,SU;WKST=SU;INTERVAL=2;COUNT=7", "FREQ=MONTHLY;BYDAY=-1TU;INTERVAL=5",
                 "FREQ=MONTHLY;BYMONTHDAY=24,29,30,31", "FREQ=DAILY;INTERVAL=3;UNTIL=20300101"):  # fmt: skip
        rule, start = parse_rule(text), date(2026, 11, 24)
        high = date(2035, 1, 1)
        found = Days(start, rule).between(start.toordinal(), high.toordinal())
        assert [date.fromordinal(each) for each in found] == list(expand(start, rule, start, high))


@pytest.mark.parametrize(
    "zone",
    ["America/Denver", "America/Santiago", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia", "Europe/Dublin"],
)
def test_offsets_say_what_the_zone_says_around_every_change(zone: str) -> None:
    table_ = offsets.offsets(zone, minute(datetime(2060, 1, 1, tzinfo=UTC)))
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - local
    for wall in [turn + shift for turn in table_.walls[-250:] for shift in (-1441, -61, -60, -1, 0, 1, 59, 60, 1440)]:
        local = epoch + timedelta(minutes=wall)
        assert table_.to_utc(wall) == minute(zones.to_utc(local, zone)), (zone, local)


def test_months_are_compared_across_their_ends() -> None:
    last, first = Wave(1_380, 1_440, 1 << 31, 1, 0), Wave(30, 1_440, 1 << 1, 1, 0)
    still = Lag(0, 0)
    assert may_meet(last, first, Reach(-60, 120), still)  # 23:00 on the 31st, for two hours, and 00:30 on the 1st
    assert not may_meet(last, first, Reach(-60, 60), still)
    assert not may_meet(last, first._replace(days=1 << 15), Reach(-60, 120), still)


def test_what_patterns_have_alike_is_one_object() -> None:
    one, other = (shared(series("2026-11-24T19:00", "FREQ=WEEKLY;INTERVAL=3")) for _ in range(2))
    assert one == other == series("2026-11-24T19:00", "FREQ=WEEKLY;INTERVAL=3")
    assert one.schedule is not None
    assert other.schedule is not None
    assert one.schedule.rule is other.schedule.rule
