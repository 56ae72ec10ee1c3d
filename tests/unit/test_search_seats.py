"""Search by whether there is a place, as the service of seats tells everybody."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.rsvps.v1 import list_rules_pb2

from services.meetings.types import Meeting, Mode
from services.recurrence.types import Frequency, Rule, Schedule
from tests.unit.seats_examples import FULL, OPEN, WAITLIST, invitation, withdrawn, word
from tests.unit.test_search import Room

if TYPE_CHECKING:
    from services.kit.event import Event

NEXT = "2026-11-24"
WEEKLY = Schedule(
    start=datetime.fromisoformat("2026-11-03T19:00"),
    zone="America/Edmonton",
    minutes=60,
    rule=Rule(frequency=Frequency.WEEKLY),
)
STATES = {"open": OPEN, "waitlist": WAITLIST, "full": FULL}


def held(title: str, number: int) -> Meeting:
    return Meeting(
        id=f"id-{number}",
        centre="oak",
        created_at="2026-01-01T00:00:00.000Z",
        lineage=f"id-{number}",
        title=title,
        mode=Mode.IN_PERSON,
        schedule=WEEKLY,
    )


async def titles(room: Room, seats: pb.SeatFilter.ValueType) -> list[str]:
    reply = await room.search(pb.SearchMeetingsRequest(parent="centres/oak", seats=seats, page_size=100))
    return sorted(each.title for each in reply.meetings)


@pytest.fixture
def room() -> Room:
    found = [held(title, number) for number, title in enumerate(("plain", "new", *STATES))]
    room = Room(found)
    told: list[Event] = [invitation("oak", each.lineage) for each in found if each.title != "plain"]
    told += [word("oak", each.lineage, NEXT, STATES[each.title]) for each in found if each.title in STATES]
    for event in told:
        room.seats.apply(event)
    return room


async def test_a_place_is_where_people_just_come_or_nobody_has_kept_one_or_the_word_is_open(room: Room) -> None:
    assert await titles(room, pb.SEAT_FILTER_OPEN) == ["new", "open", "plain"]
    assert await titles(room, pb.SEAT_FILTER_OPEN_OR_WAITLIST) == ["new", "open", "plain", "waitlist"]
    assert await titles(room, pb.SEAT_FILTER_UNSPECIFIED) == ["full", "new", "open", "plain", "waitlist"]


async def test_what_is_found_says_the_word_of_its_next_date(room: Room) -> None:
    reply = await room.search(pb.SearchMeetingsRequest(parent="centres/oak"))
    words = {each.title: each.availability for each in reply.meetings}
    assert words == {"plain": list_rules_pb2.AVAILABILITY_UNSPECIFIED, "new": OPEN, **STATES}


async def test_a_word_of_another_date_says_nothing_of_the_next_and_a_course_has_one_for_all(room: Room) -> None:
    room.seats.apply(word("oak", "id-1", "2026-12-01", FULL))
    assert "new" in await titles(room, pb.SEAT_FILTER_OPEN)
    room.seats.apply(invitation("oak", "id-1", 2, scope=list_rules_pb2.SEAT_SCOPE_SERIES))
    room.seats.apply(word("oak", "id-1", "", FULL))
    assert "new" not in await titles(room, pb.SEAT_FILTER_OPEN)


async def test_where_it_is_not_told_any_more_people_just_come(room: Room) -> None:
    room.seats.apply(withdrawn(invitation("oak", "id-4")))
    assert "full" in await titles(room, pb.SEAT_FILTER_OPEN)
