"""Seats at a terminal: how questions, answers and rules are written, and what is said of a seat."""

from __future__ import annotations

import argparse
import io
import sys
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from openchair.meetings.v1 import centre_pb2, meeting_pb2
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2, slip_pb2, statistics_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.cli import seats_dates, seats_led, seats_rules, seats_told, seats_words, series, slip, statistics
from services.cli.__main__ import parser
from services.cli.house import House
from services.cli.seats_answers import answers_of, keep_ids, question, question_text, quota
from services.cli.shell import Failure
from services.kit import words
from services.kit.clock import VirtualClock

if TYPE_CHECKING:
    from services.cli.server import Site

CHOICE, NUMBER = list_rules_pb2.QUESTION_KIND_CHOICE, list_rules_pb2.QUESTION_KIND_NUMBER
TEXT = list_rules_pb2.QUESTION_KIND_TEXT
ZONE = "America/Edmonton"


@pytest.mark.parametrize(
    ("text", "kind", "title"),
    [
        ("Diet: vegan | vegetarian | all", CHOICE, "Diet"),
        ("When: 17:00 | 18:00", TEXT, "When: 17:00 | 18:00"),
        ("Chairs (0-4)", NUMBER, "Chairs"),
        ("Below zero (-5 to 5)", NUMBER, "Below zero"),
        ("What should we know?", TEXT, "What should we know?"),
    ],
)
def test_a_question_is_what_it_looks_like(text: str, kind: int, title: str) -> None:
    made = question(text)
    assert (made.kind, made.title) == (kind, title)
    if kind != TEXT:
        assert question(question_text(made)) == made
    assert (made.use == list_rules_pb2.QUESTION_USE_ORGANISER) is (kind == TEXT)


def test_answers_are_given_by_the_words_of_a_question_or_how_they_begin() -> None:
    diet = list_rules_pb2.Question(id="diet", kind=CHOICE, choices=["Vegan", "Vegetarian", "Éclairs"], several=True)
    seats = list_rules_pb2.Question(id="chairs", kind=NUMBER, lowest=-1, highest=4)
    found = answers_of(["diet=vegan,ecl", "chairs=-1"], [diet, seats])
    assert [list(each.choices) for each in found] == [[0, 2], []]
    assert found[1].number == -1
    for wrong, says in (("diet=veg", "takes one of"), ("tea=yes", "diet"), ("chairs=few", "whole number"), ("x", "id")):
        with pytest.raises(Failure, match=says):
            answers_of([wrong], [diet, seats])


def test_a_quota_is_a_title_and_a_number() -> None:
    assert (quota("Beds: upstairs: 4").title, quota("Beds: upstairs: 4").places) == ("Beds: upstairs", 4)
    with pytest.raises(Failure, match="Scholarship: 10"):
        quota("Scholarship")


def test_every_rule_of_the_contract_can_be_set() -> None:
    lists = {"questions", "feedback", "quotas", "organisers", "list_code", "sister_dates"}
    said = {field for field, _, _ in seats_rules.FIELDS.values()} | lists
    output = {"name", "etag", "update_time", "list_code_set"}
    every = {field.name for field in list_rules_pb2.ListRules.DESCRIPTOR.fields}
    assert every == said | output
    assert lists <= {option.removeprefix("list_rules.") for option in seats_rules.OPTIONS}


def test_every_method_about_seats_has_a_command() -> None:
    folder = Path(seats_led.__file__).parent
    text = "".join(each.read_text("utf-8") for each in folder.glob("*.py"))
    methods = {each.name for each in pb.DESCRIPTOR.services_by_name["RsvpService"].methods}
    assert {each for each in methods if f"site.seats.{each}" not in text} == {"ShowCheckInCode"}  # for a page


def test_what_keeps_its_title_keeps_its_id_so_that_seats_keep_what_they_hold() -> None:
    before = [list_rules_pb2.Quota(id="8fcf", title="Scholarship", places=5), list_rules_pb2.Quota(id="1", title="Bed")]
    made = [quota("scholarship: 10"), quota("Wheelchair: 4")]
    keep_ids(made, before)
    assert [(each.id, each.places) for each in made] == [("8fcf", 10), ("", 4)]


def test_how_a_question_is_asked_stands_behind_it() -> None:
    made = question("Diet: vegan | no nuts (several, required, for the organiser)")
    assert (made.title, list(made.choices)) == ("Diet", ["vegan", "no nuts"])
    assert (made.several, made.required, made.use) == (True, True, list_rules_pb2.QUESTION_USE_ORGANISER)
    assert question(question_text(made)) == made
    assert question("Beds (0-2)").kind == NUMBER
    assert question("Who brings tea (or coffee)?").title == "Who brings tea (or coffee)?"


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (seats_rules.waiting, "none", -1),
        (seats_rules.waiting, "unlimited", 0),
        (seats_rules.waiting, "12", 12),
        (seats_rules.count, "none", 0),
        (seats_rules.before, "2 days", 2880),
        (seats_rules.before, "none", 0),
    ],
)
def test_numbers_and_lengths_are_written_as_people_write_them(read: object, text: str, value: int) -> None:
    assert callable(read)
    assert read(text) == value
    with pytest.raises(ArgumentTypeError):
        read("a few")


def test_six_words_are_read_from_standard_input_and_never_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = seats_words.made()
    assert words.read(made) == made
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"  {made.upper()} \n"))
    assert seats_words.typed() == made
    monkeypatch.setattr(sys, "stdin", io.StringIO("canary canary canary\n"))
    with pytest.raises(Failure) as refused:
        seats_words.typed()
    assert "canary" not in str(refused.value)
    assert len(seats_words.card(made).splitlines()) == 8


