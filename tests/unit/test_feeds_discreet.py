"""Discreet calendars and reminders: what shows on a lock screen says nothing that is not anybody's business."""

from __future__ import annotations

import re

import pytest
from icalendar import Calendar
from openchair.meetings.v1 import meeting_pb2

from services.feeds.face import face, street
from services.feeds.manner import Manner
from services.feeds.series import horizon
from services.feeds.vevent import render
from tests.unit.feeds_examples import ADDRESS, CENTRE, NOON, Feeds, centre, id_of, meeting, stated
from tests.unit.feeds_shapes import LINK, changed, programmes, retreat
from tests.unit.test_feeds_invited import CODE, MEMBERS, Site, group, hidden

FEED = f"/calendars/{CENTRE}.ics"
CANARIES = [
    *("canarytitle", "canaryfellowship", "canarykind", "canarygroup", "canarynotes", "canaryvenue", "canaryroom"),
    *(
        "canaryprogramme",
        "canaryreason",
        "canarysession",
        "canaryleader",
        "canarylink",
        "canarywebsite",
        "canarycentre",
    ),
    *("canarydescription", "canaryvisit", "canaryentry", "canarychanged"),
]


def telling() -> meeting_pb2.Meeting:
    """A meeting of which every field says something of its own."""
    one = retreat(1, fellowship="canaryfellowship")
    one.title, one.kind, one.group, one.notes = "canarytitle", "canarykind", "canarygroup", "canarynotes"
    one.venue.title, one.venue.notes = "canaryvenue", "canaryentry"
    one.venue.address = "canaryvenue, 10 Main St, canarycentre house, Edmonton"
    one.venue.rooms[:] = ["canaryroom"]
    one.online.CopyFrom(LINK)
    one.online.url, one.mode = "https://meet.example.org/canarylink", meeting_pb2.MODE_HYBRID
    one.website, one.first_visit = "https://canarywebsite.example.org/", "canaryvisit"
    one.programmes.add(title="canaryprogramme", weeks=[1])
    one.sessions[0].title, one.sessions[0].leader = "canarysession", "canaryleader"
    changed(one, "2027-05-07", reason="canaryreason", title="canarychanged")
    return one


def house() -> Feeds:
    feeds = Feeds(telling(), *programmes().values())
    own = centre(title="canarycentre")
    own.description = "canarydescription"
    feeds.apply(stated(own, 2, NOON))
    return feeds


PATHS = [FEED, f"/calendars/{CENTRE}/kind/canarykind.ics", f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_discreet_calendar_says_nothing_of_what_it_is_about_nor_of_who_made_it(path: str) -> None:
    answer = await house().get(path, query=b"discreet=1&alarm=PT1H&cancelled=show")
    text = (answer.body + repr(answer.headers).encode()).replace(b"\r\n ", b"").lower().decode()

    assert answer.status == 200
    assert [word for word in [*CANARIES, "openchair", CENTRE, ADDRESS.lower(), "serenity"] if word in text] == []
    assert not re.search(
        r"^(description:(?!calendar|appointment)|categories|url|conference|source|geo|x-apple)", text, re.MULTILINE
    )
    assert id_of(1) not in text
    assert 'filename="calendar.ics"' in answer.headers["content-disposition"]


async def test_the_canaries_stand_in_the_calendar_that_is_not_discreet() -> None:
    text = (await house().body()).replace(b"\r\n ", b"").lower().decode()

    assert [word for word in CANARIES if word not in text] == []


async def test_every_event_of_a_discreet_calendar_is_private_and_has_the_word_that_was_chosen() -> None:
    events = Calendar.from_ical((await house().get(FEED, query=b"discreet=Yoga%0D%0AX:1")).body).events

    assert {str(event["SUMMARY"]) for event in events} == {"Yoga X:1"}
    assert {str(event["CLASS"]) for event in events} == {"PRIVATE"}
    assert len(events) > 50


async def test_a_street_may_stand_and_nothing_that_names_a_house() -> None:
    events = Calendar.from_ical((await house().get(PATHS[2], query=b"discreet=1")).body).events

    assert {str(event["LOCATION"]) for event in events} == {"10 Main St, Edmonton"}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("10 Main St, Edmonton", "10 Main St, Edmonton"),
        ("Hope House, 10 Main St", "10 Main St"),
        ("Serenity Hall, 10 Main St", "10 Main St"),
        ("Hope House", ""),
        ("10 Main St, Hope Chapel", "10 Main St"),
        ("5 Nanaimo St", "5 Nanaimo St"),
        ("", ""),
    ],
)
def test_what_is_left_of_an_address(address: str, shown: str) -> None:
    one = meeting()
    one.venue.address = address

    assert street(face(one, holder=False), ("NA", "Hope", "")) == shown


