"""What somebody who watches what is public, and asks as often as they like, learns of seats: no more than the word."""

from __future__ import annotations

from typing import Any

import pytest
from openchair.rsvps.v1 import list_rules_pb2 as pb

from tests.service.rsvps_house import COORDINATOR, DATE, House, key_of
from tests.service.test_presence import BEGINS

pytest_plugins = ("tests.service.rsvps_house",)


async def shown(house: House) -> Any:
    """What everybody is told of the date."""
    return await house.call("GetAvailability", name=DATE)


async def told(house: House) -> list[tuple[int, bool]]:
    """Revisions of what is in the public stream of lists, and whether there is anything."""
    return [(view.revision, bool(view.digest)) for record, _ in await house.lists() for view in record.views]


async def test_that_somebody_keeps_a_seat_changes_nothing_that_is_public(alone: House) -> None:
    """Not even that there is a list: it would say that there is one guest, and to the second since when."""
    nobody = await shown(alone)
    await alone.reserve(1)

    assert await shown(alone) == nobody
    assert await told(alone) == []
    await alone.reserve(2)
    await alone.call("Cancel", name=DATE, guest_key=key_of(2))
    await alone.call("Cancel", name=DATE, guest_key=key_of(1))
    assert await shown(alone) == nobody
    assert await told(alone) == []


async def test_a_check_in_changes_nothing_that_is_public(alone: House) -> None:
    nobody = await shown(alone)
    alone.to(BEGINS)
    code = (await alone.call("GetCheckInCode", COORDINATOR, name=DATE)).words
    before = await shown(alone)
    await alone.call("CheckIn", name=DATE, guest_key=key_of(1), code=code)

    assert await shown(alone) == before
    assert await told(alone) == []
    assert before.availability.name == nobody.availability.name


@pytest.mark.parametrize("rules", [{"closes_before_minutes": 60}, {"opens_before_minutes": 20_000, "draw_hours": 24}])
async def test_nor_does_it_when_time_changes_the_word_of_every_date(alone: House, rules: dict[str, Any]) -> None:
    await alone.rules(**rules)
    await alone.reserve(1)
    for _ in range(6):
        alone.later(days=1)
        await alone.sweep()
        assert await told(alone) == []


async def test_a_word_is_public_from_the_first_time_on_that_it_says_something(alone: House) -> None:
    for number in (1, 2, 3):
        assert await told(alone) == []
        await alone.reserve(number)

    assert await told(alone) == [(1, True)]
    assert (await shown(alone)).availability.in_person == pb.AVAILABILITY_WAITLIST
    await alone.reserve(4)
    assert await told(alone) == [(1, True)]
    for number in (4, 3, 2):
        await alone.call("Cancel", name=DATE, guest_key=key_of(number))
    assert await told(alone) == [(2, True)]
    assert (await shown(alone)).availability.in_person == pb.AVAILABILITY_OPEN


async def test_a_list_that_is_closed_by_hand_says_so_also_where_it_was_closed_while_its_date_was_off(
    alone: House,
) -> None:
    await alone.reserve(1)
    await alone.part(active=False)
    await alone.call("CloseList", COORDINATOR, name=DATE)
    assert await told(alone) == []
    await alone.part()
    await alone.sweep()
    await alone.mine(1)
    await alone.call("CloseList", COORDINATOR, name=DATE)
    assert await told(alone) == [(1, True)]
    assert (await shown(alone)).availability.closed
