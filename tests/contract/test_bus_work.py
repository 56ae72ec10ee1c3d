"""Shared work on a stream: each state goes to one worker, none is lost with it, and the server keeps the place."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from services.kit import bus_work
from services.kit.bus_port import Broken, Bus, BusUnavailable
from services.kit.event import Malformed
from tests.contract.bus_fixtures import PUBLIC, MemorySite, Site, either, event, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Task

PATIENCE = 30.0
"""Seconds. A machine that is busy must not be taken for a worker that died; where one dies it is shorter."""
AnySite = Site | MemorySite


@pytest.fixture(params=["nats", "memory"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnySite]:
    async with either(request.param, tmp_path / "data") as site:
        yield site


class Worker:
    """Works as rsvps in a task, deals with what it is given, and keeps what that was."""

    def __init__(self, bus: Bus, subjects: tuple[str, ...] = (">",), patience: float = PATIENCE) -> None:
        self.bus = bus
        self.times: list[float] = []
        self.seen: list[tuple[str, int, int]] = []
        self.tasks: list[Task] = []
        self.idle = 0
        self.hold: asyncio.Event | None = None
        self.again: list[float] = []  # seconds after which the next ones are wanted again
        self.task = asyncio.create_task(
            bus.work(PUBLIC, "rsvps", subjects, self._work, patience=patience, idle=self._idle)
        )

    def _idle(self) -> None:
        self.idle += 1

    async def _work(self, task: Task) -> None:
        self.tasks.append(task)
        self.times.append(asyncio.get_running_loop().time())
        self.seen.append(told(task))
        if self.hold is not None:
            await self.hold.wait()
        if self.again:
            await task.again(self.again.pop(0))
        else:
            await task.done()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def told(task: Task) -> tuple[str, int, int]:
    if isinstance(task.delivered, Malformed):
        return (task.delivered.reason, 0, task.attempts)
    found = task.delivered.event
    return (found.subject.rsplit(".", 1)[1], found.revision, task.attempts)


async def fill(bus: Bus, *names: str) -> None:
    for name in names:
        await bus.publish(event(name, 1), 0)


async def test_a_worker_gets_the_newest_of_each_then_what_comes_and_is_told_when_there_is_nothing(
    site: AnySite,
) -> None:
    meetings = await site.bus("meetings")
    first = await meetings.publish(event("a", 1), 0)
    await fill(meetings, "b")
    second = await meetings.publish(event("a", 2), first)
    worker = Worker(await site.bus("rsvps"))
    await until(lambda: worker.idle)
    await meetings.publish(event("a", 3), second)
    await until(lambda: len(worker.seen) == 3)
    assert worker.seen == [("b", 1, 1), ("a", 2, 1), ("a", 3, 1)]
    await worker.stop()


async def test_what_is_dealt_with_is_handed_to_nobody_again_and_who_comes_back_goes_on(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    await fill(meetings, "a", "b")
    worker = Worker(await site.bus("rsvps"))
    await until(lambda: worker.idle)
    await worker.stop()
    await fill(meetings, "c")
    again = Worker(await site.bus("rsvps"))
    await until(lambda: again.idle)
    assert worker.seen == [("a", 1, 1), ("b", 1, 1)]
    assert again.seen == [("c", 1, 1)]
    await again.stop()


async def test_what_was_on_its_way_to_a_worker_that_stops_goes_to_another_at_once(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    bus, again = await site.bus("rsvps"), await site.bus("rsvps")
    for number in range(24):
        worker = Worker(bus)
        await until(lambda: worker.idle)  # noqa: B023 - awaited here
        filling = asyncio.create_task(fill(meetings, f"m{number}"))
        for _ in range(number % 12):  # in some of these moments it is on its way
            await asyncio.sleep(0)
        await worker.stop()
        await filling
        heir = Worker(again)
        await until(lambda: worker.seen or heir.seen, PATIENCE / 2)  # noqa: B023 - as above
        await until(lambda: heir.idle)  # noqa: B023 - as above
        await heir.stop()


async def test_two_workers_share_what_there_is(site: AnySite) -> None:
    workers = [Worker(await site.bus("rsvps")) for _ in range(2)]
    await until(lambda: all(worker.idle for worker in workers))
    for worker in workers:
        worker.hold = asyncio.Event()
    await fill(await site.bus("meetings"), "a", "b", "c")
    await until(lambda: all(worker.seen for worker in workers))  # each holds one, the third waits
    assert [len(worker.seen) for worker in workers] == [1, 1]
    for worker in workers:
        assert worker.hold is not None
        worker.hold.set()
    await until(lambda: sum(len(worker.seen) for worker in workers) == 3)
    assert sorted(name for worker in workers for name, _, _ in worker.seen) == ["a", "b", "c"]
    for worker in workers:
        await worker.stop()


async def test_a_message_whose_worker_died_goes_to_another(site: AnySite) -> None:
    dying = Worker(await site.bus("rsvps"), patience=1.0)
    dying.hold = asyncio.Event()
    await fill(await site.bus("meetings"), "a")
    await until(lambda: dying.seen)
    await dying.stop()
    heir = Worker(await site.bus("rsvps"), patience=1.0)
    await until(lambda: heir.seen)
    assert heir.seen[0] == ("a", 1, 2)
    await heir.stop()


async def test_a_message_that_takes_longer_than_the_patience_stays_with_its_worker(site: AnySite) -> None:
    slow, other = [Worker(await site.bus("rsvps"), patience=3.0) for _ in range(2)]
    await until(lambda: slow.idle and other.idle)
    slow.hold = other.hold = asyncio.Event()
    await fill(await site.bus("meetings"), "a")
    await until(lambda: slow.seen or other.seen)
    await asyncio.sleep(4.0)  # time passes: that is the rule
    assert len(slow.seen + other.seen) == 1
    slow.hold.set()
    await slow.stop()
    await other.stop()


async def test_what_is_wanted_again_comes_again_after_its_time_and_counts(site: AnySite) -> None:
    worker = Worker(await site.bus("rsvps"))
    worker.again = [1.0]
    await fill(await site.bus("meetings"), "a")
    await until(lambda: len(worker.seen) == 2)
    first, second = worker.times[:2]
    assert 0.9 < second - first < PATIENCE - 5
    assert worker.seen == [("a", 1, 1), ("a", 1, 2)]
    await worker.stop()


async def test_where_as_many_wait_as_may_the_next_is_handed_out_when_one_is_dealt_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_work, "MOST_IN_HANDS", 3)
    async with running(tmp_path / "data") as site:
        await fill(await site.bus("meetings"), *"abcde")
        worker = Worker(await site.bus("rsvps", timeout=3.0))
        worker.again = [5.0] * 3  # the server is silent longer than an answer takes
        await until(lambda: worker.idle)
        assert [name for name, _, attempts in worker.seen if attempts == 1] == list("abcde")
        assert not worker.task.done()
        await worker.stop()


async def test_what_was_replaced_while_it_waited_does_not_come_again(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    worker = Worker(await site.bus("rsvps"))
    worker.again = [2.0]
    first = await meetings.publish(event("a", 1), 0)
    await until(lambda: worker.seen)
    await meetings.publish(event("a", 2), first)
    await until(lambda: len(worker.seen) == 2)
    await asyncio.sleep(2.5)  # longer than it was to wait
    assert worker.seen == [("a", 1, 1), ("a", 2, 1)]
    await worker.stop()


async def test_only_wanted_subjects_are_handed_out_and_new_wishes_look_at_all_again(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    await fill(meetings, "a", "b", "c")
    narrow = Worker(await site.bus("rsvps"), subjects=(event("a", 1).subject,))
    await until(lambda: narrow.idle)
    await narrow.stop()
    wide = Worker(await site.bus("rsvps"), subjects=(event("a", 1).subject, event("b", 1).subject))
    await until(lambda: wide.idle)
    assert [name for name, _, _ in narrow.seen] == ["a"]
    assert [name for name, _, _ in wide.seen] == ["a", "b"]  # or "b" would never come
    await wide.stop()


async def test_a_message_that_is_no_event_is_handed_out_as_malformed(site: AnySite) -> None:
    await site.put(event("a", 1).subject, {}, b"secret words")
    worker = Worker(await site.bus("rsvps"))
    await until(lambda: worker.seen)
    assert worker.seen == [("not a CloudEvents 1.0 message", 0, 1)]
    await worker.stop()


async def test_a_stream_made_anew_breaks_its_workers_and_all_of_it_comes_again(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    await fill(meetings, "a")
    worker = Worker(await site.bus("rsvps"))
    await until(lambda: worker.idle)
    await site.recreate(PUBLIC)
    with pytest.raises((Broken, BusUnavailable)):
        await asyncio.wait_for(worker.task, 60)
    await fill(meetings, "a")
    again = Worker(await site.bus("rsvps"))
    await until(lambda: again.seen)
    assert again.seen == [("a", 1, 1)]
    await again.stop()


async def test_a_lost_connection_ends_the_work_and_what_was_held_comes_again(site: AnySite) -> None:
    bus = await site.bus("rsvps")
    holding, waiting = Worker(bus, patience=1.0), Worker(await site.bus("rsvps"), patience=1.0)
    await until(lambda: holding.idle and waiting.idle)
    holding.hold = waiting.hold = asyncio.Event()
    times: list[bool] = []
    bus.watch(lambda: times.append(True))
    await fill(await site.bus("meetings"), "a")
    await until(lambda: holding.seen or waiting.seen)
    site.crash()
    idle = waiting if holding.seen else holding
    with pytest.raises((Broken, BusUnavailable)):
        await asyncio.wait_for(idle.task, 60)
    await until(lambda: times)
    await holding.stop()
    await waiting.stop()
    heir = Worker(bus, patience=1.0)
    await until(lambda: heir.seen)
    assert heir.seen[0][:2] == ("a", 1)  # a killed server may have forgotten the count
    await heir.stop()


async def test_a_user_takes_only_from_its_own_place(site: AnySite) -> None:
    async def work(_task: Task) -> None:
        raise AssertionError

    for user, stream, name in (
        ("feeds", PUBLIC, "feeds"),
        ("feeds", PUBLIC, "rsvps"),
        ("facilitators", PUBLIC, "rsvps"),
        ("facilitators", "PRIVATE_home_rsvps", "facilitators"),
    ):
        with pytest.raises(BusUnavailable):
            await asyncio.wait_for((await site.bus(user, timeout=2.0)).work(stream, name, (">",), work), 60)


async def test_a_place_that_is_ahead_of_its_stream_is_made_anew(tmp_path: Path) -> None:
    """On a server alone: only there can a stream come back from an older copy beside a newer place in it."""
    async with either("nats", tmp_path / "data") as site:
        assert isinstance(site, Site)
        bus = await site.bus("rsvps")
        worker = Worker(bus)
        await until(lambda: worker.idle)
        await fill(await site.bus("meetings"), "a", "b")
        await until(lambda: len(worker.seen) == 2)
        await worker.stop()
        provisioner = await site.bus("provisioner")
        config = json.loads(json.dumps((await bus._ask(f"$JS.API.CONSUMER.INFO.{PUBLIC}.rsvps"))["config"]))
        await provisioner._ask(f"$JS.API.STREAM.DELETE.{PUBLIC}")
        await site.provision()
        config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": 50}
        wanted = {"stream_name": PUBLIC, "config": config}
        await bus._ask(f"$JS.API.CONSUMER.CREATE.{PUBLIC}.rsvps", json.dumps(wanted).encode())
        again = Worker(bus)
        await fill(await site.bus("meetings"), "a")
        await until(lambda: again.seen)
        assert again.seen == [("a", 1, 1)]
        await again.stop()
