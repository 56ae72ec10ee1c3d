"""Who may keep a seat: whoever says the list's code, within the budget of their network; or staff, for somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from services.kit.errors import Denied, Unauthenticated, Unmet
from services.rsvps import keys

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.call import Call
    from services.rsvps.desk import Desk, Found

R = TypeVar("R")

STAFF: Final = frozenset({"facilitator", "coordinator", "administrator", "operator"})
"""Roles of who may keep a seat for somebody who stands there."""


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

    async def within(self, call: Call[Any], work: Callable[[], Awaitable[R]]) -> R:
        """Does it; each network has so many new seats, but for those that staff keep. Raises Exhausted."""
        if call.message.on_behalf:
            return await work()
        self._desk.budgets.seat(call, call.message.name)
        try:
            return await work()
        except Exception:
            self._desk.budgets.seat_back(call, call.message.name)
            raise

    def _check_code(self, call: Call[Any], found: Found) -> None:
        stored, event = found.rules.code, found.event
        if not stored:
            return
        self._desk.budgets.may_try(call, call.message.name)
        if not keys.opens(self._desk.secrets, event.centre, event.id, stored, call.message.list_code):
            self._desk.budgets.missed(call, call.message.name)
            raise Unmet("seats of this list are kept with its code", "LIST_CODE_NEEDED")


def refuse_unless_staff(call: Call[Any], centre: str) -> None:
    """Raises Unauthenticated, or Denied for who has no part in the centre."""
    if not call.caller.subject:
        raise Unauthenticated("this method needs a token for that", "TOKEN_MISSING")
    if not call.caller.has(STAFF, centre):
        raise Denied("this needs a role at the centre", "ROLE_MISSING", {"roles": ", ".join(sorted(STAFF))})
