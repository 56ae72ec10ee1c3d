"""When rooms are free, against a look at every five minutes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from services.meetings import other_times
from services.meetings.availability import Booker
from services.meetings.free_times import first, last
from services.meetings.types_rooms import BookingRules, OpeningHours, Room, WhoMayBook
from services.recurrence.timetable import minute
from tests.unit.free_examples import (
    CLOSURES,
    DAILY,
    EXPIRED,
    NOW,
    STEP,
    WEEKLY,
    at,
    booking,
    can_be_had,
    closure,
    house,
    houses,
    local,
    look,
    room,
    when,
)

if TYPE_CHECKING:
    from services.meetings.board import House
    from services.meetings.types import Closure

SINCE = minute(NOW)
EVERY_DAY = tuple(range(7))


@settings(deadline=None, max_examples=150)
@given(houses(), st.sampled_from([15, 60, 200]), CLOSURES, st.booleans(), st.integers(-20, 200), st.integers(1, 500))
def test_the_first_and_the_last_free_start_are_those_of_a_look_at_every_five_minutes(
    made: House, minutes: int, closures: list[Closure], both: bool, since: int, slots: int
) -> None:
    rooms = [*made.rooms.values()] if both else [made.rooms["a"]]
    asked, low = look(*closures), SINCE + since * STEP
    within = ((low, low + slots * STEP),)
    free = [
        start
        for start in range(low, low + slots * STEP + 1, STEP)
        if start >= SINCE and all(can_be_had(made, each, start, minutes, asked) for each in rooms)
    ]
    assert first(made, rooms, minutes, within, asked) == (free[0] if free else None)
    assert last(made, rooms, minutes, within, asked) == (free[-1] if free else None)


def test_a_gap_that_fits_to_the_minute_is_found() -> None:
    blue = room("blue", before=10, after=10)
    made = house(
        [blue], booking("1", blue, when("2026-11-23T18:00", 60)), booking("2", blue, when("2026-11-23T20:20", 60))
    )
    within = ((at("2026-11-23T18:00"), at("2026-11-23T20:00")),)
    assert first(made, [blue], 60, within, look()) == at("2026-11-23T19:10")
    assert first(made, [blue], 65, within, look()) is None


def test_what_a_rule_forbids_for_the_next_two_hours_is_free_after_them() -> None:
    blue = room("blue", rules=BookingRules(least_minutes_ahead=120))
    within = ((SINCE, SINCE + 600),)
    asker = Booker("ana", WhoMayBook.FACILITATORS)
    assert first(house([blue]), [blue], 60, within, look(booker=asker)) == SINCE + 120
    assert first(house([blue]), [blue], 60, within, look()) == SINCE


def test_a_room_that_somebody_may_not_book_is_never_free_for_them() -> None:
    blue = room("blue", rules=BookingRules(who=WhoMayBook.ADMINISTRATORS))
    asked = look(booker=Booker("ana", WhoMayBook.FACILITATORS))
    assert first(house([blue]), [blue], 60, ((SINCE, SINCE + 10_000),), asked) is None
    assert last(house([blue]), [blue], 60, ((SINCE, SINCE + 10_000),), asked) is None


def test_a_month_behind_a_closure_is_reached() -> None:
    blue = room("blue", hours=(OpeningHours(EVERY_DAY, 9 * 60, 21 * 60),))
    asked = look(closure("2026-11-20", "2026-12-19"))
    within = ((SINCE, SINCE + 31 * 1440),)
    found = first(house([blue]), [blue], 60, within, asked)
    assert found is not None
    assert local(found) == "2026-12-20T09:00"


# Other times


def brute_times(made: House, rooms: list[Room], start: str, minutes: int, closures: list[Closure]) -> list[str]:
    """The nearest free start before and after, within a week and between 7 and 23 o'clock; the same day first."""
    asked, middle = look(*closures), at(start)
    clock = int(start[11:13]) * 60 + int(start[14:])
    low, high = min(7 * 60, clock), min(max(23 * 60 - minutes, clock), 1435)
    found: list[int] = []
    for way in (-STEP, STEP):
        for each in range(middle + way, middle + way * (8 * 1440 // STEP), way):
            text = local(each)
            if abs((when(text).schedule.start.date() - when(start).schedule.start.date()).days) > other_times.DAYS:  # type: ignore[union-attr]  # it has one
                break
            inside = low <= int(text[11:13]) * 60 + int(text[14:]) <= high
            if each >= SINCE and inside and all(can_be_had(made, one, each, minutes, asked) for one in rooms):
                found.append(each)
                break
    texts = sorted(found, key=lambda each: (local(each)[:10] != start[:10], abs(each - middle), each))
    return [local(each) for each in texts]


@settings(deadline=None, max_examples=60)
@given(houses(), st.sampled_from([30, 60, 120]), CLOSURES, st.integers(0, 3 * 24 * 4))
def test_the_nearest_other_times_of_a_date_are_those_of_a_look_at_every_five_minutes(
    made: House, minutes: int, closures: list[Closure], quarter: int
) -> None:
    start = local(SINCE + quarter * 15)
    found = asyncio.run(other_times.nearest(made, [made.rooms["a"]], when(start, minutes), look(*closures)))
    assert [each.isoformat(timespec="minutes") for each in found] == brute_times(
        made, [made.rooms["a"]], start, minutes, closures
    )


def every_date_free(made: House, one: Room, start: str, minutes: int) -> bool:
    """Of a weekly series over the next weeks; what is taken goes on for ever or is over by then."""
    days = [NOW.date() + timedelta(days=number) for number in range(-1, 60)]
    dates = [day for day in days if (day - when(start).schedule.start.date()).days % 7 == 0]  # type: ignore[union-attr]  # it has one
    asked = [day for day in dates if day >= when(start).schedule.start.date()]  # type: ignore[union-attr]  # it has one
    return all(can_be_had(made, one, at(f"{day}T{start[11:]}"), minutes, look()) for day in asked)


@settings(deadline=None, max_examples=60)
@given(houses(), st.sampled_from([30, 60, 120]), st.integers(36, 80))
def test_the_other_hours_of_a_series_are_free_on_every_date_and_the_nearest_such(
    made: House, minutes: int, quarter: int
) -> None:
    start = f"2026-11-24T{quarter // 4:02}:{quarter % 4 * 15:02}"
    blue, clock = made.rooms["a"], quarter * 15
    found = asyncio.run(other_times.nearest(made, [blue], when(start, minutes, WEEKLY), look()))
    expected = []
    for way in (-STEP, STEP):
        each = clock + way
        while 7 * 60 <= each <= 23 * 60 - minutes:
            text = f"2026-11-24T{each // 60:02}:{each % 60:02}"
            if every_date_free(made, blue, text, minutes):
                expected.append((abs(each - clock), each, text))
                break
            each += way
    texts = [text for *_, text in sorted(expected)]
    assert [each.isoformat(timespec="minutes") for each in found] == texts


def test_nobody_is_sent_into_the_night_who_did_not_ask_for_it() -> None:
    blue = room("blue")
    made = house([blue], booking("1", blue, when("2026-11-23T07:00", 16 * 60)))
    found = asyncio.run(other_times.nearest(made, [blue], when("2026-11-23T19:00"), look()))
    assert [each.isoformat() for each in found] == ["2026-11-24T07:00:00", "2026-11-22T22:00:00"]


def test_the_same_day_comes_first_also_where_the_next_morning_is_nearer() -> None:
    blue = room("blue")
    made = house([blue], booking("1", blue, when("2026-11-23T11:00", 12 * 60)))
    found = asyncio.run(other_times.nearest(made, [blue], when("2026-11-23T22:00"), look()))
    assert [each.isoformat() for each in found] == ["2026-11-23T10:00:00", "2026-11-24T07:00:00"]


def test_a_series_is_moved_no_further_than_it_must_be() -> None:
    blue = room("blue", before=10, after=20)
    made = house([blue], booking("1", blue, when("2026-11-21T18:30", 90, DAILY), before=5, after=15))
    found = asyncio.run(other_times.nearest(made, [blue], when("2026-11-24T19:00", 60, WEEKLY), look()))
    assert [each.isoformat() for each in found] == ["2026-11-24T20:15:00", "2026-11-24T17:10:00"]


def test_a_hold_that_has_expired_is_in_nobodys_way() -> None:
    blue = room("blue")
    made = house([blue], booking("1", blue, when("2026-11-21T13:00", 600, DAILY), **EXPIRED))
    assert first(made, [blue], 60, ((SINCE, SINCE + 60),), look()) == SINCE
