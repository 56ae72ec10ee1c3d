"""Facts of anything by their names, and what a change makes of them: as lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDTH: Final = 18


class Difference(NamedTuple):
    """What one fact was and becomes; empty for what is not stated."""

    name: str
    before: str
    after: str


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[Difference]:
    """The facts that are not the same in both."""
    return [
        Difference(name, old.get(name, ""), new.get(name, ""))
        for name in dict.fromkeys((*old, *new))
        if old.get(name, "") != new.get(name, "")
    ]


def lines(told: Mapping[str, str]) -> list[str]:
    """Facts, a line each."""
    return [f"  {name:{_WIDTH}} {text}".replace("\n", f"\n  {'':{_WIDTH}} ") for name, text in told.items()]


def changed_lines(found: Sequence[Difference]) -> list[str]:
    """Differences: what it was above what it becomes."""
    told = []
    for each in found:
        told += _lines(each.name, "", each.before)
        told += _lines("", "-> ", each.after)
    return told


def _lines(name: str, arrow: str, text: str) -> list[str]:
    """One side of a difference; what has several lines stands in one column."""
    under = f"\n  {'':{_WIDTH}} {'':{len(arrow)}}"
    return [f"  {name:{_WIDTH}} {arrow}{text or '(not stated)'}".replace("\n", under)]
