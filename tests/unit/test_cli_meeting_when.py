"""When a meeting is: what the options of a new one, and of a change, make of its schedule."""

from __future__ import annotations

import shlex
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from openchair.meetings.v1 import centre_pb2

from services.cli.__main__ import parser
from services.cli.house import House
from services.cli.meeting_when import changed, new
from services.cli.rhythm import said
from services.cli.shell import Failure
from services.recurrence.rule import parse_rule
from services.recurrence.types import Schedule

if TYPE_CHECKING:
    from services.cli.server import Site

HOUSE = House(cast("Site", None), centre_pb2.Centre(name="centres/c", time_zone="America/Edmonton"), [], [])
TUESDAYS = Schedule(
    datetime.fromisoformat("2026-11-03T19:00"),
    "America/Edmonton",
    90,
    parse_rule("FREQ=WEEKLY;BYDAY=TU;UNTIL=20270601"),
)
ONCE = Schedule(datetime.fromisoformat("2026-12-24T19:00"), "America/Edmonton", 90)


def created(options: str) -> Schedule:
    words = f"meeting create c --title T --mode online --at 19:00 {options}"
    return new(parser().parse_args(shlex.split(words)), HOUSE)


def edited(options: str, old: Schedule = TUESDAYS) -> tuple[Schedule, list[str]]:
    return changed(parser().parse_args(shlex.split(f"meeting edit c T {options}")), HOUSE, old)


@pytest.mark.parametrize(
    ("options", "start", "rule"),
    [
        ("--on tuesday --every week --from 2030-01-02", "2030-01-08T19:00", "every Tuesday"),
        ("--on tuesday,thursday --every week --from 2030-01-02", "2030-01-03T19:00", "every Tuesday and Thursday"),
        ("--every 'last friday' --from 2030-01-26", "2030-02-22T19:00", "every last Friday of the month"),
        ("--on 2030-01-08 --every '2 weeks'", "2030-01-08T19:00", "every 2 weeks on Tuesday"),
        ("--on 2030-01-08 --every month", "2030-01-08T19:00", "every 8th of the month"),
        ("--on 2030-01-08 --every year", "2030-01-08T19:00", "every year on the 8th"),
        ("--on 2030-03-05 --rule 'FREQ=YEARLY;BYMONTH=3'", "2030-03-05T19:00", "every year on the 5th"),
        (
            "--on 2030-03-05 --rule 'FREQ=YEARLY;BYMONTH=3,9;BYDAY=1TU'",
            "2030-03-05T19:00",
            "every 6 months on the first Tuesday",
        ),
        ("--on 2030-01-08", "2030-01-08T19:00", "once"),
        ("--rule 'RRULE:FREQ=WEEKLY;BYDAY=MO' --from 2030-01-02", "2030-01-07T19:00", "every Monday"),
        (
            "--every day --from 2030-01-02 --until 2030-02-01",
            "2030-01-02T19:00",
            "every day, until Friday 1 February 2030",
        ),
    ],
)
def test_a_new_meeting_begins_on_its_first_day_from_the_date_that_is_said(options: str, start: str, rule: str) -> None:
    schedule = created(options)
    assert (schedule.start.isoformat(timespec="minutes"), said(schedule.rule)) == (start, rule)
    assert schedule.zone == "America/Edmonton"


def test_a_new_meeting_does_not_begin_before_now() -> None:
    first = created("--every day").start.date()
    assert timedelta(0) <= first - HOUSE.today <= timedelta(days=1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--on tuesday", "say how often: --every week"),
        ("", "say on which day"),
        ("--every often", "--every: 'often'"),
        ("--rule FREQ=HOURLY", "--rule: FREQ"),
        ("--on 2030-01-08 --until 2030-02-01", "--until: it is held once"),
        ("--on 2030-01-08 --ends '8 jan 2030'", "--ends: say the hour"),
        ("--on 2030-01-08 --ends '7 jan 2030 10:00'", "--ends: Monday 7 January 2030 10:00 is not after its start"),
    ],
)
def test_a_new_meeting_that_is_half_said_is_refused_by_its_option(options: str, says: str) -> None:
    with pytest.raises(Failure, match=says) as refused:
        created(options)
    assert refused.value.code == 2


def test_an_end_is_counted_by_the_clock_of_the_world_across_summer_time() -> None:
    assert created("--timezone Europe/Berlin --on 2030-03-30 --ends '31 mar 2030 19:00'").minutes == 23 * 60


@pytest.mark.parametrize(
    ("options", "paths", "rule"),
    [
        ("--at 18:00", ["schedule.start"], "every Tuesday, until Tuesday 1 June 2027"),
        ("--on thursday", ["schedule.rule"], "every Thursday, until Tuesday 1 June 2027"),
        ("--every '2 weeks'", ["schedule.rule"], "every 2 weeks on Tuesday, until Tuesday 1 June 2027"),
        ("--every 'first tuesday'", ["schedule.rule"], "every first Tuesday of the month, until Tuesday 1 June 2027"),
        ("--no-until", ["schedule.rule"], "every Tuesday"),
        ("--until 2026-12-01", ["schedule.rule"], "every Tuesday, until Tuesday 1 December 2026"),
        ("--once", ["schedule.rule"], "once"),
        ("--for 1h", ["schedule.minutes"], "every Tuesday, until Tuesday 1 June 2027"),
        ("--notes x", [], "every Tuesday, until Tuesday 1 June 2027"),
    ],
)
def test_a_change_names_only_what_was_said_and_keeps_the_rest(options: str, paths: list[str], rule: str) -> None:
    schedule, named = edited(options)
    assert (named, said(schedule.rule)) == (paths, rule)


def test_other_days_at_another_hour_begin_on_one_of_these_days() -> None:
    schedule, paths = edited("--on thursday --at 8pm")
    assert sorted(paths) == ["schedule.rule", "schedule.start"]
    assert (schedule.start.weekday(), schedule.start.hour) == (3, 20)


def test_what_is_held_once_moves_to_another_date_and_a_series_does_not() -> None:
    schedule, paths = edited("--on 2026-12-26", ONCE)
    assert (schedule.start.isoformat(timespec="minutes"), paths) == ("2026-12-26T19:00", ["schedule.start"])
    with pytest.raises(Failure, match="openchair meeting move"):
        edited("--on 2026-12-26")


def test_dates_besides_are_added_to_those_there_are_until_all_are_taken_away() -> None:
    schedule, _ = edited("--also '24 dec 2026 17:00'")
    schedule, paths = edited("--also 2026-12-31", schedule)
    assert [(each.date.day, each.time and each.time.hour) for each in schedule.extra] == [(24, 17), (31, None)]
    assert paths == ["schedule.extra_dates"]
    assert edited("--no-also", schedule)[0].extra == ()


def test_first_tuesdays_become_first_thursdays() -> None:
    monthly = Schedule(ONCE.start, ONCE.zone, 90, parse_rule("FREQ=MONTHLY;BYDAY=1TU,3TU"))
    assert said(edited("--on thursday", monthly)[0].rule) == "every first and third Thursday of the month"
