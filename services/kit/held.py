"""A head and its leaves as they are held in memory: at one revision, caught up with the store, changed and undone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec

from services.kit.clock import instant, moment
from services.kit.leaves import BY_HEAD, FLOOR, OWN, Changes, Facts, Head, Leaf, Shape
from services.kit.record import revise
from services.kit.store.port import Range, Record, Store, Where

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from google.protobuf.message import Message

I = TypeVar("I")  # noqa: E741 - an index

PAGE = 1000


class Step(msgspec.Struct, frozen=True):
    """Changes of one head as records: each leaf before (None: there was none) and after; those that are forgotten."""

    leaves: tuple[tuple[Record | None, Record], ...]
    facts: Facts | None
    forgotten: tuple[Record, ...] = ()

    @property
    def ids(self) -> list[str]:
        """Of every leaf that it is about."""
        return [*(after.id for _, after in self.leaves), *(leaf.id for leaf in self.forgotten)]


class Held(Head[I]):
    """A head as it is kept between commits, and how it is changed, undone and caught up."""

    def __init__(self, shape: Shape[I], id: str) -> None:  # noqa: A002 - named id everywhere
        super().__init__(shape, id)
        self.stored: Record | None = None
        self.touched: dict[str, Record] = {}
        self.forgotten: dict[str, Record] = {}
        self.new: set[str] = set()
        self._foreign: set[str] = set()
        self._done: list[tuple[Record | None, Record | None]] = []
        self._views: dict[str, Message | None] = {}

    @property
    def revision(self) -> int:
        """That of the head in the store, as far as is known; 0: there is none."""
        return self.stored.revision if self.stored else 0

    @property
    def size(self) -> int:
        """How much it holds, about, in records."""
        return 1 + len(self._live) + len(self._dead)

    def step(self, changes: Changes, at: str, actor: str) -> Step:
        """The changes as records; nothing is changed yet. Raises ValueError for what no decision may say."""
        leaves = [self._put(leaf, at, actor) for leaf in changes.leaves]
        if changes.removed or changes.archived:
            leaves += [self._remove(id_, at, actor) for id_ in changes.removed]
            leaves += [self._archive(id_, at, actor) for id_ in changes.archived]
        forgotten = tuple(map(self._forgettable, changes.forgotten)) if changes.forgotten else ()
        step = Step(tuple(leaves), changes.facts, forgotten)
        if len(ids := step.ids) > 1 and len(set(ids)) != len(ids):
            raise ValueError(f"{self.key}: a decision changes a leaf twice")
        return step

    def do(self, step: Step, at: str, actor: str) -> None:
        """Takes a step, until `undo` or `keep`."""
        for before, after in step.leaves:
            self._done.append((before, after))
            self._swap(before, after)
            self.touched[after.id] = after
            if before is None:
                self.new.add(after.id)
        for leaf in step.forgotten:
            self._done.append((leaf, None))
            self._swap(leaf, None)
            self.forgotten[leaf.id] = leaf
        if step.facts is not None:
            self._views |= step.facts.views
            self.record = self._revised(step.facts, self._views, at, actor)

    def undo(self) -> None:
        """Takes back every step since the last commit."""
        for before, after in reversed(self._done):
            self._swap(after, before)
        new = self.new
        self._settle(self.stored)
        self.new = new

    def keep(self, head: Record) -> None:
        """The steps are committed, with the head as it was written."""
        for leaf in self.touched.values():
            if leaf.gone:
                del self._gone[leaf.id]
        self._settle(head)

    def written(self, at: str, actor: str) -> Record:
        """The head as the commit has to write it."""
        record = self.record
        if record is None or record is self.stored:
            stays = Facts(record.state, {}, record.due_at, record.gone) if record else Facts({})
            record = self._revised(stays, {}, at, actor)
        archived = any(leaf.gone for leaf in self.touched.values())
        floor = self.revision + 1 if archived or self.forgotten else self._floor(self.stored)
        return msgspec.structs.replace(record, state={**record.state, FLOOR: floor}, at=at, actor=actor)

    async def load(self, store: Store) -> bool:
        """Catches up with the store, if need be from nothing, and says whether the head had moved."""
        before = self.revision
        head = await self._head(store)
        while head is not None and head.revision != self.revision:
            if self.revision == 0 or not self._floor(head) <= self.revision < head.revision:
                self._clear()
            newest = await self._take(store, self.revision)
            self._settle(head)
            if newest > head.revision:  # half of a later commit may be among them
                head = await self._head(store)
        if head is None and before:
            self._clear()
        return self.revision != before

    async def reload(self, store: Store) -> None:
        """Builds everything afresh, and looks at ids that were thought to be new."""
        new = self.new.copy()
        self._clear()
        await self.load(store)
        for id_ in sorted(new - self._live.keys() - self._dead.keys()):
            found = await store.get(self.shape.leaf, id_)
            if found is not None and found.gone:
                self._gone[id_] = found
            elif found is not None:
                self._foreign.add(id_)

    async def current(self, store: Store) -> bool:
        """Whether the head in the store is still at the revision that is held here."""
        found = await self._head(store)
        return (found.revision if found else 0) == self.revision

    async def _head(self, store: Store) -> Record | None:
        return await store.get(self.shape.head, self.id)

    async def _take(self, store: Store, since: int) -> int:
        """Takes in the leaves written after that revision, and says the newest revision that wrote one."""
        newest = 0
        async for leaf in _leaves(store, self.shape.leaf, self.id, since):
            self._swap(self._known(leaf.id), leaf)
            newest = max(newest, int(leaf.state["written"]))  # type: ignore[arg-type]  # an index field: it is a number
        return newest

    def _clear(self) -> None:
        self.index = self.shape.empty(self.id)
        for leaves in (self._live, self._dead, self._gone):
            leaves.clear()
        self._foreign.clear()
        self._settle(None)

    def _settle(self, head: Record | None) -> None:
        self.stored = self.record = head
        self.touched, self.forgotten, self._done, self._views = {}, {}, [], {}
        self.new = set()

    def _known(self, id_: str) -> Record | None:
        return self._live.get(id_) or self._dead.get(id_) or self._gone.get(id_)

    def _swap(self, old: Record | None, new: Record | None) -> None:
        """Has the one in stead of the other."""
        if old is not None:
            del self._where(old)[old.id]
            if _live(old):
                self.shape.remove(self.index, old)
        if new is not None:
            self._where(new)[new.id] = new
            if _live(new):
                self.shape.put(self.index, new)

    def _where(self, leaf: Record) -> dict[str, Record]:
        if leaf.gone:
            return self._gone
        return self._live if _live(leaf) else self._dead

    def _put(self, leaf: Leaf, at: str, actor: str) -> tuple[Record | None, Record]:
        if leaf.id in self._foreign:
            raise ValueError(f"{self.key}: leaf {leaf.id!r} belongs to another head")
        if OWN & leaf.state.keys():
            raise ValueError(f"{self.key}: {sorted(OWN & leaf.state.keys())} in a leaf's state are not its own to say")
        return self._leaf(leaf.id, self._known(leaf.id), leaf, at, actor)

    def _remove(self, id_: str, at: str, actor: str) -> tuple[Record | None, Record]:
        before = self._live.get(id_)
        if before is None:
            raise ValueError(f"{self.key}: there is no leaf {id_!r} to remove")
        due_at = None
        if self.shape.lingers is not None:
            due_at = instant(moment(at) + timedelta(seconds=self.shape.lingers))
        bare = Leaf(id_, before.state, dict.fromkeys(view.name for view in before.views), due_at)
        return self._leaf(id_, before, bare, at, actor, removed=True)

    def _archive(self, id_: str, at: str, actor: str) -> tuple[Record | None, Record]:
        before = self._known(id_)
        if before is None or before.gone:
            raise ValueError(f"{self.key}: there is no leaf {id_!r} to archive")
        state, kind = self.shape.bare(before.state), self.shape.leaf
        after = revise(before, kind=kind, id=id_, state=state, at=at, actor=actor, views={}, gone=True)
        return before, after

    def _forgettable(self, id_: str) -> Record:
        before = self._known(id_)
        if before is None or any(view.digest for view in before.views):
            raise ValueError(f"{self.key}: there is no leaf {id_!r} that can be forgotten")
        return before

    def _leaf(
        self, id_: str, before: Record | None, leaf: Leaf, at: str, actor: str, *, removed: bool = False
    ) -> tuple[Record | None, Record]:
        state = {**leaf.state, "head": self.id, "written": self.revision + 1, "removed": removed}
        kind, views, due_at = self.shape.leaf, leaf.views, leaf.due_at
        after = revise(before, kind=kind, id=id_, state=state, at=at, actor=actor, views=views, due_at=due_at)
        return before, after

    def _revised(self, facts: Facts, views: Mapping[str, Message | None], at: str, actor: str) -> Record:
        return revise(
            self.stored,
            kind=self.shape.head,
            id=self.id,
            state=facts.state,
            at=at,
            actor=actor,
            views=views,
            due_at=facts.due_at,
            gone=facts.gone,
        )

    @staticmethod
    def _floor(head: Record | None) -> int:
        floor = head.state.get(FLOOR, 0) if head else 0
        return floor if isinstance(floor, int) else 0


def _live(leaf: Record) -> bool:
    return not leaf.gone and not leaf.state.get("removed")


async def _leaves(store: Store, kind: str, head: str, since: int) -> AsyncIterator[Record]:
    """The leaves of a head that were written after a revision, in the order of being written.

    A leaf that is written meanwhile moves to the end and is met there: what was read is of one moment if nothing in it
    is newer than the head that was read before.
    """
    after = None
    while True:
        where: Where = {"head": head, "written": Range(since + 1)}
        page = await store.find(kind, where, BY_HEAD[1:], PAGE, after)
        for leaf in page.records:
            yield leaf
        after = page.after
        if after is None:
            return
