"""Programmes, agendas and doubts in calendars: which series they make, and what is said of them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2

from services.feeds.filters import parse
from services.feeds.parts import parts_of
from services.feeds.picking import Pick, Wish
from services.feeds.programmes import on, specials_of
from services.feeds.series import horizon, lay_out
from services.feeds.vevent import render
from services.recurrence import days
from services.recurrence.wire import to_schedule
from tests.unit.feeds_examples import CENTRE, NOON, Feeds, centre, id_of, meeting, stated
from tests.unit.feeds_shapes import LINK, changed, doubted, programmes, retreat, room, special, turning, with_extra

if TYPE_CHECKING:
    from services.recurrence.types import Schedule

LIMIT = date(2028, 6, 1)


def events(one: meeting_pb2.Meeting) -> list[Any]:
    return list(Calendar.from_ical(b"BEGIN:VCALENDAR\r\n" + render(one).body + b"END:VCALENDAR\r\n").events)


def uids(one: meeting_pb2.Meeting) -> list[str]:
    return [str(event["UID"]).removeprefix(one.name.rpartition("/")[2]) for event in events(one)]


def said(one: meeting_pb2.Meeting, number: int = 0) -> list[str]:
    return str(events(one)[number]["DESCRIPTION"]).split("\n")


RULES = [
    "FREQ=WEEKLY;BYDAY=TU",
    "FREQ=WEEKLY",
    "FREQ=WEEKLY;BYDAY=TU;COUNT=17",
    "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270401",
    "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU",
    "FREQ=WEEKLY;BYDAY=TU,FR",
    "FREQ=MONTHLY;BYDAY=4TU",
    "FREQ=MONTHLY;BYDAY=2TU,4TU",
    "FREQ=MONTHLY;BYMONTHDAY=24",
    "FREQ=DAILY",
]
WEEKS = st.sets(st.sampled_from([1, 2, 3, 4, 5, -1]), min_size=1).map(lambda weeks: {"weeks": sorted(weeks)})
TURNS = st.integers(2, 6).flatmap(
    lambda of: st.fixed_dictionaries(
        {"rotation": st.just(of), "turn": st.integers(1, of), "anchor": st.sampled_from(["2026-11-24", "2027-02-03"])}
    )
)


@given(st.sampled_from(RULES), st.lists(st.one_of(WEEKS, TURNS), max_size=4))
def test_each_date_is_in_just_one_part_and_a_part_knows_what_is_special_on_all_of_its_dates(
    rule: str, said: list[dict[str, Any]]
) -> None:
    one = meeting(rule=rule)
    for number, weeks in enumerate(said):
        one.programmes.add(title=f"P{number}", **weeks)
    schedule, specials = to_schedule(one.schedule), specials_of(one)
    found = parts_of(schedule, specials)

    shown = sorted(day for part in found for day in _dates(part.schedule))
    assert shown == _dates(schedule)
    assert len({part.token for part in found}) == len(found)
    for part in found:
        if part.programmes is not None:
            assert all(on(specials, day) == part.programmes for day in _dates(part.schedule))


def _dates(schedule: Schedule) -> list[date]:
    start = schedule.start.date()
    return list(days.expand(start, schedule.rule, start, LIMIT))


def test_a_series_is_split_wherever_that_is_exact_and_stays_whole_elsewhere() -> None:
    counted = {name: len(parts_of(to_schedule(one.schedule), specials_of(one))) for name, one in programmes().items()}

    assert {name for name, count in counted.items() if count == 1} == {
        *(name for name in counted if name.endswith("singly")),
        "third Tuesday",
        "every other week in turns",
        "one-off",
    }
    assert (counted["one week"], counted["the last"]) == (5, 5)
    assert (counted["in turns of four"], counted["in turns of two and of three"]) == (4, 6)


def test_the_parts_of_a_programme_are_told_apart_by_their_week_and_tied_together() -> None:
    assert uids(special(meeting(), "Speaker", 3)) == [f"-{nth}TU@openchair" for nth in (4, 1, 2, 3, 5)]
    assert uids(special(meeting(), "Birthdays", -1))[0] == "-last1TU@openchair"
    (first, second) = events(turning(meeting(), "Book", 2, 2))

    assert [str(each["RELATED-TO"]) for each in (first, second)] == [second["UID"], first["UID"]]
    assert first["REFID"] == second["REFID"] == id_of(1)
    assert {str(each["SUMMARY"]) for each in (first, second)} == {"Serenity 1", "Serenity 1 (Book)"}


def test_turns_are_numbered_alike_whichever_week_a_rotation_is_anchored_in() -> None:
    one, other = turning(meeting(), "Book", 2, 3), turning(meeting(), "Book", 2, 3)
    other.programmes[0].anchor = "2027-01-07"  # six weeks later

    assert uids(one) == uids(other)
    assert [str(each["SUMMARY"]) for each in events(one)] == [str(each["SUMMARY"]) for each in events(other)]


def test_a_series_that_stays_whole_has_overrides_from_last_month_to_the_fifth_to_come() -> None:
    one = special(special(meeting(start="2025-01-07T19:00"), "Birthdays", -1), "Speaker", 2)
    schedule = to_schedule(one.schedule)
    layout = lay_out(one, schedule, Pick(Wish(), one), horizon(date(2026, 11, 21)))

    (series,) = layout.series
    assert layout.laying.dated
    assert [each.key.date.isoformat() for each in series.changed][:2] == ["2026-10-13", "2026-10-27"]
    assert [each.key.date.isoformat() for each in series.changed][-2:] == ["2027-04-13", "2027-04-27"]


async def test_the_next_month_brings_the_next_programmes_by_itself() -> None:
    feeds = Feeds(special(special(meeting(), "Birthdays", -1), "Speaker", 2), meeting(2))
    assert b"RECURRENCE-ID;TZID=America/Edmonton:20270511T190000" not in await feeds.body()
    feeds.clock.jump(datetime(2026, 12, 1, 5, 59, tzinfo=UTC))
    assert b"RECURRENCE-ID;TZID=America/Edmonton:20270511T190000" not in await feeds.body()

    feeds.clock.jump(datetime(2026, 12, 1, 6, 0, tzinfo=UTC))
    body = await feeds.body()
    assert b"RECURRENCE-ID;TZID=America/Edmonton:20270511T190000" in body
    assert b"RECURRENCE-ID;TZID=America/Edmonton:20261027T190000" not in body
    assert (await feeds.get(query=b"day=tu")).body.count(b"RECURRENCE-ID") == body.count(b"RECURRENCE-ID")


def test_the_description_lists_the_whole_programme_and_who_may_come_when() -> None:
    one = special(meeting(who_may_come=2), "Speaker", 3, who_may_come=1, notes="Cake\nafter it")
    special(one, "Business", 1, 5)
    special(one, "Birthdays", -1)
    turning(one, "Book", 2, 4)

    assert [line for line in said(one) if re.match("Who|[0-9]|Last|Every", line)] == [
        "Who may come: Those it is about (closed)",
        "3rd Tuesday of the month: Speaker (everybody may come; Cake after it)",
        "1st and 5th Tuesday of the month: Business",
        "Last Tuesday of the month: Birthdays",
        "Every 4th week (turn 2 since 2026-11-26): Book",
    ]


def test_who_may_come_is_said_of_each_date_as_it_is_there() -> None:
    one = special(meeting(who_may_come=2), "Speaker", 3, who_may_come=1)
    found = {str(event["SUMMARY"]): str(event["DESCRIPTION"]) for event in events(one)}

    assert "Who may come: Everybody\n" in found["Serenity 1 (Speaker)"]
    assert "Who may come: Those it is about (closed)\n" in found["Serenity 1"]


def test_the_description_says_what_somebody_needs_who_has_never_been_there() -> None:
    one = meeting(
        who_may_come=1,
        approach=2,
        led_by=1,
        focus=["young-people", "women"],
        first_visit="Ring the bell.",
        cost="by donation",
        scholarship=True,
        registration_opens="2026-12-01T09:00",
        language="en",
        other_languages=["es", "xx"],
        capacity=30,
        website="https://club.example.org/serenity",
    )
    one.venue.map_url = "https://map.example.org/1"

    assert said(one) == [
        "In person, AA",
        "Types: Open, Discussion",
        "Who may come: Everybody",
        "For: young people, women",
        "Approach: secular",
        "Led by: peers",
        "Languages: English, Spanish, xx",
        "First visit: Ring the bell.",
        "Cost: by donation",
        "There are places for those who cannot pay.",
        "Registration opens: 2026-12-01 09:00",
        "Places: 30",
        "Map: https://map.example.org/1",
        "Website: https://club.example.org/serenity",
    ]
    assert events(one)[0]["URL"] == "https://club.example.org/serenity"


def test_the_link_to_join_by_is_the_url_rather_than_the_website() -> None:
    one = meeting(mode=meeting_pb2.MODE_HYBRID, online=LINK, website="https://club.example.org/")

    assert events(one)[0]["URL"] == LINK.url


@pytest.mark.parametrize("website", ["javascript:alert(1)", "ftp://x.example/"])
def test_an_unsafe_website_or_map_never_gets_out(website: str) -> None:
    one = meeting(website=website)
    one.venue.map_url = website

    assert website.encode() not in render(one).body


# --- doubts ---------------------------------------------------------------------------------------------------------


def test_a_date_on_which_people_found_nobody_is_tentative_and_says_so() -> None:
    master, override = events(doubted()["unconfirmed"])

    assert (master["STATUS"], override["STATUS"]) == ("CONFIRMED", "TENTATIVE")
    assert override["SUMMARY"] == "Unconfirmed: Serenity 140"
    assert str(override["DESCRIPTION"]).startswith("Not confirmed: people found nobody here. Please ask before you go.")
    assert "nobody" not in str(master["DESCRIPTION"])


async def test_a_doubtful_series_names_the_number_to_call_and_follows_it() -> None:
    feeds = Feeds(doubted()["doubtful"], meeting(2))
    own = centre()
    own.phone = "+1 780 555 0100"
    feeds.apply(stated(own, 2, NOON))
    assert b"call +1 780 555 0100 before you go" in (await feeds.body()).replace(b"\r\n ", b"")
    await feeds.get(query=b"day=tu")

    own.phone = "+1 780 555 0199"
    feeds.apply(stated(own, 3, NOON))
    for query in (b"", b"day=tu"):
        body = (await feeds.get(query=query)).body.replace(b"\r\n ", b"")
        assert body.count(b"call +1 780 555 0199 before you go") == 1
        assert b"0100" not in body


# --- agendas --------------------------------------------------------------------------------------------------------


def test_an_item_of_an_agenda_is_an_event_of_its_own_that_names_the_whole() -> None:
    whole, opening, sit, closing = events(retreat(1))

    assert uids(retreat(1)) == ["@openchair", "-opening@openchair", "-sit@openchair", "-closing@openchair"]
    for each in (opening, sit, closing):
        assert (each["RELATED-TO"], each["RELATED-TO"].params["RELTYPE"]) == (whole["UID"], "PARENT")
    assert str(opening["DESCRIPTION"]) == "Part of: Spring retreat\nLed by: Ana M."
    assert (opening["LOCATION"], sit["LOCATION"]) == (
        "Hall, St Mary's, 10 Main St, Edmonton",
        "Hearth Room, St Mary's, 10 Main St, Edmonton",
    )


def test_an_item_does_not_name_a_room_that_its_date_has_not_and_those_of_other_dates_do() -> None:
    one = with_extra(retreat(1), "2027-06-04")
    one.changes.add(date="2027-06-04", agenda_without=[room("hearth")])
    named = {str(each["UID"]): str(each["LOCATION"]).partition(",")[0] for each in events(one)}
    sits = {uid: where for uid, where in named.items() if "-sit" in uid}
    assert sorted(sits.values()) == ["Hall", "Hearth Room"]
    assert next(where for uid, where in sits.items() if uid.endswith("-sit@openchair")) == "Hearth Room"


def test_the_whole_has_the_agenda_in_short() -> None:
    one = retreat(1)
    assert said(one)[-3:] == ["Day 1, 18:00: Opening circle", "Day 2, 07:30: Morning sit", "Day 3, 11:00: Closing"]

    for number in range(20):
        one.sessions.add(id=f"more{number}", title="Walk", day=2, time="14:00", minutes=10)
    assert said(one)[-1] == "And 11 more"


def test_the_agenda_moves_with_a_retreat_and_is_not_in_the_rooms_it_left() -> None:
    one = changed(retreat(1), "2027-05-07", start="2027-05-14T18:00", place=f"centres/{CENTRE}/places/q")
    one.changes[0].venue.title = "Lake House"
    _, opening, sit, _ = events(one)

    assert opening["DTSTART"].dt.replace(tzinfo=None) == datetime(2027, 5, 14, 19, 0)  # noqa: DTZ001 - local
    assert sit["DTSTART"].dt.date() == date(2027, 5, 15)
    assert sit["LOCATION"] == "Lake House"


@pytest.mark.parametrize(
    ("change", "opening"),
    [
        ({"start": "2027-05-07T19:30"}, "20:30"),
        ({"start": "2027-05-07T17:30", "minutes": 43 * 60 - 30}, "18:00"),
        ({"minutes": 48 * 60}, "18:00"),
    ],
)
def test_the_agenda_goes_along_with_the_hour_unless_the_whole_ends_as_usual(
    change: dict[str, Any], opening: str
) -> None:
    whole, first, *_ = events(changed(retreat(1), "2027-05-07", **change))

    assert f"{first['DTSTART'].dt:%H:%M}" == opening
    assert f"Day 1, {opening}: Opening circle" in str(whole["DESCRIPTION"])
    assert first["DTSTART"].dt >= whole["DTSTART"].dt


def test_each_date_of_a_retreat_has_its_agenda() -> None:
    one = with_extra(retreat(1), "2027-06-11")

    assert uids(one) == [
        "@openchair",
        *("-opening@openchair", "-sit@openchair", "-closing@openchair"),
        *("-opening-D20270611@openchair", "-sit-D20270611@openchair", "-closing-D20270611@openchair"),
    ]


def test_the_agenda_of_what_is_called_off_is_called_off_or_gone() -> None:
    only = events(changed(retreat(1), "2027-05-07", cancelled=True))
    assert {str(each["STATUS"]) for each in only} == {"CANCELLED"}
    assert len(only) == 4

    second = changed(with_extra(retreat(1), "2027-06-11"), "2027-06-11", cancelled=True)
    assert len(uids(second)) == 4
    whole = retreat(1, state=meeting_pb2.MEETING_STATE_CANCELLED)
    assert {str(each["STATUS"]) for each in events(whole)} == {"CANCELLED"}


def test_what_stands_alone_goes_by_its_own_date_whatever_else_changes() -> None:
    one = changed(meeting(start="2025-01-07T19:00"), "2026-12-08", mode=meeting_pb2.MODE_ONLINE, online=LINK)
    pick = Pick(Wish(filter=parse(b"mode=online")), one)
    layout = lay_out(one, to_schedule(one.schedule), pick, horizon(date(2026, 11, 21)))

    changed(one, "2026-09-29", mode=meeting_pb2.MODE_ONLINE)  # long over
    changed(one, "2027-12-07", mode=meeting_pb2.MODE_ONLINE)  # long before it is looked at singly
    later = lay_out(one, to_schedule(one.schedule), Pick(Wish(filter=parse(b"mode=online")), one), layout.laying.window)

    assert [each.key.date.isoformat() for each in later.alone] == ["2026-12-08", "2027-12-07"]
    assert layout.series == ()
    assert [each.start for each in layout.alone] == [datetime(2026, 12, 8, 19)]  # noqa: DTZ001 - local
