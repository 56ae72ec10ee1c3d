"""Seeded runs of a whole site: random edits while everything goes wrong; then it is healed, quiet, and checked.

`make sim SEEDS=100` runs more of them, `SEED=17 .venv/bin/python -m pytest tests/sim` one again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import pytest

from services.kit.projection import GRACE
from tests.sim.checker import check
from tests.sim.edits import Edits
from tests.sim.faults import Faults
from tests.sim.history import History
from tests.sim.loop import SimLoop, run
from tests.sim.readers import HIDDEN, Readers
from tests.sim.site import Site
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Sequence

CALLERS = 3
MEETINGS = 3  # there before anything goes wrong
USUAL = "200" if os.environ.get("OPENCHAIR_GATE") == "1" else "5"
COMMANDS = 15  # of each caller
PAUSES = (0.0, 0.0, 0.1, 4.0, 20.0)  # seconds at most between two of them: bursts, and time to settle
LINES = 60_000  # characters of the log that are shown of a run that failed
QUIET = GRACE + 120  # seconds until readers of a stream that lost its past have forgotten what is not in it
SEEDS: Sequence[int] = [int(os.environ["SEED"])] if "SEED" in os.environ else range(int(os.environ.get("SEEDS", USUAL)))


Caller: TypeAlias = Callable[[History, Edits], Awaitable[None]]


class Told(NamedTuple):
    """What a run says about itself."""

    digest: str
    outcomes: Counter[str]
    faults: Counter[str]
    seconds: float
    steps: int


async def edit(history: History, edits: Edits) -> None:
    """One caller: some commands, one after the other, each tried up to four times."""
    site, chance = history.site, history.site.chance
    for _ in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        drawn = edits.any(history.truth.parts, site.clock.now().date())
        await history.do(drawn, chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0)))


async def hide(history: History, _edits: Edits) -> None:
    """One caller, who hides meetings and shows them again; what is hidden gets a title that nobody may see."""
    chance = history.site.chance
    for number in range(COMMANDS):
        await asyncio.sleep(chance.random() * chance.choice(PAUSES))
        hidden = chance.random() < 0.6
        visibility = chance.choice(("UNLISTED", "MEMBERS")) if hidden else "PUBLIC"
        title = f"{HIDDEN.decode() if hidden else 'Open'} {number}"
        meeting = {"name": chance.choice(history.names), "title": title, "visibility": f"VISIBILITY_{visibility}"}
        fields = {"meeting": meeting, "update_mask": "title,visibility"}
        await history.send("UpdateMeeting", fields, chance.randint(1, 4), chance.choice((0.05, 1.0, 10.0)))


async def scenario(site: Site, caller: Caller, *, faulty: bool) -> tuple[History, Faults]:
    history, faults, edits = History(site), Faults(site), Edits(site.chance)
    await site.start()
    await create_centre(history.stub, "house")
    for _ in range(MEETINGS):
        await history.do(edits.create(site.clock.now().date()), 1, 10.0)
    readers = Readers(site)
    meanwhile = [asyncio.create_task(work.run()) for work in ((faults, readers) if faulty else (readers,))]
    await asyncio.gather(*(caller(history, edits) for _ in range(CALLERS)))
    for task in meanwhile:
        task.cancel()
    faults.heal()
    await site.all_ready()
    await asyncio.sleep(QUIET)
    history.wrong += readers.wrong
    return history, faults


def simulate(seed: int, caller: Caller = edit, *, faulty: bool = True) -> Told:
    """A whole run. Raises AssertionError with what is wrong, and how to see it again."""
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> Told:
        site = Site(loop, chance)
        try:
            history, faults = await scenario(site, caller, faulty=faulty)
            await check(site, history, modelled=caller is edit)
        except BaseException:
            print(site.lines.getvalue()[-LINES:])  # noqa: T201 - pytest shows it
            raise
        outcomes = Counter(command.outcome for command in history.commands.values())
        digest = hashlib.sha256(site.lines.getvalue().encode()).hexdigest()
        return Told(digest, outcomes, faults.happened, loop.time(), loop.steps)

    return run(main, chance)


def again(seed: int, caller: Caller, name: str) -> None:
    """Runs it; where that fails it says how to run it again."""
    try:
        simulate(seed, caller)
    except BaseException as error:
        error.add_note(f"again: SEED={seed} .venv/bin/python -m pytest tests/sim/test_edits_under_faults.py -k {name}")
        raise


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_every_acknowledged_command_is_kept_and_shown_once(seed: int) -> None:
    again(seed, edit, "kept")


@pytest.mark.parametrize("seed", SEEDS[::4] or SEEDS)
def test_whatever_goes_wrong_what_is_hidden_is_never_seen(seed: int) -> None:
    again(seed, hide, "hidden")
