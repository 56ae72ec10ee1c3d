"""The instants of a list: when it opens and closes, when lots are drawn, until when what is possible. Pure."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit.clock import instant, moment
from services.rsvps.types import Scope

if TYPE_CHECKING:
    from services.rsvps.types import GuestList

NEVER: Final = "9999-12-31T23:59:59.999Z"


class Times(NamedTuple):
    """Instants as `clock.instant` writes them.

    `opens` "": it always was. `closes`: no new seats from then on. `cut_off`: guests give back and change until then,
    and until then the line moves. `draw`: lots are drawn then, "": there are none. `confirm`: who has not said that
    they still come is released then, "": nobody has to say it. `start`: what it is about begins (of a series: it ends).
    """

    opens: str
    closes: str
    cut_off: str
    draw: str
    confirm: str
    start: str


_last: list[tuple[GuestList, Times]] = []
"""What was asked for last: rules ask for it again and again, of one and the same list."""


def times(guest_list: GuestList) -> Times:
    """Those of a list. A series has no start that all of it hangs on: only its end."""
    if _last and _last[0][0] is guest_list:
        return _last[0][1]
    found = _found(guest_list)
    _last[:] = [(guest_list, found)]
    return found


def _found(guest_list: GuestList) -> Times:
    occasion, rules = guest_list.occasion, guest_list.rules
    if guest_list.scope is not Scope.DATE:
        end = occasion.end or NEVER
        return Times("", min(end, occasion.joined or end), end, "", "", end)
    return _of(
        occasion.start,
        rules.opens_before_minutes,
        rules.closes_before_minutes,
        rules.cut_off_minutes,
        rules.claim_minutes,
        rules.draw_hours,
        rules.confirm_before_minutes,
    )


@functools.lru_cache(maxsize=4096)
def _of(start: str, opens: int, closes: int, cut_off: int, claim: int, draw: int, confirm: int) -> Times:
    def before(minutes: int) -> str:
        return shifted(start, -minutes)

    opened = before(opens) if opens else ""
    drawn = ""
    if draw and opens:  # who is drawn is still to be offered the place for as long as any other
        drawn = min(shifted(opened, draw * 60), before(cut_off + claim))
        drawn = drawn if drawn > opened else ""
    return Times(opened, before(closes), before(cut_off), drawn, before(confirm) if confirm else "", start)


def shifted(at: str, minutes: int) -> str:
    """So many minutes later."""
    return instant(moment(at) + timedelta(minutes=minutes))


@functools.lru_cache(maxsize=1024)
def claimed_until(at: str, minutes: int) -> str:
    """Until when an offer holds that is made at an instant: whole minutes, so that it tells nothing finer."""
    until = moment(at).replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    return instant(until)
