"""What every store must do: revisions, commits, who hears of them."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from services.kit.clock import Ids, SystemClock
from services.kit.record import transact
from services.kit.store.port import Commit, Conflict, Record, RequestKey, Store
from tests.contract.store_fixtures import answer, commit, ids, line, meeting, public, seat, stored

pytest_plugins = ("tests.contract.store_fixtures",)
LATER = "2026-11-21T12:00:01.000Z"


# Revisions


async def test_a_record_comes_back_as_it_was_committed(store: Store) -> None:
    record = meeting("a", views=(public(),), due_at=LATER)
    await store.commit(commit(record))
    assert await store.get("meeting", "a") == msgspec.structs.replace(record, epoch=1)


async def test_what_was_never_committed_is_not_there(store: Store) -> None:
    assert await store.get("meeting", "a") is None


async def test_revisions_rise_by_one(store: Store) -> None:
    for revision in (1, 2, 3):
        await store.commit(commit(meeting("a", revision)))
    assert (await stored(store, "a")).revision == 3


@pytest.mark.parametrize("revision", [1, 2, 4])
async def test_any_other_revision_than_the_next_is_a_conflict(store: Store, revision: int) -> None:
    await store.commit(commit(meeting("a", 1)))
    await store.commit(commit(meeting("a", 2)))
    with pytest.raises(Conflict):
        await store.commit(commit(meeting("a", revision, title="late")))
    assert (await stored(store, "a")).state["title"] == "Open chair"


async def test_a_first_commit_at_a_later_revision_is_a_conflict(store: Store) -> None:
    with pytest.raises(Conflict):
        await store.commit(commit(meeting("a", 2)))
    assert await store.get("meeting", "a") is None


async def test_what_the_caller_does_with_its_state_afterwards_changes_nothing(store: Store) -> None:
    record = meeting("a", formats=["open"])
    await store.commit(commit(record))
    record.state["title"] = "changed outside"
    read = await stored(store, "a")
    formats = read.state["formats"]
    assert isinstance(formats, list)
    formats.append("changed outside")
    assert (await stored(store, "a")).state == {**read.state, "title": "Open chair", "formats": ["open"]}


# All or nothing


async def test_a_commit_of_several_records_that_conflicts_leaves_no_trace(store: Store) -> None:
    await store.commit(commit(meeting("b")))
    change = Commit((meeting("a"), meeting("b"), seat("s")), (answer("r"),), (line("a", 1, "created"),))
    with pytest.raises(Conflict):
        await store.commit(change)
    assert await store.get("meeting", "a") is None
    assert await store.get("seat", "s") is None
    assert await store.answer(RequestKey("Book", "caller", "r")) is None
    assert await store.history("meeting", "a") == []


async def test_a_conflict_in_a_crowd_leaves_the_others_alone(store: Store) -> None:
    await store.commit(commit(meeting("taken")))
    clash = {7, 20, 33}
    changes = [commit(meeting(f"m{n}"), meeting("taken", 1) if n in clash else seat(f"s{n}")) for n in range(40)]
    outcomes = await asyncio.gather(*(store.commit(change) for change in changes), return_exceptions=True)
    assert {n for n, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)} == clash
    assert set(await ids(store, {})) == {"taken"} | {f"m{n}" for n in range(40) if n not in clash}
    assert len(await ids(store, {}, kind="seat")) == 37


async def test_a_crowd_on_one_record_has_one_winner(store: Store) -> None:
    crowd = (store.commit(commit(meeting("a", seats=n))) for n in range(50))
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is None] == [None]
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 49
    assert (await stored(store, "a")).state["seats"] == outcomes.index(None)


async def test_fifty_writers_at_once_on_one_record_lose_nothing(store: Store) -> None:
    await store.commit(commit(meeting("a", seats=0)))

    async def take() -> tuple[Commit, int]:
        before = await stored(store, "a")
        seats = before.state["seats"]
        assert isinstance(seats, int)
        return commit(meeting("a", before.revision + 1, seats=seats + 1)), seats + 1

    seeded = Ids(random.Random(1))  # noqa: S311 - a seeded test
    took = await asyncio.gather(*(transact(store, SystemClock(), seeded, take, attempts=100) for _ in range(50)))
    assert sorted(took) == list(range(1, 51))
    last = await stored(store, "a")
    assert (last.revision, last.state["seats"]) == (51, 50)


@pytest.mark.parametrize("change", [(meeting("a"), meeting("a", 2))])
async def test_a_record_stands_once_in_a_commit(store: Store, change: tuple[Record, ...]) -> None:
    with pytest.raises(ValueError, match="twice"):
        await store.commit(Commit(change))


# Gone


async def test_what_is_gone_is_not_found_and_goes_on_counting(store: Store) -> None:
    await store.commit(commit(meeting("a")))
    await store.commit(commit(msgspec.structs.replace(meeting("a", 2, gone=True), state={})))
    assert await ids(store, {}) == []
    gone = await stored(store, "a")
    assert (gone.gone, gone.revision, gone.state) == (True, 2, {})
    with pytest.raises(Conflict):
        await store.commit(commit(meeting("a", 1)))
    await store.commit(commit(meeting("a", 3)))
    assert await ids(store, {}) == ["a"]


# Watching, cancellation


async def test_listeners_hear_every_commit_in_order_before_the_committer_goes_on(store: Store) -> None:
    heard = list[Commit]()
    store.watch(heard.append)
    after = list[bool]()

    async def write(n: int) -> None:
        change = Commit((meeting(f"m{n}"),), (), (line(f"m{n}", 1, "created"),))
        await store.commit(change)
        after.append(any(each.audit == change.audit for each in heard))

    await asyncio.gather(*(write(n) for n in range(30)))
    with pytest.raises(Conflict):
        await store.commit(commit(meeting("m1")))
    await store.commit(commit(meeting("m0", 2)))
    assert after == [True] * 30
    assert len(heard) == 31
    assert heard[-1].records == (await stored(store, "m0"),)


async def test_who_looks_at_some_kinds_hears_of_every_commit_with_the_records_of_those(store: Store) -> None:
    heard, counted = list[Commit](), list[Commit]()
    store.watch(heard.append, kinds=("meeting",))
    store.watch(counted.append, kinds=())
    await store.commit(Commit((meeting("a"), seat("c")), (), (line("a", 1, "created"),)))
    await store.commit(commit(seat("d")))
    assert [[each.id for each in change.records if each.kind == "meeting"] for change in heard] == [["a"], []]
    assert heard[0].audit == (line("a", 1, "created"),)
    assert len(counted) == 2


async def test_what_listeners_hear_is_theirs(store: Store) -> None:
    heard = list[Commit]()
    store.watch(heard.append)
    record = meeting("a")
    await store.commit(commit(record))
    record.state["title"] = "changed outside"
    heard[0].records[0].state["seats"] = 0
    assert heard[0].records[0].state["title"] == "Open chair"
    assert (await stored(store, "a")).state["seats"] == 10


async def test_a_listener_that_fails_harms_nobody(store: Store) -> None:
    heard, faults = list[Commit](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def fail(change: Commit) -> None:
        raise RuntimeError(change.records[0].id)

    store.watch(fail)
    store.watch(heard.append)
    await store.commit(commit(meeting("a")))
    assert [type(fault) for fault in faults] == [RuntimeError]
    assert len(heard) == 1


async def test_a_commit_is_not_undone_when_its_caller_is_cancelled(store: Store) -> None:
    heard = asyncio.Event()
    store.watch(lambda _: heard.set())
    caller = asyncio.ensure_future(store.commit(commit(meeting("a"), seat("s"))))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await heard.wait()
    assert (await stored(store, "a")).revision == 1
    assert await store.get("seat", "s") is not None
