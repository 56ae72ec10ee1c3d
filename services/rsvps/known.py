"""Parts and events as methods read them: from memory where nobody else writes the store, else as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import msgspec

from services.rsvps import finding, records
from services.rsvps.types import Event, GuestList, Part

if TYPE_CHECKING:
    from services.kit.store.port import Commit, Store
    from services.recurrence.types import Key
    from services.rsvps.types import Occasion

T = TypeVar("T", bound=msgspec.Struct)

MOST: Final = 50_000
"""Parts and events, occasions, lists, of each: then it begins anew."""

_KINDS: Final = frozenset({"part", "event"})


class Kept(NamedTuple, Generic[T]):
    """A value and the revision that it was read at."""

    value: T
    revision: int


class Known:
    """What was read, for as long as nobody has written it. `alone`: whatever is written passes through this process."""

    def __init__(self, store: Store, *, alone: bool) -> None:
        self._store = store
        self._alone = alone
        self._read: dict[tuple[str, str], Kept[Part] | Kept[Event] | None] = {}
        self.heard = 0
        """How many parts and events were written since this began, where nobody else writes them."""
        self._occasions: dict[tuple[str, int, Key], Occasion | None] = {}
        self._versions: dict[str, str] = {}
        if alone:
            store.watch(self._hear, kinds=_KINDS)

    async def part(self, id_: str) -> Kept[Part] | None:
        """A meeting as it was heard of; None: never, or it is gone."""
        return await self._get("part", id_, Part)  # type: ignore[return-value]  # what is kept under a kind is of its type

    async def event(self, id_: str) -> Kept[Event] | None:
        """A whole series, by its lineage; None: nothing was ever said about seats of it."""
        return await self._get("event", id_, Event)  # type: ignore[return-value]  # as above

    async def parts(self, lineage: str) -> list[Kept[Part]]:
        """All parts of a series, as they are stored."""
        page = await self._store.find("part", {"lineage": lineage}, limit=1000)
        return [Kept(records.read(record, Part), record.revision) for record in page.records]

    def occasion(self, part: Kept[Part], key: Key) -> Occasion | None:
        """A date as the part has it now; None: it is none of its dates."""
        where = (part.value.id, part.revision, key)
        if where not in self._occasions:
            if len(self._occasions) >= MOST:
                self._occasions.clear()
            self._occasions[where] = finding.occasion(part.value, key)
        return self._occasions[where]

    async def secret_of(self, list_id: str) -> str | None:
        """Under which version of the secret a list's keys are: the same for ever. None: there is no such list."""
        if list_id not in self._versions:
            record = await self._store.get("list", list_id)
            if record is None or record.gone:
                return None
            if len(self._versions) >= MOST:
                self._versions.clear()
            self._versions[list_id] = records.read(record, GuestList).secret
        return self._versions[list_id]

    async def _get(self, kind: str, id_: str, shape: type[Part | Event]) -> Kept[Part] | Kept[Event] | None:
        if (kind, id_) in self._read:
            return self._read[kind, id_]
        heard = self.heard
        record = await self._store.get(kind, id_)
        found = None if record is None or record.gone else Kept(records.read(record, shape), record.revision)
        if self._alone and found is not None and heard == self.heard:  # nothing was written while it was read
            if len(self._read) >= MOST:
                self._read.clear()
            self._read[kind, id_] = found  # type: ignore[assignment]  # as above
        return found  # type: ignore[return-value]  # as above

    def _hear(self, change: Commit) -> None:
        for record in change.records:
            if record.kind in _KINDS:
                self.heard += 1
                self._read.pop((record.kind, record.id), None)
