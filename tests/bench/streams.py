"""The relay against bare publishes with acks, and a projection's rebuild against a bare parse of the same messages.

Publishes go to a nats-server as we run it (`sync_interval: always`). What is read again stands in one that writes to
disk when it likes: filling it is not what is measured.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import statistics
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from nats.aio.client import Client
from nats.js.api import DeliverPolicy
from openchair.meetings.v1.place_pb2 import Place

from services.kit.bus import NatsBus
from services.kit.clock import SystemClock, instant
from services.kit.event import headers
from services.kit.folder import DataFolder
from services.kit.logs import make_log
from services.kit.natsd import NatsServer, find_server
from services.kit.projection import Projection
from services.kit.publication import Publication, body
from services.kit.record import revise
from services.kit.relay import WINDOW, Relay
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Kind
from services.kit.store.sqlite import SqliteStore
from services.kit.streams import NatsUser, declared, inbox, provision, public_stream, subjects_of
from tests.bench.process import PATIENCE, free_port, started
from tests.bench.report import Row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from services.kit.event import Event
    from services.kit.store.port import Record, Store

RELAYED = 2_000
RECORDS = 100_000
SITE = "bench"
STREAM = public_stream(SITE)
SUBJECTS = subjects_of(SITE, "public", "bench")
USERS = (NatsUser("provisioner", provisions=True), NatsUser("bench", publishes=(f"openchair.{SITE}.public.>",)))
CLOCK = SystemClock()
LOG = make_log("warning")


@dataclass
class Figures:
    """Per second, and per second of this process' CPU: a figure for each round."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    per_cpu: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, count: int) -> Iterator[None]:
        """One round."""
        begun, cpu = time.perf_counter(), time.process_time()
        yield
        self.rates.setdefault(name, []).append(count / (time.perf_counter() - begun))
        self.per_cpu.setdefault(name, []).append(count / (time.process_time() - cpu))

    def row(self, name: str, against: str = "") -> Row:
        """The medians of the rounds."""
        rate, efficiency = statistics.median(self.rates[name]), statistics.median(self.per_cpu[name])
        ratio = ""
        if against:
            other = statistics.median(self.rates[against]), statistics.median(self.per_cpu[against])
            ratio = f"{rate / other[0]:.2f}x ({efficiency / other[1]:.2f}x per CPU second)"
        return Row(name, f"{rate:,.0f}/s, {efficiency:,.0f} per CPU second", against, ratio)


BARE, RELAY, TWIN = "bare publishes with acks", "relay of a sqlite store", "relay of a memory store"
PARSE, READ, REBUILD = "bare parse", "bare ordered consumer and parse", "projection rebuilt"


async def measure(folder: Path, rounds: int) -> tuple[list[Row], dict[str, dict[str, list[float]]]]:
    """The rows, and the figures of each round."""
    figures = Figures()
    async with _server(folder / "synced") as server:
        await _publishing(server, folder, figures, rounds)
    with _unsynced(folder / "unsynced") as url:
        async with _bus(url, "bench", "") as bus, _client(url, "") as client:
            await provision(bus, declared(SITE, []))
            await _fill(bus, client)
            for _ in range(rounds):
                await _rebuild(bus, figures)
                await _read(client, figures)
    rows = [figures.row(BARE), figures.row(RELAY, BARE), figures.row(TWIN, BARE)]
    rows += [figures.row(PARSE), figures.row(READ, PARSE), figures.row(REBUILD, PARSE), figures.row(REBUILD, READ)]
    return rows, {name: {"rate": rates, "per_cpu": figures.per_cpu[name]} for name, rates in figures.rates.items()}


@asynccontextmanager
async def _server(path: Path) -> AsyncIterator[NatsServer]:
    folder = DataFolder(path)
    await folder.acquire()
    server = NatsServer(folder, USERS, CLOCK, LOG)
    await server.start()
    try:
        async with _bus(server.url, "provisioner", server.password("provisioner")) as bus:
            await provision(bus, declared(SITE, []))
        yield server
    finally:
        await server.stop()
        folder.release()


@contextmanager
def _unsynced(path: Path) -> Iterator[str]:
    """A server without users or settings, and its address."""
    port = free_port()
    command = [str(find_server()), "-js", "-sd", str(path / "streams"), "-a", "127.0.0.1", "-p", str(port)]
    with started(command, path):
        yield f"nats://127.0.0.1:{port}"


@asynccontextmanager
async def _bus(url: str, user: str, password: str) -> AsyncIterator[NatsBus]:
    bus = NatsBus([url], user, password, make_log("critical"), timeout=10.0)
    await bus.open()
    await asyncio.wait_for(bus.ready(), PATIENCE)
    try:
        yield bus
    finally:
        await bus.close()


@asynccontextmanager
async def _client(url: str, password: str) -> AsyncIterator[Client]:
    """As anybody would connect."""
    client = Client()
    await client.connect(servers=[url], user="bench", password=password, inbox_prefix=inbox("bench"))
    try:
        yield client
    finally:
        await client.close()


