"""A room gets parts, or becomes one, between being read and being held: nobody has to try again, none has it twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.errors import Unmet
from tests.service.booked import waited
from tests.service.bookings_house import BEN, CENTRE, LEE, at, book, stored
from tests.service.meetings_house import House

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.store.port import Record

pytest_plugins = ("tests.service.meetings_house",)


class Meanwhile:
    """A store at which something happens as soon as the first room, or what is of that kind, was read."""

    def __init__(self, house: House, then: Callable[[], Awaitable[Any]], kind: str = "room") -> None:
        self._house, self._kind = house, kind
        self._then: Callable[[], Awaitable[Any]] | None = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house.store, name)

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the field is named id everywhere
        found = await self._house.store.get(kind, id)
        if kind == self._kind and self._then is not None:
            then, self._then = self._then, None
            await then()
        return found


class Hall:
    """A part, and the hall that it becomes a part of; `other` is an instance for which that happens meanwhile."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.part = ""
        self.booked = False

    async def furnished(self) -> Hall:
        self.place = (await self.house.place()).name
        room = {"title": "Part", "place": self.place}
        self.part = (await self.house.call("CreateRoom", parent=CENTRE, room=room)).name
        return self

    async def made(self) -> None:
        room = {"title": "Hall", "place": self.place, "parts": [self.part]}
        hall = await self.house.call("CreateRoom", parent=CENTRE, room=room)
        if self.booked:
            await book(self.house, LEE, hall.name)

    @property
    def other(self) -> House:
        return House(Meanwhile(self.house, self.made), self.house.clock)


@pytest.fixture
async def hall(house: House) -> Hall:
    return await Hall(house).furnished()


async def test_who_books_a_part_of_a_new_hall_is_not_told_to_try_again(house: House, hall: Hall) -> None:
    await book(hall.other, BEN, hall.part)
    assert len(await stored(house)) == 1


async def test_who_looks_whether_it_is_free_is_not_told_to_try_again(hall: Hall) -> None:
    assert (await hall.other.call("CheckBooking", BEN, parent=CENTRE, rooms=[hall.part], booking=at())).free


async def test_a_meeting_in_a_part_of_a_new_hall_is_made(house: House, hall: Hall) -> None:
    await waited(house, hall.other.meeting(place=hall.place, rooms=[hall.part]))
    assert len(await stored(house)) == 1


async def test_the_part_of_a_new_hall_that_is_booked_at_once_is_refused(house: House, hall: Hall) -> None:
    hall.booked = True
    with pytest.raises(Unmet) as refused:
        await book(hall.other, BEN, hall.part)
    assert refused.value.reason == "ROOM_TAKEN"
    assert len(await stored(house)) == 1


async def test_a_meeting_in_a_part_of_a_new_hall_that_is_booked_at_once_is_refused(house: House, hall: Hall) -> None:
    hall.booked = True
    with pytest.raises(Unmet) as refused:
        await waited(house, hall.other.meeting(place=hall.place, rooms=[hall.part]))
    assert refused.value.reason == "ROOM_TAKEN"
    assert len(await stored(house)) == 1
