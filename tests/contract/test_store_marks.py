"""What every store must do: marks of views, answers, the trail, what is due."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import structlog

from services.kit.clock import VirtualClock, instant
from services.kit.store.port import Commit, Conflict, Record, RequestKey, Store
from services.kit.sweep import Sweeper
from tests.contract.store_fixtures import KINDS, NOW, Engine, answer, commit, ids, line, meeting, public, seat, stored

pytest_plugins = ("tests.contract.store_fixtures",)
LATER = "2026-11-21T12:00:01.000Z"


# Views


async def test_views_are_pending_until_published_and_keep_their_sequence(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(), msgspec.structs.replace(public(), name="private")))))
    assert [record.id for record in await store.unpublished(10)] == ["a"]
    await store.published("meeting", "a", "public", 1, 1, 41)
    half = await stored(store, "a")
    assert [(view.name, view.pending, view.sequence) for view in half.views] == [
        ("private", True, 0),
        ("public", False, 41),
    ]
    assert await store.unpublished(10) == [half]
    await store.published("meeting", "a", "private", 1, 1, 42)
    assert await store.unpublished(10) == []


async def test_a_private_change_moves_nothing_public(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    await store.published("meeting", "a", "public", 1, 1, 41)
    published = (await stored(store, "a")).view("public")
    await store.commit(commit(meeting("a", 2, notes="private", views=(public(),))))
    assert await store.unpublished(10) == []
    assert (await stored(store, "a")).view("public") == published


async def test_a_commit_decided_before_a_publish_does_not_take_its_sequence_or_mark_back(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    loaded = await stored(store, "a")
    await store.published("meeting", "a", "public", 1, 1, 41)
    await store.commit(commit(msgspec.structs.replace(loaded, revision=2)))
    view = (await stored(store, "a")).view("public")
    assert view == msgspec.structs.replace(public(), pending=False, sequence=41)


async def test_a_view_that_rose_is_pending_whatever_it_says(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    await store.published("meeting", "a", "public", 1, 1, 41)
    risen = msgspec.structs.replace(public(2, "new"), pending=False, sequence=7)
    await store.commit(commit(meeting("a", 2, views=(risen,))))
    assert (await stored(store, "a")).view("public") == msgspec.structs.replace(risen, pending=True, sequence=41)


async def test_a_view_that_is_left_out_or_older_stays_as_it_is(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(3),))))
    await store.commit(commit(meeting("a", 2, views=(public(2, "older"),))))
    await store.commit(commit(meeting("a", 3)))
    assert (await stored(store, "a")).views == (public(3),)


@pytest.mark.parametrize(("epoch", "revision"), [(1, 1), (2, 2)])
async def test_a_late_publish_keeps_the_mark_and_its_sequence(store: Store, epoch: int, revision: int) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    await store.commit(commit(meeting("a", 2, views=(public(2, "new"),))))
    await store.published("meeting", "a", "public", epoch, revision, 41)
    view = (await stored(store, "a")).view("public")
    assert view is not None
    assert (view.pending, view.sequence) == (True, 41)


async def test_publishing_what_is_not_there_is_nothing(store: Store) -> None:
    await store.published("meeting", "a", "public", 1, 1, 41)
    assert await store.get("meeting", "a") is None


async def test_what_was_committed_first_is_published_first(store: Store) -> None:
    for id_ in ("c", "a", "b"):
        await store.commit(commit(meeting(id_, views=(public(),))))
    await store.commit(commit(Record("seat", "0", 1, {"list": "l", "place": 1}, NOW, "guest", views=(public(),))))
    await store.commit(commit(meeting("c", 2, gone=True, views=(public(2, ""),))))
    assert [record.id for record in await store.unpublished(3)] == ["c", "a", "b"]
    await store.published("meeting", "a", "public", 1, 1, 1)
    assert [record.id for record in await store.unpublished(10)] == ["c", "b", "0"]
    assert (await store.unpublished(1))[0].gone


async def test_remark_makes_everything_pending_and_forgets_sequences(store: Store) -> None:
    for id_ in ("a", "b", "c"):
        await store.commit(commit(meeting(id_, views=(public(),))))
    await store.commit(commit(meeting("no view")))
    for id_ in ("a", "b"):
        await store.published("meeting", id_, "public", 1, 1, 41)
    assert await store.remark() == 3
    assert [r.id for r in await store.unpublished(10)] == ["c", "a", "b"]
    assert (await stored(store, "a")).views == (public(),)


async def test_a_new_epoch_is_later_than_the_last_and_marks_everything(engine: Engine, store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    await store.published("meeting", "a", "public", 1, 1, 41)
    assert await store.raise_epoch(0) == 2
    assert await store.raise_epoch(1_795_000_000) == 1_795_000_000
    assert await store.raise_epoch(5) == 1_795_000_001
    await store.published("meeting", "a", "public", 1, 1, 42)
    assert [record.epoch for record in await store.unpublished(10)] == [1_795_000_001]
    await store.close()
    again = await engine.start(KINDS)
    assert (await stored(again, "a")).epoch == 1_795_000_001
    await again.close()


async def test_a_publish_that_meets_a_new_epoch_at_the_writer_keeps_the_mark(store: Store) -> None:
    await store.commit(commit(meeting("a", views=(public(),))))
    await asyncio.gather(store.raise_epoch(5), store.published("meeting", "a", "public", 1, 1, 41))
    assert [record.id for record in await store.unpublished(10)] == ["a"]


# Answers and the trail


async def test_an_answer_is_kept_with_its_commit_until_its_time_is_over(
    store: Store, store_clock: VirtualClock
) -> None:
    kept = answer("r", seconds=60)
    await store.commit(Commit((meeting("a"),), (kept,)))
    assert await store.answer(kept.key) == kept
    assert await store.answer(RequestKey("Book", "another", "r")) is None
    for seconds in (60, 1):
        await store_clock.advance(seconds)
        assert await store.answer(kept.key) is None


async def test_a_request_is_answered_once(store: Store) -> None:
    await store.commit(Commit((), (answer("r", "first"),)))
    with pytest.raises(Conflict):
        await store.commit(Commit((meeting("a"),), (answer("r", "second"),), (line("a", 1, "created"),)))
    assert await store.get("meeting", "a") is None
    assert await store.history("meeting", "a") == []
    kept = await store.answer(answer("r").key)
    assert kept is not None
    assert kept.reply == "first"


async def test_the_same_request_twice_at_once_has_one_effect(store: Store) -> None:
    twice = (store.commit(Commit((meeting(f"m{n}"),), (answer("r", str(n)),))) for n in range(2))
    outcomes = await asyncio.gather(*twice, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict]
    assert await ids(store, {}) == ["m0"]


async def test_an_answer_whose_time_is_over_gives_way(store: Store, store_clock: VirtualClock) -> None:
    await store.commit(Commit((), (answer("r", "old", 60),)))
    await store_clock.advance(60)
    await store.commit(Commit((), (answer("r", "new", 120),)))
    assert await store.answer(answer("r").key) == answer("r", "new", 120)


async def test_expired_answers_are_forgotten(store: Store, store_clock: VirtualClock) -> None:
    await store.commit(Commit((), tuple(answer(f"r{n}", seconds=n) for n in range(1, 11))))
    await store_clock.advance(4)
    assert await store.expire(instant(store_clock.now())) == 4
    assert await store.expire(instant(store_clock.now())) == 0
    assert await store.answer(answer("r5").key) is not None


async def test_the_trail_tells_every_change_newest_first(store: Store) -> None:
    lines = [line("a", 1, "created"), line("a", 2, "moved"), line("a", 2, "told"), line("a", 3, "deleted")]
    await store.commit(Commit((meeting("a"),), (), (lines[0], line("b", 1, "created"))))
    await store.commit(Commit((meeting("a", 2),), (), (lines[1], lines[2])))
    await store.commit(Commit((meeting("a", 3, gone=True),), (), (lines[3],)))
    assert await store.history("meeting", "a") == lines[::-1]
    assert await store.history("meeting", "a", 1) == [lines[3]]


# Due


async def test_what_is_due_comes_oldest_first_over_all_kinds(store: Store) -> None:
    times = {"c": 3, "a": 1, "b": 2, "later": 9}
    for id_, second in times.items():
        await store.commit(commit(meeting(id_, due_at=f"2026-11-21T12:00:0{second}.000Z")))
    leaf = msgspec.structs.replace(seat("s"), due_at="2026-11-21T12:00:02.500Z")
    gone = meeting("gone", gone=True, due_at="2026-11-21T12:00:00.000Z")
    await store.commit(commit(leaf, gone, meeting("never")))
    due = await store.due("2026-11-21T12:00:03.000Z", 10)
    assert [record.id for record in due] == ["a", "b", "s", "c"]
    assert [record.id for record in await store.due("2026-11-21T12:00:03.000Z", 2)] == ["a", "b"]
    assert due[0] == await store.get("meeting", "a")


async def test_a_sweeper_makes_it_happen_once(store: Store, store_clock: VirtualClock) -> None:
    handed = list[str]()

    async def handle(record: Record) -> None:
        handed.append(record.id)
        done = msgspec.structs.replace(record, revision=record.revision + 1, due_at=None)
        await store.commit(commit(done))

    sweeper = Sweeper(store, store_clock, {"meeting": handle}, log=structlog.get_logger())
    await store.commit(commit(meeting("a", due_at=LATER), meeting("b", due_at=NOW)))
    assert await sweeper.once() == 1
    await store_clock.advance(1)
    assert await sweeper.once() == 1
    assert await sweeper.once() == 0
    assert handed == ["b", "a"]
