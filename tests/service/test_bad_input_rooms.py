"""What comes in about rooms and bookings and is not right: a code, the field, a reason that repeats nothing.

Nothing has changed afterwards, and what was taken is told as a list with the refusal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Invalid, Refusal, Unmet
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, BEN, at, book, room
from tests.service.claims_house import report
from tests.service.meetings_house import CENTRE, START, House
from tests.service.test_bad_input import CANARY, WEEKLY, fields, refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLUE: Final = "{blue}"
BOOKING: Final = "{booking}"
NAMES: Final = [
    "",
    "*",
    "centres/house",
    "centres/house/rooms/*",
    "centres/house/rooms/a.$b",
    "centres/house/rooms/a\x00",
]
TEXTS: Final = [f"{CANARY}\x00", f"{CANARY}\u202e", f"{CANARY}\u200b", f"\x1b[31m{CANARY}", CANARY * 1_000]
"""Never right anywhere: what a line or a text cannot hold."""
LINES: Final = [*TEXTS, f"{CANARY}\r\nX-EVIL: 1"]
HERE: Final = {"parent": CENTRE}
WHEN: Final = {**HERE, "schedule": at()["schedule"]}
WANTED: Final = {**HERE, "rooms": [BLUE], "booking": at()}
ROOMS: Final = [f"{CENTRE}/rooms/r{n}" for n in range(51)]
DAY, BEFORE, YEAR_AFTER = "2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z", "2027-11-26T00:00:00Z"
WEEK: Final = {"first_date": "2026-11-23", "last_date": "2026-11-29"}
ONE: Final = {"first_date": "2026-11-24", "last_date": "2026-11-24"}
LONG: Final = {"first_date": "2026-11-24", "last_date": "2027-01-24"}
EVERY_DAY: Final = "BYMONTH=" + ",".join(map(str, range(1, 13))) + ";BYMONTHDAY=" + ",".join(map(str, range(1, 32)))
SCHEDULES: Final = [
    ("minutes", {"minutes": 0}),
    ("minutes", {"minutes": -60}),
    ("minutes", {"minutes": 31 * 24 * 60 + 1}),
    ("", {"minutes": 24 * 60 + 1, "rule": "FREQ=DAILY"}),
    ("time_zone", {"time_zone": "America/Nowhere"}),
    ("time_zone", {"time_zone": "../../etc/passwd"}),
    ("time_zone", {"time_zone": ""}),
    ("start", {"start": "2026-11-24"}),
    ("start", {"start": "2026-13-40T19:00"}),
    ("start", {"start": "2020-11-24T19:00", "rule": ""}),
    ("start", {"start": "2026-11-25T19:00"}),
    ("rule", {"rule": "FREQ=WEEKLY;INTERVAL=0;BYDAY=TU"}),
    ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU;COUNT=3;UNTIL=20270101"}),
    ("rule", {"rule": "FREQ=SECONDLY"}),
    ("rule", {"rule": "FREQ=MINUTELY;BYDAY=TU"}),
    ("rule", {"rule": "FREQ=HOURLY"}),
    ("rule", {"rule": "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2"}),
    ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU;COUNT=1000000000"}),
    ("rule", {"rule": "FREQ=WEEKLY;BYDAY=" + ",".join(["TU"] * 401)}),
    ("rule", {"rule": f"FREQ=YEARLY;{EVERY_DAY};BYDAY=MO,TU"}),
    ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU\r\nEXRULE:FREQ=DAILY"}),
    ("rule", {"rule": "EXRULE:FREQ=WEEKLY;BYDAY=TU"}),
    ("rule", {"rule": f"FREQ=WEEKLY;X={CANARY}"}),
    ("extra_dates", {"extra_dates": [{"date": "2026-02-30"}]}),
    ("extra_dates", {"extra_dates": [{"date": "2026-11-26", "ordinal": -1}]}),
]  # fmt: skip


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = VirtualClock(START)
    store = MemoryStore(KINDS, clock)
    await store.open()
    house = House(store, clock)
    await house.meetings.load()
    await house.centre()
    yield house
    await store.close()


@pytest.fixture
async def names(house: House) -> dict[str, str]:
    """A room, a booking of it by somebody, a place, and a room of another centre."""
    blue = await room(house)
    place = (await house.call("GetRoom", name=blue)).place
    await house.call("CreateCentre", centre_id="other", centre={"title": "Other", "time_zone": "UTC"})
    there = await house.call("CreateRoom", parent="centres/other", room={"title": "A", "kind": "ROOM_KIND_VIDEO"})
    made = await book(house, ANA, blue, at("2026-11-26T19:00", rule="FREQ=WEEKLY;BYDAY=TH"))
    return {"blue": blue, "place": place, "booking": str(made.name), "elsewhere": str(there.name)}


def filled(value: Any, names: dict[str, str]) -> Any:
    """The request with names in the place of what stands for them."""
    if isinstance(value, dict):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    known = {f"{{{key}}}": name for key, name in names.items()}
    return known.get(value, value) if isinstance(value, str) else value


def methods(said: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each method that takes a booking as it is wanted, with this one."""
    return [
        ("BookRoom", {"parent": CENTRE, "rooms": [BLUE], "booking": said}),
        ("HoldRoom", {"parent": CENTRE, "room": BLUE, "booking": said}),
        ("CheckBooking", {"parent": CENTRE, "rooms": [BLUE], "booking": said}),
        ("ChangeBooking", {"booking": {"name": BOOKING, **said}}),
    ]


