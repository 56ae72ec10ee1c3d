"""A projection on a real nats-server: it ends where the stream is, whatever happens, and never serves half of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from services.kit.bus_port import Broken, BusUnavailable
from services.kit.clock import SystemClock, VirtualClock
from services.kit.event import TOMBSTONE_LIFETIME, headers
from services.kit.projection import Projection
from tests.contract.bus_fixtures import LOG, PUBLIC, SITE, Site, event, kill, running, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Bus
    from services.kit.clock import Clock
    from services.kit.event import Event


class Copy:
    """What a process knows, by meeting: the words of its newest state."""

    def __init__(self, bus: Bus, clock: Clock | None = None, grace: float = 900.0) -> None:
        self.words: dict[str, bytes] = {}
        self.applied: list[str] = []
        self.resets = 0
        self.sizes: list[int] = []
        self.projection = Projection(
            bus,
            PUBLIC,
            (f"openchair.{SITE}.public.>",),
            self.apply,
            self.reset,
            clock or SystemClock(),
            LOG,
            grace=grace,
        )
        self.task = asyncio.create_task(self.projection.run())

    def apply(self, event: Event) -> None:
        if event.payload == b"poison":
            raise ValueError("cannot be taken")
        name = event.subject.rsplit(".", 1)[1]
        self.applied.append(f"{name}:{event.revision}")
        if event.payload is None:
            self.words.pop(name, None)
        else:
            self.words[name] = event.payload
        asyncio.get_running_loop().call_soon(lambda: self.sizes.append(len(self.words)))

    def reset(self) -> None:
        self.resets += 1
        self.words.clear()

    async def ready(self) -> None:
        await asyncio.wait_for(self.projection.ready.wait(), 60)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Owner:
    """Publishes states of meetings, keeping the sequences as a store would."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.sequences: dict[str, int] = {}

    async def say(self, name: str, revision: int, payload: bytes | None = b"state", **more: object) -> None:
        said = event(name, revision, payload=payload, **more)  # type: ignore[arg-type]  # passed on
        self.sequences[name] = await self.bus.publish(said, self.sequences.get(name, 0))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running(tmp_path / "data") as site:
        yield site


@pytest.fixture
async def owner(site: Site) -> Owner:
    return Owner(await site.bus("meetings"))


@pytest.fixture
async def feeds(site: Site) -> Bus:
    return await site.bus("feeds", timeout=3.0, heartbeat=2.0)  # it asks a stream that is gone, too


async def test_it_is_ready_when_everything_there_was_has_been_applied(owner: Owner, feeds: Bus) -> None:
    for number in range(500):
        await owner.say(f"m{number}", 1, b"%d" % number)
    copy = Copy(feeds)
    assert not copy.projection.ready.is_set()
    await copy.ready()
    assert copy.words == {f"m{number}": b"%d" % number for number in range(500)}
    await copy.stop()


