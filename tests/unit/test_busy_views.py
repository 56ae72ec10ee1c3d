"""What everybody is told of rooms and bookings: the public views, word by word."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from openchair.meetings.v1 import booking_pb2, place_pb2

from services.meetings.records import public_view
from services.meetings.types_rooms import Booking, BookingState, Room, Skipped
from services.recurrence.pattern import Pattern, Slot
from services.recurrence.types import Frequency, Key, Rule, Schedule

DAY = date(2026, 11, 24)
WEEKLY = Schedule(datetime.fromisoformat("2026-11-24T19:00"), "America/Edmonton", 60, Rule(Frequency.WEEKLY))
PATTERN = Pattern(
    zone="America/Edmonton",
    schedule=WEEKLY,
    without=(Key(DAY),),
    slots=(Slot(DAY, 1, datetime.fromisoformat("2026-11-24T20:00"), 5),),
)
TIMES = {"name", "schedule", "without", "slots", "time_zone", "state"}


def booking(**fields: Any) -> Booking:
    """One with a word in everything that takes one."""
    said: dict[str, Any] = {
        name: f"canary-{name}"
        for name in ("organiser", "title", "notes", "overruled", "overruled_by", "meeting", "lineage")
    }
    plain = Booking(
        id="b1",
        centre="house",
        room="hall",
        created_at="2026-11-21T12:00:00.000Z",
        pattern=PATTERN,
        published=False,
        attendees=3,
        before=15,
        after=30,
        skipped=(Skipped(Slot(DAY, 2, datetime.fromisoformat("2026-11-24T21:00"), 60)),),
        checked_in=(Key(DAY),),
        released=(Key(DAY),),
        proposed=True,
        public_busy=True,
        **said,
    )
    return msgspec.structs.replace(plain, **fields)


def told(message: Any) -> set[str]:
    """The fields that say something."""
    return {field.name for field, _ in message.ListFields()}


@pytest.mark.parametrize("state", [BookingState.CONFIRMED, BookingState.PENDING])
def test_of_a_booking_everybody_is_told_when_and_nothing_else(state: BookingState) -> None:
    view = public_view(booking(state=state))
    assert isinstance(view, booking_pb2.Booking)
    assert told(view) == TIMES
    assert b"canary" not in view.SerializeToString()


def test_of_a_booking_in_a_room_that_does_not_say_so_there_is_no_view_at_all() -> None:
    assert public_view(booking(public_busy=False)) is None


def test_a_hold_and_what_only_competes_take_nothing_that_everybody_is_told_of() -> None:
    assert public_view(booking(state=BookingState.HELD, expires_at="2026-11-21T12:10:00.000Z")) is None
    assert public_view(booking(state=BookingState.PENDING, competes=True)) is None


def test_of_a_room_everybody_is_told_whether_its_busy_times_are_public_and_no_word_that_may_tell_the_address() -> None:
    room = Room(id="hall", centre="house", created_at="2026-11-21T12:00:00.000Z", title="canary", place="p")
    room = msgspec.structs.replace(
        room,
        notes="canary",
        join_url="https://canary.example.org",
        photos=("https://canary.example.org",),
        public_busy=True,
        excludes=("part",),
    )
    view = public_view(room)
    assert isinstance(view, place_pb2.Room)
    assert view.public_busy
    assert list(view.excludes) == ["centres/house/rooms/part"]
    assert b"canary" not in view.SerializeToString()
