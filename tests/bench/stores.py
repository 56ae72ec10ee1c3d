"""The stores: commits per second of one caller and of 64, apart, grouped, and batched on one head.

The limit is bare sqlite3 with the same rows, made durable the same way, in the same run. A command writes four of them:
a record with one view, the answer to its request, a line of the trail; on a head, one more for each commit.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import statistics
import time
import uuid
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.wrappers_pb2 import StringValue
from openchair.meetings.v1 import centre_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.call import Call, Caller
from services.kit.clock import Ids, SystemClock, instant
from services.kit.heads import Heads
from services.kit.leaves import BY_HEAD, Changes, Decision, Facts, Head, Leaf, Shape
from services.kit.middleware import answer_for
from services.kit.record import revise
from services.kit.store.memory import MemoryStore
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Audit, Commit, Document, Kind
from services.kit.store.sqlite import SqliteStore
from tests.bench import streams
from tests.bench.report import Row, show, write
from tests.contract import mongod

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from services.kit.store.port import Store

CALLERS = 64
SECONDS = 0.5
"""How long one round of one contestant takes."""
FEW, MANY = 5, 5_000
CLOCK = SystemClock()
KINDS = (Kind("thing"), Kind("list"), Kind("seat", (BY_HEAD,)))
METHOD = "openchair.meetings.v1.MeetingService/CreateCentre"
TEXT = "Some words that people wrote about it, as many as there usually are. " * 4

Do = "Callable[[int, int], Awaitable[object]]"


@dataclass
class Contestant:
    """Something that is done again and again: `do` gets the number of the caller and of its turn."""

    name: str
    callers: int
    do: Callable[[int, int], Awaitable[object]]
    against: str = ""
    rates: list[float] = field(default_factory=list)
    per_cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Commands per second, the median of the rounds."""
        return statistics.median(self.rates)

    @property
    def efficiency(self) -> float:
        """Commands per second of this process' CPU, the median of the rounds."""
        return statistics.median(self.per_cpu)

    async def run(self) -> None:
        """One round."""
        done, begun, cpu = 0, time.perf_counter(), time.process_time()
        turns = [len(self.rates) * 10**6] * self.callers

        async def call(caller: int) -> None:
            nonlocal done
            while time.perf_counter() - begun < SECONDS:
                await self.do(caller, turns[caller])
                turns[caller] += 1
                done += 1

        await asyncio.gather(*(call(caller) for caller in range(self.callers)))
        self.rates.append(done / (time.perf_counter() - begun))
        self.per_cpu.append(done / (time.process_time() - cpu))


def measure(folder: Path, rounds: int) -> None:
    """Prints and writes."""
    folder.mkdir(parents=True, exist_ok=True)
    field_ = asyncio.run(_race(folder, rounds))
    rows = [_row(one, field_) for one in field_]
    show(f"Commands committed, four rows each, {CALLERS} callers or one", rows)
    figures = {one.name: {"rate": one.rates, "per_cpu": one.per_cpu} for one in field_}
    more, measured = asyncio.run(streams.measure(folder / "streams", rounds))
    show("States published, and read again", more)
    write("store", [*rows, *more], figures | measured)


def _row(one: Contestant, contestants: list[Contestant]) -> Row:
    peer = next((other for other in contestants if other.name == one.against), None)
    ratio = ""
    if peer:
        ratio = f"{one.rate / peer.rate:.2f}x ({one.efficiency / peer.efficiency:.2f}x per CPU second)"
    return Row(one.name, f"{one.rate:,.0f}/s, {one.efficiency:,.0f} per CPU second", one.against, ratio)


async def _race(folder: Path, rounds: int) -> list[Contestant]:
    async with AsyncExitStack() as stack:
        contestants = _bare(stack, folder)
        for name, store in _stores(folder, stack).items():
            await store.open()
            stack.push_async_callback(store.close)
            contestants += await _contestants(name, store)
        for number in range(rounds + 1):
            turn = number % len(contestants)
            for contestant in contestants[turn:] + contestants[:turn]:
                await contestant.run()
    for contestant in contestants:
        del contestant.rates[0], contestant.per_cpu[0]  # the first was to warm up
    return contestants


def _stores(folder: Path, stack: AsyncExitStack) -> dict[str, Store]:
    """Those that can be measured here; what is left of them elsewhere is removed with the stack."""
    stores: dict[str, Store] = {
        "sqlite": SqliteStore(folder / "store.db", KINDS, CLOCK),
        "memory": MemoryStore(KINDS, CLOCK),
    }
    url = os.environ.get("MONGODB_URL", "")
    if url:
        database = f"openchair_bench_{uuid.uuid4().hex[:8]}"
        stack.push_async_callback(asyncio.to_thread, mongod.drop, url, database)
        stores["mongodb"] = MongoStore(url, database, KINDS, CLOCK)
    else:
        print("Without MongoDB: MONGODB_URL is not set")
    return stores


