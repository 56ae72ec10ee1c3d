"""What everybody is told of dates that lack some of their rooms: never one that somebody else has then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.meetings import composed, records
from services.meetings.types import Change, Meeting, Venue
from services.meetings.types_rooms import Lost
from services.recurrence.types import Key
from tests.unit.closing_examples import local, weekly

VENUE = Venue(title="River House", rooms=("Hall", "Kitchen"))
FIRST, SECOND = (Key(local(f"2026-{day}T00:00").date()) for day in ("12-01", "12-08"))


def lacking(*lost: Lost, changes: tuple[Change, ...] = ()) -> Meeting:
    """Held in two rooms on Tuesdays, less what it has lost."""
    base = msgspec.structs.replace(weekly(), place="p1", rooms=("hall", "kitchen"), venue=VENUE)
    return msgspec.structs.replace(base, lost=lost, changes=changes)


def changed(**fields: Any) -> Change:
    """What people said about the second date."""
    return Change(date=SECOND.date, ordinal=SECOND.ordinal, **fields)


def named(meeting: Meeting) -> dict[Key, tuple[str, ...]]:
    """The titles of rooms that are told of each date that differs: to who lists dates, and to who follows the view."""
    listed = {each.key: each.venue.rooms for each in composed.all_in_one(meeting).changes if each.venue is not None}
    view: Any = records.public_view(meeting)
    told = {each.date: tuple(each.venue.rooms) for each in view.changes if each.HasField("venue")}
    assert told == {key.date.isoformat(): rooms for key, rooms in listed.items()}
    return listed


def test_a_date_that_lacks_one_room_does_not_name_another_that_the_series_lost_on_all_dates() -> None:
    meeting = lacking(Lost("hall"), Lost("kitchen", *FIRST))
    assert named(meeting) == {FIRST: ()}
    assert composed.all_in_one(meeting).venue == msgspec.structs.replace(VENUE, rooms=("Kitchen",))


@pytest.mark.parametrize("place", ["p1", None])
def test_nor_does_a_date_for_which_people_said_the_rooms(place: str | None) -> None:
    venue = msgspec.structs.replace(VENUE, rooms=("Kitchen", "Hall"))
    said = changed(place=place, rooms=("kitchen", "hall"), venue=venue)
    assert named(lacking(Lost("hall"), changes=(said,))) == {SECOND: ("Kitchen",)}


def test_a_date_that_differs_in_other_ways_is_where_the_series_is() -> None:
    said = changed(title="Speaker")
    assert composed.changes(lacking(Lost("hall"), changes=(said,))) == (said,)
