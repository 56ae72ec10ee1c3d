"""Seeded runs of a whole site in which people want the same rooms while everything goes wrong.

They book, hold, confirm, approve, change and give back; coordinators hold meetings there, close the house and refit
it. Afterwards everything is as `rooms_checker` says.

`SEED=17 .venv/bin/python -m pytest tests/sim/test_rooms_under_faults.py` runs one again.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from services.kit.channel import LocalChannel
from services.plans import PLANS
from services.recurrence.timetable import Timetable
from tests.sim.checker import check, stored
from tests.sim.faults import Faults
from tests.sim.history import ACKNOWLEDGED, REFUSED, History
from tests.sim.loop import SimLoop, run
from tests.sim.room_keepers import Keepers
from tests.sim.rooms import Guests
from tests.sim.rooms_checker import Rooms, stored_otherwise
from tests.sim.rooms_told import told_otherwise
from tests.sim.site import Node, Site
from tests.sim.test_edits_under_faults import LINES, PAUSES, QUIET
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = "100" if os.environ.get("OPENCHAIR_GATE") == "1" else "1"
SEEDS: Sequence[int] = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", USUAL)))
CALLERS = 4
COMMANDS = 30  # of each caller


class Told(NamedTuple):
    """What a run says about itself, and what is wrong."""

    outcomes: Counter[str]
    wrong: list[str]


async def wants(keepers: Keepers, share: float) -> None:
    """One caller: some commands, one after the other; so many of them are a coordinator's."""
    chance = keepers.chance
    for _ in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        tries, seconds = chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0, 10.0, 10.0))
        await keepers.any(share, tries, seconds)


async def well(site: Site, keepers: Keepers) -> list[str]:
    """Lets it become quiet; everything that is wrong then, also in an instance that knows nothing but the store."""
    await site.all_ready()
    await asyncio.sleep(QUIET)
    site.watch(Node(site, "meetings-0", tuple(plan for plan in PLANS if plan.name == "meetings")))
    await site.all_ready()
    rooms = Rooms.of(await stored(site), site.clock.now(), keepers.closures)
    wrong = [*stored_otherwise(keepers, rooms)]
    channels = {
        node.name: cast("Any", LocalChannel(node.server, site.token())) for node in site.of("meetings") if node.server
    }
    wrong += await told_otherwise(rooms, channels, site.clock.now())
    try:
        await check(site, keepers.history, modelled=False)
    except AssertionError as error:
        wrong.append(str(error))
    return wrong


def simulate(seed: int, *, faulty: bool = True) -> Told:
    """A whole run."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> Told:
        site = Site(loop, chance)
        try:
            keepers = Keepers(Guests(History(site)))
            await site.start()
            await create_centre(keepers.history.stub, "house")
            await keepers.guests.furnish()
            faults = Faults(site)
            meanwhile = [asyncio.create_task(faults.run())] if faulty else []
            share = chance.choice((0.0, 0.4, 0.4, 0.8))
            await asyncio.gather(*(wants(keepers, share) for _ in range(CALLERS)))
            for task in meanwhile:
                task.cancel()
            faults.heal()
            wrong = await well(site, keepers)
        except BaseException:
            print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
            raise
        return Told(Counter(command.outcome for command in keepers.history.commands.values()), wrong)

    return run(main, chance)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_no_room_holds_two_and_nothing_acknowledged_is_lost(seed: int) -> None:
    told = simulate(seed)
    assert not told.wrong, "\n".join(told.wrong)
    assert told.outcomes[ACKNOWLEDGED] > 0


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_where_nothing_goes_wrong_some_have_a_room_and_others_are_refused(seed: int) -> None:
    told = simulate(seed, faulty=False)
    assert not told.wrong, "\n".join(told.wrong)
    assert told.outcomes[ACKNOWLEDGED] > 0 < told.outcomes[REFUSED]


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_if_nothing_were_ever_in_the_way_rooms_would_be_taken_twice(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sees what it is for."""
    monkeypatch.setattr(Timetable, "clashes", lambda *_, **__: [])
    assert any("is taken twice" in each for each in simulate(seed, faulty=False).wrong)
