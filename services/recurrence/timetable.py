"""What is taken in one thing that can hold one at a time, and what is in the way of something new. Pure.

Times are minutes since 1970-01-01 00:00 UTC (every start and length is in whole minutes). Between two that follow each
other the larger of the one's minutes `after` and the other's minutes `before` must lie; nothing else may overlap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.recurrence.schedule import occurrences
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Key

LOOKED_AT: Final = timedelta(days=30 * 366)
"""How far ahead of now clashes are looked for, where both go on so long."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Stretch(NamedTuple):
    """One date of a pattern as it is taken, buffers not included."""

    key: Key
    start: int
    end: int


class Taken(NamedTuple):
    """One date of an owner's pattern, buffers not included."""

    owner: str
    key: Key
    start: int
    end: int


class Clash(NamedTuple):
    """A date that was asked for, and what is in its way."""

    key: Key
    start: int
    end: int
    by: Taken


def minute(at: datetime) -> int:
    """An instant (aware) as whole minutes; seconds are cut off."""
    return (at - _EPOCH) // timedelta(minutes=1)


def at_minute(minutes: int) -> datetime:
    """The instant (UTC) of so many minutes."""
    return _EPOCH + timedelta(minutes=minutes)


def stretches(pattern: Pattern, since: int, until: int) -> list[Stretch]:
    """The dates that end after `since` and start before `until`, in order of (start, key)."""
    without = {*pattern.without, *(slot.key for slot in pattern.slots)}
    found = []
    for slot in pattern.slots:
        start = minute(to_utc(slot.start, pattern.zone))
        found.append(Stretch(slot.key, start, start + slot.minutes))
    if pattern.schedule is not None:
        dates = occurrences(pattern.schedule, (), at_minute(since), at_minute(until))
        found += (Stretch(each.key, minute(each.start), minute(each.end)) for each in dates if each.key not in without)
    return sorted(
        (each for each in found if each.end > since and each.start < until), key=lambda each: each[1:] + each[:1]
    )


class Timetable:
    """The patterns of many owners, whether they overlap or not, as decisions need them.

    `put` and `remove` may come in any order; what is in it depends on nothing but which owners are.
    """

    def __init__(self) -> None:
        self._owners: dict[str, tuple[Pattern, int, int]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def put(self, owner: str, pattern: Pattern, before: int, after: int) -> None:
        """Takes what the pattern says, with so many minutes before and after each date. `owner` must be new."""
        self._owners[owner] = (pattern, before, after)

    def remove(self, owner: str) -> None:
        """Gives back everything that the owner has taken."""
        del self._owners[owner]

    def clashes(
        self,
        pattern: Pattern,
        before: int,
        after: int,
        since: int,
        *,
        counts: Callable[[str], bool] = lambda _: True,
        most: int = 1_000,
    ) -> list[Clash]:
        """What is in the way of the pattern's dates that end after `since`, as far as both go on or `LOOKED_AT`.

        `counts` says which owners are looked at. In order of (start, key, start of what is in the way); no more than
        `most`, and then the earliest.
        """
        found: list[Clash] = []
        until = since + LOOKED_AT // timedelta(minutes=1)
        for each in stretches(pattern, since, until):
            for owner, (other, other_before, other_after) in self._owners.items():
                if counts(owner):
                    reach = max(before, other_after), max(after, other_before)
                    found += (
                        Clash(*each, Taken(owner, *taken))
                        for taken in stretches(other, each.start - reach[0], each.end + reach[1])
                    )
            if len(found) >= most:
                break
        return sorted(found, key=lambda clash: (clash.start, clash.key, clash.by.start, clash.by.owner))[:most]

    def between(self, since: int, until: int) -> Iterator[Taken]:
        """What ends after `since` and starts before `until` (buffers not included), in order of (start, owner)."""
        found = [
            Taken(owner, *each)
            for owner, (pattern, _, _) in self._owners.items()
            for each in stretches(pattern, since, until)
        ]
        return iter(sorted(found, key=lambda taken: (taken.start, taken.owner)))

    def buffers(self, owner: str) -> tuple[int, int]:
        """Minutes before and after each date of this owner."""
        return self._owners[owner][1:]
