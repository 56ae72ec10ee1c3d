"""Heads and leaves over every store: what is held in memory is what is stored, whoever else writes."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Refusal, Unmet
from services.kit.heads import Claim
from services.kit.leaves import Changes, Decision, Facts, Head, Joint, Leaf
from services.kit.store.port import Commit, Record
from tests.contract.heads_examples import KINDS, LISTS, Said, Seats, a_call, fold, heads_on, held, leave, resize, take
from tests.contract.store_fixtures import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from services.kit.store.port import Store
    from tests.contract.store_fixtures import Engine

pytest_plugins = ("tests.contract.store_fixtures",)

MANY = 5_000 if os.environ.get("OPENCHAIR_GATE") == "1" else 1_000


@pytest.fixture
async def lists(engine: Engine) -> AsyncIterator[Store]:
    opened = await engine.start(KINDS)
    yield opened
    await opened.close()


def written(store: Store) -> list[Commit]:
    """What is committed from now on."""
    commits: list[Commit] = []
    store.watch(commits.append)
    return commits


def kinds(commit: Commit) -> Counter[str]:
    return Counter(record.kind for record in commit.records)


async def revision(store: Store, id_: str) -> int:
    found = await store.get("list", id_)
    return found.revision if found else 0


async def test_commands_that_wait_are_one_commit_and_each_has_its_answer_and_its_line(lists: Store) -> None:
    heads = heads_on(lists)
    commits = written(lists)
    calls = [heads.change("list", "l", take(f"s{n}"), call=a_call(f"r{n}")) for n in range(12)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(o.name) if isinstance(o, Said) else type(o) for o in outcomes] == [
        *(f"{9 - n} left" for n in range(10)),
        Unmet,
        Unmet,
    ]
    assert [kinds(commit) for commit in commits] == [Counter(list=1, seat=10)]
    assert len(commits[0].answers) == 10
    assert [(line.kind, line.revision, line.action) for line in await lists.history("list", "l")] == [
        ("list", 1, "taken")
    ] * 10
    assert await revision(lists, "l") == 1
    assert await fold(lists, "l") == await held(heads, "l") == {f"s{n}": 1 for n in range(10)}


async def test_thousands_of_leaves_cost_a_change_no_more_than_five(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", resize(2 * MANY))
    await asyncio.gather(*(heads.change("list", "l", take(f"s{n}")) for n in range(MANY)))
    commits = written(lists)
    again = heads_on(lists)
    for each in (heads, again):
        await each.change("list", "l", take("s17", 2))
        await each.change("list", "l", leave(f"s{18 if each is heads else 19}"))
    assert [kinds(commit) for commit in commits] == [Counter(list=1, seat=1)] * 4
    assert await held(heads, "l") == await held(again, "l") == await fold(lists, "l")
    assert len(await held(heads, "l")) == MANY - 2


async def test_a_batch_is_no_larger_than_a_store_takes_well(lists: Store) -> None:
    heads = heads_on(lists)
    commits = written(lists)
    await heads.change("list", "l", resize(2 * MANY))
    await asyncio.gather(*(heads.change("list", "l", take(f"s{n}")) for n in range(500)))
    assert max(kinds(commit)["seat"] for commit in commits) == 128
    commits.clear()
    await asyncio.gather(*(heads.change("list", "l", _large(f"t{n}")) for n in range(10)))
    assert [kinds(commit)["seat"] for commit in commits] == [3, 3, 3, 1]
    with pytest.raises(Refusal, match="one step"):
        await heads.change("list", "l", _large("huge", 18))
    assert len(await held(heads, "l")) == 510


def _large(id_: str, count: int = 1) -> Callable[[Head[Seats], str], Decision[None]]:
    """So many leaves of 600 kB."""
    text = "x" * 600_000
    leaves = tuple(Leaf(f"{id_}{n}", {"guest": id_, "size": 0, "text": text}) for n in range(count))
    return lambda _head, _at: Decision(None, Changes(leaves=leaves), "large")


async def test_two_instances_that_race_lose_nothing_and_double_nothing(lists: Store) -> None:
    instances = [heads_on(lists), heads_on(lists)]
    commits = written(lists)
    asked = [n // 2 if n < 32 else n for n in range(64)]  # of the first ones each request comes twice, to both
    outcomes = await asyncio.gather(
        *(instances[n % 2].change("list", "l", _add(f"s{r % 20}"), call=a_call(f"r{r}")) for n, r in enumerate(asked))
    )
    assert [outcomes[n] for n in range(0, 32, 2)] == [outcomes[n] for n in range(1, 32, 2)]
    heads_written = [record for commit in commits for record in commit.records if record.kind == "list"]
    assert [record.revision for record in heads_written] == list(range(1, len(heads_written) + 1))
    answers = Counter(answer.key.request_id for commit in commits for answer in commit.answers)
    assert set(answers.values()) == {1}
    added = [line for line in await lists.history("list", "l", 1000) if line.action == "added"]
    stored = await fold(lists, "l")
    assert sum(stored.values()) == len(added) == len(answers) == 48
    assert await held(instances[0], "l") == await held(instances[1], "l") == stored


def _add(seat: str) -> Callable[[Head[Seats], str], Decision[Said]]:
    """One more on this seat."""

    def decide(head: Head[Seats], _: str) -> Decision[Said]:
        size = head.index.sizes.get(seat, 0) + 1
        leaf = Leaf(seat, {"guest": seat, "size": size})
        return Decision(Said(name=str(size)), Changes(leaves=(leaf,)), "added")

    return decide


async def test_what_another_instance_did_is_seen_by_who_is_refused_and_by_who_only_looks(lists: Store) -> None:
    one, two = heads_on(lists), heads_on(lists)
    await one.change("list", "l", take("a", 10))
    with pytest.raises(Unmet):
        await two.change("list", "l", take("b"))
    await one.change("list", "l", leave("a"))
    assert (await two.change("list", "l", take("b", 10))).name == "0 left"
    assert await held(one, "l") == {"b": 10}


async def test_an_index_from_before_leaves_were_archived_is_built_afresh(lists: Store) -> None:
    one, two = heads_on(lists), heads_on(lists)
    for seat in ("a", "b", "c"):
        await one.change("list", "l", take(seat))
    await two.change("list", "l", leave("a"))
    assert await held(one, "l") == {"b": 1, "c": 1}
    assert await two.archive("list", "l", lambda leaf: leaf.id in ("a", "b")) == 2
    assert await held(one, "l") == await held(two, "l") == await fold(lists, "l") == {"c": 1}
    head, gone = await lists.get("list", "l"), await lists.get("seat", "b")
    assert head is not None
    assert gone is not None
    assert head.state["floor"] == head.revision == 5
    assert (gone.gone, gone.state, gone.revision) == (True, {"centre": "oak"}, 2)


async def test_an_archived_id_that_comes_back_counts_on(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    assert await heads.archive("list", "l", lambda _: True) == 1
    await heads.change("list", "l", take("a", 3))
    back = await lists.get("seat", "a")
    assert back is not None
    assert (back.revision, back.gone, back.state["size"]) == (3, False, 3)
    assert await held(heads, "l") == {"a": 3}


async def test_no_head_takes_anothers_leaf(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "one", take("a"))
    outcomes = await asyncio.gather(
        heads.change("list", "two", take("b")), heads.change("list", "two", take("a")), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Said, ValueError]
    assert await fold(lists, "one") == {"a": 1}
    assert await held(heads, "two") == {"b": 1}


async def test_a_removed_leaf_keeps_its_state_loses_its_views_and_counts_on_when_it_comes_back(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    await heads.change("list", "l", leave("a"))
    left = await lists.get("seat", "a")
    assert left is not None
    assert left.state == {"centre": "oak", "guest": "a", "size": 1, "head": "l", "written": 2, "removed": True}
    assert [(view.name, view.revision, view.digest) for view in left.views] == [("public", 2, "")]
    for each in (heads, heads_on(lists)):
        await each.change("list", "l", take("a"))
        await each.change("list", "l", leave("a"))
    back = await lists.get("seat", "a")
    assert back is not None
    assert (back.revision, back.views[0].revision) == (6, 6)


async def test_who_writes_a_head_by_itself_is_noticed(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    await lists.commit(Commit((Record("list", "l", 2, {"room": 1}, NOW, "somebody"),)))
    with pytest.raises(Unmet):
        await heads.change("list", "l", take("b"))
    await heads.change("list", "l", leave("a"))
    assert await heads.look("list", "l", lambda head: head.record and head.record.state) == {"room": 1, "floor": 0}


async def test_a_batch_writes_the_last_of_the_heads_facts_once(lists: Store) -> None:
    heads = heads_on(lists)
    commits = written(lists)
    await asyncio.gather(*(heads.change("list", "l", resize(room)) for room in (3, 4, 5)))
    assert [(record.revision, record.state) for record in commits[0].records] == [
        (1, {"centre": "oak", "room": 5, "floor": 0})
    ]
    assert [(view.revision, view.name) for view in commits[0].records[0].views] == [(1, "public")]
    await heads.change("list", "l", take("a", 5))
    kept = await lists.get("list", "l")
    assert kept is not None
    assert (kept.revision, kept.state, kept.views[0].revision) == (2, {"centre": "oak", "room": 5, "floor": 0}, 1)


# Several heads and other records


def _both(store: Store, note: str, lists: list[str], size: int = 1) -> Callable[[], Any]:
    """A seat on every list, and a note that counts how often it was written."""

    async def prepare() -> Claim[Said]:
        before = await store.get("note", note)
        revision = before.revision + 1 if before else 1

        def decide(heads: Mapping[tuple[str, str], Head[Any]], at: str) -> Joint[Said]:
            seat = f"{note}-{revision}"
            steps = {key: take(f"{seat}-{key[1]}", size)(head, at).changes for key, head in heads.items()}
            record = Record("note", note, revision, {"times": revision}, at, "somebody")
            changes = {key: step for key, step in steps.items() if step is not None}
            return Joint(Said(name=seat), changes, (record,), "noted")

        return Claim([("list", id_) for id_ in lists], decide)

    return prepare


async def test_several_heads_and_other_records_are_changed_together_or_not_at_all(lists: Store) -> None:
    heads = heads_on(lists)
    commits = written(lists)
    await heads.change("list", "b", take("full", 10))
    with pytest.raises(Unmet):
        await heads.together(_both(lists, "n", ["a", "b"]), call=a_call("r1"))
    assert await held(heads, "a") == {}
    assert await lists.get("note", "n") is None
    await heads.change("list", "b", leave("full"))
    reply = await heads.together(_both(lists, "n", ["a", "b"]), call=a_call("r2"))
    assert reply.name == "n-1"
    assert kinds(commits[-1]) == Counter(list=2, seat=2, note=1)
    assert len(commits[-1].answers) == 1
    assert sorted((line.kind, line.id, line.revision) for line in commits[-1].audit) == [
        ("list", "a", 1),
        ("list", "b", 3),
        ("note", "n", 1),
    ]
    assert await held(heads, "a") == await fold(lists, "a") == {"n-1-a": 1}


async def test_crossing_claims_of_two_instances_end_and_count(lists: Store) -> None:
    instances = [heads_on(lists), heads_on(lists)]
    names = ["a", "b", "c", "d"]
    source = random.Random(5)  # noqa: S311 - the same claims in every run
    for name in names:
        await instances[0].change("list", name, resize(1000))
    chosen = [source.sample(names, source.randint(1, 4)) for _ in range(40)]
    joint = [instances[n % 2].together(_both(lists, f"n{n % 3}", some)) for n, some in enumerate(chosen)]
    single = [instances[n % 2].change("list", names[n % 4], take(f"single{n}")) for n in range(40)]
    async with asyncio.timeout(60):
        await asyncio.gather(*joint, *single)
    for instance in instances:
        for name in names:
            stored = await fold(lists, name)
            assert await held(instance, name) == stored
            assert len(stored) == 10 + sum(name in some for some in chosen)
    times = [await lists.get("note", f"n{n}") for n in range(3)]
    assert sum(note.revision for note in times if note) == 40


async def test_a_head_that_is_only_looked_at_does_not_move_and_one_that_is_named_does(lists: Store) -> None:
    heads = heads_on(lists)
    for name in ("seen", "named"):
        await heads.change("list", name, resize(5))

    async def prepare() -> Claim[None]:
        return Claim(
            [("list", "seen"), ("list", "named")], lambda _heads, _at: Joint(None, {("list", "named"): Changes()})
        )

    await heads.together(prepare)
    assert [await revision(lists, name) for name in ("seen", "named")] == [1, 2]


async def test_a_shape_may_have_its_leaves_named_in_the_trail(lists: Store) -> None:
    named = type(LISTS)("list", "seat", LISTS.empty, LISTS.put, LISTS.remove, trail=True)
    heads = heads_on(lists, named)
    await heads.change("list", "l", take("a"), actor="coordinator")
    lines = await lists.history("seat", "a") + await lists.history("list", "l")
    assert [(line.kind, line.id, line.revision, line.actor, line.action) for line in lines] == [
        ("seat", "a", 1, "coordinator", "taken"),
        ("list", "l", 1, "coordinator", "taken"),
    ]


async def test_facts_that_make_a_head_gone_leave_its_number(lists: Store) -> None:
    heads = heads_on(lists)
    await heads.change("list", "l", take("a"))
    await heads.change("list", "l", lambda _head, _at: Decision(None, Changes(Facts({}, gone=True)), "closed"))
    found = await lists.get("list", "l")
    assert found is not None
    assert (found.gone, found.revision) == (True, 2)
