"""What everybody is told of dates that lack some of their rooms: never one that somebody else has then."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.meetings import composed, records
from services.meetings.types import Change, Meeting, Session, Venue
from services.meetings.types_rooms import Lost
from services.meetings.wire import meeting_message
from services.recurrence.types import ExtraDate, Key, Schedule
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


def retreat(*lost: Lost) -> Meeting:
    """On two days, with an agenda of which an item is held in a room of its own, and another in two."""
    extra = (ExtraDate(SECOND.date),)
    schedule = Schedule(local("2026-12-01T09:00"), weekly().schedule.zone, 600, None, extra)
    one, both = (("kitchen",), ("Kitchen",)), (("kitchen", "attic"), ("Kitchen", "Attic"))
    sessions = tuple(
        Session(id=f"s{n}", title="Talk", day=1, time=local(f"2026-12-01T1{n}:00").time(), minutes=60,
                rooms=rooms, room_titles=titles)
        for n, (rooms, titles) in enumerate((one, both))
    )  # fmt: skip
    return msgspec.structs.replace(lacking(*lost), schedule=schedule, sessions=sessions, rooms=(), venue=VENUE)


def agenda(meeting: Meeting) -> tuple[list[list[str]], dict[str, list[str]]]:
    """What everybody is told: the rooms of each item, and which of them single dates are without."""
    view: Any = records.public_view(meeting)
    ids = [[name.rpartition("/")[2] for name in each.rooms] for each in view.sessions]
    titles = [[title.lower() for title in each.room_titles] for each in view.sessions]
    assert ids == titles
    return ids, {each.date: [name.rpartition("/")[2] for name in each.agenda_without] for each in view.changes}


def test_only_the_date_that_lost_a_room_of_its_agenda_is_without_it() -> None:
    whole = [["kitchen"], ["kitchen", "attic"]]
    assert agenda(retreat(Lost("kitchen", *SECOND))) == (whole, {"2026-12-08": ["kitchen"]})
    assert agenda(retreat(Lost("kitchen"))) == ([[], ["attic"]], {})
    assert agenda(retreat(Lost("kitchen"), Lost("attic", *FIRST))) == ([[], ["attic"]], {"2026-12-01": ["attic"]})


def test_more_than_an_event_can_hold_are_left_out_on_every_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composed, "MOST_OF_AGENDA", 1)
    assert agenda(retreat(Lost("kitchen", *FIRST), Lost("attic", *SECOND))) == ([[], []], {})


def test_who_edits_an_agenda_reads_the_rooms_that_were_said() -> None:
    message = meeting_message(retreat(Lost("kitchen"), Lost("attic", *FIRST)))
    assert [len(each.rooms) for each in message.sessions] == [1, 2]
