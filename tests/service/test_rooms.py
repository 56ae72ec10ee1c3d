"""Rooms as a coordinator keeps them: every field, and what becomes of bookings and other rooms when one changes."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import booking_pb2

from services.kit.clock import instant
from services.kit.errors import Invalid, NotFound, Stale, Unmet
from services.kit.leaves import Changes, Decision
from services.meetings import titling
from services.meetings.diary import leaf
from services.meetings.records import public_view, read
from services.meetings.types_rooms import Booking, Room
from services.recurrence.pattern import Pattern
from services.recurrence.types import Schedule
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from services.kit.store.port import Record
    from services.meetings.desk import Desk, Held
    from services.meetings.types import Place

pytest_plugins = ("tests.service.meetings_house",)

EDMONTON = "America/Edmonton"
ALL: dict[str, Any] = {
    "title": "River Hall",
    "capacity": 80,
    "accessibility": ["wheelchair"],
    "equipment": ["piano"],
    "notes": "Up the stairs",
    "photos": ["https://example.org/hall.jpg"],
    "opening_hours": [
        {"weekdays": [1, 2, 3, 4, 5], "opens": "09:00", "closes": "22:00"},
        {"weekdays": [6], "opens": "10:00", "closes": "24:00"},
    ],
    "dated_hours": [
        {"date": "2026-12-24", "reason": "Christmas Eve"},
        {"date": "2026-12-31", "opens": "09:00", "closes": "24:00"},
    ],
    "before_minutes": 15,
    "after_minutes": 30,
    "rules": {
        "who": "WHO_MAY_BOOK_COORDINATORS",
        "most_days_ahead": 90,
        "least_minutes_ahead": 60,
        "shortest_minutes": 30,
        "longest_minutes": 240,
        "without_end": True,
        "quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": 2, "minutes": 300}],
        "approval": "APPROVAL_HOLDS",
        "check_in_minutes": 15,
        "hold_minutes": 5,
    },
    "time_zone": "Europe/Berlin",
    "public_busy": True,
}


async def a_room(house: House, place: str, title: str = "Hall", **more: Any) -> Any:
    return await house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place, **more})


def id_of(thing: Any) -> str:
    return str(thing.name.rpartition("/")[2])


async def booked(house: House, room: Any, id_: str, start: str = "2026-11-24T19:00", **more: Any) -> None:
    """A booking of the room, as whoever books writes it."""
    pattern = Pattern(zone=EDMONTON, schedule=Schedule(datetime.fromisoformat(start), EDMONTON, 60))
    at = instant(house.clock.now())
    made = Booking(id=id_, centre="house", room=id_of(room), created_at=at, lineage=id_, pattern=pattern, **more)

    def decide(_head: Any, _at: str) -> Decision[None]:
        return Decision(None, Changes(leaves=(leaf(made),)), "book")

    await house.desk.heads.change("room", id_of(room), decide, actor="test")


async def at_once(house: House, *calls: Awaitable[Any]) -> list[Any]:
    """What becomes of all of them, a refusal too; whoever has to try again waits for a clock that moves."""
    told = asyncio.gather(*calls, return_exceptions=True)
    while not told.done():
        await asyncio.wait([told], timeout=0.01)
        if house.clock.asleep:  # or much time would pass on a slow machine
            await house.clock.advance(1)
    return told.result()


async def record_of(house: House, room: Any) -> Record:
    found = await house.store.get("room", id_of(room))
    assert found is not None
    return found


async def shown(house: House, room: Any) -> Any:
    """What everybody sees of it."""
    return public_view(read(await record_of(house, room), Room))


# What is said of a room


async def test_a_room_says_again_what_was_said_of_it(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name, **ALL)
    got = await house.call("GetRoom", name=made.name)
    assert got == made
    again = await house.call("UpdateRoom", room={"name": made.name, **ALL, "place": place.name})
    assert again == made
    assert list(made.opening_hours[1].weekdays) == [6]
    assert (made.opening_hours[1].closes, made.dated_hours[0].opens) == ("24:00", "")
    assert (made.rules.quotas[0].minutes, made.before_minutes, made.after_minutes) == (300, 15, 30)


async def test_a_room_without_a_zone_has_that_of_its_centre(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    assert made.time_zone == EDMONTON
    changed = await house.call("UpdateRoom", room={"name": made.name, "time_zone": ""}, update_mask="timeZone")
    assert changed.time_zone == EDMONTON


async def test_what_is_wrong_with_a_new_room_is_told_with_its_field(house: House) -> None:
    place = await house.place()
    for field, said in (
        ("room.kind", {"kind": 7}),
        ("room.place", {"kind": "ROOM_KIND_VIDEO"}),
        ("room.opening_hours[0].weekdays", {"opening_hours": [{"opens": "09:00", "closes": "10:00"}]}),
    ):
        with pytest.raises(Invalid) as refused:
            await a_room(house, place.name, **said)
        assert field in {wrong.field for wrong in refused.value.violations}


async def test_a_video_account_is_at_no_place_and_its_link_is_https(house: House) -> None:
    video = {"title": "Zoom 1", "kind": "ROOM_KIND_VIDEO", "join_url": "https://example.org/j/CANARY", "capacity": 100}
    made = await house.call("CreateRoom", parent=CENTRE, room=video)
    assert (made.place, made.join_url) == ("", "https://example.org/j/CANARY")
    public = str(await shown(house, made))
    assert "CANARY" not in public
    assert "Zoom" not in public
    with pytest.raises(Invalid, match="https"):
        await house.call("UpdateRoom", room={"name": made.name, "join_url": "http://example.org/j/1"})
    for path in ("kind", "place"):
        with pytest.raises(Invalid, match="can be changed"):
            await house.call("UpdateRoom", room={"name": made.name}, update_mask=path)


async def test_nothing_that_tells_an_address_a_rule_or_a_link_is_public(house: House) -> None:
    place = await house.place()
    said = {**ALL, "title": "CANARY", "notes": "CANARY", "photos": ["https://example.org/CANARY"]}
    said["dated_hours"] = [{"date": "2026-12-24", "reason": "CANARY"}]
    made = await a_room(house, place.name, **said)
    view = await shown(house, made)
    assert view is not None
    told = {field.name for field, _ in view.ListFields()}
    assert told == {"name", "create_time", "place", "capacity", "accessibility", "equipment", "kind", "public_busy"}
    assert "CANARY" not in str(view)


async def test_a_room_that_says_so_tells_everybody_its_title_and_photos_and_nothing_else(house: House) -> None:
    place = await house.place()
    said: dict[str, Any] = {
        "title": "Hearth",
        "notes": "CANARY",
        "photos": ["https://example.org/a.jpg"],
        "public_title": True,
    }
    made = await a_room(house, place.name, **said)
    view = await shown(house, made)
    assert view is not None
    assert (view.title, list(view.photos)) == ("Hearth", said["photos"])
    assert "CANARY" not in str(view)
    await house.call("UpdateRoom", room={"name": made.name}, update_mask="publicTitle")
    view = await shown(house, made)
    assert view is not None
    assert (view.title, list(view.photos)) == ("", [])


TOLD: dict[str, Any] = {"title": "CANARY", "photos": ["https://example.org/CANARY"], "public_title": True}


async def lower(house: House, place: Any, level: str) -> None:
    """The place says another level, and what follows it has followed."""
    said = {"name": place.name, "address_access": f"ADDRESS_ACCESS_{level}"}
    await house.call("UpdatePlace", place=said, update_mask="addressAccess")


@pytest.mark.parametrize("level", ["AREA_ONLY", "HOLDERS"])
async def test_a_room_of_a_place_that_is_withheld_tells_no_title_whatever_it_says(house: House, level: str) -> None:
    place = await house.place(address_access=f"ADDRESS_ACCESS_{level}")
    made = await a_room(house, place.name, **TOLD)
    assert made.public_title, "the coordinator reads what was said"
    assert "CANARY" not in str(await shown(house, made))
    other = await a_room(house, place.name, **TOLD | {"public_title": False})
    await house.call("UpdateRoom", room={"name": other.name, "public_title": True}, update_mask="publicTitle")
    assert "CANARY" not in str(await shown(house, other))
    assert not (await shown(house, other)).public_title


@pytest.mark.parametrize("level", ["AREA_ONLY", "HOLDERS"])
async def test_the_title_of_a_room_is_withdrawn_when_its_place_is_withheld_and_told_again_after(
    house: House, level: str
) -> None:
    place = await house.place()
    made, quiet = await a_room(house, place.name, **TOLD), await a_room(house, place.name, "CANARY of staff")
    assert (await shown(house, made)).title == "CANARY"
    await lower(house, place, level)
    await house.sweep()
    assert "CANARY" not in str(await shown(house, made))
    await lower(house, place, "PUBLIC")
    await house.sweep()
    view = await shown(house, made)
    assert (view.title, list(view.photos)) == ("CANARY", TOLD["photos"])
    assert "CANARY" not in str(await shown(house, quiet))


async def test_a_place_that_is_withheld_in_the_moment_in_which_its_room_is_made_public_wins(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that follows the place has followed before the room is written, which had read that the place is public."""
    place = await house.place()
    made = await a_room(house, place.name, **TOLD | {"public_title": False})
    read_place, asked = titling.place_of, []

    async def place_of(desk: Desk, room: Room) -> Held[Place] | None:
        found = await read_place(desk, room)
        asked.append(room)
        if len(asked) == 1:
            await lower(house, place, "HOLDERS")
            await house.sweep()
        return found

    monkeypatch.setattr(titling, "place_of", place_of)
    say = house.call("UpdateRoom", room={"name": made.name, "public_title": True}, update_mask="publicTitle")
    assert not any(isinstance(told, Exception) for told in await at_once(house, say))
    assert "CANARY" not in str(await shown(house, made))
    assert len(asked) > 1


