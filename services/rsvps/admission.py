"""Who may keep a seat: whoever says the list's code, within the budget of their network; or staff, for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from services.kit.errors import Denied, Unauthenticated, Unmet
from services.recurrence.wire import key_text
from services.rsvps import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.call import Call
    from services.rsvps.desk import Desk, Found
    from services.rsvps.types import Seat

R = TypeVar("R")

STAFF: Final = frozenset({"facilitator", "coordinator", "administrator", "operator"})
"""Roles of who may keep a seat for somebody who stands there."""

WANTING: Final = frozenset({"LIST_FULL", "PARTY_TOO_LARGE"})
"""Reasons of a refusal that tells how many places there are."""


class Admission:
    """Asked of every request that would keep a seat."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def check(self, call: Call[Any], found: Found) -> None:
        """Raises Unmet without the code that the rules ask for; Unauthenticated or Denied for who is not staff."""
        if call.message.on_behalf:
            refuse_unless_staff(call, found.event.centre)
        else:
            self._check_code(call, found)

    async def within(self, call: Call[Any], found: Found, work: Callable[[], Awaitable[R]]) -> R:
        """Does it; each network has so many new seats, but for those that staff keep. Raises Exhausted.

        What is refused for want of places costs one: else they could be counted by asking for more and more.
        """
        if call.message.on_behalf:
            return await work()
        where, people = budget_of(found), max(1, call.message.party_size)
        self._desk.budgets.seat(call, where, people)
        try:
            return await work()
        except Exception as error:
            full = isinstance(error, Unmet) and error.reason in WANTING
            self._desk.budgets.seat_back(call, where, people - full)
            raise

    def more(self, call: Call[Any], found: Found, before: Seat, wanted: Seat) -> None:
        """Who asks for more than they have asks for new seats. Raises Exhausted; nothing of it is given back."""
        needs = any(quota not in before.quotas for quota in wanted.quotas)
        people = wanted.party if needs or wanted.where is not before.where else wanted.party - before.party
        if people > 0:
            self._desk.budgets.seat(call, budget_of(found), people)

    def _check_code(self, call: Call[Any], found: Found) -> None:
        stored, event = found.rules.code, found.event
        if not stored:
            return
        self._desk.budgets.may_try(call, call.message.name)
        if not keys.opens(self._desk.secrets, event.centre, event.id, stored, call.message.list_code):
            self._desk.budgets.missed(call, call.message.name)
            raise Unmet("seats of this list are kept with its code", "LIST_CODE_NEEDED")


def budget_of(found: Found) -> str:
    """What a list is called in budgets, by whichever of its names somebody asks for it."""
    return f"{found.event.id} {key_text(found.key) if found.key is not None else ''}"


def refuse_unless_staff(call: Call[Any], centre: str) -> None:
    """Raises Unauthenticated, or Denied for who has no part in the centre."""
    if not call.caller.subject:
        raise Unauthenticated("this method needs a token for that", "TOKEN_MISSING")
    if not call.caller.has(STAFF, centre):
        raise Denied("this needs a role at the centre", "ROLE_MISSING", {"roles": ", ".join(sorted(STAFF))})
