"""People who keep seats at the same dates: what a seed has them do.

They have keys and no name. What they did is judged commit by commit (`seats_trail`), and at the end (`seats_checker`);
the meetings that they come to, and the rules, are those of `seat_keepers`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1 import seat_pb2

if TYPE_CHECKING:
    from collections.abc import Collection

    from services.kit.store.port import Answer
    from tests.sim.history import History

CENTRE: Final = "centres/house"
GUESTS: Final = 9
NEAR: Final = 2
"""So many of a meeting's dates everybody wants."""
DONE: Final = (
    ("reserve",) * 12
    + ("cancel",) * 5
    + ("change",) * 3
    + ("accept",) * 3
    + ("confirm", "decline", "come", "come")
    + (*("always", "always", "never_again", "either", "either", "either", "either", "again"),)
)
GOING: Final = frozenset({seat_pb2.SEAT_STATE_GOING})
WAITING: Final = frozenset({seat_pb2.SEAT_STATE_WAITLISTED, seat_pb2.SEAT_STATE_OFFERED})


def key_of(number: int) -> str:
    """The guest key of somebody, as text."""
    return base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("=")


@dataclass
class Guests:
    """What they know: dates of meetings (keys by name, as they were made), and who asked for a seat where."""

    history: History
    meetings: dict[str, list[str]] = field(default_factory=dict)
    whole: list[str] = field(default_factory=list)
    """Names of meetings where one keeps a standing seat, or joins a course (the last of them)."""
    sisters: list[str] = field(default_factory=list)
    """Names of dates that share a waitlist."""
    asked: list[tuple[int, str]] = field(default_factory=list)
    told: dict[tuple[int, str], int] = field(default_factory=dict)
    """The state that each was told last of a seat there."""

    def __post_init__(self) -> None:
        self.chance = self.history.site.chance

    async def any(self, tries: int, seconds: float) -> None:
        """Anything that a guest does."""
        await getattr(self, self.chance.choice(DONE))(tries, seconds)

    async def reserve(self, tries: int, seconds: float) -> None:
        """A seat at a date, or a place in its line."""
        name = self.chance.choice(self.sisters) if self.chance.random() < 0.3 else self.date()
        if name:
            await self._do("Reserve", self._somebody(name), name, tries, seconds, **self._wish())

    async def again(self, tries: int, seconds: float) -> None:
        """Who has asked before asks once more."""
        who, name = self._mine(WAITING)
        if name:
            await self._do("Reserve", who, name, tries, seconds, **self._wish())

    async def always(self, tries: int, seconds: float) -> None:
        """A standing seat, or a course."""
        name = self.chance.choice(self.whole)
        await self._do("Reserve", self._somebody(name), name, tries, seconds, **self._wish())

    async def never_again(self, tries: int, seconds: float) -> None:
        """It is given back."""
        who, name = self._mine(whole=True)
        if name:
            await self._do("Cancel", who, name, tries, seconds)

    async def either(self, tries: int, seconds: float) -> None:
        """A seat at one of several dates, whichever comes first."""
        if self.sisters:
            first, *others = self.chance.sample(self.sisters, len(self.sisters))
            wish = self._wish() | {"attendance": 1, "party_size": 1}
            await self._do("Reserve", self._somebody(first), first, tries, seconds, also=others, **wish)

    async def cancel(self, tries: int, seconds: float) -> None:
        """It is given back."""
        await self._own("Cancel", GOING, tries, seconds)

    async def accept(self, tries: int, seconds: float) -> None:
        """What may be offered is taken."""
        await self._own("AcceptOffer", WAITING, tries, seconds)

    async def decline(self, tries: int, seconds: float) -> None:
        """What may be offered is not wanted any more."""
        await self._own("DeclineOffer", WAITING, tries, seconds)

    async def confirm(self, tries: int, seconds: float) -> None:
        """One still comes."""
        await self._own("Confirm", GOING, tries, seconds)

    async def change(self, tries: int, seconds: float) -> None:
        """A larger or smaller party, another way to take part, to be asked or not."""
        paths = self.chance.sample(("party_size", "attendance", "wait"), self.chance.choice((1, 1, 2)))
        wish = {path: value for path, value in self._wish().items() if path in paths}
        await self._own("Change", GOING | WAITING, tries, seconds, update_mask=paths, **wish)

    async def come(self, tries: int, seconds: float) -> None:
        """Somebody reads the code that is shown in the room, if one is."""
        name = self.date(first=1)
        asked = pb.GetCheckInCodeRequest(name=name)
        shown = await self.history.ask(self.history.seats.GetCheckInCode, asked) if name else None
        if shown is not None:
            fields = {"code": shown.words, "party_size": self.chance.randint(1, 2), "attendance": 1}
            await self._do("CheckIn", self.chance.randrange(GUESTS), name, tries, seconds, **fields)

    # How it is drawn

    def date(self, first: int = NEAR) -> str:
        """One of the next dates of a meeting."""
        name = self._meeting()
        return f"{name}/occurrences/{self.chance.choice(self.meetings[name][:first])}" if name else ""

    def _meeting(self) -> str:
        """One where single dates are kept, by preference one of the first."""
        found = [each for each in self.meetings if each not in self.whole[-1:]]
        return self.chance.choice([*found, *found[:3] * 2]) if found else ""

    def _somebody(self, name: str) -> int:
        who = self.chance.randrange(GUESTS)
        self.asked.append((who, name))
        return who

    def _mine(self, states: Collection[int] = (), *, whole: bool = False) -> tuple[int, str]:
        """Somebody and where they asked for a seat, by preference one who was told such a state."""
        found = [each for each in self.asked if not whole or "/occurrences/" not in each[1]]
        known = [each for each, state in self.told.items() if state in states and each in found]
        return self.chance.choice(known or found) if known or (found and self.chance.random() < 0.3) else (0, "")

    def _wish(self) -> dict[str, Any]:
        chance = self.chance
        return {
            "party_size": chance.choice((1, 1, 1, 2)),
            "wait": chance.choice((0, 0, 1)),
            "attendance": chance.choice((0, 1, 1, 1, 1, 2)),
        }

    async def _own(self, method: str, states: Collection[int], tries: int, seconds: float, **fields: Any) -> None:
        who, name = self._mine(states)
        if name:
            await self._do(method, who, name, tries, seconds, **fields)

    async def _do(self, method: str, who: int, name: str, tries: int, seconds: float, **fields: Any) -> None:
        def then(answer: Answer) -> None:
            body = base64.b64decode(answer.reply)
            if method != "CheckIn":
                reserved = method == "Reserve"
                seat = pb.ReserveResponse.FromString(body).seat if reserved else seat_pb2.Seat.FromString(body)
                self.told[who, name] = seat.state

        fields = {"name": name, "guest_key": key_of(who), **fields}
        await self.history.send(method, fields, tries, seconds, then=then)
