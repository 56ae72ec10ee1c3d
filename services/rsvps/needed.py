"""What a date's seats add up to for who leads it. Pure: of a list as it is at an instant, without anybody's name on it.

Nothing in here is in an order by which what two rows say could be put together: each of them is shuffled by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from services.kit.clock import moment
from services.kit.errors import Unmet
from services.rsvps import seating
from services.rsvps.sealing import NOTHING
from services.rsvps.types import QuestionKind, State, Use, Where

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from services.rsvps.sealing import Seals, Told
    from services.rsvps.sheet import Sheet
    from services.rsvps.types import Answer, Question, Quota, Seat

T = TypeVar("T")

KEPT: Final = timedelta(hours=12)
"""So long after its end who leads a date learns what it needs."""


@dataclass(frozen=True)
class Total:
    """How a question was answered by those who are going: of a choice how many of each, of a number its sum."""

    question: Question
    counts: tuple[int, ...]
    sum: int
    answered: int


@dataclass
class Needed:
    """People, parties counted whole."""

    going: dict[Where, int] = field(default_factory=lambda: dict.fromkeys(Where, 0))
    waiting: dict[Where, int] = field(default_factory=lambda: dict.fromkeys(Where, 0))
    offered: int = 0
    totals: tuple[Total, ...] = ()
    quotas: tuple[tuple[Quota, int], ...] = ()
    """With how many of its places are taken."""
    told: tuple[tuple[Where, Told], ...] = ()
    """What those who are going told, and how they take part."""


def must_be_told(end: str, at: str) -> None:
    """Raises Unmet when it is no use to anybody any more."""
    if moment(at) > moment(end) + KEPT:
        raise Unmet("what a date needs is told until 12 hours after its end", "NEEDS_OVER")


def needed(sheet: Sheet, at: str, seals: Seals) -> Needed:
    """What the date needs."""
    found = Needed()
    going: list[Seat] = []
    for seat in sheet.seats():
        state, _ = seating.standing_of(sheet.list, seat, at)
        if state is State.GOING:
            found.going[seat.where] += seat.party
            going.append(seat)
        elif state is State.WAITLISTED:
            found.waiting[seat.where] += seat.party
        elif state is State.OFFERED:
            found.offered += seat.party
    rules = sheet.list.rules
    found.totals = tuple(_total(each, going) for each in rules.questions if each.use is Use.TOTAL)
    found.quotas = tuple((each, sum(seat.party for seat in going if each.id in seat.quotas)) for each in rules.quotas)
    found.told = tuple(_told(going, seals))
    return found


def shuffled(values: Iterable[T], source: random.Random) -> list[T]:
    """The values in no order."""
    made = list(values)
    source.shuffle(made)
    return made


def answers_for(told: Iterable[Told], questions: Sequence[Question]) -> Iterator[tuple[Answer, ...]]:
    """What each guest answered to questions that are for the organiser, as far as they are still asked."""
    asked = {each.id for each in questions if each.use is Use.ORGANISER}
    for each in told:
        kept = tuple(answer for answer in each.answers if answer.question in asked)
        if kept:
            yield kept


def _told(seats: Iterable[Seat], seals: Seals) -> Iterator[tuple[Where, Told]]:
    for seat in seats:
        told = seals.open(seat.id, seat.sealed)
        if told != NOTHING:
            yield seat.where, told


def _total(question: Question, seats: Iterable[Seat]) -> Total:
    answers = [each for seat in seats for each in seat.answers if each.question == question.id]
    said = [index for each in answers for index in each.choices]
    counts = tuple(said.count(index) for index in range(len(question.choices)))
    total = sum(each.number for each in answers) if question.kind is QuestionKind.NUMBER else 0
    return Total(question, counts, total, len(answers))
