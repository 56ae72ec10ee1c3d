"""Figures as messages, and what each of them means (docs/statistics.md says the same)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import statistics_pb2

from services.rsvps import tabulating

if TYPE_CHECKING:
    from services.rsvps.tabulating import Asked, Cell, Row

MEANINGS: Final = {
    "advertised": "Dates that the programme had, taken place or not, from the day on from which seats could be kept.",
    "held": "Dates that were not called off. Whether anybody came is not known of a date nobody counted.",
    "cancelled": "Dates that were called off. held and cancelled add up to advertised.",
    "expected": "People who kept a seat, or are enrolled, and had it at the start; parties counted whole.",
    "attended_in_person": "People in the room, as counted by who leads; where nobody counted, those who checked in.",
    "attended_online": "People online, counted in the same way.",
    "waitlisted": "People who waited for a seat at the start and had none; parties counted whole.",
    "unused": (
        "Per date: expected less all who attended, never below 0, and 0 where nobody was counted; then added up. It is "
        "no number of people who stayed away: some came without a seat."
    ),
    "feedback": "How people who checked in answered a question within 72 hours of the end. Nobody has to.",
    "value": (
        "In exports: the total over all months of meetings (of one kind, rooms and weekday) whose figure is told. A "
        "figure of 1 to 10 is withheld, and so are others that it follows from; `withheld` says how many are not in "
        "the value. The numbers of dates are told by whole years."
    ),
}
NOTES: Final = [statistics_pb2.FigureNote(figure=figure, text=text) for figure, text in MEANINGS.items()]


def row_message(row: Row) -> statistics_pb2.StatisticsRow:
    """A row, with a cell for each figure."""
    cells = {figure: cell_message(row.cells[figure]) for figure in tabulating.FIGURES}
    return statistics_pb2.StatisticsRow(keys=row.keys, feedback=[_asked(each) for each in row.answers], **cells)


def cell_message(cell: Cell) -> statistics_pb2.Cell:
    """A total; where nothing is told it has no value."""
    hidden = cell.withheld > 0 and cell.value == 0
    return statistics_pb2.Cell(value=cell.value, suppressed=hidden, withheld=cell.withheld)


def _asked(asked: Asked) -> statistics_pb2.FeedbackTotals:
    return statistics_pb2.FeedbackTotals(
        question=asked.question,
        title=asked.title,
        counts=[cell_message(each) for each in asked.counts],
        answered=cell_message(asked.answered),
    )
