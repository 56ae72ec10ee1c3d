"""Heads and leaves: laws of deciding many together, and what is told when a store fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.heads import Claim
from services.kit.leaves import Changes, Decision, Head, Joint, Leaf, Shape
from services.kit.store.memory import Disk
from services.kit.store.port import Conflict, OutcomeUnknown, Record, Unwritten
from tests.contract.heads_examples import (
    LISTS,
    Said,
    Seats,
    fold,
    held,
    take,
)
from tests.contract.store_fixtures import NOW
from tests.unit.heads_told import SEATS, Act, Store, acts, heads_on, outcome
from tests.unit.index_law import obeys

# Laws


@given(acts)
@settings(max_examples=150, deadline=None)
def test_decided_together_or_one_by_one_makes_no_difference(sequence: list[Act]) -> None:
    async def run() -> None:
        one_by_one, together = Store(), Store()
        first, second = heads_on(one_by_one), heads_on(together)
        wanted = [await outcome(first, act) for act in sequence]
        assert await asyncio.gather(*(outcome(second, act) for act in sequence)) == wanted
        stored = await fold(one_by_one, "l")
        assert await fold(together, "l") == await held(second, "l") == await held(first, "l") == stored
        for seat in range(1, SEATS + 1):
            leaves = [await store.get("seat", f"s{seat}") for store in (one_by_one, together)]
            assert len({leaf.revision if leaf else 0 for leaf in leaves}) == 1

    asyncio.run(run())


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["act", "archive", "forget", "conflict"]), acts)))
@settings(max_examples=100, deadline=None)
def test_the_index_after_any_history_is_what_the_store_says(history: list[tuple[int, str, list[Act]]]) -> None:
    async def run() -> None:
        disk = Disk()
        stores = [Store(disk), Store(disk)]
        instances = [heads_on(store) for store in stores]
        for which, event, sequence in history:
            if event == "archive":
                await instances[which].archive("list", "l", lambda leaf: leaf.revision % 2 == 0)
            elif event == "forget":
                instances[which] = heads_on(stores[which])
            elif event == "conflict":
                stores[which].ends = [Conflict()]
            await asyncio.gather(*(outcome(instances[which], act) for act in sequence))
            stores[which].ends.clear()
            assert await held(instances[which], "l") == await fold(stores[0], "l")
        assert await held(instances[0], "l") == await held(instances[1], "l")

    asyncio.run(run())


def test_an_index_that_forgets_breaks_the_law_of_indexes_and_the_examples_does_not() -> None:
    records = [Record("seat", f"s{n}", 1, {"size": n % 3}, NOW, "a") for n in range(10)]
    obeys(LISTS, records, lambda index: (index.sizes, index.taken))

    def forgetful(index: Seats, leaf: Record) -> None:
        del index.sizes[leaf.id]

    with pytest.raises(AssertionError):
        obeys(Shape("list", "seat", LISTS.empty, LISTS.put, forgetful), records, lambda index: index.taken)


# Who is told what


async def test_after_a_conflict_everything_is_decided_again_on_what_is_there_now() -> None:
    disk = Disk()
    store, other = Store(disk), heads_on(Store(disk))
    heads = heads_on(store)
    await heads.change("list", "l", take("a", 5))
    await other.change("list", "l", take("b", 4))
    results = await asyncio.gather(*(outcome(heads, ("take", n, 1)) for n in (1, 2)))
    assert results == ["0 left", "FULL"]
    assert heads.conflicts == 1


@pytest.mark.parametrize("page", [1, 2, 3, 4])
async def test_what_another_instance_commits_while_leaves_are_loaded_is_seen_whole_or_not_at_all(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Overtaken(Store):
        pages = 0

        async def find(self, *arguments: Any, **named: Any) -> Any:
            self.pages += 1
            if self.pages == page:
                await other.change("list", "l", lambda _head, _at: Decision(None, swap))
            return await super().find(*arguments, **named)

    monkeypatch.setattr("services.kit.held.PAGE", 1)
    disk = Disk()
    store = Overtaken(disk)
    heads, other = heads_on(store), heads_on(Store(disk))
    swap = Changes(leaves=(Leaf("c", {"guest": "c", "size": 3}),), archived=("a",))
    for seat in ("a", "b"):
        await other.change("list", "l", take(seat))
    assert await held(heads, "l") == ({"b": 1, "c": 3} if page <= 2 else {"a": 1, "b": 1})
    await heads.change("list", "l", take("d"))
    assert await held(heads, "l") == await fold(Store(disk), "l")


async def test_too_many_conflicts_are_told_and_leave_nothing_behind() -> None:
    store = Store()
    heads = heads_on(store)
    store.ends = [Conflict()] * 100
    results = await asyncio.gather(*(outcome(heads, ("take", n, 1)) for n in (1, 2)))
    assert results == ["CONTENTION", "CONTENTION"]
    assert 1 < store.commits < 100
    store.ends = []
    assert await held(heads, "l") == {}


@pytest.mark.parametrize("done", [True, False])
async def test_an_unknown_outcome_is_told_to_everybody_and_the_index_is_built_anew(done: bool) -> None:
    store = Store()
    heads = heads_on(store)
    await heads.change("list", "l", take("a"))
    store.ends, store.done = [OutcomeUnknown()], done
    results = await asyncio.gather(*(outcome(heads, ("take", n, 5)) for n in (1, 2)))
    assert results == ["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"]
    assert await held(heads, "l") == await fold(store, "l")
    assert len(await held(heads, "l")) == 1 + done


async def test_a_commit_that_fails_in_an_unforeseen_way_is_an_uncertain_one() -> None:
    store = Store()
    heads = heads_on(store)
    await heads.change("list", "l", take("a"))
    store.ends, store.done = [RuntimeError("the cable")], True
    with pytest.raises(RuntimeError, match="the cable"):
        await heads.change("list", "l", take("b"))
    assert await held(heads, "l") == {"a": 1, "b": 1}


async def test_what_was_not_written_is_told_as_such_and_may_be_tried_again() -> None:
    store = Store()
    heads = heads_on(store)
    store.ends = [Unwritten("full")]
    results = await asyncio.gather(*(outcome(heads, ("take", n, 1)) for n in (1, 2)))
    assert results == ["STORE_UNAVAILABLE"] * 2
    assert await outcome(heads, ("take", 1, 1)) == "9 left"


async def test_each_is_told_an_error_of_its_own() -> None:
    store = Store()
    heads = heads_on(store)
    store.ends = [Unwritten("full")]
    errors = await asyncio.gather(
        *(heads.change("list", "l", take(seat)) for seat in ("a", "b")), return_exceptions=True
    )
    assert len({id(error) for error in errors}) == 2


async def test_a_fault_in_one_decision_is_nobody_elses() -> None:
    heads = heads_on(Store())

    def faulty(_head: Head[Seats], _at: str) -> Decision[Said]:
        raise ZeroDivisionError

    results = await asyncio.gather(
        heads.change("list", "l", take("a")),
        heads.change("list", "l", faulty),
        heads.change("list", "l", take("b")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Said, ZeroDivisionError, Said]
    assert heads.commits == 1


@pytest.mark.parametrize(
    "changes",
    [
        Changes(leaves=(Leaf("x", {"size": 1}),)),
        Changes(leaves=(Leaf("x", {"guest": "x", "size": 1, "nested": {"": 1}}),)),
        Changes(leaves=(Leaf("x", {"guest": "x", "size": 1, "written": 7}),)),
        Changes(leaves=(Leaf("x", {"guest": "x", "size": "one"}),)),
        Changes(leaves=(Leaf("x", {"guest": "x", "size": 1}), Leaf("x", {"guest": "x", "size": 2}))),
        Changes(removed=("nobody",)),
        Changes(archived=("nobody",)),
    ],
    ids=["no index field", "no store takes it", "not its own", "the index fails", "twice", "not there", "never there"],
)
async def test_what_cannot_be_stored_or_indexed_is_told_to_who_said_it_alone(changes: Changes) -> None:
    store = Store()
    heads = heads_on(store)
    results = await asyncio.gather(
        heads.change("list", "l", take("a")),
        heads.change("list", "l", lambda _head, _at: Decision(None, changes)),
        heads.change("list", "l", take("b")),
        return_exceptions=True,
    )
    assert [isinstance(result, ValueError | AssertionError) for result in results] == [False, True, False]
    assert await held(heads, "l") == await fold(store, "l") == {"a": 1, "b": 1}


async def test_a_decision_touches_only_heads_it_asked_for() -> None:
    heads = heads_on(Store())

    async def prepare() -> Claim[None]:
        return Claim([("list", "a")], lambda _heads, _at: Joint(None, {("list", "b"): Changes()}))

    with pytest.raises(ValueError, match="not asked for"):
        await heads.together(prepare)
    with pytest.raises(ValueError, match="not a kind of head"):
        await heads.look("note", "n", lambda _: None)