async def _publishing(server: NatsServer, folder: Path, figures: Figures, rounds: int) -> None:
    password = server.password("bench")
    async with _bus(server.url, "bench", password) as bus, _client(server.url, password) as client:
        for number in range(rounds):
            await _publish(client, figures, number)
            await _relay(bus, SqliteStore(folder / f"{number}.db", [Kind("thing")], CLOCK), figures, RELAY)
            await _relay(bus, MemoryStore([Kind("thing")], CLOCK), figures, TWIN)


def _render(record: Record) -> Place:
    return Place(name=record.id, title=str(record.state["title"]), address="12 Main Street, Springfield, NY" * 4)


THINGS = Publication("thing", "public", "bench", "openchair.meetings.v1.Place", _render, "centre")
NUMBERS = itertools.count(1)


def _record(id_: str) -> Record:
    state: Any = {"centre": "oak", "title": f"Hall {id_}"}
    bare = revise(None, kind="thing", id=id_, state=state, at=instant(CLOCK.now()), actor="bench", views={})
    views = {"public": _render(bare)}
    return revise(None, kind="thing", id=id_, state=state, at=bare.at, actor="bench", views=views)


def _event(id_: str) -> Event:
    return THINGS.event(msgspec.structs.replace(_record(id_), epoch=1), SITE)


async def _publish(client: Client, figures: Figures, number: int) -> None:
    """Bytes at hand, as many at a time as the relay has."""
    events = [_event(f"bare-{number}-{n}") for n in range(RELAYED)]
    lines = [headers(event) | {"Nats-Expected-Last-Subject-Sequence": "0"} for event in events]
    window = asyncio.Semaphore(WINDOW)
    stream = client.jetstream()

    async def publish(event: Event, line: dict[str, str]) -> None:
        async with window:
            await stream.publish(event.subject, event.payload or b"", headers=line, timeout=PATIENCE)

    with figures.timed(BARE, RELAYED):
        await asyncio.gather(*(publish(event, line) for event, line in zip(events, lines, strict=True)))


async def _relay(bus: NatsBus, store: Store, figures: Figures, name: str) -> None:
    """From marked to published and cleared, each time as another service, whose subjects are its own."""
    await store.open()
    for first in range(0, RELAYED, 500):
        await store.commit(Commit(tuple(_record(str(n)) for n in range(first, first + 500))))
    things = dataclasses.replace(THINGS, service=f"bench{next(NUMBERS)}")
    relay = Relay(store, bus, [things], SITE, CLOCK, LOG)
    with figures.timed(name, RELAYED):
        running = asyncio.create_task(relay.run())
        await asyncio.wait_for(relay.settled(), PATIENCE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
    if relay.published != RELAYED:
        raise RuntimeError(f"{relay.published} messages were published, not {RELAYED}")


async def _fill(bus: NatsBus, client: Client) -> None:
    """So many subjects in the stream; nobody waits for each to be stored."""
    for number in range(RECORDS):
        event = _event(f"filled-{number}")
        await client.publish(event.subject, event.payload or b"", headers=headers(event))
        if number % 1000 == 0:
            await client.flush()
    deadline = time.monotonic() + PATIENCE
    while (found := await bus.stream(STREAM)) is None or found.messages < RECORDS:
        if time.monotonic() > deadline:
            raise RuntimeError("the stream does not fill")
        await asyncio.sleep(0.1)


async def _rebuild(bus: NatsBus, figures: Figures) -> None:
    """A process that starts and follows; then its messages parsed again with nothing around it."""
    shown: dict[str, Place] = {}
    kept: list[bytes] = []

    def apply(event: Event) -> None:
        shown[event.subject] = body(event, Place)
        kept.append(event.payload or b"")

    projection = Projection(bus, STREAM, [SUBJECTS], apply, shown.clear, CLOCK, LOG)
    with figures.timed(REBUILD, RECORDS):
        following = asyncio.create_task(projection.run())
        await asyncio.wait_for(projection.ready.wait(), PATIENCE)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    if len(shown) != RECORDS:
        raise RuntimeError(f"only {len(shown)} states were read")
    with figures.timed(PARSE, RECORDS):
        dict(enumerate(Place.FromString(payload) for payload in kept))


async def _read(client: Client, figures: Figures) -> None:
    """What the client library itself does with an ordered consumer, checking nothing."""
    shown: dict[str, Place] = {}
    done = asyncio.Event()

    async def take(message: Any) -> None:
        shown[message.subject] = Place.FromString(message.data)
        if len(shown) >= RECORDS:
            done.set()

    with figures.timed(READ, RECORDS):
        subscription = await client.jetstream().subscribe(
            SUBJECTS, stream=STREAM, ordered_consumer=True, deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, cb=take
        )
        await asyncio.wait_for(done.wait(), PATIENCE)
    await subscription.unsubscribe()
