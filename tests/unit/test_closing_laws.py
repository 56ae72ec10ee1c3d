"""Laws of closing, over meetings and closures of every shape."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings import closing, composed, edits, previewing
from services.meetings.types import (
    Change,
    Closed,
    Closure,
    ClosureEffect,
    HolidayRule,
    Meeting,
    Mode,
    Online,
)
from services.meetings.wire import meeting_message
from services.recurrence.edits import split
from services.recurrence.schedule import occurrence, occurrences
from tests.unit.closing_examples import (
    CANCEL,
    LINK,
    MOVE,
    PLACES,
    ROOMS,
    ZONE,
    closure,
    frame,
    overlaid,
    weekly,
)
from tests.unit.recurrence_strategies import deviations, schedules

if TYPE_CHECKING:
    from services.recurrence.types import Key, Schedule

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
@given(meetings(), several, instants)
def test_dates_that_are_reckoned_together_become_what_each_becomes_by_itself(
    meeting: Meeting, found: tuple[Closure, ...], at: datetime
) -> None:
    everything = frame(*found, calendar="CA-AB")
    changes = {change.key: change for change in meeting.changes}
    dates = occurrences(meeting.schedule, meeting.changes, at, closing.horizon(at))
    alone = (closing.verdict(meeting, each, changes.get(each.key), everything) for each in dates)
    wanted = sorted((each for each in alone if each), key=lambda each: each.key)
    assert sorted(closing.reckoned(meeting, everything, at), key=lambda each: each.key) == wanted


@LAW
@given(meetings(), several, closures(5), instants)
def test_a_preview_counts_what_a_look_at_each_date_finds(
    meeting: Meeting, others: tuple[Closure, ...], one: Closure, at: datetime
) -> None:
    without, with_it = frame(*others, calendar="CA-AB"), frame(*others, one, calendar="CA-AB")
    shown = {
        each.occurrence.key: each
        for impact in previewing.impacts(meeting, one, without, with_it, at)
        for each in impact.each(date.min)
    }
    changes = {change.key: change for change in meeting.changes}
    for each in occurrences(meeting.schedule, meeting.changes, at, closing.horizon(at)):
        change = changes.get(each.key)
        as_is = change is not None and (change.cancelled or change.despite)
        before, now = (closing.verdict(meeting, each, change, frame_) for frame_ in (without, with_it))
        impact = shown.pop(each.key, None)
        if impact is not None:
            assert impact.occurrence == each
        differs = now is not None and now != before and not as_is
        assert (impact.effect if impact else None) == (now.effect if differs and now else None)
    assert not shown


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
            if closing.in_time(one, each, ZONE)
            and closing.kept_because(one, spot, meeting.holidays, closing.NOTHING) == ""
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
