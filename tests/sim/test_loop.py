"""The ground the simulation stands on: what a seed decides, and what nothing else may decide."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.sim.loop import HERE, LoopClock, Process, SimLoop, Stuck, run

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - seeded on purpose


async def race(_loop: SimLoop) -> list[tuple[int, int]]:
    """Who came when, of eight tasks that nothing orders."""
    order: list[tuple[int, int]] = []

    async def walk(number: int) -> None:
        for step in range(4):
            await asyncio.sleep(step % 2)
            order.append((number, step))

    await asyncio.gather(*(walk(number) for number in range(8)))
    return order


def test_one_seed_is_one_order_and_other_seeds_are_others() -> None:
    orders = [run(race, seeded(seed)) for seed in range(20)]
    assert orders == [run(race, seeded(seed)) for seed in range(20)]
    assert len({tuple(order) for order in orders}) > 5


def test_time_passes_only_where_nothing_is_ready_and_then_at_once() -> None:
    async def main(loop: SimLoop) -> list[float]:
        clock, seen = LoopClock(loop, START), list[float]()
        for seconds in (0, 3600, 0.25):
            await clock.sleep(seconds)
            seen.append(loop.time())
        assert clock.now() == START + timedelta(seconds=3600.25)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        return [*seen, loop.time()]

    assert run(main, seeded(1)) == [0, 3600, 3600.25, 3660.25]


def test_a_set_of_tasks_has_one_order() -> None:
    async def main(_loop: SimLoop) -> list[str]:
        tasks = {asyncio.create_task(asyncio.sleep(1), name=str(number)) for number in range(50)}
        names = [task.get_name() for task in tasks]
        await asyncio.wait(tasks)
        return names

    assert run(main, seeded(1)) == run(main, seeded(2))


def test_callbacks_keep_the_order_that_the_loop_promises() -> None:
    async def main(loop: SimLoop) -> list[int]:
        seen: list[int] = []
        for number in range(100):
            loop.call_soon(seen.append, number)
            if number % 10 == 0:
                asyncio.create_task(asyncio.sleep(0))  # noqa: RUF006 - something to draw from
        await asyncio.sleep(1)
        return seen

    for seed in range(10):
        assert run(main, seeded(seed)) == list(range(100))


def test_a_killed_process_runs_no_further_line() -> None:
    seen: list[str] = []

    async def work() -> None:
        try:
            asyncio.get_running_loop().call_later(1, seen.append, "later")
            asyncio.create_task(more())  # noqa: RUF006 - of the same process
            await asyncio.sleep(1)
            seen.append("after")
        finally:
            if process.alive:
                seen.append("finally")

    async def more() -> None:
        await asyncio.sleep(0.5)
        seen.append("more")
        await asyncio.sleep(5)
        seen.append("too much")

    async def main(_loop: SimLoop) -> None:
        process.run(work())
        await asyncio.sleep(0.75)
        process.kill()
        await asyncio.wait_for(process.ended.wait(), 1)
        await asyncio.sleep(10)

    process = Process("one")
    run(main, seeded(1))
    assert seen == ["more"]


def test_a_process_has_a_wall_clock_of_its_own() -> None:
    async def main(loop: SimLoop) -> tuple[datetime, datetime]:
        clock, process = LoopClock(loop, START), Process("ahead")
        process.skew = timedelta(minutes=10)

        async def look() -> datetime:
            assert HERE.get() is process
            return clock.now()

        return await process.run(look()), clock.now()

    assert run(main, seeded(1)) == (START + timedelta(minutes=10), START)


def test_waiting_for_what_never_comes_is_said_at_once() -> None:
    async def main(_loop: SimLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="nothing is left to happen"):
        run(main, seeded(1))


def test_what_goes_wrong_unheard_fails_the_run() -> None:
    async def main(loop: SimLoop) -> None:
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run(main, seeded(1))


def test_threads_and_sockets_are_refused() -> None:
    async def thread(_loop: SimLoop) -> None:
        await asyncio.to_thread(print)

    async def socket(_loop: SimLoop) -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    for work in (thread, socket):
        with pytest.raises(NotImplementedError):
            run(work, seeded(1))
