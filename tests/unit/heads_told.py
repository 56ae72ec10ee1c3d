"""Heads on a store whose commits end as a test says, and what is asked of them."""

from __future__ import annotations

import asyncio
import random
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from services.kit.clock import Ids
from services.kit.errors import Refusal
from services.kit.heads import Heads
from services.kit.store.memory import Disk, MemoryStore
from tests.contract.heads_examples import (
    KINDS,
    LISTS,
    Instantly,
    Said,
    Seats,
    leave,
    resize,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.leaves import Decision, Head, Shape
    from services.kit.store.port import Commit

Act = tuple[str, int, int]
TRACE: ContextVar[str] = ContextVar("trace")
SEATS = 6


class Store(MemoryStore):
    """A store whose next commits end as it is told, after `done` of them were done; `gate` holds them."""

    def __init__(self, disk: Disk | None = None) -> None:
        super().__init__(KINDS, Instantly(), disk)
        self.ends: list[Exception] = []
        self.done = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.commits = 0
        self.reads = 0

    async def commit(self, change: Commit) -> None:
        self.begun.set()
        await self.gate.wait()
        self.commits += 1
        if not self.ends or self.done:
            await super().commit(change)
        if self.ends:
            raise self.ends.pop(0)

    async def get(self, kind: str, id: str) -> Any:  # noqa: A002 - as in the port
        self.reads += 1
        return await super().get(kind, id)


def heads_on(store: MemoryStore, shape: Shape[Any] = LISTS, kept: int = 1000) -> Heads:
    source = random.Random(1)  # noqa: S311 - the same pauses in every run
    return Heads(store, Instantly(), Ids(source), [shape], kept=kept)


def decision(act: Act) -> Callable[[Head[Seats], str], Decision[Said]]:
    verb, seat, size = act
    return take(f"s{seat}", size) if verb == "take" else leave(f"s{seat}") if verb == "leave" else resize(size * 3)


async def outcome(heads: Heads, act: Act) -> str:
    try:
        return (await heads.change("list", "l", decision(act))).name
    except Refusal as refusal:
        return refusal.reason


acts = st.lists(
    st.tuples(st.sampled_from(["take", "take", "leave", "resize"]), st.integers(1, SEATS), st.integers(1, 5))
)
