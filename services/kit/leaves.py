"""Heads and their leaves: what decisions are made on, and what they say.

The head is a small record whose revision is the lock; each leaf is a record of its own. Some fields of their states are
kit's: a leaf says its `head`, the head's revision that wrote it (`written`), whether it is `removed`. A head says the
`floor`: an index of an earlier revision cannot be caught up, because leaves were archived since; it is built afresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from services.kit.clock import day

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.kit.store.port import Document, Record


I = TypeVar("I")  # noqa: E741 - an index
R_co = TypeVar("R_co", covariant=True)

Key: TypeAlias = tuple[str, str]
"""Kind and id of a head."""

BY_HEAD: Final = ("head", "written")
"""The index that every kind of leaf declares: Kind("leaf", indexes=(BY_HEAD,))."""

FLOOR: Final = "floor"
OWN: Final = frozenset({"head", "written", "removed"})


@dataclass(frozen=True)
class Shape(Generic[I]):
    """A kind of head, the kind of its leaves, and the index over them that decisions need.

    `empty(id)` makes the index of a head without leaves; `put` and `remove` take a leaf's record in and out, in any
    order: the index must depend on nothing but which leaves are in it, because `remove` is also how a put is undone.
    Removed leaves are not in it. `trail`: audit lines name the leaves as well as the head. `bare` says what stays of a
    leaf's state when it is archived: at least what its subject is made of, for its tombstone may have to be published
    again, in a shape that the kind's upgrades understand. `lingers`: seconds after which a removed leaf is due, for
    whoever archives it; None: never. `coarse`: of whatever is stored of such heads, their leaves, what is said of them
    in the trail and what requests about them were answered, no time is finer than a day.
    """

    head: str
    leaf: str
    empty: Callable[[str], I]
    put: Callable[[I, Record], None]
    remove: Callable[[I, Record], None]
    trail: bool = False
    bare: Callable[[Document], Document] = dict
    lingers: float | None = None
    coarse: bool = False

    def stamp(self, at: str) -> str:
        """When something that happens at that instant is said to have happened."""
        return day(at) if self.coarse else at


class Leaf(msgspec.Struct, frozen=True, gc=False):
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
    stays, and what the shape leaves of their state. `forgotten`: leaves, removed or not, of which nothing stays, no
    trail and no number; they must have no views, and their ids must never come back.
    """

    facts: Facts | None = None
    leaves: tuple[Leaf, ...] = ()
    removed: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()


class Decision(msgspec.Struct, Generic[R_co], frozen=True):
    """What was decided about one head. `changes` None: nothing changes. `action` and `reason` are for the trail.

    `records` are new records that are written with the changes. `last`: nobody is decided after it in the same commit,
    so that a reply that tells the head's state and revision is right about both.
    """

    reply: R_co
    changes: Changes | None = None
    action: str = ""
    reason: str = ""
    last: bool = False
    records: tuple[Record, ...] = ()


class Joint(msgspec.Struct, Generic[R_co], frozen=True):
    """What was decided about several heads and other records: all of it is committed, or nothing.

    Heads that are not in `changes` were only looked at; whoever relies on what it saw there says `Changes()`. `kept` is
    the answer for a double of the request, where that is not to be stored as it was given.
    """

    reply: R_co
    changes: Mapping[Key, Changes]
    records: tuple[Record, ...] = ()
    action: str = ""
    reason: str = ""
    last: bool = False
    kept: R_co | None = None


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
