"""When a room is wanted: what the options of a booking, of a change of one, and of a search make of it."""

from __future__ import annotations

import shlex
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, cast

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from openchair.meetings.v1 import booking_pb2, centre_pb2, place_pb2

from services.cli import book_change, book_dates, book_new, book_when, find_room, if_taken, room_report, room_times
from services.cli.__main__ import parser
from services.cli.house import House
from services.cli.rhythm import said
from services.cli.shell import Failure
from services.kit.clock import SystemClock
from services.recurrence.wire import local_text
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    import argparse

    from services.cli.server import Site
    from services.recurrence.types import Schedule

ZONE = "America/Edmonton"
HALL = place_pb2.Room(name="centres/c/rooms/hall", title="River Hall")
WILLOW = place_pb2.Room(name="centres/c/rooms/willow", title="Willow Room", time_zone="Europe/Berlin")
PLACE = place_pb2.Place(name="centres/c/places/house", title="Riverside House")
HOUSE = House(
    cast("Site", None), centre_pb2.Centre(name="centres/c", title="C", time_zone=ZONE), [PLACE], [HALL, WILLOW]
)
BOOKED = ParseDict(
    {
        "name": "centres/c/rooms/hall/bookings/b1",
        "etag": "3",
        "title": "Coaching",
        "schedule": {
            "start": "2030-12-03T19:00",
            "timeZone": ZONE,
            "minutes": 60,
            "rule": "FREQ=WEEKLY;BYDAY=TU",
        },
        "without": ["20301217"],
        "slots": [{"key": "20301224", "start": "2030-12-23T18:00", "minutes": 90}],
    },
    booking_pb2.Booking(),
)


def parsed(words: str) -> argparse.Namespace:
    return parser().parse_args(shlex.split(words))


def wanted(options: str, zone: str = ZONE) -> Schedule:
    return book_when.wanted(parsed(f"book c 'River Hall' {options}"), HOUSE, zone)


@pytest.mark.parametrize(
    ("options", "start", "rule", "minutes"),
    [
        ("--on 2030-12-01 --at 19:00", "2030-12-01T19:00", "once", 60),
        ("--on '1 dec 2030' --at 7pm --for 1h30", "2030-12-01T19:00", "once", 90),
        ("--on 2030-12-01 --at 22:00 --ends '2030-12-02 01:00'", "2030-12-01T22:00", "once", 180),
        ("--on tuesday --at 19:00 --every week --from 2030-01-02", "2030-01-08T19:00", "every Tuesday", 60),
        ("--on 2030-01-08 --at 19:00 --every '2 weeks'", "2030-01-08T19:00", "every 2 weeks on Tuesday", 60),
        (
            "--at 9:00 --every weekday --from 2030-01-05 --until 2030-02-01",
            "2030-01-07T09:00",
            "every weekday, until Friday 1 February 2030",
            60,
        ),
    ],
)
def test_a_room_is_wanted_once_unless_it_is_said_how_often(options: str, start: str, rule: str, minutes: int) -> None:
    schedule = wanted(options)
    assert (local_text(schedule.start), said(schedule.rule), schedule.minutes) == (start, rule, minutes)
    assert schedule.zone == ZONE


def test_a_weekday_alone_is_the_next_one_on_which_that_time_is_not_over() -> None:
    now = to_local(SystemClock().now(), ZONE)
    for at in ("00:00", "23:59"):
        start = wanted(f"--on {now:%A} --at {at}").start
        assert start.weekday() == now.weekday()
        assert now < start <= now + timedelta(days=7), at


