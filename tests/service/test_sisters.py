"""Sister dates: who waits for any of them stands in the line of each, and gets one."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import Invalid, Unmet
from services.rsvps.types import Scope, SisterDate, Sisters, State
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, House, key_of, weekly
from tests.service.test_retention import published

if TYPE_CHECKING:
    from services.rsvps.types import Seat

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


THURSDAY = f"{CENTRE}/meetings/thursday/occurrences/20261126"
GOING, WAITLISTED, OFFERED = seat_pb2.SEAT_STATE_GOING, seat_pb2.SEAT_STATE_WAITLISTED, seat_pb2.SEAT_STATE_OFFERED
NONE = seat_pb2.SEAT_STATE_UNSPECIFIED


async def workshop(house: House) -> House:
    """The same workshop on Tuesday and on Thursday, one chair each, both taken: by guests 1 and 2."""
    await house.part("thursday", schedule=weekly(datetime(2026, 11, 26, 19), rule=""))  # noqa: DTZ001 - local
    dates = (SisterDate("tuesday", date(2026, 11, 24)), SisterDate("thursday", date(2026, 11, 26)))
    await house.rules(capacity=1, sisters=(Sisters("any", "l" + "5" * 32, dates),))
    await house.rules("thursday", capacity=1)
    await house.reserve(1)
    await house.reserve(2, THURSDAY)
    return house


@pytest.fixture
async def both(house: House) -> House:
    """Both dates are full."""
    return await workshop(house)


@pytest.fixture
async def plain(alone: House) -> House:
    """The same over one store."""
    return await workshop(alone)


async def waits(house: House, number: int, name: str = DATE, **more: Any) -> Any:
    """Somebody who would come on either day."""
    return await house.reserve(number, name, also=[THURSDAY if name == DATE else DATE], **more)


async def gives_back(house: House, number: int, name: str) -> Any:
    """Somebody does not come after all; then whatever is due happens."""
    given = await house.call("Cancel", name=name, guest_key=key_of(number))
    await house.sweep()
    return given


async def leaves(house: House) -> list[Seat]:
    """Everything in all lists, by list."""
    return [seat for _, value in await house.lists() for seat in await house.seats(value.id)]


async def test_who_waits_stands_in_both_lines_and_gets_what_is_free_first_and_only_that(both: House) -> None:
    seat = await waits(both, 3)
    assert (seat.name, seat.state, list(seat.also)) == (DATE, WAITLISTED, [THURSDAY])
    assert list((await both.mine(3, THURSDAY)).also) == [DATE]
    await gives_back(both, 2, THURSDAY)
    assert (await both.mine(3, THURSDAY)).state == GOING
    assert (await both.mine(3, DATE)).state == NONE
    await gives_back(both, 1, DATE)
    assert (await both.reserve(4, DATE)).state == GOING, "it is free for the next"


async def test_afterwards_nothing_that_is_stored_says_what_else_was_wanted(both: House) -> None:
    await waits(both, 3)
    await gives_back(both, 2, THURSDAY)
    for seat in await leaves(both):
        assert (seat.sisters, seat.wanted) == ("", {})
    lists = {value.id for _, value in await both.lists() if value.scope is Scope.SISTERS}
    assert [await both.seats(each) for each in lists] == [[]]
    page = await both.store.find("seat", {"head": next(iter(lists))}, limit=10)
    assert all("wanted" not in record.state and "mac" not in record.state for record in page.records)


async def test_each_line_is_in_order_of_arrival_whoever_waits_elsewhere_too(both: House) -> None:
    assert (await both.reserve(5, THURSDAY)).state == WAITLISTED
    await waits(both, 3)
    assert (await both.reserve(6, THURSDAY)).state == WAITLISTED
    await gives_back(both, 2, THURSDAY)
    assert (await both.mine(5, THURSDAY)).state == GOING
    await gives_back(both, 5, THURSDAY)
    assert ((await both.mine(3, THURSDAY)).state, (await both.mine(6, THURSDAY)).state) == (GOING, WAITLISTED)


async def test_a_sister_date_with_a_place_is_given_at_once(both: House) -> None:
    await gives_back(both, 2, THURSDAY)
    seat = await waits(both, 3)
    assert (seat.name, seat.state, list(seat.also)) == (THURSDAY, GOING, [])
    assert len(await leaves(both)) == 3
    assert (await waits(both, 3)).name == THURSDAY, "whoever has a seat at one of them does not wait as well"


async def test_who_wants_to_be_asked_is_asked_and_the_place_is_held_meanwhile(both: House) -> None:
    await waits(both, 3, wait="WAIT_CHOICE_ASK")
    await gives_back(both, 2, THURSDAY)
    assert (await both.mine(3, THURSDAY)).state == OFFERED
    assert (await both.reserve(4, THURSDAY)).state == WAITLISTED, "it is held"
    taken = await both.call("AcceptOffer", name=DATE, guest_key=key_of(3), date_name=THURSDAY)
    assert (taken.name, taken.state) == (THURSDAY, GOING)
    assert (await both.mine(3, DATE)).state == NONE
    assert {seat.sisters for seat in await leaves(both)} == {""}


async def test_an_offer_that_lapses_passes_on_and_the_places_in_line_stay(plain: House) -> None:
    await waits(plain, 3, wait="WAIT_CHOICE_ASK")
    await plain.reserve(4, THURSDAY)
    await gives_back(plain, 2, THURSDAY)
    plain.later(hours=13)
    await plain.sweep()
    assert (await plain.mine(4, THURSDAY)).state == GOING
    assert [(await plain.mine(3, name)).state for name in (DATE, THURSDAY)] == [WAITLISTED, WAITLISTED]


async def test_who_declines_one_date_waits_for_the_other(plain: House) -> None:
    await waits(plain, 3, wait="WAIT_CHOICE_ASK")
    await gives_back(plain, 2, THURSDAY)
    no = await plain.call("DeclineOffer", name=THURSDAY, guest_key=key_of(3))
    assert no.state == seat_pb2.SEAT_STATE_DECLINED
    await gives_back(plain, 1, DATE)
    assert (await plain.mine(3)).state == OFFERED
    assert (await plain.call("AcceptOffer", name=DATE, guest_key=key_of(3))).state == GOING


async def test_given_back_at_one_date_the_whole_wait_is_over(plain: House) -> None:
    await waits(plain, 3)
    await gives_back(plain, 3, THURSDAY)
    assert [(await plain.mine(3, name)).state for name in (DATE, THURSDAY)] == [NONE, NONE]
    await gives_back(plain, 1, DATE)
    assert [seat.state for seat in await leaves(plain) if seat.state is State.GOING] == [State.GOING]


async def test_two_places_that_come_free_at_once_are_one_seat_and_one_free_place(plain: House) -> None:
    await waits(plain, 3)
    for number, name in ((1, DATE), (2, THURSDAY)):
        await plain.call("Cancel", name=name, guest_key=key_of(number))
    await plain.sweep()
    states = [(await plain.mine(3, name)).state for name in (DATE, THURSDAY)]
    assert sorted(states) == [NONE, GOING]
    assert len([each for each in await leaves(plain) if each.state in {State.GOING, State.OFFERED}]) == 1


async def test_a_sister_date_that_is_no_date_is_named_by_its_field(plain: House) -> None:
    for also, field in (["x"], "also[0]"), ([THURSDAY, THURSDAY.replace("20261126", "soon")], "also[1]"):
        with pytest.raises(Invalid) as refused:
            await plain.reserve(3, also=also)
        assert [each.field for each in refused.value.violations] == [field]


async def test_what_is_no_sister_date_is_refused_and_a_place_in_several_lines_is_not_changed(plain: House) -> None:
    with pytest.raises(Invalid):
        await plain.reserve(3, DATE, also=[f"{CENTRE}/meetings/tuesday/occurrences/20261201"])
    await waits(plain, 3)
    with pytest.raises(Unmet) as refused:
        await plain.call("Change", name=DATE, guest_key=key_of(3), update_mask=["wait"], wait="WAIT_CHOICE_ASK")
    assert refused.value.reason == "SEVERAL_DATES"


async def test_who_waits_for_several_dates_gives_that_back_before_a_standing_seat(plain: House) -> None:
    event = await plain.event()
    assert event is not None
    await plain.rules(capacity=1, standing_seats=True, sisters=event.rules.sisters)
    await waits(plain, 3)
    with pytest.raises(Unmet) as refused:
        await plain.reserve(3, f"{CENTRE}/meetings/tuesday")
    assert refused.value.reason == "SEVERAL_DATES"
    await plain.reserve(4, f"{CENTRE}/meetings/tuesday")
    assert (await waits(plain, 4)).standing, "whoever has a standing seat waits with that"


async def test_the_meeting_whose_rules_hold_the_group_need_not_be_the_one_that_is_asked(plain: House) -> None:
    seat = await waits(plain, 3, THURSDAY)
    assert (seat.name, list(seat.also)) == (THURSDAY, [DATE])
    thursday = await plain.event("thursday")
    assert thursday is not None
    assert thursday.rules.sisters == ()


async def test_who_waits_is_given_a_later_date_also_when_the_list_of_an_earlier_one_is_forgotten(alone: House) -> None:
    winter = f"{CENTRE}/meetings/winter/occurrences/20270112"
    await alone.part("winter", schedule=weekly(datetime(2027, 1, 12, 19), rule=""))  # noqa: DTZ001 - local
    dates = (SisterDate("tuesday", date(2026, 11, 24)), SisterDate("winter", date(2027, 1, 12)))
    await alone.rules(capacity=1, sisters=(Sisters("any", "l" + "5" * 32, dates),))
    await alone.rules("winter", capacity=1)
    await alone.reserve(1)
    await alone.reserve(2, winter)
    await alone.reserve(3, also=[winter])
    await alone.reserve(4, also=[winter], wait="WAIT_CHOICE_ASK")
    alone.later(days=40)
    async with asyncio.timeout(60):
        for _ in range(3):
            await published(alone)
            await alone.sweep()
        assert [value.event for _, value in await alone.lists() if value.scope is Scope.DATE] == ["winter"]
        await gives_back(alone, 2, winter)
        assert (await alone.mine(3, winter)).state == GOING
        await gives_back(alone, 3, winter)
        taken = await alone.call("AcceptOffer", name=winter, guest_key=key_of(4))
        assert (taken.name, taken.state, list(taken.also)) == (winter, GOING, [])


async def test_a_waitlist_that_the_rules_do_not_have_any_more_is_forgotten_after_its_dates(plain: House) -> None:
    await waits(plain, 3)
    rules = {"name": f"{CENTRE}/meetings/tuesday/listRules", "mode": "RSVP_MODE_OPTIONAL", "capacity": 1}
    await plain.call("SetListRules", COORDINATOR, list_rules=rules)
    for days in (1, 40):
        plain.later(days=days)
        for _ in range(4):
            await plain.sweep()
            await published(plain)
            plain.later(minutes=2)
        left = [value.scope for _, value in await plain.lists()]
        assert (Scope.SISTERS in left) == (days == 1)
