"""The page of a room: what is on in it, when else it is taken, and what is not told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import booking_pb2, place_pb2

from services.kit.clock import instant
from services.kit.event import Event, subject
from services.web.board import BOOKING, PLACE, ROOM, Board
from services.web.page import Pages
from services.web.room import RoomWeek, room_week
from tests.unit.web_examples import NOON, SITE, board, closure, meeting_event

HALL = "centres/oak/rooms/hall"
PART = "centres/oak/rooms/part"
INSIDE: dict[str, Any] = {
    "rooms": [HALL],
    "place": "centres/oak/places/house",
    "venue": {"title": "The House", "rooms": ["The Hall"]},
}


def record(kind: str, id_: str, type_: str, payload: bytes | None, revision: int = 1) -> Event:
    where = subject("home", "public", "meetings", "oak", kind, id_)
    return Event(where, 1, revision, type_, instant(NOON), payload)


def place(**fields: Any) -> Event:
    known = {"name": "centres/oak/places/house", "title": "The House", "address": "1 Main St"}
    return record("place", "house", PLACE, ParseDict(known | fields, place_pb2.Place()).SerializeToString())


def room(id_: str = "hall", **fields: Any) -> Event:
    known = {"name": f"centres/oak/rooms/{id_}", "place": "centres/oak/places/house", "capacity": 30}
    return record("room", id_, ROOM, ParseDict(known | fields, place_pb2.Room()).SerializeToString())


def booking(
    id_: str, start: str, minutes: int = 60, *, of: str = HALL, state: str = "CONFIRMED", rule: str = ""
) -> Event:
    schedule = {"start": start, "minutes": minutes, "timeZone": "America/Denver", "rule": rule}
    said = {"name": f"{of}/bookings/{id_}", "state": f"BOOKING_STATE_{state}", "schedule": schedule}
    message = ParseDict(said | {"timeZone": "America/Denver"}, booking_pb2.Booking())
    return record("booking", id_, BOOKING, message.SerializeToString())


def week_of(*events: Event, now: datetime = NOON, id_: str = "hall") -> RoomWeek:
    found = room_week("oak", board(place(), *events).boards["oak"], id_, SITE, now)
    assert found is not None
    return found


def slots(week: RoomWeek) -> list[tuple[int, str, str]]:
    """The day's number, when and what."""
    return [
        (number, slot.when.replace("\N{NO-BREAK SPACE}", " "), slot.title)
        for number, day in enumerate(week.days)
        for slot in day.slots
    ]


def test_its_public_meetings_stand_there_and_what_else_takes_it_is_only_taken() -> None:
    week = week_of(
        room(publicBusy=True),
        meeting_event("dawn", "2026-11-25T07:00", "FREQ=DAILY;COUNT=2", **INSIDE),
        booking("a", "2026-11-25T07:00", rule="FREQ=DAILY;COUNT=2"),  # that of the meeting
        booking("b", "2026-11-25T07:30", 90),
        booking("c", "2026-11-26T14:00", state="PENDING"),
    )
    assert slots(week) == [
        (1, "7:00 am to 8:00 am", "Dawn"),
        (1, "8:00 am to 9:00 am", "Taken"),
        (2, "7:00 am to 8:00 am", "Dawn"),
        (2, "2:00 pm to 3:00 pm", "Asked for"),
    ]
    assert week.days[1].slots[0].anchor == "dawn-20261125"
    assert week.days[1].slots[1].anchor == ""


def test_a_room_that_does_not_say_so_shows_its_public_meetings_alone() -> None:
    week = week_of(
        room(),
        meeting_event("dawn", "2026-11-25T07:00", **INSIDE),
        booking("b", "2026-11-25T09:00"),
    )
    assert [title for _, _, title in slots(week)] == ["Dawn"]
    assert week.busy == ""
    assert week_of(room(publicBusy=True)).busy == "https://chairs.example.org/freebusy/oak/hall.ifb"


def test_a_hall_is_taken_while_a_part_of_it_is_but_only_as_far_as_the_part_lets_everybody_know() -> None:
    hall = room(publicBusy=True, excludes=[PART])
    taken = booking("b", "2026-11-25T09:00", of=PART)
    assert len(slots(week_of(hall, room("part", publicBusy=True), taken))) == 1
    assert slots(week_of(hall, room("part"), taken)) == []
    assert slots(week_of(room(excludes=[PART]), room("part", publicBusy=True), taken)) == []


