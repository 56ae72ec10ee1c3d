"""After whatever people and closures do, rooms are booked as the meetings want them, and what is lost is known."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.meetings.records import KINDS
from services.meetings.types import Meeting
from tests.contract.store_fixtures import ENGINES
from tests.service.claims_house import a_room, an_account, at, every, fits
from tests.service.meetings_house import CENTRE, START, House

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SCHEDULES = [
    at("2026-11-24", "FREQ=WEEKLY;BYDAY=TU"),
    at("2026-11-24T19:30", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
    at("2026-11-25T18:30", "FREQ=MONTHLY;BYDAY=-1WE", 90),
    at("2026-11-30", "FREQ=DAILY;COUNT=20", 30),
    at("2026-12-01T20:00"),
    {
        **at("2026-12-02"),
        "extra_dates": [{"date": "2026-12-08"}, {"date": "2026-12-09", "time": "08:00", "ordinal": 1}],
    },
]
POLICIES = ["CLASH_POLICY_REFUSE", "CLASH_POLICY_SKIP", "CLASH_POLICY_SKIP", "CLASH_POLICY_OVERRULE"]


class Coordinators:
    """Several of them, who do whatever comes to their minds."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.pick = random.Random(seed)  # noqa: S311 - seeded
        self.rooms: dict[str, list[str]] = {}
        self.account = ""
        self.closures: list[str] = []

    async def furnish(self) -> None:
        for title in ("Hall", "Library"):
            place = (await self.house.place(title=title)).name
            self.rooms[place] = [await a_room(self.house, place, f"{title} {n}", before_minutes=5 * n) for n in (0, 1)]
        self.account = await an_account(self.house)

    async def act(self) -> None:
        """One thing; what is refused changes nothing."""
        names = [each.id for each in await every(self.house, "meeting", Meeting) if each.status.value != "cancelled"]
        acts: list[Callable[[str], Awaitable[None]]] = [self._create, self._close, self._withdraw, self._time]
        acts += [self._edit, self._edit, self._follow, self._cancel, self._change, self._restore, self._delete] * bool(
            names
        )
        with suppress(Refusal):
            await self.pick.choice(acts)(f"{CENTRE}/meetings/{self.pick.choice(names)}" if names else "")
        if self.pick.random() < 0.7:
            await self.house.sweep()

    def _where(self) -> dict[str, Any]:
        place = self.pick.choice([*self.rooms])
        return {"place": place, "rooms": self.pick.sample(self.rooms[place], self.pick.choice([0, 1, 1, 2]))}

    def _asked(self) -> dict[str, str]:
        policy = self.pick.choice(POLICIES)
        return {"on_clash": policy, "overrule_reason": "So it is" if policy.endswith("OVERRULE") else ""}

    async def _create(self, _: str) -> None:
        mode = self.pick.choice(["MODE_IN_PERSON", "MODE_HYBRID", "MODE_ONLINE"])
        meeting = {"title": f"Group {self.pick.random():.3f}", "mode": mode, "schedule": self.pick.choice(SCHEDULES)}
        meeting |= {"online": {"url": "https://meet.example/x"}, "online_host": self.account, **self._where()}
        await self.house.call("CreateMeeting", parent=CENTRE, meeting=meeting, **self._asked())

    async def _edit(self, name: str) -> None:
        field, value = self.pick.choice(
            [
                ("schedule", self.pick.choice(SCHEDULES)),
                ("place,rooms", self._where()),
                ("title", "Renamed"),
                ("mode", "MODE_ONLINE"),
                ("state", self.pick.choice(["MEETING_STATE_SUSPENDED", "MEETING_STATE_ACTIVE"])),
            ]
        )
        fields = value if isinstance(value, dict) and field != "schedule" else {field: value}
        request = {"meeting": {"name": name, **fields}, "update_mask": field, "orphans": "ORPHAN_POLICY_DROP"}
        await self.house.call("UpdateMeeting", **request, **self._asked())

    async def _follow(self, name: str) -> None:
        request = {"meeting": {"name": name, **self._where()}, "update_mask": "place,rooms"}
        scope = {"scope": "EDIT_SCOPE_FOLLOWING", "occurrence": self._key()}
        await self.house.call("UpdateMeeting", **request, **scope, **self._asked())

    def _key(self) -> str:
        return self.pick.choice(["20261124", "20261201", "20261208", "20261125", "20261205", "20261222", "20261230"])

    async def _cancel(self, name: str) -> None:
        await self.house.call("CancelOccurrence", name=f"{name}/occurrences/{self._key()}")

    async def _restore(self, name: str) -> None:
        await self.house.call("RestoreOccurrence", name=f"{name}/occurrences/{self._key()}", **self._asked())

    async def _change(self, name: str) -> None:
        key = self._key()
        day = f"{key[:4]}-{key[4:6]}-{key[6:]}"
        mask, change = self.pick.choice(
            [
                ("place,rooms", self._where()),
                ("start", {"start": f"{day}T18:30"}),
                ("minutes", {"minutes": 90}),
                ("mode", {"mode": "MODE_ONLINE"}),
            ]
        )
        request = {"change": change, "update_mask": mask}
        await self.house.call("ChangeOccurrence", name=f"{name}/occurrences/{key}", **request, **self._asked())

    async def _delete(self, name: str) -> None:
        if self.pick.random() < 0.3:
            await self.house.call("DeleteMeeting", name=name)

    async def _close(self, _: str) -> None:
        one, other = self.pick.sample([*self.rooms], 2)
        closure: dict[str, Any] = {
            "reason": "Snow",
            "start": self.pick.choice(["2026-12-01", "2026-12-08"]),
            "end": "2026-12-16",
        }
        effect = self.pick.choice(["CANCEL", "ONLINE", "MOVE", "MOVE"])
        closure |= {"effect": f"CLOSURE_EFFECT_{effect}", "places": [one]}
        if effect == "MOVE":
            closure |= {"move_place": other, "move_rooms": self.rooms[other][:1]}
        made = await self.house.call("CreateClosure", parent=CENTRE, closure=closure)
        self.closures.append(made.name)

    async def _withdraw(self, _: str) -> None:
        if self.closures:
            await self.house.call("WithdrawClosure", name=self.closures.pop())

    async def _time(self, _: str) -> None:
        await self.house.clock.advance(self.pick.choice([3600, 86400]))


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(6, 60))])
async def test_what_is_booked_and_what_is_lost_is_what_meetings_want(seed: int, request: pytest.FixtureRequest) -> None:
    clock = VirtualClock(START)
    async with ENGINES["memory"](request, clock) as engine:
        house = House(await engine.start(KINDS), clock)
        await house.meetings.load()
        await house.centre()
        people = Coordinators(house, seed)
        await people.furnish()
        for _ in range(40):
            acting = asyncio.create_task(people.act())
            while not acting.done():  # a booking that was archived comes back: it is looked for after a pause
                await clock.advance(0.001)
                await asyncio.sleep(0)
            await acting
            await fits(house)
