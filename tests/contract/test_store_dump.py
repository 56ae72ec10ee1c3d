"""What every store must do: say its epoch and whether it serves, give everything away, and take it in elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from services.kit.store.memory import MemoryStore
from services.kit.store.port import Answer, Audit, Commit, Entry, Record, Store
from tests.contract.store_fixtures import (
    KINDS,
    Engine,
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
    from collections.abc import AsyncIterator, Iterable

    from services.kit.clock import VirtualClock

pytest_plugins = ("tests.contract.store_fixtures",)

EPOCH = 1_795_300_000
MANY = 600
"""Records: more than one batch of any store."""


async def each(entries: Iterable[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


async def dumped(store: Store) -> list[Entry]:
    return [entry async for entry in store.dump()]


async def furnish(store: Store) -> None:
    """A record at its third revision, one that is gone, a leaf with something due, answers, a trail."""
    for revision in (1, 2, 3):
        trail = (line("a", revision, "changed"), line("a", revision, "told"))
        record = meeting("a", revision, views=(public(revision, f"d{revision}"),))
        await store.commit(Commit((record,), (answer(f"r{revision}"),), trail))
    await store.published("meeting", "a", "public", 1, 3, 41)
    await store.commit(commit(meeting("gone", views=(public(),))))
    await store.commit(commit(meeting("gone", 2, gone=True, views=(public(2, ""),))))
    await store.commit(commit(msgspec.structs.replace(seat("s"), due_at="2026-11-21T13:00:00.000Z")))


async def fill_with_many(store: Store, title: str = "Open chair") -> None:
    """A few commits of many records: as many transactions at once would keep a slow server busy past their time."""
    for start in range(0, MANY, 100):
        await store.commit(commit(*(meeting(f"m{n:04}", title=title) for n in range(start, start + 100))))


async def filled(clock: VirtualClock, entries: Iterable[Entry], at_least: int = EPOCH) -> MemoryStore:
    store = MemoryStore(KINDS, clock)
    await store.open()
    await store.fill(each(entries), at_least)
    return store


# Epoch and serving


async def test_the_epoch_is_the_stored_one(engine: Engine, store: Store) -> None:
    assert await store.epoch() == 1
    await store.raise_epoch(EPOCH)
    assert await store.epoch() == EPOCH
    await store.close()
    again = await engine.start(KINDS)
    assert await again.epoch() == EPOCH
    await again.close()


async def test_a_store_that_can_be_written_to_serves_and_nothing_of_the_services_is_written(store: Store) -> None:
    await furnish(store)
    before = await dumped(store)
    assert [await store.serving() for _ in range(3)] == ["", "", ""]
    assert await dumped(store) == before


# Dump


async def test_a_dump_has_every_record_as_get_gives_it_then_answers_then_the_trail(store: Store) -> None:
    await furnish(store)
    entries = await dumped(store)
    records = [entry for entry in entries if isinstance(entry, Record)]
    answers = [entry for entry in entries if isinstance(entry, Answer)]
    lines = [entry for entry in entries if isinstance(entry, Audit)]
    assert entries == [*records, *answers, *lines]
    for record in records:
        assert record == await store.get(record.kind, record.id)
    assert {(record.kind, record.id) for record in records} == {("meeting", "a"), ("meeting", "gone"), ("seat", "s")}
    assert sorted(each.key.request_id for each in answers) == ["r1", "r2", "r3"]
    assert lines[::-1] == await store.history("meeting", "a")


async def test_an_empty_store_has_an_empty_dump(store: Store) -> None:
    assert await dumped(store) == []


async def test_a_dump_is_of_one_moment_and_writes_go_on_meanwhile(store: Store) -> None:
    await fill_with_many(store, title="before")
    dump = store.dump()
    first = await anext(dump)
    await store.commit(Commit((meeting("new"), seat("new")), (answer("new"),), (line("new", 1, "made"),)))
    await store.commit(commit(meeting(f"m{MANY - 1:04}", 2, title="after")))
    assert (await stored(store, f"m{MANY - 1:04}")).revision == 2
    rest = [entry async for entry in dump]
    records = [entry for entry in (first, *rest) if isinstance(entry, Record)]
    assert len(records) == len(rest) + 1 == MANY
    assert {record.state["title"] for record in records} == {"before"}


async def test_a_dump_that_is_given_up_leaves_the_store_as_it_was(store: Store) -> None:
    await fill_with_many(store)
    dump = store.dump()
    await anext(dump)
    await dump.aclose()  # type: ignore[attr-defined]  # an async generator in every adapter
    await store.commit(commit(meeting("after")))
    assert len(await dumped(store)) == MANY + 1


# Fill


async def test_a_filled_store_has_the_same_and_is_in_a_new_epoch_with_everything_marked(
    engine: Engine, store: Store, store_clock: VirtualClock
) -> None:
    source = MemoryStore(KINDS, store_clock)
    await furnish(source)
    entries = await dumped(source)
    assert await store.fill(each(entries), EPOCH) == len(entries)
    assert await store.epoch() == EPOCH
    await store.close()
    again = await engine.start(KINDS)
    assert _bare(await dumped(again)) == _bare(entries)
    assert (await stored(again, "a")).views == (public(3, "d3"),)  # pending, its sequence unknown
    assert {record.id for record in await again.unpublished(10)} == {"a", "gone"}
    assert await again.answer(answer("r2").key) == answer("r2")
    assert await again.history("meeting", "a") == await source.history("meeting", "a")
    assert [record.id for record in await again.due("2026-11-21T13:00:00.000Z", 10)] == ["s"]
    assert await ids(again, {"centre": "north"}, ("start",)) == ["a"]
    await again.commit(commit(meeting("a", 4, views=(public(4),)), meeting("gone", 3)))
    await again.close()


def _bare(entries: Iterable[Entry]) -> list[Entry]:
    """Without what a restore changes, in an order that is the same for every adapter."""
    bare = [_without_marks(entry) if isinstance(entry, Record) else entry for entry in entries]
    return sorted(bare, key=lambda entry: (type(entry).__name__, repr(entry)))


def _without_marks(record: Record) -> Record:
    views = tuple(msgspec.structs.replace(view, pending=True, sequence=0) for view in record.views)
    return msgspec.structs.replace(record, epoch=0, views=views)


async def test_what_an_engine_gave_away_another_takes_in(store: Store, store_clock: VirtualClock) -> None:
    await furnish(store)
    entries = await dumped(store)
    assert _bare(await dumped(await filled(store_clock, entries))) == _bare(entries)


async def test_the_new_epoch_is_later_than_that_of_the_dump(store: Store) -> None:
    late = msgspec.structs.replace(meeting("a"), epoch=EPOCH + 7)
    await store.fill(each([late, meeting("b")]), EPOCH)
    assert (await stored(store, "b")).epoch == EPOCH + 8


async def test_more_than_one_piece_goes_over_whole(store: Store) -> None:
    assert await store.fill(each(meeting(f"m{n:04}") for n in range(3000)), 0) == 3000
    assert len(await dumped(store)) == 3000


THERE = [
    commit(meeting("b")),
    commit(meeting("b", gone=True)),
    Commit((), (answer("r"),)),
    Commit((), (), (line("b", 1, "c"),)),
]


@pytest.mark.parametrize("there", THERE)
async def test_a_store_that_holds_anything_is_not_filled(store: Store, there: Commit) -> None:
    await store.commit(there)
    before = await dumped(store)
    with pytest.raises(ValueError, match="not empty"):
        await store.fill(each(meeting(f"m{n:04}") for n in range(5000)), EPOCH)
    assert await dumped(store) == before
    assert await store.epoch() == 1


@pytest.mark.parametrize("after", [0, 1, 1500])
async def test_entries_that_end_in_a_fault_leave_the_store_empty(store: Store, after: int) -> None:
    async def torn() -> AsyncIterator[Entry]:
        for n in range(after):
            yield meeting(f"m{n:04}", views=(public(),))
        raise EOFError("cut off")

    with pytest.raises(EOFError, match="cut off"):
        await store.fill(torn(), EPOCH)
    assert await dumped(store) == []
    assert await store.unpublished(1) == []
    assert await store.epoch() == 1
    assert await store.fill(each([meeting("a")]), EPOCH) == 1


async def test_a_filling_that_is_cancelled_leaves_the_store_empty(store: Store) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[Entry]:
        for n in range(700):
            yield meeting(f"m{n:04}")
        begun.set()
        await asyncio.Event().wait()

    filling = asyncio.create_task(store.fill(endless(), EPOCH))
    await begun.wait()
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    assert await dumped(store) == []


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ([meeting("a"), meeting("a")], "twice"),
        ([msgspec.structs.replace(meeting("a"), kind="nothing")], "not a kind"),
        ([msgspec.structs.replace(meeting("a"), at="yesterday")], "instant"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_kept(store: Store, wrong: list[Entry], match: str) -> None:
    many = [meeting(f"m{n:04}") for n in range(2000)]
    with pytest.raises(ValueError, match=match):
        await store.fill(each([*wrong, *many]), EPOCH)
    assert await dumped(store) == []
