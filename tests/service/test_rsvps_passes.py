"""Passes are for who is going, in no answer that is stored; keys that hold nothing are tried so often."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Exhausted, NotFound
from services.rsvps.passes import LIVES
from tests.service.rsvps_house import DATE, LATER, key_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from services.kit.call import Call, Method
    from tests.service.rsvps_house import House

pytest_plugins = ["tests.service.rsvps_house"]


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


async def test_only_who_is_going_is_given_a_pass_and_only_by_looking(alone: House) -> None:
    await alone.rules(capacity=1)
    first, second = await alone.reserve(1), await alone.reserve(2)
    assert (first.seat_pass, second.seat_pass) == ("", "")
    vouch, now = alone.desk.vouch, alone.clock.now()
    going = (await alone.mine(1)).seat_pass
    assert vouch.read_until("seat", going, now) == DATE
    assert vouch.read_until("seat", going, now + LIVES) == ""
    assert (await alone.mine(2)).seat_pass == ""
    await alone.call("Cancel", name=DATE, guest_key=key_of(1))
    assert (await alone.mine(1)).seat_pass == ""
    stored = "\n".join([str(entry) async for entry in alone.store.dump()])
    assert "@2026-" not in stored


async def test_a_pass_names_nobody(alone: House) -> None:
    await alone.reserve(1)
    await alone.reserve(2)
    assert (await alone.mine(1)).seat_pass == (await alone.mine(2)).seat_pass


@pytest.mark.parametrize("method", ["GetMine", "Cancel", "Confirm", "AcceptOffer", "DeclineOffer"])
async def test_a_key_that_holds_nothing_is_a_try_whatever_is_to_be_done_with_it(alone: House, method: str) -> None:
    await alone.reserve(1)
    from_afar(alone)
    for number in range(100, 120):
        with pytest.raises(NotFound) if method not in {"GetMine", "Cancel"} else contextlib.nullcontext():
            await alone.call(method, name=DATE, guest_key=key_of(number))
    with pytest.raises(Exhausted) as refused:
        await alone.call(method, name=DATE, guest_key=key_of(1))
    assert refused.value.reason == "TOO_MANY_FROM_NETWORK"
    await alone.call("GetMine", name=LATER, guest_key=key_of(1))  # another list counts by itself


def from_afar(house: House) -> None:
    """Has all calls come from one network."""

    async def outer(call: Call[Any], method: Method) -> Message:
        return await method(replace(call, network="a network"))

    for service in house.rsvps.services:
        house._bound.update(service.bound((outer,), house.clock))
