"""Questions of a list, as they are written at a terminal, and answers to them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from openchair.rsvps.v1 import list_rules_pb2 as pb
from openchair.rsvps.v1 import seat_pb2

from services.cli.called import folded
from services.cli.shell import USAGE, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Asked = TypeVar("Asked", pb.Question, pb.Quota)

_USES: Final = {"for the organiser", "several", "required"}
_HOW: Final = re.compile(r"(.*\S)\s*\(([^()]*)\)")
_NUMBER: Final = re.compile(r"(.*\S)\s*\(\s*(-?\d+)\s*(?:-|to)\s*(-?\d+)\s*\)")


def question(text: str) -> pb.Question:
    """Of "Diet: vegan | vegetarian" a choice, of "Chairs (0-4)" a number, else a text for the organiser.

    At the end may stand how it is asked: "(several, required, for the organiser)".
    """
    how = _HOW.fullmatch(text.strip())
    words = {each.strip() for each in how[2].split(",")} if how else set()
    if how and words <= _USES:
        found = question(how[1])
        found.several, found.required = "several" in words, "required" in words
        if "for the organiser" in words:
            found.use = pb.QUESTION_USE_ORGANISER
        return found
    title, colon, choices = text.rpartition(":")
    if colon and "|" in choices:
        made = [each.strip() for each in choices.split("|")]
        return pb.Question(title=title.strip(), kind=pb.QUESTION_KIND_CHOICE, choices=made)
    if match := _NUMBER.fullmatch(text.strip()):
        lowest, highest = int(match[2]), int(match[3])
        return pb.Question(title=match[1], kind=pb.QUESTION_KIND_NUMBER, lowest=lowest, highest=highest)
    return pb.Question(title=text.strip(), kind=pb.QUESTION_KIND_TEXT, use=pb.QUESTION_USE_ORGANISER)


def question_text(asked: pb.Question) -> str:
    """The same, read back."""
    how = {
        pb.QUESTION_KIND_CHOICE: f": {' | '.join(asked.choices)}",
        pb.QUESTION_KIND_NUMBER: f" ({asked.lowest}-{asked.highest})",
    }.get(asked.kind, "")
    use = "for the organiser" if asked.use == pb.QUESTION_USE_ORGANISER else ""
    more = ", ".join(filter(None, (use, "several" * asked.several, "required" * asked.required)))
    return f"{asked.id}{'  ' * bool(asked.id)}{asked.title}{how}{f'  ({more})' if more else ''}"


def quota(text: str) -> pb.Quota:
    """Of "Scholarship: 10". Raises Failure."""
    title, _, places = text.rpartition(":")
    if not title.strip() or not places.strip().isdecimal():
        raise Failure(f"--quota: {text!r} is not a title and a number of places such as 'Scholarship: 10'", USAGE)
    return pb.Quota(title=title.strip(), places=int(places))


def keep_ids(made: Sequence[Asked], before: Iterable[Asked]) -> None:
    """What is asked for by the same title as before stays what it was: people have answered it, or hold its places."""
    known = {folded(each.title): each.id for each in before}
    for each in made:
        each.id = each.id or known.pop(folded(each.title), "")


def answers_of(texts: Iterable[str], questions: Sequence[pb.Question]) -> list[seat_pb2.Answer]:
    """Answers as "diet=vegan", or "diet=vegan,no nuts" where several are taken. Raises Failure."""
    return [_answer(text, {each.id: each for each in questions}) for text in texts]


def _answer(text: str, questions: dict[str, pb.Question]) -> seat_pb2.Answer:
    id_, equals, said = text.partition("=")
    asked = questions.get(id_.strip())
    if not equals or asked is None:
        known = "".join(f"\n  {question_text(each)}" for each in questions.values()) or " none"
        raise Failure(f"--answer: {id_.strip()!r} is not the id of a question. There is:{known}", USAGE)
    if asked.kind == pb.QUESTION_KIND_CHOICE:
        return seat_pb2.Answer(question=asked.id, choices=[_choice(asked, each) for each in _parts(asked, said)])
    if asked.kind == pb.QUESTION_KIND_NUMBER:
        if not said.strip().removeprefix("-").isdecimal():
            raise Failure(f"--answer: {asked.id} takes a whole number", USAGE)
        return seat_pb2.Answer(question=asked.id, number=int(said))
    return seat_pb2.Answer(question=asked.id, text=said.strip())


def _parts(asked: pb.Question, said: str) -> list[str]:
    return [each for each in said.split(",") if each.strip()] if asked.several else [said]


def _choice(asked: pb.Question, said: str) -> int:
    """The number of a choice, by what it says or how it begins. Raises Failure."""
    choices = [folded(each) for each in asked.choices]
    wanted = folded(said)
    found = [n for n, each in enumerate(choices) if each == wanted] or [
        n for n, each in enumerate(choices) if wanted and each.startswith(wanted)
    ]
    if len(found) != 1:
        raise Failure(f"--answer: {asked.id} takes one of: {', '.join(asked.choices)}", USAGE)
    return found[0]
