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
_TAKEN: Final = frozenset({"Full", "Closed"})
"""Words of dates that take nobody."""


@dataclass(frozen=True)
class Chair:
    """A meeting that would do: an open chair."""

    anchor: str
    when: str
    title: str
    mode: str


def instead(of: Line, lines: Sequence[Line], now: datetime) -> tuple[Chair, ...]:
    """The next that would do: of the same fellowship first, then what is nearest in time; soon, and still to reach.

    None is full; one with a waitlist says so, and comes after the others. Where nothing is near, the next of all.
    """
    begins, ends = max(now, of.start - _BEFORE), of.start + _AFTER
    fellowship = of.facts.about[:1]
    open_ = [line for line in lines if line.is_on and not line.warning and line.word not in _TAKEN and _other(line, of)]
    found = [line for line in open_ if begins < line.start < ends]
    found.sort(key=lambda line: (line.facts.about[:1] != fellowship, abs(line.start - of.start), line.anchor))
    found.sort(key=lambda line: bool(line.word))
    if found:
        near = sorted(found[:ALTERNATIVES], key=lambda line: line.start)
        return tuple(_chair(line, say.DAYS[line.day.weekday()]) for line in near)
    following = sorted((line for line in open_ if now < line.start), key=lambda line: (bool(line.word), line.start))
    return tuple(_chair(line, say.day(line.day)) for line in following[:ALTERNATIVES])


def _chair(line: Line, day: str) -> Chair:
    mode = f"{line.facts.mode}, {line.word}" if line.word else line.facts.mode
    return Chair(anchor=line.anchor, when=f"{day}, {say.clock(line.local)}", title=line.facts.title, mode=mode)


def _other(line: Line, of: Line) -> bool:
    return line.anchor != of.anchor
