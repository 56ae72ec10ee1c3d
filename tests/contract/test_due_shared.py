"""What is due under several instances of a service: each record's time is acted on once, by whichever comes first."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import structlog

from services.kit.clock import instant
from services.kit.store.port import Audit, Commit, Conflict
from services.kit.sweep import Sweeper
from tests.contract.store_fixtures import KINDS, NOW, meeting

if TYPE_CHECKING:
    from services.kit.store.port import Record, Store
    from tests.contract.store_fixtures import Engine

pytest_plugins = ("tests.contract.store_fixtures",)

RECORDS = 40
INSTANCES = 3


class Instance:
    """One of them: on a connection of its own, but for SQLite, whose file has one owner."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self.store = store
        self.handed = 0
        self.lost = 0
        log = structlog.get_logger()
        self.sweeper = Sweeper(store, engine.clock, {"meeting": self._decide}, log=log)

    async def _decide(self, record: Record) -> None:
        self.handed += 1
        later = msgspec.structs.replace(record, revision=record.revision + 1, due_at=None, actor="sweeper")
        line = Audit("meeting", record.id, later.revision, NOW, "sweeper", "lapse")
        try:
            await self.store.commit(Commit((later,), (), (line,)))
        except Conflict:
            self.lost += 1


async def instances(engine: Engine) -> list[Instance]:
    first = await engine.start(KINDS)
    others = [first if engine.name == "sqlite" else await engine.start(KINDS) for _ in range(INSTANCES - 1)]
    return [Instance(engine, store) for store in (first, *others)]


async def test_a_time_that_has_come_is_acted_on_once_however_many_instances_see_it(engine: Engine) -> None:
    every = await instances(engine)
    ids = [f"m{number:02}" for number in range(RECORDS)]
    for id_ in ids:
        await every[0].store.commit(Commit((meeting(id_, due_at=NOW),)))
    await asyncio.gather(*(one.sweeper.once() for one in every))
    assert await every[0].store.due(instant(engine.clock.now()), RECORDS) == []
    acted: Counter[str] = Counter()
    for id_ in ids:
        acted[id_] += sum(line.action == "lapse" for line in await every[0].store.history("meeting", id_))
    assert acted == Counter(dict.fromkeys(ids, 1))
    assert sum(one.handed - one.lost for one in every) == RECORDS
    for store in {id(one.store): one.store for one in every}.values():
        await store.close()
