"""What is booked, what is in the way and what would work, as a coordinator reads it in 80 columns."""

from __future__ import annotations

import csv
import io
from argparse import Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import booking_pb2, centre_pb2, place_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes, book_dates, book_new, book_told, find_room, if_taken, room_report, room_times
from services.cli.book_found import find
from services.cli.columns import table
from services.cli.house import House
from services.cli.rhythm import said
from services.cli.shell import Failure
from services.recurrence.rule import parse_rule
from services.recurrence.types import Schedule

if TYPE_CHECKING:
    from services.cli.server import Site

ZONE = "Europe/Berlin"
HALL, WILLOW = "centres/c/rooms/hall", "centres/c/rooms/willow"
HOUSE = House(
    cast("Site", None),
    centre_pb2.Centre(name="centres/c", time_zone=ZONE),
    [],
    [place_pb2.Room(name=HALL, title="Hall"), place_pb2.Room(name=WILLOW, title="Willow Room")],
)
TUESDAYS = Schedule(datetime.fromisoformat("2026-11-24T19:00"), ZONE, 90, parse_rule("FREQ=WEEKLY;BYDAY=TU"))
ONCE = Schedule(datetime.fromisoformat("2026-11-24T19:00"), ZONE, 90)


def booking(**fields: object) -> booking_pb2.Booking:
    schedule = {"start": "2026-11-24T19:00", "timeZone": ZONE, "minutes": 90, "rule": "FREQ=WEEKLY;BYDAY=TU"}
    plain = {
        "name": f"{HALL}/bookings/28821358-2cd2-4016-b7f1-96d9d5c337d8",
        "state": "BOOKING_STATE_CONFIRMED",
        "schedule": schedule,
        "title": "Coaching",
    }
    return ParseDict(plain | fields, booking_pb2.Booking())


def test_a_table_is_no_wider_than_a_terminal_and_loses_nothing() -> None:
    rows = [("every first and third Thursday of the month, 19:00 to 20:00", "River Hall", "word " * 20, "booked")]
    lines = table(("WHEN", "ROOM", "WHAT", "STATE"), rows)
    assert max(map(len, lines)) <= 80
    assert len(lines) > 2
    assert " ".join(lines).split().count("word") == 20
    assert table(("A", "B"), [("1", ""), ("2", "")]) == ["A", "1", "2"]


def test_a_date_that_nobody_came_to_is_named_where_its_booking_is_listed() -> None:
    assert book_told.state(booking(released=["20261117", "20261124"])) == (
        "booked; nobody came on Tue 24 Nov 2026, given back"
    )


def test_a_booking_stands_in_a_list_with_what_is_to_be_done_about_it() -> None:
    skipped = [
        {"slot": {"key": "20261201", "start": "2026-12-01T19:00", "minutes": 90}, "offered": True},
        {"slot": {"key": "20261208", "start": "2026-12-08T19:00", "minutes": 90}},
    ]
    lines = book_told.rows([booking(skipped=skipped), booking(state="BOOKING_STATE_PENDING", competes=True)], HOUSE)
    text = " ".join(" ".join(lines).split())
    assert max(map(len, lines)) <= 80
    for words in ("WHEN", "Tuesday,", "Hall", "Coaching", "28821358", "waits"):
        assert words in text
    assert book_told.state(booking(skipped=skipped)) == "booked; without 2 dates (1 free now)"
    assert book_told.state(booking(state="BOOKING_STATE_PENDING", competes=True)) == (
        "waits for approval; holds nothing meanwhile"
    )
    assert book_told.state(booking(meeting="centres/c/meetings/m")) == "by its meeting"
    held = booking(state="BOOKING_STATE_HELD", expireTime="2026-11-24T17:10:00Z")
    assert book_told.state(held) == "held until 18:10"
    assert book_told.state(booking(overruleReason="Fire drill", proposedForRelease=True)) == (
        "booked; nobody came lately; overruled: Fire drill"
    )
    closed = [{"key": "20261201", "reason": "The wall is painted"}, {"key": "20261208", "reason": "Something else"}]
    assert book_told.state(booking(closed=closed)) == (
        "booked; closed on Tue 1 Dec 2026 and 1 date more: The wall is painted"
    )