async def test_who_edits_a_room_need_not_start_again_because_its_place_was_withheld(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name, **TOLD)
    await lower(house, place, "HOLDERS")
    await house.sweep()
    assert (await house.call("GetRoom", name=made.name)).etag == made.etag


# Two who edit, and whoever books meanwhile


async def test_a_booking_moves_the_room_and_makes_no_editor_start_again(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    await booked(house, made, "b1")
    changed = await house.call("UpdateRoom", room={"name": made.name, "capacity": 5, "etag": made.etag})
    with pytest.raises(Stale) as stale:
        await house.call("UpdateRoom", room={"name": made.name, "capacity": 6, "etag": made.etag})
    assert stale.value.details["etag"] == changed.etag != made.etag
    with pytest.raises(Stale):
        await house.call("DeleteRoom", name=made.name, etag=made.etag)


async def test_edits_and_bookings_at_once_lose_nothing(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    fields: list[dict[str, Any]] = [{"capacity": 7}, {"notes": "N"}, {"before_minutes": 5}, {"equipment": ["piano"]}]
    await at_once(
        house,
        *(house.call("UpdateRoom", room={"name": made.name, **each}) for each in fields),
        *(booked(house, made, f"b{n}", f"2026-12-{n + 1:02}T19:00") for n in range(8)),
    )
    got = await house.call("GetRoom", name=made.name)
    assert (got.capacity, got.notes, got.before_minutes, list(got.equipment)) == (7, "N", 5, ["piano"])
    assert await house.desk.heads.look("room", id_of(made), lambda head: len(head.index.bookings)) == 8


async def test_an_edit_that_changes_nothing_writes_nothing(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name, **ALL)
    before = (await record_of(house, made)).revision
    same = await house.call("UpdateRoom", room={"name": made.name, **{k: v for k, v in ALL.items() if k != "place"}})
    assert (same.etag, (await record_of(house, made)).revision) == (made.etag, before)


async def test_a_double_of_a_request_makes_one_room(house: House) -> None:
    place = await house.place()
    request = {"parent": CENTRE, "room": {"title": "Hall", "place": place.name}, "request_id": "once"}
    one, two = await at_once(house, *(house.call("CreateRoom", **request) for _ in range(2)))
    assert one == two
    assert len((await house.call("ListRooms", parent=CENTRE)).rooms) == 1


# Parts


async def excluded(house: House, *rooms: Any) -> list[set[str]]:
    """Titles of what each of them excludes."""
    listed = {each.name: each for each in (await house.call("ListRooms", parent=CENTRE)).rooms}
    return [{listed[name].title for name in listed[room.name].excludes} for room in rooms]


async def test_a_hall_and_its_parts_exclude_each_other_and_so_do_halls_that_share_one(house: House) -> None:
    place = await house.place()
    a, b, c = [await a_room(house, place.name, title) for title in "abc"]
    hall = await a_room(house, place.name, "hall", parts=[a.name, b.name])
    assert await excluded(house, a, b, c, hall) == [{"hall"}, {"hall"}, set(), {"a", "b"}]
    other = await a_room(house, place.name, "other")
    await house.call("UpdateRoom", room={"name": other.name, "parts": [b.name, c.name]})
    assert await excluded(house, a, b, c, hall, other) == [
        {"hall"},
        {"hall", "other"},
        {"other"},
        {"a", "b", "other"},
        {"b", "c", "hall"},
    ]
    await house.call("UpdateRoom", room={"name": hall.name}, update_mask="parts")
    assert await excluded(house, a, b, c, hall, other) == [set(), {"other"}, {"other"}, set(), {"b", "c"}]
    await house.call("DeleteRoom", name=other.name)
    assert await excluded(house, a, b, c, hall) == [set()] * 4


async def test_parts_are_of_the_same_place_and_never_go_in_circles(house: House) -> None:
    place, elsewhere = await house.place(), await house.place(title="Barn")
    a, far = await a_room(house, place.name, "a"), await a_room(house, elsewhere.name, "far")
    hall = await a_room(house, place.name, "hall", parts=[a.name])
    for room, parts, says in (
        (hall, [far.name], "same place"),
        (hall, [f"{CENTRE}/rooms/nowhere"], "same place"),
        (hall, [hall.name], "itself"),
        (a, [hall.name], "a part of itself"),
    ):
        with pytest.raises(Invalid, match=says):
            await house.call("UpdateRoom", room={"name": room.name, "parts": parts})


async def test_parts_under_which_two_bookings_would_meet_are_refused_with_the_list(house: House) -> None:
    place = await house.place()
    a, hall = await a_room(house, place.name, "a"), await a_room(house, place.name, "hall")
    await booked(house, a, "a1", title="Coaching")
    await booked(house, hall, "h1", title="Concert")
    with pytest.raises(Unmet) as refused:
        await house.call("UpdateRoom", COORDINATOR, room={"name": hall.name, "parts": [a.name]})
    (report,) = refused.value.attached
    assert isinstance(report, booking_pb2.ClashReport)
    assert refused.value.reason == "ROOM_TAKEN"
    assert {(each.room, each.taken_room) for each in report.clashes} in ({(a.name, hall.name)}, {(hall.name, a.name)})
    assert report.clashes[0].taken_by in {"Coaching", "Concert"}
    assert await excluded(house, a, hall) == [set(), set()]
    house.clock.jump(house.clock.now() + timedelta(days=5))  # by then both are over
    await house.call("UpdateRoom", COORDINATOR, room={"name": hall.name, "parts": [a.name]})
    assert await excluded(house, a, hall) == [{"hall"}, {"a"}]


async def test_rooms_that_get_parts_at_once_all_know_of_each_other(house: House) -> None:
    place = await house.place()
    a, b = [await a_room(house, place.name, title) for title in "ab"]
    halls = await at_once(house, *(a_room(house, place.name, f"h{n}", parts=[a.name, b.name]) for n in range(4)))
    names = {"h0", "h1", "h2", "h3"}
    assert await excluded(house, a, b) == [names, names]
    assert await excluded(house, *halls) == [(names | {"a", "b"}) - {hall.title} for hall in halls]


async def test_a_hall_that_is_made_while_another_one_gets_parts_is_not_forgotten(house: House) -> None:
    place = await house.place()
    a = await a_room(house, place.name, "a")
    old = [await a_room(house, place.name, f"old{n}") for n in range(6)]
    await at_once(
        house,
        *(house.call("UpdateRoom", room={"name": each.name, "parts": [a.name]}) for each in old[:3]),
        a_room(house, place.name, "new", parts=[a.name]),
        *(house.call("UpdateRoom", room={"name": each.name, "parts": [a.name]}) for each in old[3:]),
    )
    halls = {"new", *(each.title for each in old)}
    assert await excluded(house, a, *old) == [halls, *((halls | {"a"}) - {each.title} for each in old)]


# The end of a room


async def test_a_room_with_a_coming_booking_or_that_is_a_part_is_not_deleted_and_past_bookings_go_with_it(
    house: House,
) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    await booked(house, made, "old", "2026-11-17T19:00")
    await booked(house, made, "coming")
    with pytest.raises(Unmet, match="bookings/coming"):
        await house.call("DeleteRoom", name=made.name)
    await house.desk.heads.change(
        "room", id_of(made), lambda _h, _a: Decision(None, Changes(removed=("coming",))), actor="test"
    )
    hall = await a_room(house, place.name, "hall", parts=[made.name])
    with pytest.raises(Unmet, match=id_of(hall)):
        await house.call("DeleteRoom", name=made.name)
    await house.call("DeleteRoom", name=hall.name)
    await house.call("DeleteRoom", name=made.name)
    with pytest.raises(NotFound):
        await house.call("GetRoom", name=made.name)
    for id_ in ("old", "coming"):
        record = await house.store.get("booking", id_)
        assert record is not None
        assert record.gone


async def test_a_room_that_is_booked_while_it_is_deleted_is_one_or_the_other(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    told = await at_once(house, house.call("DeleteRoom", name=made.name), booked(house, made, "b"))
    gone = (await record_of(house, made)).gone
    record = await house.store.get("booking", "b")
    if gone:
        assert not isinstance(told[0], BaseException)
    else:
        assert isinstance(told[0], Unmet)
        assert record is not None
        assert not record.gone


# What everybody sees of bookings


async def test_whether_busy_times_are_public_is_followed_by_every_booking(house: House) -> None:
    place = await house.place()
    made = await a_room(house, place.name)
    for n in range(3):
        await booked(house, made, f"b{n}", f"2026-12-0{n + 1}T19:00", title="CANARY")
    for public in (True, False):
        await house.call("UpdateRoom", room={"name": made.name, "public_busy": public}, update_mask="publicBusy")
        await house.sweep()
        for n in range(3):
            record = await house.store.get("booking", f"b{n}")
            assert record is not None
            view = public_view(read(record, Booking))
            assert (view is not None) is public
            assert "CANARY" not in str(view)
        assert (await record_of(house, made)).due_at is None
