from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import StringValue

from services.kit import errors
from services.kit.clock import Ids, VirtualClock
from services.kit.record import FIRST_PAUSE, LONGEST_PAUSE, digest, revise, transact
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Answer, Audit, Commit, Conflict, Kind, OutcomeUnknown, Record, RequestKey, Unwritten

MON, TUE, WED = (f"2026-11-{day}T12:00:00.000Z" for day in (23, 24, 25))
KINDS = (Kind("meeting"),)
EMPTY = Commit(())


def text(value: str) -> StringValue:
    return StringValue(value=value)


def revised(previous: Record | None, at: str, gone: bool = False, **views: StringValue | None) -> Record:
    return revise(previous, kind="meeting", id="m", state={}, at=at, actor="a", views=views, gone=gone)


class Instantly(VirtualClock):
    """A clock on which a sleep takes no time; it remembers how long each should have been."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 11, 21, tzinfo=UTC))
        self.slept = list[float]()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Failing(MemoryStore):
    """A store whose commits end as it is told, before they end well."""

    def __init__(self, *outcomes: Exception) -> None:
        super().__init__(KINDS, Instantly())
        self.outcomes = list(outcomes)
        self.commits = 0

    async def commit(self, change: Commit) -> None:
        self.commits += 1
        if self.outcomes:
            raise self.outcomes.pop(0)
        await super().commit(change)


def test_a_first_revision_is_one_and_each_view_with_content_starts_at_one() -> None:
    record = revised(None, MON, public=text("open"), private=None)
    assert (record.revision, record.epoch, record.at) == (1, 0, MON)
    assert [(view.name, view.revision, view.at, view.pending) for view in record.views] == [("public", 1, MON, True)]


def test_a_private_change_moves_nothing_public() -> None:
    first = revised(None, MON, public=text("open"), private=text("link"))
    second = revised(first, TUE, public=text("open"), private=text("new link"))
    assert second.revision == 2
    assert second.view("public") == first.view("public")
    private = second.view("private")
    assert private is not None
    assert (private.revision, private.at) == (2, TUE)


def test_a_view_that_loses_its_content_becomes_a_tombstone_and_counts_on() -> None:
    record = revised(revised(None, MON, public=text("open")), TUE, public=None)
    again = revised(record, WED, public=None)
    back = revised(again, WED, public=text("open"))
    views = [each.view("public") for each in (record, again, back)]
    assert [(view.revision, view.at, view.digest == "") for view in views if view] == [
        (2, TUE, True),
        (2, TUE, True),
        (3, WED, False),
    ]


def test_a_view_that_is_not_named_stays_unless_the_record_is_gone() -> None:
    first = revised(None, MON, public=text("open"), private=text("link"))
    assert revised(first, TUE, public=text("moved")).view("private") == first.view("private")
    gone = revised(first, TUE, gone=True)
    assert [(view.name, view.revision, view.digest) for view in gone.views] == [("private", 2, ""), ("public", 2, "")]


def test_an_empty_message_is_content() -> None:
    assert digest(text("")) != digest(None) == ""


def test_the_order_in_which_a_map_was_filled_is_not_a_change() -> None:
    one, two = Struct(), Struct()
    keys = [str(n) for n in range(50)]
    one.update(dict.fromkeys(keys, 1))
    two.update(dict.fromkeys(keys[::-1], 1))
    assert digest(one) == digest(two)


def test_the_next_revision_keeps_the_epoch_and_takes_the_rest_from_the_change() -> None:
    first = Record("meeting", "m", 4, {"old": 1}, MON, "a", epoch=7, due_at=MON, gone=True)
    second = revise(first, kind="meeting", id="m", state={"new": 1}, at=TUE, actor="b", views={}, due_at=WED)
    assert second == Record("meeting", "m", 5, {"new": 1}, TUE, "b", epoch=7, due_at=WED)


async def attempt(store: MemoryStore) -> tuple[Commit, int]:
    before = await store.get("meeting", "m")
    record = revised(before, MON)
    return Commit((record,)), record.revision


async def run(store: MemoryStore, clock: Instantly, attempts: int = 8) -> int:
    seeded = Ids(random.Random(1))  # noqa: S311 - a seeded test
    return await transact(store, clock, seeded, lambda: attempt(store), attempts=attempts)


async def test_a_conflict_is_decided_again_after_a_random_growing_pause() -> None:
    store, clock = Failing(*[Conflict()] * 7), Instantly()
    assert await run(store, clock) == 1
    assert store.commits == 8
    assert len(clock.slept) == len(set(clock.slept)) == 7
    assert all(0 <= pause <= min(LONGEST_PAUSE, FIRST_PAUSE * 2**turn) for turn, pause in enumerate(clock.slept))


async def test_who_is_always_late_is_told_so_without_a_last_pause() -> None:
    store, clock = Failing(*[Conflict()] * 3), Instantly()
    with pytest.raises(errors.Unavailable) as refused:
        await run(store, clock, attempts=3)
    assert refused.value.reason == "CONTENTION"
    assert (store.commits, len(clock.slept)) == (3, 2)


@pytest.mark.parametrize(
    ("outcome", "reason"), [(OutcomeUnknown(), "OUTCOME_UNKNOWN"), (Unwritten(), "STORE_UNAVAILABLE")]
)
async def test_what_is_not_a_conflict_is_not_tried_again(outcome: Exception, reason: str) -> None:
    store = Failing(outcome)
    with pytest.raises(errors.Unavailable) as refused:
        await run(store, Instantly())
    assert refused.value.reason == reason
    assert store.commits == 1


async def test_a_refusal_of_the_decision_passes_through() -> None:
    async def refuse() -> tuple[Commit, None]:
        raise errors.NotFound("m")

    store = Failing()
    with pytest.raises(errors.NotFound):
        await transact(store, Instantly(), Ids(), refuse)
    assert store.commits == 0


KEY = RequestKey("Book", "caller", "r")
ANSWER = Answer(KEY, "body", "reply", TUE)
LINE = Audit("meeting", "m", 1, MON, "a", "looked")


@pytest.mark.parametrize(("change", "commits"), [(EMPTY, 0), (Commit((), (ANSWER,)), 1), (Commit((), (), (LINE,)), 1)])
async def test_only_an_empty_commit_does_not_touch_the_store(change: Commit, commits: int) -> None:
    async def decide() -> tuple[Commit, str]:
        return change, "result"

    store = Failing()
    assert await transact(store, Instantly(), Ids(), decide) == "result"
    assert store.commits == commits
