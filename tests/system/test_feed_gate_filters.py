"""The feed gate for programmes, agendas, rooms and filters: four calendar programs see what takes place and is wanted.

What is expected is worked out from `recurrence`, date by date, without the code under test.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import icalendar
import pytest
import vobject
from openchair.meetings.v1 import meeting_pb2

from services.feeds.text import line
from services.recurrence.schedule import occurrences
from services.recurrence.weeks import falls_on
from services.recurrence.wire import to_deviation, to_schedule, to_weeks
from tests.system.feed_readers import READERS, Seen
from tests.unit.feeds_examples import CENTRE, Feeds, meeting
from tests.unit.feeds_shapes import ONLINE, agendas, doubted, programmes, retreat, room, roomy

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.recurrence.types import Key

SINCE, UNTIL = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 10, 1, tzinfo=UTC)
LOOKED_AT = datetime(2027, 4, 30, tzinfo=UTC)  # how far dates are looked at one by one on the day of the examples
FEED = f"/calendars/{CENTRE}.ics"
SHAPES = programmes() | {f"doubt: {name}": each for name, each in doubted().items()}
ROOMY = {f"room: {name}": each for name, each in roomy().items()}
AGENDAS = agendas()


class Held(NamedTuple):
    """A date as it takes place."""

    start: datetime
    end: datetime
    local: datetime
    mode: int
    rooms: set[str]
    types: set[str]
    title: str
    cancelled: bool


def held(one: meeting_pb2.Meeting) -> list[Held]:
    """Every date, worked out one by one."""
    changes = {to_deviation(each).key: each for each in one.changes}
    deviations = [to_deviation(each) for each in one.changes]
    found = occurrences(to_schedule(one.schedule), deviations, SINCE, UNTIL)
    return [_held(one, each.key, each, changes.get(each.key) or meeting_pb2.OccurrenceChange()) for each in found]


def _held(one: meeting_pb2.Meeting, key: Key, each: Any, change: meeting_pb2.OccurrenceChange) -> Held:
    special = [programme for programme in one.programmes if falls_on(to_weeks(programme), key.date)]
    mode = change.mode if change.HasField("mode") else one.mode
    venue = change.venue if change.HasField("venue") else one.venue
    rooms = change.rooms if change.HasField("place") else one.rooms
    there = mode != ONLINE and not venue.address_access
    title = line(one.title) + (f" ({', '.join(p.title for p in special)})" if special else "")
    return Held(
        each.start,
        each.end,
        each.local,
        mode,
        {name.rpartition("/")[2] for name in rooms} if there else set(),
        {*one.types, *(code for programme in special for code in programme.types)},
        ("Unconfirmed: " if change.unconfirmed else "") + (change.title or title),
        each.cancelled,
    )


def told(one: meeting_pb2.Meeting, wanted: Callable[[Held], bool] = lambda _: True) -> set[tuple[Any, ...]]:
    return {(each.start, each.end, each.title) for each in held(one) if not each.cancelled and wanted(each)}


def of(seen: set[Seen], one: meeting_pb2.Meeting) -> set[tuple[Any, ...]]:
    mine = [each for each in seen if each.uid.startswith(one.name.rpartition("/")[2])]
    assert len({each[1:] for each in mine}) == len(mine), "two parts show one date"
    return {each[1:] for each in mine}


async def body(path: str, *meetings: meeting_pb2.Meeting, query: str = "") -> bytes:
    answer = await Feeds(*meetings).get(path, query=query.encode())
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("reader", READERS)
async def test_a_reader_sees_every_date_with_what_is_special_on_it(reader: str) -> None:
    seen = READERS[reader](await body(FEED, *SHAPES.values()), SINCE, UNTIL)

    wrong = {}
    for name, one in SHAPES.items():
        until = LOOKED_AT if name.endswith("singly") else UNTIL
        got, want = ({each for each in rows if each[0] < until} for rows in (of(seen, one), told(one)))
        if got != want:
            wrong[name] = got ^ want
    assert wrong == {}
    assert any("(Speaker)" in each.summary for each in seen)


@pytest.mark.parametrize("reader", READERS)
async def test_beyond_what_is_looked_at_singly_a_reader_still_sees_every_date(reader: str) -> None:
    seen = READERS[reader](await body(FEED, *SHAPES.values()), SINCE, UNTIL)

    for one in SHAPES.values():
        assert {each[:2] for each in of(seen, one)} == {each[:2] for each in told(one)}


ROOM = f"/calendars/{CENTRE}/room/hearth.ics"
FILTERS: dict[str, tuple[str, str, Callable[[Held], bool]]] = {
    "room": (ROOM, "", lambda each: "hearth" in each.rooms),
    "other room": (ROOM.replace("hearth", "attic"), "", lambda each: "attic" in each.rooms),
    "in person": (FEED, "mode=in-person", lambda each: each.mode != ONLINE),
    "online": (FEED, "mode=online", lambda each: each.mode in {ONLINE, meeting_pb2.MODE_HYBRID}),
    "hybrid": (FEED, "mode=hybrid", lambda each: each.mode == meeting_pb2.MODE_HYBRID),
    "Tuesdays": (FEED, "day=tu", lambda each: each.local.weekday() == 1),
    "Wednesdays and Sundays": (FEED, "day=7,3", lambda each: each.local.weekday() in {2, 6}),
    "speakers": (FEED, "type=sp", lambda each: "SP" in each.types),
    "room on Tuesdays": (ROOM, "day=tu", lambda each: "hearth" in each.rooms and each.local.weekday() == 1),
}


def weekdays() -> dict[str, meeting_pb2.Meeting]:
    """Rules that have some dates on a weekday, and others on others."""
    return {
        "two days": meeting(181, "2026-11-24T06:30", "FREQ=WEEKLY;BYDAY=TU,TH"),
        "from Thursday on": meeting(182, "2026-11-26T06:30", "FREQ=WEEKLY;BYDAY=TU,TH;COUNT=11"),
        "daily": meeting(183, "2026-11-26T06:30", "FREQ=DAILY;UNTIL=20270301"),
        "every third day, singly": meeting(184, "2026-11-26T06:30", "FREQ=DAILY;INTERVAL=3"),
        "the 15th, singly": meeting(185, "2026-12-15T06:30", "FREQ=MONTHLY;BYMONTHDAY=15"),
        "first Tuesday and third Friday": meeting(186, "2026-12-01T06:30", "FREQ=MONTHLY;BYDAY=1TU,3FR"),
        "every other week": meeting(187, "2026-11-24T06:30", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU"),
        "every other week, from Sunday": meeting(188, "2026-11-22T06:30", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU"),
    }


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.sampled(3)
async def test_a_reader_sees_in_a_filtered_feed_just_the_dates_that_are_wanted(reader: str, name: str) -> None:
    path, query, wanted = FILTERS[name]
    shapes = ROOMY | SHAPES | weekdays()
    seen = READERS[reader](await body(path, *shapes.values(), query=query), SINCE, UNTIL)

    wrong = {}
    for shape, one in shapes.items():
        until = LOOKED_AT if "singly" in shape else UNTIL
        got, want = ({each for each in rows if each[0] < until} for rows in (of(seen, one), told(one, wanted)))
        if got != want:
            wrong[shape] = got ^ want
    assert wrong == {}
    assert seen or name == "hybrid"


@pytest.mark.parametrize("reader", READERS)
async def test_cancelled_dates_that_are_shown_are_no_dates_to_go_to(reader: str) -> None:
    shapes = ROOMY | SHAPES
    text = await body(FEED, *shapes.values(), query="cancelled=show")
    seen = READERS[reader](text, SINCE, UNTIL)

    assert b"EXDATE" not in text
    assert text.count(b"STATUS:CANCELLED") == 3
    exact = {name: one for name, one in shapes.items() if "singly" not in name}
    assert {name for name, one in exact.items() if of(seen, one) != told(one)} == set()


def session_rows(one: meeting_pb2.Meeting) -> set[tuple[Any, ...]]:
    """The agenda on each of its dates, by the clock of the place (which changes on none of them).

    It is written for five in the afternoon, when the retreat usually begins, and goes along.
    """
    rows = set()
    for each in held(one):
        for session in one.sessions if not each.cancelled else ():
            day = each.local.date() + timedelta(days=session.day - 1)
            hour, minute = map(int, session.time.split(":"))
            start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) + timedelta(hours=6)  # MDT
            start += timedelta(hours=each.local.hour - 17)
            rows.add((start, start + timedelta(minutes=session.minutes), session.title))
    return rows


@pytest.mark.parametrize("reader", READERS)
async def test_a_reader_sees_the_agenda_of_a_retreat_on_the_days_on_which_it_really_is(reader: str) -> None:
    seen = READERS[reader](await body(FEED, *AGENDAS.values()), SINCE, UNTIL)

    assert {name: of(seen, one) for name, one in AGENDAS.items()} == {
        name: told(one) | session_rows(one) for name, one in AGENDAS.items()
    }


@pytest.mark.parametrize("reader", READERS)
async def test_a_session_is_in_the_feed_of_the_room_it_is_held_in(reader: str) -> None:
    moved = retreat(190)
    moved.changes.add(date="2027-05-07", place=f"centres/{CENTRE}/places/q", rooms=[room("attic")])
    moved.changes[0].venue.title = "Elsewhere"
    seen = READERS[reader](await body(ROOM, retreat(191), moved), SINCE, UNTIL)

    assert [each.summary for each in seen] == ["Morning sit"]


EVERY = [
    (FEED, ""),
    (FEED, "discreet=1"),
    (FEED, "alarm=PT1H"),
    (FEED, "cancelled=show&alarm=P1D&discreet=Yoga"),
    (FEED, "day=tu&mode=in-person&kind=support-meeting"),
    (ROOM, ""),
    (ROOM, "discreet=1"),
    (f"/calendars/{CENTRE}/fellowship/aa.ics", ""),
    (f"/calendars/{CENTRE}/kind/retreat.ics", "alarm=PT15M"),
    (f"/calendars/{CENTRE}/meeting/{retreat(170).name.rpartition('/')[2]}.ics", "discreet=1&alarm=PT0S"),
]


@pytest.mark.parametrize(("path", "query"), EVERY)
async def test_every_kind_of_feed_is_well_formed_and_the_same_again(path: str, query: str) -> None:
    shapes = [*SHAPES.values(), *ROOMY.values(), *AGENDAS.values()]
    text = await body(path, *shapes, query=query)

    assert text == await body(path, *reversed(shapes), query=query)
    lines = text.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"\n" not in text.replace(b"\r\n", b"")
    defined = re.findall(r"^TZID:(.+)\r$", text.decode(), re.MULTILINE)
    assert set(re.findall(r";TZID=([^:;]+)", text.decode())) <= set(defined)
    assert vobject.readOne(text.decode()).validate(raiseException=True)
    assert [part.errors for part in icalendar.Calendar.from_ical(text).walk() if part.errors] == []


@pytest.mark.parametrize(("path", "query"), EVERY)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.sampled(4)
async def test_every_reader_takes_every_kind_of_feed(reader: str, path: str, query: str) -> None:
    shapes = [*SHAPES.values(), *ROOMY.values(), *AGENDAS.values()]

    assert READERS[reader](await body(path, *shapes, query=query), SINCE, UNTIL)


@pytest.mark.parametrize("query", ["", "discreet=1", "alarm=PT1H"])
async def test_cancelled_dates_have_the_form_of_the_start_in_every_feed(query: str) -> None:
    events = icalendar.Calendar.from_ical(await body(ROOM, *ROOMY.values(), query=query)).events
    dated = [event for event in events if "EXDATE" in event]

    assert len(dated) >= 4
    for event in dated:
        dropped: Any = event["EXDATE"]
        assert dropped.params["TZID"] == event["DTSTART"].params["TZID"]
        started: Any = event["DTSTART"]
        assert all(each.dt.time() == started.dt.time() for each in dropped.dts)


def test_the_examples_are_one_meeting_each() -> None:
    every = [*SHAPES.values(), *ROOMY.values(), *AGENDAS.values(), *weekdays().values()]

    assert len({one.name for one in every}) == len(every)
    assert date(2026, 11, 24).weekday() == 1
