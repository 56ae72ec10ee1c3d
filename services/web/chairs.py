"""Bad news names the next chair: what would do instead of what does not take place, or where nobody was. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from services.web import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.web.week import Line

ALTERNATIVES: Final = 3
_BEFORE: Final = timedelta(hours=3)
_AFTER: Final = timedelta(hours=36)


@dataclass(frozen=True)
class Chair:
    """A meeting that would do: an open chair."""

    anchor: str
    when: str
    title: str
    mode: str


def instead(of: Line, lines: Sequence[Line], now: datetime) -> tuple[Chair, ...]:
    """The next that would do: of the same fellowship first, then what is nearest in time; soon, and still to reach."""
    begins, ends = max(now, of.start - _BEFORE), of.start + _AFTER
    fellowship = of.facts.about[:1]
    found = [
        line for line in lines if line.is_on and not line.warning and begins < line.start < ends and _other(line, of)
    ]
    found.sort(key=lambda line: (line.facts.about[:1] != fellowship, abs(line.start - of.start), line.anchor))
    return tuple(
        Chair(
            anchor=line.anchor,
            when=f"{say.DAYS[line.day.weekday()]}, {say.clock(line.local)}",
            title=line.facts.title,
            mode=line.facts.mode,
        )
        for line in sorted(found[:ALTERNATIVES], key=lambda line: line.start)
    )


def _other(line: Line, of: Line) -> bool:
    return line.anchor != of.anchor
