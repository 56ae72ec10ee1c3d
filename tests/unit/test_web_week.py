"""What a page says of a centre's next seven days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from openchair.meetings.v1 import centre_pb2

from services.recurrence.types import RecurrenceError
from services.web import say
from services.web.subscribe import Site, Subscription, qr
from tests.unit.web_examples import NOON, board, centre_event, event, lines_of, meeting_event, week_of

ONLINE = {"access": "ONLINE_ACCESS_PUBLIC", "url": "https://meet.example.org/a", "phone": "+1 780 555 0100"}


def test_seven_local_days_empty_ones_too_and_each_date_under_its_own() -> None:
    week = week_of(meeting_event("dawn", "2026-11-02T07:00", "FREQ=WEEKLY;BYDAY=MO,WE"))
    assert [day.title for day in week.days][:3] == [
        "Today, Tuesday 24 November",
        "Tomorrow, Wednesday 25 November",
        "Thursday 26 November",
    ]
    assert [len(day.lines) for day in week.days] == [0, 1, 0, 0, 0, 0, 1]
    assert week.days[1].lines[0].when == "7:00\N{NO-BREAK SPACE}am to 8:00\N{NO-BREAK SPACE}am"


def test_an_hour_stays_the_same_across_the_end_of_summer_time() -> None:
    before_change = datetime(2026, 10, 30, 19, 0, tzinfo=UTC)
    lines = lines_of(meeting_event("dawn", "2026-10-01T07:00", "FREQ=DAILY"), now=before_change)
    assert {line.local.hour for line in lines} == {7}
    assert len({line.start.hour for line in lines}) == 2


def test_what_is_over_is_gone_and_what_runs_is_on_now() -> None:
    past = meeting_event("past", "2026-11-24T10:00")
    running = meeting_event("running", "2026-11-24T11:30")
    (line,) = lines_of(past, running)
    assert line.facts.title == "Running"
    assert (line.state, line.said) == ("now", "On now")


def test_a_retreat_that_began_days_ago_is_listed_today() -> None:
    week = week_of(meeting_event("retreat", "2026-11-22T17:00", minutes=60 * 60))
    (line,) = week.days[0].lines
    assert line.aside == "since Sunday"
    assert line.when.endswith("Wednesday 5:00\N{NO-BREAK SPACE}am")


def test_another_zone_is_said_beside_the_centres_own_time() -> None:
    (line,) = lines_of(meeting_event("far", "2026-11-24T21:00", zone="America/New_York"))
    assert line.local.hour == 19
    assert line.aside == "9:00\N{NO-BREAK SPACE}pm in America/New_York"


def test_a_cancelled_date_says_why_and_names_the_next_chairs_of_the_same_fellowship_first() -> None:
    change = {"date": "2026-11-24", "cancelled": True, "reason": "Snow"}
    lines = lines_of(
        meeting_event("gone", "2026-11-24T19:00", fellowship="AA", changes=[change]),
        meeting_event("early", "2026-11-24T13:00", fellowship="AA"),
        meeting_event("near", "2026-11-24T19:30", fellowship="NA"),
        meeting_event("same", "2026-11-25T18:00", fellowship="AA"),
        meeting_event("late", "2026-11-27T19:00", fellowship="AA"),
        meeting_event("next", "2026-11-25T07:00", fellowship="SMART"),
    )
    (gone,) = [line for line in lines if line.state == "cancelled"]
    assert (gone.said, gone.reason, gone.is_on) == ("Cancelled", "Snow", False)
    assert [chair.title for chair in gone.instead] == ["Near", "Next", "Same"]
    assert {chair.anchor for chair in gone.instead} <= {line.anchor for line in lines if line.is_on}


def test_a_moved_date_stands_in_both_places_and_each_names_the_other() -> None:
    change = {"date": "2026-11-25", "start": "2026-11-26T17:30", "reason": "Paint"}
    lines = lines_of(meeting_event("steps", "2026-11-25T18:00", "FREQ=WEEKLY;BYDAY=WE", changes=[change]))
    away, moved = lines
    assert (away.state, away.said) == ("away", "Moved to Thursday 26 November, 5:30\N{NO-BREAK SPACE}pm")
    assert (moved.state, moved.said) == ("moved", "Moved from Wednesday 25 November, 6:00\N{NO-BREAK SPACE}pm")
    assert away.target == moved.anchor
    assert not away.is_on
    assert away.reason == moved.reason == "Paint"


def test_where_a_date_moved_is_said_in_the_centres_own_time_also_for_a_series_of_another_zone() -> None:
    change = {"date": "2026-11-25", "start": "2026-11-26T01:30"}
    event_ = meeting_event("far", "2026-11-25T18:00", "FREQ=WEEKLY;BYDAY=WE", zone="America/New_York", changes=[change])
    away, moved = lines_of(event_)
    assert away.said == "Moved to Wednesday 25 November, 11:30\N{NO-BREAK SPACE}pm"
    assert moved.when.startswith("11:30\N{NO-BREAK SPACE}pm")
    assert moved.said == "Moved from Wednesday 25 November, 4:00\N{NO-BREAK SPACE}pm"


def test_the_calendar_of_one_meeting_is_that_of_its_lineage_which_outlives_its_parts() -> None:
    (line,) = lines_of(meeting_event("later", "2026-11-25T18:00", lineage="first"))
    assert line.calendar.address.endswith("/calendars/oak/meeting/first.ics")


def test_a_date_moved_out_of_the_week_leaves_a_note_without_a_link() -> None:
    change = {"date": "2026-11-25", "start": "2026-12-20T18:00"}
    (line,) = lines_of(meeting_event("steps", "2026-11-25T18:00", changes=[change]))
    assert (line.state, line.target) == ("away", "")


def test_a_change_of_other_fields_holds_on_its_date_only() -> None:
    change = {
        "date": "2026-11-25",
        "title": "Steps by candlelight",
        "notes": "Bring a candle.",
        "mode": "MODE_HYBRID",
        "venue": {"title": "Annex", "address": "2 Example St"},
        "online": ONLINE,
        "reason": "A celebration",
    }
    changed, usual = lines_of(
        meeting_event(
            "steps",
            "2026-11-24T18:00",
            "FREQ=DAILY;COUNT=2",
            venue={"title": "Hall", "address": "1 Example St", "rooms": ["Hearth"]},
            changes=[change],
        )
    )[::-1]
    assert (usual.facts.title, usual.facts.place.name) == ("Steps", "Hearth, Hall")
    assert (changed.facts.title, changed.facts.mode) == ("Steps by candlelight", "In person and online")
    assert (changed.facts.place.name, changed.facts.place.address) == ("Annex", "2 Example St")
    assert (changed.facts.notes, changed.facts.url) == (("Bring a candle.",), "https://meet.example.org/a")
    assert changed.reason == "A celebration"


def test_suspended_meetings_are_closed_and_have_no_dates() -> None:
    week = week_of(meeting_event("yoga", "2026-11-24T18:00", "FREQ=DAILY", state="MEETING_STATE_SUSPENDED"))
    assert [facts.title for facts in week.closed] == ["Yoga"]
    assert not any(day.lines for day in week.days)


def test_a_meeting_that_has_ended_for_good_is_shown_as_cancelled() -> None:
    (line,) = lines_of(meeting_event("old", "2026-11-24T18:00", state="MEETING_STATE_CANCELLED"))
    assert line.state == "cancelled"
    assert "for good" in line.said


@pytest.mark.parametrize("access", ["ONLINE_ACCESS_SEAT_HOLDERS", "ONLINE_ACCESS_INVITE_CODE"])
def test_how_to_join_is_said_only_where_it_is_public(access: str) -> None:
    open_, asked, in_person = lines_of(
        meeting_event("a", "2026-11-24T18:00", mode="MODE_ONLINE", online=ONLINE),
        meeting_event("b", "2026-11-24T18:00", mode="MODE_ONLINE", online=ONLINE | {"access": access}),
        meeting_event("c", "2026-11-24T18:00", online=ONLINE),
    )
    assert (open_.facts.url, open_.facts.host) == ("https://meet.example.org/a", "meet.example.org")
    assert (asked.facts.url, asked.facts.phone) == ("", "")
    assert asked.facts.asks.startswith("How to join")
    assert (in_person.facts.url, in_person.facts.phone, in_person.facts.asks) == ("", "", "")


def test_a_link_that_could_run_something_is_never_shown() -> None:
    bad = ONLINE | {"url": "javascript:alert(1)"}
    (line,) = lines_of(meeting_event("a", "2026-11-24T18:00", mode="MODE_ONLINE", online=bad))
    assert line.facts.url == ""


def test_where_the_address_is_not_public_the_area_stands() -> None:
    area, nothing = lines_of(
        meeting_event("a", "2026-11-24T18:00", venue={"area": "Old Mill quarter"}),
        meeting_event("b", "2026-11-24T18:00", venue={}),
    )
    assert (area.facts.place.name, area.facts.place.notes) == ("Old Mill quarter", "The address is not published.")
    assert nothing.facts.place.address == "Address on request"


def test_types_are_named_by_their_fellowship_and_what_is_said_elsewhere_is_not_repeated() -> None:
    (line,) = lines_of(
        meeting_event(
            "a", "2026-11-24T18:00", fellowship="AA", types=["O", "X", "ONL", "ZZ"], language="es", kind="class"
        )
    )
    assert line.facts.about == ("AA", "Class", "Open", "Spanish")


def test_the_page_holds_until_something_begins_or_ends_or_the_day_is_over() -> None:
    evening = meeting_event("a", "2026-11-24T18:00")
    assert week_of(evening).until == NOON + timedelta(hours=5, minutes=45)  # when somebody may stand there alone
    assert week_of(evening, now=NOON + timedelta(hours=5, minutes=45)).until == NOON + timedelta(hours=6)
    assert week_of(evening, now=NOON + timedelta(hours=6)).until == NOON + timedelta(hours=7)
    assert week_of(evening, now=NOON + timedelta(hours=8)).until == NOON + timedelta(hours=12)


# --- the board --------------------------------------------------------------------------------------------------


def test_a_tombstone_and_a_lesser_visibility_take_a_meeting_away() -> None:
    made = board(meeting_event("a", "2026-11-24T18:00"), meeting_event("b", "2026-11-24T18:00"))
    made.apply(event("meeting", "a", None, 2))
    made.apply(meeting_event("b", "2026-11-24T18:00", revision=2, visibility="VISIBILITY_MEMBERS"))
    assert not made.boards["oak"].meetings
    assert not made.boards["oak"].agenda.between(NOON, NOON + timedelta(days=7))


def test_a_state_that_cannot_be_read_changes_nothing() -> None:
    made = board(meeting_event("a", "2026-11-24T18:00"))
    before = made.version
    elsewhere = centre_pb2.Centre(name="centres/elm").SerializeToString()
    for bad in (
        event("meeting", "a", b"\xff\xff", 2),
        event("meeting", "b", made.boards["oak"].meetings["a"].SerializeToString(), 2),
        event("centre", "oak", elsewhere, 2),
    ):
        with pytest.raises(ValueError, match="payload"):
            made.apply(bad)
    with pytest.raises(RecurrenceError):
        made.apply(centre_event(2, timeZone="Mars/Olympus"))
    with pytest.raises(RecurrenceError):
        made.apply(meeting_event("a", "2026-11-24T18:00", "FREQ=HOURLY", revision=2))
    assert made.version == before
    assert made.boards["oak"].meetings["a"].schedule.rule == ""


def test_what_no_page_is_about_passes_by() -> None:
    made = board()
    place = event("meeting", "p", b"anything", 1)
    made.apply(type(place)(place.subject, 1, 1, "openchair.meetings.v1.Import", place.time, b"\xff"))
    assert not made.boards["oak"].meetings


def test_a_centre_without_its_own_record_is_not_published_and_reset_forgets_all() -> None:
    made = board(meeting_event("a", "2026-11-24T18:00"))
    made.apply(event("centre", "oak", None, 2))
    assert made.published() == []
    made.apply(centre_event(3))
    assert [id_ for id_, _ in made.published()] == ["oak"]
    made.reset()
    assert made.published() == []


# --- words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "minute", "said"),
    [(0, 0, "midnight"), (12, 0, "noon"), (0, 5, "12:05 am"), (12, 15, "12:15 pm"), (19, 0, "7:00 pm")],
)
def test_times_cannot_be_misread(hour: int, minute: int, said: str) -> None:
    assert say.clock(datetime(2026, 11, 24, hour, minute, tzinfo=UTC)).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("text", "number"),
    [("Call or text 9-8-8, day and night", "9-8-8"), ("988", "988"), ("+1 780 555 0100 (24 h)", "+1 780 555 0100"),
     ("Ask at the desk, room 12", "")],
)  # fmt: skip
def test_the_number_of_a_crisis_line_can_be_tapped(text: str, number: str) -> None:
    before, found, after = say.dial(text)
    assert found == number
    assert before + found + after == text


def test_every_form_in_which_calendars_take_an_address() -> None:
    found = Subscription("https://chairs.example.org/calendars/oak.ics", "Oak & Elm")
    assert found.webcal == "webcal://chairs.example.org/calendars/oak.ics"
    assert found.google == (
        "https://calendar.google.com/calendar/r?cid=webcal%3A%2F%2Fchairs.example.org%2Fcalendars%2Foak.ics"
    )
    assert found.outlook == (
        "https://outlook.live.com/calendar/0/addfromweb"
        "?url=https%3A%2F%2Fchairs.example.org%2Fcalendars%2Foak.ics&name=Oak%20%26%20Elm"
    )


def test_addresses_of_centre_meeting_and_page() -> None:
    site = Site("https://chairs.example.org/")
    assert site.centre("oak", "Oak").address == "https://chairs.example.org/calendars/oak.ics"
    assert site.meeting("oak", "m1", "M").address == "https://chairs.example.org/calendars/oak/meeting/m1.ics"
    assert not site.is_local
    assert all(Site(f"http://{host}:8080").is_local for host in ("localhost", "127.0.0.1", "[::1]"))


def test_the_code_is_black_on_white_wherever_it_stands() -> None:
    svg = qr("https://chairs.example.org/centre/oak#oak-calendar")
    assert svg.startswith("<svg")
    assert 'fill="#fff"' in svg
    assert 'stroke="#000"' in svg
    assert "style=" not in svg
