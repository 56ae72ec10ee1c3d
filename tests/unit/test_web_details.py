"""What a line says beside time and place: programmes, who may come, agendas, warnings, what is closed, calendars."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.kit.event import Event
from services.web.board import CLOSURE
from services.web.week import Line, week
from tests.unit.web_examples import NOON, SITE, board, centre_event, closure, lines_of, meeting_event, week_of

TUESDAYS = ("2026-11-03T18:00", "FREQ=WEEKLY;BYDAY=TU")
"""Of which the 24th, the day of these tests, is the fourth and the last."""
HALL = {"title": "Hall", "rooms": ["Hearth"], "address": "1 Example St"}


def said(**fields: Any) -> dict[str, str]:
    (line,) = lines_of(meeting_event("a", "2026-11-24T18:00", **fields))
    return {each.label: each.text for each in line.facts.details}


def told(*events: Event) -> list[tuple[str, str]]:
    return [(each.what, each.when) for each in week_of(*events).notices]


# --- what is special on a date --------------------------------------------------------------------------------------


def test_a_programme_stands_on_the_dates_of_its_weeks_and_whole_in_the_details() -> None:
    programmes = [{"weeks": [4], "title": "Speaker", "types": ["BE"]}, {"weeks": [1, 3], "title": "Steps"}]
    (line,) = lines_of(meeting_event("a", *TUESDAYS, fellowship="AA", programmes=programmes))
    assert [(each.title, each.types) for each in line.facts.special] == [("Speaker", ("Newcomer",))]
    assert (
        said(programmes=programmes)["Programme"] == "fourth of the month: Speaker; first and third of the month: Steps"
    )


def test_a_programme_that_is_called_as_its_type_says_it_once() -> None:
    programmes = [{"weeks": [4], "title": "Speaker", "types": ["SPK", "OPEN", "STEP"]}]
    (line,) = lines_of(meeting_event("a", *TUESDAYS, fellowship="NA", programmes=programmes))
    ((title, types),) = [(each.title, each.types) for each in line.facts.special]
    assert (title, title in types, len(types) > 0) == ("Speaker", False, True)


def test_a_programme_goes_by_the_original_day_of_a_date_that_was_moved() -> None:
    moved = [{"date": "2026-11-24", "start": "2026-11-29T18:00"}]  # a fifth Sunday
    programmes = [{"weeks": [4], "title": "Speaker"}]
    away, here = lines_of(meeting_event("a", *TUESDAYS, programmes=programmes, changes=moved))
    assert (away.facts.special, [each.title for each in here.facts.special]) == ((), ["Speaker"])


def test_who_may_come_in_such_a_week_overrides_the_series_and_the_codes() -> None:
    programmes = [{"weeks": [-1], "title": "Open night", "whoMayCome": "WHO_MAY_COME_EVERYBODY"}]
    fields: Any = {"fellowship": "AA", "types": ["C"], "whoMayCome": "WHO_MAY_COME_MEMBERS"}
    (usual,) = lines_of(meeting_event("a", *TUESDAYS, **fields))
    (special,) = lines_of(meeting_event("a", *TUESDAYS, programmes=programmes, **fields))
    assert usual.facts.about == ("AA", "Only for those it is about")
    assert special.facts.about == ("AA", "Open to everybody")


def test_a_turn_of_a_rotation_is_said_as_such() -> None:
    programmes = [{"rotation": 3, "turn": 2, "anchor": "2026-11-24", "title": "Steps"}]
    assert said(programmes=programmes)["Programme"] == "week 2 of every 3: Steps"


# --- what is folded away --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "label", "text"),
    [
        ("approach", "APPROACH_SECULAR", "Approach", "Secular"),
        ("focus", ["lgbtq", "young-people"], "For", "LGBTQ+, young people"),
        ("ledBy", "LED_BY_PEER", "Led by", "peers"),
        ("firstVisit", "Ring the bell.", "Your first time", "Ring the bell."),
        ("cost", "by donation", "Cost", "by donation"),
        ("scholarship", True, "If you cannot pay", "There are places for you too."),
        ("registrationOpens", "2026-12-01T09:00", "Registration opens", "Tuesday 1 December 2026, 9:00\xa0am"),
        ("capacity", 40, "Chairs", "40"),
        ("otherLanguages", ["es", "fr-CA"], "Also in", "Spanish, French"),
        ("website", "https://oak.example.org/a", "Its own page", "oak.example.org"),
    ],
)
def test_what_a_meeting_says_of_itself_is_said_in_words(field: str, value: Any, label: str, text: str) -> None:
    assert said(**{field: value}) == {label: text}


def test_a_map_is_linked_where_the_address_is_public_and_only_by_a_sound_link() -> None:
    def linked(url: str, **more: str) -> list[str]:
        (line,) = lines_of(meeting_event("a", "2026-11-24T18:00", venue=HALL | {"mapUrl": url} | more))
        return [each.link for each in line.facts.details]

    assert linked("https://map.example.org/1") == ["https://map.example.org/1"]
    assert linked("https://map.example.org/1", addressAccess="ADDRESS_ACCESS_AREA_ONLY") == []
    assert linked("javascript:alert(1)") == []


def test_kinds_have_names_and_a_centre_its_own() -> None:
    own = centre_event(2, kinds=[{"id": "sound-bath", "title": "Sound bath with Mika"}])
    lines = lines_of(
        own,
        meeting_event("a", "2026-11-24T18:00", kind="sound-bath"),
        meeting_event("b", "2026-11-24T18:00", kind="family"),
        meeting_event("c", "2026-11-24T18:00", kind="fire-walk"),
    )
    assert [line.facts.about[0] for line in lines] == ["Sound bath with Mika", "Family and friends", "Fire walk"]


def test_an_agenda_stands_day_by_day_and_what_runs_side_by_side_under_one_time() -> None:
    sessions = [
        {
            "id": "b",
            "title": "Yoga",
            "day": 2,
            "time": "10:00",
            "minutes": 75,
            "roomTitles": ["Studio"],
            "leader": "Mika",
        },
        {"id": "a", "title": "Steps", "day": 2, "time": "10:00", "minutes": 90},
        {"id": "c", "title": "Supper", "day": 1, "time": "18:30", "minutes": 60},
        {"id": "d", "title": "Never", "day": 1, "time": "nonsense", "minutes": 60},
    ]
    (line,) = lines_of(meeting_event("r", "2026-11-24T18:00", minutes=2000, sessions=sessions))
    first, second = line.agenda
    assert (first.title, second.title) == ("Tuesday 24 November", "Wednesday 25 November")
    (slot,) = second.slots
    assert [(each.title, each.until, each.rooms, each.leader) for each in slot.items] == [
        ("Steps", "11:30\xa0am", "", ""),
        ("Yoga", "11:15\xa0am", "Studio", "Mika"),
    ]


@pytest.mark.parametrize(
    ("change", "when", "rooms"),
    [
        ({"start": "2026-11-25T20:00"}, ("Wednesday 25 November", "8:30\xa0pm"), "Studio"),
        ({"start": "2026-11-24T18:15", "minutes": 225}, ("Tuesday 24 November", "6:30\xa0pm"), "Studio"),
        ({"minutes": 300}, ("Tuesday 24 November", "6:30\xa0pm"), "Studio"),
        ({"mode": "MODE_ONLINE"}, ("Tuesday 24 November", "6:30\xa0pm"), ""),
        ({"place": "centres/oak/places/q", "venue": {"title": "Elm"}}, ("Tuesday 24 November", "6:30\xa0pm"), ""),
    ],
)
def test_an_agenda_goes_along_with_its_date_and_is_not_in_the_rooms_that_it_left(
    change: dict[str, Any], when: tuple[str, str], rooms: str
) -> None:
    session = {"id": "a", "title": "Supper", "day": 1, "time": "18:30", "minutes": 60, "roomTitles": ["Studio"]}
    fields: dict[str, Any] = {"minutes": 240, "sessions": [session], "changes": [{"date": "2026-11-24", **change}]}
    line = next(each for each in lines_of(meeting_event("r", "2026-11-24T18:00", **fields)) if each.agenda)
    (day,) = line.agenda
    assert (day.title, day.slots[0].time, day.slots[0].items[0].rooms) == (*when, rooms)


# --- what is not as usual -------------------------------------------------------------------------------------------


def test_an_unconfirmed_date_and_a_doubtful_series_say_call_before_you_go() -> None:
    changes = [{"date": "2026-11-24", "unconfirmed": True}]
    first, second = lines_of(
        meeting_event("a", "2026-11-24T18:00", "FREQ=DAILY;COUNT=2", doubtful=True, changes=changes)
    )
    assert first.warning == "Unconfirmed: people found nobody there. Call before you go."
    assert second.warning == "People found nobody here lately: call before you go."
    assert first.is_on


def test_a_date_that_somebody_found_empty_is_no_chair_instead_of_another() -> None:
    cancelled = [{"date": "2026-11-24", "cancelled": True}]
    empty = [{"date": "2026-11-24", "unconfirmed": True}]
    lines = lines_of(
        meeting_event("gone", "2026-11-24T18:00", changes=cancelled),
        meeting_event("empty", "2026-11-24T18:00", changes=empty),
        meeting_event("open", "2026-11-24T20:00"),
    )
    (gone,) = [line for line in lines if line.state == "cancelled"]
    assert [chair.title for chair in gone.instead] == ["Open"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cancelled": True, "holiday": "Christmas Day"}, "Cancelled: Christmas Day"),
        ({"mode": "MODE_ONLINE", "closure": "centres/oak/closures/c"}, "Online on this date"),
        ({"venue": {"title": "Annex", "rooms": ["Hearth"]}}, "At another place on this date"),
        ({"venue": {"title": "Hall", "rooms": ["Attic"]}}, "In another room on this date"),
        ({"venue": {"title": "Hall"}}, "Not in its usual room on this date"),
        ({"venue": HALL}, ""),
    ],
)
def test_what_a_closure_or_a_holiday_makes_of_a_date_is_said_with_its_words(change: dict[str, Any], words: str) -> None:
    changes = [{"date": "2026-11-24", "reason": "Snow", **change}]
    (line,) = lines_of(meeting_event("a", "2026-11-24T18:00", venue=HALL, changes=changes))
    assert (line.said, line.reason) == (words, "Snow")


def test_somebody_can_say_that_nobody_is_there_only_while_they_may_stand_there() -> None:
    def asks(minutes: int, **fields: Any) -> bool:
        found: list[Line] = lines_of(
            meeting_event("a", "2026-11-24T18:00", minutes=180, **fields),
            now=NOON + timedelta(hours=6, minutes=minutes),
        )
        return any(line.asks for line in found)

    assert [asks(minutes) for minutes in (-16, -15, 59, 60)] == [False, True, True, False]
    assert not asks(0, changes=[{"date": "2026-11-24", "cancelled": True}])


# --- what is closed -------------------------------------------------------------------------------------------------


def test_a_closure_is_told_from_14_days_before_until_it_is_over() -> None:
    week_ = timedelta(days=1)
    board_ = board(closure(start="2026-12-09", end="2026-12-10")).boards["oak"]
    shown = [bool(week("oak", board_, SITE, NOON + days * week_).notices) for days in (0, 1, 2, 16, 17)]
    assert shown == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({}, "from Wednesday 25 November to Thursday 26 November"),
        ({"start": "2026-11-24"}, "until Thursday 26 November"),
        ({"end": "2026-11-25"}, "on Wednesday 25 November"),
        ({"end": ""}, "from Wednesday 25 November until further notice"),
        ({"start": "2026-11-01", "end": ""}, "until further notice"),
        (
            {"start": "2026-11-25T14:00", "end": "2026-11-25T18:00"},
            "from Wednesday 25 November, 2:00\xa0pm to Wednesday 25 November, 6:00\xa0pm",
        ),
    ],
)
def test_when_it_is_closed_is_said_in_words(fields: dict[str, str], when: str) -> None:
    assert told(closure(**fields)) == [("The whole centre is closed", when)]


def test_what_is_closed_is_named_as_meetings_name_it() -> None:
    at: Any = {"place": "centres/oak/places/p", "rooms": ["centres/oak/rooms/r"], "venue": HALL}
    meeting = meeting_event("a", "2026-11-24T18:00", **at)
    assert told(meeting, closure(rooms=at["rooms"]))[0][0] == "Hearth is closed"
    assert told(meeting, closure(places=[at["place"]], rooms=at["rooms"]))[0][0] == "Hall and Hearth are closed"
    assert told(closure(places=[at["place"]]))[0][0] == "A part of the centre is closed"


def test_where_only_meetings_pause_nobody_reads_that_the_house_is_closed() -> None:
    at: Any = {"place": "centres/oak/places/p", "rooms": ["centres/oak/rooms/r"], "venue": HALL}
    meeting = meeting_event("a", "2026-11-24T18:00", **at)
    assert told(closure(meetings_only=True))[0][0] == "Meetings pause in the whole centre"
    assert told(closure(meetings_only=True, places=[at["place"]]))[0][0] == "Meetings pause in a part of the centre"
    assert told(meeting, closure(meetings_only=True, rooms=at["rooms"]))[0][0] == "Meetings pause in Hearth"


@pytest.mark.parametrize("state", ["CLOSURE_STATE_WITHDRAWING", "CLOSURE_STATE_WITHDRAWN", "CLOSURE_STATE_ENDED"])
def test_a_closure_that_was_taken_back_is_told_no_more(state: str) -> None:
    assert told(closure(state=state)) == []


def test_a_closure_on_holidays_is_told_by_the_days_that_it_touches_soon() -> None:
    yearly = closure(start="2026-01-01", end="", holidays="US-CO")
    changes = [
        {"date": day, "cancelled": True, "closure": "centres/oak/closures/c", "holiday": "Thanksgiving Day"}
        for day in ("2026-11-26", "2027-11-25")
    ]
    assert told(yearly) == []
    daily = meeting_event("a", "2026-11-24T18:00", "FREQ=DAILY", changes=changes)
    assert told(yearly, daily) == [("The whole centre is closed", "on Thursday 26 November (Thanksgiving Day)")]


def test_a_page_with_a_closure_of_some_hours_is_made_anew_when_it_begins_and_ends() -> None:
    hours = closure(start="2026-11-24T14:00", end="2026-11-24T16:00")
    board_ = board(hours).boards["oak"]
    assert week("oak", board_, SITE, NOON).until == NOON + timedelta(hours=2)
    assert week("oak", board_, SITE, NOON + timedelta(hours=3)).until == NOON + timedelta(hours=4)


def test_a_tombstone_takes_a_closure_away_and_one_that_names_another_is_refused() -> None:
    made = board(closure())
    stranger = closure("d")
    with pytest.raises(ValueError, match="different closures"):
        made.apply(Event(stranger.subject, 1, 1, CLOSURE, stranger.time, closure("c").payload))
    gone = closure()
    made.apply(Event(gone.subject, 1, 2, CLOSURE, gone.time, None))
    assert made.boards["oak"].closures == {}


# --- calendars ------------------------------------------------------------------------------------------------------


def test_every_calendar_that_a_centre_has_more_than_one_of_is_listed_with_its_address() -> None:
    hidden = {"area": "Old Mill quarter", "addressAccess": "ADDRESS_ACCESS_AREA_ONLY"}
    found = week_of(
        meeting_event("a", "2026-11-24T18:00", fellowship="Al-Anon", rooms=["centres/oak/rooms/r"], venue=HALL),
        meeting_event("b", "2026-11-24T18:00", fellowship="AA", kind="retreat"),
        meeting_event("c", "2026-11-24T18:00", fellowship="AA", rooms=["centres/oak/rooms/secret"], venue=hidden),
        meeting_event("d", "2026-11-24T18:00", fellowship="NA", state="MEETING_STATE_SUSPENDED"),
    )
    listed = {part.title: [each.address.partition("/calendars/")[2] for each in part.calendars] for part in found.parts}
    assert listed == {
        "By fellowship": ["oak/fellowship/aa.ics", "oak/fellowship/al-anon.ics"],
        "By kind": ["oak/kind/retreat.ics", "oak/kind/support-meeting.ics"],
        "By room": ["oak/room/r.ics"],
    }
    assert found.guide == "https://chairs.example.org/meeting-guide/oak.json"
