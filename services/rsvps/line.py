"""The seats of one list as decisions need them: who has one, who waits in which order, how many there are."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from services.rsvps.types import Seat, SeatFor, State, Wait, Where

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")
K = TypeVar("K", bound="Hashable")

LAPSES: Final = 3
"""With so many lapsed offers a seat is passed over; it stays in the line, and may still take what is free."""

Place: TypeAlias = tuple[int, str]
"""In a line: order and id."""


class Group(NamedTuple):
    """What of one who waits decides whether a free place will do; alike within a group, so its first speaks for all."""

    party: int
    quotas: tuple[str, ...]
    lapses: int


class Line:
    """The index over a list's leaves. It depends on nothing but which leaves are in it (`kit.leaves.Shape`).

    `people` counts by era, way and state, parties whole; `needing` those of them who have a place of a quota (going or
    offered); `marked` the people of marks. `groups` are those who wait, each group in order; `offers` by the instant at
    which they lapse; `unsure` those who are going and have not confirmed. `orders` are those of all seats. `eager`
    counts, by era, offers to who waits for sister dates and wants to be given what is free.
    """

    def __init__(self, list_id: str) -> None:
        self.list = list_id
        self.seats: dict[str, Seat] = {}
        self.by_mac: dict[str, str] = {}
        self.doubles: dict[str, list[str]] = {}
        self.people: dict[tuple[int, Where, State], int] = {}
        self.needing: dict[tuple[int, str], int] = {}
        self.marked: dict[tuple[SeatFor, Where], int] = {}
        self.groups: dict[tuple[int, Where], dict[Group, list[Place]]] = {}
        self.offers: dict[int, list[tuple[str, int, str]]] = {}
        self.unsure: dict[int, list[Place]] = {}
        self.orders: list[int] = []
        self.eager: dict[int, int] = {}

    def put(self, seat: Seat) -> None:
        """Takes one in."""
        self.seats[seat.id] = seat
        self._name(seat)
        if seat.use is not SeatFor.SEAT:
            _add(self.marked, (seat.use, seat.where), seat.party)
            return
        insort(self.orders, seat.order)
        self._count(seat, seat.party)
        if seat.state is State.WAITLISTED:
            insort(self.groups.setdefault((seat.era, seat.where), {}).setdefault(group(seat), []), place(seat))
        elif seat.state is State.OFFERED:
            insort(self.offers.setdefault(seat.era, []), _expiry(seat))
            if eager(seat):
                _add(self.eager, seat.era, 1)
        elif unsure(seat):
            insort(self.unsure.setdefault(seat.era, []), place(seat))

    def remove(self, id_: str) -> None:
        """Takes one out."""
        seat = self.seats.pop(id_)
        self._unname(seat)
        if seat.use is not SeatFor.SEAT:
            _add(self.marked, (seat.use, seat.where), -seat.party)
            return
        _cut(self.orders, seat.order)
        self._count(seat, -seat.party)
        if seat.state is State.WAITLISTED:
            groups = self.groups[seat.era, seat.where]
            _leave(groups, group(seat), place(seat))
            if not groups:
                del self.groups[seat.era, seat.where]
        elif seat.state is State.OFFERED:
            _leave(self.offers, seat.era, _expiry(seat))
            if eager(seat):
                _add(self.eager, seat.era, -1)
        elif unsure(seat):
            _leave(self.unsure, seat.era, place(seat))

    def highest(self) -> int:
        """The order of the last who came; 0: nobody ever did."""
        return self.orders[-1] if self.orders else 0

    def _name(self, seat: Seat) -> None:
        """Two leaves under one HMAC are no decision's; the index is the same in whichever order they come."""
        known = self.by_mac.setdefault(seat.mac, seat.id)
        if known != seat.id:
            insort(self.doubles.setdefault(seat.mac, [known]), seat.id)
            self.by_mac[seat.mac] = self.doubles[seat.mac][0]

    def _unname(self, seat: Seat) -> None:
        doubles = self.doubles.get(seat.mac)
        if doubles is None:
            del self.by_mac[seat.mac]
            return
        doubles.remove(seat.id)
        self.by_mac[seat.mac] = doubles[0]
        if len(doubles) == 1:
            del self.doubles[seat.mac]

    def _count(self, seat: Seat, people: int) -> None:
        _add(self.people, (seat.era, seat.where, seat.state), people)
        if seat.quotas and seat.state in {State.GOING, State.OFFERED}:
            for quota in seat.quotas:
                _add(self.needing, (seat.era, quota), people)


def group(seat: Seat) -> Group:
    """Those it is alike with."""
    return Group(seat.party, seat.quotas, min(seat.lapses, LAPSES))


def place(seat: Seat) -> Place:
    """Where it stands in the line."""
    return (seat.order, seat.id)


def unsure(seat: Seat) -> bool:
    """Whether it is going, and nobody said that it still is."""
    return seat.state is State.GOING and not seat.confirmed


def eager(seat: Seat) -> bool:
    """Whether what is offered to it is to be taken for it at once."""
    return bool(seat.sisters) and seat.wait is Wait.GIVE


def _expiry(seat: Seat) -> tuple[str, int, str]:
    return (seat.offered_until, seat.order, seat.id)


def _add(counts: dict[K, int], key: K, people: int) -> None:
    count = counts.get(key, 0) + people
    if count:
        counts[key] = count
    else:
        del counts[key]


def _cut(values: list[Any], value: object) -> None:
    """Takes a value out of a sorted list; it is there."""
    del values[bisect_left(values, value)]


def _leave(lists: dict[K, list[T]], key: K, value: T) -> None:
    values = lists[key]
    _cut(values, value)
    if not values:
        del lists[key]
