"""Rules as staff asks for them, read strictly: every field that is wrong is named, and none is quoted.

A question that people may have answered keeps its kind, its use and the choices it has: answers are stored by their
number. An id that is not said is made here, and stays.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.kit.errors import Invalid, Violation
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_date
from services.rsvps.types import Question, QuestionKind, Quota, Rules, Scope, Use
from services.rsvps.wire import MODES, ON_MOVE, PARTY_RULES, QUESTION_KINDS, SCOPES, USES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from openchair.rsvps.v1 import list_rules_pb2 as pb

PREFIX: Final = "list_rules."
MOST_SEATS: Final = 5_000
MOST_WAITING: Final = 20_000
MOST_PARTY: Final = 20
MOST_MINUTES: Final = 2 * 366 * 24 * 60
CLAIM: Final = range(5, 10_081)
USUAL_CLAIM: Final = 720
MOST_DRAW: Final = 168
MOST_QUESTIONS: Final = 20
CHOICES: Final = range(2, 21)
LONGEST_TITLE: Final = 200
LARGEST_NUMBER: Final = 1_000_000
MOST_ORGANISERS: Final = 20
CODE: Final = range(4, 65)

_OF_DATES: Final = (
    *("opens_before_minutes", "closes_before_minutes", "cut_off_minutes"),
    *("draw_hours", "confirm_before_minutes", "standing_seats"),
)
"""Rules that hang on the start of a date."""

_ID: Final = re.compile(r"[a-z0-9-]{1,20}")


class Fault(NamedTuple):
    """What is wrong with a field."""

    field: str
    reason: str


class Faults(list[Fault]):
    """What is wrong with a request."""

    def within(self, field: str, value: int, low: int, high: int) -> int:
        """A number that has to lie between two, both inclusive."""
        if not low <= value <= high:
            self.append(Fault(field, f"must be from {low} to {high}"))
        return value

    def line(self, field: str, text: str, longest: int = LONGEST_TITLE) -> str:
        """A text that has to be there."""
        text = " ".join(text.split())
        if not 1 <= len(text) <= longest:
            self.append(Fault(field, f"must have 1 to {longest} characters"))
        return text

    def check(self, fine: bool, field: str, reason: str) -> None:
        """One more fault, unless it is fine."""
        if not fine:
            self.append(Fault(field, reason))

    def settle(self) -> None:
        """Raises Invalid if anything is wrong."""
        if self:
            raise Invalid(*(Violation(PREFIX + field, reason) for field, reason in self))


def read(message: pb.ListRules, now: Rules, new_id: Callable[[], str], *, answered: bool) -> Rules:
    """The rules that a message says, but for its sister dates and its code. Raises Invalid.

    `answered`: people may have answered the questions there are `now`.
    """
    faults = Faults()
    rules = Rules(
        mode=MODES[message.mode],
        scope=SCOPES[message.scope],
        capacity=faults.within("capacity", message.capacity, 0, MOST_SEATS),
        online_capacity=faults.within("online_capacity", message.online_capacity, 0, MOST_SEATS),
        waitlist=faults.within("waitlist", message.waitlist, -1, MOST_WAITING),
        party_size=faults.within("party_size", message.party_size, 0, MOST_PARTY) or 1,
        party_rule=PARTY_RULES[message.party_rule],
        opens_before_minutes=faults.within("opens_before_minutes", message.opens_before_minutes, 0, MOST_MINUTES),
        closes_before_minutes=faults.within("closes_before_minutes", message.closes_before_minutes, 0, MOST_MINUTES),
        cut_off_minutes=faults.within("cut_off_minutes", message.cut_off_minutes, 0, MOST_MINUTES),
        claim_minutes=_claim(message.claim_minutes, faults),
        on_move=ON_MOVE[message.on_move],
        questions=_questions("questions", message.questions, now.questions if answered else (), new_id, faults),
        quotas=_quotas(message.quotas, new_id, faults),
        draw_hours=faults.within("draw_hours", message.draw_hours, 0, MOST_DRAW),
        confirm_before_minutes=faults.within("confirm_before_minutes", message.confirm_before_minutes, 0, MOST_MINUTES),
        standing_seats=message.standing_seats,
        last_joining_date=_date(message.last_joining_date, faults),
        sisters=now.sisters,
        organisers=_organisers(message.organisers, faults),
        celebrations=message.celebrations,
        code=now.code,
        feedback=_feedback(message.feedback, now.feedback if answered else (), new_id, faults),
    )
    _together(rules, faults)
    faults.check(not message.sister_dates or rules.scope is Scope.DATE, "sister_dates", "are dates: not of a series")
    _code(message.list_code, faults)
    faults.settle()
    return rules


def _claim(minutes: int, faults: Faults) -> int:
    return faults.within("claim_minutes", minutes or USUAL_CLAIM, CLAIM.start, CLAIM.stop - 1)


def _code(text: str, faults: Faults) -> None:
    said = len("".join(text.split()))
    faults.check(
        text in {"", "-"} or said in CODE,
        "list_code",
        f'must have {CODE.start} to {CODE.stop - 1} characters, or be "-"',
    )


def _date(text: str, faults: Faults) -> date | None:
    try:
        return parse_date("last_joining_date", text) if text else None
    except RecurrenceError as error:
        faults.append(Fault(error.field, error.reason))
        return None


def _organisers(subjects: Sequence[str], faults: Faults) -> tuple[str, ...]:
    faults.check(len(subjects) <= MOST_ORGANISERS, "organisers", f"must be at most {MOST_ORGANISERS}")
    found = (faults.line(f"organisers[{index}]", each) for index, each in enumerate(subjects))
    return tuple(dict.fromkeys(found))


def _together(rules: Rules, faults: Faults) -> None:
    """What fits only with something else."""
    opens, series = rules.opens_before_minutes, rules.scope is Scope.SERIES
    for field in ("closes_before_minutes", "cut_off_minutes", "confirm_before_minutes"):
        faults.check(not opens or getattr(rules, field) < opens, field, "must lie after opens_before_minutes")
    hours = rules.draw_hours * 60 + rules.cut_off_minutes + rules.claim_minutes
    faults.check(
        hours <= opens or not rules.draw_hours,
        "draw_hours",
        "needs opens_before_minutes, and has to leave as much time before the cut-off as an offer holds",
    )
    for field in _OF_DATES:
        faults.check(not (series and getattr(rules, field)), field, "is about single dates, not about a series")
    faults.check(series or rules.last_joining_date is None, "last_joining_date", "is of a series that is one enrolment")


# Questions and quotas


def ids(field: str, said: Iterable[str], new_id: Callable[[], str], faults: Faults) -> list[str]:
    """An id for each, made where it is not said."""
    found: list[str] = []
    for index, id_ in enumerate(said):
        faults.check(not id_ or bool(_ID.fullmatch(id_)), f"{field}[{index}].id", "must be 1 to 20 of a-z, 0-9 and -")
        faults.check(not id_ or id_ not in found, f"{field}[{index}].id", "is there twice")
        found.append(id_ or new_id())
    return found


def _questions(
    field: str,
    messages: Sequence[pb.Question],
    before: tuple[Question, ...],
    new_id: Callable[[], str],
    faults: Faults,
) -> tuple[Question, ...]:
    faults.check(len(messages) <= MOST_QUESTIONS, field, f"must be at most {MOST_QUESTIONS}")
    known, found = {each.id: each for each in before}, []
    for index, (id_, each) in enumerate(
        zip(ids(field, (q.id for q in messages), new_id, faults), messages, strict=True)
    ):
        where = f"{field}[{index}]"
        kind = QUESTION_KINDS.get(each.kind)
        if kind is None:
            faults.append(Fault(f"{where}.kind", "must be said"))
            continue
        question = _question(where, id_, kind, each, faults)
        _keeps(where, known.get(id_), question, faults)
        found.append(question)
    return tuple(found)


def _question(where: str, id_: str, kind: QuestionKind, message: pb.Question, faults: Faults) -> Question:
    title = faults.line(f"{where}.title", message.title)
    choices = tuple(faults.line(f"{where}.choices[{n}]", each) for n, each in enumerate(message.choices))
    if kind is QuestionKind.CHOICE:
        sound = len(choices) in CHOICES and len(set(choices)) == len(choices)
        faults.check(sound, f"{where}.choices", f"must be {CHOICES.start} to {CHOICES.stop - 1} different ones")
    else:
        faults.check(not choices, f"{where}.choices", "are of a question that has them")
        faults.check(not message.several, f"{where}.several", "is of a question with choices")
    low, high = message.lowest, message.highest
    if kind is QuestionKind.NUMBER:
        sound = -LARGEST_NUMBER <= low <= high <= LARGEST_NUMBER
        faults.check(sound, f"{where}.highest", f"must not be less than lowest, nor beyond {LARGEST_NUMBER}")
    else:
        faults.check(not low and not high, f"{where}.lowest", "is of a question for a number")
    use = USES[message.use]
    sealed = kind is not QuestionKind.TEXT or use is Use.ORGANISER
    faults.check(sealed, f"{where}.use", "must be for the organiser: a text is no total")
    return Question(
        id=id_,
        title=title,
        kind=kind,
        choices=choices,
        several=message.several,
        lowest=low,
        highest=high,
        use=use,
        required=message.required,
    )


def _keeps(where: str, before: Question | None, now: Question, faults: Faults) -> None:
    """What people answered must go on to mean what it meant, and be shown to those they were told of."""
    if before is None:
        return
    faults.check(now.kind is before.kind, f"{where}.kind", "must stay: people may have answered it")
    faults.check(now.use is before.use, f"{where}.use", "must stay: people were told before they answered")
    same = now.choices[: len(before.choices)] == before.choices
    faults.check(same, f"{where}.choices", "must stay, in their order: people may have chosen them; add others behind")


def _feedback(
    messages: Sequence[pb.Question], before: tuple[Question, ...], new_id: Callable[[], str], faults: Faults
) -> tuple[Question, ...]:
    found = _questions("feedback", messages, before, new_id, faults)
    for index, each in enumerate(messages):
        where = f"feedback[{index}]"
        faults.check(QUESTION_KINDS.get(each.kind) is not QuestionKind.TEXT, f"{where}.kind", "must not be a text")
        faults.check(USES[each.use] is Use.TOTAL, f"{where}.use", "must be a total: nobody sees who said what")
        faults.check(not each.required, f"{where}.required", "must not be: it is optional")
    return found


def _quotas(messages: Sequence[pb.Quota], new_id: Callable[[], str], faults: Faults) -> tuple[Quota, ...]:
    faults.check(len(messages) <= MOST_QUESTIONS, "quotas", f"must be at most {MOST_QUESTIONS}")
    found = []
    for index, (id_, each) in enumerate(
        zip(ids("quotas", (q.id for q in messages), new_id, faults), messages, strict=True)
    ):
        title = faults.line(f"quotas[{index}].title", each.title)
        found.append(Quota(id_, title, faults.within(f"quotas[{index}].places", each.places, 0, MOST_SEATS)))
    return tuple(found)


def of_date(message: pb.ListRules, whole: pb.ListRules) -> tuple[int, int]:
    """The capacities of one date. Raises Invalid where anything else is said that the whole series (`whole`) does not.

    What staff reads of a date are all rules, so all of them may come back.
    """
    faults = Faults()
    room = faults.within("capacity", message.capacity, 0, MOST_SEATS)
    online = faults.within("online_capacity", message.online_capacity, 0, MOST_SEATS)
    for descriptor, value in message.ListFields():
        field = descriptor.name
        mine = field in {"name", "etag", "update_time", "capacity", "online_capacity", "list_code_set"}
        faults.check(
            mine or value == getattr(whole, field), field, "is of the whole series: only capacities are of a date"
        )
    faults.settle()
    return room, online


def etag(rules: Rules) -> str:
    """It changes where the rules do, and with nothing else."""
    return hashlib.sha256(msgspec.json.encode(rules)).hexdigest()[:16]
