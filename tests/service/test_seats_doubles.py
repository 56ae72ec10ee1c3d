"""A request that is sent again is answered as before, in the words of its own method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.rsvps.types import Scope
from tests.service.rsvps_house import CENTRE, DATE, MEETING, House, key_of

if TYPE_CHECKING:
    from openchair.rsvps.v1 import seat_pb2

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


WHOLE = f"{CENTRE}/meetings/{MEETING}"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "of one date": (DATE, {}),
    "standing": (WHOLE, {"standing_seats": True}),
    "in a course": (WHOLE, {"scope": Scope.SERIES}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_seat_that_is_asked_for_twice_in_one_request_is_answered_the_same(house: House, kind: str) -> None:
    name, rules = KINDS[kind]
    await house.part()
    await house.rules(**rules)
    first: seat_pb2.Seat = await house.reserve(1, name, request_id="once")
    assert await house.reserve(1, name, request_id="once") == first
    await house.call("Cancel", name=name, guest_key=key_of(1))
    assert await house.reserve(1, name, request_id="once") == first
