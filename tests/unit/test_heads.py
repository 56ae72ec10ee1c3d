"""Heads and leaves: laws of deciding many together, and what is told when a store fails."""

from __future__ import annotations

import asyncio
import random
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.clock import Ids
from services.kit.errors import Invalid, NotFound, Refusal, Unavailable, Unmet
from services.kit.heads import Claim, Heads
from services.kit.leaves import Changes, Decision, Head, Joint, Leaf, Shape
from services.kit.middleware import Idempotency
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Record, Unwritten
from tests.contract.heads_examples import (
    KINDS,
    LISTS,
    Instantly,
    Said,
    Seats,
    a_call,
    fold,
    held,
    leave,
    resize,
    take,
)
from tests.contract.store_fixtures import NOW
from tests.unit.index_law import obeys

if TYPE_CHECKING:
    from collections.abc import Callable

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


# Requests that come twice


async def test_two_of_one_request_in_a_batch_are_answered_the_same_and_done_once() -> None:
    store = Store()
    heads = heads_on(store)
    twice = [heads.change("list", "l", take("a", 10), call=a_call("r")) for _ in range(2)]
    first, second = await asyncio.gather(*twice)
    assert first == second == Said(name="0 left")
    assert store.commits == 1
    results = await asyncio.gather(
        heads.change("list", "l", leave("a"), call=a_call("s")),
        heads.change("list", "l", leave("a"), call=a_call("s", "another body")),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [Said, Invalid]


@pytest.mark.parametrize("refused", [True, False])
async def test_a_request_that_overtakes_its_double_gets_the_doubles_answer(refused: bool) -> None:
    """Both were looked up before either was answered: the second finds the list full, or still has room."""
    store = Store()
    heads = heads_on(store)
    seat = take("a", 10 if refused else 2)
    store.gate.clear()
    first = asyncio.create_task(heads.change("list", "l", seat, call=a_call("r")))
    await store.begun.wait()
    second = asyncio.create_task(heads.change("list", "l", take("b", 1) if refused else seat, call=a_call("r")))
    store.gate.set()
    assert await first == await second
    assert (await first).name == ("0 left" if refused else "8 left")
    assert await fold(store, "l") == {"a": 10 if refused else 2}


async def test_the_middleware_gives_the_answer_of_a_batch_later() -> None:
    store = Store()
    heads = heads_on(store)
    method = Idempotency(store)

    async def do(call: Any) -> Said:
        return await heads.change("list", "l", lambda _h, _a: Decision(a_call("").message.centre, Changes()), call=call)

    first = await method(a_call("r"), do)
    assert await method(a_call("r"), do) == first
    assert heads.commits == 1


async def test_an_answer_that_changes_nothing_is_kept_too() -> None:
    store = Store()
    heads = heads_on(store)
    call = a_call("r")
    await heads.change("list", "l", lambda _h, _a: Decision(Said(name="nothing to do")), call=call)
    assert heads.commits == 0
    with pytest.raises(Invalid):
        await heads.change("list", "l", _refuse, call=a_call("r", "another body"))


def _refuse(_head: Head[Seats], _at: str) -> Decision[Said]:
    raise Unmet("no", "NO")


# Callers who go away, order, idleness


async def test_who_goes_away_before_it_was_decided_is_left_out_and_afterwards_not_undone() -> None:
    store = Store()
    heads = heads_on(store)
    store.gate.clear()
    early = asyncio.create_task(heads.change("list", "l", take("a")))
    await store.begun.wait()
    waiting = [asyncio.create_task(heads.change("list", "l", take(seat))) for seat in ("b", "c")]
    await queued(heads, "l", 2)
    early.cancel()
    waiting[0].cancel()
    store.gate.set()
    assert (await waiting[1]).name == "8 left"
    await heads.idle()
    assert await fold(store, "l") == {"a": 1, "c": 1}


async def queued(heads: Heads, id_: str, count: int) -> None:
    """Comes back when so many wait for a list."""
    while len(heads._mailboxes._lanes["list", id_]) < count:  # noqa: ASYNC110 - a queue has no event
        await asyncio.sleep(0)


async def test_a_joint_command_goes_on_without_its_caller() -> None:
    store = Store()
    heads = heads_on(store)
    store.gate.clear()
    gone = asyncio.create_task(heads.together(_on("list", "a"), actor="x"))
    await store.begun.wait()
    late = asyncio.create_task(heads.change("list", "a", take("s")))
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    store.gate.set()
    await late
    assert await fold(store, "a") == {"j": 1, "s": 1}


def _on(*key: str) -> Callable[[], Any]:
    async def prepare() -> Claim[None]:
        joint = Joint(None, {(key[0], key[1]): Changes(leaves=(Leaf("j", {"guest": "j", "size": 1}),))})
        return Claim([(key[0], key[1])], lambda _heads, _at: joint)

    return prepare


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (OutcomeUnknown(), "OUTCOME_UNKNOWN"),
        (Unwritten("full"), "STORE_UNAVAILABLE"),
        (Conflict(), "CONTENTION"),
    ],
)
async def test_a_joint_command_is_told_how_its_commit_ended_and_leaves_the_heads_as_they_are_stored(
    end: Exception, reason: str
) -> None:
    store = Store()
    heads = heads_on(store)
    await heads.change("list", "a", take("s"))
    store.ends, store.done = [end] * 100, reason == "OUTCOME_UNKNOWN"
    with pytest.raises(Unavailable) as told:
        await heads.together(_on("list", "a"))
    assert told.value.reason == reason
    store.ends = []
    assert await held(heads, "a") == await fold(store, "a")
    assert len(await held(heads, "a")) == 1 + store.done
    await heads.idle()
    assert len(asyncio.all_tasks()) == 1


