"""Heads: requests that come twice, callers who go away, order, idleness."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid, NotFound, Unavailable, Unmet
from services.kit.heads import Claim, Heads
from services.kit.leaves import Changes, Decision, Head, Joint, Leaf
from services.kit.middleware import Idempotency
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Unwritten
from tests.contract.heads_examples import (
    KINDS,
    Instantly,
    Said,
    Seats,
    a_call,
    fold,
    held,
    leave,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.unit.heads_told import TRACE, Store, heads_on, outcome

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
