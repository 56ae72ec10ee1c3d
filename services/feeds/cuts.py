"""What was made for feeds that are not the whole of a centre: a few wishes at a time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from services.feeds.picking import Wish
    from services.feeds.vevent import Sheet

MOST_CUTS = 256  # for one centre
MOST_BYTES = 16 * 2**20  # of sheets that were made for wishes of one centre
ENTRY = 128  # bytes that it costs to name one

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key; when too many or too heavy, those not asked for longest go. The newest stays, however heavy."""

    def __init__(self, most: int, weight: int) -> None:
        self._most = most
        self._limit = weight
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """The value, which now is the one that was asked for last."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keeps it, or says anew what it weighs."""
        self.pop(key)
        self._kept[key] = (value, weight)
        self.weight += weight
        while len(self._kept) > 1 and (len(self._kept) > self._most or self.weight > self._limit):
            self.pop(next(iter(self._kept)))

    def pop(self, key: K) -> None:
        """Lets go of it."""
        if key in self._kept:
            self.weight -= self._kept.pop(key)[1]

    def names(self) -> list[K]:
        """The keys of all that are kept."""
        return list(self._kept)

    def values(self) -> list[V]:
        """All that are kept."""
        return [value for value, _ in self._kept.values()]

    def clear(self) -> None:
        """Lets go of everything."""
        self._kept.clear()
        self.weight = 0


class Cut:
    """The sheets of one wish. `waiting` are the meetings that are still to be looked at; `version` moves with any."""

    def __init__(self, wish: Wish, meetings: Iterable[str]) -> None:
        self.wish = wish
        self.waiting = dict.fromkeys(meetings)
        self.sheets: dict[str, Sheet] = {}
        self.version = 0
        self.weight = 0
        """Bytes of sheets that nobody else keeps, and something for each that is named here."""
        self._own = wish.what == "room" or not wish.filter.takes_whole_meetings()

    def put(self, meeting: str, sheet: Sheet) -> None:
        """The meeting is shown so."""
        self.sheets[meeting] = sheet
        self.weight += self._weighs(sheet)

    def touch(self, meeting: str) -> None:
        """It has changed, come or gone."""
        self.version += 1
        sheet = self.sheets.pop(meeting, None)
        self.weight -= self._weighs(sheet) if sheet is not None else 0
        self.waiting[meeting] = None

    def _weighs(self, sheet: Sheet) -> int:
        return ENTRY + (len(sheet.body) if self._own else 0)
