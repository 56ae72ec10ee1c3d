"""Before a closure moves dates into rooms, or is taken back, it is said which of them would have no room."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Invalid
from tests.service.bookings_house import ANA, LEE, book
from tests.service.bookings_house import at as booked
from tests.service.claims_house import a_room, at, fits
from tests.service.closures_house import close, seen
from tests.service.meetings_house import CENTRE, COORDINATOR, House

if TYPE_CHECKING:
    from collections.abc import Iterable

pytest_plugins = ("tests.service.meetings_house",)

EVERY_WEEK = "FREQ=WEEKLY;BYDAY=TU"
PAINT = {"reason": "Painting", "effect": "CLOSURE_EFFECT_MOVE", "start": "2026-12-01", "end": "2026-12-15"}


class Moved:
    """A house with three rooms, a meeting in each on Tuesdays at 19:00, 19:30 and 21:00; another one with a hall."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.closure: dict[str, Any] = {}
        self.rooms: list[str] = []
        self.hall = self.half = ""

    async def built(self) -> Moved:
        place, there = (await self.house.place()).name, (await self.house.place(title="Library")).name
        for title, hour in (("Early", "19:00"), ("Middle", "19:30"), ("Late", "21:00")):
            self.rooms.append(await a_room(self.house, place, f"Room of {title}"))
            schedule = at(f"2026-11-24T{hour}", EVERY_WEEK)
            await self.house.meeting(title=title, place=place, rooms=[self.rooms[-1]], schedule=schedule)
        self.half = await a_room(self.house, there, "Half")
        self.hall = await a_room(self.house, there, "Hall", parts=[self.half])
        self.closure = {**PAINT, "places": [place], "move_place": there, "move_rooms": [self.hall]}
        return self

    async def preview(self, **asked: Any) -> Any:
        return await self.house.call("PreviewClosure", COORDINATOR, parent=CENTRE, **asked)


@pytest.fixture
async def moved(house: House) -> Moved:
    return await Moved(house).built()


def told(lost: Iterable[Any]) -> list[tuple[str, str, str]]:
    return sorted((each.local_start[5:], each.title, each.room_title) for each in lost)


async def test_a_preview_names_the_dates_that_would_have_no_room_as_the_closure_does(
    house: House, moved: Moved
) -> None:
    await book(house, ANA, moved.half, booked("2026-12-08T21:15", title="Choir"))
    previewed = await moved.preview(closure=moved.closure)
    named = {(each.local_start[5:10], each.title): each.taken_by for each in previewed.lost}
    assert named["12-08", "Late"] == "Choir"
    assert {each[1] for each in told(previewed.lost)} in ({"Early", "Late"}, {"Middle", "Late"})
    assert previewed.lost_count == len(previewed.lost) == 4
    assert [each.local_start for each in previewed.lost] == sorted(each.local_start for each in previewed.lost)
    made = await close(house, moved.closure)
    done = await seen(house, made.name)
    assert told(done.lost) == told(previewed.lost)
    again = await moved.preview(closure={"name": made.name})
    assert told(again.lost) == told(done.lost)
    await fits(house)


async def test_before_it_is_taken_back_it_is_said_who_would_come_back_without_a_room(
    house: House, moved: Moved
) -> None:
    made = await close(house, {**moved.closure, "meetings_only": True})
    await book(house, ANA, moved.rooms[2], booked("2026-12-08T20:30", title="Wedding"))
    previewed = await moved.preview(closure={"name": made.name}, withdrawal=True)
    assert [(each.local_start, each.title, each.taken_by) for each in previewed.lost] == [
        ("2026-12-08T21:00", "Late", "Wedding")
    ]
    await house.call("WithdrawClosure", COORDINATOR, name=made.name)
    await house.sweep()
    assert told((await seen(house, made.name)).lost) == told(previewed.lost)


async def test_what_was_cancelled_would_come_back_too_and_may_find_its_room_taken(house: House, moved: Moved) -> None:
    pause = {**PAINT, "places": moved.closure["places"], "effect": "CLOSURE_EFFECT_CANCEL", "meetings_only": True}
    made = await close(house, pause)
    await book(house, ANA, moved.rooms[0], booked("2026-12-08T19:30", title="Wedding"))
    asked = {"closure": {"name": made.name}}
    assert (await moved.preview(**asked)).lost_count == 0
    previewed = await moved.preview(**asked, withdrawal=True)
    assert [(each.local_start, each.title, each.taken_by) for each in previewed.lost] == [
        ("2026-12-08T19:00", "Early", "Wedding")
    ]
    await house.call("WithdrawClosure", COORDINATOR, name=made.name)
    await house.sweep()
    assert told((await seen(house, made.name)).lost) == told(previewed.lost)


async def test_what_would_be_cancelled_lacks_nothing_and_only_what_is_there_can_be_taken_back(moved: Moved) -> None:
    cancelled = {**PAINT, "effect": "CLOSURE_EFFECT_CANCEL"}
    assert (await moved.preview(closure=cancelled)).lost_count == 0
    with pytest.raises(Invalid, match=r"closure\.name"):
        await moved.preview(closure=cancelled, withdrawal=True)


async def test_of_many_dates_without_a_room_the_earliest_are_named_and_all_are_counted(
    house: House, moved: Moved
) -> None:
    """Of who would lack a room on more than 400 dates all count: it has the room on none (`seat.MOST_SKIPPED`)."""
    await book(house, COORDINATOR, moved.hall, booked("2026-12-01T14:00", "FREQ=DAILY;COUNT=410"))
    endless = {**moved.closure, "end": ""}
    without = (await moved.preview(closure=endless)).lost_count
    for title in ("One", "Other"):
        daily = at("2026-12-01T14:30", "FREQ=DAILY")
        await house.meeting(title=title, place=moved.closure["places"][0], schedule=daily)
    previewed = await moved.preview(closure=endless)
    dates = (date.fromisoformat(previewed.until) - date(2026, 12, 1)).days + 1
    assert dates > 410
    assert (len(previewed.lost), previewed.lost_count - without) == (100, 2 * dates)


async def test_of_a_closed_house_the_bookings_of_people_are_named_with_who_made_them(
    house: House, moved: Moved
) -> None:
    """Whoever comes would stand before a locked door; where only meetings pause nobody does."""
    early, middle, _ = moved.rooms
    await book(house, ANA, early, booked("2026-12-02T10:00", "FREQ=WEEKLY;BYDAY=WE", title="Coaching"))
    once = await book(house, LEE, middle, booked("2026-12-01T10:00", title="Board"))
    await book(house, ANA, middle, booked("2026-12-16T10:00"))
    await book(house, ANA, moved.hall, booked("2026-12-02T10:00"))
    previewed = await moved.preview(closure=moved.closure)
    told = [(e.local_start, e.title, e.organiser, e.room_title, e.dates) for e in previewed.closed_bookings]
    assert told == [
        ("2026-12-01T10:00", "Board", "lee", "Room of Middle", 1),
        ("2026-12-02T10:00", "Coaching", "ana", "Room of Early", 2),
    ]
    assert (previewed.closed_bookings[0].booking, previewed.closed_booking_count) == (once.name, 2)
    assert (await moved.preview(closure={**moved.closure, "meetings_only": True})).closed_booking_count == 0
