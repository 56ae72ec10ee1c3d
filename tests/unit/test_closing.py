"""What closures and holidays make of the dates of a meeting: the rules one by one, and the laws that hold for all."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings import closing, composed, edits
from services.meetings.closing import Frame
from services.meetings.types import (
    Change,
    Closed,
    Closure,
    ClosureEffect,
    HolidayRule,
    Meeting,
    Mode,
    Online,
    OnlineAccess,
    Place,
    Room,
)
from services.meetings.wire import meeting_message
from services.recurrence.edits import split
from services.recurrence.schedule import occurrence, occurrences
from services.recurrence.types import ByDay, Frequency, Key, Rule, Schedule
from tests.unit.recurrence_strategies import deviations, schedules

CANCEL, ONLINE, MOVE = ClosureEffect.CANCEL, ClosureEffect.ONLINE, ClosureEffect.MOVE
ZONE = "America/Edmonton"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
LINK = Online(url="https://meet.example/own")
PLACES = {id_: Place(id=id_, centre="house", created_at="", title=f"Place {id_}") for id_ in ("p1", "p2", "p3")}
ROOMS = {
    id_: Room(id=id_, centre="house", created_at="", title=f"Room {id_}", place=f"p{id_[1]}")
    for id_ in ("r1", "r1b", "r2")
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def weekly(**fields: Any) -> Meeting:
    """Tuesdays at 19:00, from 2026-11-24 on, at p1 in r1."""
    schedule = Schedule(local("2026-11-24T19:00"), ZONE, 60, Rule(Frequency.WEEKLY, by_day=(ByDay(1),)))
    return Meeting(
        **{
            "id": "m",
            "centre": "house",
            "created_at": "2026-11-01T00:00:00.000Z",
            "lineage": "m",
            "title": "Tuesday Group",
            "schedule": schedule,
            "place": "p1",
            "rooms": ("r1",),
            **fields,
        }
    )


def closure(number: int = 1, effect: ClosureEffect = CANCEL, start: str = "2026-12-01", **fields: Any) -> Closure:
    return Closure(
        id=f"c{number}",
        centre="house",
        created_at=f"2026-11-2{number}T00:00:00.000Z",
        reason=f"Reason {number}",
        effect=effect,
        start=start,
        **fields,
    )


def frame(*closures: Closure, calendar: str = "") -> Frame:
    return Frame(ZONE, calendar, closing.ordered(closures))


def overlaid(meeting: Meeting, *closures: Closure, at: datetime = NOW, calendar: str = "") -> Meeting:
    return edits.with_venues(closing.overlaid(meeting, frame(*closures, calendar=calendar), at), PLACES, ROOMS)


def said(meeting: Meeting, *closures: Closure, **more: Any) -> dict[str, tuple[ClosureEffect, str]]:
    """What becomes of which date, and by which closure or holiday."""
    return {
        str(each.date): (each.effect, each.closure or each.holiday)
        for each in overlaid(meeting, *closures, **more).closed
    }


def dates(meeting: Meeting, *closures: Closure, **more: Any) -> list[str]:
    return [*said(meeting, *closures, **more)]


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


# Laws

places = st.sampled_from(["", "p1", "p2", "p3"])
rooms_of = {"": ((),), "p1": ((), ("r1",), ("r1b",)), "p2": ((), ("r2",)), "p3": ((),)}


@st.composite
def changed(draw: st.DrawFn, schedule: Schedule) -> tuple[Change, ...]:
    """What people said about single dates."""
    found = []
    for each in draw(deviations(schedule)):
        place = draw(st.none() | st.sampled_from(["p1", "p2", "p3"]))
        found.append(
            Change(
                **msgspec.structs.asdict(each),
                place=place,
                rooms=draw(st.sampled_from(rooms_of[place])) if place else (),
                mode=draw(st.none() | st.sampled_from(Mode)),
                despite=draw(st.booleans()),
            )
        )
    return tuple(found)


@st.composite
def meetings(draw: st.DrawFn) -> Meeting:
    schedule = draw(schedules())
    place = draw(places)
    return edits.with_venues(
        weekly(
            schedule=schedule,
            changes=draw(changed(schedule)),
            place=place,
            rooms=draw(st.sampled_from(rooms_of[place])),
            mode=draw(st.sampled_from(Mode)),
            online=draw(st.sampled_from([None, LINK, Online()])),
            holidays=draw(st.sampled_from(HolidayRule)),
        ),
        PLACES,
        ROOMS,
    )


@st.composite
def closures(draw: st.DrawFn, number: int = 1) -> Closure:
    effect = draw(st.sampled_from(ClosureEffect))
    first = date(2026, 3, 1) + timedelta(days=draw(st.integers(0, 300)))
    last = first + timedelta(days=draw(st.integers(0, 60)))
    by_moments = draw(st.booleans())
    to = draw(st.sampled_from(["p1", "p2", "p3"])) if effect is MOVE else ""
    return closure(
        number,
        effect,
        f"{first}T14:00" if by_moments else str(first),
        end=draw(st.sampled_from(["", f"{last}T20:30" if by_moments else str(last)])),
        places=tuple(draw(st.sets(st.sampled_from(["p1", "p2", "p3"]), max_size=2))),
        rooms=tuple(draw(st.sets(st.sampled_from(["r1", "r1b", "r2"]), max_size=1))),
        online_too=draw(st.booleans()),
        holidays=draw(st.sampled_from(["", "", "CA-AB"])),
        move_place=to,
        move_rooms=draw(st.sampled_from(rooms_of[to])) if to else (),
        online=draw(st.sampled_from([None, LINK])),
    )


several = st.integers(0, 4).flatmap(lambda count: st.tuples(*(closures(n + 1) for n in range(count))))
instants = st.integers(0, 500).map(lambda n: datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days=n, hours=n % 7))
LAW = settings(max_examples=50, deadline=None)


def reckon(meeting: Meeting, found: tuple[Closure, ...], at: datetime) -> Meeting:
    return overlaid(meeting, *found, at=at, calendar="CA-AB")


@LAW
@given(meetings(), several, instants)
def test_reckoning_twice_changes_nothing(meeting: Meeting, found: tuple[Closure, ...], at: datetime) -> None:
    once = reckon(meeting, found, at)
    assert reckon(once, found, at) == once
    assert closing.overlaid(once, frame(*found, calendar="CA-AB"), at) is once


@LAW
@given(meetings(), several, closures(5), instants)
def test_withdrawing_a_closure_is_as_if_it_had_never_been(
    meeting: Meeting, others: tuple[Closure, ...], one: Closure, at: datetime
) -> None:
    without = reckon(meeting, others, at)
    with_it = reckon(without, (*others, one), at)
    back = reckon(with_it, others, at)
    assert back == without
    assert meeting_message(back).SerializeToString(deterministic=True) == meeting_message(without).SerializeToString(
        deterministic=True
    )


@LAW
@given(meetings(), several, st.randoms(use_true_random=False), instants)
def test_closures_count_in_the_order_they_were_made_in_however_they_are_found(
    meeting: Meeting, found: tuple[Closure, ...], source: Any, at: datetime
) -> None:
    shuffled = source.sample(found, len(found))
    assert reckon(meeting, tuple(shuffled), at) == reckon(meeting, found, at)


@LAW
@given(meetings(), closures(1), closures(2), instants)
def test_of_two_closures_only_two_moves_or_two_of_one_effect_ask_which_was_first(
    meeting: Meeting, one: Closure, other: Closure, at: datetime
) -> None:
    first = reckon(meeting, (one, other), at)
    turned = (
        msgspec.structs.replace(one, created_at=other.created_at),
        msgspec.structs.replace(other, created_at=one.created_at),
    )
    second = reckon(meeting, turned, at)
    cancelled = [[each.key for each in some.closed if each.effect is CANCEL] for some in (first, second)]
    if MOVE not in {one.effect, other.effect}:
        assert cancelled[0] == cancelled[1]
        assert [each.key for each in first.closed] == [each.key for each in second.closed]
    if one.effect is not other.effect:
        assert first.closed == second.closed


@LAW
@given(meetings(), several, several, instants, st.integers(0, 90))
def test_what_is_over_is_never_written_again(
    meeting: Meeting, then: tuple[Closure, ...], now: tuple[Closure, ...], at: datetime, days: int
) -> None:
    before = reckon(meeting, then, at)
    later = at + timedelta(days=days)
    after = reckon(before, now, later)
    assert _over(after, later) == _over(before, later)


def _over(meeting: Meeting, at: datetime) -> list[Closed]:
    """What is said of the dates that have ended by then."""
    return [each for each in meeting.closed if _ended(meeting, each.key) <= at]


def _ended(meeting: Meeting, key: Key) -> datetime:
    return occurrence(meeting.schedule, key, meeting.change(key)).end


@LAW
@given(meetings(), several, instants)
def test_nothing_is_held_where_a_closure_in_force_closes_it(
    meeting: Meeting, found: tuple[Closure, ...], at: datetime
) -> None:
    """Whatever is shown as held in person is held where it may be, but for the move that brought it there."""
    shown = reckon(meeting, found, at)
    people = {change.key: change for change in meeting.changes}
    whole = {change.key: change for change in composed.changes(shown)}
    for each in occurrences(meeting.schedule, meeting.changes, at, closing.horizon(at)):
        change = whole.get(each.key)
        own = people.get(each.key)
        if (change and change.cancelled) or (own and own.despite):
            continue
        spot = closing.spot_of(shown, change)
        against = [
            one
            for one in found
            if closing.in_time(one, each, ZONE) and closing.kept_because(one, spot, meeting.holidays) == ""
        ]
        assert [one.id for one in against if not change or one.id != change.closure] == []


@LAW
@given(meetings(), several, instants, st.data())
def test_the_parts_of_a_split_series_are_closed_as_the_whole_was(
    meeting: Meeting, found: tuple[Closure, ...], at: datetime, data: st.DataObject
) -> None:
    whole = reckon(meeting, found, at)
    keys = [each.key for each in occurrences(meeting.schedule, (), at, at + timedelta(days=300))]
    if not keys:
        return
    key = data.draw(st.sampled_from(keys))
    try:
        parts = split(whole.schedule, whole.changes, key)
    except ValueError:
        return
    if parts is None:
        return
    halves = [
        msgspec.structs.replace(whole, schedule=part.schedule, changes=part.deviations, closed=()) for part in parts
    ]
    anew = [each for half in halves for each in reckon(half, found, at).closed]
    assert sorted(anew, key=lambda each: each.key) == list(whole.closed)
