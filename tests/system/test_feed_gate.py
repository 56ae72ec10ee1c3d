"""The feed gate: four calendar programs read our feeds, and see what `recurrence` says takes place."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import pytest
import vobject
from openchair.meetings.v1 import meeting_pb2

from services.feeds.text import line
from services.recurrence.schedule import occurrences
from services.recurrence.wire import to_deviation, to_schedule
from tests.system.feed_readers import READERS, Seen
from tests.unit.feeds_examples import Feeds, id_of, meeting

SINCE, UNTIL = datetime(2026, 9, 1, tzinfo=UTC), datetime(2028, 2, 1, tzinfo=UTC)


def changed(base: meeting_pb2.Meeting, date: str, **fields: Any) -> meeting_pb2.Meeting:
    base.changes.add(date=date, **fields)
    return base


def with_extra(base: meeting_pb2.Meeting, date: str, time: str = "", ordinal: int = 0) -> meeting_pb2.Meeting:
    base.schedule.extra_dates.add(date=date, time=time, ordinal=ordinal)
    return base


def meetings() -> dict[str, meeting_pb2.Meeting]:
    """Every shape that a meeting can have in time."""
    tuesdays = "2nd-and-4th"
    shapes = {
        "weekly": meeting(1),
        "twice a week": meeting(2, "2026-11-24T06:30", "FREQ=WEEKLY;BYDAY=TU,TH"),
        "every other week": meeting(3, "2026-11-25T12:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=WE"),
        "every other week from Sunday": meeting(4, "2026-11-22T12:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,WE;WKST=SU"),
        "weekly by its start": meeting(5, "2026-11-27T20:00", "FREQ=WEEKLY"),
        "daily": meeting(6, "2026-12-01T07:00", "FREQ=DAILY", minutes=30),
        "every third day with count": meeting(7, "2026-12-01T07:00", "FREQ=DAILY;INTERVAL=3;COUNT=40"),
        "first Monday": meeting(8, "2026-12-07T19:00", "FREQ=MONTHLY;BYDAY=1MO"),
        "last Friday": meeting(9, "2026-11-27T19:00", "FREQ=MONTHLY;BYDAY=-1FR"),
        "fifth Sunday": meeting(10, "2026-11-29T10:00", "FREQ=MONTHLY;BYDAY=5SU"),
        "the 15th": meeting(11, "2026-12-15T19:00", "FREQ=MONTHLY;BYMONTHDAY=15"),
        "the 31st": meeting(12, "2026-12-31T19:00", "FREQ=MONTHLY;BYMONTHDAY=31"),
        "the last day": meeting(13, "2026-11-30T19:00", "FREQ=MONTHLY;BYMONTHDAY=-1"),
        "monthly by its start": meeting(14, "2026-12-30T19:00", "FREQ=MONTHLY"),
        tuesdays: meeting(15, rule="FREQ=MONTHLY;BYDAY=2TU,4TU"),
        "split with count": meeting(16, rule="FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=8"),
        "split with until": meeting(17, rule="FREQ=MONTHLY;BYDAY=1SA,3SA;UNTIL=20270620", start="2026-12-05T09:00"),
        "split every second month": meeting(18, "2027-01-19T18:00", "FREQ=MONTHLY;INTERVAL=2;BYDAY=1TU,3TU"),
        "split by month days": meeting(19, "2026-12-15T18:00", "FREQ=MONTHLY;BYMONTHDAY=1,15"),
        "days from both ends": meeting(20, "2026-12-31T18:00", "FREQ=MONTHLY;BYMONTHDAY=31,-1"),
        "until": meeting(21, rule="FREQ=WEEKLY;BYDAY=TU;UNTIL=20270629"),
        "count": meeting(22, rule="FREQ=WEEKLY;BYDAY=TU;COUNT=30"),
        "one-off": meeting(23, "2026-12-31T22:00", "", minutes=180),
        "retreat": meeting(24, "2027-05-07T17:00", "", minutes=44 * 60),
        "moved one-off": changed(meeting(25, "2026-12-20T10:00", ""), "2026-12-20", start="2026-12-21T15:00"),
        "changed one-off": changed(meeting(26, "2026-12-20T10:00", ""), "2026-12-20", minutes=90, title="Longer"),
        "cancelled one-off": changed(meeting(27, "2026-12-20T10:00", ""), "2026-12-20", cancelled=True),
        "one-off and an extra date": with_extra(meeting(28, "2026-12-20T10:00", ""), "2026-12-22"),
        "extra dates": with_extra(with_extra(meeting(29), "2026-12-24"), "2026-12-31", "23:00"),
        "twice on one day": with_extra(meeting(30), "2026-12-08", "21:00", 1),
        "London through both changes": meeting(31, "2026-10-01T19:00", "FREQ=DAILY", zone="Europe/London"),
        "New York on the day of the change": meeting(
            32, "2026-10-25T03:30", "FREQ=WEEKLY;BYDAY=SU", zone="America/New_York"
        ),
        "Sydney": meeting(33, "2026-09-21T19:00", "FREQ=WEEKLY;BYDAY=MO;UNTIL=20271231", zone="Australia/Sydney"),
        "Tokyo": meeting(34, "2026-12-02T00:30", "FREQ=WEEKLY;BYDAY=WE", zone="Asia/Tokyo"),
        "Kathmandu": meeting(35, "2026-12-02T23:45", "FREQ=WEEKLY;BYDAY=WE;COUNT=9", zone="Asia/Kathmandu"),
        "Casablanca": meeting(36, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="Africa/Casablanca"),
        "Nuuk": meeting(37, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="America/Nuuk"),
        "Jerusalem": meeting(42, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="Asia/Jerusalem"),
        "Gaza": meeting(43, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="Asia/Gaza"),
        "Dublin": meeting(44, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="Europe/Dublin"),
        "Lord Howe": meeting(45, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="Australia/Lord_Howe"),
        "legacy zone name": meeting(38, "2026-12-02T19:00", "FREQ=WEEKLY;BYDAY=WE", zone="US/Eastern"),
        "overnight": meeting(39, "2026-12-31T22:00", "FREQ=MONTHLY;BYMONTHDAY=31", minutes=600),
        "suspended": meeting(40, state=meeting_pb2.MEETING_STATE_SUSPENDED),
        "cancelled": meeting(41, state=meeting_pb2.MEETING_STATE_CANCELLED),
    }
    shapes["cancelled"].cancel_time.FromDatetime(datetime(2026, 11, 20, tzinfo=UTC))
    return shapes | deviating()


def deviating() -> dict[str, meeting_pb2.Meeting]:
    """Exceptions of every kind."""
    shapes = {
        "cancelled dates": changed(changed(meeting(50), "2026-12-01", cancelled=True), "2027-03-09", cancelled=True),
        "first date cancelled": changed(meeting(51), "2026-11-24", cancelled=True),
        "moved earlier": changed(meeting(52), "2026-12-08", start="2026-12-06T10:00"),
        "moved onto another date": changed(meeting(53), "2026-12-08", start="2026-12-15T12:00"),
        "moved into summer time": changed(meeting(54, zone="Europe/Berlin"), "2027-03-23", start="2027-03-28T19:00"),
        "renamed": changed(meeting(55), "2026-12-15", title="Speaker night", reason="A guest from Calgary"),
        "longer": changed(meeting(56), "2026-12-15", minutes=150),
        "cancelled and moved": changed(meeting(57), "2026-12-15", cancelled=True, start="2026-12-16T19:00"),
        "a change of no date of it": changed(meeting(58), "2026-12-16", title="Never"),
        "split, cancelled": changed(meeting(59, rule="FREQ=MONTHLY;BYDAY=2TU,4TU"), "2026-12-08", cancelled=True),
        "split, moved": changed(meeting(60, rule="FREQ=MONTHLY;BYDAY=2TU,4TU"), "2027-01-26", start="2027-01-28T19:00"),
        "split, extra": with_extra(meeting(61, rule="FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=4"), "2026-12-24", "12:00"),
        "extra, cancelled": changed(with_extra(meeting(62), "2026-12-24"), "2026-12-24", cancelled=True),
        "extra, moved": changed(with_extra(meeting(63), "2026-12-24"), "2026-12-24", start="2026-12-23T20:00"),
        "all cancelled": meeting(64, rule="FREQ=WEEKLY;BYDAY=TU;COUNT=2"),
        "one part all cancelled": meeting(65, rule="FREQ=MONTHLY;BYDAY=2TU,4TU;COUNT=3"),
        "a series cancelled with its changes": changed(
            meeting(66, state=meeting_pb2.MEETING_STATE_CANCELLED), "2026-12-15", start="2026-12-16T19:00"
        ),
        "one-off moved, its extra date cancelled": changed(
            changed(
                with_extra(meeting(79, "2026-12-20T10:00", ""), "2026-12-22"), "2026-12-20", start="2026-12-20T13:00"
            ),
            "2026-12-22",
            cancelled=True,
        ),
        "one-off cancelled beside its extra date": changed(
            with_extra(meeting(67, "2026-12-20T10:00", ""), "2026-12-22"), "2026-12-20", cancelled=True
        ),
    }
    for date in ("2026-11-24", "2026-12-01"):
        changed(shapes["all cancelled"], date, cancelled=True)
    for date in ("2026-11-24", "2026-12-22"):
        changed(shapes["one part all cancelled"], date, cancelled=True)
    shapes["a series cancelled with its changes"].cancel_time.FromDatetime(datetime(2026, 11, 20, tzinfo=UTC))
    return shapes


MEETINGS = meetings()


def expected(one: meeting_pb2.Meeting) -> set[tuple[datetime, datetime, str]]:
    """What takes place, by `recurrence`, with the titles that the changes give."""
    if one.state != meeting_pb2.MEETING_STATE_ACTIVE:
        return set()
    changes = {to_deviation(change).key: change for change in one.changes}
    deviations = [to_deviation(change) for change in one.changes]
    found = occurrences(to_schedule(one.schedule), deviations, SINCE - timedelta(days=40), UNTIL)
    return {
        (each.start, each.end, line((changes[each.key].title if each.key in changes else "") or one.title))
        for each in found
        if not each.cancelled and SINCE <= each.start < UNTIL
    }


def of(seen: set[Seen], one: meeting_pb2.Meeting) -> set[tuple[datetime, datetime, str]]:
    mine = [each for each in seen if each.uid.startswith(one.name.rpartition("/")[2])]
    assert len({each[1:] for each in mine}) == len(mine), "two parts show one date"
    return {each[1:] for each in mine}


@pytest.mark.parametrize("reader", READERS)
async def test_a_reader_sees_in_a_centres_feed_just_what_takes_place(reader: str) -> None:
    seen = READERS[reader](await Feeds(*MEETINGS.values()).body(), SINCE, UNTIL)

    wrong = {name: of(seen, one) ^ expected(one) for name, one in MEETINGS.items() if of(seen, one) != expected(one)}
    assert wrong == {}
    assert len(seen) > 1500


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["weekly", "2nd-and-4th", "moved one-off", "cancelled", "suspended"])
async def test_a_reader_sees_the_same_in_the_feed_of_one_meeting(reader: str, name: str) -> None:
    one = MEETINGS[name]
    feeds = Feeds(*MEETINGS.values())

    body = await feeds.body(f"/calendars/alano-club/meeting/{one.name.rpartition('/')[2]}.ics")

    assert of(READERS[reader](body, SINCE, UNTIL), one) == expected(one)


@pytest.mark.parametrize("reader", READERS)
async def test_a_reader_takes_a_feed_without_any_event(reader: str) -> None:
    assert READERS[reader](await Feeds().body(), SINCE, UNTIL) == set()


async def test_two_renders_are_the_same_bytes() -> None:
    one, other = Feeds(*MEETINGS.values()), Feeds(*reversed(MEETINGS.values()))

    assert await one.body() == await other.body()
    assert (await one.get(accept_encoding="gzip")) == (await other.get(accept_encoding="gzip"))


async def test_every_line_is_at_most_75_octets_ends_in_crlf_and_breaks_between_characters() -> None:
    long = meeting(90, title="Ünïcödé 🕊 " * 30, notes="„Mut“ und Geduld, 日本語 " * 40)
    body = await Feeds(*MEETINGS.values(), long).body()

    lines = body.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert all(text.decode() is not None for text in lines)


async def test_every_tzid_that_is_used_has_its_one_vtimezone_in_sorted_order() -> None:
    body = (await Feeds(*MEETINGS.values()).body()).decode()

    defined = re.findall(r"^TZID:(.+)\r$", body, re.MULTILINE)
    assert set(re.findall(r";TZID=([^:;]+)", body)) <= set(defined)
    assert defined == sorted(set(defined))


async def test_vobject_finds_the_feed_valid_and_icalendar_finds_no_error_in_it() -> None:
    body = await Feeds(*MEETINGS.values()).body()

    assert vobject.readOne(body.decode()).validate(raiseException=True)
    assert [part.errors for part in icalendar.Calendar.from_ical(body).walk() if part.errors] == []


def test_the_examples_are_one_meeting_each() -> None:
    assert len({one.name for one in MEETINGS.values()}) == len(MEETINGS)
    assert id_of(1) != id_of(2)
