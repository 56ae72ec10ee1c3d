"""What comes in and is not right: a code, the field, a reason that repeats nothing; and nothing has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Exists, Invalid, NotFound, Refusal, Stale, Unmet
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.meetings_house import CENTRE, START, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CANARY: Final = "canary-4711"
WEEKLY: Final = {
    "start": "2026-11-24T19:00", "time_zone": "America/Edmonton", "minutes": 60, "rule": "FREQ=WEEKLY;BYDAY=TU",
}  # fmt: skip
RETREAT: Final = {"start": "2027-02-12T17:00", "time_zone": "America/Edmonton", "minutes": 46 * 60}
WELCOME: Final = {"title": "Welcome", "day": 1, "time": "17:00", "minutes": 60}


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


async def everything(house: House) -> list[str]:
    return sorted([repr(entry) async for entry in house.store.dump()])


async def refused(house: House, kind: type[Refusal], method: str, request: dict[str, Any]) -> Refusal:
    """The refusal. Nothing of the request is in it, and nothing is stored."""
    before = await everything(house)
    with pytest.raises(kind) as error:
        await house.call(method, **request)
    assert await everything(house) == before
    assert CANARY not in str(error.value)
    assert CANARY not in repr(error.value.details)
    return error.value


def fields(error: Refusal) -> set[str]:
    return {violation.field for violation in error.violations}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("minutes", {"minutes": 0}),
        ("minutes", {"minutes": -60}),
        ("minutes", {"minutes": 31 * 24 * 60 + 1}),
        ("time_zone", {"time_zone": "America/Nowhere"}),
        ("time_zone", {"time_zone": "../../etc/passwd"}),
        ("time_zone", {"time_zone": ""}),
        ("start", {"start": "2026-11-24"}),
        ("start", {"start": "2026-13-40T19:00"}),
        ("start", {"start": "2026-11-24T19:00Z"}),
        ("rule", {"rule": "FREQ=WEEKLY;INTERVAL=0;BYDAY=TU"}),
        ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU;COUNT=3;UNTIL=20270101"}),
        ("rule", {"rule": "FREQ=SECONDLY"}),
        ("rule", {"rule": "FREQ=MINUTELY;BYDAY=TU"}),
        ("rule", {"rule": "FREQ=HOURLY"}),
        ("rule", {"rule": "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2"}),
        ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU;COUNT=1000000000"}),
        ("rule", {"rule": "FREQ=WEEKLY;BYDAY=" + ",".join(["TU"] * 401)}),
        ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU\r\nEXRULE:FREQ=DAILY"}),
        ("rule", {"rule": "EXRULE:FREQ=WEEKLY;BYDAY=TU"}),
        ("rule", {"rule": f"FREQ=WEEKLY;X={CANARY}"}),
        ("rule", {"rule": "FREQ=WEEKLY;BYDAY=TU;UNTIL=20200101"}),
    ],
)
async def test_a_schedule_that_is_none_is_refused_by_its_field(house: House, field: str, wrong: dict[str, Any]) -> None:
    meeting = {"title": CANARY, "mode": "MODE_IN_PERSON", "schedule": WEEKLY | wrong}
    error = await refused(house, Invalid, "CreateMeeting", {"parent": CENTRE, "meeting": meeting})
    assert any(each.startswith(f"meeting.schedule.{field}") or each == "meeting.schedule" for each in fields(error))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("title", {"title": ""}),
        ("title", {"title": CANARY * 1_000}),
        ("title", {"title": f"{CANARY}\r\nX-EVIL: 1"}),
        ("title", {"title": f"{CANARY}\x00"}),
        ("title", {"title": f"{CANARY}\u202e"}),
        ("title", {"title": f"{CANARY}\u200b"}),
        ("title", {"title": f"\x1b[31m{CANARY}"}),
        ("notes", {"notes": CANARY * 1_000}),
        ("kind", {"kind": "Not A Slug"}),
        ("kind", {"kind": "a.$where"}),
        ("language", {"language": "not a language"}),
        ("mode", {"mode": 99}),
        ("mode", {"mode": "MODE_UNSPECIFIED"}),
        ("visibility", {"visibility": 99}),
        ("state", {"state": "MEETING_STATE_CANCELLED"}),
        ("holidays", {"holidays": 99}),
        ("capacity", {"capacity": -1}),
        ("capacity", {"capacity": 2**31 - 1}),
        ("online.url", {"online": {"url": f"javascript:{CANARY}"}}),
        ("online.url", {"online": {"url": f"data:text/html,{CANARY}"}}),
        ("online.url", {"online": {"url": f"file:///{CANARY}"}}),
        ("online.url", {"online": {"url": f"https://user:{CANARY}@example.org"}}),
        ("online.phone", {"online": {"phone": CANARY}}),
        ("online.passcode", {"online": {"passcode": f"{CANARY}\n"}}),
        ("website", {"website": f"javascript:{CANARY}"}),
        ("types", {"types": [CANARY * 10]}),
        ("types", {"types": [f"t{n}" for n in range(200)]}),
        ("programmes", {"programmes": [{"weeks": [6], "title": "Speaker"}]}),
        ("programmes", {"programmes": [{"weeks": [1], "title": ""}]}),
        ("sessions", {"sessions": [WELCOME]}),
        ("place", {"place": "centres/other/places/p"}),
        ("place", {"place": f"{CENTRE}/places/*"}),
        ("place", {"place": f"{CENTRE}/places/a.$b"}),
        ("place", {"rooms": [f"{CENTRE}/rooms/r"]}),
        ("invite_group", {"invite_group": "centres/other/groups/g"}),
        ("invite_group", {"visibility": "VISIBILITY_MEMBERS"}),
    ],
)
async def test_what_is_wrong_with_a_meeting_is_named(house: House, field: str, wrong: dict[str, Any]) -> None:
    sound = {"title": "Tuesday Group", "mode": "MODE_HYBRID", "schedule": WEEKLY}
    error = await refused(house, Invalid, "CreateMeeting", {"parent": CENTRE, "meeting": sound | wrong})
    assert any(each.startswith(f"meeting.{field}") for each in fields(error)), fields(error)
    made = await house.meeting()
    change = {"meeting": {"name": made.name, **wrong}, "update_mask": ",".join(wrong).replace("_g", "G")}
    error = await refused(house, Invalid, "UpdateMeeting", change)
    assert any(each.startswith(f"meeting.{field}") for each in fields(error)), fields(error)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("sessions[0].day", {"day": 0}),
        ("sessions[0].day", {"day": 33}),
        ("sessions[0].time", {"time": "25:00"}),
        ("sessions[0].time", {"time": "16:59"}),
        ("sessions[0].minutes", {"minutes": 0}),
        ("sessions[0].title", {"title": ""}),
        ("sessions[0].id", {"id": "A B"}),
        ("sessions[0].leader", {"leader": "Ana Mustermann"}),
        ("sessions[0].leader", {"leader": "ana@example.org"}),
        ("sessions[0].rooms", {"rooms": ["centres/other/rooms/r"]}),
    ],
)
async def test_what_is_wrong_with_a_session_is_named(house: House, field: str, wrong: dict[str, Any]) -> None:
    place = await house.place()
    meeting = {"title": "Retreat", "mode": "MODE_IN_PERSON", "schedule": RETREAT, "place": place.name}
    request = {"parent": CENTRE, "meeting": {**meeting, "sessions": [WELCOME | wrong]}}
    error = await refused(house, Invalid, "CreateMeeting", request)
    assert f"meeting.{field}" in fields(error)


async def test_sessions_without_ids_keep_their_rooms_in_whatever_order_they_are_said(house: House) -> None:
    place = await house.place()
    rooms = [
        await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place.name}) for title in "AB"
    ]
    said = [
        {"title": "Goodbye", "day": 3, "time": "13:00", "minutes": 60, "rooms": [rooms[1].name]},
        {**WELCOME, "rooms": [rooms[0].name]},
        {"title": "Walk", "id": "s2", "day": 2, "time": "09:00", "minutes": 60},
    ]
    made = await house.meeting(schedule=RETREAT, place=place.name, sessions=said)
    told = [(each.title, list(each.rooms)) for each in made.sessions]
    assert told == [("Welcome", [rooms[0].name]), ("Walk", []), ("Goodbye", [rooms[1].name])]


@pytest.mark.parametrize(
    ("method", "field", "wrong"),
    [
        ("Place", "title", {"title": ""}),
        ("Place", "latitude", {"latitude": 91.0, "longitude": 0.0}),
        ("Place", "latitude", {"latitude": "NaN", "longitude": 0.0}),
        ("Place", "longitude", {"latitude": 1.0, "longitude": "Infinity"}),
        ("Place", "map_url", {"map_url": f"javascript:{CANARY}"}),
        ("Place", "address", {"address": f"1 Main St\r\n{CANARY}"}),
        ("Place", "address_access", {"address_access": 99}),
        ("Centre", "time_zone", {"time_zone": "Nowhere/Land"}),
        ("Centre", "holiday_calendar", {"holiday_calendar": "XX"}),
        ("Centre", "website", {"website": f"javascript:{CANARY}"}),
        ("Centre", "title", {"title": "x" * 10_240}),
    ],
)
async def test_what_is_wrong_with_a_house_is_named(
    house: House, method: str, field: str, wrong: dict[str, Any]
) -> None:
    sound = {"title": "Hall", **({"time_zone": "America/Edmonton"} if method == "Centre" else {"address": "1 Main St"})}
    thing = {method.lower(): sound | wrong}
    request = {"parent": CENTRE, **thing} if method == "Place" else {"centre_id": "second", **thing}
    error = await refused(house, Invalid, f"Create{method}", request)
    assert any(each.startswith(f"{method.lower()}.{field}") for each in fields(error)), fields(error)


@pytest.mark.parametrize("id_", ["", "A", "../x", "a/b", "a.b", "$where", "x" * 100, "*", ">", "a\x00"])
async def test_an_id_that_could_mean_something_else_is_none(house: House, id_: str) -> None:
    centre = {"title": "C", "time_zone": "UTC"}
    error = await refused(house, Invalid, "CreateCentre", {"centre_id": id_, "centre": centre})
    assert "centre_id" in fields(error)
    await refused(house, Invalid if id_ != "A" else NotFound, "GetMeeting", {"name": f"{CENTRE}/meetings/{id_}"})


async def test_what_is_taken_gone_or_of_somebody_else_is_refused_alike(house: House) -> None:
    made = await house.meeting()
    other = {"title": "Other", "time_zone": "UTC"}
    await refused(house, Exists, "CreateCentre", {"centre_id": "house", "centre": other})
    await house.call("CreateCentre", centre_id="other", centre=other)
    id_ = made.name.rpartition("/")[2]
    for name in (f"centres/other/meetings/{id_}", "centres/other/meetings/none", "centres/none/meetings/none"):
        error = await refused(house, NotFound, "GetMeeting", {"name": name})
        assert error.details == {"name": name}


@pytest.mark.parametrize("method", ["CancelOccurrence", "RestoreOccurrence", "ChangeOccurrence"])
@pytest.mark.parametrize("key", ["20261125", "20201124", "99999999", "2026-11-24", "20261124T19", "nonsense"])
async def test_a_date_that_the_series_does_not_have_is_none_of_it(house: House, method: str, key: str) -> None:
    made = await house.meeting()
    name = f"{made.name}/occurrences/{key}"
    request: dict[str, Any] = {"name": name, "reason": CANARY}
    if method == "RestoreOccurrence":
        request = {"name": name}
    if method == "ChangeOccurrence":
        request = {"name": name, "change": {"notes": CANARY}, "update_mask": "notes"}
    await refused(house, Refusal, method, request)


async def test_who_was_slower_is_told_the_present_etag(house: House) -> None:
    made = await house.meeting()
    newer = await house.call("UpdateMeeting", meeting={"name": made.name, "title": "B"}, update_mask="title")
    stale = {"meeting": {"name": made.name, "etag": made.etag, "title": CANARY}, "update_mask": "title"}
    error = await refused(house, Stale, "UpdateMeeting", stale)
    assert error.details == {"etag": newer.etag}


async def test_what_is_still_used_stays(house: House) -> None:
    place = await house.place()
    room = await house.call("CreateRoom", parent=CENTRE, room={"title": "Blue", "place": place.name})
    made = await house.meeting(place=place.name, rooms=[room.name])
    for method, name in (("DeleteRoom", room.name), ("DeletePlace", place.name)):
        error = await refused(house, Unmet, method, {"name": name})
        assert error.reason == "IN_USE"
        assert made.name in error.details["used_by"] or room.name in error.details["used_by"]