async def test_a_joint_command_that_is_refused_while_preparing_gets_its_doubles_answer_if_there_is_one() -> None:
    store = Store()
    heads = heads_on(store)
    await heads.change("list", "l", take("a"), call=a_call("r"))

    async def refuse() -> Claim[Said]:
        raise NotFound("a note")

    assert await heads.together(refuse, call=a_call("r")) == Said(name="9 left")
    with pytest.raises(NotFound):
        await heads.together(refuse, call=a_call("another"))


async def test_who_comes_first_is_decided_first_also_where_some_claim_several_heads() -> None:
    store = Store()
    heads = heads_on(store)
    store.gate.clear()
    order: list[str] = []

    def note(name: str) -> Callable[[Head[Seats], str], Decision[None]]:
        def decide(_head: Head[Seats], _at: str) -> Decision[None]:
            order.append(name)
            return Decision(None, Changes())

        return decide

    async def claim() -> Claim[None]:
        def decide(found: Any, at: str) -> Joint[None]:
            note("joint")(found["list", "a"], at)
            return Joint(None, {("list", "a"): Changes()})

        return Claim([("list", "b"), ("list", "a")], decide)

    tasks = [asyncio.create_task(heads.change("list", "a", note("1")))]
    await store.begun.wait()
    tasks += [asyncio.create_task(heads.change("list", "a", note("2")))]
    await queued(heads, "a", 1)
    tasks += [asyncio.create_task(heads.together(claim))]
    await queued(heads, "a", 2)
    tasks += [asyncio.create_task(heads.change("list", "a", note("3")))]
    await queued(heads, "a", 3)
    store.gate.set()
    await asyncio.gather(*tasks)
    assert order == ["1", "2", "joint", "3"]


async def test_after_a_reply_that_tells_the_heads_state_nobody_else_is_in_the_same_commit() -> None:
    store = Store()
    heads = heads_on(store)

    def telling(head: Head[Seats], _: str) -> Decision[int]:
        return Decision((head.record.revision if head.record else 0) + 1, Changes(), last=True)

    told = await asyncio.gather(
        *(heads.change("list", "l", telling if n % 2 else take(f"s{n}")) for n in range(6)),
    )
    assert [told[n] for n in (1, 3, 5)] == [1, 2, 3]


async def test_a_commit_is_made_in_the_context_of_the_first_who_waited() -> None:
    seen: list[str] = []

    class Seeing(Store):
        async def commit(self, change: Commit) -> None:
            seen.append(TRACE.get(""))
            await super().commit(change)

    heads = heads_on(Seeing())

    async def do(name: str, on: str) -> None:
        TRACE.set(name)
        await (heads.change("list", on, take(name)) if on else heads.together(_on("list", name)))

    await asyncio.gather(*(do(name, "l") for name in "abc"), do("d", ""))
    await do("e", "l")
    assert sorted(seen) == ["a", "d", "e"]


async def test_an_idle_head_has_no_task_and_heads_that_nobody_is_at_are_forgotten() -> None:
    store = Store()
    heads = heads_on(store, kept=10)
    for n in range(8):
        await heads.change("list", f"l{n}", take(f"s{n}"))
    await heads.idle()
    assert len(asyncio.all_tasks()) == 1
    assert [key[1] for key in heads._kept] == [f"l{n}" for n in range(3, 8)]
    assert heads._size == 10
    await heads.look("list", "l3", lambda _: None)
    await heads.change("list", "new", take("new"))
    assert [key[1] for key in heads._kept] == ["l5", "l6", "l7", "l3", "new"]


async def test_a_store_that_cannot_be_read_is_told_and_nothing_is_kept_of_it() -> None:
    class Unreadable(Store):
        broken = True

        async def find(self, *arguments: Any, **named: Any) -> Any:
            if self.broken:
                raise Unwritten("no server")
            return await super().find(*arguments, **named)

    store = Unreadable()
    await Store.commit(store, Commit(()))
    other = heads_on(MemoryStore(KINDS, Instantly(), store._disk))
    await other.change("list", "l", take("a"))
    heads = heads_on(store)
    with pytest.raises(Unavailable):
        await heads.change("list", "l", take("b"))
    store.broken = False
    assert await held(heads, "l") == {"a": 1}


async def test_refusals_cost_one_read_of_the_head_however_many_they_are() -> None:
    store = Store()
    heads = heads_on(store)
    await heads.change("list", "l", take("a", 10))
    before, commits = store.reads, store.commits
    results = await asyncio.gather(*(outcome(heads, ("leave", n, 1)) for n in range(2, 30)))
    assert set(results) == {NotFound("x").reason}
    assert (store.reads - before, store.commits - commits) == (1, 0)
