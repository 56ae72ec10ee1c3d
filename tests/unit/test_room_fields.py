"""What a room may say of itself: each mistake is told with its field, and what is right comes back as it was said."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import place_pb2

from services.kit.errors import Invalid
from services.meetings.types_rooms import Room, RoomKind
from services.meetings.wire_rooms import etag, read_room, room_message

BASE = Room(id="h", centre="c", created_at="2026-11-21T12:00:00.000Z", title="Hall", place="p")
EVENING = {"weekdays": [1], "opens": "09:00", "closes": "10:00"}
NOON = {"date": "2026-12-24", "opens": "10:00", "closes": "12:00"}


def said(**fields: Any) -> place_pb2.Room:
    return ParseDict({"title": "Hall", **fields}, place_pb2.Room())


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("room.title", {"title": ""}),
        ("room.capacity", {"capacity": -1}),
        ("room.photos[1]", {"photos": ["https://example.org/a.jpg", "http://example.org/b.jpg"]}),
        ("room.photos[0]", {"photos": [""]}),
        ("room.opening_hours[1].closes", {"opening_hours": [EVENING, {**EVENING, "opens": "22:00"}]}),
        ("room.opening_hours[0].opens", {"opening_hours": [{"weekdays": [1], "opens": "9", "closes": "10:00"}]}),
        ("room.opening_hours[0].opens", {"opening_hours": [{"weekdays": [1], "opens": "25:00", "closes": "26:00"}]}),
        ("room.opening_hours[0].closes", {"opening_hours": [{"weekdays": [1], "opens": "09:00", "closes": "24:01"}]}),
        ("room.opening_hours[0].weekdays", {"opening_hours": [{"weekdays": [0], "opens": "09:00", "closes": "10:00"}]}),
        ("room.opening_hours[0].weekdays", {"opening_hours": [{"weekdays": [8], "opens": "09:00", "closes": "10:00"}]}),
        ("room.opening_hours[0].weekdays", {"opening_hours": [{"opens": "09:00", "closes": "10:00"}]}),
        ("room.dated_hours[0].date", {"dated_hours": [{"date": "24.12.2026"}]}),
        ("room.dated_hours[0].date", {"dated_hours": [{"date": "2026-02-30"}]}),
        ("room.dated_hours[0].closes", {"dated_hours": [{"date": "2026-12-24", "opens": "10:00", "closes": "10:00"}]}),
        ("room.dated_hours[1].date", {"dated_hours": [{"date": "2026-12-24"}, NOON]}),
        ("room.before_minutes", {"before_minutes": 1441}),
        ("room.after_minutes", {"after_minutes": -1}),
        ("room.rules.longest_minutes", {"rules": {"shortest_minutes": 60, "longest_minutes": 30}}),
        ("room.rules.most_days_ahead", {"rules": {"most_days_ahead": -5}}),
        ("room.rules.who", {"rules": {"who": 9}}),
        ("room.rules.approval", {"rules": {"approval": 9}}),
        ("room.rules.quotas[0].period", {"rules": {"quotas": [{"count": 2}]}}),
        ("room.rules.quotas[0]", {"rules": {"quotas": [{"period": 2}]}}),
        ("room.rules.quotas[0].count", {"rules": {"quotas": [{"period": 2, "count": -2, "minutes": 5}]}}),
        ("room.parts[0]", {"parts": ["centres/other/rooms/x"]}),
        ("room.parts[0]", {"parts": ["the small room"]}),
        ("room.time_zone", {"time_zone": "Mars/Olympus"}),
        ("room.join_url", {"join_url": "https://example.org/j/1"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_field(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        read_room(said(**fields), BASE)
    assert field in {wrong.field for wrong in refused.value.violations}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        read_room(said(title="", beforeMinutes=-1, rules={"holdMinutes": -1}), BASE)
    assert [wrong.field for wrong in refused.value.violations] == [
        "room.title",
        "room.before_minutes",
        "room.rules.hold_minutes",
    ]


def test_a_video_account_has_no_parts_and_a_room_no_link() -> None:
    video = Room(id="v", centre="c", created_at=BASE.created_at, title="V", place="", kind=RoomKind.VIDEO)
    assert read_room(said(joinUrl="https://example.org/j"), video).join_url == "https://example.org/j"
    with pytest.raises(Invalid, match="a video account has none"):
        read_room(said(parts=["centres/c/rooms/a"]), video)


def test_reading_what_is_shown_gives_the_same_room() -> None:
    room = read_room(
        said(
            openingHours=[EVENING, {"weekdays": [7, 6], "opens": "00:00", "closes": "24:00"}],
            datedHours=[NOON, {"date": "2026-12-31"}, {**NOON, "opens": "18:00", "closes": "24:00"}],
            rules={"who": 3, "approval": 2, "quotas": [{"period": 1, "count": 1}]},
            parts=["centres/c/rooms/a"],
            photos=["https://example.org/a", "https://example.org/a"],
        ),
        BASE,
        "Europe/Berlin",
    )
    assert read_room(room_message(room), BASE, "UTC") == room
    assert (room.zone, len(room.photos), room.parts) == ("Europe/Berlin", 1, ("a",))


def test_an_etag_is_about_what_a_room_says_and_not_about_what_it_excludes() -> None:
    room = read_room(said(), BASE)
    assert etag(read_room(said(capacity=5), BASE)) != etag(room)
    stored = msgspec.structs.replace(room, floor=4, excludes=("x",))
    assert etag(stored) == etag(room)
