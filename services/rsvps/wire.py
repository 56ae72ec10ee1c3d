"""What is stored as messages, for everybody and for staff. Words and rules are public; who keeps a seat is nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.rsvps.types import OnMove, PartyRule, QuestionKind, RsvpMode, Scope, Use, Where

if TYPE_CHECKING:
    from services.rsvps.types import Event, GuestList, Question, Quota, Rules

SMALL: Final = 10
"""A capacity up to this is not published: it would tell how many came."""

MODES: Final = {0: RsvpMode.OFF, 1: RsvpMode.OPTIONAL, 2: RsvpMode.REQUIRED}
SCOPES: Final = {0: Scope.DATE, 1: Scope.SERIES}
ON_MOVE: Final = {0: OnMove.KEEP, 1: OnMove.RELEASE}
PARTY_RULES: Final = {0: PartyRule.IN_ORDER, 1: PartyRule.FILL}
USES: Final = {0: Use.TOTAL, 1: Use.ORGANISER}
QUESTION_KINDS: Final = {1: QuestionKind.CHOICE, 2: QuestionKind.NUMBER, 3: QuestionKind.TEXT}
WORDS: Final = {
    "open": pb.AVAILABILITY_OPEN,
    "waitlist": pb.AVAILABILITY_WAITLIST,
    "full": pb.AVAILABILITY_FULL,
}

_NUMBERS: Final = {
    value: number
    for table in (MODES, SCOPES, ON_MOVE, PARTY_RULES, USES, QUESTION_KINDS)
    for number, value in table.items()
}


def availability_message(value: GuestList) -> pb.ListAvailability | None:
    """What everybody may know of a list: words, never numbers; None: nothing. That there is one is told by a word.

    Where no seats are kept any more it stays, without a word: its revision counts in SEQUENCE.
    """
    return None if value.private or not value.told or value.scope is Scope.SISTERS else availability(value)


def availability(value: GuestList) -> pb.ListAvailability:
    """The words of a list."""
    return pb.ListAvailability(
        name=f"centres/{value.centre}/lists/{value.id}" if value.told else "",
        lineage=value.event,
        date=value.date.isoformat() if value.date is not None else "",
        ordinal=value.ordinal,
        in_person=_word(value, Where.ROOM),
        online=_word(value, Where.ONLINE),
        closed=value.closed,
    )


def _word(value: GuestList, where: Where) -> pb.Availability.ValueType:
    word = "" if value.rules.mode is RsvpMode.OFF else value.words.get(where.value, "")
    return WORDS.get(word, pb.AVAILABILITY_UNSPECIFIED)


def invitation_message(value: Event) -> pb.Invitation | None:
    """What everybody may know of how seats are kept; None: nothing."""
    return None if value.private or value.rules.mode is RsvpMode.OFF else invitation(value)


def invitation(value: Event, rules: Rules | None = None) -> pb.Invitation:
    """What a guest has to know; `rules`: those of one date, where they differ."""
    rules = value.rules if rules is None else rules
    shared = (pb.SisterDates(id=id_, names=names) for id_, names in sorted(value.shared.items()))
    return pb.Invitation(
        name=f"centres/{value.centre}/events/{value.id}",
        lineage=value.id,
        mode=_NUMBERS[rules.mode],  # type: ignore[arg-type]  # the wire's number
        scope=_NUMBERS[rules.scope],  # type: ignore[arg-type]  # the wire's number
        capacity=_told(rules.capacity),
        online_capacity=_told(rules.online_capacity),
        waitlist=rules.waitlist >= 0,
        party_size=rules.party_size,
        party_rule=_NUMBERS[rules.party_rule],  # type: ignore[arg-type]  # the wire's number
        opens_before_minutes=rules.opens_before_minutes,
        closes_before_minutes=rules.closes_before_minutes,
        cut_off_minutes=rules.cut_off_minutes,
        claim_minutes=rules.claim_minutes,
        on_move=_NUMBERS[rules.on_move],  # type: ignore[arg-type]  # the wire's number
        questions=map(question_message, rules.questions),
        quotas=(pb.Quota(id=each.id, title=each.title) for each in rules.quotas),
        draw_hours=rules.draw_hours,
        confirm_before_minutes=rules.confirm_before_minutes,
        standing_seats=rules.standing_seats,
        last_joining_date=rules.last_joining_date.isoformat() if rules.last_joining_date else "",
        sister_dates=shared,
        celebrations=rules.celebrations,
        list_code_needed=bool(rules.code),
        feedback=map(question_message, rules.feedback),
    )


def _told(capacity: int) -> int:
    return capacity if capacity > SMALL else 0


def rules_message(name: str, rules: Rules, sisters: list[pb.SisterDates]) -> pb.ListRules:
    """The rules as staff reads them. The code of the list is not in them, only whether there is one."""
    return pb.ListRules(
        name=name,
        mode=_NUMBERS[rules.mode],  # type: ignore[arg-type]  # the wire's number
        scope=_NUMBERS[rules.scope],  # type: ignore[arg-type]  # the wire's number
        capacity=rules.capacity,
        online_capacity=rules.online_capacity,
        waitlist=rules.waitlist,
        party_size=rules.party_size,
        party_rule=_NUMBERS[rules.party_rule],  # type: ignore[arg-type]  # the wire's number
        opens_before_minutes=rules.opens_before_minutes,
        closes_before_minutes=rules.closes_before_minutes,
        cut_off_minutes=rules.cut_off_minutes,
        claim_minutes=rules.claim_minutes,
        on_move=_NUMBERS[rules.on_move],  # type: ignore[arg-type]  # the wire's number
        questions=map(question_message, rules.questions),
        quotas=map(_quota_message, rules.quotas),
        draw_hours=rules.draw_hours,
        confirm_before_minutes=rules.confirm_before_minutes,
        standing_seats=rules.standing_seats,
        last_joining_date=rules.last_joining_date.isoformat() if rules.last_joining_date else "",
        sister_dates=sisters,
        organisers=rules.organisers,
        celebrations=rules.celebrations,
        list_code_set=bool(rules.code),
        feedback=map(question_message, rules.feedback),
    )


def question_message(value: Question) -> pb.Question:
    """What is asked."""
    return pb.Question(
        id=value.id,
        title=value.title,
        kind=_NUMBERS[value.kind],  # type: ignore[arg-type]  # the wire's number
        choices=value.choices,
        several=value.several,
        lowest=value.lowest,
        highest=value.highest,
        use=_NUMBERS[value.use],  # type: ignore[arg-type]  # the wire's number
        required=value.required,
    )


def _quota_message(value: Quota) -> pb.Quota:
    return pb.Quota(id=value.id, title=value.title, places=value.places)
