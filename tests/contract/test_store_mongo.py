"""What only the MongoDB store promises: how it commits, what it makes of errors, several instances on one database.

Over the stand-in these tests see what is sent and how we react. `real` ones need a server and say what it does.
"""

from __future__ import annotations

import asyncio
import gc
import uuid
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
import pytest
from pymongo import MongoClient

from services.kit.clock import SystemClock, VirtualClock, instant
from services.kit.store import mongo_client, mongo_documents, query
from services.kit.store.mongo import MongoStore
from services.kit.store.mongo_transaction import Turns
from services.kit.store.port import Commit, Conflict, Entry, Kind, OutcomeUnknown, Unwritten
from tests.contract import mongod
from tests.contract.mongo_wire import Fault, MongoWire
from tests.contract.mongo_wire_data import TRANSIENT
from tests.contract.store_fixtures import (
    KINDS,
    MEETING,
    NOW,
    START,
    answer,
    commit,
    ids,
    line,
    meeting,
    public,
    seat,
    stored,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from services.kit.store.mongo_client import Driver
    from tests.contract.mongo_wire_data import Document

pytest_plugins = ("tests.contract.mongod",)
UNKNOWN = ("UnknownTransactionCommitResult",)
EVER = 1_000_000
LEAKS = pytest.mark.filterwarnings("ignore:unclosed <socket")
"""PyMongo leaves a socket to the collector when it is closed while it connects: collected in the test itself."""
NOT_PRIMARY, WRITE_CONFLICT, STEPPED_DOWN, NO_TRANSACTION = 10107, 112, 189, 251


class Wire(NamedTuple):
    """The stand-in and how to open stores on it."""

    server: MongoWire
    driver: Driver

    @asynccontextmanager
    async def opened(
        self, kinds: Sequence[Kind] = KINDS, patience: float = 5.0, **more: Any
    ) -> AsyncIterator[MongoStore]:
        clock = VirtualClock(START)
        store = MongoStore(self.server.url, "tests", kinds, clock, driver=self.driver, patience=patience, **more)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def document(self, collection: str, id_: object) -> Document:
        """As it is stored."""
        return self.server.data.there[f"tests.{collection}"][bson.encode({"": id_})]

    def change(self, collection: str, id_: object, **fields: object) -> None:
        """Changes a stored document behind every store's back."""
        self.document(collection, id_).update(fields)


@pytest.fixture(params=["motor", "pymongo"])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    server = MongoWire()
    await server.start()
    yield Wire(server, request.param)
    await server.stop()
    assert server.surprises == [], server.surprises


@pytest.fixture
async def store(wire: Wire) -> AsyncIterator[MongoStore]:
    async with wire.opened() as opened:
        wire.server.seen.clear()
        yield opened


def whole() -> Commit:
    """A commit of everything that a commit can hold."""
    return Commit((meeting("a", views=(public(),)), seat("s")), (answer("r"),), (line("a", 1, "created"),))


# What is sent


async def test_a_commit_is_one_transaction_from_one_snapshot_durable_on_a_majority(
    wire: Wire, store: MongoStore
) -> None:
    await store.commit(whole())
    sent = [command for command in wire.server.seen if "autocommit" in command]
    assert [next(iter(command)) for command in sent] == ["insert"] * 4 + ["commitTransaction"]
    assert sent == wire.server.seen
    assert len({bson.encode(command["lsid"]) for command in sent}) == 1
    assert len({command["txnNumber"] for command in sent}) == 1
    assert [command.get("startTransaction") for command in sent] == [True, None, None, None, None]
    assert [command.get("readConcern") for command in sent] == [{"level": "snapshot"}, None, None, None, None]
    assert sent[-1]["writeConcern"] == {"w": "majority", "j": True}


async def test_every_write_outside_of_a_transaction_is_durable_too(wire: Wire, store: MongoStore) -> None:
    await store.commit(whole())
    await store.published("meeting", "a", "public", 1, 1, 41)
    await store.raise_epoch(7)
    await store.expire(instant(START))
    await store.commit(whole_again())
    outside = [c for c in wire.server.seen if next(iter(c)) in {"update", "delete"} and "autocommit" not in c]
    assert len(outside) >= 5
    assert all(command["writeConcern"] == {"w": "majority", "j": True} for command in outside)


def whole_again() -> Commit:
    return Commit((meeting("a", 2),))


async def test_what_is_read_is_on_a_majority(wire: Wire, store: MongoStore) -> None:
    await store.get("meeting", "a")
    await store.find("meeting", {"centre": "north"}, ("start",))
    await store.due(NOW, 10)
    assert {command["readConcern"]["level"] for command in wire.server.sent("find")} == {"majority"}


@pytest.mark.parametrize("options", ["?w=1&journal=false&readConcernLevel=local", "?retryWrites=false"])
async def test_no_url_makes_a_commit_less_durable(wire: Wire, options: str) -> None:
    store = MongoStore(wire.server.url + options, "tests", KINDS, VirtualClock(START), driver=wire.driver)
    await store.open()
    await store.commit(whole())
    await store.get("meeting", "a")
    await store.close()
    assert wire.server.sent("commitTransaction")[-1]["writeConcern"] == {"w": "majority", "j": True}
    assert wire.server.sent("find")[-1]["readConcern"]["level"] == "majority"


def test_the_options_of_the_url_win_over_ours() -> None:
    client = mongo_client.connect("mongodb://127.0.0.1:1/?timeoutMS=77&appName=theirs", "pymongo")
    assert client.options.timeout == 0.077
    assert client.options.pool_options.appname == "theirs"
    assert client.options.server_selection_timeout == 5.0


def test_an_address_that_cannot_be_used_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="cannot be used") as raised:
        mongo_client.connect("mongodb://someone:hunter2@host:port/", "pymongo")
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


