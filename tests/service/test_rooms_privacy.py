"""Who learns what of bookings, by whatever is asked, in answers and refusals; what is another centre's is nowhere."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest

from services.kit.call import Caller
from services.kit.clock import VirtualClock
from services.kit.errors import Denied, Invalid, NotFound, Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, BEN, LEE, MAY, at, book, room, stored
from tests.service.meetings_house import CENTRE, NOBODY, START, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message
    from openchair.meetings.v1 import booking_pb2

CANARY: Final = "canary4711"
COUNSELLOR: Final = Caller(f"{CANARY}-subject", {"house": frozenset({"facilitator", "administrator"})})
SERVICE: Final = Caller("feeds", {"*": frozenset({"service"})})
EVERYWHERE: Final = Caller("eve", {"house": frozenset({"administrator"}), "other": frozenset({"administrator"})})
WEEKLY: Final = "FREQ=WEEKLY;BYDAY=TU"
WINDOW: Final = {"start_time": "2026-11-23T00:00:00Z", "end_time": "2026-12-24T00:00:00Z"}


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
async def private(house: House) -> booking_pb2.Booking:
    """A series with a private title, for a stated number, that had to do without a date and was overruled."""
    blue = await room(house)
    await book(house, MAY, blue, at("2026-12-08T19:00"))
    words: dict[str, Any] = {"title": f"{CANARY} title", "notes": f"{CANARY} notes", "attendees": 4711}
    made = await book(house, COUNSELLOR, blue, at(rule=WEEKLY, **words), on_clash="CLASH_POLICY_SKIP")
    change = {
        "booking": {"name": made.name, **at("2026-12-08T19:30")},
        "scope": "BOOKING_SCOPE_THIS",
        "key": "20261201",
    }
    over = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": f"{CANARY} reason"}
    changed: booking_pb2.Booking = await house.call(
        "ChangeBooking", COUNSELLOR, **change, **over, update_mask="schedule.start"
    )
    return changed


async def said(house: House, caller: Caller, method: str, request: dict[str, Any]) -> str:
    """Everything that is answered, or refused with."""
    try:
        reply: Message = await house.call(method, caller, **request)
    except Refusal as refused:
        return f"{refused} {refused.details} {refused.violations} {refused.attached}"
    return str(reply)


def asked(booking: booking_pb2.Booking) -> list[tuple[str, dict[str, Any]]]:
    """Every method that has to do with the booking."""
    blue = booking.name.partition("/bookings/")[0]
    one: dict[str, Any] = {"name": booking.name}
    wanted: dict[str, Any] = {"parent": CENTRE, "booking": at(rule=WEEKLY)}
    return [
        ("GetRoom", {"name": blue}),
        ("ListRooms", {"parent": CENTRE}),
        ("GetBooking", one),
        *(("ListBookings", {"parent": of, "queue": queue}) for of in (CENTRE, blue) for queue in range(5)),
        ("GetRoomCalendar", {"name": blue, **WINDOW}),
        ("GetFreeBusy", {"parent": CENTRE, "rooms": [blue], **WINDOW}),
        ("FindFreeRooms", {"parent": CENTRE, "schedule": wanted["booking"]["schedule"], "partly": True}),
        ("CheckBooking", {**wanted, "rooms": [blue]}),
        ("CheckBooking", {**wanted, "rooms": [blue], "instead_of": booking.name}),
        ("BookRoom", {**wanted, "rooms": [blue]}),
        ("BookRoom", {**wanted, "rooms": [blue], "on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "mine"}),
        ("HoldRoom", {**wanted, "room": blue}),
        ("ConfirmHold", one),
        ("ChangeBooking", {"booking": {**one, "title": "mine"}}),
        ("ReleaseBooking", one),
        ("CheckInBooking", one),
        ("TakeSkippedDates", one),
    ]


@pytest.mark.parametrize("caller", [ANA, SERVICE], ids=lambda caller: caller.subject)
async def test_by_no_method_is_learnt_what_somebody_else_booked(
    house: House, private: booking_pb2.Booking, caller: Caller
) -> None:
    for method, request in asked(private):
        told = await said(house, caller, method, request)
        assert CANARY not in told, method
        assert "nobody came" not in told
        if caller is ANA:
            assert "4711" not in told, method


async def test_who_booked_it_and_who_keeps_the_list_read_all_of_it(house: House, private: booking_pb2.Booking) -> None:
    for caller in (COUNSELLOR, LEE):
        told = await said(house, caller, "GetBooking", {"name": private.name})
        assert all(f"{CANARY} {word}" in told for word in ("title", "notes", "reason"))
        assert f"{CANARY}-subject" in told
        assert "4711" in told


async def test_of_what_others_booked_facilitators_learn_when_it_is_and_how_it_stands(
    house: House, private: booking_pb2.Booking
) -> None:
    told = await house.call("GetBooking", ANA, name=private.name)
    known = {field.name for field, _ in told.ListFields()}
    kept = {"name", "etag", "create_time", "update_time", "lineage"}
    assert known - kept == {"state", "schedule", "without", "slots", "time_zone", "title"}
    assert (told.title, list(told.skipped), told.attendees) == ("busy", [], 0)


async def test_whether_somebody_came_is_told_to_those_who_may_know_what_it_is(house: House) -> None:
    blue = await room(house, rules={"check_in_minutes": 30})
    made = await book(house, BEN, blue, at("2026-11-21T05:10"))
    await house.call("CheckInBooking", BEN, name=made.name)
    window = {"start_time": "2026-11-21T00:00:00Z", "end_time": "2026-11-22T00:00:00Z"}
    told = {}
    for caller in (ANA, BEN, LEE):
        (event,) = (await house.call("GetRoomCalendar", caller, name=blue, **window)).events
        listed = await house.call("GetBooking", caller, name=made.name)
        told[caller.subject] = (event.checked_in, list(listed.checked_in))
    assert told == {"ana": (False, []), "ben": (True, ["20261121"]), "lee": (True, ["20261121"])}


async def test_a_dry_run_of_somebody_elses_change_is_denied_as_the_change_is(house: House) -> None:
    """It would say how much of the room they have already."""
    blue = await room(house, rules={"quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": 1}]})
    made = await book(house, BEN, blue, at("2026-11-24T19:00"))
    await book(house, BEN, blue, at("2026-12-01T19:00"))
    request = {"parent": CENTRE, "rooms": [blue], "booking": at("2026-12-02T19:00"), "instead_of": made.name}
    with pytest.raises(Denied) as refused:
        await house.call("CheckBooking", ANA, **request)
    assert refused.value.reason == "NOT_YOUR_BOOKING"
    for caller in (BEN, LEE):
        assert (await house.call("CheckBooking", caller, **request)).clashes[0].rule == "QUOTA_COUNT_WEEK"


async def test_the_id_of_a_booking_says_nothing_of_the_meeting_that_holds_it(house: House) -> None:
    """Times of a room are public where it says so, each under the id of its booking; names of meetings are links."""
    blue = await room(house, public_busy=True)
    place = (await house.call("GetRoom", name=blue)).place
    ids = []
    made = await house.meeting(place=place, rooms=[blue], visibility="VISIBILITY_UNLISTED")
    for rooms in ([blue], [], [blue]):
        await house.call("UpdateMeeting", meeting={"name": made.name, "rooms": rooms}, update_mask="rooms")
        ids += [each.id for each in await stored(house)]
    first, second = ids
    assert first != second
    assert {uuid.UUID(id_).version for id_ in ids} == {4}


ABSENT: Final = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("caller", [EVERYWHERE, NOBODY], ids=["staff", "anybody"])
async def test_what_is_another_centres_is_as_if_it_were_not_there(
    house: House, private: booking_pb2.Booking, caller: Caller
) -> None:
    """The names of a room and of a booking under a centre whose they are not are answered as names of nothing."""
    await house.call("CreateCentre", centre_id="other", centre={"title": "Other", "time_zone": "UTC"})
    foreign = private.name.replace(CENTRE, "centres/other")
    none = f"centres/other/rooms/{ABSENT}/bookings/{ABSENT}"
    public = {"GetFreeBusy"}
    checked = 0
    for (method, request), (_, other) in zip(_elsewhere(foreign), _elsewhere(none), strict=True):
        if caller is NOBODY and method not in public:
            continue
        refusals = []
        for each in (request, other):
            with pytest.raises((NotFound, Invalid)) as refused:
                await house.call(method, caller, **each)
            told = f"{type(refused.value)} {refused.value} {refused.value.details} {refused.value.violations}"
            for part in foreign.split("/")[3::2]:
                told = told.replace(part, ABSENT)
            refusals.append(told)
        assert refusals[0] == refusals[1], method
        checked += 1
    assert checked >= (1 if caller is NOBODY else 15)


def _elsewhere(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every method that takes a name, asked for this one."""
    blue = name.partition("/bookings/")[0]
    wanted: dict[str, Any] = {"parent": "centres/other", "booking": at()}
    by_name = ("GetBooking", "ConfirmHold", "ReleaseBooking", "ApproveBooking", "DeclineBooking", "CheckInBooking")
    return [
        *((method, {"name": name}) for method in (*by_name, "TakeSkippedDates")),
        *((method, {"name": blue}) for method in ("GetRoom", "DeleteRoom", "GetRoomCalendar")),
        ("ChangeBooking", {"booking": {"name": name, "title": "mine"}}),
        ("UpdateRoom", {"room": {"name": blue, "title": "mine"}}),
        ("ListBookings", {"parent": blue}),
        ("GetFreeBusy", {"parent": "centres/other", "rooms": [blue]}),
        ("GetUtilisation", {"parent": "centres/other", "rooms": [blue], **_WEEK}),
        ("BookRoom", {**wanted, "rooms": [blue]}),
        ("CheckBooking", {**wanted, "rooms": [blue]}),
        ("HoldRoom", {**wanted, "room": blue}),
    ]


