"""What closures and holidays make of the dates of a meeting: the rules one by one, and the laws that hold for all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from services.meetings import closing, composed, edits
from services.meetings.types import (
    Change,
    HolidayRule,
    Mode,
    Online,
    OnlineAccess,
)
from services.recurrence.types import Frequency, Key, Rule, Schedule
from tests.unit.closing_examples import (
    CANCEL,
    LINK,
    MOVE,
    NOW,
    ONLINE,
    PLACES,
    ROOMS,
    ZONE,
    closure,
    dates,
    frame,
    local,
    overlaid,
    said,
    weekly,
)


def test_a_closure_over_part_of_a_week_touches_what_begins_on_its_days_and_nothing_else() -> None:
    assert dates(weekly(), closure(start="2026-12-01", end="2026-12-01")) == ["2026-12-01"]
    assert dates(weekly(), closure(start="2026-12-02", end="2026-12-14")) == ["2026-12-08"]
    assert dates(weekly(), closure(start="2026-12-02", end="2026-12-07")) == []
    assert dates(weekly(), closure(start="2026-12-07", end="2026-12-08")) == ["2026-12-08"]


def test_by_days_a_late_evening_belongs_to_the_day_it_begins_on_and_by_moments_what_overlaps_is_hit() -> None:
    late = weekly(schedule=Schedule(local("2026-12-01T23:30"), ZONE, 60))
    assert dates(late, closure(start="2026-12-02", end="2026-12-02")) == []
    assert dates(late, closure(start="2026-12-02T00:00", end="2026-12-02T08:00")) == ["2026-12-01"]
    assert dates(late, closure(start="2026-12-02T00:30", end="2026-12-02T08:00")) == []
    assert dates(late, closure(start="2026-12-01T08:00", end="2026-12-01T23:30")) == []
    elsewhere = closure(2, start="2026-11-01", places=("p3",))
    assert dates(late, closure(start="2026-12-01T08:00", end="2026-12-01T23:30"), elsewhere) == []
    assert dates(late, closure(start="2026-12-02T00:30", end="2026-12-02T08:00"), elsewhere) == []


def test_what_lasts_longer_than_a_day_is_hit_by_days_that_it_reaches_into() -> None:
    retreat = weekly(schedule=Schedule(local("2026-12-04T17:00"), ZONE, 2 * 24 * 60))
    assert dates(retreat, closure(start="2026-12-06", end="2026-12-06")) == ["2026-12-04"]
    assert dates(retreat, closure(start="2026-12-07", end="2026-12-07")) == []


def test_days_are_those_of_the_centre_whatever_zone_a_meeting_is_in() -> None:
    abroad = weekly(schedule=Schedule(local("2026-12-02T03:00"), "Europe/Berlin", 60))
    assert dates(abroad, closure(start="2026-12-01", end="2026-12-01")) == ["2026-12-02"]


@pytest.mark.parametrize("day", ["2027-03-14", "2027-11-07"])
def test_a_day_with_a_clock_change_is_closed_from_its_first_to_its_last_minute(day: str) -> None:
    for hour in ("00:00", "01:30", "02:30", "23:59"):
        one = weekly(schedule=Schedule(local(f"{day}T{hour}"), ZONE, 60))
        assert dates(one, closure(start=day, end=day)) == [day]
    for hour, apart in (("23:59", -1), ("00:00", 1)):
        other = date.fromisoformat(day) + timedelta(days=apart)
        one = weekly(schedule=Schedule(local(f"{other}T{hour}"), ZONE, 60))
        assert dates(one, closure(start=day, end=day)) == []


def test_seven_in_the_evening_stays_so_before_in_and_after_a_closure_across_a_clock_change() -> None:
    meeting = overlaid(weekly(), closure(start="2027-03-09", end="2027-03-16", effect=MOVE, move_place="p2"))
    changes = {change.key.date: change for change in composed.changes(meeting)}
    assert sorted(changes) == [date(2027, 3, 9), date(2027, 3, 16)]
    assert all(change.start is None for change in changes.values())


def test_a_room_closure_hits_what_is_held_in_the_room_that_day() -> None:
    room = closure(rooms=("r1",), end="2026-12-31")
    assert dates(weekly(rooms=("r1b",)), room) == []
    moved = (
        Change(date=date(2026, 12, 8), place="p1", rooms=("r1b",)),
        Change(date=date(2026, 12, 15), start=local("2027-01-02T19:00")),
        Change(date=date(2026, 11, 24), start=local("2026-12-02T19:00")),
    )
    assert dates(weekly(changes=moved), room) == ["2026-11-24", "2026-12-01", "2026-12-22", "2026-12-29"]
    there = (Change(date=date(2026, 12, 8), place="p1", rooms=("r1",)),)
    assert dates(weekly(rooms=("r1b",), changes=there), room) == ["2026-12-08"]


def test_rooms_of_a_date_without_a_place_are_those_of_the_place_of_the_series() -> None:
    other = Change(date=date(2026, 12, 1), rooms=("r1b",))
    meeting = overlaid(weekly(changes=(other,)))
    venue = meeting.changes[0].venue
    assert venue is not None
    assert (venue.title, venue.rooms) == ("Place p1", ("Room r1b",))
    assert dates(weekly(changes=(other,)), closure(rooms=("r1b",), end="2026-12-08")) == ["2026-12-01"]
    assert dates(weekly(changes=(other,)), closure(rooms=("r1",), end="2026-12-08")) == ["2026-12-08"]


def test_a_whole_centre_is_whatever_is_held_at_a_place_and_online_too_only_if_it_says_so() -> None:
    once: dict[str, Any] = {"start": "2026-12-01", "end": "2026-12-01"}
    assert dates(weekly(place="", rooms=()), closure(**once)) == ["2026-12-01"]
    assert dates(weekly(mode=Mode.HYBRID), closure(**once)) == ["2026-12-01"]
    assert dates(weekly(mode=Mode.ONLINE), closure(**once)) == []
    assert dates(weekly(mode=Mode.ONLINE), closure(**once, online_too=True)) == ["2026-12-01"]
    assert dates(weekly(mode=Mode.ONLINE), closure(**once, places=("p1",))) == []
    that_day = (Change(date=date(2026, 12, 1), mode=Mode.ONLINE),)
    assert dates(weekly(changes=that_day), closure(**once)) == []


def test_online_goes_by_the_own_link_else_by_the_closures_else_it_is_cancelled() -> None:
    once: dict[str, Any] = {"effect": ONLINE, "end": "2026-12-01"}
    own = overlaid(weekly(online=LINK), closure(**once, online=Online(url="https://other.example/"))).closed[0]
    assert (own.effect, own.online) == (ONLINE, None)
    lent = overlaid(weekly(), closure(**once, online=LINK)).closed[0]
    assert (lent.effect, lent.online) == (ONLINE, LINK)
    assert said(weekly(), closure(**once)) == {"2026-12-01": (CANCEL, "c1")}
    hidden = Online(access=OnlineAccess.INVITE_CODE, url="https://meet.example/hidden")
    assert said(weekly(online=hidden), closure(**once)) == {"2026-12-01": (ONLINE, "c1")}
    empty = Online(access=OnlineAccess.INVITE_CODE)
    assert said(weekly(online=empty), closure(**once)) == {"2026-12-01": (CANCEL, "c1")}
    that_day = (Change(date=date(2026, 12, 1), online=LINK),)
    assert said(weekly(changes=that_day), closure(**once)) == {"2026-12-01": (ONLINE, "c1")}


def test_a_move_brings_the_copy_of_the_other_place_and_its_rooms() -> None:
    moved = overlaid(weekly(), closure(effect=MOVE, end="2026-12-01", move_place="p2", move_rooms=("r2",)))
    assert moved.elsewhere
    (change,) = composed.changes(moved)
    assert change.venue is not None
    assert (change.place, change.rooms, change.venue.title, change.venue.rooms) == (
        "p2",
        ("r2",),
        "Place p2",
        ("Room r2",),
    )


def test_where_it_is_moved_to_the_other_closures_count() -> None:
    away = closure(1, MOVE, end="2026-12-01", rooms=("r1",), move_place="p2")
    assert said(weekly(), away, closure(2, CANCEL, places=("p2",))) == {"2026-12-01": (CANCEL, "c2")}
    on = overlaid(weekly(), away, closure(2, MOVE, places=("p2",), move_place="p3")).closed[0]
    assert (on.effect, on.closure, on.place) == (MOVE, "c2", "p3")
    by_link = overlaid(weekly(), away, closure(2, ONLINE, places=("p2",), online=LINK)).closed[0]
    assert (by_link.effect, by_link.place, by_link.online) == (ONLINE, None, LINK)


def test_what_would_be_moved_in_a_circle_is_cancelled() -> None:
    there = closure(1, MOVE, end="2026-12-01", places=("p1",), move_place="p2")
    back = closure(2, MOVE, end="2026-12-01", places=("p2",), move_place="p1")
    assert said(weekly(), there, back) == {"2026-12-01": (CANCEL, "c1")}


def test_a_closed_house_that_moves_into_one_of_its_places_leaves_alone_what_is_held_there() -> None:
    into = closure(1, MOVE, end="2026-12-01", move_place="p2")
    assert said(weekly(), into) == {"2026-12-01": (MOVE, "c1")}
    assert dates(weekly(place="p2", rooms=("r2",)), into) == []
    assert dates(weekly(place="p2", rooms=("r2",)), closure(1, MOVE, end="2026-12-01", move_place="p2", rooms=("r2",)))


def test_a_cancellation_wins_over_online_and_that_over_a_move() -> None:
    at_once = [
        closure(1, MOVE, end="2026-12-01", move_place="p2"),
        closure(2, ONLINE, end="2026-12-01", online=LINK),
        closure(3, CANCEL, end="2026-12-01"),
    ]
    assert said(weekly(), *at_once)["2026-12-01"] == (CANCEL, "c3")
    assert said(weekly(), *at_once[:2])["2026-12-01"] == (ONLINE, "c2")
    assert said(weekly(), *at_once[:1])["2026-12-01"] == (MOVE, "c1")


def test_holidays_are_those_of_the_calendar_and_of_the_names_that_are_given() -> None:
    fridays = weekly(schedule=Schedule(local("2026-12-04T19:00"), ZONE, 60, Rule(Frequency.WEEKLY)))
    on_holidays = closure(holidays="CA-AB", start="2026-12-01", end="2027-04-30")
    assert dates(fridays, on_holidays) == ["2026-12-25", "2027-01-01", "2027-03-26"]
    named = msgspec.structs.replace(on_holidays, holiday_names=("Christmas Day",))
    assert dates(fridays, named) == ["2026-12-25"]
    also = msgspec.structs.replace(fridays, holidays=HolidayRule.ALSO_ON_HOLIDAYS)
    assert dates(also, on_holidays) == []
    assert dates(also, closure(start="2026-12-25", end="2026-12-25")) == ["2026-12-25"]


def test_a_meeting_that_is_not_on_holidays_is_cancelled_on_them_without_any_closure() -> None:
    friday = Schedule(local("2026-12-04T19:00"), ZONE, 60, Rule(Frequency.WEEKLY, until=date(2027, 2, 1)))
    meeting = weekly(schedule=friday, holidays=HolidayRule.NOT_ON_HOLIDAYS)
    assert said(meeting) == {}
    christmas, new_year = overlaid(meeting, calendar="CA-AB").closed
    assert (christmas.effect, christmas.holiday, new_year.holiday) == (CANCEL, "Christmas Day", "New Year's Day")
    assert christmas.reason == "Not held on public holidays: Christmas Day"
    assert said(msgspec.structs.replace(meeting, holidays=HolidayRule.ANY_DAY), calendar="CA-AB") == {}


def test_what_people_cancelled_stays_cancelled_and_what_takes_place_despite_closures_does() -> None:
    people = (
        Change(date=date(2026, 12, 1), cancelled=True, reason="Ill"),
        Change(date=date(2026, 12, 8), despite=True),
    )
    meeting = overlaid(weekly(changes=people), closure(end="2026-12-15"))
    shown = {change.key.date.day: (change.cancelled, change.reason) for change in composed.changes(meeting)}
    assert shown == {1: (True, "Ill"), 8: (False, ""), 15: (True, "Reason 1")}


def test_restoring_a_date_that_a_closure_closes_holds_it_despite_that_and_cancelling_it_ends_that() -> None:
    key = Key(date(2026, 12, 1))
    closed = overlaid(weekly(), closure(end="2026-12-15"))
    restored = edits.restore_occurrence(closed, key)
    assert restored.change(key) == Change(date=key.date, despite=True)
    assert [change.cancelled for change in composed.changes(restored)] == [False, True, True]
    cancelled = edits.cancel_occurrence(restored, key, "After all")
    assert cancelled.change(key) == Change(date=key.date, cancelled=True, reason="After all")


def test_restoring_what_people_cancelled_leaves_it_where_a_closure_has_it() -> None:
    key = Key(date(2026, 12, 1))
    meeting = weekly(changes=(Change(date=key.date, cancelled=True),))
    elsewhere = edits.restore_occurrence(overlaid(meeting, closure(1, MOVE, move_place="p2")), key)
    assert elsewhere.change(key) is None
    assert composed.changes(elsewhere)[0].place == "p2"
    held = edits.restore_occurrence(overlaid(meeting, closure(1, CANCEL)), key)
    assert held.change(key) == Change(date=key.date, despite=True)


def test_each_part_of_a_series_that_is_split_keeps_what_is_said_about_its_dates() -> None:
    meeting = overlaid(weekly(), closure(start="2026-12-01", end="2026-12-31"))
    parts = edits.split(meeting, Key(date(2026, 12, 15)), "n", "2026-11-21T12:00:00.000Z")
    assert parts is not None
    before, after = parts
    assert [each.date.day for each in before.closed] == [1, 8]
    again = overlaid(after, closure(start="2026-12-01", end="2026-12-31"))
    assert [each.date.day for each in again.closed] == [15, 22, 29]


def test_no_more_is_held_than_an_event_takes_and_the_dates_near_now_come_first() -> None:
    daily = Schedule(local("2026-10-01T07:00"), ZONE, 60, Rule(Frequency.DAILY))
    long = {"p2": msgspec.structs.replace(PLACES["p2"], notes="x" * 8000)}
    meeting = closing.overlaid(weekly(schedule=daily), frame(closure(1, MOVE, "2026-11-21", move_place="p2")), NOW)
    meeting = closing.fitting(edits.with_venues(meeting, {**PLACES, **long}, ROOMS), NOW)
    kept = [each.date for each in meeting.closed]
    assert kept == [date(2026, 11, 21) + timedelta(days=n) for n in range(len(kept))]
    assert 20 < len(kept) < 40
    assert len(msgspec.json.encode(meeting.closed)) <= closing.LARGEST_CLOSED


def test_the_horizon_is_at_least_400_days_ahead_and_moves_once_a_month() -> None:
    days = [NOW + timedelta(days=n) for n in range(800)]
    assert all(timedelta(days=400) < closing.horizon(day) - day < timedelta(days=460) for day in days)
    for day in days:
        rolled = closing.next_roll(day)
        assert closing.horizon(rolled - timedelta(seconds=1)) == closing.horizon(day) < closing.horizon(rolled)


def test_neighbouring_dates_are_looked_at_once_however_many_there_are() -> None:
    """Every write of a meeting reckons, and a preview reckons all meetings of a centre."""
    edges = frame(closure(1), closure(2, end="2027-03-01"), closure(3, MOVE, end="2027-06-01", move_place="p3"))
    found = list(closing.groups(weekly(), edges, NOW, closing.horizon(NOW)))
    assert (len(found), sum(len(group.keys) for group in found)) == (4, 62)
    assert len(said(weekly(), closure(1))) == 61


def test_closures_of_other_rooms_cost_a_meeting_nothing_but_those_where_it_is_moved_count() -> None:
    elsewhere = [closure(n, rooms=(f"x{n}",)) for n in range(3, 9)]
    move = closure(1, MOVE, places=("p1",), move_place="p2", end="2026-12-14")
    there = closure(2, places=("p2",), start="2026-12-08", end="2026-12-09")
    everything = frame(move, there, *elsewhere)
    assert [each.id for each in closing.bearing(weekly(), everything)] == ["c1", "c2"]
    assert closing.bearing(weekly(place="p3", rooms=()), everything) == ()
    assert said(weekly(), move, there, *elsewhere) == {"2026-12-01": (MOVE, "c1"), "2026-12-08": (CANCEL, "c2")}
