"""Coordinators of a house with rooms: its meetings, closures of places and rooms, and what rooms are."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import closure_pb2, meeting_pb2

from services.recurrence.schedule import dates
from services.recurrence.wire import key_text, to_schedule
from tests.sim.rooms import ANNEX, CENTRE, DAY, HALL, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.kit.store.port import Answer
    from tests.sim.rooms import Guests

HOUSES: Final = {"Old house": tuple(HALL), "Annex": tuple(ANNEX)}
BY_GUESTS: Final = (
    ("book",) * 5
    + ("hold",) * 3
    + ("change",) * 4
    + ("give_back",) * 3
    + ("take",) * 4
    + (*("decide", "decide", "drop_in", "come"),)
)
BY_KEEPERS: Final = (
    ("meet",) * 5 + ("edit",) * 4 + ("date",) * 3 + ("call_off",) * 2 + ("close",) * 2 + (*("open", "refit"),)
)
REFITS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Hall", {"parts": ["North"]}),
    ("Hall", {"parts": ["North", "South"]}),
    ("Theatre", {"parts": ["Stage"]}),
    ("Theatre", {"parts": ["South", "Stage"]}),
    ("Cellar", {"opening_hours": [{**OPEN, "weekdays": [1, 2, 3, 4, 5, 6]}]}),
    ("Cellar", {"opening_hours": []}),
    ("North", {"before_minutes": 30}),
    ("North", {"before_minutes": 0, "after_minutes": 15}),
)


@dataclass
class Keepers:
    """What they know: the dates of meetings (by name, as they were made), and closures in force, by name."""

    guests: Guests
    meetings: dict[str, list[str]] = field(default_factory=dict)
    closures: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = self.guests.chance
        self.history = self.guests.history
        self.history.forgets = self.forget

    async def any(self, share: float, tries: int, seconds: float) -> None:
        """Anything that a coordinator does, or with what is left of that share a guest."""
        if self.chance.random() < share:
            await getattr(self, self.chance.choice(BY_KEEPERS))(tries, seconds)
        else:
            await getattr(self.guests, self.chance.choice(BY_GUESTS))(tries, seconds)

    # --- meetings ---

    async def meet(self, tries: int, seconds: float) -> None:
        """A new meeting: in some rooms, or hosted, or both."""
        chance = self.chance
        mode = chance.choice(("IN_PERSON",) * 4 + ("HYBRID", "ONLINE"))
        meeting: dict[str, Any] = {
            "title": self.guests.text(),
            "mode": f"MODE_{mode}",
            "schedule": self.guests.schedule(),
        }
        if mode != "IN_PERSON":
            meeting |= {"online": {"url": "https://meet.example/own"}, "online_host": self.guests.rooms["Video"]}
        fields: dict[str, Any] = {"parent": CENTRE, "meeting": meeting | self._where(), **self.guests.policy()}
        await self.history.send("CreateMeeting", fields, tries, seconds, then=self._made)

    async def edit(self, tries: int, seconds: float) -> None:
        """All of a meeting, or one date and those that follow: other rooms, another hour, another title."""
        name = self._any()
        if not name:
            return
        key = self.chance.choice(self.meetings[name]) if self.chance.random() < 0.4 else ""
        said, mask = self._edited(key)
        scope = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": key} if key else {"scope": "EDIT_SCOPE_ALL"}
        fields = {"meeting": {"name": name, **said}, "update_mask": mask, "orphans": "ORPHAN_POLICY_DROP", **scope}
        await self.history.send("UpdateMeeting", fields | self.guests.policy(), tries, seconds, then=self._made)

    async def call_off(self, tries: int, seconds: float) -> None:
        """One date, or the whole meeting."""
        name = self._any()
        if name and self.chance.random() < 0.2:
            await self.history.send("DeleteMeeting", {"name": name}, tries, seconds, then=lambda _: self._gone(name))
        elif name:
            await self.history.send("CancelOccurrence", {"name": self._date(name)}, tries, seconds)

    async def date(self, tries: int, seconds: float) -> None:
        """One date is held otherwise than usual, or as usual again."""
        name = self._any()
        if not name:
            return
        if self.chance.random() < 0.4:
            fields: dict[str, Any] = {"name": self._date(name), **self.guests.policy()}
            await self.history.send("RestoreOccurrence", fields, tries, seconds)
            return
        changes: tuple[tuple[dict[str, Any], str], ...] = (
            (self._where(), "place,rooms"),
            ({"start": self.guests.start()}, "start"),
            ({"minutes": 90}, "minutes"),
            ({"mode": "MODE_ONLINE", "online": {"url": "https://meet.example/one"}}, "mode,online"),
        )
        said, mask = self.chance.choice(changes)
        fields = {"name": self._date(name), "change": said, "update_mask": mask, **self.guests.policy()}
        await self.history.send("ChangeOccurrence", fields, tries, seconds)

    def _edited(self, key: str) -> tuple[dict[str, Any], str]:
        kind = self.chance.choice(("where", "where", "start", "minutes", "title", "visibility"))
        if kind == "where":
            return self._where(), "place,rooms"
        if kind == "start":
            day = f"{key[:4]}-{key[4:6]}-{key[6:8]}" if key else ""
            start = f"{day}T{self.chance.randint(17, 19)}:00" if day else self.guests.start()
            return {"schedule": {"start": start}}, "schedule.start"
        if kind == "minutes":
            return {"schedule": {"minutes": self.chance.choice((30, 60, 120))}}, "schedule.minutes"
        if kind == "title":
            return {"title": self.guests.text()}, "title"
        return {"visibility": self.chance.choice(("VISIBILITY_PUBLIC", "VISIBILITY_UNLISTED"))}, "visibility"

    def _where(self) -> dict[str, Any]:
        house = self.chance.choice(sorted(HOUSES))
        titles = self.chance.sample(HOUSES[house], self.chance.choice((1, 1, 1, 2)))
        return {"place": self.guests.places[house], "rooms": [self.guests.rooms[each] for each in titles]}

    def _any(self) -> str:
        return self.chance.choice(sorted(self.meetings)) if self.meetings else ""

    def _date(self, name: str) -> str:
        return f"{name}/occurrences/{self.chance.choice(self.meetings[name])}"

    # --- closures ---

    async def close(self, tries: int, seconds: float) -> None:
        """The house, a place or a room, for some days; meetings are called off, online, or in another room."""
        chance, today = self.chance, self.history.site.clock.now().date()
        first = today + chance.randint(0, 6) * DAY
        fields: dict[str, Any] = {"start": str(first), "end": str(first + chance.randint(0, 5) * DAY), "reason": "Snow"}
        away = chance.choice(sorted(HOUSES))
        other = next(each for each in HOUSES if each != away)
        scope = chance.choice(("house", "place", "place", "room", "room"))
        if scope == "place":
            fields["places"] = [self.guests.places[away]]
        elif scope == "room":
            fields["rooms"] = [self.guests.rooms[chance.choice(HOUSES[away])]]
        effect = chance.choice(("CANCEL", "MOVE", "MOVE") if scope != "house" else ("CANCEL", "CANCEL", "ONLINE"))
        fields["effect"] = f"CLOSURE_EFFECT_{effect}"
        if effect == "ONLINE":
            fields["online"] = {"url": "https://meet.example/lent"}
        if effect == "MOVE":
            fields["move_place"] = self.guests.places[other]
            fields["move_rooms"] = [self.guests.rooms[chance.choice(HOUSES[other])]]
        await self.history.send(
            *("CreateClosure", {"parent": CENTRE, "closure": fields}, tries, seconds),
            then=lambda answer: self._closed(answer, fields),
        )

    async def open(self, tries: int, seconds: float) -> None:
        """A closure is taken back."""
        if self.closures:
            name = self.chance.choice(sorted(self.closures))
            gone = lambda _: self.closures.pop(name, None)  # noqa: E731 - it is one
            await self.history.send("WithdrawClosure", {"name": name}, tries, seconds, then=gone)

    # --- rooms ---

    async def refit(self, tries: int, seconds: float) -> None:
        """A hall gets other parts, a room other hours, or more or fewer minutes between two."""
        title, said = self.chance.choice(REFITS)
        if "parts" in said:
            said = {"parts": [self.guests.rooms[each] for each in said["parts"]]}
        fields = {"room": {"name": self.guests.rooms[title], **said}, "update_mask": _mask(said)}
        await self.history.send("UpdateRoom", fields, tries, seconds)

    # --- what was committed ---

    def forget(self) -> None:
        """The database is an older one of itself: what is kept is told again."""
        self.meetings.clear()
        self.closures.clear()
        self.guests.known.clear()

    def _made(self, answer: Answer) -> None:
        told = meeting_pb2.Meeting.FromString(base64.b64decode(answer.reply))
        today = self.history.site.clock.now().date()
        near = dates(to_schedule(told.schedule), today, today + 30 * DAY)
        self.meetings[told.name] = [key_text(key) for key in near][:8] or ["20261124"]

    def _gone(self, name: str) -> None:
        self.meetings.pop(name, None)

    def _closed(self, answer: Answer, fields: dict[str, Any]) -> None:
        made = closure_pb2.Closure.FromString(base64.b64decode(answer.reply))
        self.closures[made.name] = fields


def _mask(paths: Iterable[str]) -> str:
    """As JSON has it."""
    return ",".join(re.sub("_(.)", lambda found: found[1].upper(), path) for path in paths)
