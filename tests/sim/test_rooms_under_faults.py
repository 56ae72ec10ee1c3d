"""Seeded runs of a whole site in which people want the same rooms while everything goes wrong.

Afterwards no room holds two, every booking that was acknowledged is there, no meeting has half of what it took, and no
hold outlives its time.

`SEED=17 .venv/bin/python -m pytest tests/sim/test_rooms_under_faults.py` runs one again.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from services.recurrence.timetable import Timetable
from tests.sim.checker import effects, stored
from tests.sim.faults import Faults
from tests.sim.history import ACKNOWLEDGED, REFUSED, History
from tests.sim.loop import SimLoop, run
from tests.sim.rooms import Guests, otherwise
from tests.sim.site import Site
from tests.sim.test_edits_under_faults import LINES, PAUSES, QUIET
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = "100" if os.environ.get("OPENCHAIR_GATE") == "1" else "2"
SEEDS: Sequence[int] = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", USUAL)))
CALLERS = 4
COMMANDS = 12  # of each caller
HOLDS = 700.0
"""Seconds after which every hold has expired."""


async def wants(guests: Guests) -> None:
    """One caller: some commands, one after the other."""
    chance = guests.history.site.chance
    for _ in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        await guests.act(chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0)))


def simulate(seed: int, *, faulty: bool = True) -> tuple[Counter[str], list[str]]:
    """A whole run: the outcomes of its commands, and what is wrong."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> tuple[Counter[str], list[str]]:
        site = Site(loop, chance)
        try:
            guests = Guests(History(site))
            await site.start()
            await create_centre(guests.history.stub, "house")
            await guests.furnish()
            faults = Faults(site)
            meanwhile = [asyncio.create_task(faults.run())] if faulty else []
            await asyncio.gather(*(wants(guests) for _ in range(CALLERS)))
            for task in meanwhile:
                task.cancel()
            faults.heal()
            await site.all_ready()
            await asyncio.sleep(QUIET + HOLDS)
            history = guests.history
            wrong = [*history.wrong, *effects(history), *otherwise(guests, await stored(site), site.clock.now())]
        except BaseException:
            print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
            raise
        return Counter(command.outcome for command in history.commands.values()), wrong

    return run(main, chance)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_no_room_holds_two_and_nothing_acknowledged_is_lost(seed: int) -> None:
    outcomes, wrong = simulate(seed)
    assert not wrong, "\n".join(wrong)
    assert outcomes[ACKNOWLEDGED] > 0


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_where_nothing_goes_wrong_some_have_a_room_and_others_are_refused(seed: int) -> None:
    outcomes, wrong = simulate(seed, faulty=False)
    assert not wrong, "\n".join(wrong)
    assert outcomes[ACKNOWLEDGED] > 0 < outcomes[REFUSED]


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_if_nothing_were_ever_in_the_way_rooms_would_be_taken_twice(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sees what it is for."""
    monkeypatch.setattr(Timetable, "clashes", lambda *_, **__: [])
    _, wrong = simulate(seed, faulty=False)
    assert any("is taken twice" in each for each in wrong)
