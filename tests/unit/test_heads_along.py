"""What a decision about one head writes besides, and removed leaves that are due some time later."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from services.kit.clock import moment
from services.kit.leaves import Changes, Decision, Head
from services.kit.record import revise
from tests.contract.heads_examples import LISTS, Seats, leave, take
from tests.contract.store_fixtures import NOW
from tests.unit.heads_told import Store, heads_on


async def test_a_record_that_a_decision_names_is_written_in_its_commit() -> None:
    store = Store()
    note = revise(None, kind="note", id="n", state={"text": "moved"}, at=NOW, actor="a", views={})

    def decide(_: Head[Seats], __: str) -> Decision[str]:
        return Decision("done", Changes(), "note", records=(note,))

    assert await heads_on(store).change("list", "l", decide) == "done"
    found, head = await store.get("note", "n"), await store.get("list", "l")
    assert (found.state, head.revision, store.commits) == ({"text": "moved"}, 1, 1)
    (line,) = await store.history("note", "n")
    assert line.action == "note"


async def test_a_removed_leaf_is_due_when_its_shape_says_and_else_never() -> None:
    for lingers in (None, 90.0):
        store = Store()
        heads = heads_on(store, replace(LISTS, lingers=lingers))
        await heads.change("list", "l", take("s1", 1))
        await heads.change("list", "l", leave("s1"))
        leaf = await store.get("seat", "s1")
        assert leaf.state["removed"]
        assert (leaf.due_at is None) == (lingers is None)
        if leaf.due_at is not None:
            assert moment(leaf.due_at) - moment(leaf.at) == timedelta(seconds=90)
            assert [each.id for each in await store.due(leaf.due_at, 10)] == ["s1"]
            assert await store.due(leaf.at, 10) == []
