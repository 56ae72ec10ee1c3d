"""Standing seats: "I come every Tuesday"; each date ahead has them, before all who come later."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import NotFound, Unmet
from services.rsvps.types import Differing, Scope, State
from tests.service.rsvps_house import CENTRE, DATE, LATER, MEETING, OPERATOR, House, key_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from services.rsvps.types import Seat

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


NAME = f"{CENTRE}/meetings/{MEETING}"
GOING, WAITLISTED, CANCELLED = (
    seat_pb2.SEAT_STATE_GOING,
    seat_pb2.SEAT_STATE_WAITLISTED,
    seat_pb2.SEAT_STATE_CANCELLED,
)


async def dates(house: House) -> dict[str, list[Seat]]:
    """The seats of each date that has a list, by its local date."""
    return {
        str(value.date): await house.seats(value.id) for _, value in await house.lists() if value.scope is Scope.DATE
    }


async def stand(house: House, *numbers: int, **more: Any) -> Any:
    """Standing seats for the guests with those numbers."""
    for number in numbers:
        seat = await house.reserve(number, NAME, **more)
    return seat


async def together(house: House, *asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """All of these at once; whoever pauses because another instance was faster goes on as the clock does."""
    done = asyncio.gather(*asked)
    while not done.done():
        await asyncio.sleep(0.001)
        if house.clock.asleep:
            await house.clock.advance(0.05)
    return await done


@pytest.fixture
async def weekly(house: House) -> House:
    """A house whose weekly meeting has two chairs, and standing seats."""
    await house.rules(capacity=2, standing_seats=True)
    return house


@pytest.fixture
async def plain(alone: House) -> House:
    """The same over one store."""
    await alone.rules(capacity=2, standing_seats=True)
    return alone


async def test_a_standing_seat_is_a_seat_on_each_of_the_next_dates(weekly: House) -> None:
    seat = await stand(weekly, 1)
    assert (seat.state, seat.standing, seat.name, list(seat.dates)) == (GOING, True, NAME, [])
    assert not seat.HasField("start_time")
    found = await dates(weekly)
    assert [(day, [each.state for each in seats]) for day, seats in sorted(found.items())] == [
        ("2026-11-24", [State.GOING]),
        ("2026-12-01", [State.GOING]),
    ]
    assert (await weekly.mine(1, LATER)).state == GOING
    assert (await weekly.mine(1, NAME)).standing


async def test_a_second_one_with_the_same_key_is_the_same(weekly: House) -> None:
    await stand(weekly, 1, 1)
    await weekly.reserve(1)
    assert [len(seats) for seats in (await dates(weekly)).values()] == [1, 1]


async def test_later_dates_get_theirs_ahead_of_time_and_before_whoever_comes_then(weekly: House) -> None:
    await stand(weekly, 1, 2)
    third = f"{NAME}/occurrences/20261208"
    assert (await weekly.reserve(3, third)).state == WAITLISTED, "made by who comes first: they were first"
    weekly.later(days=8)
    await weekly.sweep()
    found = await dates(weekly)
    assert {"2026-11-24", "2026-12-01", "2026-12-08"} <= set(found)
    assert [each.state for each in found["2026-12-08"]] == [State.GOING, State.GOING, State.WAITLISTED]


async def test_where_a_date_is_full_it_waits_there_and_says_so(weekly: House) -> None:
    await weekly.reserve(1, LATER)
    await weekly.reserve(2, LATER)
    seat = await stand(weekly, 3)
    assert [(each.name, each.state) for each in seat.dates] == [(LATER, WAITLISTED)]
    await weekly.call("Cancel", name=LATER, guest_key=key_of(1))
    assert list((await weekly.mine(3, NAME)).dates) == []


async def test_one_date_is_given_back_alone_and_stays_so(weekly: House) -> None:
    await stand(weekly, 1)
    await weekly.call("Cancel", name=DATE, guest_key=key_of(1))
    seat = await stand(weekly, 2, 1)
    assert [(each.name, each.state) for each in seat.dates] == [(DATE, CANCELLED)]
    assert (await weekly.mine(1, LATER)).state == GOING


async def test_given_back_it_leaves_every_date_ahead_and_kept_anew_it_is_new(weekly: House) -> None:
    await stand(weekly, 1, 2, 3)
    await weekly.call("Cancel", name=DATE, guest_key=key_of(1))
    given = await weekly.call("Cancel", name=NAME, guest_key=key_of(1))
    assert (given.state, given.end) == (CANCELLED, seat_pb2.SEAT_END_OWN)
    assert all(
        len(seats) == 2 and {each.state for each in seats} == {State.GOING} for seats in (await dates(weekly)).values()
    )
    assert (await weekly.mine(1, LATER)).state == seat_pb2.SEAT_STATE_UNSPECIFIED
    again = await stand(weekly, 1)
    assert [(each.name, each.state) for each in again.dates] == [(DATE, WAITLISTED), (LATER, WAITLISTED)]
    assert (await weekly.call("Cancel", name=NAME, guest_key=key_of(9))).state == seat_pb2.SEAT_STATE_UNSPECIFIED


async def test_a_single_date_kept_before_becomes_one_of_it(weekly: House) -> None:
    await weekly.reserve(1)
    await stand(weekly, 2, 1)
    assert [len(seats) for _, seats in sorted((await dates(weekly)).items())] == [2, 2]
    await weekly.call("Cancel", name=NAME, guest_key=key_of(1))
    assert [len(seats) for _, seats in sorted((await dates(weekly)).items())] == [1, 1]


async def test_not_confirmed_in_time_it_is_released_for_that_date_alone(plain: House) -> None:
    await plain.rules(capacity=2, standing_seats=True, confirm_before_minutes=24 * 60)
    await stand(plain, 1, 2)
    await plain.call("Confirm", name=DATE, guest_key=key_of(2))
    plain.later(days=3)
    await plain.sweep()
    mine = await plain.mine(1)
    assert (mine.state, mine.end) == (CANCELLED, seat_pb2.SEAT_END_NOT_CONFIRMED)
    assert (await plain.mine(2)).state == GOING
    assert (await plain.mine(1, LATER)).state == GOING
    assert (await plain.mine(1, NAME)).state == GOING


async def test_dates_that_have_to_be_confirmed_or_were_moved_are_told_with_all_of_it(plain: House) -> None:
    await plain.rules(capacity=2, standing_seats=True, confirm_before_minutes=24 * 60)
    await stand(plain, 1)
    told = (await plain.mine(1, NAME)).dates
    assert [each.name for each in told][:2] == [DATE, LATER]
    assert all(each.state == GOING and each.HasField("confirm_until_time") for each in told)
    await plain.call("Confirm", name=DATE, guest_key=key_of(1))
    assert DATE not in [each.name for each in (await plain.mine(1, NAME)).dates]
    later = datetime(2026, 11, 24, 20)  # noqa: DTZ001 - local times are naive
    await plain.part(changes=(Differing(date=date(2026, 11, 24), start=later),))
    await plain.sweep()
    moved = next(each for each in (await plain.mine(1, NAME)).dates if each.name == DATE)
    assert (moved.state, moved.moved) == (GOING, True)


async def test_what_is_shown_on_a_date_is_sealed_for_that_date(plain: House) -> None:
    await plain.reserve(1, NAME, first_name="Ada")
    seen = {seat.sealed for seats in (await dates(plain)).values() for seat in seats}
    assert len(seen) == 2
    assert (await plain.mine(1, LATER)).first_name == "Ada"
    await plain.call("Change", name=NAME, guest_key=key_of(1), update_mask=["first_name"], first_name="Eve")
    assert [(await plain.mine(1, name)).first_name for name in (NAME, DATE, LATER)] == ["Eve"] * 3


async def test_a_larger_party_is_taken_to_the_dates_where_it_can_be(plain: House) -> None:
    await plain.rules(capacity=3, standing_seats=True, party_size=3)
    await stand(plain, 1)
    await plain.reserve(2, LATER, party_size=2)
    await plain.call("Change", name=NAME, guest_key=key_of(1), update_mask=["party_size"], party_size=2)
    assert [(await plain.mine(1, name)).party_size for name in (NAME, DATE, LATER)] == [2, 2, 1]


async def test_there_are_none_where_the_rules_do_not_say_so(plain: House) -> None:
    await plain.rules(standing_seats=False)
    with pytest.raises(Unmet) as refused:
        await stand(plain, 1)
    assert refused.value.reason == "NO_STANDING_SEATS"
    with pytest.raises(NotFound):
        await plain.call("Change", name=NAME, guest_key=key_of(1), update_mask=["wait"])


async def test_a_date_that_was_off_has_them_when_it_is_back(plain: House) -> None:
    await plain.part(changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    await stand(plain, 1, 2)
    assert set(await dates(plain)) == {"2026-12-01"}
    await plain.part()
    assert (await plain.reserve(3)).state == WAITLISTED
    assert len((await dates(plain))["2026-11-24"]) == 3


async def test_a_list_that_was_closed_takes_nobody_in_and_when_it_is_open_again_it_does(plain: House) -> None:
    await plain.reserve(1)
    await plain.call("CloseList", OPERATOR, name=DATE)
    await stand(plain, 2)
    assert [len(seats) for _, seats in sorted((await dates(plain)).items())] == [1, 1]
    await plain.call("CloseList", OPERATOR, name=DATE, reopen=True)
    await plain.reserve(3)
    assert (await plain.mine(2)).state == GOING


async def test_weeks_later_the_next_dates_have_them_without_anybody_coming(plain: House) -> None:
    await stand(plain, 1)
    for _ in range(8):
        plain.later(days=3)
        await plain.sweep()
    found = await dates(plain)
    assert sorted(found) == ["2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15", "2026-12-22"]
    assert {len(seats) for seats in found.values()} == {1}


async def test_two_instances_make_one_list_and_each_standing_seat_once(weekly: House) -> None:
    one, other = (House(weekly.store, weekly.clock, alone=False) for _ in range(2))
    one.ids.random.seed(1)
    other.ids.random.seed(2)
    await stand(one, 1)
    later = [f"{NAME}/occurrences/202612{day}" for day in ("08", "15")]
    await together(
        weekly,
        one.reserve(2, later[0]),
        other.reserve(3, NAME),
        other.reserve(4, later[0]),
        one.reserve(5, NAME),
        one.reserve(6, later[1]),
        other.reserve(7, later[1]),
    )
    for each in (*later, DATE):
        await together(weekly, one.reserve(9, each))
    found = await dates(other)
    assert sorted(found) == ["2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15"]
    for seats in found.values():
        assert len({each.mac for each in seats}) == len(seats)
        assert sum(each.party for each in seats if each.state is State.GOING) == 2
        assert len({each.standing for each in seats if each.standing}) == 3