@pytest.mark.parametrize("level", ["ADDRESS_ACCESS_AREA_ONLY", "ADDRESS_ACCESS_HOLDERS"])
def test_a_room_of_a_place_whose_address_is_withheld_has_no_page(level: str) -> None:
    withheld = {"addressAccess": level}
    made = board(place(**withheld), room(publicBusy=True, title="Shelter", photos=["https://x.example.org/door.jpg"]))
    assert room_week("oak", made.boards["oak"], "hall", SITE, NOON) is None
    assert Pages(made).room("https://x.example.org", NOON, "oak", "hall") is None


def test_a_room_that_is_not_there_one_without_a_place_and_a_centre_that_is_not_have_no_page() -> None:
    made = Pages(board(room()))
    assert made.room("https://x.example.org", NOON, "oak", "attic") is None
    assert made.room("https://x.example.org", NOON, "oak", "hall") is None  # its place is not known (yet)
    assert made.room("https://x.example.org", NOON, "elm", "hall") is None


def test_what_it_is_called_is_told_by_public_meetings_or_by_its_own_record() -> None:
    assert week_of(room()).title == "A room"
    assert week_of(room(), meeting_event("dawn", "2026-11-25T07:00", **INSIDE)).title == "The Hall"
    assert week_of(room(title="Hearth")).title == "Hearth"


def test_what_is_not_held_there_on_a_date_is_not_shown_there() -> None:
    """Called off, online, in another room, in a lost one, at a place that is withheld, suspended, over for good."""
    lost = {"date": "2026-11-28", "lostRooms": [HALL], "rooms": [HALL], "venue": {"title": "The House"}}
    changes = [
        {"date": "2026-11-25", "cancelled": True},
        {"date": "2026-11-26", "mode": "MODE_ONLINE"},
        {"date": "2026-11-27", "rooms": [PART], "venue": {"title": "The House"}},
        lost,
        {"date": "2026-11-29", "venue": {"addressAccess": "ADDRESS_ACCESS_HOLDERS"}, "rooms": [HALL]},
    ]
    week = week_of(
        room(),
        meeting_event("dawn", "2026-11-25T07:00", "FREQ=DAILY;COUNT=6", changes=changes, **INSIDE),
        meeting_event("off", "2026-11-25T09:00", state="MEETING_STATE_SUSPENDED", **INSIDE),
        meeting_event("gone", "2026-11-25T09:00", state="MEETING_STATE_CANCELLED", **INSIDE),
    )
    assert [(number, title) for number, _, title in slots(week)] == [(6, "Dawn")]


def test_an_item_of_an_agenda_is_shown_in_its_own_room() -> None:
    sessions = [
        {"id": "walk", "title": "Walk", "day": 1, "time": "10:00", "minutes": 60, "rooms": [HALL]},
        {"id": "talk", "title": "Talk", "day": 2, "time": "25:00", "minutes": 60, "rooms": [HALL]},
    ]
    inside = INSIDE | {"rooms": [PART]}
    retreat = meeting_event("retreat", "2026-11-25T09:00", minutes=600, sessions=sessions, **inside)
    assert slots(week_of(room(), retreat)) == [(1, "10:00 am to 11:00 am", "Retreat")]
    without = [{"date": "2026-11-25", "agendaWithout": [HALL]}]
    retreat = meeting_event("retreat", "2026-11-25T09:00", minutes=600, sessions=sessions, changes=without, **inside)
    assert slots(week_of(room(), retreat)) == []


def test_what_lasts_over_midnight_stands_on_each_of_its_days() -> None:
    week = week_of(room(publicBusy=True), booking("b", "2026-11-25T22:00", 60 * 28))
    assert slots(week) == [
        (1, "10:00 pm to midnight", "Taken"),
        (2, "All day", "Taken"),
        (3, "midnight to 2:00 am", "Taken"),
    ]


