"""The store port: what services need of a database, and nothing else.

One contract suite (tests/contract) holds for every adapter. Values are str, int64, bool, null, list and map; instants
are RFC 3339 UTC strings of fixed width (`clock.instant`); field names are ours, user text is never a key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

Value: TypeAlias = "bool | int | str | list[Value] | dict[str, Value] | None"
Document: TypeAlias = dict[str, Value]


class Conflict(Exception):  # noqa: N818 - an answer of the store: load again and decide again
    """A stored revision has moved, or an answer to this request id is there already. Nothing was written."""


class OutcomeUnknown(Exception):  # noqa: N818 - the caller looks before it tries again
    """The commit may or may not have happened. In-memory indexes built on the store are dropped."""


class Unwritten(Exception):  # noqa: N818 - it says what is known
    """The database cannot write now (a full disk, a lost server). Nothing was written; trying again later may help."""


class Kind(msgspec.Struct, frozen=True):
    """A kind of record: what may be searched, and how older documents are brought up to date.

    `indexes` are compound and end, unsaid, in the id. An indexed field is a top-level field of the state that is always
    there, is of one type in all records, and that a str without NUL, an int or a bool. `version` is the shape of the
    state; `upgrades[n]` makes shape n into n + 1, purely. `scattered`: where its records stand in files is not to tell
    in which order they came.
    """

    name: str
    indexes: tuple[tuple[str, ...], ...] = ()
    version: int = 1
    upgrades: Mapping[int, Callable[[Document], Document]] = {}
    scattered: bool = False


class View(msgspec.Struct, frozen=True, gc=False):
    """What others may see of a record: raised only when its own content changes.

    `digest` is over the content ("" where there is none: a tombstone). `pending`: still to be published. `sequence` is
    that of its last publish in the stream (0: never); a commit does not write it, only `Store.published` does.
    """

    name: str
    revision: int
    at: str
    digest: str
    pending: bool = True
    sequence: int = 0


class Record(msgspec.Struct, frozen=True, gc=False):
    """One aggregate at one revision, or one leaf of one.

    Revisions start at 1 and rise by 1; (epoch, revision) orders states for ever. The store fills in `epoch`, which is
    its own and the same for all its records. A record that is `gone` is not found by `find` or `due`, but `get` gives
    it: its last revision stays, so an id that comes back goes on counting, unless a commit says that it is `forgotten`.
    """

    kind: str
    id: str
    revision: int
    state: Document
    at: str
    actor: str
    epoch: int = 0
    due_at: str | None = None
    gone: bool = False
    views: tuple[View, ...] = ()

    def view(self, name: str) -> View | None:
        """The view of that name, if it has one."""
        return next((view for view in self.views if view.name == name), None)


class RequestKey(msgspec.Struct, frozen=True, gc=False):
    """Who asked for what: one request id of one caller of one method."""

    method: str
    caller: str
    request_id: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a request was answered, kept until `expires_at`. `digest` is over the request's body, `reply` base64."""

    key: RequestKey
    digest: str
    reply: str
    expires_at: str


class Audit(msgspec.Struct, frozen=True, gc=False):
    """One line of the trail: who did what, when and why, to which record."""

    kind: str
    id: str
    revision: int
    at: str
    actor: str
    action: str
    reason: str = ""


class Forgotten(msgspec.Struct, frozen=True):
    """A record that is forgotten for good, gone or not, at its stored revision: its views and its trail go with it."""

    kind: str
    id: str
    revision: int


class Commit(msgspec.Struct, frozen=True):
    """All or nothing. Each record is at its stored revision + 1, or at 1 where nothing is stored.

    A view is written where its revision has risen, and is then pending whatever it says; a view that has not risen, or
    is left out, stays as it is stored. An answer whose time is over gives way to a new one under its key. What is
    `forgotten` leaves nothing behind, and is never published again: its tombstones have to be out before. Its id must
    not come back, as it would count from 1.
    """

    records: tuple[Record, ...]
    answers: tuple[Answer, ...] = ()
    audit: tuple[Audit, ...] = ()
    forgotten: tuple[Forgotten, ...] = ()


