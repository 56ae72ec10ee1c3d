"""What is stored of a guest, and what it does not say: who, when, in which order, and whose seats go together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from openchair.rsvps.v1 import seat_pb2 as pb

from services.kit.clock import MIDNIGHT
from services.kit.errors import Invalid
from services.kit.store.port import Answer, Audit, Record
from tests.service.rsvps_house import COORDINATOR, DATE, LATER, House, key_of
from tests.service.test_seats import refused

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ("tests.service.rsvps_house",)


@pytest.fixture
def house(rsvps_house: House) -> House:
    """That of other modules is another."""
    return rsvps_house


FINER = re.compile(r"\d{4}-\d\d-\d\dT(?!00:00:00\.000Z)\d\d:\d\d:\d\d")


async def dump(house: House) -> list[Record | Answer | Audit]:
    return [entry async for entry in house.store.dump()]


async def test_whoever_calls_with_a_token_is_nobody(house: House) -> None:
    request = {"name": DATE, "guest_key": key_of(1), "request_id": "one"}
    first = await house.call("Reserve", COORDINATOR, **request)

    assert await house.call("Reserve", **request) == first  # nobody's answer is nobody's
    assert COORDINATOR.subject not in str(await dump(house))
    held = next(entry for entry in await dump(house) if isinstance(entry, Record) and entry.kind == "list")
    assert [line.actor for line in await house.store.history("list", held.id)] == ["guest"]


async def test_of_a_seat_that_staff_kept_the_trail_says_who_it_was(alone: House) -> None:
    await alone.call("Reserve", COORDINATOR, name=DATE, guest_key=key_of(1), on_behalf=True)

    assert COORDINATOR.subject in {entry.actor for entry in await dump(alone) if isinstance(entry, Audit)}


async def test_no_time_that_is_stored_of_a_guest_is_finer_than_a_day(house: House) -> None:
    """Of what was stored since the meetings were heard of; when a date begins, and opens, is no secret."""
    before = {str(entry) for entry in await dump(house)}
    await house.rules(confirm_before_minutes=60, capacity=1)
    for number, name in ((1, DATE), (1, LATER), (2, DATE), (3, DATE)):
        house.later(minutes=7, seconds=3)
        await house.reserve(number, name, wait="WAIT_CHOICE_ASK", request_id=f"{number} {name}")
    await house.call("Cancel", name=DATE, guest_key=key_of(1), request_id="back")

    for entry in await dump(house):
        if str(entry) not in before:
            for where, said in times(entry):
                assert said.endswith(MIDNIGHT), (where, said)


def times(entry: Record | Answer | Audit) -> Iterator[tuple[str, str]]:
    """When things are said to have happened."""
    if isinstance(entry, Answer):
        yield "answer", entry.expires_at
    elif isinstance(entry, Audit) and entry.actor == "guest":
        yield "audit", entry.at
    elif isinstance(entry, Record) and entry.kind in {"list", "seat"}:
        yield entry.kind, entry.at
        yield from ((view.name, view.at) for view in entry.views)


async def test_an_offer_lasts_whole_minutes(alone: House) -> None:
    """A stored instant to the millisecond would say when the place was given back."""
    await alone.rules(capacity=1)
    await alone.reserve(1)
    await alone.reserve(2, wait="WAIT_CHOICE_ASK")
    alone.later(seconds=3.217)
    await alone.call("Cancel", name=DATE, guest_key=key_of(1))

    (held, _), *_ = await alone.lists()
    assert held.due_at is not None
    assert held.due_at.endswith(":00.000Z")


async def test_two_seats_of_one_person_share_no_value(house: House) -> None:
    request = {"first_name": "Ann"}
    for name in (DATE, LATER):
        await house.reserve(1, name, request_id=f"id of {name}", **request)
    seats = [entry.state for entry in await dump(house) if isinstance(entry, Record) and entry.kind == "seat"]

    first, second = ({str(value) for value in telling(state)} for state in seats)
    assert first.isdisjoint(second)


def telling(state: dict[str, Any]) -> Iterator[Any]:
    """What in a seat could be its guest's alone: everything that is not as it is for everybody."""
    usual = {"house", "seat", "room", "going", "give", 1, 0, "", None}
    yield from (value for value in state.values() if not isinstance(value, list | dict) and value not in usual)


async def test_a_request_that_is_repeated_is_answered_as_before(house: House) -> None:
    asked = {"name": DATE, "guest_key": key_of(1), "request_id": "one", "first_name": "Ann"}
    first = await house.call("Reserve", **asked)
    await house.call("Cancel", name=DATE, guest_key=key_of(1), request_id="two")

    assert await house.call("Reserve", **asked) == first  # and nothing is kept anew
    assert (await house.mine(1)).state == pb.SEAT_STATE_CANCELLED
    again = await house.call("Cancel", name=DATE, guest_key=key_of(1), request_id="two")
    assert again.state == pb.SEAT_STATE_CANCELLED


async def test_a_request_id_with_another_body_is_refused(house: House) -> None:
    await house.call("Reserve", name=DATE, guest_key=key_of(1), request_id="one")

    other = house.call("Reserve", name=DATE, guest_key=key_of(2), request_id="one")
    await refused(other, Invalid, "REQUEST_ID_REUSED")
    assert (await house.mine(2)).state == pb.SEAT_STATE_UNSPECIFIED


async def test_a_repeated_request_is_answered_as_before_where_it_would_be_refused_by_now(alone: House) -> None:
    asked = {"name": DATE, "guest_key": key_of(1), "request_id": "one"}
    first = await alone.call("Reserve", **asked)
    alone.later(days=1)
    await alone.part(visibility="members", group="g")

    assert await alone.call("Reserve", **asked) == first
