"""What every bus must do: a real nats-server and its twin in memory. What only one of them can do says so."""

from __future__ import annotations

import asyncio
import contextlib
import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace
from nats.aio.client import Client

from services.kit.bus import NatsBus
from services.kit.bus_port import Broken, Bus, BusUnavailable, Full, Unpublishable, WrongSequence
from services.kit.event import Malformed, Stored, headers
from services.kit.logs import make_log
from services.kit.streams import check, check_sync, stream_of, updated, wire
from tests.contract.bus_fixtures import (
    LOG,
    PRIVATE,
    PUBLIC,
    SITE,
    STREAMS,
    MemorySite,
    Site,
    either,
    event,
    running,
    until,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Delivered
    from services.kit.streams import StreamState


@pytest.fixture(params=["nats", "memory"])
async def any_site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site | MemorySite]:
    async with either(request.param, tmp_path / "data") as site:
        yield site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """For what only a server can do."""
    async with running(tmp_path / "data") as site:
        yield site


class Follower:
    """Follows a stream in a task and keeps what it is told."""

    def __init__(self, bus: Bus, stream: str = PUBLIC, subjects: tuple[str, ...] = (">",)) -> None:
        self.pending: int | None = None
        self.state: StreamState | None = None
        self.delivered: list[Delivered] = []
        self.task = asyncio.create_task(bus.follow(stream, subjects, self._begin, self.delivered.append))

    def _begin(self, state: StreamState, pending: int) -> None:
        self.state, self.pending = state, pending

    def seen(self) -> list[tuple[str, int]]:
        return [
            (one.event.subject.rsplit(".", 1)[1], one.event.revision)
            for one in self.delivered
            if isinstance(one, Stored)
        ]

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_subject_counts_on_from_its_last_sequence(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    first = await bus.publish(event("a", 1), 0)
    await bus.publish(event("b", 1), 0)
    third = await bus.publish(event("a", 2), first)
    assert (first, third) == (1, 3)


@pytest.mark.parametrize("expected", [0, 7])
async def test_an_unexpected_last_sequence_is_refused_and_nothing_is_stored(
    any_site: Site | MemorySite, expected: int
) -> None:
    bus = await any_site.bus("meetings")
    kept = event("a", 5)
    await bus.publish(kept, 0)
    with pytest.raises(WrongSequence):
        await bus.publish(event("a", 4), expected)
    assert await bus.last(PUBLIC, kept.subject) == Stored(kept, 1)


async def test_what_was_published_reads_back_the_same(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    needs = ((event("b", 1).subject, 3),)
    whole = event("a", 7, epoch=3, payload=bytes(range(256)), needs=needs)
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sequence = await bus.publish(whole, 0, traceparent=trace)
    assert await bus.last(PUBLIC, whole.subject) == Stored(whole, sequence, traceparent=trace)


async def test_a_subject_without_a_message_has_no_last_one(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    assert await bus.last(PUBLIC, event("never", 1).subject) is None


async def test_a_tombstone_is_a_message_and_is_forgotten_after_its_lifetime(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    sequence = await bus.publish(event("a", 1), 0)
    grave = event("a", 2, payload=None)
    await bus.publish(grave, sequence, lifetime=1)
    assert await bus.last(PUBLIC, grave.subject) == Stored(grave, 2)
    async with asyncio.timeout(60):
        while await bus.last(PUBLIC, grave.subject) is not None:  # noqa: ASYNC110 - the server says nothing
            await asyncio.sleep(0.05)


async def test_a_message_that_is_too_large_is_named_so(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    with pytest.raises(Unpublishable):
        await bus.publish(event("a", 1, payload=b"x" * 1_100_000), 0)


async def test_headers_count_and_the_connection_outlives_what_is_too_large_by_them(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    with pytest.raises(Unpublishable):  # the server would drop the connection, and the relay would try for ever
        await bus.publish(event("a", 1, payload=b"x" * (1024 * 1024 - 100)), 0)
    assert await bus.publish(event("a", 1, payload=b"x" * (1024 * 1024 - 1000)), 0) > 0


async def test_a_stream_keeps_only_the_newest_of_each_subject(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    sequence = 0
    for revision in range(1, 6):
        sequence = await bus.publish(event("a", revision), sequence)
    await bus.publish(event("b", 1), 0)
    state = await bus.stream(PUBLIC)
    assert state is not None
    assert (state.messages, state.last_sequence) == (2, 6)
    assert sorted(await bus.subjects(PUBLIC, f"openchair.{SITE}.public.meetings.>")) == [
        event("a", 1).subject,
        event("b", 1).subject,
    ]


async def test_the_next_message_above_a_sequence_is_found_among_the_wanted_subjects(
    any_site: Site | MemorySite,
) -> None:
    bus = await any_site.bus("meetings")
    for name in "abc":
        await bus.publish(event(name, 1), 0)
    wanted = event("b", 1).subject
    assert await bus.next(PUBLIC, wanted, 0) == await bus.last(PUBLIC, wanted)
    assert await bus.next(PUBLIC, wanted, 2) is None
    above = await bus.next(PUBLIC, f"openchair.{SITE}.public.meetings.*.meeting.*", 2)
    assert above is not None
    assert above.sequence == 3


async def test_a_full_stream_refuses_new_subjects_and_takes_replacements(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    sequence = await bus.publish(event("a", 1, payload=b"x" * 500), 0)
    await bus.publish(event("b", 1, payload=b"x" * 500), 0)
    await any_site.change(replace(STREAMS[0], max_bytes=2000))
    with pytest.raises(Full):
        await bus.publish(event("c", 1, payload=b"x" * 500), 0)
    assert await bus.publish(event("a", 2, payload=b"x" * 400), sequence) == 3
    await any_site.change(replace(STREAMS[0], max_bytes=100_000))
    assert await bus.publish(event("c", 1, payload=b"x" * 500), 0) == 4


async def test_declaring_again_leaves_to_the_operator_what_is_not_declared(site: Site) -> None:
    provisioner = await site.bus("provisioner")
    config = wire(replace(STREAMS[0], max_bytes=100_000, discard="old")) | {"description": "do not fill"}
    await provisioner._ask(f"$JS.API.STREAM.UPDATE.{PUBLIC}", json.dumps(config).encode())
    await provisioner.declare(STREAMS[0])
    found = (await provisioner._ask(f"$JS.API.STREAM.INFO.{PUBLIC}"))["config"]
    assert (found["max_bytes"], found["description"], found["discard"]) == (100_000, "do not fill", "new")


def test_declaring_again_takes_away_no_copies_and_no_sources() -> None:
    peer = {"name": "PUBLIC_peer", "external": {"api": "$JS.peer.API"}}
    found = updated({"num_replicas": 3, "sources": [peer], "placement": {"cluster": "east"}}, STREAMS[0])
    assert (found["num_replicas"], found["sources"], found["placement"]) == (3, [peer], {"cluster": "east"})
    assert updated({"num_replicas": 1}, replace(STREAMS[0], num_replicas=3))["num_replicas"] == 3


async def test_who_may_not_is_told_that_the_bus_is_unavailable(any_site: Site | MemorySite) -> None:
    feeds = await any_site.bus("feeds", timeout=2.0)
    with pytest.raises(BusUnavailable):
        await feeds.publish(event("a", 1), 0)
    with pytest.raises(BusUnavailable):
        await feeds.last("PRIVATE_home_rsvps", event("a", 1).subject)
    with pytest.raises(BusUnavailable):
        await feeds.declare(STREAMS[0])


async def test_following_gives_the_newest_of_each_then_each_new_one(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    sequence = await bus.publish(event("a", 1), 0)
    await bus.publish(event("b", 1), 0)
    sequence = await bus.publish(event("a", 2), sequence)
    follower = Follower(await any_site.bus("feeds"))
    await until(lambda: len(follower.delivered) == 2)
    await bus.publish(event("a", 3), sequence)
    await until(lambda: len(follower.delivered) == 3)
    assert follower.pending == 2
    assert follower.seen() == [("b", 1), ("a", 2), ("a", 3)]
    assert [one.pending for one in follower.delivered] == [1, 0, 0]
    await follower.stop()


async def test_following_an_empty_stream_says_that_nothing_is_pending(any_site: Site | MemorySite) -> None:
    follower = Follower(await any_site.bus("feeds"))
    await until(lambda: follower.pending is not None)
    assert follower.pending == 0
    await follower.stop()


async def test_following_three_thousand_misses_none(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    for start in range(0, 3000, 25):  # each is on the disk before it is acknowledged, and others write there too
        await asyncio.gather(*(bus.publish(event(f"m{n}", 1), 0) for n in range(start, start + 25)))
    follower = Follower(await any_site.bus("feeds"))
    await until(lambda: len(follower.delivered) == 3000)
    assert {name for name, _ in follower.seen()} == {f"m{n}" for n in range(3000)}
    assert follower.delivered[-1].pending == 0
    await follower.stop()


async def test_following_only_some_subjects(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    for name in "abc":
        await bus.publish(event(name, 1), 0)
    follower = Follower(await any_site.bus("feeds"), subjects=(event("a", 1).subject, event("c", 1).subject))
    await until(lambda: len(follower.delivered) == 2)
    assert follower.seen() == [("a", 1), ("c", 1)]
    await follower.stop()


async def test_a_message_that_is_no_event_is_delivered_as_malformed(any_site: Site | MemorySite) -> None:
    bus = await any_site.bus("meetings")
    honest = event("a", 1)
    await any_site.put(honest.subject, headers(event("b", 1)), b"secret words")
    follower = Follower(await any_site.bus("feeds"))
    await until(lambda: follower.delivered)
    wanted = Malformed(honest.subject, 1, "ce-subject is not the subject it came on")
    assert follower.delivered == [wanted]
    assert await bus.last(PUBLIC, honest.subject) == wanted
    await follower.stop()


async def test_a_stream_made_anew_breaks_whoever_follows_it(any_site: Site | MemorySite) -> None:
    follower = Follower(await any_site.bus("feeds", heartbeat=1.0))
    await until(lambda: follower.pending is not None)
    await any_site.recreate(PUBLIC)
    with pytest.raises(Broken):
        await asyncio.wait_for(follower.task, 60)


async def test_a_lost_connection_ends_following_and_refuses_publishing_until_it_is_back(
    any_site: Site | MemorySite,
) -> None:
    bus = await any_site.bus("meetings")
    sequence = await bus.publish(event("a", 1), 0)
    times: list[bool] = []
    bus.watch(lambda: times.append(bus.connected))
    follower = Follower(await any_site.bus("feeds"))
    await until(lambda: follower.pending is not None)
    any_site.crash()
    with pytest.raises(BusUnavailable):
        await asyncio.wait_for(follower.task, 60)
    await until(lambda: not bus.connected or times)
    await until(lambda: bus.connected)
    assert times == [True]
    assert await bus.publish(event("a", 2), sequence) == sequence + 1


async def test_starting_does_not_wait_for_the_server_and_connects_when_it_comes(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as site:
        url, password = site.server.url, site.server.password("meetings")
        await site.server.stop()
        bus = NatsBus([url], "meetings", password, LOG)
        await bus.open()
        with pytest.raises(BusUnavailable):
            await bus.publish(event("a", 1), 0)
        await site.server.start()
        await asyncio.wait_for(bus.ready(), 60)
        assert await bus.publish(event("a", 1), 0) == 1
        await bus.close()


async def test_a_server_that_does_not_let_us_in_is_told_of_once_for_each_reason(site: Site) -> None:
    said = StringIO()
    bus = NatsBus([site.server.url], "meetings", "guess", make_log("debug", said))
    await bus.open()
    await until(lambda: said.getvalue().count("Authorization Violation") >= 3)
    await bus.close()
    told = [line for line in map(json.loads, said.getvalue().splitlines()) if line["level"] != "debug"]
    reasons = [line["error"].partition(":")[0] for line in told]
    assert "Authorization Violation" in told[0]["error"]
    assert len(set(reasons)) == len(reasons)
    assert "guess" not in said.getvalue()


async def test_closing_while_the_server_is_away_comes_back() -> None:
    bus = NatsBus(["nats://127.0.0.1:1"], "meetings", "wrong", LOG)
    await bus.open()
    await asyncio.wait_for(bus.close(), 60)


async def test_streams_as_declared_pass_the_check(site: Site) -> None:
    bus = await site.bus("meetings")
    own = [stream for stream in STREAMS if stream.name in (PUBLIC, PRIVATE)]
    assert await check(bus, own) == []
    assert await check_sync([site.server.monitor_url]) == []


async def test_the_check_names_the_setting_that_differs(site: Site) -> None:
    bus = await site.bus("provisioner")
    name = STREAMS[0].name
    config = {"name": name, "subjects": list(STREAMS[0].subjects), "max_msgs_per_subject": 5, "storage": "file"}
    await bus._ask(f"$JS.API.STREAM.DELETE.{name}")
    await bus._ask(f"$JS.API.STREAM.CREATE.{name}", json.dumps(config).encode())
    assert await check(await site.bus("meetings"), STREAMS[:1]) == [
        f"stream {name}: max_msgs_per_subject is 5, should be 1",
        f"stream {name}: discard is 'old', should be 'new'",
        f"stream {name}: allow_msg_ttl is False, should be True",
        f"stream {name}: duplicate_window is 120.0, should be 0.1",
    ]


def test_public_and_private_subjects_belong_to_their_streams() -> None:
    assert stream_of(event("a", 1).subject) == PUBLIC
    assert stream_of(event("a", 1, view="private").subject) == PRIVATE
    with pytest.raises(ValueError, match="not a subject of ours"):
        stream_of("$JS.API.STREAM.PURGE")


async def test_being_cancelled_in_the_moment_of_the_answer_is_being_cancelled(site: Site) -> None:
    bus = await site.bus("meetings")
    for delay in range(60):  # some of these moments are those in which the client would not notice
        task = asyncio.create_task(_ask_for_ever(bus))
        await bus.stream(PUBLIC)
        for _ in range(delay % 12):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=60)
        assert done
        assert task.cancelled()


async def _ask_for_ever(bus: Bus) -> None:
    while True:
        await bus.stream(PUBLIC)


async def test_a_connection_that_is_lost_as_it_is_closed_is_closed(site: Site) -> None:
    bus = await site.bus("meetings")
    client: Any = bus._client
    client._transport._io_writer.transport.abort()
    client._pending.append(b"PING\r\n")  # what the client would still send, and cannot any more
    client._pending_data_size += len(b"PING\r\n")
    await bus.close()
    assert not bus.connected


class Deaf(Client):
    """As the client is where a refused connection and its being cancelled fall together: it tries on."""

    async def connect(self, *_: Any, **__: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """It never was connected."""


async def test_it_closes_though_the_client_does_not_notice_that_it_was_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.kit.bus.Client", Deaf)
    bus = NatsBus(["nats://127.0.0.1:1"], "meetings", "secret", LOG)
    await bus.open()
    await asyncio.sleep(0)
    await asyncio.wait_for(bus.close(), 60)