def test_times_are_those_of_the_room() -> None:
    asked = parsed("book c Willow --on 2030-12-01 --at 19:00")
    plan = book_new._plan(asked, HOUSE)
    assert (plan.schedule.zone, plan.names) == ("Europe/Berlin", [WILLOW.name])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--on 2030-12-01", "--at: say from when"),
        ("--at 19:00", "--on: say on which day"),
        ("--on 'tuesday and thursday' --at 19:00", "say how often"),
        ("--on nonsense --at 19:00", "--on: 'nonsense' is no date"),
        ("--on 2030-12-01 --at 19:00 --every sometimes", "--every: 'sometimes' is not understood"),
        ("--on 2030-12-01 --at 19:00 --rule FREQ=HOURLY", "--rule: "),
        ("--on 2030-12-01 --at 19:00 --until 2031-01-01", "--until: it is held once"),
        ("--on 2030-12-01 --at 19:00 --ends '2030-12-01 18:00'", "--ends: "),
        ("--on 2030-12-01 --at 19:00 --if-taken overrule", "--reason: say why"),
        ("--on 2030-12-01 --at 19:00 --reason Because", "--reason goes with --if-taken overrule"),
        ("Willow --on 2030-12-01 --at 19:00 --hold", "--hold: it is one room"),
        ("--on 2030-12-01 --at 19:00 --hold --if-taken skip", "--hold: "),
        ("Attic --on 2030-12-01 --at 19:00", "there is no room 'Attic'"),
    ],
)
def test_what_is_not_understood_is_refused_by_the_name_of_its_option(options: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        book_new._plan(parsed(f"book c 'River Hall' {options}"), HOUSE)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--at nonsense", "argument --at: 'nonsense' is no time of day"),
        ("--for never", "argument --for: 'never' is no length of time"),
        ("--people many", "argument --people"),
        ("--if-taken maybe", "argument --if-taken"),
        ("--until nonsense", "argument --until: 'nonsense' is no date"),
    ],
)
def test_what_is_wrong_in_itself_is_said_before_a_server_is_asked(
    options: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(f"book c Hall --on tuesday {options}")
    assert (ended.value.code, says in capsys.readouterr().err) == (2, True)


def wish(options: str) -> book_change.Wish:
    booking = booking_pb2.Booking()
    booking.CopyFrom(BOOKED)
    return book_change._wish(parsed(f"book change c Coaching {options}"), HOUSE, booking)


@pytest.mark.parametrize(
    ("options", "scope", "key", "paths", "start", "minutes"),
    [
        ("--at 20:00", "ALL", "", ["schedule.start"], "2030-12-03T20:00", 60),
        ("--for 90", "ALL", "", ["schedule.minutes"], "2030-12-03T19:00", 90),
        ("--on thursday", "ALL", "", ["schedule.rule"], "2030-12-05T19:00", 60),
        ("--only 2030-12-10 --to 20:00", "THIS", "20301210", ["schedule.start"], "2030-12-10T20:00", 60),
        ("--only 2030-12-10 --to '2030-12-11 18:00'", "THIS", "20301210", ["schedule.start"], "2030-12-11T18:00", 60),
        ("--only 2030-12-10 --for 2h", "THIS", "20301210", ["schedule.minutes"], "2030-12-10T19:00", 120),
        ("--only 2030-12-23 --to 17:00", "THIS", "20301224", ["schedule.start"], "2030-12-23T17:00", 90),
        ("--only 20301224 --to 17:00", "THIS", "20301224", ["schedule.start"], "2030-12-23T17:00", 90),
        ("--from 2030-12-10 --at 18:00", "FOLLOWING", "20301210", ["schedule.start"], "2030-12-10T18:00", 60),
        ("--from 2030-12-04 --at 18:00", "FOLLOWING", "20301210", ["schedule.start"], "2030-12-10T18:00", 60),
        ("--from 2030-12-19 --for 90", "FOLLOWING", "20301224", ["schedule.minutes"], "2030-12-24T19:00", 90),
        ("--title Other --people 4 --notes ''", "ALL", "", ["title", "attendees", "notes"], "2030-12-03T19:00", 60),
    ],
)
def test_a_change_is_about_one_date_those_from_a_date_on_or_all(
    options: str, scope: str, key: str, paths: list[str], start: str, minutes: int
) -> None:
    found = wish(options)
    said_scope = MessageToDict(found.request)["scope"].removeprefix("BOOKING_SCOPE_")
    assert (said_scope, found.request.key, list(found.request.update_mask.paths)) == (scope, key, paths)
    assert (local_text(found.schedule.start), found.schedule.minutes) == (start, minutes)
    assert found.request.booking.etag == "3"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", "say what is to be changed"),
        ("--to 20:00", "--to goes with --only"),
        ("--only 2030-12-10 --every week", "--every: not with --only"),
        ("--only 2030-12-11 --to 20:00", "it is not booked on Wednesday 11 December 2030. It is next after that on"),
        ("--only 2030-12-17 --to 20:00", "it is not booked on Tuesday 17 December 2030"),
        ("--only 20301217 --to 20:00", "it has no date '20301217'"),
    ],
)
def test_a_change_that_cannot_be_meant_is_refused(options: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        wish(options)


def test_of_single_dates_one_is_moved_at_a_time() -> None:
    single = booking_pb2.Booking(name=BOOKED.name, time_zone=ZONE, slots=BOOKED.slots)
    with pytest.raises(Failure, match="it has single dates only: --only DATE"):
        book_change._wish(parsed("book change c Coaching --at 20:00"), HOUSE, single)
    moved = book_change._wish(parsed("book change c Coaching --only 2030-12-23 --to 20:00"), HOUSE, single)
    assert (local_text(moved.schedule.start), moved.schedule.minutes) == ("2030-12-23T20:00", 90)
    waiting = booking_pb2.Booking(time_zone=ZONE, skipped=[booking_pb2.SkippedDate(slot=BOOKED.slots[0])])
    assert local_text(book_dates.schedule_of(waiting).start) == "2030-12-23T18:00"
    assert (book_dates.several(single), book_dates.several(BOOKED)) == (False, True)


def test_what_a_meeting_holds_is_changed_with_the_meeting() -> None:
    held = booking_pb2.Booking(name=BOOKED.name, meeting="centres/c/meetings/m1")
    with pytest.raises(Failure, match=r"openchair meeting edit c m1"):
        book_change.own(held, HOUSE)
    assert book_change.own(BOOKED, HOUSE) is BOOKED


def searched(options: str) -> dict[str, object]:
    return MessageToDict(find_room.request(parsed(f"find room c {options}"), HOUSE))


def test_a_search_for_rooms_asks_for_a_time_or_for_some_time_in_a_window() -> None:
    once = searched("--on 2030-12-01 --at 19:00 --people 12 --with projector --with piano --accessible wheelchair")
    assert once == {
        "parent": "centres/c",
        "schedule": {"start": "2030-12-01T19:00", "timeZone": ZONE, "minutes": 60},
        "kind": "ROOM_KIND_ROOM",
        "capacity": 12,
        "equipment": ["projector", "piano"],
        "accessibility": ["wheelchair"],
    }
    words = "--between 2030-12-01 2030-12-04 --for 2h --place river --video --partly --near 53.5,-113.5 --radius 5"
    assert searched(words) == {
        "parent": "centres/c",
        "firstDate": "2030-12-01",
        "lastDate": "2030-12-04",
        "minutes": 120,
        "kind": "ROOM_KIND_VIDEO",
        "place": PLACE.name,
        "partly": True,
        "near": {"latitude": 53.5, "longitude": -113.5, "radiusKm": 5.0},
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--between 2030-12-01 2030-12-04 --at 19:00", "--between is some time in these days: leave out --at"),
        ("--between 2030-12-04 2030-12-01", "--between: Sun 1 Dec 2030 is before Wed 4 Dec 2030"),
        ("--between soon 2030-12-01", "--between: 'soon' is no date"),
        ("--at 19:00", "--on: say on which day"),
        ("--on 2030-12-01 --at 19:00 --place Nowhere", "there is no place 'Nowhere'"),
    ],
)
def test_a_search_that_cannot_be_meant_is_refused(options: str, says: str) -> None:
    with pytest.raises(Failure, match=says):
        searched(options)


