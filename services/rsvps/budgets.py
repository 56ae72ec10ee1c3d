"""How much one network may do: in the memory of this process alone, nothing of it is stored or logged.

Against one script that takes every place, and against guessing codes. A network (`Call.network`) is many people: a
house with its own Wi-Fi, everybody behind one telephone company's address. So the limits are wide, they come back by
themselves, and what a house needs beyond them its staff does (`on_behalf`), which has none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from services.kit.errors import Exhausted

if TYPE_CHECKING:
    from services.kit.call import Call

MOST_KNOWN: Final = 20_000
"""Networks and lists that are counted at a time, for each use: then what was not heard of for longest is forgotten.

Each use for itself: a script that tries codes in lists that there are not makes nobody forget how many seats it has.
"""


class Limit(NamedTuple):
    """At most `most` at once; after that one more every `seconds`."""

    most: int
    seconds: float


SEATS: Final = Limit(12, 300)
"""New seats in one list: a dozen at once, a dozen an hour after that. People count: a party costs as many."""
SEATS_IN_ALL: Final = Limit(60, 60)
"""New seats in all lists together: as many at once, and an hour."""
MISSES: Final = Limit(20, 30)
"""Tries in one list of codes that open nothing there: 20 in ten minutes."""
CHECK_INS: Final = Limit(150, 20)
"""People who check in at one date: the whole room may be behind one Wi-Fi."""
SLIPS: Final = Limit(30, 60)
"""Slips printed for one date."""


@dataclass
class Budgets:
    """What is left to each network. Times are those of the clock's monotonic scale, in seconds.

    A call without a network comes from this machine, and has no budget.
    """

    _spent: dict[str, dict[tuple[str, ...], tuple[float, float]]] = field(default_factory=dict, repr=False)
    """By use; then by network and list: how much was spent, and when that was so."""

    def seat(self, call: Call[Any], list_name: str, people: int = 1) -> None:
        """Takes places of a list for so many. Raises Exhausted where there is none left, and takes nothing then.

        A party that is larger than what is left is not refused: what it is too large by comes back later.
        """
        keys = (("seat", call.network, list_name), SEATS), (("seats", call.network), SEATS_IN_ALL)
        for key, limit in keys:
            self._check(call, key, limit, "so many seats were kept from this network just now")
        for key, limit in keys:
            self._spend(call, key, limit, people)

    def seat_back(self, call: Call[Any], list_name: str, people: int = 1) -> None:
        """Gives that back: it was no new seat."""
        self._spend(call, ("seat", call.network, list_name), SEATS, -people)
        self._spend(call, ("seats", call.network), SEATS_IN_ALL, -people)

    def check_in(self, call: Call[Any], list_name: str) -> None:
        """Takes one check-in of a date. Raises Exhausted."""
        self._take(call, ("here", call.network, list_name), CHECK_INS, "so many checked in from this network just now")

    def slip(self, call: Call[Any], list_name: str) -> None:
        """Takes one slip of a date. Raises Exhausted."""
        self._take(call, ("slip", call.network, list_name), SLIPS, "so many slips were asked for from this network")

    def may_try(self, call: Call[Any], list_name: str) -> None:
        """Before a code is looked at. Raises Exhausted after too many that opened nothing."""
        text = "so many codes that open nothing were tried from this network"
        self._check(call, ("miss", call.network, list_name), MISSES, text)

    def missed(self, call: Call[Any], list_name: str) -> None:
        """A code opened nothing."""
        self._spend(call, ("miss", call.network, list_name), MISSES, 1)

    def _take(self, call: Call[Any], key: tuple[str, ...], limit: Limit, text: str) -> None:
        self._check(call, key, limit, text)
        self._spend(call, key, limit, 1)

    def _check(self, call: Call[Any], key: tuple[str, ...], limit: Limit, text: str) -> None:
        if not call.network:
            return
        wait = (self._used(key, limit, call.clock.monotonic()) + 1 - limit.most) * limit.seconds
        if wait > 0:
            seconds = str(max(1, round(wait)))
            details = {"retry_after_seconds": seconds}
            raise Exhausted(f"{text}: try again in {seconds} seconds", "TOO_MANY_FROM_NETWORK", details)

    def _spend(self, call: Call[Any], key: tuple[str, ...], limit: Limit, many: int) -> None:
        if not call.network:
            return
        now, known = call.clock.monotonic(), self._spent.setdefault(key[0], {})
        spent = self._used(key, limit, now) + many
        known.pop(key, None)  # the newest stands last
        if spent > 0:
            known[key] = (spent, now)
        if len(known) > MOST_KNOWN:
            del known[next(iter(known))]

    def _used(self, key: tuple[str, ...], limit: Limit, now: float) -> float:
        spent, since = self._spent.get(key[0], {}).get(key, (0.0, now))
        return max(0.0, spent - (now - since) / limit.seconds)