async def test_uids_of_a_discreet_calendar_are_its_own_and_stay() -> None:
    uids = {
        query: _uids((await house().get(FEED, query=query)).body) for query in (b"", b"discreet=1", b"discreet=Yoga")
    }

    assert uids[b"discreet=1"] == uids[b"discreet=Yoga"]
    assert not uids[b""] & uids[b"discreet=1"]
    assert len(uids[b""]) == len(uids[b"discreet=1"])


def _uids(body: bytes) -> set[str]:
    return {str(event["UID"]) for event in Calendar.from_ical(body).events}


async def test_a_code_opens_a_discreet_calendar_too() -> None:
    site = Site(group(CODE), hidden(1, title="canarytitle", visibility=MEMBERS))
    plain = await site.get()
    answer = await site.get(f"/invited/{CODE}.ics?discreet=1")

    assert b"canarytitle" in plain.body
    assert answer.status == 200
    assert b"canarytitle" not in answer.body
    assert b"SUMMARY:Appointment" in answer.body
    assert (await site.get(f"/invited/{CODE}.ics?day=never")).status == 400


async def test_the_calendar_of_an_unlisted_meeting_can_be_discreet() -> None:
    site = Site(hidden(1, title="canarytitle", visibility=meeting_pb2.VISIBILITY_UNLISTED, invite_group=""))
    path = f"/calendars/{CENTRE}/meeting/{id_of(1)}.ics"

    assert b"canarytitle" in (await site.get(path)).body
    answer = await site.get(f"{path}?discreet=1&alarm=PT1H")
    assert b"canarytitle" not in answer.body
    assert (answer.body.count(b"SUMMARY:Appointment"), answer.body.count(b"BEGIN:VALARM")) == (1, 1)
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_a_reminder_comes_as_long_before_as_was_asked_for_and_shows_the_title() -> None:
    feeds = Feeds(changed(meeting(1), "2026-12-08", start="2026-12-09T18:00"), meeting(2, title="Noon"))
    body = (await feeds.get(FEED, query=b"alarm=PT1H30M")).body.decode()
    alarms = re.findall(r"BEGIN:VALARM\r\n(.*?)END:VALARM", body, re.DOTALL)

    assert sorted(alarms) == sorted(
        f"ACTION:DISPLAY\r\nDESCRIPTION:{title}\r\nTRIGGER:-PT1H30M\r\n"
        for title in ("Serenity 1", "Serenity 1", "Noon")
    )
    assert "VALARM" not in (await feeds.body()).decode()


async def test_nobody_is_reminded_of_what_does_not_take_place() -> None:
    feeds = Feeds(
        meeting(1, state=meeting_pb2.MEETING_STATE_CANCELLED), changed(meeting(2), "2026-12-08", cancelled=True)
    )
    feeds.apply(stated(meeting(3, state=meeting_pb2.MEETING_STATE_CANCELLED)))
    events = Calendar.from_ical((await feeds.get(FEED, query=b"alarm=PT0S&cancelled=show")).body).events

    assert {str(event["STATUS"]): bool(event.walk("VALARM")) for event in events} == {
        "CANCELLED": False,
        "CONFIRMED": True,
    }


def test_a_cancelled_date_that_is_shown_says_why_and_is_no_exdate() -> None:
    one = changed(meeting(), "2026-12-08", cancelled=True, reason="The heating is being repaired")
    manner = Manner(horizon(NOON.date()), struck=True)
    body = render(one, manner).body.decode().replace("\r\n ", "")

    assert "EXDATE" not in body
    assert "RECURRENCE-ID;TZID=America/Edmonton:20261208T190000" in body
    assert "SUMMARY:Cancelled: Serenity 1\r\nSTATUS:CANCELLED\r\nDESCRIPTION:The heating is being repaired" in body
