"""What may leave the centre of its figures: no number of 1 to 10, and nothing that such a number follows from. Pure.

There is one release of the data, made of blocks that never change: the dates of one meeting (of one kind, in the same
rooms, on the same weekday) in one month, and for the numbers of dates in one year. In each block it is decided by that
block alone which figures are withheld; every export adds up what is told, and says how many are not in it. So nothing
follows from several exports that does not follow from the blocks themselves, whatever they are by and of which months.

Within a block (docs/statistics.md has the argument):

- a small figure is withheld;
- expected and unused are withheld where one of them or attendance is small, as unused is about expected - attended;
- the numbers of dates: held and cancelled are withheld where one of them is small, as they add up to advertised; and
  advertised too unless it leaves room for every small number;
- answers to a question are withheld as a whole where one of them, or attendance, is small.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from services.rsvps.tabulating import (
    ADVERTISED,
    CANCELLED,
    DATES,
    EXPECTED,
    HELD,
    ONLINE,
    PEOPLE,
    ROOM,
    UNUSED,
    Answers,
    Item,
    Of,
    item,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.rsvps.types import Count

SMALL: Final = 10
"""The greatest number of people, or dates, that is not told."""


def small(value: int) -> bool:
    """Whether a number is not told. A sum of numbers may be below 0."""
    return 1 <= abs(value) <= SMALL


def months(counts: Iterable[Count]) -> list[Item]:
    """What is released of months: people and answers. The numbers of dates are withheld here: see `years`."""
    blocks = _blocks(map(item, counts))
    return [Item(of, _told(figures) | dict.fromkeys(DATES), answers) for of, figures, answers in _judged(blocks)]


def years(counts: Iterable[Count]) -> list[Item]:
    """What is released of whole years: people and answers by month, the numbers of dates by year."""
    blocks = _blocks(map(item, counts))
    found = [Item(of, _told(figures), answers) for of, figures, answers in _judged(blocks)]
    busy: dict[Of, int] = defaultdict(int)
    dates: dict[Of, dict[str, int]] = {}
    for of, block in blocks.items():
        year = of._replace(month=of.month[:4])
        total = dates.setdefault(year, dict.fromkeys(DATES, 0))
        for figure in DATES:
            total[figure] += block.figures[figure]
        busy[year] += any(block.figures[figure] for figure in PEOPLE)
    return [*found, *(Item(of._replace(month=""), _dates(total, busy[of])) for of, total in dates.items())]


class _Block:
    """All of one block, exactly."""

    def __init__(self) -> None:
        self.figures: dict[str, int] = dict.fromkeys((*DATES, *PEOPLE), 0)
        self.answers: dict[tuple[str, str, int], tuple[list[int], int]] = {}

    def add(self, one: Item) -> None:
        """With one more date."""
        for figure, value in one.figures.items():
            self.figures[figure] += value or 0
        for said in one.answers:
            counts, answered = self.answers.get(said.key, ([0] * len(said.counts), 0))
            summed = [count + (more or 0) for count, more in zip(counts, said.counts, strict=True)]
            self.answers[said.key] = (summed, answered + (said.answered or 0))


def _blocks(items: Iterable[Item]) -> dict[Of, _Block]:
    found: dict[Of, _Block] = defaultdict(_Block)
    for each in items:
        found[each.of].add(each)
    return dict(sorted(found.items()))


def _judged(blocks: Mapping[Of, _Block]) -> list[tuple[Of, dict[str, int], tuple[Answers, ...]]]:
    return [(of, block.figures, _answers(block)) for of, block in blocks.items()]


def _told(figures: Mapping[str, int]) -> dict[str, int | None]:
    """The people of a block."""
    hidden = {figure for figure in PEOPLE if small(figures[figure])}
    if hidden & {EXPECTED, UNUSED, ROOM, ONLINE}:
        hidden |= {EXPECTED, UNUSED}
    return {figure: None if figure in hidden else figures[figure] for figure in PEOPLE}


def _dates(figures: Mapping[str, int], busy: int) -> dict[str, int | None]:
    """The numbers of dates of a block. `busy`: its months in which somebody is known to have come."""
    hidden: set[str] = set()
    if any(small(figures[figure]) for figure in DATES):
        hidden = {HELD, CANCELLED}
        if small(figures[ADVERTISED]) or figures[ADVERTISED] - busy < SMALL:
            hidden |= {ADVERTISED}
    return {figure: None if figure in hidden else figures[figure] for figure in DATES}


def _answers(block: _Block) -> tuple[Answers, ...]:
    attendance = small(block.figures[ROOM]) or small(block.figures[ONLINE])
    found = []
    for (question, title, _), (counts, answered) in sorted(block.answers.items()):
        if attendance or small(answered) or any(map(small, counts)):
            found.append(Answers(question, title, (None,) * len(counts), None))
        else:
            found.append(Answers(question, title, tuple(counts), answered))
    return tuple(found)