def test_all_that_a_booking_says_is_told_in_words() -> None:
    full = booking(
        attendees=2,
        beforeMinutes=15,
        afterMinutes=60,
        organiser="kim",
        without=["20261201"],
        released=["20261124"],
        skipped=[{"slot": {"key": "20261201", "start": "2026-12-01T19:00", "minutes": 90}, "offered": True}],
    )
    facts = book_told.facts(full, HOUSE, datetime(2026, 11, 25, tzinfo=UTC))
    assert facts["when"] == "every Tuesday, 19:00 to 20:30"
    assert facts["kept free"] == "15 minutes before and 1 hour after"
    assert facts["left out"] == "Tue 1 Dec 2026 19:00 to 20:30: free now"
    assert facts["next dates"].split("\n")[0] == "Tue 8 Dec 2026 19:00 to 20:30"
    assert facts["given back"] == "Tue 24 Nov 2026"
    assert facts.keys().isdisjoint({"timezone", "its meeting"})
    held = book_told.facts(booking(meeting="centres/c/meetings/m1"), HOUSE, datetime(2026, 11, 25, tzinfo=UTC))
    assert held["its meeting"] == "openchair meeting show c m1"


def test_the_dates_of_a_booking_are_those_of_its_schedule_less_some_and_its_single_ones() -> None:
    moved = booking(without=["20261201"], slots=[{"key": "20261208", "start": "2026-12-09T18:00", "minutes": 60}])
    found = book_dates.of(moved, datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 12, 16, tzinfo=UTC))
    assert [each.told() for each in found] == [
        "Tue 24 Nov 2026 19:00 to 20:30",
        "Wed 9 Dec 2026 18:00 to 19:00",
        "Tue 15 Dec 2026 19:00 to 20:30",
    ]
    assert [each.key for each in found] == ["20261124", "20261208", "20261215"]
    later = booking(schedule={"start": "2031-04-15T19:00", "timeZone": ZONE, "minutes": 60, "rule": "FREQ=DAILY"})
    first, *_ = book_dates.coming(later, datetime(2026, 11, 24, tzinfo=UTC))
    assert first.told() == "Tue 15 Apr 2031 19:00 to 20:00"
    alone = booking_pb2.Booking(name=moved.name, time_zone=ZONE, slots=moved.slots)
    assert book_dates.rhythm_of(alone) == "Wed 9 Dec 2026 18:00 to 19:00"


CLASHES = {
    "total": 30,
    "clashes": [
        {
            "kind": "CLASH_KIND_TAKEN",
            "room": HALL,
            "key": "20261124",
            "startTime": "2026-11-24T18:00:00Z",
            "endTime": "2026-11-24T19:30:00Z",
            "takenRoom": WILLOW,
            "takenBy": "Tuesday Group",
            "takenStartTime": "2026-11-24T18:30:00Z",
            "takenEndTime": "2026-11-24T19:30:00Z",
        },
        {
            "kind": "CLASH_KIND_TAKEN",
            "room": HALL,
            "startTime": "2026-12-01T18:00:00Z",
            "endTime": "2026-12-01T19:30:00Z",
            "takenBy": "busy",
        },
        {
            "kind": "CLASH_KIND_CLOSED",
            "room": HALL,
            "startTime": "2026-12-08T18:00:00Z",
            "endTime": "2026-12-08T19:30:00Z",
            "reason": "Snow",
        },
        {
            "kind": "CLASH_KIND_NOT_OPEN",
            "room": HALL,
            "startTime": "2026-12-15T22:00:00Z",
            "endTime": "2026-12-16T00:00:00Z",
            "reason": "closes at 22:00",
        },
    ],
    "alternatives": [
        {"room": HALL, "start": "2026-11-24T20:30", "free": 30, "total": 30},
        {"room": WILLOW, "free": 30, "total": 30},
        {"room": HALL, "free": 28, "total": 30, "skipped": ["20261124", "20261201"]},
    ],
}
REPORT = ParseDict(CLASHES, booking_pb2.ClashReport())


