"""A list while it is decided about: the line with what has been decided so far laid over it. Rules work on this."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from services.kit.leaves import Changes
from services.rsvps import lists
from services.rsvps.line import Line
from services.rsvps.types import GuestList, Scope, Seat, SeatFor, State, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.rsvps.line import Group, Place

UNLIMITED: Final = 1 << 30
"""More people than there are."""


class Sheet:
    """What a decision reads and writes; the line underneath is not changed.

    `list` may be replaced; `series` is that of the whole series ("": there is none, or nobody asked). `put` writes a
    seat (new, or another state of one). Counts are of people, parties whole, of the list's present era. `_over` are the
    leaves as they were decided, `_under` those of the line that they replace or that are dropped: all that is counted
    is the line's, less what is under, and what is over.
    """

    def __init__(self, guest_list: GuestList, line: Line, series: str = "") -> None:
        self.list = guest_list
        self.line = line
        self.series = series
        self._before = guest_list
        self._over = Line(line.list)
        self._under = Line(line.list)

    @property
    def touched(self) -> bool:
        """Whether anything was decided."""
        return self.list is not self._before or bool(self._over.seats or self._under.seats)

    def settled(self, at: str) -> bool:
        """Whether it is as it was stored, and time has made nothing else of it: what is stored is settled."""
        due = self._before.due
        untouched = self.list is self._before and not self._over.seats and not self._under.seats
        return untouched and due is not None and (due == "" or at < due)

    def joined(self, at: str) -> Seat | None:
        """Who came to the end of the line, if that is all that was decided about a settled list."""
        due, over = self._before.due, self._over.seats
        if self.list is not self._before or self._under.seats or len(over) != 1 or due is None or (due and due <= at):
            return None
        seat = next(iter(over.values()))
        return seat if seat.state is State.WAITLISTED and seat.use is SeatFor.SEAT else None

    # Leaves

    def seat(self, id_: str) -> Seat | None:
        """A seat by its id."""
        found = self._over.seats.get(id_)
        if found is not None:
            return found
        return None if id_ in self._under.seats else self.line.seats.get(id_)

    def held(self, *macs: str) -> Seat | None:
        """The seat under the first of these HMACs that has one."""
        for mac in macs:
            for index in (self._over, self.line):
                found = self.seat(index.by_mac.get(mac, ""))
                if found is not None and found.mac == mac:
                    return found
        return None

    def put(self, seat: Seat) -> None:
        """Writes a seat."""
        self._hide(seat.id)
        self._over.put(seat)

    def drop(self, id_: str) -> None:
        """Takes a leaf away, with all that it said."""
        self._hide(id_)

    def seats(self) -> Iterator[Seat]:
        """All seats, of every era and in every state; without the marks. It may be changed meanwhile."""
        return (each for each in self.leaves() if each.use is SeatFor.SEAT)

    def leaves(self) -> Iterator[Seat]:
        """All leaves, in no order."""
        under = self._under.seats
        yield from [each for each in self.line.seats.values() if each.id not in under]
        yield from list(self._over.seats.values())

    # Counts

    def people(self, where: Where, state: State) -> int:
        """People in this state."""
        key = (self.list.era, where, state)
        count = self.line.people.get(key, 0)
        if self._under.people:
            count -= self._under.people.get(key, 0)
        if self._over.people:
            count += self._over.people.get(key, 0)
        return count

    def taken(self, where: Where) -> int:
        """People who are going or have an offer."""
        return self.people(where, State.GOING) + self.people(where, State.OFFERED)

    def quota_taken(self, quota: str) -> int:
        """The same, of those who need a place of a quota."""
        key = (self.list.era, quota)
        return sum(sign * index.needing.get(key, 0) for sign, index in self._signed())

    def marked(self, use: SeatFor, where: Where) -> int:
        """People for whom there is a mark."""
        return sum(sign * index.marked.get((use, where), 0) for sign, index in self._signed())

    def capacity(self, where: Where) -> int:
        """How many people may go, or be offered it. A list of standing seats has no limit, dates decide that."""
        guest_list = self.list
        if guest_list.scope is not Scope.DATE and guest_list.rules.scope is not Scope.SERIES:
            return UNLIMITED if guest_list.scope is Scope.SERIES else 0
        rules = guest_list.rules
        return (rules.capacity if where is Where.ROOM else rules.online_capacity) or UNLIMITED

    def free(self, where: Where) -> int:
        """For how many people there are places; 0 also where more are going than there are places for by now."""
        return max(0, self.capacity(where) - self.taken(where))

    def eager(self) -> bool:
        """Whether something is offered to who waits for sister dates too, and is to be taken for them at once."""
        return sum(sign * index.eager.get(self.list.era, 0) for sign, index in self._signed()) > 0

    # The line

    def waiting(self, where: Where) -> Iterator[Seat]:
        """Those who wait, in order."""
        key = (self.list.era, where)
        base = merge(*self.line.groups.get(key, {}).values())
        over = merge(*self._over.groups.get(key, {}).values())
        shown = (each for each in base if each[1] not in self._under.seats)
        return self._found(list(merge(shown, over)))

    def firsts(self, where: Where) -> list[Seat]:
        """Of those who wait, the first of each group of those who are alike; in no order."""
        key = (self.list.era, where)
        base, over = self.line.groups.get(key), self._over.groups.get(key)
        first: dict[Group, Place] = {}
        for group, places in (base or {}).items():
            shown = next((each for each in places if each[1] not in self._under.seats), None)
            if shown is not None:
                first[group] = shown
        for group, places in (over or {}).items():
            first[group] = min(first.get(group, places[0]), places[0])
        return list(self._found(first.values()))

    def waits(self, where: Where) -> bool:
        """Whether anybody waits."""
        return self.people(where, State.WAITLISTED) > 0

    def offered(self) -> Iterator[Seat]:
        """Those who have an offer, the first to lapse first."""
        offers, decided = self.line.offers.get(self.list.era, ()), self._over.offers.get(self.list.era, ())
        if not offers and not decided:
            return iter(())
        found = merge((each for each in offers if each[2] not in self._under.seats), decided)
        return self._found([(order, id_) for _, order, id_ in found])

    def lapsing(self) -> str | None:
        """When the first offer lapses; None: there is none."""
        first = next(self.offered(), None)
        return first.offered_until if first is not None else None

    def last_lapsing(self) -> str:
        """When the last offer lapses; "": there is none."""
        base = reversed(self.line.offers.get(self.list.era, ()))
        first = next((until for until, _, id_ in base if id_ not in self._under.seats), "")
        over = self._over.offers.get(self.list.era)
        return max(first, over[-1][0]) if over else first

    def unsure(self) -> Iterator[Seat]:
        """Those who are going and have not said that they still are, in order."""
        base = (each for each in self.line.unsure.get(self.list.era, ()) if each[1] not in self._under.seats)
        return self._found(merge(base, self._over.unsure.get(self.list.era, ())))

    def next_order(self) -> int:
        """The place at the end of the line."""
        return 1 + max(self.line.highest(), self._over.highest())

    # What comes of it

    def changes(self, due_at: str | None) -> Changes | None:
        """What is to be committed; None: nothing has changed."""
        self.list = _with(self.list, due=due_at or "")
        known = self.line.seats
        leaves = tuple(lists.leaf(seat) for id_, seat in self._over.seats.items() if known.get(id_) != seat)
        dropped = tuple(id_ for id_ in self._under.seats if id_ not in self._over.seats)
        if not leaves and not dropped and self._is_new_and_empty():
            return None
        facts = lists.facts(self.list, due_at) if self.list != self._before else None
        return Changes(facts, leaves, forgotten=dropped) if facts or leaves or dropped else None

    def _is_new_and_empty(self) -> bool:
        """Whether nothing was said of a list that is not stored yet but what follows from there being one."""
        before = self._before
        said = replace(self.list, due=None, words=before.words, confirm=before.confirm, drawn=before.drawn)
        return before.due is None and said == before

    def _hide(self, id_: str) -> None:
        if id_ in self._over.seats:
            self._over.remove(id_)
        elif id_ in self.line.seats and id_ not in self._under.seats:
            self._under.put(self.line.seats[id_])

    def _signed(self) -> tuple[tuple[int, Line], ...]:
        return ((1, self.line), (-1, self._under), (1, self._over))

    def _found(self, places: Iterable[Place]) -> Iterator[Seat]:
        return (seat for _, id_ in places if (seat := self.seat(id_)) is not None)


def _with(guest_list: GuestList, *, due: str) -> GuestList:
    return guest_list if guest_list.due == due else replace(guest_list, due=due)
