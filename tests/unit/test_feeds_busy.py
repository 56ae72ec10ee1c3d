"""Busy times: what a VFREEBUSY says (RFC 5545 section 3.6.4), of which rooms, and what never stands in it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openchair.meetings.v1 import booking_pb2

from services.kit.event import Event
from services.recurrence.busy import Interval, joined, less
from tests.unit.busy_examples import HALL, PART, PATH, Times, booking, ended, period, room
from tests.unit.feeds_examples import CENTRE, NOON, WRITTEN, centre, id_of, stated

PENDING, HELD = booking_pb2.BOOKING_STATE_PENDING, booking_pb2.BOOKING_STATE_HELD
INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda each: Interval(each[0], sum(each))))


async def test_the_object_is_as_the_clauses_ask_for() -> None:
    """3.6.4: UID, DTSTAMP once; 3.8.2.2, 3.8.2.4: DTEND and DTSTART in UTC; 3.8.4.6: its own address; no person."""
    times = Times(stated(room()), stated(booking()), stated(booking(2, "2026-11-23T09:00", state=PENDING)))
    assert await times.lines() == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Openchair//Feeds 1//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        "BEGIN:VFREEBUSY",
        f"UID:{HALL}-busy@openchair",
        "DTSTAMP:20261121T060000Z",
        "DTSTART:20261121T060000Z",  # midnight in Edmonton
        "DTEND:20270221T060000Z",
        f"URL:https://calendars.example.org{PATH}",
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20261123T150000Z/20261123T160000Z",
        "FREEBUSY;FBTYPE=BUSY:20261125T010000Z/20261125T020000Z",
        "END:VFREEBUSY",
        "END:VCALENDAR",
    ]


async def test_every_line_is_folded_at_75_octets() -> None:
    times = Times(stated(room()), stated(booking(1, "2026-11-24T19:00", "FREQ=DAILY", state=PENDING)))
    times.app._base_url = f"https://{'long-' * 30}.example.org"
    body = (await times.get()).body
    assert body.endswith(b"\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 75
    assert f"URL:{times.app._base_url}{PATH}" in await times.lines()


async def test_a_room_that_nothing_takes_is_told_without_any_period() -> None:
    assert await Times(stated(room())).periods() == []


async def test_a_series_takes_its_dates_and_no_others() -> None:
    series = booking(1, "2026-11-24T19:00", "FREQ=WEEKLY;BYDAY=TU;COUNT=4", without=["20261201"])
    series.slots.add(key="20261208", start="2026-12-09T08:30", minutes=90)
    assert await Times(stated(room()), stated(series)).periods() == [
        ("BUSY", period("2026-11-25T01:00", "2026-11-25T02:00")),
        ("BUSY", period("2026-12-09T14:30", "2026-12-09T16:00")),
        ("BUSY", period("2026-12-16T01:00", "2026-12-16T02:00")),
    ]


async def test_slots_alone_are_those_of_the_bookings_zone() -> None:
    sessions = booking(1, "", zone="Europe/Berlin")
    sessions.slots.add(key="20261125", start="2026-11-25T10:00", minutes=60)
    sessions.slots.add(key="20261125", start="2026-11-25T14:00", minutes=30)
    assert await Times(stated(room()), stated(sessions)).periods() == [
        ("BUSY", period("2026-11-25T09:00", "2026-11-25T10:00")),
        ("BUSY", period("2026-11-25T13:00", "2026-11-25T13:30")),
    ]


async def test_seven_in_the_evening_stays_seven_across_a_clock_change() -> None:
    series = booking(1, "2027-03-13T19:00", "FREQ=DAILY;COUNT=3", zone="America/Denver")
    times = Times(stated(room()), stated(series), now=datetime(2027, 3, 10, 18, 0, tzinfo=UTC))
    times.apply(stated(centre("America/Denver"), 2))
    starts = [value.partition("/")[0] for _, value in await times.periods()]
    assert starts == ["20270314T020000Z", "20270315T010000Z", "20270316T010000Z"]
    end = next(line for line in await times.lines() if line.startswith("DTEND"))
    assert end == "DTEND:20270610T060000Z"  # midnight of summer time, 92 local days on


async def test_how_many_bookings_there_are_cannot_be_told() -> None:
    """What overlaps or touches is one period; what is only asked for stands beside what is taken, never under it."""
    times = Times(
        stated(room()),
        stated(booking(1, "2026-11-24T19:00")),
        stated(booking(2, "2026-11-24T20:00")),
        stated(booking(3, "2026-11-24T19:30", minutes=120, state=PENDING)),
    )
    assert await times.periods() == [
        ("BUSY", period("2026-11-25T01:00", "2026-11-25T03:00")),
        ("BUSY-TENTATIVE", period("2026-11-25T03:00", "2026-11-25T03:30")),
    ]


async def test_a_hold_is_not_told_whether_it_was_swept_or_not() -> None:
    assert await Times(stated(room()), stated(booking(state=HELD))).periods() == []


async def test_what_runs_over_an_edge_of_the_window_is_cut_there() -> None:
    times = Times(
        stated(room()),
        stated(booking(1, "2026-11-20T23:00", minutes=120)),
        stated(booking(2, "2027-02-20T23:00", minutes=120)),
    )
    assert await times.periods() == [
        ("BUSY", period("2026-11-21T06:00", "2026-11-21T07:00")),
        ("BUSY", period("2027-02-21T05:00", "2027-02-21T06:00")),
    ]


async def test_a_hall_is_taken_while_a_part_of_it_is_but_only_as_far_as_the_part_lets_everybody_know() -> None:
    times = Times(stated(room(excludes=(PART,))), stated(room(PART)), stated(booking(of=PART)))
    assert await times.periods() == [("BUSY", period("2026-11-25T01:00", "2026-11-25T02:00"))]
    times.apply(stated(room(PART, public_busy=False), 2, NOON))
    assert await times.periods() == []


async def test_a_room_of_which_nobody_is_told_is_answered_like_one_that_is_not_there() -> None:
    times = Times(stated(room(public_busy=False)), stated(booking()))
    others = [PATH, f"/freebusy/{CENTRE}/{PART}.ifb", f"/freebusy/elm/{HALL}.ifb", "/freebusy/x", f"{PATH[:-4]}.ics"]
    answers = [await times.get(path) for path in others]
    assert {answer.status for answer in answers} == {404}
    assert all(answer == answers[0] for answer in answers)


async def test_a_room_that_says_so_no_more_and_one_that_is_gone_are_told_no_more_at_once() -> None:
    times = Times(stated(room()), stated(booking()))
    assert (await times.get()).status == 200
    times.apply(stated(room(public_busy=False), 2, NOON))
    assert (await times.get()).status == 404
    assert times.app.kept(PATH.encode(), []) is None
    times.apply(stated(room(), 3, NOON))
    assert len(await times.periods()) == 1
    times.apply(ended(room(), 4))
    assert (await times.get()).status == 404


async def test_a_booking_that_is_changed_or_released_is_seen_at_once() -> None:
    times = Times(stated(room()), stated(booking()))
    await times.periods()
    times.apply(stated(booking(1, "2026-11-24T21:00"), 2, NOON))
    assert await times.periods() == [("BUSY", period("2026-11-25T03:00", "2026-11-25T04:00"))]
    times.apply(ended(booking(), 3))
    assert await times.periods() == []


async def test_no_word_that_a_booking_might_carry_is_told() -> None:
    """Its public view has none: should one get there all the same, it goes no further."""
    words = {
        name: f"canary-{name}" for name in ("title", "organiser", "notes", "overrule_reason", "lineage", "meeting")
    }
    body = (await Times(stated(room()), stated(booking(1, **words))).get()).body
    assert b"canary" not in body
    assert id_of(1).encode() not in body


async def test_two_instances_that_heard_the_same_in_another_way_give_equal_bytes() -> None:
    first, second = stated(booking()), stated(booking(2, "2026-11-25T09:00"), 1, NOON - timedelta(hours=1))
    late = ended(booking(3), 5, NOON - timedelta(minutes=30))
    one = Times(stated(room()), stated(booking(3, "2026-11-26T09:00")), first, second, late)
    other = Times(late, second, first, stated(room()))  # it never saw what the tombstone is of
    assert await one.get() == await other.get()
    assert "DTSTAMP:20261121T183000Z" in await one.lines()
    assert await one.get(accept_encoding="gzip") == await other.get(accept_encoding="gzip")


async def test_the_window_moves_at_local_midnight_by_itself() -> None:
    times = Times(stated(room()), stated(booking(1, "2026-11-21T19:00")))
    assert len(await times.periods()) == 1
    times.clock.jump(datetime(2026, 11, 22, 5, 59, tzinfo=UTC))
    assert "DTSTART:20261121T060000Z" in await times.lines()
    times.clock.jump(datetime(2026, 11, 22, 6, 0, tzinfo=UTC))
    assert "DTSTART:20261122T060000Z" in await times.lines()
    assert await times.periods() == []


async def test_a_centre_in_another_zone_has_another_window() -> None:
    times = Times(stated(room()))
    await times.lines()
    times.apply(stated(centre("Europe/Berlin"), 2, NOON))
    assert "DTSTART:20261120T230000Z" in await times.lines()


async def test_one_booking_that_cannot_be_read_leaves_the_others_alone() -> None:
    times = Times(stated(room()), stated(booking(1, zone="Mars/Olympus")), stated(booking(2, "2026-11-25T09:00")))
    assert await times.periods() == [("BUSY", period("2026-11-25T15:00", "2026-11-25T16:00"))]


@pytest.mark.parametrize(
    "name",
    [
        f"centres/elm/rooms/{HALL}/bookings/{id_of(1)}",
        f"centres/{CENTRE}/rooms/{HALL}/bookings/{id_of(2)}",
        f"centres/{CENTRE}/rooms/{HALL}",
        "",
    ],
)
async def test_an_event_that_contradicts_itself_is_refused_and_changes_nothing(name: str) -> None:
    times = Times(stated(room()), stated(booking()))
    before = await times.get()
    right = stated(booking(1, "2026-11-26T19:00"), 2, NOON)
    wrong = booking(1, "2026-11-26T19:00")
    wrong.name = name
    event = Event(right.subject, 1, 2, right.type, right.time, wrong.SerializeToString())
    for each in (event, Event(right.subject, 1, 2, right.type, right.time, b"\xff\xff")):
        with pytest.raises(ValueError, match=r"different bookings|payload"):
            times.apply(each)
        assert await times.get() == before


@given(INTERVALS, INTERVALS)
def test_joined_and_less_say_the_same_minutes_in_as_few_intervals_as_there_can_be(
    some: list[Interval], others: list[Interval]
) -> None:
    def minutes(intervals: list[Interval]) -> set[int]:
        return {minute for each in intervals for minute in range(*each)}

    for found, wanted in ((joined(some), minutes(some)), (less(some, others), minutes(some) - minutes(others))):
        assert minutes(found) == wanted
        assert all(one.end < other.start for one, other in itertools.pairwise(found))


async def test_what_was_written_before_today_does_not_move_the_stamp() -> None:
    assert NOON - timedelta(days=1) > WRITTEN
    assert "DTSTAMP:20261121T060000Z" in await Times(stated(room()), stated(booking())).lines()


async def test_a_restore_that_brings_back_an_older_time_brings_back_the_stamp() -> None:
    times = Times(stated(room()), stated(booking(), 1, NOON - timedelta(hours=2)))
    before = await times.get()
    times.apply(stated(booking(1, "2026-11-25T09:00"), 2, NOON - timedelta(hours=1)))
    assert "DTSTAMP:20261121T180000Z" in await times.lines()
    times.apply(stated(booking(), 3, NOON - timedelta(hours=2)))
    assert await times.get() == before