def test_what_is_in_the_way_is_told_date_by_date_in_local_time() -> None:
    lines = book_clashes.in_the_way(REPORT, HOUSE, ZONE)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "Tue 24 Nov 2026 19:00 to 20:30" in text
    assert "taken by Tuesday Group, 19:30 to 20:30, in Willow Room, which cannot be had" in text
    assert "taken by something else" in text
    assert "closed: Snow" in text
    assert "not open: closes at 22:00" in text
    sunday = booking_pb2.Clash(kind=booking_pb2.CLASH_KIND_NOT_OPEN, reason="is not open on Sundays")
    assert book_clashes.why(sunday, HOUSE, ZONE) == "not open on Sundays"
    assert lines[-1] == "and 26 more"
    assert "Hall " not in lines[1]


def test_what_would_work_is_numbered_as_it_can_be_taken() -> None:
    assert book_clashes.instead(REPORT, HOUSE, TUESDAYS) == [
        "  1  Hall, Tue 24 Nov 2026 20:30 to 22:00 (every Tuesday)",
        "  2  Willow Room, at the same time",
        "  3  Hall, on 28 of 30 dates; not on Tue 24 Nov 2026, Tue 1 Dec 2026",
    ]
    assert book_clashes.instead(REPORT, HOUSE, ONCE, [HALL, WILLOW])[0] == (
        "  1  Hall and Willow Room, Tue 24 Nov 2026 20:30 to 22:00"
    )
    plan = book_new.Plan([HOUSE.rooms[0]], TUESDAYS, if_taken.REFUSE)
    other, same, part = (book_new._with(HOUSE, plan, each, frozenset({HALL})) for each in REPORT.alternatives)
    both = book_new.Plan(HOUSE.rooms, ONCE, if_taken.REFUSE)
    attic = place_pb2.Room(name="centres/c/rooms/attic", title="Attic")
    house = House(HOUSE.site, HOUSE.centre, [], [*HOUSE.rooms, attic])
    swapped = book_new._with(house, both, booking_pb2.Alternative(room=attic.name), frozenset({HALL}))
    assert swapped.names == [WILLOW, attic.name]
    assert book_new._with(HOUSE, both, REPORT.alternatives[0], frozenset({HALL})).names == [HALL, WILLOW]
    assert (other.schedule.start, other.names) == (datetime.fromisoformat("2026-11-24T20:30"), [HALL])
    assert (same.schedule, same.names) == (TUESDAYS, [WILLOW])
    assert (part.schedule, part.policy) == (TUESDAYS, if_taken.SKIP)


@pytest.mark.parametrize(
    ("schedule", "start", "rule"),
    [
        (ONCE, "2026-11-26T09:00", "once"),
        (TUESDAYS, "2026-11-24T09:00", "every Tuesday"),
        (TUESDAYS, "2026-11-26T19:00", "every Thursday"),
        (TUESDAYS, "2026-11-23T19:00", "every Monday"),
    ],
)
def test_an_alternative_on_another_day_takes_its_weekday_along(schedule: Schedule, start: str, rule: str) -> None:
    moved = book_clashes.at(schedule, start)
    assert (moved.start, said(moved.rule), moved.minutes) == (datetime.fromisoformat(start), rule, 90)


def test_free_rooms_are_told_with_when_and_with_what_one_must_know() -> None:
    found = [
        ParseDict(each, pb.FreeRoom())
        for each in (
            {"room": {"title": "Hall", "capacity": 80}, "placeTitle": "House", "start": "2026-11-24T19:00", "total": 1,
             "free": 1, "metres": 1234, "needsApproval": True},
            {"room": {"title": "Willow Room"}, "placeTitle": "House", "free": 50, "total": 52},
        )
    ]  # fmt: skip
    wanted = pb.FindFreeRoomsRequest(minutes=60)
    lines = find_room.told(found, wanted)
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    for words in ("Tue 24 Nov 2026", "80", "1.2 km;", "50 of 52 dates"):
        assert words in text
    assert find_room.told([], wanted) == []


