"""Seeded runs of a whole site in which people keep seats at the same dates while everything goes wrong.

They keep, change, give back, accept, decline, confirm, come; dates are moved, called off, split, held in another way,
rules change, the house is closed. Afterwards, and on the way, everything is as `seats_trail` and `seats_checker` say.

`SEED=17 .venv/bin/python -m pytest tests/sim/test_seats_under_faults.py` runs one again.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pytest

from services.plans import PLANS
from services.rsvps import chairs, following, seating, serving, turns
from services.rsvps.forgetting import Forgetting
from services.rsvps.sheet import Sheet
from tests.sim import seats_checker
from tests.sim.checker import check
from tests.sim.faults import Faults
from tests.sim.history import ACKNOWLEDGED, History
from tests.sim.loop import SimLoop, run
from tests.sim.readers import Readers
from tests.sim.seat_guests import Guests
from tests.sim.seat_keepers import Keepers
from tests.sim.seats_trail import Trail
from tests.sim.site import WITH_SEATS, Node, Site
from tests.sim.test_edits_under_faults import LINES, QUIET
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

USUAL = "100" if os.environ.get("OPENCHAIR_GATE") == "1" else "1"
SEEDS: Sequence[int] = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", USUAL)))
CALLERS = 5
COMMANDS = 60  # of each caller
PAUSES = (0.0, 0.0, 0.1, 4.0, 20.0)
COUNTING = 300
"""Seconds in which everything that has long been due is done."""


_CANDIDATES = serving._candidates


async def _nothing(*_: object) -> None:
    """Does nothing."""


class Told(NamedTuple):
    """What a run says about itself, and what is wrong."""

    outcomes: Counter[str]
    faults: Counter[str]
    happened: Counter[str]
    wrong: list[str]


async def wants(keepers: Keepers, share: float) -> None:
    """One caller: some commands, one after the other; so many of them are a coordinator's."""
    chance = keepers.chance
    for _ in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        tries, seconds = chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0, 10.0, 10.0, 10.0))
        who = keepers if chance.random() < share else keepers.guests
        await who.any(tries, seconds)


async def well(site: Site, keepers: Keepers, trail: Trail) -> list[str]:
    """Lets it become quiet; everything that is wrong then, also in an instance that knows nothing but the store."""
    await site.all_ready()
    await asyncio.sleep(QUIET)
    site.watch(Node(site, "rsvps-0", tuple(plan for plan in PLANS if plan.name == "rsvps")))
    await site.all_ready()
    wrong = await seats_checker.wrong(site, keepers, trail)
    try:
        await check(site, keepers.history, modelled=False)
    except AssertionError as error:
        wrong.append(str(error))
    return wrong + await days_later(site, trail)


async def days_later(site: Site, trail: Trail) -> list[str]:
    """Some days later, for those who keep seats: what is wrong with what was counted."""
    before = await seats_checker.truth(site)
    for node in site.of("rsvps"):
        assert node.process is not None
        node.process.skew = seats_checker.LATER
    await asyncio.sleep(COUNTING)
    return await seats_checker.counted(site, trail, before)


def simulate(seed: int, *, faulty: bool = True) -> Told:
    """A whole run."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> Told:
        site = Site(loop, chance, WITH_SEATS)
        try:
            keepers = Keepers(Guests(History(site)))
            trail = Trail(keepers.history)
            await site.start()
            await create_centre(keepers.history.stub, "house")
            await keepers.furnish()
            faults = Faults(site)
            readers = Readers(site)
            meanwhile = [asyncio.create_task(work.run()) for work in ((faults, readers) if faulty else (readers,))]
            site.broker.repeat = chance.choice((0, 3)) if faulty else 0
            share = chance.choice((0.1, 0.2, 0.3))
            await asyncio.gather(*(wants(keepers, share) for _ in range(CALLERS)))
            for task in meanwhile:
                task.cancel()
            faults.heal()
            wrong = [*await well(site, keepers, trail), *readers.wrong]
        except BaseException:
            print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
            raise
        outcomes = Counter(command.outcome for command in keepers.history.commands.values())
        return Told(outcomes, faults.happened, trail.happened, wrong)

    return run(main, chance)


BROKEN: Mapping[str, tuple[object, str, Callable[..., object], str]] = {
    "more people than places": (Sheet, "free", lambda *_: 10, "people for"),
    "lists that do not follow": (following, "follow", lambda *_, **__: None, "the list of"),
    "moves that nobody is told": (following, "_move", lambda *_: None, "moves"),
    "the last first": (serving, "_candidates", lambda *asked: _CANDIDATES(*asked)[::-1], "was served before"),
    "given to who wants to be asked": (turns, "_served", turns.going, "wants to be asked"),
    "offers for ever": (turns, "claimed_until", lambda *_: "2030-01-01T00:00:00.000Z", "it is offered until"),
    "words of yesterday": (chairs, "say", lambda *_: None, "it says"),
    "dates that are off, and nobody is told": (
        seating,
        "standing_of",
        lambda _, seat, __: (seat.state, None),
        "is told",
    ),
    "dates that nobody counts": (Forgetting, "step", _nothing, "is not counted"),
}
"""Ways to break the product: whose, what, by what, and a word of what the check says then."""


@pytest.mark.slow
@pytest.mark.parametrize("how", BROKEN)
def test_the_check_sees_what_it_is_for(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whose, name, by, word = BROKEN[how]
    monkeypatch.setattr(whose, name, by)
    assert any(word in each for seed in range(3) for each in simulate(seed).wrong)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nobody_loses_a_seat_and_nobody_is_sent_to_a_date_that_is_not_there(seed: int) -> None:
    told = simulate(seed)
    assert not told.wrong, "\n".join(told.wrong)
    assert told.outcomes[ACKNOWLEDGED] > 0