async def test_it_is_ready_at_once_on_an_empty_stream_and_hears_what_comes(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    await copy.ready()
    assert copy.applied == []
    await owner.say("a", 1, b"one")
    await until(lambda: copy.words == {"a": b"one"})
    await copy.stop()


async def test_it_is_not_ready_while_the_server_is_away_and_becomes_so_when_it_comes(site: Site, owner: Owner) -> None:
    await owner.say("a", 1)
    feeds = await site.bus("feeds")
    await site.server.stop()
    await until(lambda: not feeds.connected)
    copy = Copy(feeds)
    await asyncio.sleep(0)
    assert not copy.projection.ready.is_set()
    await site.server.start()
    await copy.ready()
    assert copy.words == {"a": b"state"}
    await copy.stop()


async def test_a_tombstone_removes(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    await owner.say("a", 1)
    await until(lambda: copy.words)
    await owner.say("a", 2, None)
    await until(lambda: not copy.words)
    await copy.stop()


async def test_older_and_equal_states_are_dropped_and_a_newer_epoch_wins(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    await copy.ready()
    await owner.say("a", 5, b"five")
    await until(lambda: copy.applied)
    await owner.say("a", 4, b"four")
    await owner.say("a", 5, b"five again")
    await owner.say("a", 1, b"restored", epoch=2)
    await until(lambda: copy.words["a"] == b"restored")  # what follows takes its place in the stream
    await owner.say("a", 9, b"a lost future", epoch=1)
    await owner.say("z", 1)
    await until(lambda: "z" in copy.words)
    assert copy.words["a"] == b"restored"
    assert copy.applied == ["a:5", "a:1", "z:1"]
    await copy.stop()


async def test_the_last_state_is_served_while_the_server_is_away_and_it_catches_up(
    site: Site, owner: Owner, feeds: Bus
) -> None:
    await owner.say("a", 1, b"one")
    await owner.say("b", 1, b"one")
    copy = Copy(feeds)
    await copy.ready()
    kill(site.server)
    await until(lambda: not copy.projection.current)
    assert copy.words == {"a": b"one", "b": b"one"}
    assert copy.projection.ready.is_set()
    await until(lambda: owner.bus.connected)
    await owner.say("a", 2, b"two")
    await until(lambda: copy.words["a"] == b"two")
    await until(lambda: copy.projection.current)
    assert copy.applied == ["a:1", "b:1", "a:2"]
    assert copy.resets == 0
    await copy.stop()


async def test_a_stream_made_anew_is_served_as_before_until_it_has_been_complete_for_a_while(
    site: Site, owner: Owner, feeds: Bus
) -> None:
    clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
    for name in "abc":
        await owner.say(name, 7, b"before")
    copy = Copy(feeds, clock, grace=60)
    await copy.ready()
    await site.recreate(PUBLIC)
    owner.sequences.clear()
    await until(lambda: not copy.projection.current)
    await clock.advance(1)
    await until(lambda: copy.projection.current)
    await owner.say("a", 8, b"after")  # newer: shown at once
    await owner.say("b", 3, b"another past")  # older than what was known: only when the grace is over
    await until(lambda: copy.words["a"] == b"after")
    await until(lambda: copy.projection._copy is not None and len(copy.projection._copy) == 2)
    assert copy.words == {"a": b"after", "b": b"before", "c": b"before"}
    assert copy.resets == 0
    copy.sizes.clear()
    await clock.advance(60)
    await until(lambda: copy.resets == 1)
    assert copy.words == {"a": b"after", "b": b"another past"}
    await asyncio.sleep(0)
    assert set(copy.sizes) == {2}  # nobody else had a turn in between
    await copy.stop()


async def test_what_a_stream_that_was_set_back_and_grew_again_does_not_hold_is_forgotten_too(
    site: Site, owner: Owner
) -> None:
    clock, holed = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC)), Holed(await site.bus("feeds"))
    for name in "abc":
        await owner.say(name, 7, b"before")
    await owner.say("gone", 7, None)
    copy = Copy(holed, clock, grace=60)  # type: ignore[arg-type]  # the rest goes through __getattr__
    await copy.ready()
    holed.drop, holed.without = 1, {where("c"), where("gone")}  # tombstones also go by themselves
    await owner.say("a", 8, b"after")
    await until(lambda: not copy.projection.current)
    await clock.advance(1)
    await until(lambda: copy.projection._doubted and copy.projection._left == clock.monotonic())
    await clock.advance(1)
    await until(lambda: copy.projection.current)
    assert copy.words == {"a": b"after", "b": b"before", "c": b"before"}
    await clock.advance(60)
    await until(lambda: copy.resets == 1)
    assert copy.words == {"a": b"after", "b": b"before"}
    await copy.stop()


async def test_a_connection_that_comes_and_goes_does_not_put_off_forgetting(site: Site, owner: Owner) -> None:
    clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
    holed = Holed(await site.bus("feeds", timeout=3.0, heartbeat=2.0))
    for name in "ab":
        await owner.say(name, 7, b"before")
    copy = Copy(holed, clock, grace=60)  # type: ignore[arg-type]  # the rest goes through __getattr__
    await copy.ready()
    await site.recreate(PUBLIC)
    owner.sequences.clear()
    await until(lambda: not copy.projection.current)
    await clock.advance(1)
    await until(lambda: copy.projection.current)
    await owner.say("a", 8, b"after")
    await until(lambda: copy.words["a"] == b"after")
    await clock.advance(50)
    holed.drop = 1
    await owner.say("a", 9, b"later")
    await until(lambda: not copy.projection.current)
    await clock.advance(1)
    await until(lambda: copy.projection.current)
    assert copy.words == {"a": b"later", "b": b"before"}
    await clock.advance(10)
    await until(lambda: copy.words == {"a": b"later"})
    await copy.stop()


async def test_an_empty_stream_never_empties_a_copy(site: Site, owner: Owner, feeds: Bus) -> None:
    clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
    await owner.say("a", 1)
    copy = Copy(feeds, clock, grace=60)
    await copy.ready()
    await site.recreate(PUBLIC)
    await until(lambda: not copy.projection.current)
    await clock.advance(1)
    await until(lambda: copy.projection.current)
    await clock.advance(61)
    assert copy.words == {"a": b"state"}
    assert copy.resets == 0
    await copy.stop()


async def test_a_gap_makes_it_read_the_stream_again(site: Site, owner: Owner) -> None:
    holed = Holed(await site.bus("feeds"))
    copy = Copy(holed)  # type: ignore[arg-type]  # the rest goes through __getattr__
    await copy.ready()
    holed.drop = 1
    await owner.say("a", 1, b"lost on the way")
    await until(lambda: copy.words == {"a": b"lost on the way"})
    assert holed.follows == 2
    await copy.stop()


class Holed:
    """A bus that loses the next message and says so, as the real one does when its count is broken."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.drop = 0
        self.without: set[str] = set()
        self.follows = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._bus, name)

    async def follow(self, stream, subjects, begin, deliver) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - as in the port
        self.follows += 1

        def holed(delivered: Any) -> None:
            if self.drop:
                self.drop -= 1
                raise Broken("message 2 came where 1 was due")
            if delivered.event.subject not in self.without:
                deliver(delivered)

        await self._bus.follow(stream, subjects, begin, holed)


def where(name: str) -> str:
    return event(name, 1).subject


async def test_an_event_waits_for_what_it_needs_and_the_old_state_stays_until_then(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    await owner.say("series", 1, b"whole")
    await until(lambda: copy.words)
    await owner.say("series", 2, b"cut", needs=((where("next"), 2),))
    await owner.say("next", 1, b"too early")
    await until(lambda: "next" in copy.words)
    assert copy.words["series"] == b"whole"
    assert copy.projection.held == 1
    await owner.say("next", 2, b"continuation")
    await until(lambda: copy.words == {"series": b"cut", "next": b"continuation"})
    assert copy.applied[-2:] == ["next:2", "series:2"]
    assert copy.projection.held == 0
    await copy.stop()


async def test_a_newer_state_replaces_one_that_is_held_back(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    await copy.ready()
    await owner.say("series", 1, b"cut", needs=((where("never"), 1),))
    await until(lambda: copy.projection.held == 1)
    await owner.say("series", 2, b"mended")
    await until(lambda: copy.words == {"series": b"mended"})
    assert copy.projection.held == 0
    assert copy.applied == ["series:2"]
    await copy.stop()


async def test_chains_of_needs_come_out_in_order(owner: Owner, feeds: Bus) -> None:
    await owner.say("a", 1, b"a", needs=((where("b"), 1),))
    await owner.say("b", 1, b"b", needs=((where("c"), 1),))
    await owner.say("c", 1, b"c")
    copy = Copy(feeds)
    await copy.ready()
    assert copy.applied == ["c:1", "b:1", "a:1"]
    await copy.stop()


async def test_held_back_events_do_not_keep_it_from_being_ready(owner: Owner, feeds: Bus) -> None:
    await owner.say("a", 1, b"a", needs=((where("never"), 1),))
    copy = Copy(feeds)
    await copy.ready()
    assert (copy.words, copy.projection.held) == ({}, 1)
    await copy.stop()


async def test_malformed_and_poisonous_events_are_skipped_and_the_rest_flows_on(owner: Owner, feeds: Bus) -> None:
    copy = Copy(feeds)
    bus = owner.bus
    await owner.say("a", 1, b"first")
    await until(lambda: copy.words)
    await bus._ask(where("b"), b"no headers at all")  # type: ignore[attr-defined]  # the adapter's own way to ask
    await bus._ask(where("c"), b"x", headers(event("other", 1)))  # type: ignore[attr-defined]  # the same
    await owner.say("a", 2, b"poison")
    await owner.say("z", 1, b"last")
    await until(lambda: "z" in copy.words)
    assert copy.words == {"a": b"first", "z": b"last"}
    assert copy.projection.skipped == 3
    await copy.stop()


async def test_orders_of_tombstones_are_kept_as_long_as_the_stream_keeps_them(owner: Owner, feeds: Bus) -> None:
    clock = VirtualClock(datetime(2026, 11, 21, tzinfo=UTC))
    copy = Copy(feeds, clock)
    for name in ("a", "b"):
        await owner.say(name, 1)
        await owner.say(name, 2, None)
    await owner.say("c", 1)
    await until(lambda: "c" in copy.words)
    await owner.say("b", 3, b"made again")
    await until(lambda: "b" in copy.words)
    await clock.advance(TOMBSTONE_LIFETIME + 1)
    assert copy.projection.order(where("a")) == (1, 2)
    await owner.say("d", 1)
    await until(lambda: "d" in copy.words)
    assert copy.projection.order(where("a")) is None
    assert copy.projection.order(where("b")) == (1, 3)
    await copy.stop()


class Away:
    """A bus without a server."""

    def __init__(self) -> None:
        self.asked = 0

    async def follow(self, *_: object) -> None:
        self.asked += 1
        raise BusUnavailable("not connected")


async def test_an_outage_is_told_of_once_and_not_at_every_attempt() -> None:
    away: Any = Away()
    with capture_logs() as said:
        copy = Copy(away)
        await until(lambda: away.asked >= 4)
        await copy.stop()
    assert [line["event"] for line in said] == ["follows again"]
