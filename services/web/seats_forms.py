"""What a form about a seat says, as requests, and as it is filled in again. Pure but for `fields`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from openchair.rsvps.v1 import list_rules_pb2, seat_pb2
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openchair.rsvps.v1.list_rules_pb2 import Invitation
    from starlette.requests import Request

LONGEST: Final = 32 * 1024
"""Bytes of a form."""
MOST_FIELDS: Final = 400
QUESTION: Final = "q-"


async def fields(request: Request) -> dict[str, list[str]]:
    """What a form says, each field as often as it comes. Raises HTTPException for what is no form of ours."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST:
                raise HTTPException(413)
        return parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400) from error
    except ClientDisconnect:
        return {}  # nobody reads the answer


@dataclass(frozen=True)
class Typed:
    """What stands in the form. `answers` by question: indices of choices, or a text."""

    attendance: str = ""
    party: str = "1"
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ask: bool = False
    quotas: tuple[str, ...] = ()
    first_name: str = ""
    chip: bool = False
    named: str = ""
    milestone: str = ""
    list_code: str = ""
    also: tuple[str, ...] = ()

    def said(self, question: str) -> str:
        """The one answer to a question; "" without."""
        return next(iter(self.answers.get(question, ())), "")


def typed(said: Mapping[str, Sequence[str]]) -> Typed:
    """What somebody has typed in."""

    def one(name: str) -> str:
        return said[name][0].strip() if name in said else ""

    return Typed(
        attendance=one("attendance"),
        party=one("party") or "1",
        answers={name.removeprefix(QUESTION): said[name] for name in said if name.startswith(QUESTION)},
        ask=one("wait") == "ask",
        quotas=tuple(said.get("quota", ())),
        first_name=one("first-name"),
        chip="chip" in said,
        named=one("named"),
        milestone=one("milestone"),
        list_code=one("list-code"),
        also=tuple(said.get("also", ())),
    )


def of_seat(seat: seat_pb2.Seat) -> Typed:
    """What was typed in when it was kept."""
    return Typed(
        attendance={seat_pb2.ATTENDANCE_ONLINE: "online"}.get(seat.attendance, "in-person"),
        party=str(seat.party_size or 1),
        answers={
            each.question: [str(choice) for choice in each.choices] or [each.text or str(each.number)]
            for each in seat.answers
        },
        ask=seat.wait == seat_pb2.WAIT_CHOICE_ASK,
        quotas=tuple(seat.quotas),
        first_name=seat.first_name,
        chip=seat.celebration.chip,
        named=seat.celebration.named,
        milestone=seat.celebration.milestone,
        also=tuple(seat.also),
    )


def say(request: Any, what: Typed, rules: Invitation) -> None:
    """Puts it into a ReserveRequest or a ChangeRequest."""
    request.attendance = {
        "in-person": seat_pb2.ATTENDANCE_IN_PERSON,
        "online": seat_pb2.ATTENDANCE_ONLINE,
    }.get(what.attendance, seat_pb2.ATTENDANCE_UNSPECIFIED)
    request.party_size = _number(what.party, -1)
    request.answers.extend(answers(rules.questions, what))
    request.wait = seat_pb2.WAIT_CHOICE_ASK if what.ask else seat_pb2.WAIT_CHOICE_UNSPECIFIED
    request.quotas.extend(what.quotas)
    request.first_name = what.first_name
    if rules.celebrations and (what.chip or what.named or what.milestone):
        request.celebration.chip = what.chip
        request.celebration.named, request.celebration.milestone = what.named, what.milestone


def answers(questions: Sequence[Any], what: Typed) -> list[seat_pb2.Answer]:
    """What was answered to these questions; nothing to what was left empty."""
    found = []
    for each in questions:
        said = [text.strip() for text in what.answers.get(each.id, ()) if text.strip()]
        if not said:
            continue
        if each.kind == list_rules_pb2.QUESTION_KIND_TEXT:
            found.append(seat_pb2.Answer(question=each.id, text=said[0]))
        elif each.choices:
            found.append(seat_pb2.Answer(question=each.id, choices=[_number(text, -1) for text in said]))
        else:
            found.append(seat_pb2.Answer(question=each.id, number=_number(said[0], each.lowest - 1)))
    return found


def _number(text: str, otherwise: int) -> int:
    """A whole number that fits the wire; what is none is refused by the service, which says so."""
    plain = text.removeprefix("-")
    return int(text) if plain.isascii() and plain.isdigit() and len(plain) < 10 else otherwise  # noqa: PLR2004 - 32 bits
