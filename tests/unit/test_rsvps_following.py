"""Lists follow their meeting: one test for each thing that can become of a date."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import msgspec
import pytest

from services.kit.clock import instant
from services.recurrence.types import ExtraDate, Frequency, Key, Rule, Schedule
from services.recurrence.zones import to_utc
from services.rsvps import following, seating
from services.rsvps.line import Line
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted
from services.rsvps.types import (
    DatedList,
    Differing,
    Event,
    GuestList,
    Occasion,
    OnMove,
    Part,
    Scope,
    Shown,
    State,
    Where,
)
from tests.unit.rsvps_lists import NOW, ONLINE, ROOM, START, Paper, a_list, asked, rules

ZONE = "America/Edmonton"
TUESDAY = Key(date(2026, 11, 24))
THURSDAY = Key(date(2026, 11, 26))
LATER = "2026-12-02T19:00:00.000Z"


def weekly(day: int = 24, hour: int = 19, until: date | None = None) -> Schedule:
    """A series that meets every week, on the weekday of that day of November 2026."""
    rule = Rule(Frequency.WEEKLY, until=until)
    return Schedule(datetime(2026, 11, day, hour), ZONE, 60, rule)  # noqa: DTZ001 - local times are naive


def utc(day: int, hour: int) -> str:
    """The instant that this hour of a day of November 2026 is."""
    return instant(to_utc(datetime(2026, 11, day, hour), ZONE))  # noqa: DTZ001 - local times are naive


def shown(schedule: Schedule | None = None, **fields: Any) -> Shown:
    usual: dict[str, Any] = {"title": "Group", "kind": "support-meeting", "ways": (ROOM,), "visibility": "public"}
    return Shown(schedule=schedule or weekly(), **(usual | fields))


def part(seen: Shown | None, id_: str = "first", **fields: Any) -> Part:
    return Part(id=id_, centre="house", lineage="first", public=seen, public_order=(1, 1), **fields)


def event(*lists: DatedList, **fields: Any) -> Event:
    return Event(id="first", centre="house", rules=rules(), lists=lists, private=False, **fields)


def paper(*guests: str, ways: tuple[Where, ...] = (ROOM,), **fields: Any) -> Paper:
    """A list with two chairs, and these guests, in this order."""
    sheet = Paper(a_list(ways, **fields))
    for guest in guests:
        sheet.decide(lambda each, who=guest: seating.reserve(each, asked(who), NOW))  # type: ignore[misc]  # who is bound
    return sheet


def told(sheet: Paper, seen: int = 1, *, start: str = START, **fields: Any) -> None:
    """Has the list hear that its date is at that time."""
    usual: dict[str, Any] = {"start": start, "end": start and shifted(start, 90), "ways": sheet.list.occasion.ways}
    occasion = Occasion(**(usual | fields))
    sheet.decide(lambda each: following.follow(each, occasion, each.list.rules, seen, sheet.at))


def stands(sheet: Paper, who: str) -> State | None:
    return seating.standing_of(sheet.list, sheet.seat(who), sheet.at)[0]


# What a date is


def test_a_date_takes_place_as_its_part_says() -> None:
    known = part(shown(changes=(Differing(date=TUESDAY.date, start=datetime(2026, 11, 25, 18), ways=(ONLINE,)),)))  # noqa: DTZ001 - local
    found = following.occasion_of(event(), [known], TUESDAY)
    assert found.start == utc(25, 18)
    assert (found.ways, found.off) == ((ONLINE,), False)


@pytest.mark.parametrize(
    "seen",
    [
        shown(changes=(Differing(date=TUESDAY.date, cancelled=True),)),
        shown(active=False),
        shown(deleted=True),
        shown(weekly(26)),
        None,
    ],
    ids=["cancelled", "suspended", "deleted", "no date of it", "nothing is known"],
)
def test_a_date_is_off(seen: Shown | None) -> None:
    assert following.occasion_of(event(), [part(seen)], TUESDAY).off


def test_after_a_split_the_part_that_has_the_date_says_when_it_is() -> None:
    old, new = part(shown(weekly(17, until=date(2026, 11, 23)))), part(shown(weekly(hour=20)), "second")
    uncut = part(shown(weekly(17)))
    for parts in ([old, new], [new, old], [uncut, new], [new, uncut]):
        assert following.occasion_of(event(), parts, TUESDAY).start == utc(24, 20)


def test_of_two_views_that_disagree_the_one_for_fewer_holds() -> None:
    both = part(shown(), private=shown(visibility="members", group="g"))
    assert both.shown is both.private
    assert following.is_private([both])
    assert following.is_private([part(None)])
    assert not following.is_private([part(shown()), part(shown(), "second")])
    assert following.is_private([part(shown()), part(shown(visibility="unlisted"), "second")])


def test_a_date_has_its_own_capacity() -> None:
    known = event(DatedList(TUESDAY.date, 0, "l1", 7))
    assert following.rules_for(known, TUESDAY).capacity == 7
    assert following.rules_for(known, THURSDAY).capacity == following.rules_for(known, None).capacity == 2


# What becomes of its list


def test_a_date_that_is_moved_keeps_its_seats_and_they_are_told() -> None:
    sheet = paper("a", "b", "c")
    told(sheet, start=LATER)
    assert [stands(sheet, who) for who in "abc"] == [State.GOING, State.GOING, State.WAITLISTED]
    assert sheet.list.moves == 1 > sheet.seat("a").moves
    sheet.decide(lambda each: seating.reserve(each, asked("d"), NOW))
    assert sheet.seat("d").moves == 1


def test_a_date_that_is_moved_releases_its_seats_where_the_rules_say_so() -> None:
    sheet = paper("a", "b", "c", on_move=OnMove.RELEASE)
    told(sheet, start=LATER)
    assert [stands(sheet, who) for who in "abc"] == [State.CANCELLED] * 3
    sheet.decide(lambda each: seating.reserve(each, asked("c"), NOW))
    assert stands(sheet, "c") is State.GOING


def test_what_is_called_off_comes_back_with_its_seats() -> None:
    sheet = paper("a", "b", "c")
    told(sheet, 1, start="", ways=(), off=True)
    assert sheet.list.occasion.off
    assert sheet.list.occasion.start == START
    assert stands(sheet, "a") is State.CANCELLED
    told(sheet, 2)
    assert [stands(sheet, who) for who in "abc"] == [State.GOING, State.GOING, State.WAITLISTED]
    assert sheet.list.moves == 0


def test_what_comes_back_at_another_time_has_moved() -> None:
    sheet = paper("a", on_move=OnMove.RELEASE)
    told(sheet, 1, start=LATER, off=True)
    told(sheet, 2, start=LATER)
    assert stands(sheet, "a") is State.CANCELLED
    assert sheet.list.moves == 1


def test_older_news_is_none_and_the_same_news_twice_is_the_same() -> None:
    sheet = paper("a")
    told(sheet, 2, start=LATER)
    told(sheet, 2, start=LATER)
    told(sheet, 1)
    assert (sheet.list.occasion.start, sheet.list.moves, sheet.list.seen) == (LATER, 1, 2)


def test_a_date_that_is_over_stays_as_it_was() -> None:
    sheet = paper("a", on_move=OnMove.RELEASE)
    sheet.pass_to(shifted(START, 90))
    told(sheet, 1, off=True)
    told(sheet, 2, start=LATER)
    assert (sheet.list.occasion.start, sheet.list.occasion.off, sheet.list.era) == (START, False, 0)


def test_a_new_list_has_not_moved() -> None:
    made = a_list()
    sheet = Sheet(msgspec.structs.replace(made, occasion=following.GONE), Line(made.id))
    following.follow(sheet, made.occasion, made.rules, 1, NOW)
    assert (sheet.list.occasion, sheet.list.moves) == (made.occasion, 0)


def test_who_had_a_chair_has_a_place_online_while_there_are_any() -> None:
    sheet = paper("a", "b", "c", online_capacity=1)
    told(sheet, ways=(ONLINE,))
    assert [stands(sheet, who) for who in "abc"] == [State.GOING, State.WAITLISTED, State.WAITLISTED]
    assert {sheet.seat(who).where for who in "abc"} == {ONLINE}
    told(sheet, 2, ways=(ROOM,))
    assert [stands(sheet, who) for who in "abc"] == [State.GOING, State.GOING, State.WAITLISTED]


def test_who_waited_for_a_chair_waits_behind_who_has_one() -> None:
    sheet = paper("a", "b", "c", online_capacity=3)
    told(sheet, ways=(ONLINE,))
    assert [stands(sheet, who) for who in "abc"] == [State.GOING] * 3


def test_a_smaller_capacity_takes_no_seat_away() -> None:
    sheet = paper("a", "b", "c")
    less = rules(capacity=1)
    sheet.decide(lambda each: following.follow(each, each.list.occasion, less, 1, NOW))
    assert [stands(sheet, who) for who in "abc"] == [State.GOING, State.GOING, State.WAITLISTED]


# Changed days


def days(at: str, old: Schedule, new: Schedule) -> tuple[str, Schedule, Schedule]:
    return at, old, new


def keys(lists: tuple[DatedList, ...]) -> dict[str, Key]:
    return {each.list: each.key for each in lists}


def test_a_list_goes_where_its_date_goes_and_is_not_taken_there_twice() -> None:
    there = days(NOW, weekly(), weekly(26))
    moved = following.rekeyed((DatedList(TUESDAY.date, 0, "l1", 5),), shown(weekly(26), day_changes=(there,)), "")
    assert moved == (DatedList(THURSDAY.date, 0, "l1", 5),)
    later = shifted(NOW, 60)
    both = msgspec.structs.replace(weekly(), extra=(ExtraDate(THURSDAY.date, 0, time(19)),))
    again = shown(both, day_changes=(there, days(later, weekly(26), both)))
    lists = (*moved, DatedList(TUESDAY.date, 0, "l2"))
    assert keys(following.rekeyed(lists, again, NOW)) == {"l1": THURSDAY, "l2": TUESDAY}


def test_whoever_missed_a_change_follows_both() -> None:
    changes = (days(NOW, weekly(), weekly(26)), days(shifted(NOW, 60), weekly(26), weekly(27)))
    found = following.rekeyed((DatedList(TUESDAY.date, 0, "l1"),), shown(weekly(27), day_changes=changes), "")
    assert keys(found) == {"l1": Key(date(2026, 11, 27))}


def test_a_date_that_went_nowhere_stays_and_is_off() -> None:
    short = weekly(until=date(2026, 12, 1))
    known = shown(short, day_changes=(days(NOW, weekly(), short),))
    lists = (DatedList(date(2026, 12, 8), 0, "l1"),)
    assert following.rekeyed(lists, known, "") == lists
    assert following.occasion_of(event(*lists), [part(known)], lists[0].key).off


def test_what_was_over_when_the_days_were_changed_stays() -> None:
    change = days("2026-11-25T12:00:00.000Z", weekly(), weekly(26))
    lists = (DatedList(TUESDAY.date, 0, "l1"),)
    assert following.rekeyed(lists, shown(weekly(26), day_changes=(change,)), "") == lists


def test_a_list_that_stands_where_another_comes_changes_places_with_it() -> None:
    lists = (DatedList(TUESDAY.date, 0, "living"), DatedList(THURSDAY.date, 0, "given up before"))
    known = shown(weekly(26), day_changes=(days(NOW, weekly(), weekly(26)),))
    assert keys(following.rekeyed(lists, known, "")) == {"living": THURSDAY, "given up before": TUESDAY}


def test_bringing_takes_a_list_to_its_new_day() -> None:
    sheet = paper("a")
    sheet.list = msgspec.structs.replace(sheet.list, event="first", date=TUESDAY.date)
    known = event(DatedList(THURSDAY.date, 0, "l1", 1))
    sheet.decide(lambda each: following.bring(each, known, [part(shown(weekly(26)))], 4, NOW))
    assert (sheet.list.key, sheet.list.seen, sheet.list.rules.capacity) == (THURSDAY, 4, 1)
    assert (sheet.list.moves, stands(sheet, "a")) == (1, State.GOING)


def test_a_series_is_about_what_is_still_to_come() -> None:
    sheet = Paper(msgspec.structs.replace(a_list(), scope=Scope.SERIES, event="first"))
    sheet.decide(lambda each: following.bring(each, event(), [part(shown())], 1, NOW))
    assert sheet.list.occasion.start == utc(24, 19)
    assert (sheet.list.moves, sheet.list.rules.capacity) == (0, 0)


def test_only_a_list_that_the_event_names_is_brought() -> None:
    sheet = paper("a")
    before: GuestList = sheet.list
    sheet.decide(lambda each: following.bring(each, event(), [part(shown())], 1, NOW))
    assert sheet.list.occasion == before.occasion