class In(msgspec.Struct, frozen=True):
    """One of these values."""

    values: tuple[str | int | bool, ...]


class Range(msgspec.Struct, frozen=True):
    """From `low` (inclusive) to `high` (exclusive); None: open."""

    low: str | int | None = None
    high: str | int | None = None


Where: TypeAlias = Mapping[str, "str | int | bool | In | Range"]
Position: TypeAlias = tuple["str | int | bool", ...]


class Page(msgspec.Struct, frozen=True):
    """Some of the records, and where to go on: None after the last."""

    records: tuple[Record, ...]
    after: Position | None = None


Entry: TypeAlias = Record | Answer | Audit


class Store(Protocol):
    """A service's own database."""

    async def open(self) -> None:
        """Makes or checks tables and indexes. Raises OSError or ValueError, naming what is wrong."""

    async def close(self) -> None:
        """Lets what is being written end, then lets go of everything."""

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field is named id everywhere
        """The record, gone or not."""

    async def find(
        self, kind: str, where: Where, order: Sequence[str] = (), limit: int = 100, after: Position | None = None
    ) -> Page:
        """Records by declared index fields, in the order of `order`, then id. Raises ValueError for any other field."""

    async def commit(self, change: Commit) -> None:
        """Writes all of it or nothing. Raises Conflict, Unwritten or OutcomeUnknown; ValueError for what does not fit.

        A commit is not undone by the cancellation of its caller.
        """

    async def answer(self, request: RequestKey) -> Answer | None:
        """What this request was answered, if it was."""

    async def unpublished(self, limit: int) -> list[Record]:
        """Records with a pending view, oldest commit first, gone ones included."""

    async def published(self, kind: str, id: str, view: str, epoch: int, revision: int, sequence: int) -> None:  # noqa: A002 - the field is named id; they are what names a publish
        """Keeps the sequence, and clears the mark if the view is still at (epoch, revision)."""

    async def remark(self) -> int:
        """Marks every view of every record as pending, its sequence unknown (0), and says how many."""

    async def raise_epoch(self, at_least: int) -> int:
        """Begins a new epoch after a restore: the greater of the stored one + 1 and `at_least`. Remarks every view."""

    async def epoch(self) -> int:
        """The present epoch, as stored."""

    async def serving(self) -> str:
        """Whether it can be written to just now: "" or the reason why not. The service's own is left alone."""

    def dump(self) -> AsyncIterator[Entry]:
        """Everything there is, as of one moment: records (gone ones too), then answers, then audit lines, oldest first.

        States are of the present shape. Meanwhile the store is read and written as usual.
        """

    async def fill(self, entries: AsyncIterator[Entry], at_least: int) -> int:
        """Takes in a dump, of any adapter's store, and says how many entries; all of it or nothing.

        Records keep their revisions; the epoch becomes the greater of the newest among them + 1 and `at_least`, every
        view is pending, its sequence unknown (0). Raises ValueError if the store holds anything, or what `entries`
        raises. A store whose filling was interrupted is empty again, or says at `open` that it has to be filled anew.
        """

    async def due(self, now: str, limit: int) -> list[Record]:
        """Records whose `due_at` has come, oldest first."""

    async def history(self, kind: str, id: str, limit: int = 100) -> list[Audit]:  # noqa: A002
        """The audit trail of one record, newest first."""

    async def expire(self, now: str) -> int:
        """Forgets answers whose time is over, and says how many."""

    def watch(self, listener: Callable[[Commit], None], kinds: Iterable[str] | None = None) -> None:
        """Calls `listener` in the event loop after each commit, in their order, before the committer goes on.

        It gets a copy that shares nothing with the committer's, with the epoch filled in; marks and sequences in it are
        the committer's. What a listener raises goes to the loop's exception handler and to nobody else. `kinds`: whose
        records it looks at; those of others may be missing in what it gets. None: it looks at all.
        """
