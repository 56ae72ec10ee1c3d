"""A guest list on paper: commands are decided as the service decides them, and taken in as stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from services.rsvps import turns
from services.rsvps.line import Line
from services.rsvps.seating import Asked
from services.rsvps.sheet import Sheet
from services.rsvps.times import shifted
from services.rsvps.types import GuestList, Occasion, RsvpMode, Rules, Scope, Seat, Where

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

R = TypeVar("R")

NOW = "2026-11-22T10:00:00.000Z"
START = "2026-12-01T19:00:00.000Z"
ROOM, ONLINE = Where.ROOM, Where.ONLINE


def rules(**fields: Any) -> Rules:
    """Rules of a list with two chairs in the room, unless they say otherwise."""
    return Rules(**{"mode": RsvpMode.OPTIONAL, "capacity": 2, "party_size": 20, **fields})


def a_list(ways: tuple[Where, ...] = (ROOM,), **fields: Any) -> GuestList:
    """A list of one date, nine days ahead, as it is stored."""
    occasion = Occasion(start=START, end=shifted(START, 90), ways=ways)
    kept = rules(**fields)
    return GuestList(
        id="l1", centre="c", event="e", scope=Scope.DATE, secret="1", occasion=occasion, rules=kept, due=""
    )


class Paper:
    """One list and its leaves, and the present instant. `list` is what whoever follows its event makes of `stored`."""

    def __init__(self, guest_list: GuestList, at: str = NOW) -> None:
        self.list = self.stored = guest_list
        self.line = Line(guest_list.id)
        self.at = at
        self.seen: list[tuple[GuestList, dict[str, Seat]]] = []
        """The list and its seats before and after each time that it was settled in the last decision."""

    def decide(self, command: Callable[[Sheet], R]) -> R:
        """Decides a command between settling and settling, and takes in what it says is to be written."""
        sheet = Sheet(self.stored, self.line)
        sheet.list = self.list
        self.seen = []
        self._settle(sheet)
        reply = command(sheet)
        self._settle(sheet)
        self._take_in(sheet)
        return reply

    def settle(self) -> None:
        """What the sweeper does."""
        self.decide(lambda _: None)

    def due(self) -> str | None:
        """When something will change by itself."""
        return turns.next_due(Sheet(self.list, self.line), self.at)

    def seat(self, who: str) -> Seat:
        """The seat under this HMAC."""
        return self.line.seats[self.line.by_mac[who]]

    def pass_to(self, at: str) -> None:
        """Lets time pass, with a sweeper that is never late."""
        while (due := self.due()) is not None and due <= at:
            self.at = max(due, self.at)
            self.settle()
        self.at = at

    def has(self, **fields: Any) -> None:
        """Has the rules changed, as whoever follows the event does it."""
        changed = msgspec.structs.replace(self.list.rules, **fields)
        self.decide(lambda sheet: setattr(sheet, "list", msgspec.structs.replace(sheet.list, rules=changed)))

    def restart(self, source: random.Random) -> None:
        """Builds the index afresh, from the leaves in any order."""
        seats = list(self.line.seats.values())
        source.shuffle(seats)
        self.line = Line(self.list.id)
        for seat in seats:
            self.line.put(seat)

    def _settle(self, sheet: Sheet) -> None:
        self._look(sheet)
        turns.settle(sheet, self.at)
        self._look(sheet)

    def _look(self, sheet: Sheet) -> None:
        self.seen.append((sheet.list, {seat.id: seat for seat in sheet.seats()}))

    def _take_in(self, sheet: Sheet) -> None:
        changes = sheet.changes(turns.next_due(sheet, self.at))
        if changes is None:
            return
        for leaf in changes.leaves:
            if leaf.id in self.line.seats:
                self.line.remove(leaf.id)
            self.line.put(msgspec.convert(leaf.state, Seat))
        for id_ in (*changes.archived, *changes.forgotten):
            self.line.remove(id_)
        if changes.facts is not None:
            self.list = self.stored = msgspec.convert(changes.facts.state, GuestList)


def asked(who: str, **fields: Any) -> Asked:
    """What somebody asks for."""
    return Asked(id=f"seat-{who}", mac=who, **fields)