_WEEK: Final = {"first_date": "2026-11-23", "last_date": "2026-11-29"}


async def test_rooms_of_which_the_public_may_know_nothing_are_answered_alike(house: House) -> None:
    """Closed to the public, of another centre, not there: GetFreeBusy says the same of each."""
    closed, told = await room(house), set()
    for name in (closed, f"{CENTRE}/rooms/{ABSENT}"):
        with pytest.raises(NotFound) as refused:
            await house.call("GetFreeBusy", NOBODY, parent=CENTRE, rooms=[name])
        told.add(f"{refused.value} {refused.value.details}".replace(name, ""))
    assert len(told) == 1


@pytest.mark.parametrize("caller", [ANA, LEE], ids=lambda caller: caller.subject)
@pytest.mark.parametrize("method", ["BookRoom", "ChangeBooking", "ApproveBooking"])
async def test_only_administrators_overrule_a_clash(house: House, caller: Caller, method: str) -> None:
    blue = await room(house)
    mine = await book(house, caller, blue, at("2026-11-25T19:00"))
    await book(house, MAY, blue)
    before = await stored(house)
    over = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "I want it"}
    requests: dict[str, dict[str, Any]] = {
        "BookRoom": {"parent": CENTRE, "rooms": [blue], "booking": at()},
        "ChangeBooking": {"booking": {"name": mine.name, **at()}},
        "ApproveBooking": {"name": mine.name},
    }
    with pytest.raises(Denied) as refused:
        await house.call(method, caller, **requests[method], **over)
    assert refused.value.reason == (
        "ROLE_MISSING" if method == "ApproveBooking" and caller is ANA else "OVERRULE_DENIED"
    )
    assert await stored(house) == before


async def test_a_day_after_it_was_given_back_nothing_is_kept_of_what_was_said_of_a_booking(
    house: House, private: booking_pb2.Booking
) -> None:
    id_ = private.name.rpartition("/")[2]
    assert CANARY in repr(await house.store.get("booking", id_))
    await house.call("ReleaseBooking", LEE, name=private.name)
    assert CANARY in repr(await house.store.get("booking", id_)), "others learn of it by the leaf"
    await house.clock.advance(25 * 3600)
    await house.sweep()
    assert CANARY not in repr(await house.store.get("booking", id_))


async def test_a_hold_is_told_to_the_centres_own_people_only(house: House) -> None:
    blue = await room(house, public_busy=True)
    await house.call("HoldRoom", ANA, parent=CENTRE, room=blue, booking=at())
    asked_for = {"parent": CENTRE, "rooms": [blue], **WINDOW}
    told = [len((await house.call("GetFreeBusy", caller, **asked_for)).rooms[0].busy) for caller in (BEN, NOBODY)]
    assert told == [1, 0]
