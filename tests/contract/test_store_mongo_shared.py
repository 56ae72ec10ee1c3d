"""A MongoDB database that several instances open, at once or one after the other, over the stand-in."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import msgspec
import pytest

from services.kit.clock import VirtualClock
from services.kit.store import mongo_client
from services.kit.store.mongo import MongoStore
from services.kit.store.mongo_transaction import Turns
from services.kit.store.port import Conflict, Entry, Kind, Unwritten
from tests.contract.mongo_wire import Fault, MongoWire
from tests.contract.mongo_wire_fixtures import LEAKS, Wire, whole
from tests.contract.store_fixtures import (
    KINDS,
    MEETING,
    START,
    commit,
    ids,
    meeting,
    public,
    seat,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.contract.mongo_wire_data import Document

pytest_plugins = ("tests.contract.mongo_wire_fixtures",)


@pytest.fixture
def wire(mongo_wire: Wire) -> Wire:
    """That of other modules is another."""
    return mongo_wire


@pytest.fixture
def store(mongo_wire_store: MongoStore) -> MongoStore:
    """The same."""
    return mongo_wire_store


EVER = 1_000_000


# Several instances


async def test_sixty_four_at_once_from_two_instances_on_one_record_have_one_winner_per_revision(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        for revision in range(1, 4):
            crowd = [(one, other)[n % 2].commit(commit(meeting("a", revision, seats=n))) for n in range(64)]
            outcomes = await asyncio.gather(*crowd, return_exceptions=True)
            assert outcomes.count(None) == 1
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 63
            assert (await stored(one, "a")).state["seats"] == outcomes.index(None)


async def test_what_a_dead_instance_had_begun_to_write_is_written_when_the_server_has_ended_that() -> None:
    """Until then reads go on, and who writes the same waits."""
    server = MongoWire(lifetime=0.4)
    await server.start()
    store = MongoStore(server.url, "tests", KINDS, VirtualClock(START))
    await store.open()
    await store.commit(commit(meeting("a")))
    dead = mongo_client.connect(server.url, "pymongo")
    async with mongo_client.session(dead) as session:
        await mongo_client.begin(session)
        records = mongo_client.durable(dead, "tests")["records.meeting"]
        await records.update_one({"_id": "a"}, {"$set": {"actor": "dead"}}, session=session)
        (begun,) = server.data.open
        assert (await stored(store, "a")).actor == "coordinator"
        await store.commit(commit(meeting("a", 2)))
        assert begun not in server.data.open
    assert (await stored(store, "a")).revision == 2
    await mongo_client.disconnect(dead)
    await store.close()
    await server.stop()
    assert len(server.sent("update")) > 3, "it was tried more than once"


async def test_within_an_instance_nobody_is_told_112_by_a_neighbour(wire: Wire, store: MongoStore) -> None:
    heard = list[int]()
    store.watch(lambda change: heard.append(change.records[0].revision))
    crowd = [store.commit(commit(meeting("a", 1 + n // 4, seats=n))) for n in range(32)]
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome is None] == list(range(0, 32, 4))
    assert heard == list(range(1, 9))
    assert len(wire.server.sent("insert")) == 4
    assert len(wire.server.sent("update")) == 28


async def test_who_is_cancelled_while_waiting_does_not_let_others_past() -> None:
    turns, order = Turns(), list[str]()

    async def go(name: str, until: asyncio.Event) -> None:
        async with turns.of(["record"]):
            order.append(name)
            await until.wait()

    first, free = asyncio.Event(), asyncio.Event()
    free.set()
    tasks = [asyncio.ensure_future(go(name, until)) for name, until in (("a", first), ("b", free), ("c", free))]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait([tasks[1]])
    assert order == ["a"]
    first.set()
    await asyncio.gather(tasks[0], tasks[2])
    assert order == ["a", "c"]
    assert turns._last == {}


async def test_an_instance_asks_for_the_epoch_before_it_says_what_is_to_be_published(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        await other.raise_epoch(50)
        await one.commit(commit(meeting("a", views=(public(),))))
        assert [record.epoch for record in await one.unpublished(10)] == [50]


async def test_an_instance_that_has_not_heard_of_a_new_epoch_clears_no_mark_of_it(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        await one.commit(commit(meeting("a", views=(public(),))))
        (old,) = await one.unpublished(1)
        assert await other.raise_epoch(50) == 50
        await one.published("meeting", "a", "public", old.epoch, 1, 41)
        await one.commit(commit(meeting("b", views=(public(),))))
        await one.published("meeting", "b", "public", old.epoch, 1, 42)
        assert [(record.id, record.epoch) for record in await one.unpublished(10)] == [("a", 50), ("b", 50)]
        for id_ in ("a", "b"):
            await one.published("meeting", id_, "public", 50, 1, 43)
        assert await other.unpublished(10) == []


async def test_a_view_that_another_instance_adds_while_one_is_published_keeps_its_mark(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        await one.commit(commit(meeting("a", views=(public(),))))
        wire.server.before = added = Added(other)
        await one.published("meeting", "a", "public", 1, 1, 41)
        assert added.done
        (record,) = await one.unpublished(10)
        assert [(view.name, view.pending, view.sequence) for view in record.views] == [
            ("private", True, 0),
            ("public", False, 41),
        ]


class Added:
    """Before the first mark is cleared, another instance adds a view."""

    def __init__(self, other: MongoStore) -> None:
        self._other = other
        self.done = False

    async def __call__(self, command: Document) -> None:
        if "update" in command and not self.done:
            self.done = True
            private = msgspec.structs.replace(public(), name="private")
            await self._other.commit(commit(meeting("a", 2, views=(public(), private))))


async def test_an_instance_learns_of_a_new_epoch_from_what_it_reads(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        await one.commit(commit(meeting("a"), meeting("b")))
        await other.raise_epoch(50)
        assert (await stored(one, "a")).epoch == 50
        await one.commit(commit(meeting("a", 2, views=(public(),))))
        assert [record.epoch for record in await other.unpublished(10)] == [50]


async def test_two_who_raise_the_epoch_at_once_get_one_each(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        await one.commit(commit(meeting("a", views=(public(),))))
        raised = await asyncio.gather(*(store.raise_epoch(0) for store in (one, other, one, other)))
        assert sorted(raised) == [2, 3, 4, 5]
        assert [record.epoch for record in await one.unpublished(10)] == [5]


async def test_marking_that_was_interrupted_goes_on_when_the_store_is_opened(wire: Wire) -> None:
    async with wire.opened() as store:
        for id_ in ("a", "b"):
            await store.commit(commit(meeting(id_, views=(public(),))))
            await store.published("meeting", id_, "public", 1, 1, 41)
        wire.server.faults += [Fault("update", 14031, skip=1)]  # the epoch is raised, no record is marked
        with pytest.raises(Unwritten):
            await store.raise_epoch(9)
        assert await store.unpublished(10) == []
    async with wire.opened() as again:
        assert [(record.id, record.epoch) for record in await again.unpublished(10)] == [("a", 9), ("b", 9)]
        assert (await stored(again, "a")).views == (public(),)
    assert "marking" not in wire.document("meta", "store")


async def test_whoever_ends_a_marking_does_not_end_the_next_one(wire: Wire, store: MongoStore) -> None:
    await store.remark()
    await store.raise_epoch(9)
    changes = [change["u"] for command in wire.server.sent("update") for change in command["updates"]]
    names = [change["$set"]["marking"] for change in changes if "marking" in change.get("$set", {})]
    assert len(set(names)) == 2


async def test_a_store_that_holds_records_of_another_kind_is_not_filled(wire: Wire) -> None:
    async def nothing() -> AsyncIterator[Entry]:
        for entry in list[Entry]():
            yield entry

    async with wire.opened() as store:
        await store.commit(commit(meeting("a")))
    async with wire.opened((Kind("seat"),)) as other:
        with pytest.raises(ValueError, match="not empty"):
            await other.fill(nothing(), 0)


async def test_a_filling_that_was_killed_is_named_when_the_store_is_opened(wire: Wire) -> None:
    async def endless() -> AsyncIterator[Entry]:
        for n in range(600):
            yield meeting(f"m{n:03}")
        raise EOFError

    async with wire.opened() as store:
        wire.server.faults += [Fault("delete", 14031, times=EVER)]  # as if nobody were left to tidy up
        with pytest.raises(Unwritten):
            await store.fill(endless(), 0)
    with pytest.raises(ValueError, match=r"tests: it is being filled since 2026.*drop the database and fill it anew"):
        async with wire.opened():
            pass


async def test_a_filling_that_failed_at_its_end_and_could_not_be_undone_is_named_too(wire: Wire) -> None:
    async def few() -> AsyncIterator[Entry]:
        for n in range(3):
            yield meeting(f"m{n}")

    async with wire.opened() as store:
        wire.server.faults += [Fault("update", 64, skip=1, concern=True), Fault("delete", 14031, times=EVER)]
        with pytest.raises(Unwritten):
            await store.fill(few(), 0)
    with pytest.raises(ValueError, match="tests: it is being filled since"):
        async with wire.opened():
            pass


async def test_a_shared_client_stays_open(wire: Wire) -> None:
    client = mongo_client.connect(wire.server.url, wire.driver)
    async with wire.opened(client=client) as store:
        await store.commit(whole())
    async with wire.opened(client=client) as again:
        assert (await stored(again, "a")).revision == 1
    await mongo_client.disconnect(client)


async def test_closing_lets_what_is_being_written_end(wire: Wire) -> None:
    store = MongoStore(wire.server.url, "tests", KINDS, VirtualClock(START), driver=wire.driver)
    await store.open()
    writing = [asyncio.ensure_future(store.commit(commit(meeting(f"m{n:02}")))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writing)
    with pytest.raises(RuntimeError, match="not open"):
        await store.commit(commit(meeting("late")))
    async with wire.opened() as again:
        assert len(await ids(again, {})) == 20


async def test_a_dump_whose_moment_is_too_long_ago_says_what_to_do(wire: Wire, store: MongoStore) -> None:
    await store.commit(commit(meeting("a"), seat("s")))
    wire.server.faults += [Fault("find", 239, skip=2)]
    with pytest.raises(OSError, match="minSnapshotHistoryWindowInSeconds"):
        _ = [entry async for entry in store.dump()]


# Opening


async def refused(wire: Wire, kinds: Sequence[Kind] = KINDS) -> str:
    """Why the store cannot be opened."""
    with pytest.raises((OSError, ValueError)) as raised:
        async with wire.opened(kinds):
            pass
    return str(raised.value)


async def test_a_server_that_stands_alone_is_refused_and_told_what_to_do(wire: Wire) -> None:
    wire.server.set_name = ""
    said = await refused(wire)
    assert "rs.initiate()" in said
    assert "--replSet" in said


async def test_an_old_server_is_refused_by_name(wire: Wire) -> None:
    wire.server.version = "6.0.19"
    assert "MongoDB 6.0.19 is too old: 7.0 or newer" in await refused(wire)


async def test_indexes_are_made_once_and_end_in_the_id(wire: Wire) -> None:
    async with wire.opened():
        pass
    made = wire.server.data.indexes["tests.records.meeting"]
    assert made["find__centre__start"]["key"] == {"state.centre": 1, "state.start": 1, "_id": 1}
    assert made["due"]["partialFilterExpression"] == {"due_at": {"$exists": True}, "gone": False}
    assert made["pending"]["partialFilterExpression"] == {"pending": {"$exists": True}}
    assert wire.server.data.indexes["tests.answers"]["expired"]["expireAfterSeconds"] == 0
    wire.server.seen.clear()
    async with wire.opened():
        pass
    assert wire.server.sent("createIndexes") == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("due", {"partialFilterExpression": {"gone": False}}),
        ("pending", {"key": {"pending": -1, "_id": 1}}),
        ("find__start", {"unique": True}),
        ("due", {"name": "theirs"}),
    ],
)
async def test_an_index_that_is_another_one_is_named(wire: Wire, name: str, change: Document) -> None:
    async with wire.opened():
        pass
    there = wire.server.data.indexes["tests.records.meeting"]
    other = {**there.pop(name), **change}
    there[other["name"]] = other
    said = await refused(wire)
    assert "tests: records.meeting: index" in said
    assert repr(name) in said


async def test_an_index_that_another_makes_differently_at_the_same_time_is_named(wire: Wire) -> None:
    wire.server.faults += [Fault("createIndexes", 86)]
    assert "records.meeting: another program made its indexes differently" in await refused(wire)


async def test_two_instances_open_an_empty_database_at_once(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        del one, other
    await asyncio.gather(*(opened_and_closed(wire) for _ in range(4)))


async def opened_and_closed(wire: Wire) -> None:
    async with wire.opened():
        pass


async def test_what_is_not_a_database_of_ours_is_refused_and_left_alone(wire: Wire) -> None:
    wire.server.data.there["tests.theirs"] = {}
    assert "tests: it is somebody else's database" in await refused(wire)
    assert list(wire.server.data.there) == ["tests.theirs"]


async def test_a_newer_schema_is_refused(wire: Wire) -> None:
    async with wire.opened():
        pass
    wire.change("meta", "store", schema=2)
    assert "schema 2, this program knows 1" in await refused(wire)


@LEAKS
async def test_a_server_that_cannot_be_reached_is_an_os_error(wire: Wire) -> None:
    await wire.server.stop()
    store = MongoStore(f"{wire.server.url}?timeoutMS=200", "tests", KINDS, VirtualClock(START), driver=wire.driver)
    with pytest.raises(OSError, match=r"tests: ServerSelectionTimeout"):
        await store.open()
    gc.collect()


async def test_a_document_that_an_older_instance_writes_is_upgraded_when_it_is_read(wire: Wire) -> None:
    newer = Kind("meeting", (("centre",),), 2, {1: lambda state: {**state, "added": True}})
    async with wire.opened((newer,)) as new, wire.opened((MEETING,)) as old:
        await old.commit(commit(meeting("a")))
        assert (await stored(new, "a")).state["added"] is True
        assert wire.document("records.meeting", "a")["version"] == 1
    async with wire.opened((newer,)):
        assert wire.document("records.meeting", "a")["version"] == 2
        assert wire.document("records.meeting", "a")["revision"] == 1
