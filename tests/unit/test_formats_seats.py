"""What readers keep of what is public of seats."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace
from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.formats.seats import AVAILABILITY, INVITATION, Told
from services.recurrence.types import Key
from services.rsvps.types import GuestList, Occasion, RsvpMode, Rules, Scope
from services.rsvps.wire import availability_message


def a_list(mode: RsvpMode, scope: Scope = Scope.SERIES) -> GuestList:
    """A list of which a word was told."""
    day = date(2026, 11, 24) if scope is Scope.DATE else None
    occasion = Occasion(start="2026-11-25T02:00:00.000Z", end="", ways=())
    rules = Rules(mode=mode, scope=Scope.SERIES)
    return GuestList(
        id="l1",
        centre="house",
        event="course",
        scope=scope,
        secret="1",
        date=day,
        occasion=occasion,
        rules=rules,
        told=True,
    )


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_of_a_course_where_seats_are_not_kept_any_more_the_sequence_does_not_fall(*, withdrawn_first: bool) -> None:
    told = Told()
    invitation = pb.Invitation(lineage="course", mode=pb.RSVP_MODE_OPTIONAL, scope=pb.SEAT_SCOPE_SERIES, revision=2)
    told.apply(INVITATION, "course", (1, 2), invitation.SerializeToString())
    words = pb.ListAvailability(lineage="course", in_person=pb.AVAILABILITY_WAITLIST, revision=8)
    told.apply(AVAILABILITY, "l1", (1, 8), words.SerializeToString())
    seen = [told.of("course").revision]
    left = availability_message(a_list(RsvpMode.OFF))
    assert left is not None
    left.revision = 9
    acts = [(INVITATION, "course", (1, 3), None), (AVAILABILITY, "l1", (1, 9), left.SerializeToString())]
    for type_, record, order, payload in acts if withdrawn_first else acts[::-1]:
        told.apply(type_, record, order, payload)
        seen.append(told.of("course").revision)
    assert seen == sorted(seen)
    assert told.of("course").mode == pb.RSVP_MODE_UNSPECIFIED


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_of_a_date_where_seats_are_not_kept_any_more_the_sequence_does_not_fall(*, withdrawn_first: bool) -> None:
    told, key = Told(), Key(date(2026, 11, 24))

    def seen() -> int:
        chairs = told.of("weekly")
        word = chairs.word(key)
        assert word is not None
        return chairs.revision + word.revision

    invitation = pb.Invitation(lineage="weekly", mode=pb.RSVP_MODE_OPTIONAL, revision=2)
    told.apply(INVITATION, "weekly", (1, 2), invitation.SerializeToString())
    full = pb.ListAvailability(lineage="weekly", date="2026-11-24", in_person=pb.AVAILABILITY_FULL, revision=8)
    told.apply(AVAILABILITY, "l1", (1, 8), full.SerializeToString())
    sequences = [seen()]
    left = availability_message(replace(a_list(RsvpMode.OFF, Scope.DATE), event="weekly", words={"room": "full"}))
    assert left is not None
    left.revision = 9
    acts = [(INVITATION, "weekly", (1, 3), None), (AVAILABILITY, "l1", (1, 9), left.SerializeToString())]
    for type_, record, order, payload in acts if withdrawn_first else acts[::-1]:
        told.apply(type_, record, order, payload)
        sequences.append(seen())
    assert sequences == sorted(sequences)
    word = told.of("weekly").word(key)
    assert word is not None
    assert not word.differs
    assert not word.said
