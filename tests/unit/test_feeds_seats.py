"""Seats in calendars: where one keeps one, a word on the dates that are not open, and never a number."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import recurring_ical_events
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2
from openchair.rsvps.v1 import list_rules_pb2 as pb

from tests.unit.feeds_examples import ADDRESS, CENTRE, EDMONTON, Feeds, asked, id_of, meeting, stated
from tests.unit.seats_examples import FULL, OPEN, WAITLIST, invitation, withdrawn, word

if TYPE_CHECKING:
    from services.kit.event import Event

FEED = f"/calendars/{CENTRE}.ics"
OWN = id_of(1)
INVITED = invitation(CENTRE, OWN)
FIRST = date(2026, 11, 24)
TUESDAY, NEXT = "2026-11-24", "2026-12-01"


def says(date: str, in_person: int, revision: int = 1, **more: Any) -> Event:
    return word(CENTRE, OWN, date, in_person, revision, **more)


async def events(feeds: Feeds, query: bytes = b"") -> list[Any]:
    answer = await asked(feeds.app, FEED, query=query)
    assert answer.status == 200
    return list(Calendar.from_ical(answer.body).events)


def master(found: list[Any]) -> Any:
    return next(each for each in found if "RECURRENCE-ID" not in each)


async def test_a_series_says_where_one_keeps_a_seat_and_nothing_where_one_does_not() -> None:
    feeds = Feeds(meeting())
    assert "seat" not in str(master(await events(feeds))["DESCRIPTION"])
    feeds.apply(INVITED)
    assert f"Keep a seat: {ADDRESS}/m/{OWN}" in str(master(await events(feeds))["DESCRIPTION"])
    feeds.apply(invitation(CENTRE, OWN, 2, mode=pb.RSVP_MODE_REQUIRED))
    assert f"Keep a seat beforehand: {ADDRESS}/m/{OWN}" in str(master(await events(feeds))["DESCRIPTION"])
    feeds.apply(invitation(CENTRE, OWN, 3, mode=pb.RSVP_MODE_UNSPECIFIED))
    assert "seat" not in str(master(await events(feeds))["DESCRIPTION"])


@pytest.mark.parametrize(("availability", "title"), [(WAITLIST, "Serenity 1 (waitlist)"), (FULL, "Serenity 1 (full)")])
async def test_a_date_that_is_not_open_says_so_and_no_other_does(availability: int, title: str) -> None:
    feeds = Feeds(meeting())
    for event in (INVITED, says(TUESDAY, availability), says(NEXT, OPEN)):
        feeds.apply(event)
    found = await events(feeds)
    assert [str(each["SUMMARY"]) for each in found] == ["Serenity 1", title]
    assert found[1]["RECURRENCE-ID"].dt.date().isoformat() == TUESDAY
    assert "All seats are kept." in str(found[1]["DESCRIPTION"])
    feeds.apply(says(TUESDAY, OPEN, 2))
    assert len(await events(feeds)) == 1


async def test_a_word_that_changes_raises_the_sequence_and_no_override_is_below_its_master() -> None:
    feeds = Feeds(meeting())
    plain = master(await events(feeds))["SEQUENCE"]
    feeds.apply(INVITED)
    invited = master(await events(feeds))["SEQUENCE"]
    assert plain < invited
    numbers = []
    for revision, state in enumerate((WAITLIST, FULL, OPEN, WAITLIST), start=1):
        feeds.apply(says(TUESDAY, state, revision))
        numbers += [each["SEQUENCE"] for each in await events(feeds) if "RECURRENCE-ID" in each]
    assert numbers == sorted(set(numbers))
    assert min(numbers) > invited
    feeds.apply(withdrawn(INVITED))
    assert master(await events(feeds))["SEQUENCE"] > invited


async def test_the_one_date_of_a_one_off_says_it_itself() -> None:
    feeds = Feeds(meeting(rule=""))
    before = 0
    for revision, (state, title) in enumerate(((FULL, " (full)"), (OPEN, ""), (WAITLIST, " (waitlist)")), start=1):
        for event in (INVITED, says(TUESDAY, state, revision)):
            feeds.apply(event)
        (one,) = await events(feeds)
        assert str(one["SUMMARY"]) == f"Serenity 1{title}"
        assert one["SEQUENCE"] > before
        before = one["SEQUENCE"]


async def test_a_course_is_full_on_all_of_its_dates() -> None:
    feeds = Feeds(meeting())
    feeds.apply(invitation(CENTRE, OWN, scope=pb.SEAT_SCOPE_SERIES))
    feeds.apply(says("", FULL))
    (one,) = await events(feeds)
    assert str(one["SUMMARY"]) == "Serenity 1 (full)"


async def test_where_one_takes_part_both_ways_it_is_said_of_each_and_the_title_is_of_the_better() -> None:
    feeds = Feeds(meeting())
    feeds.apply(INVITED)
    feeds.apply(says(TUESDAY, FULL, online=OPEN))
    (_, one) = await events(feeds)
    assert str(one["SUMMARY"]) == "Serenity 1"
    assert "Seats, in person: full, online: open." in str(one["DESCRIPTION"])


async def test_what_is_closed_by_hand_is_full() -> None:
    feeds = Feeds(meeting())
    feeds.apply(INVITED)
    feeds.apply(says(TUESDAY, OPEN, closed=True))
    assert [str(each["SUMMARY"]) for each in await events(feeds)][1] == "Serenity 1 (full)"


async def test_a_cancelled_date_has_no_word() -> None:
    change = meeting_pb2.OccurrenceChange(date=TUESDAY, cancelled=True)
    feeds = Feeds(meeting(changes=[change]))
    feeds.apply(INVITED)
    feeds.apply(says(TUESDAY, FULL))
    assert len(await events(feeds)) == 1
    (_, one) = await events(feeds, b"cancelled=show")
    assert str(one["SUMMARY"]) == "Cancelled: Serenity 1"
    assert "seat" not in str(one.get("DESCRIPTION", ""))


async def test_a_discreet_calendar_says_nothing_of_seats() -> None:
    plain, kept = Feeds(meeting()), Feeds(meeting())
    kept.apply(INVITED)
    kept.apply(says(TUESDAY, FULL))
    query = b"discreet=1"
    assert [str(each["SUMMARY"]) for each in await events(kept, query)] == ["Appointment"]
    assert (await asked(plain.app, FEED, query=query)).body == (await asked(kept.app, FEED, query=query)).body


async def test_no_number_of_places_is_in_any_calendar() -> None:
    feeds = Feeds(meeting())
    feeds.apply(invitation(CENTRE, OWN, capacity=4711, online_capacity=4711))
    feeds.apply(says(TUESDAY, WAITLIST))
    assert b"4711" not in (await asked(feeds.app, FEED)).body


async def test_the_same_states_give_the_same_bytes_and_headers_in_whatever_order_they_came() -> None:
    states = [stated(meeting()), INVITED, says(TUESDAY, WAITLIST), says(TUESDAY, FULL, 2), says(NEXT, WAITLIST)]
    answers = set()
    for order in itertools.permutations(states):
        feeds = Feeds()
        for event in order:
            feeds.apply(event)
        answer = await asked(feeds.app, FEED)
        answers.add((answer.body, answer.headers["etag"], answer.headers["last-modified"]))
    assert len(answers) == 1
    assert len(re.findall(rb"RECURRENCE-ID;TZID=[\w/]+:", answers.pop()[0])) == 2


async def test_words_beyond_the_horizon_make_no_overrides_and_those_of_some_weekdays_keep_to_them() -> None:
    feeds = Feeds(meeting(rule="FREQ=DAILY"))
    feeds.apply(INVITED)
    for day in ("2026-11-24", "2026-11-25", "2029-01-01"):
        feeds.apply(says(day, FULL))
    assert len(await events(feeds)) == 3
    found = await events(feeds, b"day=tu")
    dates = [each["RECURRENCE-ID"].dt.date().isoformat() for each in found if "RECURRENCE-ID" in each]
    assert dates == ["2026-11-24"]
    assert EDMONTON in str(found[0]["DTSTART"].params["TZID"])


@settings(max_examples=30)
@given(
    st.dictionaries(st.integers(0, 20), st.sampled_from([OPEN, WAITLIST, FULL])),
    st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=TU,TH", "FREQ=WEEKLY;COUNT=3", ""]),
)
async def test_words_add_no_date_and_take_none_away(told: dict[int, int], rule: str) -> None:
    plain, worded = Feeds(meeting(rule=rule)), Feeds(meeting(rule=rule))
    worded.apply(INVITED)
    for day, availability in told.items():
        worded.apply(says((FIRST + timedelta(days=day)).isoformat(), availability))
    assert await expanded(worded) == await expanded(plain)


async def expanded(feeds: Feeds) -> list[str]:
    """The starts that a calendar program of somebody else's shows."""
    calendar = Calendar.from_ical((await asked(feeds.app, FEED)).body)
    found = recurring_ical_events.of(calendar).between(FIRST, FIRST + timedelta(days=30))
    return sorted(each["DTSTART"].dt.isoformat() for each in found)