def test_it_holds_until_something_is_over_or_the_day_is() -> None:
    events = (room(publicBusy=True), booking("b", "2026-11-24T12:30"), booking("c", "2026-11-24T09:00"))
    week = week_of(*events)
    assert [title for _, _, title in slots(week)] == ["Taken"]  # noon: what was in the morning is over
    assert week.until == datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
    assert week_of(*events, now=week.until).until == datetime(2026, 11, 25, 7, 0, tzinfo=UTC)


def test_one_booking_that_cannot_be_read_leaves_the_others_alone() -> None:
    week = week_of(room(publicBusy=True), booking("a", "tomorrow"), booking("b", "2026-11-25T09:00"))
    assert len(slots(week)) == 1


def test_a_booking_makes_no_page_of_a_centre_anew_and_that_of_the_room_at_once() -> None:
    made = board(place(), room(publicBusy=True), meeting_event("dawn", "2026-11-25T07:00", **INSIDE))
    pages, base = Pages(made), "https://x.example.org"
    week, hall = pages.week(base, NOON), pages.room(base, NOON, "oak", "hall")
    assert pages.room(base, NOON, "oak", "hall") is hall
    made.apply(booking("b", "2026-11-25T09:00"))
    assert pages.week(base, NOON) is week
    other = pages.room(base, NOON, "oak", "hall")
    assert other is not None
    assert other is not hall
    assert b"Taken</li>" in other.body
    assert pages.room(base, NOON + timedelta(days=1), "oak", "hall") is not other


@pytest.mark.parametrize(
    ("kind", "type_", "payload"),
    [
        ("place", PLACE, place_pb2.Place(name="centres/elm/places/x")),
        ("room", ROOM, place_pb2.Room(name="centres/elm/rooms/x")),
        ("booking", BOOKING, booking_pb2.Booking(name="centres/elm/rooms/hall/bookings/x")),
    ],
)
def test_an_event_that_contradicts_itself_is_refused(kind: str, type_: str, payload: Any) -> None:
    made = Board()
    for wrong in (payload.SerializeToString(), b"\xff\xff"):
        with pytest.raises(ValueError, match=r"name different|payload"):
            made.apply(record(kind, "x", type_, wrong))
    assert (made.version, made.rooms_version) == (0, 0)


def test_the_page_says_the_room_in_words_and_links_to_the_meetings_lines() -> None:
    made = board(
        place(accessibility=["wheelchair"]),
        room(
            publicBusy=True,
            title="Hearth <b>",
            equipment=["Piano"],
            photos=["https://x.example.org/a.jpg", "javascript:alert(1)"],
        ),
        meeting_event("dawn", "2026-11-25T07:00", **INSIDE),
    )
    page = Pages(made).room("https://chairs.example.org", NOON, "oak", "hall")
    assert page is not None
    text = page.body.decode()
    for said in (
        "Hearth &lt;b&gt;",
        "Oak House, The House, 1 Main St",
        "Chairs: 30",
        "Access: wheelchair access",
        "What is there: Piano",
        '<a href="https://x.example.org/a.jpg" rel="noreferrer noopener nofollow">Picture 1</a>',
        '<a href="/centre/oak#dawn-20261125">Dawn</a>',
        "webcal://chairs.example.org/calendars/oak/room/hall.ics",
        "https://chairs.example.org/freebusy/oak/hall.ifb",
    ):
        assert said in text, said
    assert "javascript:" not in text
    assert "<script" not in text


def test_the_page_of_the_centre_leads_to_those_of_its_rooms() -> None:
    page = Pages(board(place(), room(), meeting_event("dawn", "2026-11-25T07:00", **INSIDE))).week(
        "https://chairs.example.org", NOON
    )
    assert page is not None
    assert '<a href="/centre/oak/room/hall" aria-label="The week of The Hall">its week</a>' in page.body.decode()


def test_what_is_closed_is_said_on_the_page_of_a_room_until_it_is_over() -> None:
    shut = closure(start="2026-11-24", end="2026-11-24", reason="Snow")
    week = week_of(room(), shut)
    assert [notice.reason for notice in week.notices] == ["Snow"]
    page = Pages(board(place(), room(), shut)).room("https://x.example.org", NOON, "oak", "hall")
    assert page is not None
    assert b"Snow" in page.body
    assert week_of(room(), shut, now=week.until).notices == ()
