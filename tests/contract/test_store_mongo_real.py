"""What a real MongoDB server makes of what the store does. Skipped where there is none."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from pymongo import MongoClient

from services.kit.clock import SystemClock
from services.kit.store import mongo_documents, query
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Commit, Kind
from tests.contract import mongod
from tests.contract.store_fixtures import (
    KINDS,
    MEETING,
    NOW,
    commit,
    meeting,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.mongo_wire_data import Document

pytest_plugins = ("tests.contract.mongod",)


class Real(NamedTuple):
    """A database on a server, seen by a client that waits."""

    url: str
    name: str


@pytest.fixture
def real(mongodb_url: str) -> Iterator[Real]:
    name = f"openchair_test_{uuid.uuid4().hex}"
    yield Real(mongodb_url, name)
    mongod.drop(mongodb_url, name)


def stages(plan: Any) -> set[str]:
    """The names of all stages of a plan."""
    if isinstance(plan, list):
        return set().union(*(stages(part) for part in plan))
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if "stage" in plan else set[str]()
    return own.union(*(stages(part) for part in plan.values()))


def explained(real: Real, wanted: Document, order: list[tuple[str, int]]) -> set[str]:
    """The stages of the plan that a server chose."""
    client = MongoClient[dict[str, Any]](real.url)
    try:
        plan = client[real.name]["records.meeting"].find(wanted).sort(order).limit(10).explain()
    finally:
        client.close()
    return stages(plan["queryPlanner"]["winningPlan"])


@pytest.mark.parametrize("paged", [False, True])
async def test_a_server_reads_pages_marks_and_what_is_due_from_indexes(real: Real, paged: bool) -> None:
    store = MongoStore(real.url, real.name, KINDS, SystemClock())
    await store.open()
    await store.commit(Commit(tuple(meeting(f"m{n:03}", start=f"{n % 9}") for n in range(200))))
    await store.close()
    after = ("3", "m003") if paged else None
    asked = query.checked(MEETING, {"centre": "north"}, ("start",), 10, after)
    searches = [
        (mongo_documents.wanted(asked), mongo_documents.ordered(asked)),
        ({"pending": {"$gt": 0}}, [("pending", 1), ("_id", 1)]),
        ({"due_at": {"$lte": NOW}, "gone": False}, [("due_at", 1), ("_id", 1)]),
    ]
    for wanted, order in searches:
        found = await asyncio.to_thread(partial(explained, real, wanted, order))
        assert "IXSCAN" in found
        assert not {"COLLSCAN", "SORT"} & found


async def test_a_server_gives_one_winner_to_sixty_four_writers_of_two_instances(real: Real) -> None:
    stores = [MongoStore(real.url, real.name, KINDS, SystemClock(), driver=driver) for driver in ("motor", "pymongo")]
    for store in stores:
        await store.open()
    crowd = [stores[n % 2].commit(commit(meeting("a", seats=n))) for n in range(64)]
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert outcomes.count(None) == 1
    assert (await stored(stores[0], "a")).state["seats"] == outcomes.index(None)
    for store in stores:
        await store.close()


async def test_a_server_has_nothing_to_object_to_indexes_of_an_open_store(real: Real) -> None:
    for _ in range(2):
        store = MongoStore(real.url, real.name, KINDS, SystemClock())
        await store.open()
        await store.close()
    other = Kind("meeting", (("centre",),))
    client = MongoClient[dict[str, Any]](real.url)
    client[real.name]["records.meeting"].drop_index("due")
    client[real.name]["records.meeting"].create_index([("due_at", -1)], name="due")
    client.close()
    with pytest.raises(ValueError, match="index 'due' is on"):
        await MongoStore(real.url, real.name, (other,), SystemClock()).open()
