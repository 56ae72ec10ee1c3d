"""What an older version stored gets the views that this one shows, once, by as many instances as there are."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, cast

import pytest

from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.host import Hosted
from services.kit.logs import make_log
from services.kit.paging import Pages
from services.kit.settings import Settings
from services.kit.store.port import Unwritten
from services.kit.store.sqlite import SqliteStore
from services.meetings import records
from services.meetings.desk import Desk
from services.meetings.plan import PLAN
from services.meetings.records import KINDS
from services.meetings.renewal import Renewal
from services.meetings.types import Meeting
from tests.service.test_old_documents import DOCUMENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from services.kit.bus_port import Bus
    from services.kit.store.port import Commit, Record, Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def renewal(store: Store) -> Renewal:
    desk = Desk(store, SystemClock(), Ids(), Pages(b"k" * 32))
    return Renewal(desk, make_log("info", StringIO()))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """What version 0.1.0 left: it had no private views."""
    path = tmp_path / "meetings.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DOCUMENTS / "v0.1.0.sql").read_text())
    opened = SqliteStore(path, KINDS, VirtualClock(NOW))
    await opened.open()
    yield opened
    await opened.close()


async def everything(store: Store) -> dict[tuple[str, str], Record]:
    found = {}
    for kind in records.SHOWN:
        for record in (await store.find(kind, {}, limit=1000)).records:
            found[kind, record.id] = record
    return found


async def test_what_has_not_the_views_it_should_have_gets_them_and_the_rest_is_left_alone(store: SqliteStore) -> None:
    before = await everything(store)
    lacking = {key for key, record in before.items() if not records.as_shown(record)}
    meetings = {key for key in lacking if key[0] == "meeting"}
    assert {before[key].state["visibility"] for key in meetings} == {"public", "unlisted", "members"}
    assert {kind for kind, _ in lacking - meetings} == {"room"}
    assert await renewal(store).renew() == len(lacking)
    after = await everything(store)
    assert {key for key, record in after.items() if record != before[key]} == lacking
    for key in meetings:
        was, now = before[key], after[key]
        assert records.as_shown(now)
        assert (records.read(now, Meeting), now.due_at) == (records.read(was, Meeting), was.due_at)
        assert now.revision == was.revision + 1
        public = now.view("public")
        assert (public is None) is (now.state["visibility"] != "public")
        assert now.view("private") is not None or public != was.view("public")
    assert {record.id for record in await store.unpublished(1000)} >= {id_ for _, id_ in lacking}
    assert await renewal(store).renew() == 0
    assert await everything(store) == after


async def test_several_instances_bring_each_record_up_once(store: SqliteStore) -> None:
    before = await everything(store)
    lacking = sum(not records.as_shown(record) for record in before.values())
    assert sum(await asyncio.gather(*(renewal(store).renew() for _ in range(3)))) == lacking
    moved = [record.revision - before[key].revision for key, record in (await everything(store)).items()]
    assert sorted(moved) == [0] * (len(before) - lacking) + [1] * lacking


class Away:
    """A store that once cannot be written to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.tries = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def commit(self, change: Commit) -> None:
        self.tries += 1
        if self.tries == 1:
            raise Unwritten
        await self._store.commit(change)


async def test_a_database_that_is_away_is_tried_again_and_the_work_never_ends_by_itself(store: SqliteStore) -> None:
    clock, said, away = VirtualClock(NOW), StringIO(), Away(store)
    log, bus = make_log("info", said), cast("Bus", None)  # alone on its store it follows nothing
    hosted = Hosted(PLAN, Settings(site="home"), clock, Ids(), log, bus, cast("Store", away), "sqlite")
    await PLAN.build(hosted)
    work = asyncio.create_task(hosted.works["brings up what is shown"]())
    async with asyncio.timeout(60):
        while "shown anew" not in said.getvalue():
            await asyncio.sleep(0)  # the store works in a thread of its own
            await clock.advance(1)
    assert "tries again" in said.getvalue()
    assert all(map(records.as_shown, (await everything(store)).values()))
    await clock.advance(60)
    assert not work.done()
    work.cancel()
