"""A list while it is decided about: the line with what has been decided so far laid over it. Rules work on this."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.rsvps.types import GuestList, Seat, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.kit.leaves import Changes
    from services.rsvps.line import Line


class Sheet:
    """What a decision reads and writes; the line underneath is not changed.

    `list` may be replaced. `put` writes a seat (new, or another state of one). Counts are of people, parties whole, of
    the list's present era.
    """

    def __init__(self, guest_list: GuestList, line: Line) -> None:
        self.list = guest_list
        self.line = line

    def seat(self, id_: str) -> Seat | None:
        """A seat by its id."""
        raise NotImplementedError

    def held(self, *macs: str) -> Seat | None:
        """The seat under the first of these HMACs that has one."""
        raise NotImplementedError

    def put(self, seat: Seat) -> None:
        """Writes a seat."""
        raise NotImplementedError

    def drop(self, id_: str) -> None:
        """Takes a leaf away, with all that it said."""
        raise NotImplementedError

    def taken(self, where: Where) -> int:
        """People who are going or have an offer."""
        raise NotImplementedError

    def quota_taken(self, quota: str) -> int:
        """The same, of those who need a place of a quota."""
        raise NotImplementedError

    def waiting(self, where: Where) -> Iterator[Seat]:
        """Those who wait, in order."""
        raise NotImplementedError

    def offered(self) -> Iterator[Seat]:
        """Those who have an offer, the first to lapse first."""
        raise NotImplementedError

    def next_order(self) -> int:
        """The place at the end of the line."""
        raise NotImplementedError

    def changes(self, due_at: str | None) -> Changes | None:
        """What is to be committed; None: nothing has changed."""
        raise NotImplementedError
