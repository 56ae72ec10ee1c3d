"""What one person, or anybody, can ask of rooms at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Exhausted, Invalid
from services.kit.store.memory import MemoryStore
from services.meetings import room_calendar, shares
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, BEN, LEE, at, book, room, stored
from tests.service.meetings_house import CENTRE, NOBODY, START, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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


async def test_nobody_fills_a_room_with_requests(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What competes is in nobody's way, so nothing else bounds how much of it somebody sends."""
    monkeypatch.setattr(shares, "MOST_OF_ONE", 3)
    blue = await room(house, rules={"approval": "APPROVAL_COMPETES"})
    for _ in range(3):
        await book(house, ANA, blue)
    before = await stored(house)
    one, several = {"room": blue}, {"rooms": [blue]}
    for method, of in (("BookRoom", several), ("HoldRoom", one), ("CheckBooking", several)):
        with pytest.raises(Exhausted) as refused:
            await house.call(method, ANA, parent=CENTRE, booking=at(), **of)
        assert refused.value.reason == "TOO_MANY_BOOKINGS"
    assert await stored(house) == before
    await book(house, BEN, blue)
    for hour in range(4):
        await book(house, LEE, blue, at(f"2026-11-25T{12 + hour}:00"))
    assert len(await stored(house)) == 8


async def test_nobody_gets_more_bookings_by_cutting_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MOST_OF_ONE", 2)
    blue = await room(house)
    series = await book(house, ANA, blue, at(rule="FREQ=WEEKLY"))
    cut = {"scope": "BOOKING_SCOPE_FOLLOWING", "update_mask": "title"}
    later = await house.call("ChangeBooking", ANA, booking={"name": series.name, "title": "A"}, key="20261201", **cut)
    with pytest.raises(Exhausted):
        await house.call("ChangeBooking", ANA, booking={"name": later.name, "title": "B"}, key="20261208", **cut)
    assert len(await stored(house)) == 2
    await house.call("ChangeBooking", LEE, booking={"name": later.name, "title": "B"}, key="20261208", **cut)
    assert len(await stored(house)) == 3


async def test_the_public_asks_for_busy_times_from_a_month_ago_to_a_year_ahead(house: House) -> None:
    blue = await room(house, public_busy=True)
    asked = {"parent": CENTRE, "rooms": [blue]}
    for start, end, field in (
        ("2026-10-20T00:00:00Z", "2026-10-30T00:00:00Z", "start_time"),
        ("2027-11-20T00:00:00Z", "2027-11-23T00:00:00Z", "end_time"),
    ):
        with pytest.raises(Invalid) as refused:
            await house.call("GetFreeBusy", NOBODY, **asked, start_time=start, end_time=end)
        assert [each.field for each in refused.value.violations] == [field]
        await house.call("GetFreeBusy", ANA, **asked, start_time=start, end_time=end)
    await house.call("GetFreeBusy", NOBODY, **asked, start_time="2026-10-22T00:00:00Z", end_time="2026-11-01T00:00:00Z")


async def test_an_answer_about_busy_times_holds_so_many_dates(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_calendar, "MOST_BUSY_DATES", 13)
    rooms = [await room(house, title, public_busy=True) for title in ("Blue", "Red")]
    for each in rooms:
        await book(house, ANA, each, at(rule="FREQ=DAILY"))
    week = {"start_time": "2026-11-25T00:00:00Z", "end_time": "2026-12-02T00:00:00Z"}
    assert (await house.call("GetFreeBusy", NOBODY, parent=CENTRE, rooms=rooms[:1], **week)).rooms
    with pytest.raises(Exhausted) as refused:
        await house.call("GetFreeBusy", NOBODY, parent=CENTRE, rooms=rooms, **week)
    assert refused.value.reason == "TOO_MANY_DATES"


async def test_a_report_of_use_holds_so_many_dates(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_calendar, "MOST_USED_DATES", 20)
    blue = await room(house)
    await book(house, ANA, blue, at(rule="FREQ=DAILY"))
    report = {"parent": CENTRE, "first_date": "2026-11-23", "last_date": "2026-11-29"}
    assert (await house.call("GetUtilisation", LEE, **report)).weeks
    with pytest.raises(Exhausted) as refused:
        await house.call("GetUtilisation", LEE, **{**report, "last_date": "2026-12-20"})
    assert refused.value.reason == "TOO_MANY_DATES"
