"""A hall and its parts are closed together: for meetings, for bookings, and in the calendar of the room."""

from __future__ import annotations

from typing import Any

import pytest

from services.kit.errors import Invalid, Unmet
from tests.service.claims_house import a_room, an_account, at, fits, taken
from tests.service.closures_house import close, past_second_look, shown
from tests.service.meetings_house import CENTRE, COORDINATOR, House

pytest_plugins = ("tests.service.meetings_house",)

EVERY_WEEK = "FREQ=WEEKLY;BYDAY=TU"
PAINT = {"reason": "The wall is painted", "effect": "CLOSURE_EFFECT_CANCEL", "start": "2026-12-01", "end": "2026-12-05"}


class Split:
    """A hall of two parts, each with a meeting on Tuesdays, and a room beside it; the hall has one on Wednesdays."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.left = self.right = self.hall = self.beside = ""

    async def built(self) -> Split:
        self.place = (await self.house.place()).name
        self.left, self.right = (
            await a_room(self.house, self.place, "Left"),
            await a_room(self.house, self.place, "Right"),
        )
        self.hall = await a_room(self.house, self.place, "Hall", parts=[self.left, self.right])
        self.beside = await a_room(self.house, self.place, "Beside")
        for title, room, start in (
            ("In the left part", self.left, "2026-12-01"),
            ("In the right part", self.right, "2026-12-01"),
            ("In the hall", self.hall, "2026-12-02"),
            ("Beside", self.beside, "2026-12-01"),
        ):
            rule = EVERY_WEEK if start.endswith("01") else "FREQ=WEEKLY;BYDAY=WE"
            await self.house.meeting(title=title, place=self.place, rooms=[room], schedule=at(start, rule))
        return self

    async def held(self) -> list[str]:
        """What is held in the week of the closure."""
        listed = await self.house.listed(14)
        return sorted(each.title for each in listed if each.local_start[:10] <= "2026-12-05")

    async def closed_for_bookings(self) -> list[str]:
        """The rooms that nobody can book on Thursday of that week, since they are closed."""
        found = []
        for title, room in (("Hall", self.hall), ("Left", self.left), ("Right", self.right), ("Beside", self.beside)):
            asked = {"rooms": [room], "booking": {"schedule": at("2026-12-03T09:00")}}
            checked = await self.house.call("CheckBooking", COORDINATOR, parent=CENTRE, **asked)
            found += [title] if any(each.reason == PAINT["reason"] for each in checked.clashes) else []
        return found


@pytest.fixture
async def split(house: House) -> Split:
    return await Split(house).built()


async def test_a_closed_hall_closes_its_parts_for_meetings_as_for_bookings(house: House, split: Split) -> None:
    made = await close(house, {**PAINT, "rooms": [split.hall]})
    assert await split.held() == ["Beside"]
    assert await split.closed_for_bookings() == ["Hall", "Left", "Right"]
    await fits(house)
    await house.call("WithdrawClosure", COORDINATOR, name=made.name)
    await house.sweep()
    assert await split.held() == ["Beside", "In the hall", "In the left part", "In the right part"]
    await fits(house)


async def test_a_closed_part_closes_the_hall_and_not_the_other_part(house: House, split: Split) -> None:
    await close(house, {**PAINT, "rooms": [split.left]})
    assert await split.held() == ["Beside", "In the right part"]
    assert await split.closed_for_bookings() == ["Hall", "Left"]
    await fits(house)


async def test_a_preview_says_of_the_parts_what_the_closure_does(house: House, split: Split) -> None:
    closure = {**PAINT, "rooms": [split.hall]}
    found = await house.call("PreviewClosure", COORDINATOR, parent=CENTRE, closure=closure)
    assert sorted(each.title for each in found.impacts) == ["In the hall", "In the left part", "In the right part"]
    assert found.cancelled == 3


async def test_what_is_made_in_a_part_while_the_hall_is_closed_does_not_escape_it(house: House, split: Split) -> None:
    await close(house, {**PAINT, "rooms": [split.hall]})
    late = at("2026-12-03T21:00")
    await house.meeting(title="Late", place=split.place, rooms=[split.right], schedule=late)
    assert await split.held() == ["Beside"]


async def test_a_hall_that_gets_another_part_while_it_is_closed_closes_that_too(house: House, split: Split) -> None:
    await close(house, {**PAINT, "rooms": [split.hall]})
    parts: dict[str, Any] = {"name": split.hall, "parts": [split.left, split.right, split.beside]}
    await house.call("UpdateRoom", room=parts, update_mask="parts")
    await house.sweep()
    assert await split.held() == []
    await house.call("UpdateRoom", room={"name": split.hall, "parts": [split.left]}, update_mask="parts")
    await house.sweep()
    assert await split.held() == ["Beside", "In the right part"]
    await past_second_look(house)
    assert await split.held() == ["Beside", "In the right part"]
    await fits(house)


async def test_nothing_is_moved_from_a_closed_hall_into_its_parts(house: House, split: Split) -> None:
    move = {**PAINT, "effect": "CLOSURE_EFFECT_MOVE", "rooms": [split.hall], "move_place": split.place}
    with pytest.raises(Invalid, match="closed by the same closure"):
        await close(house, {**move, "move_rooms": [split.left]})
    await close(house, {**move, "move_rooms": [split.beside]})
    assert "12-02 In the hall" in await taken(house, split.beside)
    assert (await shown(house))["12-02"][0] is False
    await fits(house)


async def test_a_retreat_of_which_only_one_part_is_closed_is_held(house: House, split: Split) -> None:
    sessions = [
        {"title": "Welcome", "day": 1, "time": "09:00", "minutes": 60, "rooms": [split.left]},
        {"title": "Goodbye", "day": 2, "time": "09:00", "minutes": 60, "rooms": [split.beside]},
    ]
    schedule = at("2026-12-04T08:00", minutes=2 * 1440)
    await house.meeting(title="Retreat", place=split.place, rooms=[], schedule=schedule, sessions=sessions)
    await close(house, {**PAINT, "rooms": [split.hall]})
    assert "Retreat" in await split.held()
    booking = {"schedule": at("2026-12-04T09:00")}
    with pytest.raises(Unmet) as refused:
        await house.call("BookRoom", parent=CENTRE, rooms=[split.left], booking=booking)
    assert refused.value.reason in {"ROOM_TAKEN", "ROOM_CLOSED"}


async def test_a_closed_video_account_closes_what_is_held_online_only_and_names_what_is_held_in_a_room_too(
    house: House, split: Split
) -> None:
    account = await an_account(house)
    for title, mode, start in (("Online", "ONLINE", "2026-12-03T07:00"), ("Hybrid", "HYBRID", "2026-12-03T09:00")):
        online = {"online_host": account, "online": {"url": "https://meet.example/x"}, "mode": f"MODE_{mode}"}
        where = {"place": split.place, "rooms": [split.beside]} if mode == "HYBRID" else {"place": "", "rooms": []}
        await house.meeting(title=title, schedule=at(start), **where, **online)
    closure = {**PAINT, "rooms": [account], "reason": "The account has run out"}
    preview = await house.call("PreviewClosure", COORDINATOR, parent=CENTRE, closure=closure)
    assert [(each.title, bool(each.outcome), each.reason) for each in preview.impacts] == [
        ("Online", True, ""),
        ("Hybrid", False, "is held where it is: who joins online needs another video account"),
    ]
    await close(house, closure)
    assert "Hybrid" in await split.held()
    assert "Online" not in await split.held()
    assert await taken(house, account) == ["12-03 Hybrid"]
    await fits(house)
