"""While the meetings of an older version get the bookings of their rooms, nobody else gets their hours."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from services.kit.errors import Unmet
from services.kit.leaves import Changes, Decision
from services.kit.logs import make_log
from services.kit.store.port import Commit
from services.meetings.desk import LARGEST_MEETING
from services.meetings.moving_in import MovingIn
from services.meetings.parts import Parts
from tests.service.booked import waited
from tests.service.claims_house import a_room, at, bookings, fits
from tests.service.meetings_house import CENTRE

if TYPE_CHECKING:
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)


class Older:
    """A place with a room that a meeting has been held in since before bookings were kept."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.room = ""
        self.said = StringIO()

    async def furnished(self) -> Older:
        self.place = (await self.house.place()).name
        self.room = await a_room(self.house, self.place)
        await self.meeting()
        return self

    async def meeting(self, **fields: Any) -> str:
        """One that is stored as an older version did."""
        made = await self.house.meeting(place=self.place, rooms=[self.room], **fields)
        await self.strip(made.name, claimed=[])
        return str(made.name)

    async def strip(self, name: str, **fields: Any) -> None:
        id_, room = name.rpartition("/")[2], self.room.rpartition("/")[2]
        record = await self.house.store.get("meeting", id_)
        assert record is not None
        old = msgspec.structs.replace(record, revision=record.revision + 1, state={**record.state, **fields})
        await self.house.store.commit(Commit((old,)))
        await self.house.desk.heads.change(
            "room", room, lambda head, _: Decision(None, Changes(removed=(head.index.by_meeting(id_).id,)))
        )

    def starts(self) -> MovingIn:
        """The service is started on it."""
        return MovingIn(self.house.desk, Parts(self.house.desk), make_log("warning", self.said))


@pytest.fixture
async def older(house: House) -> Older:
    return await Older(house).furnished()


async def test_nobody_books_the_hour_of_a_meeting_that_is_not_booked_yet(house: House, older: Older) -> None:
    moving = older.starts()
    ask = {"parent": CENTRE, "rooms": [older.room], "booking": {"schedule": at("2026-11-24")}}
    assert not (await waited(house, house.call("CheckBooking", **ask))).free
    with pytest.raises(Unmet) as refused:
        await waited(house, house.call("BookRoom", **ask))
    assert refused.value.reason == "ROOM_TAKEN"
    with pytest.raises(Unmet):
        await waited(house, house.meeting(title="Readers", place=older.place, rooms=[older.room]))
    assert [each.title for each in await bookings(house, older.room)] == ["Tuesday Group"]
    assert await moving.book() == 0
    await fits(house)


async def test_one_that_cannot_be_booked_keeps_no_other_waiting(house: House, older: Older) -> None:
    record = (await house.store.find("meeting", {}, limit=1)).records[0]
    large = {**record.state, "id": "0-large", "notes": "x" * LARGEST_MEETING}
    await house.store.commit(Commit((msgspec.structs.replace(record, id="0-large", revision=1, state=large),)))
    assert await waited(house, older.starts().book()) == 1
    assert [each.title for each in await bookings(house, older.room)] == ["Tuesday Group"]
    assert "could not book the rooms of a meeting" in older.said.getvalue()