def test_find_still_finds_meetings_and_a_word_room_among_them() -> None:
    assert parsed("find big book --day tue").words == ["big", "book"]
    assert parsed("find -- room").words == ["room"]
    assert parsed("find").words == []
    assert parsed("find meetings near here").words == ["meetings", "near", "here"]
    assert parsed("find --now").now is True


def test_what_is_on_is_shown_for_seven_days_a_week_or_any_days() -> None:
    def days(options: str) -> tuple[date, date]:
        return room_times.days(parsed(f"room calendar c Hall {options}"), HOUSE, 92)

    assert days("") == (HOUSE.today, HOUSE.today + timedelta(days=6))
    assert days("--week --from 2030-12-04") == (date(2030, 12, 2), date(2030, 12, 8))
    assert days("--from 2030-12-04 --until 2030-12-31") == (date(2030, 12, 4), date(2030, 12, 31))
    for options, says in (
        ("--from 2030-12-04 --until 2030-12-01", "--until: Sun 1 Dec 2030 is before"),
        ("--week --until 2030-12-01", "--week: not with --until"),
        ("--from 2030-01-01 --until 2030-04-03", "--until: at most 92 days at once, from Tue 1 Jan 2030"),
    ):
        with pytest.raises(Failure, match=says):
            days(options)


def test_a_report_is_about_the_last_four_weeks_unless_it_is_said_otherwise() -> None:
    def asked(options: str) -> dict[str, object]:
        return MessageToDict(room_report._request(parsed(f"room report c {options}"), HOUSE))

    four = asked("")
    assert date.fromisoformat(str(four["lastDate"])) - date.fromisoformat(str(four["firstDate"])) == timedelta(days=28)
    assert asked("'River Hall' --from 2030-09-01 --to 2030-11-30")["rooms"] == [HALL.name]
    with pytest.raises(Failure, match="--to: Sun 1 Sep 2030 is before"):
        asked("--from 2030-11-30 --to 2030-09-01")


def test_a_date_without_a_year_in_a_report_is_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(HOUSE), "today", date(2026, 11, 21))
    for options, days in (
        ("--from '1 nov'", ("2026-11-01", "2026-11-21")),
        ("--from '1 sep' --to '30 sep'", ("2026-09-01", "2026-09-30")),
        ("--from '1 dec' --to '31 dec'", ("2026-12-01", "2026-12-31")),
        ("--from '1 nov 2027' --to '30 nov 2027'", ("2027-11-01", "2027-11-30")),
    ):
        request = room_report._request(parsed(f"room report c {options}"), HOUSE)
        assert (request.first_date, request.last_date) == days
    with pytest.raises(Failure, match="--from: Tue 1 Dec 2026 is to come"):
        room_report._request(parsed("room report c --from '1 dec'"), HOUSE)


def test_every_way_of_dealing_with_clashes_is_one_of_the_contract() -> None:
    for word, number in if_taken.POLICIES.items():
        name = booking_pb2.ClashPolicy.Name(number)
        assert name == f"CLASH_POLICY_{word.upper()}"
    assert datetime.fromisoformat("2030-12-01")
