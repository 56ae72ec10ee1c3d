"""Somebody who tries to find out what was withheld: every whole number that fits with all that was told.

Numbers are from 0 to `MOST`; what is known of them are sums, inequalities and "one of these is small". `fits` says
whether there is any solution: bounds are narrowed until nothing changes, then one number is tried after the other.
It is exact: it never says that something fits that does not, nor the other way round.
"""

from __future__ import annotations

from typing import NamedTuple

MOST = 300


class Linear(NamedTuple):
    """The sum of factor * number is at least `low` and at most `high`."""

    terms: tuple[tuple[int, int], ...]
    low: int
    high: int


class Known:
    """What somebody knows."""

    def __init__(self) -> None:
        self.numbers: dict[object, int] = {}
        self.linear: dict[Linear, None] = {}
        self.small: list[tuple[int, ...]] = []

    def number(self, name: object) -> int:
        """The number of that name."""
        return self.numbers.setdefault(name, len(self.numbers))

    def sum(self, factors: dict[object, int], low: int, high: int) -> None:
        """A sum is in these bounds, both inclusive."""
        terms = tuple(sorted((self.number(name), factor) for name, factor in factors.items()))
        self.linear[Linear(terms, low, high)] = None

    def one_small(self, *names: object) -> None:
        """One of these is from 1 to 10."""
        self.small.append(tuple(map(self.number, names)))

    def values(self, name: object, enough: int = MOST + 1) -> list[int]:
        """What the number may be; no more than `enough` of it."""
        index = self.number(name)
        found: list[int] = []
        for value in range(MOST + 1):
            if len(found) == enough:
                break
            bounds = [(0, MOST)] * len(self.numbers)
            bounds[index] = (value, value)
            if self._fits(bounds):
                found.append(value)
        return found

    def _fits(self, bounds: list[tuple[int, int]]) -> bool:
        narrowed = self._narrowed(bounds)
        if narrowed is None:
            return False
        for names in self.small:
            if not any(low >= 1 and high <= 10 for low, high in (narrowed[name] for name in names)):
                return any(self._fits(_within(narrowed, name, 1, 10)) for name in names)
        free = next((index for index, (low, high) in enumerate(narrowed) if low < high), None)
        if free is None:
            return True
        low, high = narrowed[free]
        return any(self._fits(_within(narrowed, free, value, value)) for value in range(low, high + 1))

    def _narrowed(self, bounds: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
        """The bounds without what cannot be; None: nothing can."""
        if any(low > high for low, high in bounds):
            return None
        found, changed = list(bounds), True
        while changed:
            changed = False
            for one in self.linear:
                least = sum(min(factor * found[n][0], factor * found[n][1]) for n, factor in one.terms)
                most = sum(max(factor * found[n][0], factor * found[n][1]) for n, factor in one.terms)
                for n, factor in one.terms:
                    low, high = found[n]
                    own = sorted((factor * low, factor * high))
                    room = (one.low - (most - own[1]), one.high - (least - own[0]))
                    ends = (room[0], room[1]) if factor > 0 else (-room[1], -room[0])
                    new = (max(low, -(-ends[0] // abs(factor))), min(high, ends[1] // abs(factor)))
                    if new[0] > new[1]:
                        return None
                    if new != (low, high):
                        found[n], changed = new, True
                        break
        return found


def _within(bounds: list[tuple[int, int]], index: int, low: int, high: int) -> list[tuple[int, int]]:
    """The bounds, one of them no wider than this."""
    was = bounds[index]
    return [*bounds[:index], (max(was[0], low), min(was[1], high)), *bounds[index + 1 :]]