def test_what_is_on_stands_below_its_day_and_nothing_private_is_made_up() -> None:
    events = [
        ParseDict(each, pb.RoomEvent())
        for each in (
            {"startTime": "2026-11-24T18:00:00Z", "endTime": "2026-11-24T19:30:00Z", "title": "Tuesday Group"},
            {"startTime": "2026-11-24T20:00:00Z", "endTime": "2026-11-24T21:00:00Z", "title": "busy",
             "state": "BOOKING_STATE_PENDING", "byRoom": WILLOW, "beforeMinutes": 15},
            {"startTime": "2026-11-25T08:00:00Z", "endTime": "2026-11-25T09:00:00Z", "title": "busy",
             "closureReason": "Snow"},
        )
    ]  # fmt: skip
    assert room_times.by_day(events, HOUSE, ZONE) == [
        "Tue 24 Nov 2026",
        "  19:00 to 20:30  Tuesday Group",
        "  21:00 to 22:00  busy           waits for approval; in Willow Room; kept free",
        "                                 15 min before",
        "Wed 25 Nov 2026",
        "  09:00 to 10:00  busy  closed: Snow",
    ]
    assert room_times.by_day([], HOUSE, ZONE) == []
    taken = ParseDict(
        {"room": HALL, "busy": [{"startTime": "2026-11-24T18:00:00Z", "endTime": "2026-11-24T19:30:00Z",
                                 "tentative": True}]},
        pb.RoomBusy(),
    )  # fmt: skip
    assert room_times.busy_lines([taken, pb.RoomBusy(room=WILLOW)], HOUSE) == [
        "Hall",
        "  Tue 24 Nov 2026 19:00 to 20:30  (not certain yet)",
        "Willow Room",
        "  free",
    ]


WEEK = ParseDict(
    {
        "room": HALL,
        "title": "=cmd()",
        "week": "2026-11-23",
        "openMinutes": 5040,
        "bookedMinutes": 270,
        "usedMinutes": 180,
        "freeMinutes": 4770,
        "bookings": 3,
        "peaks": ["Tue 19:00", "Thu 20:00"],
    },
    pb.RoomWeek(),
)


def test_a_report_is_in_hours_for_people_and_in_minutes_for_spreadsheets() -> None:
    assert room_report.told([WEEK])[1].split()[:8] == ["Mon", "23", "Nov", "2026", "=cmd()", "84h", "4h30", "3h"]
    assert max(map(len, room_report.told([WEEK]))) <= 80
    head, line = csv.reader(io.StringIO(room_report.as_csv([WEEK]), newline=""))
    assert tuple(head) == room_report.COLUMNS
    assert dict(zip(head, line, strict=True))["booked_minutes"] == "270"
    assert (line[2], line[-1]) == ("'=cmd()", "Tue 19:00; Thu 20:00")


class Listing:
    """A site that knows these bookings."""

    def __init__(self, *found: booking_pb2.Booking) -> None:
        self.rooms = self
        self.found = found

    async def ListBookings(self, _: object, timeout: float) -> pb.ListBookingsResponse:  # noqa: N802, ASYNC109 - as gRPC
        assert timeout > 0
        return pb.ListBookingsResponse(bookings=self.found)


async def test_a_booking_is_called_by_its_title_its_id_or_the_beginning_of_either() -> None:
    site = Listing(booking(), booking(name=f"{HALL}/bookings/99999999-aaaa", title="Choir"), booking(title="Choirs"))
    for wanted, title in (("coach", "Coaching"), ("99999999", "Choir"), ("Choir", "Choir"), ("choirs", "Choirs")):
        found = await find(cast("Site", site), Namespace(booking=wanted, room=""), HOUSE)
        assert found.title == title
    for wanted, says in (
        ("Nothing", "there is no booking 'Nothing' here. `openchair book list` shows which there are"),
        ("28821358", "several bookings are called '28821358': say which by its id:"),
    ):
        with pytest.raises(Failure) as failed:
            await find(cast("Site", site), Namespace(booking=wanted, room=""), HOUSE)
        assert says in str(failed.value)
