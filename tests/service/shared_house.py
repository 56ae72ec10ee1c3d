"""A house whose rooms several instances decide about, each by a clock of its own; and people who ask any of them.

Each booking is changed by one of them at a time: so what was told last of it is what must be there in the end. Test
modules import from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openchair.meetings.v1 import closure_service_pb2

from services.kit.clock import Ids, VirtualClock
from services.kit.errors import Refusal, Unavailable
from services.meetings.records import KINDS
from services.recurrence.zones import to_local
from tests.service import meetings_house
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, MAY, ZONE, at
from tests.service.meetings_house import OPERATOR, START, House

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from services.kit.call import Caller
    from services.kit.store.port import Kind, Store

    Open = Callable[[Sequence[Kind], VirtualClock], Awaitable[Store]]

meetings_house.MESSAGES.update(vars(closure_service_pb2))

RULES: Final = ("", "", "FREQ=DAILY;COUNT=4", "FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY")
DAYS: Final = ("11-23", "11-25", "11-26", "12-01")
QUOTA: Final = 2
"""Dates in a week that one person may have of the practice room."""
ROOMS: Final[dict[str, dict[str, Any]]] = {
    "East": {},
    "West": {"before_minutes": 15, "after_minutes": 30},
    "Hall": {"parts": ["East", "West"]},
    "Practice": {"rules": {"quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": QUOTA}]}},
    "Asked for": {"rules": {"approval": "APPROVAL_COMPETES"}},
    "Study": {"rules": {"check_in_minutes": 15, "hold_minutes": 5}},
}


class Sent(NamedTuple):
    """A request that was answered, and what it was answered."""

    method: str
    caller: Caller
    request: dict[str, Any]
    answer: Any


@dataclass
class Shared:
    """The instances, and what people know. `told` are bookings by name, `gone` what was given back."""

    open: Open
    seed: int
    skews: tuple[float, ...]
    houses: list[House] = field(default_factory=list)
    rooms: dict[str, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    sent: list[Sent] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.pick = random.Random(self.seed)  # noqa: S311 - seeded
        self.clocks = [VirtualClock(START + timedelta(seconds=each)) for each in self.skews]
        self.place = ""
        self.busy: set[str] = set()
        self.closures: list[str] = []
        self.meetings: list[str] = []
        self._ids = 0

    # --- instances ---

    async def start(self) -> None:
        """All of them, and what is there from the beginning."""
        for number in range(len(self.clocks)):
            self.houses.append(await self._instance(number))
        house = self.houses[0]
        await house.centre()
        self.place = (await house.place()).name
        for title, fields in ROOMS.items():
            said = {"title": title, "place": self.place, **fields}
            said["parts"] = [self.rooms[each] for each in fields.get("parts", ())]
            self.rooms[title] = (await house.call("CreateRoom", parent=CENTRE, room=said)).name

    async def restart(self, number: int) -> None:
        """One of them knows nothing any more but what is stored."""
        await self.houses[number].store.close()
        self.houses[number] = await self._instance(number)

    async def _instance(self, number: int) -> House:
        house = House(await self.open(KINDS, self.clocks[number]), self.clocks[number])
        self._ids += 1
        house.desk.ids = Ids(random.Random(self.seed * 1_000 + self._ids))  # noqa: S311 - no two draw the same
        await house.meetings.load()
        return house

    def any(self) -> House:
        """One of them."""
        return self.pick.choice(self.houses)

    async def run(self, *works: Awaitable[Any]) -> list[Any]:
        """All at once, while time goes on. Who has met others waits on the clock of an instance."""
        tasks = [asyncio.ensure_future(work) for work in works]
        while not all(task.done() for task in tasks):
            for clock in self.clocks:
                await clock.advance(0.001)
            await asyncio.wait(tasks, timeout=0.0005)
        return [task.result() for task in tasks]

    async def sweep(self) -> None:
        """Each does what is due by its clock, at the same time as the others."""
        await self.run(*(house.sweep() for house in self.houses))

    async def pass_time(self, minutes: float) -> None:
        """By all clocks."""
        for clock in self.clocks:
            await clock.advance(minutes * 60)

    # --- requests ---

    async def ask(self, method: str, caller: Caller, **request: Any) -> Any:
        """The answer; None: it was refused. Sometimes it is sent twice at once, to different instances."""
        request["request_id"] = f"r{len(self.sent)}-{self.pick.random()}"
        times = self.pick.choice((1, 1, 2))
        answers = await asyncio.gather(*(self._one(method, caller, request) for _ in range(times)))
        good = [each for each in answers if each is not None]
        assert all(each == good[0] for each in good), (method, good)
        self.counts[f"{method} {'made' if good else 'refused'}"] += 1
        if not good:
            return None
        self.sent.append(Sent(method, caller, request, good[0]))
        return good[0]

    async def _one(self, method: str, caller: Caller, request: dict[str, Any]) -> Any:
        try:
            return await self.any().call(method, caller, **request)
        except Unavailable:
            raise
        except Refusal:
            return None

    def mine(self, *, state: int = 0, room: str = "") -> str:
        """A booking that nobody else is at; the caller gives it back to `busy`."""
        names = [name for name in self.told if name not in self.busy and name.startswith(self.rooms.get(room, ""))]
        names = [name for name in names if state in (0, self.told[name].state)]
        name = self.pick.choice(sorted(names)) if names else ""
        if name:
            self.busy.add(name)
        return name

    # --- what people do ---

    async def act(self) -> None:
        """One of them does something."""
        acts = [self.book] * 5 + [self.hold] * 3 + [self.rush] * 3 + [self.approve] * 2 + [self.change] * 2
        acts += [self.meet, self.meet, self.remeet, self.close, self.reopen, self.drop_in, self.come, self.refit]
        acts += [self.give_back, self.take, self.look]
        await self.pick.choice(acts)()

    def booking(self) -> dict[str, Any]:
        """Some time in the next days."""
        start = f"2026-{self.pick.choice(DAYS)}T{self.pick.choice((17, 18))}:{self.pick.choice(('00', '30'))}"
        return at(start, self.pick.choice(RULES), self.pick.choice((30, 60, 90)))

    def policy(self) -> dict[str, str]:
        """What is to become of dates that are taken."""
        return {"on_clash": self.pick.choice(("CLASH_POLICY_REFUSE", "CLASH_POLICY_SKIP"))}

    async def book(self) -> None:
        """A room, or two."""
        rooms = self.pick.sample(sorted(self.rooms.values()), self.pick.choice((1, 1, 1, 2)))
        asked = {"parent": CENTRE, "rooms": rooms, "booking": self.booking(), **self.policy()}
        made = await self.ask("BookRoom", self.pick.choice((ANA, BEN, LEE)), **asked)
        self.know(*(made.bookings if made else ()))

    async def rush(self) -> None:
        """A hall and its parts for one evening, each by another person, at once."""
        wanted = at(f"2026-12-{self.pick.randint(2, 18):02}T{self.pick.randint(8, 15):02}:00")
        floor = [self.rooms[each] for each in ("East", "Hall", "West")]
        pairs = zip((ANA, BEN, LEE), floor, strict=True)
        asked = [self.ask("BookRoom", who, parent=CENTRE, rooms=[room], booking=wanted) for who, room in pairs]
        for made in await asyncio.gather(*asked):
            self.know(*(made.bookings if made else ()))

    async def drop_in(self) -> None:
        """The study, soon, for whoever comes or not."""
        start = to_local(self.clocks[0].now() + timedelta(minutes=self.pick.randint(5, 40)), ZONE)
        soon = at(f"{start:%Y-%m-%dT%H:%M}", "FREQ=DAILY;COUNT=2", 50)
        asked = {"parent": CENTRE, "rooms": [self.rooms["Study"]], "booking": soon}
        made = await self.ask("BookRoom", ANA, **asked)
        self.know(*(made.bookings if made else ()))

    async def come(self) -> None:
        """To what is on in the study, or soon."""
        if name := self.mine(room="Study"):
            made = await self.ask("CheckInBooking", LEE, name=name)
            self.leave(name, made)

    async def hold(self) -> None:
        """A room, and then for good, if it is still held by the clock of who is asked."""
        who, room = self.pick.choice((ANA, BEN)), self.pick.choice(sorted(self.rooms.values()))
        wanted = self.booking()
        made = await self.ask("HoldRoom", who, parent=CENTRE, room=room, booking=wanted)
        if made is None:
            return
        self.told[made.name] = made
        self.busy.add(made.name)
        for clock in self.clocks:  # others wait on it meanwhile: it is `run` that lets it go on
            clock.jump(clock.now() + timedelta(minutes=self.pick.choice((0, 0, 4, 7))))
        if self.pick.random() < 0.5:
            other = await self.ask(
                "BookRoom", self.pick.choice((who, LEE)), parent=CENTRE, rooms=[room], booking=wanted
            )
            self.know(*(other.bookings if other else ()))
        slowest = min(clock.now() for clock in self.clocks)
        confirmed = await self.ask("ConfirmHold", who, name=made.name)
        expires = made.expire_time.ToDatetime(slowest.tzinfo)
        assert confirmed is None or slowest < expires, "it was confirmed though it had expired by every clock"
        self.leave(made.name, confirmed)

    async def approve(self) -> None:
        """Two coordinators at once, who know nothing of each other: one of them has approved it, or it was taken."""
        if name := self.mine(state=2):
            answers = [each for each in await asyncio.gather(*(self._approve(name, who) for who in (LEE, MAY))) if each]
            assert len(answers) <= 1, "it was approved twice"
            self.leave(name, answers[0] if answers else None)

    async def _approve(self, name: str, who: Caller) -> Any:
        return await self.ask("ApproveBooking", who, name=name, **self.policy())

    async def change(self) -> None:
        """One of its dates, or all."""
        if name := self.mine(state=3):
            start = self.booking()["schedule"]["start"]
            asked = {"booking": {"name": name, "schedule": {"start": start}}, "update_mask": "schedule.start"}
            self.leave(name, await self.ask("ChangeBooking", MAY, **asked, **self.policy()))

    async def give_back(self) -> None:
        """All of it."""
        if name := self.mine():
            if await self.ask("ReleaseBooking", MAY, name=name):
                self.gone.add(name)
                del self.told[name]
            self.busy.discard(name)

    async def take(self) -> None:
        """What is offered."""
        if name := self.mine(state=3):
            self.leave(name, await self.ask("TakeSkippedDates", MAY, name=name))

    async def meet(self) -> None:
        """A meeting with a room."""
        rooms = [self.rooms[each] for each in self.pick.sample(("East", "West", "Hall"), 1)]
        meeting: dict[str, Any] = {
            "title": f"Group {self.pick.random():.4f}",
            "mode": "MODE_HYBRID",
            "place": self.place,
        }
        meeting |= {"rooms": rooms, "online": {"url": "https://meet.example/x"}, "schedule": self.booking()["schedule"]}
        made = await self.ask("CreateMeeting", LEE, parent=CENTRE, meeting=meeting, **self.policy())
        self.meetings += [made.name] if made else []

    async def remeet(self) -> None:
        """Another time, another room, or no meeting."""
        if not self.meetings:
            return
        name, what = self.pick.choice(self.meetings), self.pick.random()
        if what < 0.2:
            self.meetings.remove(name)
            await self.ask("DeleteMeeting", LEE, name=name)
            return
        said: dict[str, Any] = {"rooms": [self.rooms[self.pick.choice(("East", "West", "Hall"))]]}
        said = said if what < 0.6 else {"schedule": self.booking()["schedule"]}
        asked = {"update_mask": next(iter(said)), "orphans": "ORPHAN_POLICY_DROP", **self.policy()}
        await self.ask("UpdateMeeting", LEE, meeting={"name": name, **said}, **asked)

    async def close(self) -> None:
        """A room or the house, for a day or two."""
        closure: dict[str, Any] = {
            "reason": "Snow",
            "effect": "CLOSURE_EFFECT_CANCEL",
            "start": "2026-11-24",
            "end": "2026-11-25",
        }
        closure["end" if self.pick.random() < 0.5 else "start"] = "2026-11-25"
        where = {"rooms": [self.rooms["East"]]} if self.pick.random() < 0.5 else {"places": [self.place]}
        made = await self.ask("CreateClosure", LEE, parent=CENTRE, closure={**closure, **where})
        self.closures += [made.name] if made else []

    async def reopen(self) -> None:
        """What was closed."""
        if self.closures:
            await self.ask("WithdrawClosure", LEE, name=self.closures.pop())

    async def refit(self) -> None:
        """Other minutes before and after: whoever has the room keeps it."""
        room = {"name": self.rooms["East"], "before_minutes": self.pick.choice((0, 10, 30))}
        await self.ask("UpdateRoom", OPERATOR, room=room, update_mask="beforeMinutes")

    async def look(self) -> None:
        """What is due, while others ask."""
        await self.any().sweep()

    # --- what they know ---

    def know(self, *bookings: Any) -> None:
        """They were told this."""
        self.told |= {each.name: each for each in bookings}

    def leave(self, name: str, answer: Any) -> None:
        """The booking is let go of; where something was answered, that is what it is now."""
        self.busy.discard(name)
        if answer is not None:
            self.told[name] = answer

    def now(self) -> datetime:
        """By the clock that is ahead of the others."""
        return max(clock.now() for clock in self.clocks)
