"""Which rooms are free: the best fit first, page by page; and a dry run that says what booking would meet."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from openchair.meetings.v1 import booking_pb2

from services.kit.call import Caller
from services.kit.errors import Denied, Invalid, NotFound, Unauthenticated, Unmet
from services.kit.store.port import Commit
from services.meetings import records
from services.meetings.types import Closure, ClosureEffect
from services.meetings.types_rooms import (
    Approval,
    BookingRules,
    BookingState,
    OpeningHours,
    Quota,
    QuotaPeriod,
    RoomKind,
    WhoMayBook,
)
from tests.service.booked import WEEKLY, put, put_room
from tests.service.bookings_house import ANA, BEN, LEE, MAY
from tests.service.meetings_house import CENTRE, NOBODY, House

pytest_plugins = ("tests.service.meetings_house",)

ZONE = "America/Denver"
TUESDAY = "2026-11-24T19:00"
EVERY_DAY = tuple(range(7))


def when(start: str = TUESDAY, rule: str = "", minutes: int = 60) -> dict[str, Any]:
    return {"start": start, "time_zone": ZONE, "minutes": minutes, "rule": rule}


def name(id_: str) -> str:
    return f"{CENTRE}/rooms/{id_}"


async def find(house: House, caller: Caller | None = LEE, **asked: Any) -> list[tuple[str, str]]:
    """Ids of the rooms and the starts that are proposed."""
    wanted = asked if "first_date" in asked else {"schedule": when(), **asked}
    reply = await house.call("FindFreeRooms", caller, parent=CENTRE, **wanted)
    return [(each.room.name.rsplit("/")[-1], each.start) for each in reply.rooms]


async def ids(house: House, caller: Caller | None = LEE, **asked: Any) -> list[str]:
    return [id_ for id_, _ in await find(house, caller, **asked)]


async def check(house: House, rooms: list[str], schedule: dict[str, Any], caller: Caller = LEE, **more: Any) -> Any:
    asked = {"rooms": [name(each) for each in rooms], "booking": {"schedule": schedule}, **more}
    return await house.call("CheckBooking", caller, parent=CENTRE, **asked)


async def book(house: House, rooms: list[str], schedule: dict[str, Any], caller: Caller = LEE, **more: Any) -> Any:
    asked = {"rooms": [name(each) for each in rooms], "booking": {"schedule": schedule}, **more}
    return await house.call("BookRoom", caller, parent=CENTRE, **asked)


async def close(house: House, **fields: Any) -> None:
    """The whole house is closed."""
    at = house.desk.now()
    made = Closure(id="c1", centre="house", created_at=at, reason="Heating", effect=ClosureEffect.CANCEL, **fields)
    await house.store.commit(Commit((records.write(None, made, at=at, actor="t"),)))


IN_MEMORY = pytest.mark.parametrize("house", ["memory"], indirect=True)


async def test_the_smallest_room_that_is_large_enough_comes_first_and_what_is_taken_does_not_come(house: House) -> None:
    for id_, chairs in (("blue", 12), ("attic", 12), ("hall", 80), ("cell", 4), ("unknown", 0)):
        await put_room(house, id_, capacity=chairs)
    assert await ids(house) == ["cell", "attic", "blue", "hall", "unknown"]
    assert await ids(house, capacity=10) == ["attic", "blue", "hall"]
    await put(house, "2026-11-17T18:30", WEEKLY, room="attic")
    assert await ids(house, capacity=10) == ["blue", "hall"]


@IN_MEMORY
async def test_every_condition_must_hold(house: House) -> None:
    east, west = await house.place(title="East"), await house.place(title="West")
    east_id, west_id = east.name.rsplit("/")[-1], west.name.rsplit("/")[-1]
    await put_room(house, "a", place=east_id, equipment=("Piano", "projector"), accessibility=("step-free",))
    await put_room(house, "b", place=west_id, equipment=("projector",), accessibility=("step-free", "hearing-loop"))
    await put_room(house, "v", place="", kind=RoomKind.VIDEO)
    assert await ids(house) == ["a", "b"]
    assert await ids(house, equipment=["piano", "Projector"]) == ["a"]
    assert await ids(house, accessibility=["hearing-loop", "step-free"]) == ["b"]
    assert await ids(house, place=west.name) == ["b"]
    assert await ids(house, kind="ROOM_KIND_VIDEO") == ["v"]
    assert await ids(house, kind="ROOM_KIND_VIDEO", place=west.name) == []


@IN_MEMORY
async def test_near_comes_first_also_where_the_address_is_told_to_nobody_and_what_lies_nobody_knows_where_last(
    house: House,
) -> None:
    ids_of = {}
    for title, latitude in (("near", 53.5), ("next", 53.6), ("far", 60.0), ("unknown", None)):
        where = {} if latitude is None else {"latitude": latitude, "longitude": -113.5}
        made = await house.place(title=title, address_access="ADDRESS_ACCESS_HOLDERS", **where)
        ids_of[title] = made.name.rsplit("/")[-1]
    await put_room(house, "small", place=ids_of["next"], capacity=5)
    await put_room(house, "large", place=ids_of["near"], capacity=50)
    await put_room(house, "gone", place=ids_of["far"])
    await put_room(house, "lost", place=ids_of["unknown"])
    near = {"latitude": 53.5, "longitude": -113.5}
    asked = {"schedule": when(), "near": near}
    reply = await house.call("FindFreeRooms", ANA, parent=CENTRE, **asked)
    told = [(each.room.title, each.place_title, each.metres) for each in reply.rooms]
    assert told == [("Large", "near", 0), ("Small", "next", 11120), ("Lost", "unknown", 0)]


@IN_MEMORY
async def test_a_part_is_not_free_while_its_whole_is_taken(house: House) -> None:
    await put_room(house, "hall", excludes=("part",))
    await put_room(house, "part", excludes=("hall",))
    await put(house, TUESDAY, room="part")
    assert await ids(house) == []
    assert await ids(house, schedule=when("2026-11-24T20:00")) == ["hall", "part"]


@IN_MEMORY
async def test_rooms_that_are_free_on_some_dates_come_after_those_that_are_free_on_all(house: House) -> None:
    for id_ in ("a", "b", "c", "d"):
        await put_room(house, id_, capacity=ord(id_))
    await put(house, "2026-12-01T18:30", room="a")
    await put(house, "2026-12-08T18:30", room="a")
    await put(house, "2026-11-24T18:30", room="b")
    await put(house, "2026-11-17T18:30", WEEKLY, room="c")
    weekly = when(rule="FREQ=WEEKLY;COUNT=5")
    assert await ids(house, schedule=weekly) == ["d"]
    reply = await house.call("FindFreeRooms", LEE, parent=CENTRE, schedule=weekly, partly=True)
    told = [(each.room.title, each.start, each.free, each.total) for each in reply.rooms]
    assert told == [
        ("D", "2026-11-24T19:00", 5, 5),
        ("B", "2026-12-01T19:00", 4, 5),
        ("A", "2026-11-24T19:00", 3, 5),
    ]


@IN_MEMORY
async def test_in_a_window_each_room_says_when_it_is_free_first_within_its_hours(house: House) -> None:
    open_late = (OpeningHours(EVERY_DAY, 17 * 60, 21 * 60),)
    await put_room(house, "a", hours=open_late, before=10)
    await put_room(house, "b", hours=(OpeningHours((6,), 9 * 60, 11 * 60),))
    await put_room(house, "c")
    await put(house, "2026-11-24T16:00", room="a", minutes=120)
    asked: dict[str, Any] = {"first_date": "2026-11-24", "last_date": "2026-11-25", "minutes": 90}
    assert await find(house, **asked) == [("a", "2026-11-24T18:10"), ("c", "2026-11-24T07:00")]
    asked["minutes"] = 180
    assert await find(house, **asked) == [("a", "2026-11-25T17:00"), ("c", "2026-11-24T07:00")]
    asked["last_date"], asked["first_date"] = "2026-11-21", "2026-11-21"  # it is 05:00 there
    assert await find(house, **asked) == [("a", "2026-11-21T17:00"), ("c", "2026-11-21T07:00")]


async def test_in_a_window_a_room_is_proposed_by_day_and_at_night_only_where_it_is_taken_all_day(house: House) -> None:
    await put_room(house, "c")
    asked: dict[str, Any] = {"first_date": "2026-11-24", "last_date": "2026-11-24", "minutes": 90}
    await put(house, "2026-11-24T06:30", room="c", minutes=15 * 60)
    assert await find(house, **asked) == [("c", "2026-11-24T21:30")]
    await put(house, "2026-11-24T21:30", room="c", minutes=10)
    assert await find(house, **asked) == [("c", "2026-11-24T00:00")]


@IN_MEMORY
@pytest.mark.parametrize("partly", [False, True])
async def test_pages_hold_everything_once_in_order_also_when_rooms_are_taken_in_between(
    house: House, *, partly: bool
) -> None:
    for number in range(9):
        await put_room(house, f"r{number}", capacity=10 + number % 3)
    whole = await ids(house)
    assert len(whole) == 9
    asked = {"schedule": when(), "page_size": 2, "partly": partly}
    found: list[str] = []
    token = ""
    while True:
        reply = await house.call("FindFreeRooms", LEE, parent=CENTRE, page_token=token, **asked)
        assert len(reply.rooms) <= 2
        found += [each.room.name.rsplit("/")[-1] for each in reply.rooms]
        if len(found) == 4:
            await put(house, TUESDAY, room=whole[0])
            await put(house, TUESDAY, room=whole[6])
        token = reply.next_page_token
        if not token:
            break
    assert found == [*whole[:6], *whole[7:]]


@IN_MEMORY
async def test_who_may_not_book_a_room_does_not_find_it_and_whoever_must_ask_is_told_so(house: House) -> None:
    await put_room(house, "a", rules=BookingRules(who=WhoMayBook.COORDINATORS))
    await put_room(house, "b", rules=BookingRules(approval=Approval.HOLDS))
    assert await ids(house, ANA) == ["b"]
    assert await ids(house, LEE) == ["a", "b"]
    for caller, waits in ((ANA, True), (LEE, False)):
        reply = await house.call("FindFreeRooms", caller, parent=CENTRE, schedule=when())
        assert reply.rooms[-1].needs_approval is waits
        assert (await check(house, ["b"], when(), caller)).needs_approval is waits
        booked = await book(house, ["b"], when(f"2026-12-0{1 + waits}T10:00"), caller)
        assert (booked.bookings[0].state == 2) is waits


@IN_MEMORY
async def test_whose_quota_is_used_up_does_not_find_the_room(house: House) -> None:
    await put_room(house, "a", rules=BookingRules(quotas=(Quota(QuotaPeriod.WEEK, count=1),)))
    await put(house, "2026-11-25T10:00", room="a", organiser="ana")
    assert await ids(house, ANA) == []
    assert await ids(house, BEN) == ["a"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "schedule"),
    ({"schedule": when(), "minutes": 30}, "schedule"),
    ({"schedule": when(rule="FREQ=WEEKLY;BYDAY=WE")}, "schedule.start"),
    ({"schedule": when(minutes=0)}, "schedule.minutes"),
    ({"schedule": when(start="2026-11-20T10:00")}, "schedule.start"),
    ({"schedule": {**when(), "time_zone": "Mars/Olympus"}}, "schedule.time_zone"),
    ({"first_date": "2026-11-24", "minutes": 60}, "last_date"),
    ({"first_date": "2026-11-24", "last_date": "2026-12-25", "minutes": 60}, "last_date"),
    ({"first_date": "2026-11-24", "last_date": "2026-11-23", "minutes": 60}, "last_date"),
    ({"first_date": "2026-11-10", "last_date": "2026-11-11", "minutes": 60}, "last_date"),
    ({"first_date": "2026-11-24", "last_date": "2026-11-24", "minutes": 1441}, "minutes"),
    ({"first_date": "2026-11-24", "last_date": "2026-11-24"}, "minutes"),
    ({"first_date": "9999-12-31", "last_date": "9999-12-31", "minutes": 9}, "first_date"),
    ({"schedule": when(), "capacity": -1}, "capacity"),
    ({"schedule": when(), "kind": 7}, "kind"),
    ({"schedule": when(), "near": {"latitude": 91}}, "near.latitude"),
    ({"schedule": when(), "place": "nowhere"}, "place"),
    ({"schedule": when(), "equipment": [""]}, "equipment"),
    ({"schedule": when(), "page_size": -1}, "page_size"),
    ({"schedule": when(), "page_token": "x"}, "page_token"),
]


@IN_MEMORY
async def test_what_is_wrong_with_a_search_is_named_by_its_field(house: House) -> None:
    for asked, field in WRONG:
        with pytest.raises(Invalid) as refused:
            await house.call("FindFreeRooms", LEE, parent=CENTRE, **asked)
        assert field in {each.field for each in refused.value.violations}, (asked, refused.value.violations)


@IN_MEMORY
async def test_what_is_not_there_or_elsewhere_is_not_found(house: House) -> None:
    await house.call("CreateCentre", centre_id="other", centre={"title": "O", "time_zone": ZONE})
    place = await house.call("CreatePlace", parent="centres/other", place={"title": "P"})
    here = place.name.replace("/other/", "/house/")
    for asked in ({"place": place.name}, {"place": here}, {"place": f"{CENTRE}/places/none"}):
        with pytest.raises(NotFound):
            await house.call("FindFreeRooms", None, parent=CENTRE, schedule=when(), **asked)
    with pytest.raises(NotFound):
        await house.call("FindFreeRooms", None, parent="centres/none", schedule=when())
    with pytest.raises(NotFound):
        await check(house, ["none"], when())
    await put_room(house, "blue")
    for instead in ("meetings/none", "rooms/blue/bookings/none"):
        with pytest.raises(NotFound):
            await check(house, ["blue"], when(), instead_of=f"{CENTRE}/{instead}")
    with pytest.raises(Invalid):
        await check(house, ["blue"], when(), instead_of="none")


@IN_MEMORY
async def test_a_dry_run_refuses_what_booking_refuses(house: House) -> None:
    await put_room(house, "hall", excludes=("part",))
    await put_room(house, "part", excludes=("hall",))
    await put_room(house, "blue")
    tries: list[tuple[list[str], dict[str, Any]]] = [
        ([], when()),
        (["blue"] * 2, when()),
        ([f"r{number}" for number in range(21)], when()),
        (["hall", "part"], when()),
        (["blue"], when(start="2026-11-20T10:00")),
        (["blue"], when(rule="FREQ=DAILY", minutes=1500)),
        (["blue"], when(rule="FREQ=WEEKLY;BYDAY=WE")),
    ]
    for rooms, schedule in tries:
        told = []
        for method in (check, book):
            with pytest.raises(Invalid) as refused:
                await method(house, rooms, schedule)
            told.append(refused.value.violations)
        assert told[0] == told[1]


CASES: list[tuple[list[str], dict[str, Any]]] = [
    (["open"], when()),
    (["open"], when(rule="FREQ=WEEKLY")),
    (["open"], when("2026-11-24T20:30")),
    (["open"], when("2026-11-24T18:50", minutes=5)),
    (["evening"], when("2026-11-24T08:00")),
    (["evening"], when("2026-11-24T10:00", "FREQ=DAILY")),
    (["part"], when("2026-11-25T10:00")),
    (["hall", "open"], when("2026-11-25T10:00")),
    (["ruled"], when()),
    (["ruled"], when(minutes=200)),
    (["ruled"], when("2026-11-24T10:00", "FREQ=WEEKLY;COUNT=3")),
    (["ruled"], when("2027-11-24T10:00")),
    (["ruled"], when("2026-11-25T10:00", "FREQ=DAILY;COUNT=3")),
    (["shut"], when("2026-12-24T10:00")),
    (["shut", "open"], when("2026-12-23T10:00", "FREQ=DAILY;COUNT=4")),
]


@IN_MEMORY
@pytest.mark.parametrize("caller", [ANA, BEN, LEE, MAY], ids=lambda each: each.subject)
async def test_booking_answers_what_the_dry_run_said_a_moment_before(house: House, caller: Caller) -> None:
    rules = BookingRules(
        longest_minutes=120,
        most_days_ahead=60,
        quotas=(Quota(QuotaPeriod.WEEK, count=2),),
        approval=Approval.COMPETES,
    )
    await put_room(house, "open", before=10, after=15)
    await put_room(house, "evening", hours=(OpeningHours(EVERY_DAY, 9 * 60, 22 * 60),))
    await put_room(house, "hall", excludes=("part",))
    await put_room(house, "part", excludes=("hall",))
    await put_room(house, "ruled", rules=rules)
    await put_room(house, "shut")
    await put(house, "2026-11-24T19:30", room="open", organiser="ben", before=10, after=30)
    await put(house, "2026-11-25T09:30", WEEKLY, room="hall", meeting="m", title="Group")
    await put(house, "2026-11-23T19:30", room="ruled", organiser="ana")
    expired: dict[str, Any] = {"state": BookingState.HELD, "expires_at": house.desk.now()}
    await put(house, "2026-11-24T10:00", room="ruled", **expired)
    await close(house, start="2026-12-24", end="2026-12-26")
    outcomes = set()
    for rooms, schedule in CASES:
        told = await check(house, rooms, schedule, caller)
        try:
            await book(house, rooms, schedule, caller)
        except Unmet as refused:
            assert not told.free
            (report,) = refused.attached
            assert isinstance(report, booking_pb2.ClashReport)
            of_room = [each for each in told.clashes if each.room == report.clashes[0].room]  # it names the first room
            assert [*report.clashes] == of_room[: len(report.clashes)]
            outcomes.add(refused.reason)
            outcomes.update({"offered"} if report.alternatives else set())
        else:
            assert told.free, (rooms, schedule, told)
            outcomes.add("booked")
    assert outcomes >= {"booked", "offered", "ROOM_TAKEN", "ROOM_NOT_OPEN", "ROOM_CLOSED", "BOOKING_RULE"}


@IN_MEMORY
async def test_a_dry_run_tells_every_clash_and_how_far_it_looked(house: House) -> None:
    await put_room(house, "blue")
    await put(house, "2026-11-24T19:30", WEEKLY, room="blue")
    told = await check(house, ["blue"], when(rule="FREQ=WEEKLY;COUNT=300"))
    assert (told.free, len(told.clashes), told.total) == (False, 200, 300)
    assert [each.key for each in told.clashes][:2] == ["20261124", "20261201"]
    assert (told.dates, told.until) == (300, "2032-08-17")
    assert {each.start for each in told.alternatives} == {"2026-11-24T18:30", "2026-11-24T20:30"}


@IN_MEMORY
async def test_what_would_be_changed_is_not_in_its_own_way(house: House) -> None:
    await put_room(house, "blue")
    booked = await book(house, ["blue"], when(), ANA)
    mine = booked.bookings[0].name
    later = when("2026-11-24T19:30")
    assert not (await check(house, ["blue"], later, ANA)).free
    assert (await check(house, ["blue"], later, ANA, instead_of=mine)).free


@IN_MEMORY
async def test_nothing_is_told_of_what_somebody_may_not_know(house: House) -> None:
    await put_room(house, "blue", capacity=3, notes="key under the mat")
    await put_room(house, "red")
    await put(house, TUESDAY, WEEKLY, room="blue", title="canary title", notes="canary notes", organiser="canary-ben")
    asked = {"schedule": when(rule="FREQ=WEEKLY"), "partly": True}
    found = await house.call("FindFreeRooms", ANA, parent=CENTRE, **asked)
    told = await check(house, ["blue"], when(rule="FREQ=WEEKLY"), ANA)
    with pytest.raises(Unmet) as refused:
        await book(house, ["blue"], when(), ANA)
    assert told.alternatives
    assert refused.value.attached
    assert "canary" not in str(found) + str(told) + str(refused.value.attached) + str(refused.value)


@IN_MEMORY
async def test_a_refusal_of_several_rooms_proposes_times_at_which_all_are_free(house: House) -> None:
    for id_ in ("blue", "red"):
        await put_room(house, id_)
    await put(house, "2026-11-24T18:00", room="blue", minutes=120)
    await put(house, "2026-11-24T20:00", room="red")
    with pytest.raises(Unmet) as refused:
        await book(house, ["red", "blue"], when())
    (report,) = refused.value.attached
    assert isinstance(report, booking_pb2.ClashReport)
    assert [each.start for each in report.alternatives] == ["2026-11-24T17:00", "2026-11-24T21:00"]


@IN_MEMORY
async def test_nobody_without_a_role_searches(house: House) -> None:
    for method in ("FindFreeRooms", "CheckBooking"):
        with pytest.raises(Unauthenticated):
            await house.call(method, NOBODY, parent=CENTRE)
        with pytest.raises((Denied, NotFound)):
            await house.call(method, Caller("eve", {"other": frozenset({"operator"})}), parent=CENTRE)


@IN_MEMORY
async def test_a_token_of_an_hour_ago_is_refused(house: House) -> None:
    for id_ in ("a", "b"):
        await put_room(house, id_)
    asked = {"schedule": when(), "page_size": 1}
    reply = await house.call("FindFreeRooms", LEE, parent=CENTRE, **asked)
    await house.clock.advance(timedelta(minutes=61).total_seconds())
    with pytest.raises(Invalid) as refused:
        await house.call("FindFreeRooms", LEE, parent=CENTRE, page_token=reply.next_page_token, **asked)
    assert refused.value.violations[0].field == "page_token"
