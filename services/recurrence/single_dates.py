"""Dates of many owners, one by one, in sorted numbers: put, taken out and found by bisection.

They lie in boxes of about three weeks, by how long they last: no reader looks at more than what lies near.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.recurrence.held import Held

_BOX: Final = 15
_NUMBER: Final = 24
_MASK: Final = (1 << _NUMBER) - 1
_LENGTHS: Final = (240, 1_440, 10_080)


class Lot(NamedTuple):
    """Dates of one owner of one length."""

    held: Held
    minutes: int


class Near(NamedTuple):
    """A date that is near one that was asked for: the number of the one, and the other."""

    place: int
    start: int
    lot: Lot


class _Shelf:
    """Dates of about one length. `ahead` and `behind`: no date reaches further than that before and after its start."""

    __slots__ = ("ahead", "behind", "boxes", "order")

    def __init__(self) -> None:
        self.ahead = self.behind = 0
        self.boxes: dict[int, array[int]] = {}
        self.order: list[int] = []

    def put(self, starts: Iterable[int], number: int, lot: Lot) -> None:
        self.ahead = max(self.ahead, lot.held.before)
        self.behind = max(self.behind, lot.minutes + lot.held.after)
        for start in starts:
            insort(self._box(start >> _BOX), start << _NUMBER | number)

    def _box(self, number: int) -> array[int]:
        box = self.boxes.get(number)
        if box is None:
            box = self.boxes[number] = array("q")
            insort(self.order, number)
        return box

    def remove(self, code: int) -> None:
        number = code >> _NUMBER + _BOX
        box = self.boxes[number]
        del box[bisect_left(box, code)]
        if not box:
            del self.boxes[number]
            del self.order[bisect_left(self.order, number)]

    def within(self, low: int, high: int) -> Iterator[array[int]]:
        """The boxes with dates that may begin from `low` to `high`, in order."""
        begin, end = bisect_left(self.order, low >> _BOX), bisect_right(self.order, high >> _BOX)
        return (self.boxes[number] for number in self.order[begin:end])


class SingleDates:
    """Those of many owners. What `put` was given, `remove` takes out again."""

    def __init__(self) -> None:
        self._shelves: dict[int, _Shelf] = {}
        self._lots: list[Lot | None] = []
        self._free: list[int] = []

    def put(self, lot: Lot, starts: Iterable[int]) -> int:
        """Takes dates in; gives the number by which they are removed."""
        if self._free:
            number = self._free.pop()
            self._lots[number] = lot
        else:
            number = len(self._lots)
            self._lots.append(lot)
        shelf = self._shelves.get(place := _shelf(lot)) or self._shelves.setdefault(place, _Shelf())
        shelf.put(starts, number, lot)
        return number

    def remove(self, number: int, starts: Sequence[int]) -> None:
        """Takes them out."""
        lot = self._lots[number]
        assert lot is not None  # the number is one that `put` gave
        shelf = self._shelves[_shelf(lot)]
        for start in starts:
            shelf.remove(start << _NUMBER | number)
        self._lots[number] = None
        self._free.append(number)

    def any(self, low: int, high: int, before: int, after: int) -> bool:
        """Whether dates may be near what begins from `low` on and ends before `high`; it is quick, and may say so."""
        return any(
            next(shelf.within(low - before - shelf.behind, high + max(after, shelf.ahead)), None) is not None
            for shelf in self._shelves.values()
        )

    def near(self, starts: Sequence[int], minutes: int, before: int, after: int) -> Iterator[Near]:
        """The dates that are too near to one of these, which begin in that order and are `minutes` long."""
        lots = self._lots
        for shelf in self._shelves.values():
            low, high = -before - shelf.behind, minutes + max(after, shelf.ahead)
            for box in shelf.within(starts[0] + low, starts[-1] + high):
                for place, code in _pairs(starts, box, low, high):
                    lot, start = lots[code & _MASK], code >> _NUMBER
                    assert lot is not None  # what is in a box is of an owner that is there
                    apart, held = start - starts[place], lot.held
                    if -lot.minutes - max(before, held.after) < apart < minutes + max(after, held.before):
                        yield Near(place, start, lot)


def _pairs(starts: Sequence[int], box: array[int], low: int, high: int) -> Iterator[tuple[int, int]]:
    """The dates of a box that begin from `low` to `high` minutes after which of these; the fewer are gone through."""
    begin = bisect_left(starts, (box[0] >> _NUMBER) - high)
    end = bisect_right(starts, (box[-1] >> _NUMBER) - low)
    if end - begin <= len(box):
        for place in range(begin, end):
            start = starts[place]
            first = bisect_left(box, start + low << _NUMBER)
            last = start + high << _NUMBER
            while first < len(box) and box[first] < last:
                yield place, box[first]
                first += 1
    else:
        for code in box:
            start = code >> _NUMBER
            for place in range(bisect_left(starts, start - high, begin, end), end):
                if starts[place] > start - low:
                    break
                yield place, code


def _shelf(lot: Lot) -> int:
    """Which of the shelves is for what reaches so far."""
    return bisect_left(_LENGTHS, lot.held.before + lot.minutes + lot.held.after)
