"""The index of search: under what each living meeting is found, kept in step with the listing.

A meeting that changed is noted, which costs nothing, and taken in when somebody asks, or in slices before that. What a
condition finds is a set of numbers; the smallest is the beginning, the others are cut with it.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from typing import TYPE_CHECKING, Final, TypeAlias

from services.meetings import finder_near
from services.meetings.finder_dates import EVERY_DAY
from services.meetings.finder_entry import Entry, keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from services.kit.clock import Clock
    from services.meetings.finder_asked import Asked, Circle
    from services.meetings.types import Meeting

FEW: Final = 256
"""So many candidates are looked at one by one rather than cut with many sets."""

TAKEN_IN: Final = 20
"""So many meetings are taken in before others get their turn: some 2 ms."""

PAUSE: Final = 3.0
"""Seconds that the start of the process has for itself."""

MANY_WORDS: Final = 64
_LAST: Final = "\U0010ffff"

_NONE: Final[frozenset[int]] = frozenset()

Numbers: TypeAlias = "set[int] | frozenset[int]"


class Words:
    """Which entries hold which word. Most words stand in one entry only: they have a number in place of a set."""

    def __init__(self) -> None:
        self._found: dict[str, int | set[int]] = {}
        self._sorted: list[str] = []  # with words that are gone, and some twice
        self._fresh = False
        self._gone = 0

    def __len__(self) -> int:
        return len(self._found)

    def add(self, word: str, number: int) -> None:
        """The entry holds the word."""
        found = self._found.get(word)
        if found is None:
            self._found[word] = number
            self._sorted.append(word)
            self._fresh = True
        elif isinstance(found, set):
            found.add(number)
        elif found != number:
            self._found[word] = {found, number}

    def remove(self, word: str, number: int) -> None:
        """The entry holds it no more."""
        found = self._found[word]
        if isinstance(found, set):
            found.discard(number)
        if not isinstance(found, set) or not found:
            del self._found[word]
            self._gone += 1

    def get(self, word: str) -> Numbers:
        """The entries with this word."""
        found = self._found.get(word)
        if found is None:
            return _NONE
        return found if isinstance(found, set) else frozenset((found,))

    def beginning(self, start: str, most: int) -> list[Numbers] | None:
        """The entries of each word that begins so; None: there are more such words than `most`."""
        if self._gone > len(self._found):
            self._sorted, self._gone, self._fresh = list(self._found), 0, True
        if self._fresh:
            self._sorted.sort()
            self._fresh = False
        first, last = bisect_left(self._sorted, start), bisect_left(self._sorted, start + _LAST)
        return None if last - first > most else [self.get(word) for word in self._sorted[first:last]]


class Finder:
    """The living meetings by what they are found by: `put`, `remove`, `settle` until it says False; then `candidates`.

    `some` is set when there is something to settle.
    """

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self._waiting: dict[str, Meeting | None] = {}
        self._entries: dict[int, Entry] = {}
        self._numbers: dict[str, int] = {}
        self._last = 0
        self._keys: dict[str, set[int]] = {}
        self._cells: dict[int, set[int]] = {}
        self._words, self._hidden = Words(), Words()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, meeting: Meeting) -> None:
        """The meeting is now like this."""
        self._waiting[meeting.id] = meeting
        self.some.set()

    def remove(self, id: str) -> None:  # noqa: A002 - the field is named id everywhere
        """The meeting is not held any more; it need not have been there."""
        self._waiting[id] = None
        self.some.set()

    def settle(self, most: int) -> bool:
        """Takes in so many of those that changed; says whether some are left."""
        for _ in range(min(most, len(self._waiting))):
            id_, meeting = self._waiting.popitem()  # the last: to look for the first would cost what was taken before
            self._drop(id_)
            if meeting is not None:
                self._take(meeting)
        return bool(self._waiting)

    async def settled(self) -> None:
        """Takes in all that changed; others get their turn meanwhile."""
        while self.settle(TAKEN_IN):  # noqa: ASYNC110 - nothing is waited for: it is work, in slices
            await asyncio.sleep(0)

    async def keep_up(self, clock: Clock) -> None:
        """Takes in what changed before somebody asks, until cancelled; a process that starts is to be ready first."""
        await clock.sleep(PAUSE)
        while True:
            await self.some.wait()
            self.some.clear()
            await self.settled()

    def held(self) -> int:
        """How many words, cells and keys something is found under."""
        return len(self._keys) + len(self._cells) + len(self._words) + len(self._hidden)

    def holds(self, centre: str) -> bool:
        """Whether any living meeting is of that centre."""
        return bool(self._keys.get(f"c{centre}"))

    def candidates(self, asked: Asked, *, insider: bool) -> list[Entry]:
        """Those among which all that fit are: what the index cannot tell is left to look at. In order of being put.

        `insider`: they may know more than everybody, of some.
        """
        sized = sorted([(_size(sets), False, sets) for sets in self._wanted(asked)], key=_first)
        if not sized or sized[0][0] > FEW:  # a few texts are faster looked at than cut with many sets
            worded = self._worded(asked.words, insider=insider)
            sized = sorted([*sized, *((_size(sets), True, sets) for sets in worded)], key=_first)
        if not sized:
            return list(self._entries.values())
        found = _union(sized[0][2])
        for _, of_words, sets in sized[1:]:
            if not of_words or len(found) > FEW:
                found = _cut(found, sets)
        return [self._entries[number] for number in found]

    def _wanted(self, asked: Asked) -> Iterator[list[Numbers]]:
        """For each condition the sets of which one must hold a meeting's number."""
        if asked.centre:
            yield self._under((f"c{asked.centre}",))
        for key in asked.all_of:
            yield self._under((key,))
        for several in asked.any_of:
            yield self._under(several)
        if asked.days and asked.circle is None:
            yield self._under(f"d{day}" for day in asked.days)
        if asked.window is not None:
            yield self._under(f"h{hour}" for hour in _hours(*asked.window))
        if asked.circle is not None:
            yield list(self._near(asked.circle, asked.days or EVERY_DAY))

    def _under(self, several: Iterable[str]) -> list[Numbers]:
        return [found for key in several if (found := self._keys.get(key))]

    def _near(self, circle: Circle, days: Iterable[int]) -> Iterator[set[int]]:
        rows, columns = finder_near.cells(circle.middle, circle.radius)
        days, columns_of = list(days), frozenset(columns)
        if len(rows) * len(columns) * len(days) > len(self._cells):
            for number, numbers in self._cells.items():
                row, column = divmod(number // finder_near.DAYS, finder_near.COLUMNS)
                if row in rows and column in columns_of and number % finder_near.DAYS in days:
                    yield numbers
            return
        for row in rows:
            for column in columns:
                first = (row * finder_near.COLUMNS + column) * finder_near.DAYS
                yield from (found for day in days if (found := self._cells.get(first + day)))

    def _worded(self, words: tuple[str, ...], *, insider: bool) -> Iterator[list[Numbers]]:
        places = (self._words, self._hidden) if insider else (self._words,)
        for word in words[:-1]:
            yield [place.get(word) for place in places]
        begun = [place.beginning(words[-1], MANY_WORDS) for place in places] if words else [None]
        known = [each for each in begun if each is not None]
        if len(known) == len(begun):
            yield [found for each in known for found in each]

    def _take(self, meeting: Meeting) -> None:
        self._last += 1
        number = self._last
        entry = self._entries[number] = Entry(number, meeting)
        self._numbers[meeting.id] = number
        for key in keys(meeting):
            self._keys.setdefault(key, set()).add(number)
        for cell in entry.cells():
            self._cells.setdefault(cell, set()).add(number)
        for word in entry.words():
            self._words.add(word, number)
        for word in entry.hidden_words():
            self._hidden.add(word, number)

    def _drop(self, id_: str) -> None:
        number = self._numbers.pop(id_, None)
        if number is None:
            return
        entry = self._entries.pop(number)
        for key in keys(entry.meeting):
            _discard(self._keys, key, number)
        for cell in entry.cells():
            _discard(self._cells, cell, number)
        for word in entry.words():
            self._words.remove(word, number)
        for word in entry.hidden_words():
            self._hidden.remove(word, number)


def _discard(places: dict[str, set[int]] | dict[int, set[int]], key: str | int, number: int) -> None:
    found = places[key]  # type: ignore[index]  # a key of this one
    found.discard(number)
    if not found:
        del places[key]  # type: ignore[arg-type]  # the same


def _first(sized: tuple[int, bool, list[Numbers]]) -> int:
    return sized[0]


def _size(sets: list[Numbers]) -> int:
    return sum(map(len, sets))


def _union(sets: list[Numbers]) -> Numbers:
    return sets[0] if len(sets) == 1 else _NONE.union(*sets)


def _cut(found: Numbers, sets: list[Numbers]) -> Numbers:
    """Those found that are in one of the sets."""
    if len(sets) == 1:
        return found & sets[0]
    if len(found) <= FEW:
        return {number for number in found if any(number in each for each in sets)}
    return found & _union(sets)


def _hours(since: int, until: int) -> list[int]:
    """Those of the day that a window touches, in minutes from midnight."""
    last = range(0 if since >= until else since // 60, (until - 1) // 60 + 1)
    return [*last] if since < until else [*last, *range(max(since // 60, last.stop), 24)]
