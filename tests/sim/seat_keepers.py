"""Who leads meetings at which seats are kept: the meetings, how seats are kept there, and counting heads."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from openchair.meetings.v1 import closure_pb2, meeting_pb2
from openchair.rsvps.v1 import list_rules_pb2

from services.recurrence.schedule import dates
from services.recurrence.wire import key_text, to_schedule
from tests.sim.history import ACKNOWLEDGED
from tests.sim.seat_guests import CENTRE, GUESTS, NEAR
from tests.system.acts import ZONE

if TYPE_CHECKING:
    from services.kit.store.port import Answer
    from tests.sim.seat_guests import Guests

DAY: Final = timedelta(days=1)
HEARD: Final = 60
"""Tries, a second apart, until the seats' service has heard of a meeting."""
DONE: Final = (
    ("date",) * 6
    + ("edit",) * 4
    + ("rule",) * 6
    + ("rule_date",) * 2
    + ("shut", "shut", "shut")
    + (*("meet", "call_off", "close", "open", "open", "count"),)
)
NOON: Final = "Noon"


@dataclass
class Keepers:
    """What they know: closures in force, and what was last said of how seats are kept, by meeting."""

    guests: Guests
    closures: list[str] = field(default_factory=list)
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, list_rules_pb2.ListRules] = field(default_factory=dict)
    """What was answered last to whoever set rules, by name of the meeting."""

    def __post_init__(self) -> None:
        self.chance = self.guests.chance
        self.history = self.guests.history
        self._count = 0

    async def any(self, tries: int, seconds: float) -> None:
        """Anything that a coordinator does."""
        await getattr(self, self.chance.choice(DONE))(tries, seconds)

    # What there is from the beginning

    async def furnish(self) -> None:
        """A meeting that is about to begin, one in both ways, one whose seats are for good, a course; sister dates."""
        soon = self._now() + timedelta(minutes=self.chance.choice((4, 12, 61)))
        evening = (self._now() + DAY).replace(hour=19, minute=0)
        await self._begin(NOON, soon, "FREQ=DAILY", capacity=3, claim_minutes=5, confirm_before_minutes=0)
        await self._begin("Both", evening, "FREQ=WEEKLY", "HYBRID", capacity=1, online_capacity=1, claim_minutes=5)
        await self._begin("Tuesday", evening, "FREQ=DAILY", capacity=1, standing_seats=True)
        await self._begin("Course", evening, "FREQ=WEEKLY;COUNT=6", capacity=3, scope=1)
        self.guests.whole = [*self.guests.meetings][-2:]
        await self._sister_dates()

    async def _begin(self, title: str, start: datetime, rule: str, mode: str = "IN_PERSON", **rules: Any) -> None:
        made: list[str] = []
        meeting = self._meeting(title, start, rule, mode)
        await self.history.send(
            *("CreateMeeting", {"parent": CENTRE, "meeting": meeting}, 1, 10.0),
            then=lambda answer: made.append(self._made(answer)),
        )
        rules = {"mode": 1, "party_size": 2, **rules}
        for _ in range(HEARD):
            if await self._set(made[0], rules, 1, 10.0) == ACKNOWLEDGED:
                return
            await self.history.site.clock.sleep(1)
        raise AssertionError(f"nothing was heard of {title}")

    async def _sister_dates(self) -> None:
        """The first dates of two meetings share a waitlist."""
        _, both, often, _ = self.guests.meetings
        names = [f"{name}/occurrences/{self.guests.meetings[name][0]}" for name in (both, often)]
        rules = self.rules[both] | {"sister_dates": [{"id": "both", "names": names}]}
        assert await self._set(both, rules, 1, 10.0) == ACKNOWLEDGED
        self.guests.sisters = names

    # Meetings

    async def meet(self, tries: int, seconds: float) -> None:
        """A new meeting; seats are kept there, if it is heard of at once."""
        start = (self._now() + self.chance.randint(0, 2) * DAY).replace(hour=self.chance.randint(17, 20), minute=0)
        made: list[str] = []
        meeting = self._meeting(self._text("New"), start, self.chance.choice(("", "FREQ=DAILY")), self._mode())
        await self.history.send(
            *("CreateMeeting", {"parent": CENTRE, "meeting": meeting}, tries, seconds),
            then=lambda answer: made.append(self._made(answer)),
        )
        if made:
            await self.history.site.clock.sleep(2)
            await self._set(made[0], {"mode": 1, "party_size": 2, "capacity": 1}, tries, seconds)

    async def date(self, tries: int, seconds: float) -> None:
        """One date is called off, or held at another time or in another way, or as usual again."""
        name = self.guests.date()
        if not name:
            return
        kind = self.chance.choice(("off", "off", "back", "back", "back", "back", "start", "start", "mode"))
        if kind in {"off", "back"}:
            method = "CancelOccurrence" if kind == "off" else "RestoreOccurrence"
            await self.history.send(method, {"name": name}, tries, seconds)
            return
        start = (self._now() + self.chance.randint(0, 4) * DAY).replace(hour=self.chance.randint(13, 20), minute=30)
        said: dict[str, Any] = {"start": start.isoformat(timespec="minutes")}
        if kind == "mode":
            said = self._way(self._mode())
        fields = {"name": name, "change": said, "update_mask": ",".join(said)}
        await self.history.send("ChangeOccurrence", fields, tries, seconds)

    async def edit(self, tries: int, seconds: float) -> None:
        """All of a meeting, or one date and those that follow: another day, another hour, who may know of it."""
        name = self._any()
        if not name:
            return
        key = self.chance.choice(self.guests.meetings[name][:NEAR]) if self.chance.random() < 0.5 else ""
        said, mask = self._edited(key)
        scope = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": key} if key else {"scope": "EDIT_SCOPE_ALL"}
        fields = {"meeting": {"name": name, **said}, "update_mask": mask, "orphans": "ORPHAN_POLICY_DROP", **scope}
        await self.history.send("UpdateMeeting", fields, tries, seconds, then=self._made)

    async def call_off(self, tries: int, seconds: float) -> None:
        """The whole meeting, seldom; else a date."""
        name = self._any()
        if name and self.chance.random() < 0.15:
            gone = lambda _: self.guests.meetings.pop(name, None)  # noqa: E731 - it is one
            await self.history.send("DeleteMeeting", {"name": name}, tries, seconds, then=gone)
        elif name:
            await self.history.send("CancelOccurrence", {"name": self.guests.date()}, tries, seconds)

    async def close(self, tries: int, seconds: float) -> None:
        """The house, for some days."""
        first = self._now().date() + self.chance.randint(0, 3) * DAY
        fields = {"start": str(first), "end": str(first + self.chance.randint(0, 2) * DAY), "reason": "Snow"}
        fields["effect"] = "CLOSURE_EFFECT_CANCEL"
        request = {"parent": CENTRE, "closure": fields}
        await self.history.send("CreateClosure", request, tries, seconds, then=self._closed)

    async def open(self, tries: int, seconds: float) -> None:
        """The house is open again."""
        if self.closures:
            name = self.closures[-1]
            gone = lambda _: self.closures.remove(name) if name in self.closures else None  # noqa: E731 - as above
            await self.history.send("WithdrawClosure", {"name": name}, tries, seconds, then=gone)

    # Seats

    async def rule(self, tries: int, seconds: float) -> None:
        """More chairs or fewer, a longer or shorter line, what becomes of seats, whether they are kept at all."""
        name = self._any()
        if name not in self.rules:
            return
        drawn: tuple[dict[str, Any], ...] = (
            *({"capacity": self.chance.randint(1, 4)},) * 3,
            {"online_capacity": self.chance.randint(0, 2)},
            {"waitlist": self.chance.choice((-1, 0, 2))},
            {"on_move": self.chance.choice((0, 1))},
            {"party_rule": self.chance.choice((0, 1))},
            {"mode": self.chance.choice((0, 1, 1, 2))},
            {"cut_off_minutes": self.chance.choice((0, 5, 60))},
        )
        await self._set(name, self.rules[name] | self.chance.choice(drawn), tries, seconds)

    async def rule_date(self, tries: int, seconds: float) -> None:
        """One date has a capacity of its own."""
        name = self.guests.date()
        if name.partition("/occurrences/")[0] in self.rules:
            fields = {"name": f"{name}/listRules", "capacity": self.chance.randint(1, 4)}
            await self.history.send("SetListRules", {"list_rules": fields}, tries, seconds)

    async def shut(self, tries: int, seconds: float) -> None:
        """No more seats are kept at a date, or they are again."""
        name = self.guests.date()
        if name:
            fields = {"name": name, "reopen": self.chance.random() < 0.7}
            await self.history.send("CloseList", fields, tries, seconds)

    async def count(self, tries: int, seconds: float) -> None:
        """Who leads counts heads."""
        name = self.guests.date(first=1)
        if name:
            fields = {"name": name, "in_person": self.chance.randint(0, GUESTS)}
            await self.history.send("HeadCount", fields, tries, seconds)

    async def _set(self, name: str, rules: dict[str, Any], tries: int, seconds: float) -> str:
        fields = {"list_rules": {"name": f"{name}/listRules", **rules}}

        def then(answer: Answer) -> None:
            self.rules[name] = rules
            self.told[name] = list_rules_pb2.ListRules.FromString(base64.b64decode(answer.reply))

        return (await self.history.send("SetListRules", fields, tries, seconds, then=then)).outcome

    # How it is drawn

    def _edited(self, key: str) -> tuple[dict[str, Any], str]:
        kind = self.chance.choice(("day", "day", "hour", "minutes", "visibility", "mode", "title"))
        if kind in {"day", "hour"}:
            day = datetime.fromisoformat(f"{key[:4]}-{key[4:6]}-{key[6:8]}") if key else self._now() + DAY
            day += self.chance.randint(1, 2) * DAY if kind == "day" else timedelta()
            start = day.replace(hour=self.chance.randint(13, 20), minute=0)
            return {"schedule": {"start": start.isoformat(timespec="minutes")}}, "schedule.start"
        if kind == "minutes":
            return {"schedule": {"minutes": self.chance.choice((30, 60, 120))}}, "schedule.minutes"
        if kind == "visibility":
            return {"visibility": self.chance.choice(("VISIBILITY_PUBLIC", "VISIBILITY_UNLISTED"))}, "visibility"
        if kind == "mode":
            said = self._way(self._mode())
            return said, ",".join(said)
        return {"title": self._text("Other")}, "title"

    def _meeting(self, title: str, start: datetime, rule: str, mode: str) -> dict[str, Any]:
        schedule = {"start": start.isoformat(timespec="minutes"), "time_zone": ZONE, "minutes": 60}
        return {"title": title, "schedule": schedule | ({"rule": rule} if rule else {}), **self._way(mode)}

    @staticmethod
    def _way(mode: str) -> dict[str, Any]:
        online = {} if mode == "IN_PERSON" else {"online": {"url": "https://meet.example/own"}}
        return {"mode": f"MODE_{mode}", **online}

    def _mode(self) -> str:
        return self.chance.choice(("IN_PERSON", "IN_PERSON", "HYBRID", "HYBRID", "ONLINE"))

    def _any(self) -> str:
        return self.chance.choice([*self.guests.meetings]) if self.guests.meetings else ""

    def _text(self, word: str) -> str:
        self._count += 1
        return f"{word} {self._count}"

    def _now(self) -> datetime:
        now = self.history.site.clock.now().astimezone(ZoneInfo(ZONE))
        return now.replace(tzinfo=None, second=0, microsecond=0)

    # What was committed

    def _made(self, answer: Answer) -> str:
        told = meeting_pb2.Meeting.FromString(base64.b64decode(answer.reply))
        today = self._now().date()
        near = dates(to_schedule(told.schedule), today, today + 30 * DAY)
        self.guests.meetings[told.name] = [key_text(key) for key in near][: NEAR + 1] or ["20261124"]
        return told.name

    def _closed(self, answer: Answer) -> None:
        self.closures.append(closure_pb2.Closure.FromString(base64.b64decode(answer.reply)).name)
