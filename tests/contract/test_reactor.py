"""A reactor on a real nats-server and in memory: the newest state is never missed, and the hopeless hold up nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from openchair.admin.v1.dead_letter_pb2 import DeadLetter

from services.kit.bus_port import BusUnavailable
from services.kit.clock import SystemClock
from services.kit.dead import DeadLetters
from services.kit.errors import Unavailable
from services.kit.reactor import LONGEST, Poison, Reactor
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Kind
from tests.contract.bus_fixtures import LOG, PUBLIC, SITE, MemorySite, Site, either, event, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Bus
    from services.kit.event import Event

AnySite = Site | MemorySite
CLOCK = SystemClock()


@pytest.fixture(params=["nats", "memory"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AnySite]:
    async with either(request.param, tmp_path / "data") as site:
        yield site


class Hasty(Reactor):
    """One that does not wait long before it tries again."""

    def _delay(self, attempts: int) -> float:
        return super()._delay(attempts) / 100


class Instance:
    """One process of rsvps: keeps the newest state of each, as its store would, and every state that it was given."""

    def __init__(
        self,
        bus: Bus,
        kept: dict[str, tuple[int, int]] | None = None,
        patience: float = 30.0,
        longest: float = LONGEST,
    ) -> None:
        self.kept = {} if kept is None else kept
        self.given: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.hold: asyncio.Event | None = None
        self.reason = ""
        self.store = MemoryStore([Kind("seat")], CLOCK)
        self.store.serving = self._serving  # type: ignore[method-assign]  # a store that cannot write for a while
        self.reactor = Hasty(
            *(bus, self.store, PUBLIC, (">",), self._handle, "rsvps", SITE, CLOCK, LOG),
            most=4,
            patience=patience,
            longest=longest,
        )
        self.task = asyncio.create_task(self.reactor.run())

    async def _serving(self) -> str:
        return self.reason

    async def _handle(self, event: Event) -> None:
        name = event.subject.rsplit(".", 1)[1]
        self.given.append(f"{name}:{event.revision}")
        if self.hold is not None:
            await self.hold.wait()
        if name in self.errors:
            raise self.errors[name]
        self.kept[name] = max(self.kept.get(name, (0, 0)), event.order)

    async def letters(self) -> dict[str, DeadLetter]:
        return {letter.subject.rsplit(".", 1)[1]: letter for letter in await self.reactor.letters.all()}

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def say(bus: Bus, name: str, revision: int, epoch: int = 1, payload: bytes | None = b"state") -> None:
    said = event(name, revision, epoch=epoch, payload=payload)
    last = await bus.last(PUBLIC, said.subject)
    await bus.publish(said, last.sequence if last else 0)


async def test_it_handles_the_newest_of_each_and_knows_when_nothing_is_left(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    for name, revision in (("a", 1), ("b", 1), ("a", 2)):
        await say(meetings, name, revision)
    instance = Instance(await site.bus("rsvps"))
    await asyncio.wait_for(instance.reactor.ready.wait(), 60)
    assert instance.given == ["b:1", "a:2"]
    assert (instance.reactor.handled, instance.reactor.failed, instance.reactor.dead) == (2, 0, 0)
    assert instance.reactor.current
    await instance.stop()
    assert not instance.reactor.current


async def test_what_hangs_is_given_up_and_tried_again(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    instance = Instance(await site.bus("rsvps"), longest=0.3)
    instance.hold = asyncio.Event()
    await say(meetings, "stuck", 1)
    await until(lambda: instance.reactor.failed)
    instance.hold = None
    await until(lambda: "stuck" in instance.kept)
    assert instance.reactor.dead == 0
    await instance.stop()


async def test_poison_is_a_dead_letter_at_once_and_the_rest_flow_on(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    instance = Instance(await site.bus("rsvps"))
    instance.errors["bad"] = Poison("no rule of ours fits")
    for name in ("a", "bad", "b"):
        await say(meetings, name, 1)
    await until(lambda: "b" in instance.kept and instance.reactor.dead)
    (letter,) = await instance.reactor.letters.all()
    assert (letter.subject, letter.epoch, letter.revision) == (event("bad", 1).subject, 1, 1)
    assert (letter.reason, letter.attempts, letter.follower) == ("Poison: no rule of ours fits", 1, PUBLIC)
    assert instance.given.count("bad:1") == 1
    assert set(instance.kept) == {"a", "b"}
    await instance.stop()


async def test_what_fails_is_tried_so_often_then_a_letter_that_quotes_nothing(site: AnySite) -> None:
    instance = Instance(await site.bus("rsvps"))
    instance.errors["bad"] = RuntimeError("a word that somebody wrote")
    await say(await site.bus("meetings"), "bad", 1)
    await until(lambda: instance.reactor.dead)
    letter = (await instance.letters())["bad"]
    assert (letter.reason, letter.attempts) == ("RuntimeError", 4)
    assert instance.given == ["bad:1"] * 4
    await instance.stop()


async def test_what_fails_once_is_handled_later_without_a_letter(site: AnySite) -> None:
    instance = Instance(await site.bus("rsvps"))
    instance.errors["a"] = Unavailable("try again", "CONTENTION")
    await say(await site.bus("meetings"), "a", 1)
    await until(lambda: instance.reactor.failed)
    del instance.errors["a"]
    await until(lambda: "a" in instance.kept)
    assert await instance.letters() == {}
    await instance.stop()


async def test_a_malformed_message_is_a_dead_letter_that_holds_none_of_it(site: AnySite) -> None:
    await site.put(event("a", 1).subject, {}, b"secret words")
    instance = Instance(await site.bus("rsvps"))
    await until(lambda: instance.reactor.dead)
    (letter,) = await instance.reactor.letters.all()
    assert (letter.subject, letter.reason) == (event("a", 1).subject, "not a CloudEvents 1.0 message")
    assert instance.given == []
    await instance.stop()


async def test_while_its_store_is_away_no_state_is_blamed(site: AnySite) -> None:
    instance = Instance(await site.bus("rsvps"))
    instance.reason, instance.errors["a"] = "the disk is full", Unavailable("not now", "STORE_UNAVAILABLE")
    await say(await site.bus("meetings"), "a", 1)
    await until(lambda: len(instance.given) > 3)
    assert (instance.reactor.failed, instance.reactor.dead) == (0, 0)
    instance.errors.clear()
    await until(lambda: "a" in instance.kept)
    await instance.stop()


async def test_a_letter_goes_when_a_newer_state_is_handled(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    instance = Instance(await site.bus("rsvps"))
    instance.errors["a"] = Poison("not this one")
    await say(meetings, "a", 1)
    await until(lambda: instance.reactor.dead)
    other = Instance(await site.bus("rsvps"))  # not the one that wrote it
    await instance.stop()
    await say(meetings, "a", 2)
    await until(lambda: other.kept)
    await _gone(other)
    await other.stop()


async def _gone(instance: Instance) -> None:
    async with asyncio.timeout(60):
        while await instance.letters():  # noqa: ASYNC110 - the broker says nothing
            await asyncio.sleep(0.01)


async def test_replay_hands_the_present_state_over_and_the_letter_goes_if_it_is_handled(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    instance = Instance(await site.bus("rsvps"))
    instance.errors = {"a": Poison("not yet"), "b": Poison("not yet")}
    for name in ("a", "b"):
        await say(meetings, name, 1)
    await until(lambda: instance.reactor.dead == 2)
    instance.errors = {"b": Poison("not ever")}
    handled, left = await instance.reactor.replay([event("a", 1).subject, event("b", 1).subject])
    assert handled == 1
    assert [(letter.subject, letter.reason, letter.attempts) for letter in left] == [
        (event("b", 1).subject, "Poison: not ever", 2)
    ]
    assert list(await instance.letters()) == ["b"]
    assert instance.kept == {"a": (1, 1)}
    await instance.stop()


async def test_without_its_letter_a_state_is_not_acknowledged(site: AnySite) -> None:
    class Unwritable(DeadLetters):
        fails = True

        async def write(self, letter: DeadLetter) -> None:
            if self.fails:
                raise BusUnavailable("full")
            await super().write(letter)

    bus = await site.bus("rsvps")
    instance = Instance(bus)
    letters = instance.reactor.letters = Unwritable(bus, "rsvps", SITE)
    instance.errors["bad"] = Poison("never")
    meetings = await site.bus("meetings")
    await say(meetings, "bad", 1)
    await say(meetings, "a", 1)
    await until(lambda: "a" in instance.kept and "bad:1" in instance.given)
    assert instance.reactor.dead == 0
    letters.fails = False
    await instance.stop()
    heir = Instance(bus)
    heir.errors["bad"] = Poison("never")
    await site_again(heir)
    assert list(await heir.letters()) == ["bad"]
    await heir.stop()


async def site_again(instance: Instance) -> None:
    """The state comes again after the pause that the first one asked for, which is long: make the place anew."""
    await instance.stop()
    instance.reactor._subjects = ("openchair.>",)
    instance.task = asyncio.create_task(instance.reactor.run())
    await until(lambda: instance.reactor.dead)


async def test_one_of_two_dies_while_it_handles_and_the_other_has_everything_in_the_end(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    kept: dict[str, tuple[int, int]] = {}
    one, two = [Instance(await site.bus("rsvps"), kept, patience=1.0) for _ in range(2)]
    await until(lambda: one.reactor.ready.is_set() and two.reactor.ready.is_set())
    for number in range(20):
        await say(meetings, f"m{number}", 1)
    await until(lambda: kept == {f"m{number}": (1, 1) for number in range(20)})
    one.hold, before = asyncio.Event(), len(one.given)
    for number in range(20):
        await say(meetings, f"m{number}", 2)
    await until(lambda: len(one.given) > before)
    await one.stop()  # in the middle of handling the newest state of one
    await until(lambda: kept == {f"m{number}": (1, 2) for number in range(20)})
    assert one.given[-1] in two.given
    assert await two.letters() == {}
    await two.stop()


async def test_after_a_stream_was_made_anew_and_in_a_new_epoch_the_newest_is_handled(site: AnySite) -> None:
    meetings = await site.bus("meetings")
    await say(meetings, "a", 7)
    instance = Instance(await site.bus("rsvps"))
    await until(lambda: instance.kept == {"a": (1, 7)})
    await site.recreate(PUBLIC)
    await say(meetings, "a", 1, epoch=9)
    await until(lambda: instance.kept == {"a": (9, 1)})
    await say(meetings, "b", 1, epoch=9)
    await until(lambda: "b" in instance.kept)
    await instance.stop()


async def test_letters_of_a_subject_that_is_none_and_of_two_views_have_places_of_their_own(site: AnySite) -> None:
    letters = DeadLetters(await site.bus("rsvps"), "rsvps", SITE)
    subjects = [event("a", 1).subject, event("a", 1, view="private").subject, "no subject of ours > *", "x" * 300]
    for subject in subjects:
        letter = DeadLetter(subject=subject, reason="Poison: test", follower=PUBLIC)
        letter.time.FromDatetime(CLOCK.now())
        await letters.write(letter)
        await letters.write(letter)
    assert sorted(letter.subject for letter in await letters.all()) == sorted(subjects)
    first, after = await letters.page(3)
    second, end = await letters.page(3, after)
    assert (len(first), len(second), end) == (3, 1, "")
    assert await letters.forget(subjects[0], "2026-11-21T00:00:00.000Z")
    assert not await letters.forget(subjects[0], "2026-11-21T00:00:00.000Z")
    assert sorted(letter.subject for letter in await letters.all()) == sorted(subjects[1:])


class Held(DeadLetters):
    """Letters that are written when a test says so, and then in one go."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus, "rsvps", SITE)
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def write(self, letter: DeadLetter) -> None:
        self.asked.set()
        await self.may.wait()
        await super().write(letter)


@pytest.mark.parametrize("hopeless", [False, True])
async def test_a_letter_that_comes_late_is_none_of_what_came_after(site: AnySite, hopeless: bool) -> None:
    """The instance that has the newer state looks for letters before there is one."""
    meetings, bus = await site.bus("meetings"), await site.bus("rsvps")
    slow = Instance(bus, patience=30)
    letters = slow.reactor.letters = Held(bus)
    slow.errors["a"] = Poison("no")
    await say(meetings, "a", 1)
    await asyncio.wait_for(letters.asked.wait(), 60)
    quick = Instance(await site.bus("rsvps"), patience=30)
    if hopeless:
        quick.errors["a"] = Poison("no")
    await say(meetings, "a", 2)
    await until(lambda: quick.reactor.dead if hopeless else quick.kept)
    await say(meetings, "b", 1)
    await until(lambda: "b" in quick.kept)
    letters.may.set()
    await until(lambda: slow.reactor.dead)
    assert [letter.revision for letter in await slow.reactor.letters.all()] == ([2] if hopeless else [])
    await slow.stop()
    await quick.stop()
