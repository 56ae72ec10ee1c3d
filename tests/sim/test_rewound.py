"""A stream that was set back and then grew beyond where it was: its last sequence tells nobody, its numbers do."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.sim.checker import check
from tests.sim.edits import Edits
from tests.sim.faults import STREAM
from tests.sim.history import ACKNOWLEDGED, History
from tests.sim.loop import SimLoop, run
from tests.sim.site import Site
from tests.system import edit_model as model
from tests.system.acts import create_centre

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.broker import Kept

SETTLED = 8.0  # seconds: everything is published, and the relay has looked at the stream since


async def titled(history: History, parts: Sequence[int]) -> None:
    """Gives these meetings other titles."""
    for part in parts:
        title = f"Group {history.site.clock.monotonic()}"
        done = await history.do(model.Update(part, {"title": title}), 1, 10.0)
        assert done.outcome == ACKNOWLEDGED


@pytest.mark.parametrize("again", [[2], [2, 3], [2, 3, 0], [0, 2, 3]])
def test_what_a_set_back_stream_lost_is_published_again_though_it_grew_since(again: list[int]) -> None:
    chance = random.Random(7)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> None:
        site = Site(loop, chance)
        del site.nodes["meetings-2"]
        history, edits = History(site), Edits(chance)
        await site.start()
        await create_centre(history.stub, "house")
        for _ in range(4):
            await history.do(edits.create(site.clock.now().date()), 1, 10.0)
        await asyncio.sleep(SETTLED)
        before = site.broker.copy(STREAM)
        await titled(history, [0, 1])
        await asyncio.sleep(SETTLED)
        site.broker.roll_back(STREAM, before)
        await titled(history, again)
        await asyncio.sleep(1000)
        await check(site, history)

    run(main, chance)


def test_a_stream_set_back_to_what_stood_there_before_it_was_set_back_is_another_past() -> None:
    chance = random.Random(7)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> None:
        site = Site(loop, chance)
        del site.nodes["meetings-2"]
        history, edits = History(site), Edits(chance)
        await site.start()
        await create_centre(history.stub, "house")
        for _ in range(4):
            await history.do(edits.create(site.clock.now().date()), 1, 10.0)
        await asyncio.sleep(SETTLED)
        early = site.broker.copy(STREAM)
        await titled(history, [1, 2, 3, 1, 2, 3, 1, 2, 3, 0])
        await asyncio.sleep(SETTLED)
        long = site.broker.copy(STREAM)
        await restored(site, early)
        await titled(history, [0])
        await asyncio.sleep(SETTLED)
        await restored(site, long)
        await asyncio.sleep(1000)
        await check(site, history)

    run(main, chance)


@pytest.mark.parametrize("before", [[1, 2, 3, 1, 2, 3, 1, 2, 3, 0], [0, 1, 2, 3, 1, 2, 3, 1, 2, 3]])
@pytest.mark.parametrize("after", [[], [1]])
def test_what_came_between_two_pasts_is_published_again_by_who_kept_its_connection(
    before: list[int], after: list[int]
) -> None:
    chance = random.Random(7)  # noqa: S311 - seeded on purpose

    async def main(loop: SimLoop) -> None:
        site = Site(loop, chance)
        del site.nodes["meetings-2"]
        history, edits = History(site), Edits(chance)
        await site.start()
        await create_centre(history.stub, "house")
        for _ in range(4):
            await history.do(edits.create(site.clock.now().date()), 1, 10.0)
        await asyncio.sleep(SETTLED)
        early = site.broker.copy(STREAM)
        await titled(history, before)
        await asyncio.sleep(SETTLED)
        long = site.broker.copy(STREAM)
        site.broker.roll_back(STREAM, early)
        await titled(history, [0])
        await asyncio.sleep(SETTLED)
        site.broker.roll_back(STREAM, long)
        await titled(history, after)
        await asyncio.sleep(1000)
        await check(site, history)

    run(main, chance)


async def restored(site: Site, copy: Kept) -> None:
    """The broker stops, its stream is what it was then, it starts; until all has settled."""
    site.broker.stop()
    site.broker.roll_back(STREAM, copy)
    site.broker.start()
    await asyncio.sleep(SETTLED)
