"""Heads of two instances on one store, while everything is repeated, cancelled and fails: what is true afterwards."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import Ids
from services.kit.errors import Refusal, Unmet
from services.kit.heads import Claim, Heads
from services.kit.leaves import Changes, Decision, Head, Joint, Leaf
from services.kit.record import revise
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Unwritten
from tests.contract.heads_examples import KINDS, LISTS, Instantly, Said, Seats, a_call, fold, held

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("l0", "l1", "l2")
BEFORE: tuple[type[Exception], ...] = (Conflict, Unwritten, OutcomeUnknown, RuntimeError, ValueError)
AFTER: tuple[type[Exception], ...] = (OutcomeUnknown, RuntimeError)
CERTAIN = {"FULL", "CONTENTION", "STORE_UNAVAILABLE"}
"""Reasons after which nothing was done."""


class Store(MemoryStore):
    """A store that takes its time and fails, before or after it has written, as often as `rate` says."""

    def __init__(self, disk: Disk, source: random.Random, rate: float) -> None:
        super().__init__(KINDS, Instantly(), disk)
        self._source = source
        self.rate = rate

    async def commit(self, change: Commit) -> None:
        await self._dawdle()
        if self._source.random() >= self.rate:
            await super().commit(change)
        elif self._source.random() < len(AFTER) / len(AFTER + BEFORE):
            await super().commit(change)
            raise self._source.choice(AFTER)
        else:
            raise self._source.choice(BEFORE)
        await self._dawdle()

    async def get(self, kind: str, id: str) -> Any:  # noqa: A002 - as in the port
        await self._dawdle()
        if self._source.random() < self.rate / 5:
            raise Unwritten
        return await super().get(kind, id)

    async def _dawdle(self) -> None:
        for _ in range(self._source.choice([0, 0, 1, 2, 5])):
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Request:
    """What is asked for under one id, however often: a seat of that name in each of the lists, or only a note."""

    id: str
    verb: str
    lists: tuple[str, ...]

    def one(self, head: Head[Seats], _: str) -> Decision[Said]:
        if self.verb == "refused":
            raise Unmet("as ever", "FULL")
        said = Said(name=f"after {head.index.taken}")
        return Decision(said, None if self.verb == "nothing" else self._seat(head))

    async def prepared(self, store: Store) -> Claim[Said]:
        keys = [("list", name) for name in self.lists]
        note = await store.get("note", self.id) if self.verb == "note" else None

        def decide(heads: Mapping[tuple[str, str], Head[Any]], at: str) -> Joint[Said]:
            said = Said(name=f"after {sum(head.index.taken for head in heads.values())}")
            if self.verb != "note":
                return Joint(said, {key: self._seat(heads[key]) for key in keys})
            if note is not None:
                raise Unmet("it is there", "THERE")
            return Joint(said, {}, (revise(None, kind="note", id=self.id, state={}, at=at, actor="x", views={}),))

        return Claim(keys, decide)

    def _seat(self, head: Head[Seats]) -> Changes:
        seat = f"{self.id}-{head.id}"
        if seat in head.leaves:
            raise Unmet("it is there", "THERE")
        return Changes(leaves=(Leaf(seat, {"centre": "oak", "guest": "g", "size": 1}),))


@dataclass
class Crowd:
    """Those who ask, and what they were told: a reply, a reason, or nothing that they could rely on."""

    source: random.Random
    disk: Disk = field(default_factory=Disk)
    replies: defaultdict[Request, set[str]] = field(default_factory=lambda: defaultdict(set))
    reasons: defaultdict[Request, set[str]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        rate, kept = self.source.choice([0.0, 0.05, 0.3]), self.source.choice([0, 3, 1000])
        self.stores = [Store(self.disk, self.source, rate) for _ in range(2)]
        self.instances = [Heads(store, Instantly(), Ids(self.source), [LISTS], kept=kept) for store in self.stores]
        verbs = ("seat", "seat", "both", "note", "nothing", "refused")
        self.requests = [
            Request(f"r{n}", self.source.choice(verbs), tuple(sorted(set(self.source.choices(NAMES, k=2)))))
            for n in range(self.source.choice([3, 10, 100]))
        ]

    async def ask(self) -> None:
        request, which = self.source.choice(self.requests), self.source.randrange(2)
        for _ in range(self.source.randrange(20)):
            await asyncio.sleep(0)
        try:
            self.replies[request].add((await self._asked(request, which)).name)
        except Refusal as refusal:
            self.reasons[request].add(refusal.reason)
        except BaseException as error:
            self.reasons[request].add(type(error).__name__)
            raise

    async def _asked(self, request: Request, which: int) -> Said:
        heads, store, call = self.instances[which], self.stores[which], a_call(request.id)
        if request.verb in {"both", "note"}:
            return await heads.together(lambda: request.prepared(store), call=call)
        return await heads.change("list", request.lists[0], request.one, call=call)

    async def settle(self) -> None:
        """Nothing is under way any more, and nothing fails."""
        await asyncio.gather(*(heads.idle() for heads in self.instances))
        for store in self.stores:
            store.rate = 0

    def seats(self, request: Request) -> list[int]:
        """The revisions of what it has written."""
        kind, names = ("note", [""]) if request.verb == "note" else ("seat", [f"-{name}" for name in request.lists])
        rows = (self.disk.rows.get(kind, {}).get(request.id + name) for name in names)
        return [row.record.revision for row in rows if row is not None]

    def wanted(self, request: Request) -> list[int]:
        """What it should have written if it was done."""
        number = {"nothing": 0, "refused": 0, "both": len(request.lists)}.get(request.verb, 1)
        return [1] * number


async def check(crowd: Crowd) -> None:
    for request in crowd.requests:
        written, wanted = crowd.seats(request), crowd.wanted(request)
        replies, reasons = crowd.replies[request], crowd.reasons[request]
        assert written in ([], wanted), f"half of {request}, or more than once"
        assert len(replies) <= 1, f"{request} was answered {replies}"
        assert written == wanted or not replies, f"{request} was answered and not done"
        assert "THERE" not in reasons, f"{request} met itself, and was told {reasons}"
        assert not written or replies or not reasons <= CERTAIN, f"{request} was done, and was told {reasons}"
    for name in NAMES:
        stored = await fold(crowd.stores[0], name)
        assert [await held(heads, name) for heads in crowd.instances] == [stored, stored]
        head = await crowd.stores[0].get("list", name)
        lines = {line.revision for line in crowd.disk.audit.get(("list", name), [])}
        assert lines == set(range(1, head.revision + 1) if head else ())


async def run(seed: int) -> None:
    crowd = Crowd(random.Random(seed))  # noqa: S311 - the same in every run
    asking = [asyncio.ensure_future(crowd.ask()) for _ in range(crowd.source.choice([5, 20, 60]))]
    for one in crowd.source.sample(asking, len(asking) // crowd.source.choice([2, 100])):
        for _ in range(crowd.source.randrange(5)):
            await asyncio.sleep(0)
        one.cancel()
    async with asyncio.timeout(120):
        await asyncio.gather(*asking, return_exceptions=True)
        await crowd.settle()
        await check(crowd)


def test_each_request_is_done_once_or_not_at_all_and_told_so_whatever_fails() -> None:
    for seed in range(60):
        asyncio.run(run(seed))


@pytest.mark.slow
def test_each_request_is_done_once_or_not_at_all_and_told_so_in_many_more_ways() -> None:
    for seed in range(60, 1000):
        asyncio.run(run(seed))
