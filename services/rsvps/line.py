"""The seats of one list as decisions need them: who has one, who waits in which order, how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.rsvps.types import Seat


class Line:
    """The index over a list's leaves. It depends on nothing but which leaves are in it (`kit.leaves.Shape`)."""

    def __init__(self, list_id: str) -> None:
        self.list = list_id
        self.seats: dict[str, Seat] = {}
        self.by_mac: dict[str, str] = {}

    def put(self, seat: Seat) -> None:
        """Takes one in."""
        self.seats[seat.id] = seat
        self.by_mac[seat.mac] = seat.id

    def remove(self, id_: str) -> None:
        """Takes one out."""
        seat = self.seats.pop(id_)
        if self.by_mac.get(seat.mac) == id_:
            del self.by_mac[seat.mac]
