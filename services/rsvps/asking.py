"""What a guest asks for, checked against the rules of its list. No refusal quotes what was written."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import seat_pb2

from services.kit.errors import Invalid, Unmet, Violation
from services.rsvps.sealing import Told
from services.rsvps.types import Answer, QuestionKind, Use, Wait, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.rsvps.types import Question, Rules

LONGEST_NAME: Final = 40
LONGEST_MILESTONE: Final = 60
LONGEST_TEXT: Final = 200

_BETWEEN: Final = frozenset(" -'\u2019.")
_REACHABLE: Final = re.compile(r"@|(?:\d[\s().+/-]*){7}|://|\bwww\.", re.IGNORECASE)
"""What looks like an e-mail address, a telephone number, or an address of the web."""

_KINDS: Final = {"choices": QuestionKind.CHOICE, "text": QuestionKind.TEXT, "number": QuestionKind.NUMBER}

WAYS: Final[dict[int, Where]] = {seat_pb2.ATTENDANCE_IN_PERSON: Where.ROOM, seat_pb2.ATTENDANCE_ONLINE: Where.ONLINE}


def where(attendance: int, ways: Sequence[Where]) -> Where:
    """How somebody takes part. Raises Invalid where it has to be said, or cannot be."""
    if not attendance and len(ways) == 1:
        return ways[0]
    if not attendance:
        raise Invalid(Violation("attendance", "must be said: one can take part in person and online"))
    way = WAYS[attendance]  # validation lets no other number pass
    if way not in ways:
        raise Invalid(Violation("attendance", "one cannot take part that way"), reason="WAY_NOT_OFFERED")
    return way


def wait(choice: int) -> Wait:
    """What a waitlisted guest wants when a place comes free."""
    return Wait.ASK if choice == seat_pb2.WAIT_CHOICE_ASK else Wait.GIVE


def party(size: int) -> int:
    """How many come together. Raises Invalid; the largest party is the list's to say."""
    if size < 0:
        raise Invalid(Violation("party_size", "must be 1 or more"))
    return size or 1


def quotas(ids: Sequence[str], rules: Rules) -> tuple[str, ...]:
    """The quotas that somebody needs a place of, in the order of the rules. Raises Invalid."""
    if not ids:
        return ()
    known = [each.id for each in rules.quotas]
    wrong = [Violation(f"quotas[{index}]", "is none of this list") for index, id_ in enumerate(ids) if id_ not in known]
    if wrong:
        raise Invalid(*wrong)
    return tuple(id_ for id_ in known if id_ in ids)


def answers(messages: Sequence[seat_pb2.Answer], rules: Rules) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
    """Answers that count in totals, and those for the organiser. Raises Invalid, naming each that does not fit."""
    if not messages and not rules.questions:
        return (), ()
    asked = {each.id: each for each in rules.questions}
    wrong = [*_misfits(messages, asked), *_missing(messages, rules.questions)]
    if wrong:
        raise Invalid(*wrong)
    said = {each.question: _answer(each, asked[each.question].kind) for each in messages}
    total = tuple(said[each.id] for each in rules.questions if each.id in said and each.use is Use.TOTAL)
    private = tuple(said[each.id] for each in rules.questions if each.id in said and each.use is Use.ORGANISER)
    return total, private


def first_name(text: str, field: str = "first_name") -> str:
    """A first name; "" : none. Raises Invalid."""
    if not text:
        return ""
    name = unicodedata.normalize("NFC", " ".join(text.split()))
    letters = [each for each in name if unicodedata.category(each)[0] in "LM"]
    if len(name) > LONGEST_NAME or (name and (not letters or len(letters) + _joints(name) != len(name))):
        reason = "must be a first name: 1 to 40 letters, spaces, hyphens, apostrophes and full stops"
        raise Invalid(Violation(field, reason), reason="NOT_A_FIRST_NAME")
    return name


def told(
    private: tuple[Answer, ...], name: str, celebration: seat_pb2.Celebration | None, rules: Rules, before: Told
) -> Told:
    """What is for the organiser. `celebration` None: as before. Raises Invalid, or Unmet where none is kept."""
    if celebration is None:
        return Told(answers=private, first_name=name, chip=before.chip, named=before.named, milestone=before.milestone)
    wanted = celebration.chip or celebration.named or celebration.milestone
    if wanted and not rules.celebrations:
        raise Unmet("nothing is celebrated here that one could ask for", "NO_CELEBRATIONS")
    milestone = " ".join(celebration.milestone.split())
    if len(milestone) > LONGEST_MILESTONE or _REACHABLE.search(unicodedata.normalize("NFKC", milestone)):
        reason = f"must be at most {LONGEST_MILESTONE} characters, and nothing that somebody is reached by"
        raise Invalid(Violation("celebration.milestone", reason))
    named = first_name(celebration.named, "celebration.named")
    return Told(answers=private, first_name=name, chip=celebration.chip, named=named, milestone=milestone)


def _joints(name: str) -> int:
    return sum(each in _BETWEEN for each in name)


def _misfits(messages: Sequence[seat_pb2.Answer], asked: dict[str, Question]) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, each in enumerate(messages):
        question = asked.get(each.question)
        if question is None:
            yield Violation(f"answers[{index}].question", "is none of this list")
        elif each.question in seen:
            yield Violation(f"answers[{index}].question", "is answered twice")
        else:
            seen.add(each.question)
            if fault := _fault(each, question):
                yield Violation(f"answers[{index}].{fault[0]}", fault[1])


def _missing(messages: Sequence[seat_pb2.Answer], questions: Sequence[Question]) -> Iterator[Violation]:
    said = {each.question: bool(each.choices or each.text.strip()) for each in messages}
    for question in questions:
        full = question.id in said and (said[question.id] or question.kind is QuestionKind.NUMBER)
        if question.required and not full:
            yield Violation("answers", f"the question {question.id!r} has to be answered")


def _fault(message: seat_pb2.Answer, question: Question) -> tuple[str, str] | None:
    """The field that does not fit the question, and why."""
    given = {"choices": bool(message.choices), "text": bool(message.text), "number": message.number != 0}
    for field, kind in _KINDS.items():
        if given[field] and question.kind is not kind:
            return field, "is not asked for"
    if question.kind is QuestionKind.CHOICE:
        return _choices_fault(message.choices, question)
    if question.kind is QuestionKind.NUMBER and not question.lowest <= message.number <= question.highest:
        return "number", f"must be from {question.lowest} to {question.highest}"
    if len(message.text) > LONGEST_TEXT:
        return "text", f"must not be longer than {LONGEST_TEXT} characters"
    return None


def _choices_fault(chosen: Sequence[int], question: Question) -> tuple[str, str] | None:
    if len(chosen) > 1 and not question.several:
        return "choices", "must be one"
    if len(set(chosen)) != len(chosen):
        return "choices", "hold one of them twice"
    if any(not 0 <= each < len(question.choices) for each in chosen):
        return "choices", f"must be from 0 to {len(question.choices) - 1}"
    return None


def _answer(message: seat_pb2.Answer, kind: QuestionKind) -> Answer:
    number = message.number if kind is QuestionKind.NUMBER else 0
    return Answer(message.question, tuple(sorted(message.choices)), number, message.text.strip())
