"""Rows of statistics: what is counted, by what it is asked for. Pure; exact and released figures are added up alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from services.rsvps.types import Count, Said

ADVERTISED: Final = "advertised"
HELD: Final = "held"
CANCELLED: Final = "cancelled"
EXPECTED: Final = "expected"
ROOM: Final = "attended_in_person"
ONLINE: Final = "attended_online"
WAITLISTED: Final = "waitlisted"
UNUSED: Final = "unused"
DATES: Final = (ADVERTISED, HELD, CANCELLED)
PEOPLE: Final = (EXPECTED, ROOM, ONLINE, WAITLISTED, UNUSED)
FIGURES: Final = (*DATES, *PEOPLE)
DIMENSIONS: Final = ("meeting", "room", "kind", "weekday", "month")


class Of(NamedTuple):
    """What something was counted of. `rooms`: names; `weekday`: "1" is Monday; `month`: "2026-11", or "" of a year."""

    meeting: str
    kind: str
    rooms: tuple[str, ...]
    weekday: str
    month: str


class Answers(NamedTuple):
    """How a question was answered; None: withheld. `counts`: by choice, or the sum of numbers."""

    question: str
    title: str
    counts: tuple[int | None, ...]
    answered: int | None

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it the same question."""
        return (self.question, self.title, len(self.counts))


class Item(NamedTuple):
    """Something counted. A figure that is None is withheld; one that is not there has nothing to do with it."""

    of: Of
    figures: Mapping[str, int | None]
    answers: tuple[Answers, ...] = ()


class Cell(NamedTuple):
    """A total: of what is told, and how many more are withheld, of which it says nothing."""

    value: int = 0
    withheld: int = 0

    def plus(self, value: int | None) -> Cell:
        """With one more."""
        return Cell(self.value, self.withheld + 1) if value is None else Cell(self.value + value, self.withheld)


NONE: Final = Cell()


class Asked(NamedTuple):
    """Answers to a question, added up."""

    question: str
    title: str
    counts: tuple[Cell, ...]
    answered: Cell


class Row(NamedTuple):
    """Totals of what has these keys."""

    keys: tuple[str, ...]
    cells: dict[str, Cell]
    answers: list[Asked]


def item(count: Count) -> Item:
    """A date, exactly."""
    month = count.date.isoformat()[:7]
    figures = {
        ADVERTISED: 1,
        HELD: int(count.held),
        CANCELLED: int(not count.held),
        EXPECTED: count.expected,
        ROOM: count.attended_room,
        ONLINE: count.attended_online,
        WAITLISTED: count.waitlisted,
        UNUSED: count.unused,
    }
    of = Of(count.meeting, count.kind, tuple(count.rooms), str(count.weekday), month)
    return Item(of, figures, tuple(_answers(said) for said in count.feedback))


def _answers(said: Said) -> Answers:
    return Answers(said.question, said.title, tuple(said.counts), said.answered)


def rows(items: Iterable[Item], dimensions: Sequence[str]) -> list[Row]:
    """Totals by these dimensions (`DIMENSIONS`), in the order of their keys. What has two rooms is in both rows."""
    groups: dict[tuple[str, ...], list[Item]] = {}
    for each in items:
        for keys in _keys(each.of, dimensions):
            groups.setdefault(keys, []).append(each)
    return [Row(keys, _cells(group), _asked(group)) for keys, group in sorted(groups.items())]


def _keys(of: Of, dimensions: Sequence[str]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [()]
    for dimension in dimensions:
        values = (of.rooms or ("",)) if dimension == "room" else (str(getattr(of, dimension)),)
        found = [(*keys, value) for keys in found for value in values]
    return found


def _cells(group: Iterable[Item]) -> dict[str, Cell]:
    cells = dict.fromkeys(FIGURES, NONE)
    for each in group:
        for figure, value in each.figures.items():
            cells[figure] = cells[figure].plus(value)
    return cells


def _asked(group: Iterable[Item]) -> list[Asked]:
    found: dict[tuple[str, str, int], Asked] = {}
    for said in (answers for each in group for answers in each.answers):
        was = found.get(said.key) or Asked(said.question, said.title, (NONE,) * len(said.counts), NONE)
        counts = tuple(cell.plus(value) for cell, value in zip(was.counts, said.counts, strict=True))
        found[said.key] = Asked(said.question, said.title, counts, was.answered.plus(said.answered))
    return [asked for _, asked in sorted(found.items())]