@pytest.mark.parametrize(("field", "wrong"), SCHEDULES)
async def test_a_schedule_that_is_none_is_refused_by_its_field(
    house: House, names: dict[str, str], field: str, wrong: dict[str, Any]
) -> None:
    schedule = {**WEEKLY, **wrong}
    asked = [*methods({"schedule": schedule}), ("FindFreeRooms", {"parent": CENTRE, "schedule": schedule})]
    for method, request in asked:
        error = await refused(house, Invalid, method, filled(request, names))
        prefix = "schedule" if method == "FindFreeRooms" else "booking.schedule"
        assert any(each.startswith(f"{prefix}.{field}") for each in fields(error)), (method, fields(error))


@pytest.mark.parametrize("text", LINES)
async def test_words_that_cannot_be_said_are_refused_by_their_field(
    house: House, names: dict[str, str], text: str
) -> None:
    for method, request in methods(at(title=text)):
        error = await refused(house, Invalid, method, filled(request, names))
        assert "booking.title" in fields(error), method
    over = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": text}
    wanted: dict[str, Any] = {"parent": CENTRE, "rooms": [BLUE], "booking": at()}
    for method, field, request in (
        ("BookRoom", "overrule_reason", {**wanted, **over}),
        ("ChangeBooking", "overrule_reason", {"booking": {"name": BOOKING, "title": "A"}, **over}),
        ("ReleaseBooking", "reason", {"name": BOOKING, "reason": text}),
        ("CreateRoom", "room.title", {"parent": CENTRE, "room": {"title": text, "place": "{place}"}}),
        ("UpdateRoom", "room.title", {"room": {"name": BLUE, "title": text}}),
        ("UpdateRoom", "room.equipment[0]", {"room": {"name": BLUE, "equipment": [text]}}),
        ("UpdateRoom", "room.join_url", {"room": {"name": BLUE, "join_url": text}}),
        ("UpdateRoom", "room.photos[0]", {"room": {"name": BLUE, "photos": [text]}}),
        (
            "UpdateRoom",
            "room.dated_hours[0].reason",
            {"room": {"name": BLUE, "dated_hours": [{"date": "2026-12-24", "reason": text}]}},
        ),
        ("FindFreeRooms", "equipment[0]", {"parent": CENTRE, "schedule": at()["schedule"], "equipment": [text]}),
        ("GetUtilisation", "first_date", {"parent": CENTRE, "first_date": text, "last_date": "2026-11-29"}),
        ("ListBookings", "page_token", {"parent": CENTRE, "page_token": text}),
    ):
        error = await refused(house, Invalid, method, filled(request, names))
        assert field in fields(error), (method, fields(error))


