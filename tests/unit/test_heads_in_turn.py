"""Commands of one process that change the same record beside their heads wait for each other: nobody is always late."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from services.kit.heads import ATTEMPTS, Claim, Heads
from services.kit.leaves import Changes, Head, Joint
from services.kit.record import revise
from services.kit.store.memory import Disk
from tests.contract.store_fixtures import NOW
from tests.unit.heads_told import Store, heads_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from services.kit.leaves import Key
    from tests.contract.heads_examples import Seats

MANY = 3 * ATTEMPTS


async def read(store: Store, id_: str) -> int:
    """How often that note was counted on; a look at a store takes its time."""
    found = await store.get("note", id_)
    await asyncio.sleep(0)
    return found.revision if found else 0


async def count(
    store: Store,
    heads: Heads,
    *ids: str,
    lists: tuple[str, ...] = ("l",),
    before: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """Counts these notes on by one, on what was read before the heads were held. Gives how often it was prepared."""
    prepared = 0

    async def prepare() -> Claim[int]:
        nonlocal prepared
        prepared += 1
        found = {id_: await store.get("note", id_) for id_ in ids}
        if before is not None:
            await before()
        await asyncio.sleep(0)
        notes = tuple(
            revise(found[id_], kind="note", id=id_, state={"text": "on"}, at=NOW, actor="a", views={}) for id_ in ids
        )

        def decide(held: Mapping[Key, Head[Seats]], _: str) -> Joint[int]:
            return Joint(prepared, {key: Changes() for key in held}, notes, "note")

        return Claim([("list", id_) for id_ in lists], decide, [("note", id_) for id_ in ids])

    return await heads.together(prepare)


async def test_of_many_at_once_each_is_late_once_at_most() -> None:
    store = Store()
    heads = heads_on(store)
    await count(store, heads, "n")
    tries = await asyncio.gather(*(count(store, heads, "n") for _ in range(MANY)))
    assert (await read(store, "n"), max(tries)) == (MANY + 1, 2)
    assert heads.conflicts == 0


async def test_they_wait_for_the_record_also_where_their_heads_differ() -> None:
    store = Store()
    heads = heads_on(store)
    tries = await asyncio.gather(*(count(store, heads, "n", lists=(f"l{number}",)) for number in range(MANY)))
    assert (await read(store, "n"), max(tries) <= 3) == (MANY, True)  # the first were late to find that there is one


async def test_those_who_want_several_records_and_heads_crosswise_do_not_wait_for_ever() -> None:
    store = Store()
    heads = heads_on(store)
    wanted = [("a", "b"), ("b", "c"), ("c", "a"), ("b",), ("c", "b", "a")]
    asked = [count(store, heads, *wanted[n % 5], lists=(f"l{n % 3}", f"l{(n + 1) % 3}")) for n in range(MANY)]
    async with asyncio.timeout(30):
        await asyncio.gather(*asked)
    written = sum([await read(store, id_) for id_ in "abc"])
    assert written == sum(len(wanted[n % 5]) for n in range(MANY))


async def test_what_is_done_to_prepare_one_may_change_the_same_record() -> None:
    """It does not wait for the command that it is done for."""
    store = Store()
    heads = heads_on(store)
    done = 0

    async def once() -> None:
        nonlocal done
        if done < MANY:
            done += 1
            await count(store, heads, "n")

    async with asyncio.timeout(30):
        await asyncio.gather(*(count(store, heads, "n", before=once) for _ in range(4)))
    assert await read(store, "n") >= 4 + done - 1


async def test_between_two_instances_who_was_late_tries_again() -> None:
    disk = Disk()
    first, second = Store(disk), Store(disk)
    instances = [(first, heads_on(first)), (second, heads_on(second))]
    await asyncio.gather(*(count(*instances[number % 2], "n") for number in range(20)))
    assert await read(first, "n") == 20
