"""What one network may do: wide enough for a house, not for a script, and of no person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.kit.call import NOBODY, Call
from services.kit.clock import VirtualClock
from services.kit.errors import Exhausted
from services.rsvps import budgets
from services.rsvps.budgets import MISSES, SEATS, SEATS_IN_ALL, Budgets

if TYPE_CHECKING:
    from openchair.rsvps.v1.rsvp_service_pb2 import ReserveRequest


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 21, 12, 0, tzinfo=UTC))


def call(clock: VirtualClock, network: str) -> Call[ReserveRequest]:
    return Call("x/Reserve", pb.ReserveRequest(), NOBODY, 10.0, clock, network=network)


def taken(budget: Budgets, asking: Call[ReserveRequest], lists: int = 1, most: int = 1000) -> int:
    """How many seats it gets before it is refused."""
    for number in range(most):
        try:
            budget.seat(asking, f"list {number % lists}")
        except Exhausted:
            return number
    return most


def test_a_network_keeps_a_dozen_seats_in_a_list_and_another_one_its_own(clock: VirtualClock) -> None:
    budget = Budgets()
    assert taken(budget, call(clock, "a")) == SEATS.most == 12
    assert taken(budget, call(clock, "b")) == 12


def test_over_many_lists_a_network_keeps_sixty(clock: VirtualClock) -> None:
    assert taken(Budgets(), call(clock, "a"), lists=500) == SEATS_IN_ALL.most


def test_this_machine_has_no_budget(clock: VirtualClock) -> None:
    budget = Budgets()
    assert taken(budget, call(clock, "")) == 1000
    for _ in range(100):
        budget.missed(call(clock, ""), "list")
    budget.may_try(call(clock, ""), "list")


async def test_a_refusal_says_when_to_try_again_and_that_is_true(clock: VirtualClock) -> None:
    budget, asking = Budgets(), call(clock, "a")
    taken(budget, asking)
    with pytest.raises(Exhausted) as refused:
        budget.seat(asking, "list 0")
    assert refused.value.reason == "TOO_MANY_FROM_NETWORK"
    seconds = int(refused.value.details["retry_after_seconds"])
    await clock.advance(seconds - 1)
    with pytest.raises(Exhausted):
        budget.seat(asking, "list 0")
    await clock.advance(1)
    budget.seat(asking, "list 0")


def test_what_was_no_new_seat_costs_nothing(clock: VirtualClock) -> None:
    budget, asking = Budgets(), call(clock, "a")
    for _ in range(200):
        budget.seat(asking, "list")
        budget.seat_back(asking, "list")
    assert taken(budget, asking) == 12


def test_codes_that_open_nothing_are_tried_twenty_times_in_ten_minutes(clock: VirtualClock) -> None:
    budget, asking = Budgets(), call(clock, "a")
    for _ in range(MISSES.most):
        budget.may_try(asking, "list")
        budget.missed(asking, "list")
    with pytest.raises(Exhausted):
        budget.may_try(asking, "list")
    budget.may_try(asking, "another list")
    budget.may_try(call(clock, "b"), "list")


def test_what_is_remembered_does_not_grow(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "MOST_KNOWN", 50)
    budget = Budgets()
    for number in range(500):
        budget.missed(call(clock, f"network {number}"), "list")
    assert len(budget._spent["miss"]) == 50
    assert "network" not in repr(budget)


def test_nobody_has_their_seats_forgotten_by_trying_codes_in_lists_that_there_are_not(
    clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "MOST_KNOWN", 50)
    budget, asking = Budgets(), call(clock, "a")
    assert taken(budget, asking) == 12
    for number in range(500):
        budget.missed(asking, f"no list {number}")
    assert taken(budget, asking) == 0


async def test_a_party_costs_as_many_as_it_is(clock: VirtualClock) -> None:
    budget, asking = Budgets(), call(clock, "a")
    budget.seat(asking, "list", 11)
    budget.seat(asking, "list", 20)
    with pytest.raises(Exhausted) as refused:
        budget.seat(asking, "list")
    assert int(refused.value.details["retry_after_seconds"]) == 20 * SEATS.seconds
