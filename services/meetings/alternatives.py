"""What would work instead of what cannot be had: other times in the same room, other rooms, the free part of a series.

It is reckoned in memory, from the board, after the refusal: a proposal may be gone a moment later, and says nothing of
what is in the way.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from services.meetings.in_force import InForce

if TYPE_CHECKING:
    from openchair.meetings.v1 import booking_pb2

    from services.meetings.availability import Booker
    from services.meetings.board import House
    from services.meetings.clashes import Clashing
    from services.meetings.closing import Frame
    from services.meetings.desk import Desk
    from services.recurrence.pattern import Pattern


class Wanted(NamedTuple):
    """What somebody wants: all of these rooms (ids) of a centre (id), at the dates of the pattern.

    `booker` None: a meeting of the centre, which the rules for people are not for. `meeting` (id) is the one whose
    rooms they are to be; what it has is not in its way, and neither are the bookings (ids) in `ignoring`.
    """

    centre: str
    rooms: tuple[str, ...]
    pattern: Pattern
    booker: Booker | None = None
    meeting: str = ""
    ignoring: frozenset[str] = frozenset()
    attendees: int = 0


def suggest(house: House, wanted: Wanted, at: str, frame: Frame) -> list[booking_pb2.Alternative]:  # noqa: ARG001 - being written
    """What would work, best first, from the instant `at` on. `frame` is what is in force at the centre."""
    return []


class Alternatives:
    """What would work at a centre as it is now."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.in_force = InForce(desk)

    async def to(self, wanted: Wanted) -> list[booking_pb2.Alternative]:
        """What would work instead."""
        house, frame = await self.desk.board.house(wanted.centre), await self.in_force.frame(wanted.centre)
        return suggest(house, wanted, self.desk.now(), frame)

    async def offered(self, refused: Clashing) -> Clashing:
        """The refusal with what would work instead in its report."""
        if refused.wanted is not None:
            with contextlib.suppress(Exception):  # whatever is wrong: a refusal without them is an answer, too
                refused.offer(await self.to(refused.wanted))
        return refused
