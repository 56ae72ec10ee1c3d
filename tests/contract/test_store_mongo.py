"""What only the MongoDB store promises: how it commits, and what it makes of errors.

Over the stand-in: these tests see what is sent and how we react, not what a server does.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import bson
import pytest

from services.kit.clock import SystemClock, VirtualClock, instant
from services.kit.store import mongo, mongo_client, mongo_documents
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Answer, Commit, Conflict, OutcomeUnknown, RequestKey, Unwritten
from tests.contract.mongo_wire import Fault
from tests.contract.mongo_wire_data import TRANSIENT
from tests.contract.mongo_wire_fixtures import LEAKS, Wire, whole
from tests.contract.store_fixtures import (
    KINDS,
    NOW,
    START,
    answer,
    commit,
    line,
    meeting,
    public,
    seat,
    stored,
)

pytest_plugins = ("tests.contract.mongo_wire_fixtures",)


@pytest.fixture
def wire(mongo_wire: Wire) -> Wire:
    """That of other modules is another."""
    return mongo_wire


@pytest.fixture
def store(mongo_wire_store: MongoStore) -> MongoStore:
    """The same."""
    return mongo_wire_store


UNKNOWN = ("UnknownTransactionCommitResult",)
EVER = 1_000_000
NOT_PRIMARY, WRITE_CONFLICT, STEPPED_DOWN, NO_TRANSACTION = 10107, 112, 189, 251


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


async def test_records_of_a_kind_go_over_in_one_message_for_new_ones_and_one_for_the_rest(
    wire: Wire, store: MongoStore
) -> None:
    await store.commit(commit(*(meeting(f"old{n}") for n in range(5))))
    wire.server.seen.clear()
    mixed = [record for n in range(5) for record in (meeting(f"new{n}"), meeting(f"old{n}", 2), seat(f"s{n}"))]
    await store.commit(commit(*mixed))
    assert [next(iter(command)) for command in wire.server.seen] == ["insert", "update", "insert", "commitTransaction"]


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


@pytest.mark.parametrize(
    ("ahead", "days"),
    [
        (timedelta(), 0),
        (timedelta(hours=-9), 0),
        (timedelta(hours=9), 0),
        (timedelta(days=400, hours=9), 401),
        (timedelta(days=400), 400),
    ],
)
def test_a_server_keeps_what_is_kept_by_whole_days_long_enough_and_is_told_no_hour(ahead: timedelta, days: int) -> None:
    """It deletes by its own clock, also where ours stands still in the past."""
    kept = Answer(RequestKey("Book", "caller", "r"), "body", "", "2026-11-24T00:00:00.000Z")
    document = mongo_documents.answered(kept, ahead)
    assert document["expires"] == datetime(2026, 11, 24, tzinfo=UTC) + timedelta(days=days)
    assert document["expires_at"] == kept.expires_at


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
    async with wire.opened(patience=0.3, options="?serverSelectionTimeoutMS=300") as store:
        await wire.server.stop()
        with pytest.raises(Unwritten):
            await store.commit(whole())
        assert await store.serving() != ""
    gc.collect()


@LEAKS
@pytest.mark.slow
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


async def test_serving_waits_for_nobody_when_everybody_waits_for_the_server(
    wire: Wire, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo, "PULSE", 0.2)
    async with wire.server.frozen():
        waiting = [asyncio.ensure_future(store.get("meeting", "a")) for _ in range(128)]  # more than Motor has threads
        await asyncio.sleep(0)
        assert await asyncio.wait_for(store.serving(), 8)  # less than what the others wait != ""
    assert await asyncio.gather(*waiting) == [None] * 128
