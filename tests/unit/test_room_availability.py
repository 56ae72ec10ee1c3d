"""What is in the way of taking a room, against a look at everything: parts and wholes, buffers, closures, rules."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.clock import instant
from services.meetings.availability import Booker, Hindrance, Obstacle, free, hindrances, shuts
from services.meetings.clashes import Asker, clash_message
from services.meetings.diary import Diary
from services.meetings.types import Closure, ClosureEffect
from services.meetings.types_rooms import (
    Booking,
    BookingRules,
    BookingState,
    OpeningHours,
    Quota,
    QuotaPeriod,
    Room,
    RoomKind,
    WhoMayBook,
)
from services.meetings.wholes import circle, excluding, overlaps
from services.recurrence.pattern import Pattern
from services.recurrence.timetable import at_minute, minute
from services.recurrence.types import Frequency, Rule, Schedule
from tests.unit import timetable_examples

if TYPE_CHECKING:
    from random import Random

BERLIN = "Europe/Berlin"
SINCE = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = instant(SINCE)


def room(id_: str, **more: Any) -> Room:
    return Room(id=id_, centre="c", created_at=NOW, title=id_, place="p", zone=BERLIN, **more)


def pattern(start: str, minutes: int = 60, rule: Rule | None = None) -> Pattern:
    schedule = Schedule(datetime.fromisoformat(start), BERLIN, minutes, rule)
    return Pattern(zone=BERLIN, schedule=schedule)


def booking(id_: str, of: Room, when: Pattern, **more: Any) -> Booking:
    fields = {"before": of.before, "after": of.after, "created_at": NOW, **more}
    return Booking(id=id_, centre="c", room=of.id, lineage=id_, pattern=when, **fields)


def diaries(rooms: list[Room], *bookings: Booking) -> dict[str, Diary]:
    found = {each.id: Diary(each.id) for each in rooms}
    for each in bookings:
        found[each.room].put(each)
    return found


# Parts and wholes: a hall h of a, b and c; another one g of b, c and d; a wing w that is h and e


HOUSE = {"h": ("a", "b", "c"), "g": ("b", "c", "d"), "w": ("h", "e")}
WORDS = st.dictionaries(
    st.sampled_from("ghwxyz"), st.lists(st.sampled_from("abcdeghwxyz"), unique=True, max_size=4).map(tuple), max_size=6
)


def floor(parts: dict[str, tuple[str, ...]], id_: str) -> set[str]:
    """The atoms of a room, by going down."""
    return {id_} if not parts.get(id_) else set[str]().union(*(floor(parts, each) for each in parts[id_]))


def house(parts: dict[str, tuple[str, ...]]) -> list[Room]:
    return [room(id_, parts=parts.get(id_, ())) for id_ in "abcdeghwxyz"]


@settings(deadline=None)
@given(WORDS)
def test_two_rooms_exclude_each_other_where_they_share_floor(parts: dict[str, tuple[str, ...]]) -> None:
    # a room may have as parts only what comes before it: so nothing goes in circles
    parts = {id_: tuple(each for each in found if each < id_) for id_, found in parts.items()}
    for each in excluding(house(parts)):
        others = {id_ for id_ in "abcdeghwxyz" if id_ != each.id and floor(parts, id_) & floor(parts, each.id)}
        assert set(each.excludes) == others


def test_a_room_that_is_a_part_of_itself_by_way_of_others_is_found() -> None:
    rooms = {each.id: each for each in house({"h": ("a", "g"), "g": ("w",), "w": ("b", "h")})}
    assert [id_ for id_ in rooms if circle(rooms, id_)] == ["g", "h", "w"]


def test_a_room_whose_excludes_are_right_is_the_same_object() -> None:
    once = excluding(house(HOUSE))
    assert all(again is before for again, before in zip(excluding(once), once, strict=True))


STARTS = st.integers(0, 40).map(lambda n: datetime.fromisoformat("2026-11-24T08:00") + timedelta(minutes=15 * n))
BUFFERS = st.tuples(st.sampled_from([0, 0, 15, 30]), st.sampled_from([0, 0, 15, 45]))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcdeghw"), STARTS, st.sampled_from([15, 60]), BUFFERS), max_size=6),
    st.tuples(st.sampled_from("abcdeghw"), STARTS, st.sampled_from([15, 60]), BUFFERS),
)
def test_what_is_taken_is_what_shares_floor_and_is_nearer_than_the_larger_of_two_buffers(
    taken: list[tuple[str, datetime, int, tuple[int, int]]], asked: tuple[str, datetime, int, tuple[int, int]]
) -> None:
    rooms = {each.id: each for each in excluding(house(HOUSE))}
    made = [
        booking(str(n), rooms[id_], pattern(start.isoformat(), minutes), before=buffers[0], after=buffers[1])
        for n, (id_, start, minutes, buffers) in enumerate(taken)
    ]
    id_, start, minutes, (before, after) = asked
    wanted = set()
    for n, (other, begin, length, (other_before, other_after)) in enumerate(taken):
        free_before = begin + timedelta(minutes=length + max(other_after, before)) <= start
        free_after = start + timedelta(minutes=minutes + max(after, other_before)) <= begin
        if floor(HOUSE, id_) & floor(HOUSE, other) and not (free_before or free_after):
            wanted.add(str(n))
    wish = msgspec.structs.replace(rooms[id_], before=before, after=after)
    have, when = diaries(list(rooms.values()), *made), pattern(start.isoformat(), minutes)
    found = hindrances(wish, have, when, NOW)
    assert free(wish, have, when, NOW) == (not found)
    assert {each.by.id for each in found if each.by} == wanted
    assert all(each.kind is Obstacle.TAKEN and each.room == id_ for each in found)


@settings(deadline=None, max_examples=250)
@given(timetable_examples.randoms, st.integers(0, 300))
def test_series_of_every_shape_meet_in_parts_and_wholes_where_brute_force_finds_it(random: Random, day: int) -> None:
    now = timetable_examples.NOW + day * 1_440
    until = now + 150 * 1_440
    rooms = {each.id: each for each in excluding(house(HOUSE))}
    others = [(random.choice("abcdeghw"), each) for each in timetable_examples.several(random, 8)]
    id_, asked = random.choice("abcdeghw"), timetable_examples.held(random, "asked")
    made = [
        booking(each.owner, rooms[other], each.pattern, before=each.before, after=each.after) for other, each in others
    ]
    near = [each for other, each in others if floor(HOUSE, id_) & floor(HOUSE, other)]
    wanted = timetable_examples.clashes(asked, near, now, until)
    wish = msgspec.structs.replace(rooms[id_], before=asked.before, after=asked.after)
    found = hindrances(wish, diaries(list(rooms.values()), *made), asked.pattern, instant(at_minute(now)), most=5_000)
    end = until if len(found) < 5_000 else min(until, found[-1].start)  # of what is cut the rest is later
    assert sorted(
        ((each.start, each.end, each.key), each.by.id, each.by_start, each.by_end)
        for each in found
        if each.by and each.start < end
    ) == sorted((one, owner, other.start, other.end) for one, owner, other in wanted if one.start < end)


def test_what_is_given_up_what_only_competes_and_a_hold_that_has_expired_keep_nobody_out() -> None:
    hall, when = room("h"), pattern("2026-11-24T19:00")
    held = {"state": BookingState.HELD, "expires_at": NOW}
    asks = booking("b", hall, when, state=BookingState.PENDING, competes=True)
    made = diaries([hall], booking("a", hall, when), asks, booking("c", hall, when, **held))
    assert [each.by.id for each in hindrances(hall, made, when, NOW) if each.by] == ["a"]
    assert hindrances(hall, made, when, NOW, ignoring=frozenset({"a"})) == []
    earlier = instant(SINCE - timedelta(minutes=1))
    assert [each.by.id for each in hindrances(hall, made, when, earlier) if each.by] == ["a", "c"]


def test_rooms_that_come_to_share_floor_say_what_stands_in_both() -> None:
    before = {each.id: each for each in house({})}
    after = excluding(house({"h": ("a", "b")}))
    when, next_week = pattern("2026-11-24T19:00"), pattern("2026-12-01T19:00")
    past = pattern("2026-11-17T19:00")
    made = diaries(
        list(before.values()),
        *(booking(f"a{n}", before["a"], each) for n, each in enumerate((when, past))),
        *(booking(f"h{n}", before["h"], each) for n, each in enumerate((when, past))),
        booking("b0", before["b"], when),
        booking("b1", before["b"], next_week),
    )
    found = overlaps(before, after, made, NOW, minute(SINCE), BERLIN)
    assert [(each.room, each.by.id) for each in found if each.by] == [("a", "h0"), ("b", "h0")]
    told = {each.id: each for each in after}
    assert overlaps(told, after, made, NOW, minute(SINCE), BERLIN) == []


# Closures


def closure(**more: Any) -> Closure:
    days = {"start": "2026-12-01", "end": "2026-12-02"}
    return Closure(
        **{
            "id": "x",
            "centre": "c",
            "created_at": NOW,
            "reason": "Snow",
            "effect": ClosureEffect.ONLINE,
            **days,
            **more,
        }
    )


WEEKLY = pattern("2026-11-24T19:00", 60, Rule(Frequency.WEEKLY, count=4))


@pytest.mark.parametrize(
    ("scope", "closed"),
    [
        ({}, True),
        ({"places": ("p",)}, True),
        ({"places": ("q",)}, False),
        ({"rooms": ("h",)}, True),
        ({"rooms": ("x",)}, False),
    ],
)
def test_dates_inside_a_closure_of_the_room_its_place_or_its_centre_cannot_be_had(
    scope: dict[str, Any], *, closed: bool
) -> None:
    hall = room("h")
    found = hindrances(hall, diaries([hall]), WEEKLY, NOW, closures=(closure(**scope),), zone=BERLIN)
    told = [(each.kind, each.key.date.isoformat(), each.reason) for each in found]
    assert told == ([(Obstacle.CLOSED, "2026-12-01", "Snow")] if closed else [])


def test_a_date_in_two_closures_is_told_once_and_moments_close_what_overlaps() -> None:
    hall = room("h")
    late = closure(start="2026-12-08T19:30", end="2026-12-15T19:00", reason="Heating")
    found = hindrances(hall, diaries([hall]), WEEKLY, NOW, closures=(closure(), late, closure(id="y")), zone=BERLIN)
    assert [(each.key.date.day, each.reason) for each in found] == [(1, "Snow"), (8, "Heating")]


def test_on_holidays_only_the_holidays_are_closed() -> None:
    hall = room("h")
    rests = closure(start="2026-12-01", end="", holidays="DE-BE")
    series = pattern("2026-11-26T19:00", 60, Rule(Frequency.WEEKLY, count=8))
    days = [each.key.date for each in hindrances(hall, diaries([hall]), series, NOW, closures=(rests,), zone=BERLIN)]
    assert days == []
    fridays = pattern("2026-11-27T19:00", 60, Rule(Frequency.WEEKLY, count=8))
    days = [each.key.date for each in hindrances(hall, diaries([hall]), fridays, NOW, closures=(rests,), zone=BERLIN)]
    assert days == [date(2026, 12, 25), date(2027, 1, 1)]


def test_a_closed_hall_closes_its_parts_and_a_video_account_only_closes_with_what_is_online() -> None:
    part = room("a", excludes=("h",))
    assert shuts(closure(rooms=("h",)), part)
    video = Room(id="v", centre="c", created_at=NOW, title="v", place="", kind=RoomKind.VIDEO)
    assert not shuts(closure(), video)
    assert shuts(closure(online_too=True), video)
    assert shuts(closure(rooms=("v",)), video)
    assert not shuts(closure(places=("",)), video)


# Hours and rules beside all that


def test_everything_that_is_in_the_way_is_told_in_order_of_time() -> None:
    evenings = (OpeningHours((1,), 540, 1190),)
    rules = BookingRules(quotas=(Quota(QuotaPeriod.MONTH, 2),))
    hall = room("h", hours=evenings, rules=rules)
    made = diaries([hall], booking("a", hall, pattern("2026-12-08T18:30"), organiser="ana"))
    ana = Booker("ana", WhoMayBook.FACILITATORS)
    found = hindrances(hall, made, WEEKLY, NOW, closures=(closure(),), zone=BERLIN, booker=ana)
    kinds = [(each.key.date.day, each.kind.value, each.rule) for each in found]
    open_ = [(day, "not-open", "") for day in (24, 1, 8, 15)]
    assert sorted(kinds) == sorted(
        [
            *open_,
            (1, "closed", ""),
            (8, "taken", ""),
            (8, "rule", "QUOTA_COUNT_MONTH"),
            (15, "rule", "QUOTA_COUNT_MONTH"),
        ]
    )
    assert [each.start for each in found] == sorted(each.start for each in found)
    assert not free(hall, made, WEEKLY, NOW, closures=(closure(),), zone=BERLIN, booker=ana)
    of_a_meeting = hindrances(hall, made, WEEKLY, NOW, zone=BERLIN)
    assert {each.kind for each in of_a_meeting} == {Obstacle.TAKEN, Obstacle.NOT_OPEN}


def test_a_room_is_free_where_nothing_of_any_kind_is_in_the_way() -> None:
    ana, hall = Booker("ana", WhoMayBook.FACILITATORS), room("h")
    none, taken = diaries([hall]), diaries([hall], booking("a", hall, WEEKLY, organiser="ben"))
    assert free(hall, none, WEEKLY, NOW, booker=ana)
    assert free(hall, taken, WEEKLY, NOW, ignoring=frozenset({"a"}), booker=ana)
    assert not free(hall, taken, WEEKLY, NOW)
    assert not free(hall, none, WEEKLY, NOW, closures=(closure(),), zone=BERLIN, booker=ana)
    assert not free(room("h", hours=(OpeningHours((1,), 540, 1190),)), none, WEEKLY, NOW)
    ruled = room("h", rules=BookingRules(longest_minutes=30))
    assert free(ruled, none, WEEKLY, NOW)
    assert not free(ruled, none, WEEKLY, NOW, booker=ana)


def test_a_quota_counts_neither_meetings_nor_other_people_nor_what_is_given_up() -> None:
    hall = room("h", rules=BookingRules(quotas=(Quota(QuotaPeriod.WEEK, 1),)))
    ana = Booker("ana", WhoMayBook.FACILITATORS)
    others = (
        booking("a", hall, pattern("2026-11-25T18:30"), organiser="bo"),
        booking("b", hall, pattern("2026-11-26T18:30"), organiser="ana", meeting="m"),
        booking("c", hall, pattern("2026-11-27T18:30"), organiser="ana", state=BookingState.PENDING, competes=True),
    )
    own = booking("d", hall, pattern("2026-11-27T18:30"), organiser="ana")
    when = pattern("2026-11-24T19:00")
    assert hindrances(hall, diaries([hall], *others), when, NOW, booker=ana) == []
    full = diaries([hall], *others, own)
    assert [each.rule for each in hindrances(hall, full, when, NOW, booker=ana)] == ["QUOTA_COUNT_WEEK"]
    assert hindrances(hall, full, when, NOW, booker=ana, ignoring=frozenset({"d"})) == []


# In words


def said(found: Hindrance, *, keeper: bool = False, subject: str = "bo") -> tuple[str, str, str]:
    message = clash_message("c", found, Asker(subject, keeper))
    return message.reason, message.taken_by, message.taken_by_name


def test_what_has_a_date_is_told_in_the_rooms_time_and_by_name_to_whoever_may_know() -> None:
    hall = room("h", after=15)
    coaching = booking("a", hall, pattern("2026-11-24T19:00", 90), organiser="ana", title="CANARY")
    (found,) = hindrances(hall, diaries([hall], coaching), pattern("2026-11-24T20:00"), NOW)
    busy = ("taken from 19:00 to 20:30", "busy", "")
    assert said(found) == busy
    for who in ({"keeper": True}, {"subject": "ana"}):
        assert said(found, **who) == ("taken by CANARY from 19:00 to 20:30", "CANARY", "centres/c/rooms/h/bookings/a")
    assert said(found, subject="") == busy


def test_where_only_the_time_between_is_missing_that_is_said() -> None:
    hall = room("h", after=15)
    coaching = booking("a", hall, pattern("2026-11-24T19:00", 90))
    (found,) = hindrances(hall, diaries([hall], coaching), pattern("2026-11-24T20:30"), NOW)
    assert "too little time between" in said(found)[0]
    assert hindrances(hall, diaries([hall], coaching), pattern("2026-11-24T20:45"), NOW) == []
