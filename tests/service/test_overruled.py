"""What somebody overruled has a list: which booking stands over which, who said so and why, for who keeps the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.meetings import booking_lists
from services.meetings.booking_lists import MOST_OVERRULED
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, MAY, at, book, room
from tests.service.closures_house import FLOOD, close
from tests.service.meetings_house import House

if TYPE_CHECKING:
    import pytest

    from services.kit.store.port import Record

pytest_plugins = ("tests.service.meetings_house",)

FIRE: dict[str, Any] = {"on_clash": "CLASH_POLICY_OVERRULE", "overrule_reason": "The fire brigade comes"}
EVERY_WEEK = "FREQ=WEEKLY;BYDAY=TU"


async def listed(house: House, caller: Any = LEE, **more: Any) -> list[Any]:
    found = await house.call("ListBookings", caller, parent=CENTRE, queue="BOOKING_QUEUE_OVERRULED", **more)
    return list(found.bookings)


async def test_who_keeps_the_list_sees_which_booking_stands_over_which_who_said_so_and_why(house: House) -> None:
    name = await room(house)
    below = await book(house, ANA, name, at(title="Coaching"))
    made = await book(house, MAY, name, at(rule=EVERY_WEEK), **FIRE)
    await book(house, MAY, name, at("2026-11-26T19:00"), **FIRE)
    (found,) = await listed(house)
    assert (found.name, found.overrule_reason, found.overruled_by) == (made.name, FIRE["overrule_reason"], "may")
    (over,) = found.stands_over
    assert (over.key, over.taken_by, over.taken_by_name) == ("20261124", "Coaching", below.name)
    assert (await house.call("GetBooking", LEE, name=made.name)).stands_over == found.stands_over


async def test_a_facilitator_learns_of_overruling_only_what_they_booked_themselves(house: House) -> None:
    name = await room(house)
    await book(house, ANA, name, at(title="Coaching"))
    made = await book(house, MAY, name, at(title="Fire", rule=EVERY_WEEK), **FIRE)
    assert await listed(house, BEN) == []
    seen = await house.call("GetBooking", BEN, name=made.name)
    assert (seen.title, seen.overrule_reason, seen.overruled_by, len(seen.stands_over)) == ("busy", "", "", 0)


async def test_what_is_in_nobodys_way_any_more_falls_out_of_the_list_and_is_there_for_who_asks(house: House) -> None:
    name = await room(house)
    below = await book(house, ANA, name)
    made = await book(house, MAY, name, at(rule=EVERY_WEEK), **FIRE)
    await house.call("ReleaseBooking", ANA, name=below.name, scope="BOOKING_SCOPE_ALL")
    assert await listed(house) == []
    (settled,) = await listed(house, include_settled=True)
    assert (settled.overrule_reason, len(settled.stands_over)) == (FIRE["overrule_reason"], 0)
    again = await book(house, MAY, name, at("2026-12-01T19:30"), **FIRE)
    assert {each.name for each in await listed(house)} == {made.name, again.name}


async def test_many_that_are_settled_are_passed_over_page_by_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call looks at more of them than some: an empty page says where to go on."""
    monkeypatch.setattr(booking_lists, "MOST_LOOKED_AT", 2)
    name = await room(house)
    below = await book(house, ANA, name, at(rule="FREQ=DAILY;COUNT=6"))
    for day in range(24, 29):
        await book(house, MAY, name, at(f"2026-11-{day}T19:00"), **FIRE)
    await house.call("ReleaseBooking", ANA, name=below.name, scope="BOOKING_SCOPE_ALL")
    last = await book(house, ANA, name, at("2026-11-29T19:00"))
    made = await book(house, MAY, name, at("2026-11-29T19:00"), **FIRE)
    ask = {"parent": CENTRE, "queue": "BOOKING_QUEUE_OVERRULED", "page_size": 2}
    pages = [await house.call("ListBookings", LEE, **ask)]
    while token := pages[-1].next_page_token:
        pages.append(await house.call("ListBookings", LEE, **ask, page_token=token))
    (found,) = [each for page in pages for each in page.bookings]
    assert (found.name, found.stands_over[0].taken_by_name) == (made.name, last.name)
    assert len(pages) > 2


async def test_a_meeting_that_stands_over_another_is_listed_with_who_said_so(house: House) -> None:
    place = (await house.place()).name
    hall = await house.call("CreateRoom", parent=CENTRE, room={"title": "Hall", "place": place})
    fields = {"place": place, "rooms": [hall.name], "schedule": at("2026-12-01T19:00", EVERY_WEEK)["schedule"]}
    await house.meeting(title="Below", **fields)
    wanted = {"title": "Above", "mode": "MODE_IN_PERSON", **fields}
    made = await house.call("CreateMeeting", MAY, parent=CENTRE, meeting=wanted, **FIRE)
    (found,) = await listed(house)
    assert (found.meeting, found.overruled_by, found.stands_over[0].taken_by) == (made.name, "may", "Below")
    assert len(found.stands_over) == 20


async def test_who_approves_against_a_clash_or_moves_a_date_over_one_is_named(house: House) -> None:
    name = await room(house, rules={"approval": "APPROVAL_COMPETES"})
    waits = await book(house, ANA, name)
    await book(house, LEE, name)
    await house.call("ApproveBooking", MAY, name=waits.name, **FIRE)
    moved = {"name": (await book(house, LEE, name, at("2026-11-25T19:00"))).name}
    moved |= {"schedule": {"start": "2026-11-24T19:30", "time_zone": "America/Edmonton", "minutes": 60}}
    this = {"scope": "BOOKING_SCOPE_THIS", "key": "20261125", "update_mask": "schedule"}
    await house.call("ChangeBooking", MAY, booking=moved, **this, **FIRE)
    assert [(each.overruled_by, len(each.stands_over)) for each in await listed(house)] == [("may", 2), ("may", 2)]


async def test_a_booking_inside_a_closure_stands_over_that(house: House) -> None:
    name = await room(house)
    await close(house, {**FLOOD, "end": "2026-12-01"})
    await book(house, MAY, name, at("2026-12-01T10:00"), **FIRE)
    (found,) = await listed(house)
    assert [each.reason for each in found.stands_over] == [FLOOD["reason"]]


class Read:
    """A store that counts how often a booking is read."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.bookings = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house.store, name)

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field is named id everywhere
        self.bookings += kind == "booking"
        return await self._house.store.get(kind, id)


async def test_what_many_stand_over_is_read_once_and_a_page_of_them_fits_a_message(house: House) -> None:
    name = await room(house)
    await book(house, ANA, name)
    for _ in range(MOST_OVERRULED + 1):
        await book(house, MAY, name, **FIRE)
    read: Any = Read(house)
    other = House(read, house.clock)
    asked = {"parent": CENTRE, "queue": "BOOKING_QUEUE_OVERRULED", "page_size": 1000}
    found = await other.call("ListBookings", LEE, **asked)
    rest = await other.call("ListBookings", LEE, **asked, page_token=found.next_page_token)
    assert (len(found.bookings), len(rest.bookings), rest.next_page_token) == (MOST_OVERRULED, 1, "")
    assert {len(each.stands_over) for each in found.bookings} == {20}
    assert read.bookings <= 2 * (MOST_OVERRULED + 2)
