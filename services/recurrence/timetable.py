"""What is taken in one thing that can hold one at a time, and what is in the way of something new. Pure.

Times are minutes since 1970-01-01 00:00 UTC (every start and length is in whole minutes). Between two that follow each
other the larger of the one's minutes `after` and the other's minutes `before` must lie; nothing else may overlap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from services.recurrence.asked import asked, key_of
from services.recurrence.held import Held, Holdings
from services.recurrence.search import Found, Search, Terms
from services.recurrence.taken import Clash, Stretch, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from services.recurrence.pattern import Pattern

__all__ = ["LOOKED_AT", "Clash", "Stretch", "Taken", "Timetable", "at_minute", "minute", "stretches"]

LOOKED_AT: Final = timedelta(days=30 * 366)
"""How far ahead of now clashes are looked for, where both go on so long."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 24 * 60
_LOOKED_AT: Final = LOOKED_AT // timedelta(minutes=1)
_LATER: Final = tuple(years * 366 * _DAY // 2 for years in (3, 10, 20, 36, 48))
_SOON: Final = (60 * _DAY, *_LATER)
"""From now on: what is near is looked at before what is far, since the earliest clashes may be enough."""
_CROWDED: Final = (60 * _DAY, 200 * _DAY, *_LATER)
_CROWD: Final = 100
"""Rules in the way of which some thousand dates are found within a year."""

_FEW: Final = 50
_PAGE: Final = 28 * _DAY


def minute(at: datetime) -> int:
    """An instant (aware) as whole minutes; seconds are cut off."""
    return (at - _EPOCH) // timedelta(minutes=1)


def at_minute(minutes: int) -> datetime:
    """The instant (UTC) of so many minutes."""
    return _EPOCH + timedelta(minutes=minutes)


def stretches(pattern: Pattern, since: int, until: int) -> list[Stretch]:
    """The dates that end after `since` and start before `until`, in order of (start, key)."""
    found = list[Stretch]()
    for each in asked(pattern):
        dates = each.starting(since - each.minutes + 1, until)
        found += (Stretch(key_of(key), start, start + each.minutes) for start, key in zip(*dates, strict=True))
    return sorted(found, key=lambda each: each[1:] + each[:1])


def extent(pattern: Pattern, since: int, until: int) -> tuple[int, int]:
    """How many `stretches` there are, and when the last of them starts (0: there is none)."""
    found = [each.starting(since - each.minutes + 1, until).starts for each in asked(pattern)]
    return sum(map(len, found)), max((starts[-1] for starts in found if starts), default=0)


class Timetable:
    """The patterns of many owners, whether they overlap or not, as decisions need them.

    `put` and `remove` may come in any order; what is in it depends on nothing but which owners are. Nothing is worked
    out before somebody asks. There is no horizon: rules with many dates are compared by period and phase (`waves`),
    and only of those that may meet the dates are looked at; other dates are kept one by one (`single_dates`).
    """

    def __init__(self) -> None:
        self._owners: dict[str, Held] = {}
        self._waiting: dict[str, Held] = {}
        self._holdings = Holdings()

    def __len__(self) -> int:
        return len(self._owners)

    def put(self, owner: str, pattern: Pattern, before: int, after: int) -> None:
        """Takes what the pattern says, with so many minutes before and after each date. `owner` must be new."""
        self._owners[owner] = self._waiting[owner] = Held(owner, pattern, before, after)

    def remove(self, owner: str) -> None:
        """Gives back everything that the owner has taken."""
        held = self._owners.pop(owner)
        if self._waiting.pop(owner, None) is None:
            self._holdings.remove(held)

    def clashes(
        self,
        pattern: Pattern,
        before: int,
        after: int,
        since: int,
        *,
        counts: Callable[[str], bool] = lambda _: True,
        most: int = 1_000,
        until: int | None = None,
    ) -> list[Clash]:
        """What is in the way of the pattern's dates that end after `since`, as far as both go on or `LOOKED_AT`.

        `counts` says which owners are looked at. In order of (start, key, start of what is in the way); no more than
        `most`, and then the earliest. `until`: only of dates that start before it.
        """
        end = since + _LOOKED_AT if until is None else min(until, since + _LOOKED_AT)
        found = list[Found]()
        for spanned in self._found(pattern, Terms(before, after, since, end, counts), most):
            found += spanned
            if len(found) >= most:
                break
        found.sort()
        return [each.clash() for each in found[:most]]

    def free(self, pattern: Pattern, before: int, after: int, since: int, *, counts: Callable[[str], bool]) -> bool:
        """Whether nothing is in the way, asked as `clashes`: whichever is found first is enough."""
        terms = Terms(before, after, since, since + _LOOKED_AT, counts)
        return next(chain.from_iterable(self._found(pattern, terms, 1)), None) is None

    def _found(self, pattern: Pattern, terms: Terms, most: int) -> Iterator[Iterator[Found]]:
        """What is in the way, of each span of time, in it in no order; short ones where so many may soon be found."""
        dates, since = asked(pattern), terms.since
        end = min(terms.until, max((since, *(each.last for each in dates))) + 1)  # what is on now began before `since`
        searches = [Search(self._settled(), each, terms._replace(until=end)) for each in dates]
        searches = [each for each in searches if not each.in_vain()]
        ends = _SOON if most < _FEW else _CROWDED if sum(each.rivals for each in searches) > _CROWD else _LATER
        for low, high in _spans(since, end, ends) if searches else ():
            yield chain.from_iterable(each.found(low, high) for each in searches)

    def between(self, since: int, until: int) -> Iterator[Taken]:
        """What ends after `since` and starts before `until` (buffers not included), in order of (start, owner)."""
        holdings = self._settled()
        for low, high in _spans(since, until, range(_PAGE, max(_PAGE, until - since), _PAGE)):
            found = [
                each for each in holdings.taken(low, high) if each.start >= low or (low == since and each.end > low)
            ]
            yield from sorted(found, key=lambda taken: (taken.start, taken.owner, taken.key))

    def times(self, since: int, until: int) -> Iterator[tuple[str, int, Sequence[int]]]:
        """The same in no order: owners (each may come more than once), how long, and when those dates start."""
        return self._settled().times(since, until)

    def settle(self, most: int) -> bool:
        """Puts up to so many of what was taken in where readers look, before somebody asks; whether any are left."""
        for owner in list(islice(self._waiting, most)):
            self._holdings.put(self._waiting.pop(owner))
        return bool(self._waiting)

    def buffers(self, owner: str) -> tuple[int, int]:
        """Minutes before and after each date of this owner."""
        held = self._owners[owner]
        return held.before, held.after

    def _settled(self) -> Holdings:
        """Everything, where readers look."""
        self.settle(len(self._waiting))
        return self._holdings


def _spans(since: int, until: int, ends: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The time from `since` to `until`, cut so many minutes after `since`."""
    low = since
    for high in (*(since + end for end in ends), until):
        if low < until:
            yield low, min(high, until)
            low = high