def test_no_command_takes_six_words_as_an_argument() -> None:
    whole = parser("seats")
    assert isinstance(whole, argparse.ArgumentParser)
    with pytest.raises(SystemExit):
        whole.parse_args(["seats", "show", "riverside", "Supper", "today", "cash", "message"])


def test_a_seat_says_what_it_is_and_until_when_it_can_be_changed() -> None:
    seat = seat_pb2.Seat(state=seat_pb2.SEAT_STATE_WAITLISTED, attendance=seat_pb2.ATTENDANCE_ONLINE, party_size=2)
    seat.change_until_time.FromJsonString("2026-11-25T01:00:00Z")
    told = seats_told.facts(seat, ZONE)
    assert told["seat"] == "on the waitlist"
    assert told["when a place is free"] == "it is yours"
    assert told["change until"] == "Tuesday 24 November 2026 19:00"
    assert seats_told.facts(seat_pb2.Seat(), ZONE) == {"seat": "no seat is kept with these words"}


def test_every_state_and_end_of_a_seat_has_words() -> None:
    for state in seat_pb2.SeatState.values():
        for end in seat_pb2.SeatEnd.values():
            assert seats_told.facts(seat_pb2.Seat(state=state, end=end), ZONE)["seat"]


def test_a_suppressed_figure_is_no_number() -> None:
    row = statistics_pb2.StatisticsRow(keys=["3"], held=statistics_pb2.Cell(suppressed=True))
    row.expected.value = 41
    (head, line) = statistics.table(["weekday"], [row], {})
    told = dict(zip(head, line, strict=True))
    assert (told["weekday"], told["held"], told["expected"]) == ("Wednesday", "suppressed", "41")
    assert len(statistics.columns([head, line])) == 2


def test_what_people_wrote_starts_no_formula_and_moves_no_cursor() -> None:
    row = statistics_pb2.StatisticsRow(keys=["centres/a/meetings/b"])
    (_, line) = statistics.table(["meeting"], [row], {"centres/a/meetings/b": "=cmd|'/c calc'!A1\x1b[2J"})
    assert line[0].startswith("'=cmd")
    assert "\x1b" not in line[0]


def test_a_code_is_shown_as_words_and_as_a_picture() -> None:
    found = pb.GetCheckInCodeResponse(words="cash message purpose kangaroo", url="https://chairs.example.org/m/x/here")
    found.display_url = "https://chairs.example.org/m/x/20261124/screen/a/b"
    shown = seats_led._shown(found, clear=False)
    assert shown.endswith(f"   {found.display_url}")
    assert "cash message purpose kangaroo" in shown
    assert len(shown.splitlines()) > 10
    assert "\x1b[2J" not in shown


def test_a_slip_shows_what_stands_on_it_and_that_nobody_checked_the_name() -> None:
    told = slip.facts(slip_pb2.SlipContent(centre="centres/a", person="Sam", valid_until="2026-12-24"))
    assert told["person"] == "Sam  (as they said; nobody checked it)"
    assert set(told) == {"centre", "person", "valid until"}


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 11, 22), date(2026, 8, 1), date(2026, 10, 31)),
        (date(2026, 11, 5), date(2026, 7, 1), date(2026, 9, 30)),
        (date(2027, 1, 13), date(2026, 10, 1), date(2026, 12, 31)),
    ],
)
def test_an_export_is_of_months_that_are_closed(today: date, first: date, last: date) -> None:
    assert statistics.whole_months(today) == (first, last)


def test_a_figure_of_which_something_is_withheld_says_so() -> None:
    cells = [
        statistics_pb2.Cell(value=45),
        statistics_pb2.Cell(value=45, withheld=2),
        statistics_pb2.Cell(suppressed=True, withheld=2),
    ]
    assert [statistics.cell(each) for each in cells] == ["45", "45+", "suppressed"]


def test_sister_dates_are_said_as_days_and_of_another_meeting_with_its_id() -> None:
    names = ["centres/a/meetings/b/occurrences/20261208", "centres/a/meetings/c/occurrences/20261222-1"]
    rules = list_rules_pb2.ListRules(
        name="centres/a/meetings/b/listRules", sister_dates=[list_rules_pb2.SisterDates(names=names)]
    )
    assert seats_rules.facts(rules)["sister dates"] == "Tuesday 8 December 2026 | c: Tuesday 22 December 2026"


@pytest.mark.parametrize(
    ("hour", "minute", "led", "kept"), [(18, 29, 24, 24), (18, 30, 24, 1), (19, 29, 24, 1), (19, 30, 1, 1)]
)
def test_a_guest_means_the_next_date_that_has_not_begun_and_who_leads_the_one_that_is_on(
    monkeypatch: pytest.MonkeyPatch, hour: int, minute: int, led: int, kept: int
) -> None:
    """On Tuesdays from 19:30 to 20:30 in Berlin, which is from 18:30 to 19:30 in UTC."""
    for module in (series, seats_dates):
        monkeypatch.setattr(
            module, "SystemClock", lambda: VirtualClock(datetime(2026, 11, 24, hour, minute, tzinfo=UTC))
        )
    house = House(cast("Site", None), centre_pb2.Centre(time_zone="Europe/Berlin"), [], [])
    tuesdays = meeting_pb2.Meeting(name="centres/c/meetings/m")
    tuesdays.schedule.start, tuesdays.schedule.time_zone = "2026-11-24T19:30", "Europe/Berlin"
    tuesdays.schedule.minutes, tuesdays.schedule.rule = 60, "FREQ=WEEKLY"
    found = series.Series((tuesdays,), tuesdays)
    assert seats_dates.named(house, found, "").local.day == led
    assert seats_dates.named(house, found, "", ahead=True).local.day == kept