async def test_documents_are_readable_in_a_shell(wire: Wire, store: MongoStore) -> None:
    due = "2026-11-22T00:00:00.000Z"
    await store.commit(Commit((meeting("a", views=(public(),), due_at=due),), (answer("r"),), (line("a", 1, "made"),)))
    document = wire.document("records.meeting", "a")
    mark = document.pop("pending")
    assert document == {
        "_id": "a",
        "revision": 1,
        "version": 1,
        "at": NOW,
        "actor": "coordinator",
        "gone": False,
        "state": {"centre": "north", "start": NOW, "seats": 10, "open": True, "title": "Open chair"},
        "epoch": 1,
        "due_at": due,
        "views": {"public": {"revision": 1, "at": NOW, "digest": "d", "pending": True, "sequence": 0}},
    }
    assert mark == int(START.timestamp() * 1_000_000)
    kept = wire.document("answers", {"method": "Book", "caller": "caller", "request_id": "r"})
    assert abs((kept["expires"] - bson.decode(bson.encode({"": SystemClock().now()}))[""]).total_seconds() - 60) < 10
    await store.published("meeting", "a", "public", 1, 1, 41)
    await store.commit(commit(meeting("a", 2)))
    assert not {"pending", "due_at"} & wire.document("records.meeting", "a").keys()


async def test_integers_are_no_type_of_the_driver(store: MongoStore) -> None:
    await store.commit(commit(meeting("a", seats=2**40, more=[2**41, {"deep": 2**42}])))
    state = (await stored(store, "a")).state
    more = state["more"]
    assert isinstance(more, list)
    assert isinstance(more[1], dict)
    assert {type(value) for value in (state["seats"], more[0], more[1]["deep"])} == {int}


# Errors


async def test_a_transient_error_runs_the_whole_again(wire: Wire, store: MongoStore) -> None:
    wire.server.faults += [
        Fault("insert", WRITE_CONFLICT, TRANSIENT, skip=2, times=2),
        Fault("commitTransaction", NO_TRANSACTION, TRANSIENT),
    ]
    await store.commit(whole())
    assert len({command["txnNumber"] for command in wire.server.sent("insert")}) == 4
    assert (await stored(store, "a")).revision == 1
    assert await store.history("meeting", "a") == [line("a", 1, "created")]


async def test_transient_errors_without_end_are_a_conflict_or_nothing_written(wire: Wire) -> None:
    async with wire.opened(patience=0.2) as store:
        for code, verdict in ((WRITE_CONFLICT, Conflict), (NOT_PRIMARY, Unwritten)):
            wire.server.faults[:] = [Fault("insert", code, TRANSIENT, times=EVER)]
            with pytest.raises(verdict):
                await store.commit(whole())
        wire.server.faults.clear()
        assert await store.get("meeting", "a") is None
        await store.commit(whole())


async def test_an_unknown_outcome_is_committed_again_in_the_same_transaction(wire: Wire, store: MongoStore) -> None:
    wire.server.faults += [Fault("commitTransaction", STEPPED_DOWN, UNKNOWN, times=3)]
    await store.commit(whole())
    sent = wire.server.sent("commitTransaction")
    assert len(sent) >= 4
    assert len({(bson.encode(command["lsid"]), command["txnNumber"]) for command in sent}) == 1
    assert len(wire.server.sent("insert")) == 4


