"""A course, or a closed group: one enrolment for all of its dates."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import Invalid, Unmet
from services.rsvps.types import Differing, Scope, State
from tests.service.rsvps_house import CENTRE, DATE, MEETING, House, key_of, weekly

if TYPE_CHECKING:
    from services.rsvps.types import Seat

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


NAME = f"{CENTRE}/meetings/{MEETING}"
GOING, WAITLISTED = seat_pb2.SEAT_STATE_GOING, seat_pb2.SEAT_STATE_WAITLISTED


@pytest.fixture
async def course(house: House) -> House:
    """A course of six weeks with two places."""
    await house.part(schedule=weekly(rule="FREQ=WEEKLY;COUNT=6"))
    await house.rules(scope=Scope.SERIES, capacity=2, last_joining_date=date(2026, 12, 1))
    return house


@pytest.fixture
async def plain(alone: House) -> House:
    """The same over one store."""
    await alone.part(schedule=weekly(rule="FREQ=WEEKLY;COUNT=6"))
    await alone.rules(scope=Scope.SERIES, capacity=2, last_joining_date=date(2026, 12, 1))
    return alone


async def enrolled(house: House) -> list[Seat]:
    """The seats of the course."""
    event = await house.event()
    assert event is not None
    return await house.seats(event.series)


async def test_one_joins_for_all_dates_and_who_comes_later_waits_in_order(course: House) -> None:
    seats = [await course.reserve(number, NAME) for number in range(1, 5)]
    assert [each.state for each in seats] == [GOING, GOING, WAITLISTED, WAITLISTED]
    assert not seats[0].standing
    assert not seats[0].HasField("start_time")
    await course.call("Cancel", name=NAME, guest_key=key_of(1))
    assert [(await course.mine(number, NAME)).state for number in (2, 3, 4)] == [GOING, GOING, WAITLISTED]
    assert len([each for _, each in await course.lists() if each.scope is Scope.DATE]) == 0


async def test_a_single_date_takes_no_seat_and_says_with_which_name_one_joins(course: House) -> None:
    with pytest.raises(Unmet) as refused:
        await course.reserve(1, DATE)
    assert (refused.value.reason, refused.value.details["name"]) == ("WHOLE_SERIES", NAME)


async def test_on_the_last_joining_date_one_joins_and_the_day_after_one_does_not(plain: House) -> None:
    plain.later(days=10)  # 2026-12-01, local
    assert (await plain.reserve(1, NAME)).state == GOING
    await plain.reserve(2, NAME)
    await plain.reserve(3, NAME)
    plain.later(days=1)
    with pytest.raises(Unmet) as refused:
        await plain.reserve(4, NAME)
    assert refused.value.reason == "JOINING_OVER"
    await plain.call("Cancel", name=NAME, guest_key=key_of(1))
    assert (await plain.mine(3, NAME)).state == GOING, "who waits moves up all the same"
    assert (await plain.reserve(2, NAME)).state == GOING, "who has joined has joined"


async def test_a_date_that_is_cancelled_ends_no_enrolment_and_a_deleted_course_does(plain: House) -> None:
    await plain.reserve(1, NAME)
    schedule = weekly(rule="FREQ=WEEKLY;COUNT=6")
    await plain.part(schedule=schedule, changes=(Differing(date=date(2026, 11, 24), cancelled=True),))
    assert (await plain.mine(1, NAME)).state == GOING
    await plain.part(schedule=schedule, deleted=True)
    event = await plain.event()
    assert event is not None
    await plain.put(event)
    mine = await plain.mine(1, NAME)
    assert (mine.state, mine.end) == (seat_pb2.SEAT_STATE_CANCELLED, seat_pb2.SEAT_END_MEETING_CANCELLED)


async def test_what_one_wrote_is_found_again_and_changed(plain: House) -> None:
    await plain.reserve(1, NAME, first_name="Ada")
    await plain.call("Change", name=NAME, guest_key=key_of(1), update_mask=["first_name"], first_name="")
    assert (await plain.mine(1, NAME)).first_name == ""
    assert [each.state for each in await enrolled(plain)] == [State.GOING]


async def test_a_place_that_is_offered_is_taken_or_declined(plain: House) -> None:
    for number in (1, 2):
        await plain.reserve(number, NAME)
    for number in (3, 4):
        await plain.reserve(number, NAME, wait="WAIT_CHOICE_ASK")
    await plain.call("Cancel", name=NAME, guest_key=key_of(1))
    declined = await plain.call("DeclineOffer", name=NAME, guest_key=key_of(3))
    assert declined.state == seat_pb2.SEAT_STATE_DECLINED
    assert (await plain.call("AcceptOffer", name=NAME, guest_key=key_of(4))).state == GOING


async def test_availability_of_a_date_is_that_of_the_course(plain: House) -> None:
    for number in range(2):
        reply = await plain.call("GetAvailability", name=DATE)
        assert reply.availability.in_person == 1, number
        await plain.reserve(number, NAME)
    assert (await plain.call("GetAvailability", name=DATE)).availability.in_person == 2
    assert (await plain.call("GetAvailability", name=NAME)).availability.in_person == 2


async def test_no_list_is_made_for_somebody_who_is_refused(course: House) -> None:
    before = [repr(entry) async for entry in course.store.dump()]
    with pytest.raises(Invalid):
        await course.reserve(1, NAME, first_name="ann@example.org")
    assert [repr(entry) async for entry in course.store.dump()] == before
