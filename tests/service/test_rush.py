"""A thousand people come at once for a hundred places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2

from services.rsvps import keys
from services.rsvps.types import Seat, State
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, MEETING, House, key_of
from tests.service.rush import Told, in_order_of_arrival, rush, served
from tests.service.rush import asked as asked_for

if TYPE_CHECKING:
    from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


LIST_RULES = f"{CENTRE}/meetings/{MEETING}/listRules"
PLACES, MANY = 100, 1_000
BACK, LAPSED = 30, 10


async def rushed(house: House, many: int) -> None:
    """The whole story, on one store."""
    rules = {"name": LIST_RULES, "mode": "RSVP_MODE_REQUIRED", "capacity": PLACES, "waitlist": many}
    await house.call("SetListRules", COORDINATOR, list_rules=rules)
    async with served(house) as site:
        told = await rush(site.stub, range(many))
        macs, line = await by_mac(house, many), await the_line(house)
        answers_are_true(told, line, macs)
        assert [seat.state for seat in line] == [State.GOING] * PLACES + [State.WAITLISTED] * (many - PLACES)
        assert in_order_of_arrival(line, told, macs)
        assert await site.stub.Reserve(asked_for(7)) == pb.ReserveResponse(seat=answer_of(told, 7))
        await given_back(house, site.stub, [macs[seat.mac] for seat in line[:BACK]])
        await some_lapse(house, site.stub, [macs[seat.mac] for seat in line[PLACES:]])
        nobody_is_named(site.log.getvalue(), line)


async def given_back(house: House, stub: RsvpServiceStub, numbers: list[int]) -> None:
    """So many give their seats back: those first in line are asked, in order."""
    for number in numbers:
        await stub.Cancel(pb.CancelRequest(name=DATE, guest_key=key_of(number)))
    line = await the_line(house)
    offered = [seat.order for seat in line if seat.state is State.OFFERED]
    first = [seat.order for seat in line[PLACES : PLACES + BACK]]
    assert offered == first


async def some_lapse(house: House, stub: RsvpServiceStub, waiting: list[int]) -> None:
    """All but ten of those who were asked say yes: what the ten let lapse is offered to the next ten."""
    for number in waiting[LAPSED:BACK]:
        await stub.AcceptOffer(pb.AcceptOfferRequest(name=DATE, guest_key=key_of(number)))
    house.later(minutes=721)
    await house.sweep()
    macs = await by_mac(house, len(waiting) + PLACES)
    line = {macs[seat.mac]: seat for seat in await the_line(house)}
    assert {line[number].state for number in waiting[LAPSED:BACK]} == {State.GOING}
    assert [(line[each].state, line[each].lapses) for each in waiting[:LAPSED]] == [(State.WAITLISTED, 1)] * LAPSED
    assert [each for each in waiting if line[each].state is State.OFFERED] == waiting[BACK : BACK + LAPSED]
    counts = Counter(seat.state for seat in line.values())
    assert (counts[State.GOING], counts[State.OFFERED]) == (PLACES - LAPSED, LAPSED)


def answers_are_true(told: list[Told], line: list[Seat], macs: dict[str, int]) -> None:
    """What everybody was answered is what is stored."""
    stored = {macs[seat.mac]: seat.state.value for seat in line}
    assert len(line) == len(told) == len(stored)
    names = {1: "going", 2: "waitlisted", 3: "offered"}
    assert {each.number: names[each.seat.state] for each in told} == stored


def answer_of(told: list[Told], number: int) -> seat_pb2.Seat:
    return next(each.seat for each in told if each.number == number)


def nobody_is_named(log: str, line: list[Seat]) -> None:
    """No key, HMAC or name of a date is in what was logged."""
    assert '"code": "OK"' in log
    for text in (key_of(0), key_of(1), DATE, line[0].mac, line[0].id):
        assert text not in log


async def the_line(house: House) -> list[Seat]:
    ((_, held),) = await house.lists()
    return await house.seats(held.id)


async def by_mac(house: House, many: int) -> dict[str, int]:
    """Which guest is stored as what: the test knows all the keys."""
    ((_, held),) = await house.lists()
    secrets = house.desk.secrets
    return {secrets.mac(held.secret, "house", held.id, keys.read(key_of(each))): each for each in range(many)}


async def test_exactly_as_many_go_as_there_are_places_and_the_rest_wait_in_order(house: House) -> None:
    await rushed(house, MANY)


@pytest.mark.slow
async def test_ten_thousand_come_at_once(house: House) -> None:
    await rushed(house, 10 * MANY)
