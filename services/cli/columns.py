"""Tables that fit a terminal: what is too long for its column goes on below."""

from __future__ import annotations

import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 80
_GAP: Final = 2
_NARROWEST: Final = 8


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> list[str]:
    """The heads and the rows, in columns that are together no wider than that. A column of nothing is left out."""
    kept = [n for n in range(len(heads)) if any(row[n] for row in rows)]
    cells = [[row[n] for n in kept] for row in (heads, *rows)]
    widths = _widths(cells, width)
    return [line for row in cells for line in _lines(row, widths)]


def _widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """As wide as what stands in them; where that is too much, the widest gives way first."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + _GAP * (len(widths) - 1) > width and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """One row, in as many lines as its longest cell needs."""
    wrapped = [textwrap.wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
    return [
        (" " * _GAP).join(f"{part:{width}}" for part, width in zip(parts, widths, strict=True)).rstrip()
        for parts in zip_longest(*wrapped, fillvalue="")
    ]
