"""What is in force is read anew by every write, or kept for as long as nobody else can have changed it."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import msgspec
from openchair.meetings.v1 import closure_service_pb2

from services.kit.clock import Ids, VirtualClock, moment
from services.kit.paging import Pages
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit
from services.meetings import closing, records
from services.meetings.desk import Desk
from services.meetings.in_force import InForce
from services.meetings.reclosing import LOOKS_AGAIN
from services.meetings.types import Centre, Closure, ClosureEffect, ClosureStatus, Meeting
from tests.service import meetings_house
from tests.service.meetings_house import CENTRE, START, House

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from services.kit.store.port import Page

pytest_plugins = ("tests.service.meetings_house",)
meetings_house.MESSAGES.update(vars(closure_service_pb2))

FLOOD = {"reason": "Closed: under water", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01"}
AT = "2026-11-21T12:00:00.000Z"


class Counting(MemoryStore):
    """Counts what is looked for."""

    finds = 0

    async def find(self, *args: Any, **more: Any) -> Page:
        self.finds += 1
        return await super().find(*args, **more)


async def furnished(*, alone: bool, disk: Disk | None = None) -> tuple[Counting, InForce]:
    clock = VirtualClock(START)
    store = Counting(records.KINDS, clock, disk)
    await store.open()
    ids = Ids(random.Random(1))  # noqa: S311 - seeded
    return store, InForce(Desk(store, clock, ids, Pages(b"k" * 32), alone=alone))


def centre(zone: str = "America/Edmonton") -> Centre:
    return Centre(id="house", centre="house", created_at=AT, title="The House", zone=zone)


def closure(id_: str) -> Closure:
    return Closure(
        id=id_, centre="house", created_at=AT, reason="Closed", effect=ClosureEffect.CANCEL, start="2026-12-01"
    )


async def put(store: MemoryStore, value: Centre | Closure) -> None:
    previous = await store.get("centre" if isinstance(value, Centre) else "closure", value.id)
    await store.commit(Commit((records.write(previous, value, at=AT, actor="kim"),)))


async def in_force(kept: InForce) -> list[str]:
    return [each.id for each in (await kept.frame("house")).closures]


async def test_the_only_owner_of_a_store_reads_once_until_a_closure_or_the_centre_changes() -> None:
    store, kept = await furnished(alone=True)
    await put(store, centre())
    for _ in range(10):
        assert await in_force(kept) == []
    assert store.finds == 1
    await put(store, closure("a"))
    assert await in_force(kept) == await in_force(kept) == ["a"]
    assert store.finds == 2
    await put(store, centre("Europe/Berlin"))
    assert (await kept.frame("house")).zone == "Europe/Berlin"
    await put(store, msgspec.structs.replace(closure("a"), active=False, status=ClosureStatus.WITHDRAWN))
    assert await in_force(kept) == []


async def test_what_is_committed_while_it_is_read_is_not_missed() -> None:
    store, kept = await furnished(alone=True)
    await put(store, centre())
    reading = asyncio.create_task(in_force(kept))
    while not store.finds:  # noqa: ASYNC110 - it is a few turns of the loop away
        await asyncio.sleep(0)
    await put(store, closure("a"))
    await reading  # it may say either
    assert await in_force(kept) == ["a"]


async def test_with_others_at_the_store_every_write_reads() -> None:
    disk = Disk()
    store, kept = await furnished(alone=False, disk=disk)
    other, _ = await furnished(alone=False, disk=disk)
    await put(store, centre())
    assert await in_force(kept) == []
    await put(other, closure("a"))
    assert await in_force(kept) == ["a"]


async def test_whatever_happens_at_the_same_time_as_a_closure_is_in_step_in_the_end(house: House) -> None:
    """Two instances over one store: one makes, changes and withdraws closures, both make, change and split meetings."""
    other = House(house.store, house.clock)
    other.meetings.searching.desk.ids = Ids(random.Random(8))  # noqa: S311 - seeded, and makes no id of the first one's
    there = [await house.meeting(title=f"Group {n}") for n in range(6)]
    kept, withdrawn = [
        await house.call("CreateClosure", parent=CENTRE, closure={**FLOOD, "reason": reason})
        for reason in ("One", "Two")
    ]

    async def make(one: House, n: int) -> None:
        await one.meeting(title=f"New {n}")

    async def rename(one: House, n: int) -> None:
        await one.call("UpdateMeeting", meeting={"name": there[n].name, "title": f"Renamed {n}"}, update_mask="title")

    await ticking(
        house,
        house.call("WithdrawClosure", name=withdrawn.name),
        house.call("UpdateClosure", closure={"name": kept.name, "end": "2026-12-20"}, update_mask="end"),
        *(make(one, n) for n, one in enumerate((house, other, house, other))),
        *(rename((house, other)[n % 2], n) for n in range(4)),
        house.call("CancelOccurrence", name=f"{there[4].name}/occurrences/20261208"),
        other.call(
            "UpdateMeeting",
            meeting={"name": there[5].name, "title": "Split"},
            update_mask="title",
            scope="EDIT_SCOPE_FOLLOWING",
            occurrence="20261208",
        ),
        house.sweep(),
        other.sweep(),
    )
    await house.sweep()
    await house.clock.advance(LOOKS_AGAIN.total_seconds())
    await house.sweep()
    await look(house, kept.name)


async def ticking(house: House, *doings: Coroutine[Any, Any, Any]) -> None:
    """All of it at once, while time goes on for whoever waits to decide anew."""
    together = asyncio.gather(*doings)
    while not together.done():
        if house.clock.asleep:
            await house.clock.advance(0.05)
        await asyncio.sleep(0.001)
    await together


async def look(house: House, name: str) -> None:
    """Every meeting is what the one closure in force makes of it."""
    record = await house.store.get("closure", name.rpartition("/")[2])
    assert record is not None
    one = records.read(record, Closure)
    assert (one.status, one.end) == (ClosureStatus.IN_FORCE, "2026-12-20")
    frame = closing.Frame("America/Edmonton", "", (one,))
    page = await house.store.find("meeting", {"centre": "house"}, limit=100)
    assert len(page.records) == 11
    for each in page.records:
        meeting = records.read(each, Meeting)
        bare = msgspec.structs.replace(meeting, closed=())
        assert closing.overlaid(bare, frame, moment(AT)).closed == meeting.closed
    cancelled = {each.closure for each in await house.listed(29, show_cancelled=True) if each.state == 2}
    assert cancelled == {name, ""}
