"""Two instances of every service, and a past that is lost: a stream wiped or set back, a database restored.

Seeded rounds of random edits through both instances, while one is restarted, killed or frozen, answers of the broker
are lost, and others write what is no state of ours. Afterwards everything is as if nothing had happened, but for what
came between a backup and its restore.

`SEED=17 .venv/bin/python -m pytest tests/system/test_second_instance.py` runs one round again, as far as real servers
let it be the same.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from tests.sim.edits import Edits
from tests.sim.history import History
from tests.sim.house import House
from tests.sim.room_keepers import Keepers
from tests.sim.rooms import Guests
from tests.sim.test_closures_under_faults import KINDS
from tests.system.acts import create_centre
from tests.system.second_checker import check, restless
from tests.system.second_faults import Faults
from tests.system.second_site import SPEED, Site

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLERS = 2
STORES = ("sqlite", "memory")
LINES = 60_000  # characters of the log that are shown of a round that failed


def seeds(usual: int, gate: int) -> Sequence[int]:
    """The one that SEED names, as many as SEEDS says, or so many."""
    if "SEED" in os.environ:
        return [int(os.environ["SEED"])]
    return range(int(os.environ.get("SEEDS", gate if os.environ.get("OPENCHAIR_GATE") == "1" else usual)))


def rounds(usual: int, gate: int) -> list[tuple[int, str]]:
    """Seeds, each on both stores; everyday each on one of them."""
    found = seeds(usual, gate)
    if {"SEED", "SEEDS", "OPENCHAIR_GATE"} & os.environ.keys():
        return [(seed, store) for seed in found for store in STORES]
    return [(seed, STORES[seed % 2]) for seed in found]


class Told(NamedTuple):
    """What a round says about itself."""

    outcomes: Counter[str]
    faults: Counter[str]
    swallowed: int


Round: TypeAlias = Callable[[Site, History, Path, int], Awaitable[Told]]


async def edit(history: History, edits: Edits) -> None:
    """One caller: commands one after the other, each tried some times, until cancelled."""
    site, chance = history.site, history.site.chance
    while True:
        await asyncio.sleep(chance.random() * chance.choice((0.0, 0.05, 0.2)))
        drawn = edits.any(history.truth.parts, site.clock.now().date())
        await history.do(drawn, chance.randint(1, 8), chance.choice((0.1, 0.5, 1.0)))


async def scenario(site: Site, history: History, folder: Path, callers: int) -> Told:
    """What a round consists of. Raises AssertionError with everything that is wrong."""
    edits = Edits(site.chance)
    faults = Faults(site, history, folder)
    await create_centre(history.stub, "house")
    for _ in range(3):
        await history.do(edits.create(site.clock.now().date()), 3, 5.0)
    editing = [asyncio.create_task(edit(history, edits)) for _ in range(callers)]
    await faults.run()
    for task in editing:
        task.cancel()
    await asyncio.gather(*editing, return_exceptions=True)
    await faults.heal()
    await last_words(history, edits)
    await well(site, history, faults)
    outcomes = Counter(command.outcome for command in history.commands.values())
    return Told(outcomes, faults.happened, sum(node.link.swallowed for node in site.nodes.values()))


async def last_words(history: History, edits: Edits) -> None:
    """Two changes of each meeting, one right after the other. No fault follows that would have all published again."""
    for number, part in enumerate(history.truth.parts):
        for _ in range(0 if part.deleted else 2):
            await history.do(edits.retitle(number), 8, 5.0)


async def well(site: Site, history: History, faults: Faults, house: House | Keepers | None = None) -> None:
    """Lets it become quiet, then checks. Raises AssertionError with everything that is wrong."""
    await quiet(site)
    await site.pass_time()
    deadline = asyncio.get_running_loop().time() + site.within
    while wrong := await check(site, history, faults, house):
        assert asyncio.get_running_loop().time() < deadline, "\n".join(wrong)
        await asyncio.sleep(0.1)


async def quiet(site: Site) -> None:
    """Comes back when nothing is under way. Raises AssertionError with what still is."""
    deadline = asyncio.get_running_loop().time() + site.within
    while left := await restless(site):
        assert asyncio.get_running_loop().time() < deadline, "\n".join(left)
        await asyncio.sleep(0.02)
    await asyncio.sleep(6 / SPEED)  # a look at the streams


async def lives(house: House) -> None:
    """One caller in a house: also closures, reports and lists, until cancelled."""
    chance = house.chance
    while True:
        await asyncio.sleep(chance.random() * chance.choice((0.0, 0.05, 0.2)))
        await getattr(house, chance.choice(KINDS))(chance.randint(1, 8), chance.choice((0.1, 0.5, 1.0)))


async def with_closures(site: Site, history: History, folder: Path, callers: int) -> Told:
    """The same round in a house with rooms."""
    house = House(history, Edits(site.chance))
    await create_centre(history.stub, "house")
    await house.furnish()
    await house.create_noon()
    for _ in range(3):
        await house.create(house.edits.create(site.clock.now().date()), 3, 5.0)
    faults = Faults(site, history, folder)
    living = [asyncio.create_task(lives(house)) for _ in range(callers)]
    await faults.run()
    for task in living:
        task.cancel()
    await asyncio.gather(*living, return_exceptions=True)
    await faults.heal()
    await last_words(history, house.edits)
    await well(site, history, faults, house)
    outcomes = Counter(command.outcome for command in history.commands.values())
    return Told(outcomes, faults.happened, sum(node.link.swallowed for node in site.nodes.values()))


async def wants(keepers: Keepers) -> None:
    """One who books rooms, or keeps them, until cancelled."""
    chance = keepers.chance
    while True:
        await asyncio.sleep(chance.random() * chance.choice((0.0, 0.05, 0.2)))
        await keepers.any(0.4, chance.randint(1, 8), chance.choice((0.1, 0.5, 1.0)))


async def with_rooms(site: Site, history: History, folder: Path, callers: int) -> Told:
    """The same round among people who want the same rooms."""
    keepers = Keepers(Guests(history))
    await create_centre(history.stub, "house")
    await keepers.guests.furnish()
    faults = Faults(site, history, folder)
    wanting = [asyncio.create_task(wants(keepers)) for _ in range(callers)]
    await faults.run()
    for task in wanting:
        task.cancel()
    await asyncio.gather(*wanting, return_exceptions=True)
    await faults.heal()
    for _ in range(6):  # no fault follows that would have all published again
        await keepers.any(0.4, 8, 5.0)
    await well(site, history, faults, keepers)
    outcomes = Counter(command.outcome for command in history.commands.values())
    return Told(outcomes, faults.happened, sum(node.link.swallowed for node in site.nodes.values()))


async def simulate(kind: str, seed: int, folder: Path, round_: Round = scenario) -> Told:
    """A whole round."""
    site = Site(kind, folder, random.Random(seed))  # noqa: S311 - seeded on purpose
    try:
        await site.start()
        return await round_(site, History(site), folder, CALLERS)
    except BaseException:
        print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
        raise
    finally:
        await site.stop()
        gc.collect()  # connections that the client has dropped: see below


@pytest.mark.timeout(900)  # on a machine that is busy with much else
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as below
@pytest.mark.parametrize(("seed", "kind"), rounds(1, 50))
async def test_whatever_becomes_of_the_past_every_date_to_come_is_what_closures_and_people_said(
    kind: str, seed: int, tmp_path: Path
) -> None:
    assert (await simulate(kind, seed, tmp_path, with_closures)).outcomes["acknowledged"] >= 3


@pytest.mark.timeout(900)  # on a machine that is busy with much else
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as below
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
@pytest.mark.parametrize("seed", seeds(1, 50))
async def test_whatever_becomes_of_the_past_rooms_are_as_people_were_told(kind: str, seed: int, tmp_path: Path) -> None:
    assert (await simulate(kind, seed, tmp_path, with_rooms)).outcomes["acknowledged"] >= 3


@pytest.mark.timeout(900)  # on a machine that is busy with much else
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # nats-py drops what froze before its first word
@pytest.mark.parametrize(("seed", "kind"), rounds(1, 50))
async def test_whatever_becomes_of_the_past_both_instances_end_in_the_same_place(
    kind: str, seed: int, tmp_path: Path
) -> None:
    try:
        told = await simulate(kind, seed, tmp_path)
    except BaseException as error:
        error.add_note(f"again: SEED={seed} .venv/bin/python -m pytest tests/system/test_second_instance.py -k {kind}")
        raise
    assert told.outcomes["acknowledged"] >= 3
