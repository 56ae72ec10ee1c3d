"""How seats are kept at a meeting, in plain words: what is asked, who sees it, what holds until when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Final

from openchair.rsvps.v1 import list_rules_pb2 as rules_pb

from services.web import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from openchair.rsvps.v1.list_rules_pb2 import Invitation, ListAvailability
    from openchair.rsvps.v1.rsvp_service_pb2 import GetAvailabilityResponse

HOUR: Final = 60
DAY: Final = 24 * HOUR
WORDS: Final[dict[int, str]] = {
    rules_pb.AVAILABILITY_OPEN: "Seats are free",
    rules_pb.AVAILABILITY_WAITLIST: "Full: you can join the waitlist",
    rules_pb.AVAILABILITY_FULL: "Full",
}
SHORT: Final[dict[int, str]] = {
    rules_pb.AVAILABILITY_OPEN: "",
    rules_pb.AVAILABILITY_WAITLIST: "Waitlist",
    rules_pb.AVAILABILITY_FULL: "Full",
}
AS_TOTAL: Final = "Whoever runs it sees how many gave which answer, not who did."
FOR_ORGANISER: Final = (
    "The named organisers see each answer, without a name beside it. It is stored encrypted and deleted after the date."
)


@dataclass(frozen=True)
class Asked:
    """One question of the form. `kind`: "one", "some", "number" or "text"; `sees` says who sees the answer."""

    id: str
    title: str
    kind: str
    choices: tuple[str, ...]
    lowest: int
    highest: int
    sees: str
    required: bool


def asked(question: rules_pb.Question) -> Asked:
    """A question as the form has it."""
    kinds = {rules_pb.QUESTION_KIND_NUMBER: "number", rules_pb.QUESTION_KIND_TEXT: "text"}
    kind = kinds.get(question.kind, "some" if question.several else "one")
    organiser = question.use == rules_pb.QUESTION_USE_ORGANISER
    return Asked(
        question.id,
        question.title,
        kind,
        tuple(question.choices),
        question.lowest,
        question.highest,
        FOR_ORGANISER if organiser else AS_TOTAL,
        question.required,
    )


def sentences(rules: Invitation) -> tuple[str, ...]:
    """What holds for everybody who keeps a seat, a sentence each."""
    return tuple(filter(None, _sentences(rules)))


def _sentences(rules: Invitation) -> Iterator[str]:
    if rules.mode == rules_pb.RSVP_MODE_REQUIRED:
        yield "Seats are for those who keep one. Please keep one before you come."
    else:
        yield "You can also just come. A seat kept tells who runs it how many chairs to put out."
    if rules.scope == rules_pb.SEAT_SCOPE_SERIES:
        yield "One seat is for all dates."
        if rules.last_joining_date:
            yield f"One can join until {say.day(date.fromisoformat(rules.last_joining_date))}."
    if rules.opens_before_minutes:
        yield f"Seats can be kept from {span(rules.opens_before_minutes)} before the start."
    if rules.closes_before_minutes:
        yield f"Seats can be kept until {span(rules.closes_before_minutes)} before the start."
    yield from _of_places(rules)
    yield from _of_changes(rules)


def _of_changes(rules: Invitation) -> Iterator[str]:
    if rules.scope == rules_pb.SEAT_SCOPE_SERIES:
        yield "A seat can be changed or given back at any time, without a reason."
        return
    if rules.cut_off_minutes:
        yield f"A seat can be changed or given back until {span(rules.cut_off_minutes)} before the start."
    else:
        yield "A seat can be changed or given back until the start, without a reason."
    if rules.confirm_before_minutes:
        yield f"Confirm your seat by {span(rules.confirm_before_minutes)} before the start, or it is given to others."
    if rules.on_move == rules_pb.ON_MOVE_RELEASE:
        yield "If the date is moved, seats are given back: keep one anew if the new time suits you."
    else:
        yield "If the date is moved, your seat moves with it, and its page says so."


def _of_places(rules: Invitation) -> Iterator[str]:
    if rules.draw_hours:
        hours = "hour" if rules.draw_hours == 1 else f"{rules.draw_hours} hours"
        yield f"Being first does not matter: lots are drawn among all who ask in the first {hours}."
    if rules.party_size > 1:
        yield f"You can bring people: up to {rules.party_size} together, yourself included. You are seated together."
        if rules.waitlist and rules.party_rule == rules_pb.PARTY_RULE_FILL:
            yield "On the waitlist a smaller group may be seated before a larger one that does not fit yet."
        elif rules.waitlist:
            yield "On the waitlist nobody passes a larger group: free places are kept until it fits."
    if rules.waitlist:
        order = "in the order of the lots" if rules.draw_hours else "in order of arrival"
        yield f"When all places are taken there is a waitlist, {order}."
        yield _of_offers(rules)


def _of_offers(rules: Invitation) -> str:
    held = f"A place that is offered is held for {span(rules.claim_minutes or 720)}"
    if rules.scope == rules_pb.SEAT_SCOPE_SERIES:
        return f"{held}."
    if rules.cut_off_minutes:
        return f"{held}, at most until {span(rules.cut_off_minutes)} before the start."
    return f"{held}, at most until the start."


def span(minutes: int) -> str:
    """A length of time: "2 hours", "90 minutes", "3 days"."""
    for length, word in ((DAY, "day"), (HOUR, "hour")):
        if minutes >= length and minutes % length == 0:
            many = minutes // length
            return f"{many} {word}{'' if many == 1 else 's'}"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def moment(local: datetime) -> str:
    """An instant as the centre's clocks show it: "Tuesday 24 November, 5:00 pm"."""
    return f"{say.day(local.date())}, {say.clock(local)}"


def takes(available: GetAvailabilityResponse, now: datetime) -> str:
    """Whether a seat can be asked for now: "yes", "early", "over" (closed, or it has begun), "full"."""
    found = [each for each in (available.availability.in_person, available.availability.online) if each]
    if available.HasField("open_time") and now < available.open_time.ToDatetime(UTC):
        return "early"
    if available.availability.closed or (
        available.HasField("close_time") and now >= available.close_time.ToDatetime(UTC)
    ):
        return "over"
    return "full" if found and min(found) == rules_pb.AVAILABILITY_FULL else "yes"


def draw(available: GetAvailabilityResponse, now: datetime) -> datetime | None:
    """When lots are drawn, while whoever comes still takes part in that; None: they are not, or were."""
    rules = available.invitation
    if not rules.draw_hours or not available.HasField("open_time") or available.cancelled:
        return None
    opened = available.open_time.ToDatetime(UTC)
    last = available.start_time.ToDatetime(UTC) - timedelta(minutes=rules.cut_off_minutes + rules.claim_minutes)
    drawn = min(opened + timedelta(hours=rules.draw_hours), last)
    return drawn if opened <= now < drawn else None


def ways(availability: ListAvailability) -> tuple[tuple[str, str], ...]:
    """How one takes part, and whether there is a place: ("In the room", "Seats are free")."""
    found = (("In the room", availability.in_person), ("Online", availability.online))
    return tuple((way, WORDS.get(word, "")) for way, word in found if word)


def word(availability: ListAvailability | None) -> str:
    """In one word, for a line: "" while there are seats, of one kind at least."""
    if availability is None:
        return ""
    if availability.closed:
        return "Closed"
    found = [each for each in (availability.in_person, availability.online) if each]
    return SHORT.get(min(found, default=0), "")
