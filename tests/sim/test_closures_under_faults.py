"""Seeded runs of a whole site with closures, public holidays, reports of empty rooms and lists that come in again.

While everything goes wrong people edit series, close rooms and take that back; then it is healed, quiet, and every date
to come must be what a plain reference says, in the store, in lists, calendars, pages and searches.

`SEED=17 .venv/bin/python -m pytest tests/sim/test_closures_under_faults.py` runs one again.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb

from services.meetings.reclosing import LOOKS_AGAIN
from tests.sim.checker import check, stored
from tests.sim.edits import Edits
from tests.sim.faults import Faults
from tests.sim.history import ACKNOWLEDGED, History
from tests.sim.house import House
from tests.sim.house_checker import check_house, fates, series_of
from tests.sim.loop import SimLoop, run
from tests.sim.readers import Readers
from tests.sim.site import Site
from tests.sim.test_edits_under_faults import LINES, PAUSES, QUIET
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = "200" if os.environ.get("OPENCHAIR_GATE") == "1" else "2"
SEEDS: Sequence[int] = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", USUAL)))
CALLERS = 3
COMMANDS = 14  # of each caller
MEETINGS = 5
KINDS = ("edit",) * 5 + ("shut_something",) * 7 + ("stand_there",) * 3 + ("bring", "correct", "correct")


async def lives(house: House) -> None:
    """One caller: some commands, one after the other."""
    chance = house.chance
    for _ in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        tries, seconds = chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0))
        await getattr(house, chance.choice(KINDS))(tries, seconds)


async def furnished(site: Site, meetings: int) -> House:
    """A house with some meetings, a list, and nothing wrong."""
    history = History(site)
    house = House(history, Edits(site.chance))
    await site.start()
    await create_centre(history.stub, "house")
    await house.furnish()
    await house.create_noon()
    while len(history.names) < meetings:
        await house.create(house.edits.create(site.clock.now().date()), 1, 10.0)
    await house.bring(1, 10.0)
    return house


async def well(site: Site, house: House) -> None:
    """Lets it become quiet, then checks. Raises AssertionError with everything that is wrong."""
    await site.all_ready()
    await asyncio.sleep(QUIET)
    records = {record.id: record for record in await stored(site)}
    house.history.wrong += await check_house(site, house, records)
    await check(site, house.history, modelled=False)


def simulate(seed: int, *, faulty: bool = True) -> Counter[str]:
    """A whole run; the outcomes of its commands."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> Counter[str]:
        site = Site(loop, chance)
        try:
            house = await furnished(site, MEETINGS)
            faults, readers = Faults(site), Readers(site)
            meanwhile = [asyncio.create_task(work.run()) for work in ((faults, readers) if faulty else (readers,))]
            await asyncio.gather(*(lives(house) for _ in range(CALLERS)))
            for task in meanwhile:
                task.cancel()
            faults.heal()
            house.history.wrong += readers.wrong
            await well(site, house)
        except BaseException:
            print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
            raise
        return Counter(command.outcome for command in house.history.commands.values())

    return run(main, chance)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_every_date_to_come_is_what_was_said_of_it(seed: int) -> None:
    assert simulate(seed)[ACKNOWLEDGED] > 0


@pytest.mark.parametrize("seed", SEEDS[::4] or SEEDS)
def test_where_nothing_goes_wrong_every_date_to_come_is_what_was_said_of_it(seed: int) -> None:
    assert simulate(seed, faulty=False)[ACKNOWLEDGED] > 0


@pytest.mark.parametrize("seed", SEEDS[::4] or SEEDS)
def test_each_change_of_a_closure_writes_a_meeting_once_where_nothing_else_happens(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> None:
        site = Site(loop, chance)
        house = await furnished(site, 8)
        await asyncio.sleep(10)
        for _ in range(4):
            await once(site, house)
        await well(site, house)

    run(main, chance)


async def once(site: Site, house: House) -> None:
    """One closure, looked at twice, and taken back, looked at twice: each meeting that differs is written each time."""
    before = await touched(site, house)
    house.closed.clear()
    made = await house.close(house.drawn(), 1, 10.0)
    if made.outcome != ACKNOWLEDGED:
        return
    await asyncio.sleep(LOOKS_AGAIN.total_seconds() * 2 + 60)
    between = await touched(site, house)
    assert house.closed == {name: 1 for name in between.keys() | before.keys() if between.get(name) != before.get(name)}
    house.closed.clear()
    assert (await house.withdraw(house.ever[-1], 1, 10.0)).outcome == ACKNOWLEDGED
    await asyncio.sleep(LOOKS_AGAIN.total_seconds() * 2 + 60)
    after = await touched(site, house)
    assert house.closed == {name: 1 for name in between.keys() | after.keys() if between.get(name) != after.get(name)}
    found = await house.history.closing.GetClosure(pb.GetClosureRequest(name=house.ever[-1]))
    assert (found.state, found.done) == (closure_pb2.CLOSURE_STATE_WITHDRAWN, found.total)


async def touched(site: Site, house: House) -> dict[str, object]:
    """What the reference says of each meeting of which it says anything."""
    records, now = {record.id: record for record in await stored(site)}, site.clock.now()
    far = now.replace(year=now.year + 1)
    found = {each.id: fates(house, each, now, far) for each in series_of(house, records)}
    return {id_: each for id_, each in found.items() if each}
