"""What pages about seats say: how seats are kept, when lots are drawn, which field does not fit. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb

from services.kit.client import Problem
from services.kit.errors import Violation
from services.web import seats_forms, seats_said
from services.web.seats_marked import marked
from services.web.seats_rules import draw, sentences

START = datetime(2026, 12, 1, 18, tzinfo=UTC)
OPENS = START - timedelta(days=10)
DIET = list_rules_pb2.Question(id="5f00", title="What do you eat?")


def invitation(**fields: object) -> list_rules_pb2.Invitation:
    return list_rules_pb2.Invitation(mode=list_rules_pb2.RSVP_MODE_OPTIONAL, waitlist=True, **fields)  # type: ignore[arg-type]  # of its fields


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"claim_minutes": 180}, "A place that is offered is held for 3 hours, at most until the start."),
        (
            {"claim_minutes": 180, "cut_off_minutes": 60},
            "A place that is offered is held for 3 hours, at most until 1 hour before the start.",
        ),
        ({"scope": list_rules_pb2.SEAT_SCOPE_SERIES}, "A place that is offered is held for 12 hours."),
        (
            {"scope": list_rules_pb2.SEAT_SCOPE_SERIES, "last_joining_date": "2026-12-31"},
            "One can join until Thursday 31 December.",
        ),
    ],
)
def test_what_holds_until_when_is_said_as_it_is(fields: dict[str, object], says: str) -> None:
    assert says in sentences(invitation(**fields))


def test_a_course_has_no_start_before_which_all_has_to_be_done() -> None:
    said = " ".join(sentences(invitation(scope=list_rules_pb2.SEAT_SCOPE_SERIES)))
    assert ("the start" in said, "is moved" in said) == (False, False)


@pytest.mark.parametrize(
    ("hours", "cut_off", "drawn"),
    [(0, 0, None), (24, 0, OPENS + timedelta(hours=24)), (168, 7 * 1440, OPENS + timedelta(days=3, hours=-12))],
)
def test_while_lots_are_not_drawn_whoever_comes_has_the_same_chance(
    hours: int, cut_off: int, drawn: datetime | None
) -> None:
    rules = invitation(draw_hours=hours, cut_off_minutes=cut_off, claim_minutes=720)
    available = pb.GetAvailabilityResponse(invitation=rules)
    available.open_time.FromDatetime(OPENS)
    available.start_time.FromDatetime(START)
    assert draw(available, OPENS + timedelta(hours=1)) == drawn
    assert draw(available, OPENS - timedelta(seconds=1)) is None
    assert draw(available, OPENS + timedelta(days=8)) is None


@pytest.mark.parametrize(
    ("field", "reason", "line"),
    [
        ("party_size", "must be 1 to 3", "How many you are: must be 1 to 3"),
        ("answers[0].number", "must be from 0 to 2", "What do you eat?: must be from 0 to 2"),
        ("answers", "the question '5f00' has to be answered", "What do you eat?: has to be answered"),
        ("answers[7].number", "is none of this list", "is none of this list"),
        ("quotas[1]", "is none of this list", "What you need a place of: is none of this list"),
        ("celebration.named", "must be a first name", "What you are called out as: must be a first name"),
    ],
)
def test_what_does_not_fit_is_named_as_the_form_names_it(field: str, reason: str, line: str) -> None:
    asking = pb.ReserveRequest(answers=[seat_pb2.Answer(question="5f00")])
    problem = Problem("INVALID_ARGUMENT", "", violations=(Violation(field, reason),))
    assert marked(problem, asking, invitation(questions=[DIET])) == (line,)


@pytest.mark.parametrize("text", ["abc", "1e3", "2.5", "99999999999"])
def test_a_number_of_people_that_is_none_is_not_taken_for_one(text: str) -> None:
    asking = pb.ReserveRequest()
    seats_forms.say(asking, seats_forms.typed({"party": [text]}), invitation())
    assert asking.party_size < 0


def test_who_waits_for_more_than_a_chair_is_not_told_that_all_are_taken() -> None:
    alone = seat_pb2.Seat(state=seat_pb2.SEAT_STATE_WAITLISTED, party_size=1)
    assert "All places are taken" in seats_said.of_seat(alone).text
    for more in ({"party_size": 2}, {"party_size": 1, "quotas": ["scholarship"]}):
        said = seats_said.of_seat(seat_pb2.Seat(state=seat_pb2.SEAT_STATE_WAITLISTED, **more))
        assert (said.title, said.bad, "All places are taken" in said.text) == ("You are on the waitlist", True, False)


def test_a_standing_seat_does_not_promise_a_chair_on_a_date_that_is_full() -> None:
    standing = seat_pb2.Seat(state=seat_pb2.SEAT_STATE_GOING, standing=True)
    assert "Where one is full you wait" in seats_said.of_seat(standing).text
    standing.start_time.FromDatetime(START)
    assert seats_said.of_seat(standing).text == "There is a chair for you."
