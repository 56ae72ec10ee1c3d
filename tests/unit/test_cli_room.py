"""What people say of a room at a terminal: hours, quotas and dates in words, and how they are read back."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, date, datetime
from typing import Any, cast

import pytest
from openchair.meetings.v1 import centre_pb2, place_pb2

import services.cli.house
from services.cli import room_fields
from services.cli.house import House
from services.cli.room_words import closed_on, dated_text, hours, hours_text, minutes, open_on, quota, quota_text
from services.cli.shell import Failure
from services.cli.when import Unclear
from services.kit.clock import VirtualClock

TODAY = date(2026, 11, 21)
PLACE = "centres/c/places/p"


@pytest.mark.parametrize(
    ("text", "days", "opens", "closes"),
    [
        ("mon-fri 09:00-22:00", [1, 2, 3, 4, 5], "09:00", "22:00"),
        ("Sat,Sun 10am-6pm", [6, 7], "10:00", "18:00"),
        ("daily 8:00 - midnight", [1, 2, 3, 4, 5, 6, 7], "08:00", "24:00"),
        ("weekdays: 09:00 to 24:00", [1, 2, 3, 4, 5], "09:00", "24:00"),
        ("fri-mon 12:00-13:30", [1, 5, 6, 7], "12:00", "13:30"),
        ("tuesdays and thursdays 00:00-02:00", [2, 4], "00:00", "02:00"),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, days: list[int], opens: str, closes: str) -> None:
    read = hours(text)
    assert (list(read.weekdays), read.opens, read.closes) == (days, opens, closes)
    assert hours(hours_text([read])[0]) == read


NOT_UNDERSTOOD = ("", "09:00-22:00", "mon", "mon 9-22", "someday 09:00-10:00", "mon 09:00", "mon-fri-sat 09:00-10:00")


@pytest.mark.parametrize("text", NOT_UNDERSTOOD)
def test_hours_that_are_not_understood_say_how_to_write_them(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="such as"):
        hours(text)


@pytest.mark.parametrize(
    ("text", "period", "count", "length"),
    [
        ("2 per week", 2, 2, 0),
        ("3 hours per month", 3, 0, 180),
        ("1 booking a day", 1, 1, 0),
        ("90 minutes each day", 1, 0, 90),
    ],
)
def test_a_quota_is_a_count_or_a_length_in_a_period(text: str, period: int, count: int, length: int) -> None:
    read = quota(text)
    assert (read.period, read.count, read.minutes) == (period, count, length)
    assert quota(quota_text(read)) == read


@pytest.mark.parametrize(
    "text", ["2", "2 per year", "many per week", "0 hours per day", "0 per week", "0 bookings a day"]
)
def test_a_quota_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        quota(text)


def test_no_length_at_all_is_said_by_0() -> None:
    assert [minutes("0"), minutes("15"), minutes("1h30")] == [0, 15, 90]
    with pytest.raises(ArgumentTypeError):
        minutes("soon")


def test_single_dates_are_read_with_their_reason_or_their_hours() -> None:
    shut, late = closed_on("24 dec: Christmas Eve", TODAY), open_on("31 dec 18:00-24:00", TODAY)
    assert (shut.date, shut.opens, shut.reason) == ("2026-12-24", "", "Christmas Eve")
    assert (late.date, late.opens, late.closes) == ("2026-12-31", "18:00", "24:00")
    assert dated_text([shut, late]) == [
        "Thursday 24 December 2026 closed: Christmas Eve",
        "Thursday 31 December 2026 18:00-24:00",
    ]
    for text in ("18:00-24:00", "31 dec", "someday 18:00-20:00"):
        with pytest.raises(Unclear):
            open_on(text, TODAY)


def house() -> House:
    rooms = [
        place_pb2.Room(name=f"centres/c/rooms/{id_}", title=title, place=PLACE)
        for id_, title in (("a", "Attic"), ("h", "Hall"))
    ]
    places = [place_pb2.Place(name=PLACE, title="Church")]
    return House(cast("Any", None), centre_pb2.Centre(name="centres/c", time_zone="Europe/Berlin"), places, rooms)


def said(*words: str, room: place_pb2.Room | None = None) -> tuple[place_pb2.Room, list[str]]:
    parser = ArgumentParser()
    parser.add_argument("--title")
    room_fields.add_to(parser)
    made = place_pb2.Room(place=PLACE)
    made.MergeFrom(room or place_pb2.Room())
    return made, room_fields.fill(parser.parse_args(words), house(), made)


def test_every_field_that_is_said_is_in_the_mask_and_no_other() -> None:
    words = (
        "--title=Hall", "--capacity=80", "--accessibility=wheelchair", "--equipment=piano,screen", "--notes=N",
        "--photo=https://example.org/a", "--link=https://example.org/j", "--part=Attic", "--setup=15", "--teardown=1h",
        "--public-busy", "--public-title",
        "--hours=mon-fri 09:00-22:00", "--hours=sat 10:00-18:00", "--closed=2026-12-24",
        "--timezone=UTC", "--who=coordinators", "--days-ahead=90", "--notice=1h", "--shortest=30", "--longest=4h",
        "--without-end", "--quota=2 per week", "--quota=3 hours per week", "--approval=holds", "--check-in=15",
        "--hold=5",
    )  # fmt: skip
    room, paths = said(*words)
    assert set(paths) == {
        "title", "capacity", "accessibility", "equipment", "notes", "photos", "join_url", "parts", "before_minutes",
        "after_minutes", "public_busy", "public_title", "opening_hours", "dated_hours", "time_zone", "rules.who",
        "rules.most_days_ahead", "rules.least_minutes_ahead", "rules.shortest_minutes", "rules.longest_minutes",
        "rules.without_end", "rules.quotas", "rules.approval", "rules.check_in_minutes", "rules.hold_minutes",
    }  # fmt: skip
    assert list(room.parts) == ["centres/c/rooms/a"]
    told = room_fields.facts(room, house())
    assert told["hours"] == "Mon-Fri 09:00-22:00, Sat 10:00-18:00"
    assert (told["parts"], told["set-up"], told["quotas"]) == ("Attic", "15 minutes", "2 per week, 3 hours per week")
    assert (told["who may book"], told["approval"], told["days ahead"]) == ("coordinators", "holds", "at most 90")
    assert said()[1] == []


def test_a_date_with_hours_of_its_own_is_replaced_or_is_as_usual_again_and_the_others_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services.cli.house, "SystemClock", lambda: VirtualClock(datetime(2026, 11, 21, tzinfo=UTC)))
    old = [place_pb2.DatedHours(date=f"2026-12-{day}") for day in (24, 25, 26)]
    words = ("--open-on=24 dec 10:00-12:00", "--as-usual=2026-12-25", "--closed=1 jan: New Year")
    room, paths = said(*words, room=place_pb2.Room(dated_hours=old))
    assert [(each.date, each.opens) for each in room.dated_hours] == [
        ("2026-12-24", "10:00"),
        ("2026-12-26", ""),
        ("2027-01-01", ""),
    ]
    assert paths == ["dated_hours"]
    for option in ("--closed", "--open-on", "--as-usual"):
        with pytest.raises(Failure, match=option):
            said(f"{option}=someday 10:00-12:00")


def test_what_is_unset_is_unset() -> None:
    full = said("--hours=daily 09:00-10:00", "--quota=2 per week", "--part=Attic", "--photo=https://example.org/a")[0]
    room, paths = said("--no-hours", "--no-quota", "--no-part", "--no-photo", "--who=facilitators", room=full)
    assert not any((room.opening_hours, room.rules.quotas, room.parts, room.photos))
    assert set(paths) == {"opening_hours", "rules.quotas", "parts", "photos", "rules.who"}
    assert room_fields.facts(room, house())["hours"] == "always open"
