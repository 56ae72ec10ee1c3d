"""A head and its leaves in memory: what decisions are made on, and what they say.

The head is a small record whose revision is the lock; each leaf is a record of its own. Some fields of their states are
kit's: a leaf says its `head`, the head's revision that wrote it (`written`), whether it is `removed`. A head says the
`floor`: an index of an earlier revision cannot be caught up, because leaves were archived since; it is built afresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from services.kit.record import revise
from services.kit.store.port import Document, Range, Record, Store, Where

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from google.protobuf.message import Message

I = TypeVar("I")  # noqa: E741 - an index
R_co = TypeVar("R_co", covariant=True)

Key: TypeAlias = tuple[str, str]
"""Kind and id of a head."""

BY_HEAD: Final = ("head", "written")
"""The index that every kind of leaf declares: Kind("leaf", indexes=(BY_HEAD,))."""

FLOOR: Final = "floor"
PAGE = 1000
OWN: Final = frozenset({"head", "written", "removed"})


@dataclass(frozen=True)
class Shape(Generic[I]):
    """A kind of head, the kind of its leaves, and the index over them that decisions need.

    `empty(id)` makes the index of a head without leaves; `put` and `remove` take a leaf's record in and out, in any
    order: the index must depend on nothing but which leaves are in it, because `remove` is also how a put is undone.
    Removed leaves are not in it. `trail`: audit lines name the leaves as well as the head. `bare` says what stays of a
    leaf's state when it is archived: at least what its subject is made of, for its tombstone may have to be published
    again, in a shape that the kind's upgrades understand.
    """

    head: str
    leaf: str
    empty: Callable[[str], I]
    put: Callable[[I, Record], None]
    remove: Callable[[I, Record], None]
    trail: bool = False
    bare: Callable[[Document], Document] = dict


class Leaf(msgspec.Struct, frozen=True):
    """A leaf to be made or changed: its whole state, without kit's fields, and its views, as in `record.revise`.

    Ids are of the leaf's kind, not of the head: no two heads of a store may use one id.
    """

    id: str
    state: Document
    views: Mapping[str, Any] = {}
    due_at: str | None = None


class Facts(msgspec.Struct, frozen=True):
    """What the head itself is now: its whole state (without the floor) and its views, as `record.revise` takes them."""

    state: Document
    views: Mapping[str, Any] = {}
    due_at: str | None = None
    gone: bool = False


class Changes(msgspec.Struct, frozen=True):
    """What becomes of one head. Its revision moves by 1, also where nothing else is said.

    `facts` None: the head's own state stays. `removed`: leaves that are no more; their views lose their content, their
    state stays until they are archived. `archived`: leaves, removed or not, that are gone for good; their number
    stays, and what the shape leaves of their state.
    """

    facts: Facts | None = None
    leaves: tuple[Leaf, ...] = ()
    removed: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision(Generic[R_co]):
    """What was decided about one head. `changes` None: nothing changes. `action` and `reason` are for the trail.

    `last`: nobody is decided after it in the same commit, so that a reply that tells the head's state and revision is
    right about both.
    """

    reply: R_co
    changes: Changes | None = None
    action: str = ""
    reason: str = ""
    last: bool = False


@dataclass(frozen=True)
class Joint(Generic[R_co]):
    """What was decided about several heads and other records: all of it is committed, or nothing.

    Heads that are not in `changes` were only looked at; whoever relies on what it saw there says `Changes()`.
    """

    reply: R_co
    changes: Mapping[Key, Changes]
    records: tuple[Record, ...] = ()
    action: str = ""
    reason: str = ""
    last: bool = False


class Step(msgspec.Struct, frozen=True):
    """Changes of one head as records: each leaf before (None: there was none) and after."""

    leaves: tuple[tuple[Record | None, Record], ...]
    facts: Facts | None


class Head(Generic[I]):
    """What a decision sees: the head with all that was decided before it in the same commit. It changes nothing here.

    `record` is None where there is no such head yet; its first leaf makes it.
    """

    def __init__(self, shape: Shape[I], id: str) -> None:  # noqa: A002 - named id everywhere
        self.shape = shape
        self.id = id
        self.record: Record | None = None
        self.index = shape.empty(id)
        self._live: dict[str, Record] = {}
        self._dead: dict[str, Record] = {}
        self._gone: dict[str, Record] = {}

    @property
    def key(self) -> Key:
        """Kind and id."""
        return (self.shape.head, self.id)

    @property
    def leaves(self) -> Mapping[str, Record]:
        """The leaves by id, without those that were removed."""
        return MappingProxyType(self._live)

    @property
    def removed(self) -> Mapping[str, Record]:
        """The removed leaves that are not archived yet, by id."""
        return MappingProxyType(self._dead)


class Memory(Head[I]):
    """A head as it is kept between commits, and how it is changed, undone and caught up."""

    def __init__(self, shape: Shape[I], id: str) -> None:  # noqa: A002 - named id everywhere
        super().__init__(shape, id)
        self.stored: Record | None = None
        self.touched: dict[str, Record] = {}
        self.new: set[str] = set()
        self._foreign: set[str] = set()
        self._done: list[tuple[Record | None, Record]] = []
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
        leaves += [self._remove(id_, at, actor) for id_ in changes.removed]
        leaves += [self._archive(id_, at, actor) for id_ in changes.archived]
        if len({after.id for _, after in leaves}) != len(leaves):
            raise ValueError(f"{self.key}: a decision changes a leaf twice")
        return Step(tuple(leaves), changes.facts)

    def do(self, step: Step, at: str, actor: str) -> None:
        """Takes a step, until `undo` or `keep`."""
        for before, after in step.leaves:
            self._done.append((before, after))
            self._swap(before, after)
            self.touched[after.id] = after
            if before is None:
                self.new.add(after.id)
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
        floor = self.revision + 1 if archived else self._floor(self.stored)
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
        self.touched, self._done, self._views = {}, [], {}
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
        bare = Leaf(id_, before.state, dict.fromkeys(view.name for view in before.views))
        return self._leaf(id_, before, bare, at, actor, removed=True)

    def _archive(self, id_: str, at: str, actor: str) -> tuple[Record | None, Record]:
        before = self._known(id_)
        if before is None or before.gone:
            raise ValueError(f"{self.key}: there is no leaf {id_!r} to archive")
        state, kind = self.shape.bare(before.state), self.shape.leaf
        after = revise(before, kind=kind, id=id_, state=state, at=at, actor=actor, views={}, gone=True)
        return before, after

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
