"""Which rooms a meeting wants, and when: compared with a look at each of its dates."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings import composed
from services.meetings.closing import spot_of
from services.meetings.types import Change, Mode, Session, Status
from services.meetings.wanted import wanted
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.portions import added, ahead, less, of_key, pattern_of
from services.recurrence.schedule import occurrences
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.types import ExtraDate, Key, Schedule
from services.recurrence.zones import to_local
from tests.unit.closing_examples import CANCEL, MOVE, NOW, ONLINE, ZONE, closure, local, overlaid, weekly
from tests.unit.recurrence_strategies import deviations, schedules

if TYPE_CHECKING:
    from services.meetings.types import Meeting

LOW, HIGH = minute(datetime(2026, 1, 1, tzinfo=UTC)), minute(datetime(2028, 1, 1, tzinfo=UTC))
IN = local("2026-12-01T00:00").date()


def taken(pattern: Pattern | None) -> list[tuple[Key, int, int]]:
    return [] if pattern is None else [tuple(each) for each in stretches(pattern, LOW, HIGH)]  # type: ignore[misc]  # three of them


def looked_at(meeting: Meeting, room: str) -> list[tuple[Key, int, int]]:
    """Each date of the meeting by itself, as everybody is told of it."""
    changes = {each.key: each for each in composed.said(meeting)}
    found = []
    for each in occurrences(meeting.schedule, [*changes.values()], at_minute(LOW), at_minute(HIGH)):
        spot = spot_of(meeting, changes.get(each.key))
        walls = spot.mode is not Mode.ONLINE and room in spot.rooms
        hosted = spot.mode is not Mode.IN_PERSON and room == meeting.online_host
        if not each.cancelled and (walls or hosted):
            found.append((each.key, minute(each.start), minute(each.end)))
    return found if meeting.status is Status.ACTIVE else []


@st.composite
def meetings(draw: st.DrawFn) -> Meeting:
    """Of every shape, with dates that people changed and a closure over some of them."""
    schedule = draw(schedules())
    changes = tuple(
        Change(
            **msgspec.structs.asdict(each),
            place=place,
            rooms=("r2",) if place == "p2" and draw(st.booleans()) else (),
            mode=draw(st.none() | st.sampled_from(Mode)),
        )
        for each in draw(deviations(schedule))
        for place in [draw(st.sampled_from([None, None, "p2"]))]
    )
    meeting = weekly(
        schedule=schedule,
        changes=changes,
        mode=draw(st.sampled_from(Mode)),
        online_host="v",
        status=draw(st.sampled_from([Status.ACTIVE, Status.ACTIVE, Status.ACTIVE, Status.SUSPENDED])),
    )
    effect = draw(st.sampled_from([None, CANCEL, ONLINE, MOVE]))
    if effect is None:
        return meeting
    move = {"move_place": "p2", "move_rooms": ("r2",)} if effect is MOVE else {}
    shut = closure(1, effect, "2026-03-01", end="2026-06-01", places=("p1",), **move)
    return overlaid(meeting, shut, at=datetime(2026, 2, 1, tzinfo=UTC))


@given(meetings(), st.sampled_from(["r1", "r2", "v"]))
@settings(max_examples=150, deadline=None)
def test_a_meeting_wants_a_room_on_the_dates_that_are_held_there_and_on_no_other(meeting: Meeting, room: str) -> None:
    assert taken(wanted(meeting).get(room)) == looked_at(meeting, room)


@pytest.mark.parametrize(
    ("change", "rest"),
    [
        ({"cancelled": True}, []),
        ({"mode": Mode.ONLINE}, []),
        ({"place": "p2"}, []),
        ({"start": local("2026-12-02T20:00")}, ["2026-12-02T20:00"]),
        ({"title": "Speaker"}, ["2026-12-01T19:00"]),
    ],
)
def test_a_date_that_is_not_held_in_the_usual_room_leaves_it_to_others(change: dict[str, Any], rest: list[str]) -> None:
    meeting = weekly(changes=(Change(date=IN, **change),))
    week = stretches(
        wanted(meeting)["r1"], minute(datetime(2026, 11, 30, tzinfo=UTC)), minute(datetime(2026, 12, 5, tzinfo=UTC))
    )
    assert [f"{to_local(at_minute(each.start), ZONE):%Y-%m-%dT%H:%M}" for each in week] == rest


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.CANCELLED])
def test_a_meeting_that_does_not_take_place_wants_nothing(status: Status) -> None:
    assert wanted(weekly(status=status)) == {}


def test_an_agenda_wants_each_room_for_its_own_sessions() -> None:
    retreat = weekly(
        schedule=Schedule(local("2026-12-04T18:00"), ZONE, 2 * 1440),
        rooms=(),
        sessions=(
            Session(id="a", title="Supper", day=1, time=time(18), minutes=90, rooms=("r1",)),
            Session(id="b", title="Walk", day=2, time=time(10), minutes=60),
            Session(id="c", title="Talk", day=2, time=time(14), minutes=45, rooms=("r1", "r1b")),
        ),
    )
    found = wanted(retreat)
    assert [slot.start for slot in found["r1"].slots] == [local("2026-12-04T18:00"), local("2026-12-05T14:00")]
    assert [(slot.start, slot.minutes) for slot in found["r1b"].slots] == [(local("2026-12-05T14:00"), 45)]


def test_an_extra_date_at_its_own_hour_is_wanted_at_that_hour() -> None:
    extra = (ExtraDate(IN, 1, time(8)),)
    meeting = weekly(schedule=msgspec.structs.replace(weekly().schedule, extra=extra))
    assert Slot(IN, 1, local("2026-12-01T08:00"), 60) in wanted(meeting)["r1"].slots


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    schedule = draw(schedules())
    apart = draw(deviations(schedule))
    slots = [
        Slot(each.date, each.ordinal, each.start or datetime.combine(each.date, time(12)), each.minutes or 45)
        for each in apart
        if not each.cancelled
    ]
    return pattern_of(schedule.zone, draw(st.sampled_from([schedule, None])), [each.key for each in apart], slots)


moments = st.integers(LOW + 50_000, LOW + 400_000)


@given(patterns(), moments)
@settings(max_examples=150, deadline=None)
def test_what_is_ahead_is_what_is_not_over(pattern: Pattern, at: int) -> None:
    assert taken(ahead(pattern, at_minute(at))) == [each for each in taken(pattern) if each[2] > at]


@given(patterns(), moments, moments)
@settings(max_examples=100, deadline=None)
def test_what_is_ahead_has_one_form_however_often_it_is_looked_at(pattern: Pattern, one: int, other: int) -> None:
    first, then = at_minute(min(one, other)), at_minute(max(one, other))
    assert ahead(ahead(pattern, first), then) == ahead(pattern, then)


@given(patterns(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_pattern_less_some_stretches_is_all_the_others(pattern: Pattern, data: st.DataObject) -> None:
    slots = [slot for key in {each[0] for each in taken(pattern)} for slot in of_key(pattern, key)]
    out = data.draw(st.sets(st.sampled_from(slots), max_size=5)) if slots else set[Slot]()
    left = {slot for key in {each[0] for each in taken(less(pattern, out))} for slot in of_key(less(pattern, out), key)}
    assert left == set(slots) - out


@given(patterns(), st.data())
@settings(max_examples=100, deadline=None)
def test_what_one_pattern_adds_to_another_is_what_the_other_has_not(pattern: Pattern, data: st.DataObject) -> None:
    slots = [slot for key in {each[0] for each in taken(pattern)} for slot in of_key(pattern, key)]
    out = data.draw(st.sets(st.sampled_from(slots), max_size=5)) if slots else set[Slot]()
    before = less(pattern, out)
    assert set(taken(added(before, pattern))) <= set(taken(pattern))
    had = [(start, end) for _, start, end in taken(before)]
    new = {each for each in taken(pattern) if not any(low <= each[1] and each[2] <= high for low, high in had)}
    assert new <= set(taken(added(before, pattern)))
    assert added(pattern, pattern).empty()


def test_only_the_closed_dates_are_free() -> None:
    shut = overlaid(weekly(), closure(end="2026-12-01"))
    found = stretches(wanted(shut)["r1"], minute(NOW), minute(NOW + timedelta(days=25)))
    assert [each.key.date.day for each in found] == [24, 8, 15]