@pytest.mark.parametrize("text", TEXTS)
async def test_notes_that_cannot_be_said_are_refused_by_their_field(
    house: House, names: dict[str, str], text: str
) -> None:
    for method, request in methods(at(notes=text)):
        assert "booking.notes" in fields(await refused(house, Invalid, method, filled(request, names)))
    for method, of in (("CreateRoom", {"place": "{place}"}), ("UpdateRoom", {"name": BLUE})):
        request = filled({"parent": CENTRE, "room": {"title": "A", "notes": text, **of}}, names)
        if method == "UpdateRoom":
            del request["parent"]
        assert "room.notes" in fields(await refused(house, Invalid, method, request))


@pytest.mark.parametrize(
    ("method", "field", "request_"),
    [
        ("BookRoom", "rooms", {**HERE, "rooms": [], "booking": at()}),
        ("BookRoom", "rooms", {**HERE, "rooms": ROOMS[:21], "booking": at()}),
        ("BookRoom", "rooms", {**HERE, "rooms": [BLUE, BLUE], "booking": at()}),
        ("CheckBooking", "rooms", {**HERE, "rooms": [BLUE, BLUE], "booking": at()}),
        ("BookRoom", "rooms[1]", {**HERE, "rooms": [BLUE, "{elsewhere}"], "booking": at()}),
        ("HoldRoom", "room", {**HERE, "room": "{elsewhere}", "booking": at()}),
        ("GetFreeBusy", "rooms[0]", {**HERE, "rooms": ["{elsewhere}"]}),
        ("GetFreeBusy", "rooms", {**HERE, "rooms": ROOMS}),
        ("GetUtilisation", "rooms[0]", {**HERE, "rooms": ["{elsewhere}"], **WEEK}),
        ("BookRoom", "booking.attendees", {**HERE, "rooms": [BLUE], "booking": at(attendees=-1)}),
        ("BookRoom", "booking.attendees", {**HERE, "rooms": [BLUE], "booking": at(attendees=2**31 - 1)}),
        ("BookRoom", "on_clash", {**WANTED, "on_clash": 99}),
        ("BookRoom", "overrule_reason", {**WANTED, "on_clash": 3}),
        ("ChangeBooking", "on_clash", {"booking": {"name": BOOKING, "title": "A"}, "on_clash": 99}),
        ("ChangeBooking", "scope", {"booking": {"name": BOOKING, "title": "A"}, "scope": 99}),
        ("ChangeBooking", "key", {"booking": {"name": BOOKING, "title": "A"}, "key": "20261126"}),
        ("ChangeBooking", "key", {"booking": {"name": BOOKING, **at()}, "scope": 1, "key": "20261127"}),
        ("ChangeBooking", "key", {"booking": {"name": BOOKING, **at()}, "scope": 2, "key": "20261127"}),
        ("ChangeBooking", "update_mask", {"booking": {"name": BOOKING, "title": "A"}, "update_mask": "organiser"}),
        ("ChangeBooking", "update_mask", {"booking": {"name": BOOKING, "title": "A"}, "update_mask": "$where"}),
        ("ReleaseBooking", "scope", {"name": BOOKING, "scope": -1}),
        ("ReleaseBooking", "key", {"name": BOOKING, "scope": 1, "key": "20261127"}),
        ("ReleaseBooking", "key", {"name": BOOKING, "scope": 1, "key": f"20261126-{'9' * 30}"}),
        ("ReleaseBooking", "key", {"name": BOOKING, "scope": 1, "key": CANARY}),
        ("ReleaseBooking", "key", {"name": BOOKING, "scope": 2}),
        ("TakeSkippedDates", "keys[0]", {"name": BOOKING, "keys": [CANARY]}),
        ("TakeSkippedDates", "keys", {"name": BOOKING, "keys": ["20261126"]}),
        ("CheckInBooking", "key", {"name": BOOKING, "key": "2026-11-26"}),
        ("CheckBooking", "instead_of", {**WANTED, "instead_of": CANARY}),
        ("ListBookings", "queue", {**HERE, "queue": 99}),
        ("ListBookings", "page_size", {**HERE, "page_size": -1}),
        ("ListRooms", "page_token", {**HERE, "page_token": "AAAA"}),
        ("FindFreeRooms", "page_token", {**WHEN, "page_token": "AAAA"}),
        ("FindFreeRooms", "kind", {**WHEN, "kind": 99}),
        ("FindFreeRooms", "capacity", {**WHEN, "capacity": -1}),
        ("FindFreeRooms", "schedule", {"parent": CENTRE}),
        ("FindFreeRooms", "last_date", {**HERE, **LONG, "minutes": 60}),
        ("FindFreeRooms", "minutes", {**HERE, **ONE, "minutes": -60}),
        ("FindFreeRooms", "near.latitude", {**WHEN, "near": {"latitude": "NaN", "radius_km": 1}}),
        ("GetRoomCalendar", "end_time", {"name": BLUE, "start_time": DAY, "end_time": BEFORE}),
        ("GetRoomCalendar", "end_time", {"name": BLUE, "start_time": DAY, "end_time": YEAR_AFTER}),
        ("GetRoomCalendar", "start_time", {"name": BLUE, "start_time": "0001-01-01T00:00:00Z"}),
        ("GetFreeBusy", "end_time", {**HERE, "rooms": [BLUE], "end_time": "9999-12-31T00:00:00Z"}),
        ("GetUtilisation", "last_date", {**HERE, "first_date": "2026-11-23", "last_date": "2029-11-23"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_its_field(
    house: House, names: dict[str, str], method: str, field: str, request_: dict[str, Any]
) -> None:
    error = await refused(house, Invalid, method, filled(request_, names))
    assert any(each.startswith(field) for each in fields(error)), fields(error)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("capacity", {"capacity": -1}),
        ("capacity", {"capacity": 2**31 - 1}),
        ("before_minutes", {"before_minutes": -1}),
        ("after_minutes", {"after_minutes": 24 * 60 + 1}),
        ("opening_hours[0].opens", {"opening_hours": [{"weekdays": [1], "opens": "25:00", "closes": "26:00"}]}),
        ("opening_hours[0].closes", {"opening_hours": [{"weekdays": [1], "opens": "22:00", "closes": "09:00"}]}),
        ("opening_hours[0].weekdays", {"opening_hours": [{"weekdays": [8], "opens": "09:00", "closes": "22:00"}]}),
        ("opening_hours[0].weekdays", {"opening_hours": [{"opens": "09:00", "closes": "22:00"}]}),
        ("opening_hours", {"opening_hours": [{"weekdays": [1], "opens": "09:00", "closes": "10:00"}] * 61}),
        ("dated_hours[0].date", {"dated_hours": [{"date": "2026-02-30"}]}),
        ("dated_hours[1].date", {"dated_hours": [{"date": "2026-12-24"}] * 2}),
        ("dated_hours", {"dated_hours": [{"date": "2026-12-24", "opens": "09:00", "closes": "10:00"}] * 367}),
        ("rules.who", {"rules": {"who": 99}}),
        ("rules.approval", {"rules": {"approval": 99}}),
        ("rules.most_days_ahead", {"rules": {"most_days_ahead": -1}}),
        ("rules.hold_minutes", {"rules": {"hold_minutes": 24 * 60 + 1}}),
        ("rules.longest_minutes", {"rules": {"shortest_minutes": 60, "longest_minutes": 30}}),
        ("rules.quotas[0].count", {"rules": {"quotas": [{"period": 1, "count": -1, "minutes": 1}]}}),
        ("rules.quotas[0].minutes", {"rules": {"quotas": [{"period": 1, "count": 1, "minutes": -1}]}}),
        ("rules.quotas[0].period", {"rules": {"quotas": [{"period": 0, "count": 1}]}}),
        ("rules.quotas[0].period", {"rules": {"quotas": [{"period": 99, "count": 1}]}}),
        ("rules.quotas[0]", {"rules": {"quotas": [{"period": 1}]}}),
        ("rules.quotas", {"rules": {"quotas": [{"period": 1, "count": 1}] * 11}}),
        ("photos[0]", {"photos": [f"javascript:{CANARY}"]}),
        ("photos[0]", {"photos": [f"data:text/html,{CANARY}"]}),
        ("photos[0]", {"photos": [f"http://example.org/{CANARY}"]}),
        ("photos[0]", {"photos": [f"https://user:{CANARY}@example.org"]}),
        ("photos[0]", {"photos": [f"https://example.org/a\r\nX-EVIL: {CANARY}"]}),
        ("photos", {"photos": [f"https://example.org/{n}" for n in range(61)]}),
        ("equipment", {"equipment": [f"e{n}" for n in range(61)]}),
        ("parts[0]", {"parts": ["{elsewhere}"]}),
        ("parts[0]", {"parts": [f"{CENTRE}/rooms/none"]}),
        ("parts[0]", {"parts": [CANARY]}),
        ("time_zone", {"time_zone": "Nowhere/Land"}),
        ("join_url", {"join_url": "https://meet.example.org/a"}),
    ],
)
async def test_what_is_wrong_with_a_room_is_named(
    house: House, names: dict[str, str], field: str, wrong: dict[str, Any]
) -> None:
    made = {"parent": CENTRE, "room": {"title": "Red", "place": "{place}", **wrong}}
    for method, request in (("CreateRoom", made), ("UpdateRoom", {"room": {"name": BLUE, **wrong}})):
        error = await refused(house, Invalid, method, filled(request, names))
        assert f"room.{field}" in fields(error), fields(error)


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_that_could_mean_something_else_is_none(house: House, names: dict[str, str], name: str) -> None:
    for method in (
        *("GetRoom", "DeleteRoom", "GetRoomCalendar", "GetBooking", "ConfirmHold", "ReleaseBooking"),
        *("ApproveBooking", "DeclineBooking", "CheckInBooking", "TakeSkippedDates"),
    ):
        assert fields(await refused(house, Invalid, method, {"name": name})) == {"name"}
    for method, request in (
        ("UpdateRoom", {"room": {"name": name}}),
        ("ChangeBooking", {"booking": {"name": name}}),
        ("BookRoom", {"parent": CENTRE, "rooms": [BLUE, name], "booking": at()}),
        ("HoldRoom", {"parent": CENTRE, "room": name, "booking": at()}),
        ("GetFreeBusy", {"parent": CENTRE, "rooms": [name]}),
    ):
        await refused(house, Invalid, method, filled(request, names))


async def test_a_page_token_is_good_for_the_query_that_it_was_given_for(house: House, names: dict[str, str]) -> None:
    await book(house, BEN, names["blue"], at("2026-11-27T19:00"))
    first = await house.call("ListBookings", parent=CENTRE, page_size=1)
    token = first.next_page_token
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for request in (
        {"parent": names["blue"], "page_token": token},
        {"parent": CENTRE, "queue": 1, "page_token": token},
        {"parent": CENTRE, "page_token": forged},
    ):
        assert fields(await refused(house, Invalid, "ListBookings", request)) == {"page_token"}
    assert len((await house.call("ListBookings", parent=CENTRE, page_size=1, page_token=token)).bookings) == 1


async def test_a_request_id_is_for_one_request(house: House, names: dict[str, str]) -> None:
    """A double submit makes one booking; the same id with another body is refused."""
    request = {"parent": CENTRE, "rooms": [names["blue"]], "booking": at(), "request_id": "r1"}
    first = await house.call("BookRoom", **request)
    assert await house.call("BookRoom", **request) == first
    other = {**request, "booking": at("2026-11-28T19:00", title=CANARY)}
    error = await refused(house, Refusal, "BookRoom", other)
    assert error.reason == "REQUEST_ID_REUSED"


async def test_what_is_taken_is_refused_with_the_list_of_clashes(house: House, names: dict[str, str]) -> None:
    blue = names["blue"]
    await house.call("UpdateRoom", room={"name": blue, "before_minutes": 15})
    await house.call(
        "UpdateRoom", room={"name": blue, "opening_hours": [{"weekdays": [2, 4], "opens": "08:00", "closes": "22:00"}]}
    )
    rules = {"most_days_ahead": 30, "quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": 1}]}
    await house.call("UpdateRoom", room={"name": blue, "rules": rules})
    for start, reason, kind in (
        ("2026-11-26T19:30", "ROOM_TAKEN", 1),
        ("2026-11-26T20:00", "ROOM_TAKEN", 1),
        ("2026-11-27T19:00", "ROOM_NOT_OPEN", 2),
        ("2027-01-05T19:00", "BOOKING_RULE", 4),
    ):
        wanted = {"parent": CENTRE, "rooms": [blue], "booking": at(start, title=CANARY)}
        error = await refused(house, Unmet, "BookRoom", wanted)
        assert (error.reason, report(error).clashes[0].kind) == (reason, kind), start
        assert CANARY not in str(error.attached)