async def _contestants(name: str, store: Store) -> list[Contestant]:
    """One store in each way of being asked."""
    alone, grouped = ("bare sqlite3, one", "bare sqlite3, 64") if name == "sqlite" else ("", "")
    few, many = await _filled(store, "few", FEW), await _filled(store, "many", MANY)
    return [
        Contestant(f"{name}: different records, 1 caller", 1, _thing(store), alone),
        Contestant(f"{name}: different records, {CALLERS} callers", CALLERS, _thing(store), grouped),
        Contestant(f"{name}: one head of {FEW} leaves, 1 caller", 1, _seat(few, "few"), alone),
        Contestant(f"{name}: one head of {FEW} leaves, {CALLERS} callers", CALLERS, _seat(few, "few"), grouped),
        Contestant(
            f"{name}: one head of {MANY:,} leaves, {CALLERS} callers",
            CALLERS,
            _seat(many, "many"),
            f"{name}: one head of {FEW} leaves, {CALLERS} callers",
        ),
    ]


def _state() -> Document:
    return {"centre": "oak", "title": "Open chair", "text": TEXT, "size": 2, "open": True}


def _call(request_id: str) -> Call[Any]:
    message = pb.CreateCentreRequest(request_id=request_id)
    return Call(METHOD, message, Caller("bench"), float("inf"), CLOCK, request_id)


def _thing(store: Store) -> Callable[[int, int], Awaitable[object]]:
    """A record of its own for each commit."""

    async def do(caller: int, turn: int) -> None:
        at, id_ = instant(CLOCK.now()), uuid.uuid4().hex
        views = {"public": StringValue(value=TEXT)}
        record = revise(None, kind="thing", id=id_, state=_state(), at=at, actor="bench", views=views)
        line = Audit("thing", id_, 1, at, "bench", "made")
        answers = answer_for(_call(f"{id_}-{caller}-{turn}"), centre_pb2.Centre(name=id_))
        await store.commit(Commit((record,), answers, (line,)))

    return do


def _seat(heads: Heads, id_: str) -> Callable[[int, int], Awaitable[object]]:
    """Each caller takes and gives back a leaf of its own, in turn: the head goes on having as many."""

    async def do(caller: int, turn: int) -> centre_pb2.Centre:
        seat = f"{id_}-caller-{caller}"

        def decide(head: Head[set[str]], _: str) -> Decision[centre_pb2.Centre]:
            reply = centre_pb2.Centre(name=seat)
            if seat in head.index:
                return Decision(reply, Changes(removed=(seat,)), "left")
            return Decision(
                reply, Changes(leaves=(Leaf(seat, _state(), {"public": StringValue(value=TEXT)}),)), "taken"
            )

        return await heads.change("list", id_, decide, call=_call(f"{uuid.uuid4().hex}-{turn}"))

    return do


async def _filled(store: Store, id_: str, count: int) -> Heads:
    shape = Shape[set[str]](
        "list",
        "seat",
        lambda _: set(),
        lambda index, leaf: index.add(leaf.id),
        lambda index, leaf: index.remove(leaf.id),
    )
    heads = Heads(store, CLOCK, Ids(), [shape])

    def decide(begin: int) -> Callable[[Head[set[str]], str], Decision[None]]:
        leaves = tuple(Leaf(f"{id_}-{number}", _state()) for number in range(begin, min(begin + 500, count)))
        return lambda _head, _at: Decision(None, Changes(Facts({"room": count}), leaves))

    for begin in range(0, count, 500):
        await heads.change("list", id_, decide(begin))
    return heads


def _bare(stack: AsyncExitStack, folder: Path) -> list[Contestant]:
    """The same rows by sqlite3 alone, in this thread, one command or 64 in each transaction."""
    path = folder / "bare.db"
    connection = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None, cached_statements=512)))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    for table in ("thing", "view", "answer", "line"):
        connection.execute(f"CREATE TABLE {table} (id TEXT NOT NULL PRIMARY KEY, a TEXT, b TEXT) WITHOUT ROWID")
    return [
        Contestant("bare sqlite3, one", 1, _inserts(connection, 1)),
        Contestant("bare sqlite3, 64", CALLERS, _inserts(connection, CALLERS)),
    ]


def _inserts(connection: sqlite3.Connection, together: int) -> Callable[[int, int], Awaitable[object]]:
    """The first of those who come together writes for all of them."""
    text = str(_state())

    async def do(caller: int, _turn: int) -> None:
        if caller == 0:
            connection.execute("BEGIN IMMEDIATE")
            for _ in range(together):
                id_ = uuid.uuid4().hex
                connection.execute("INSERT INTO thing VALUES (?, ?, ?)", (id_, text, "1"))
                connection.execute("INSERT INTO view VALUES (?, ?, ?)", (id_, id_ * 2, "1"))
                connection.execute("INSERT INTO answer VALUES (?, ?, ?)", (id_, id_ * 2, id_ * 2))
                connection.execute("INSERT INTO line VALUES (?, ?, ?)", (id_, "bench", "made"))
            connection.execute("COMMIT")
        await asyncio.sleep(0)

    return do