async def test_a_reply_that_is_lost_after_the_commit_is_asked_for_again(wire: Wire, store: MongoStore) -> None:
    heard = list[Commit]()
    store.watch(heard.append)
    wire.server.faults += [Fault("commitTransaction", drops=True)]
    await store.commit(whole())
    assert len(heard) == 1
    assert len(wire.server.sent("insert")) == 4
    assert (await stored(store, "a")).revision == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("commitTransaction", drops=True, times=EVER),
        Fault("commitTransaction", STEPPED_DOWN, UNKNOWN, times=EVER),
        Fault("commitTransaction", 100, concern=True),
    ],
)
async def test_when_nobody_says_whether_it_was_committed_the_outcome_is_unknown(wire: Wire, fault: Fault) -> None:
    heard = list[Commit]()
    async with wire.opened(patience=0.3) as store:
        store.watch(heard.append)
        wire.server.faults.append(replace(fault))  # it counts down: each test has its own
        with pytest.raises(OutcomeUnknown):
            await store.commit(whole())
    assert heard == []


async def test_what_may_have_been_ours_is_not_called_a_conflict(wire: Wire, store: MongoStore) -> None:
    wire.server.faults += [
        Fault("commitTransaction", drops=True),  # it is committed, nobody heard
        Fault("commitTransaction", NO_TRANSACTION, TRANSIENT, skip=0),  # and then forgotten: run again
    ]
    with pytest.raises(OutcomeUnknown):
        await store.commit(Commit((meeting("a"),)))
    assert (await stored(store, "a")).revision == 1


@LEAKS
async def test_a_server_that_is_gone_before_anything_was_written_leaves_nothing_written(wire: Wire) -> None:
    async with wire.opened(patience=0.3) as store:
        await wire.server.stop()
        with pytest.raises(Unwritten):
            await store.commit(whole())
        assert await store.serving() != ""
    gc.collect()


@LEAKS
async def test_reads_of_a_server_that_is_away_say_that_it_is(wire: Wire) -> None:
    store = MongoStore(f"{wire.server.url}?timeoutMS=200", "tests", KINDS, VirtualClock(START), driver=wire.driver)
    await store.open()
    await wire.server.stop()
    for asked in (
        store.get("meeting", "a"),
        store.find("meeting", {}),
        store.unpublished(1),
        store.history("seat", "s"),
    ):
        with pytest.raises(Unwritten):
            await asked
    await store.close()
    gc.collect()


async def test_other_errors_end_it_at_once(wire: Wire, store: MongoStore) -> None:
    wire.server.faults += [Fault("insert", 14031, times=EVER)]  # OutOfDiskSpace
    with pytest.raises(Unwritten, match="14031"):
        await store.commit(whole())
    assert len(wire.server.sent("insert")) == 1
    assert len(wire.server.sent("abortTransaction")) == 1


async def test_a_conflict_ends_the_transaction_at_once_and_holds_nobody_up(wire: Wire, store: MongoStore) -> None:
    await store.commit(commit(meeting("a")))
    with pytest.raises(Conflict):
        await store.commit(Commit((seat("s"), meeting("a", 3))))
    assert wire.server.data.open == {}
    await store.commit(commit(seat("s")))


async def test_what_is_there_already_is_a_conflict_and_no_reason_to_run_again(wire: Wire, store: MongoStore) -> None:
    await store.commit(whole())
    wire.server.seen.clear()
    with pytest.raises(Conflict):
        await store.commit(Commit((), (answer("r", "other"),)))
    assert len(wire.server.sent("insert")) == 1
    kept = await store.answer(answer("r").key)
    assert kept is not None
    assert kept.reply == answer("r").reply


async def test_a_state_that_only_grows_too_large_as_a_document_is_refused_by_name(store: MongoStore) -> None:
    with pytest.raises(ValueError, match=r"meeting 'a': state: is larger than \d+ bytes as BSON"):
        await store.commit(commit(meeting("a", numbers=[1] * 1_500_000)))


async def test_serving_says_why_not(wire: Wire, store: MongoStore) -> None:
    assert await store.serving() == ""
    wire.server.writable = False
    assert "primary" in await store.serving()


# Several instances


async def test_sixty_four_at_once_from_two_instances_on_one_record_have_one_winner_per_revision(wire: Wire) -> None:
    async with wire.opened() as one, wire.opened() as other:
        for revision in range(1, 4):
            crowd = [(one, other)[n % 2].commit(commit(meeting("a", revision, seats=n))) for n in range(64)]
            outcomes = await asyncio.gather(*crowd, return_exceptions=True)
            assert outcomes.count(None) == 1
            assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 63
            assert (await stored(one, "a")).state["seats"] == outcomes.index(None)


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


# On a server


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
