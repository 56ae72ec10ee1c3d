"""A room is deleted while something comes to use it: wherever one cuts in, nobody has what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openchair.meetings.v1 import closure_service_pb2

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings import records
from services.meetings.records import KINDS
from services.meetings.types import Closure, Meeting, Status
from services.meetings.types_rooms import Booking
from tests.service import meetings_house
from tests.service.booked import waited
from tests.service.bookings_house import ANA, CENTRE, at, book
from tests.service.claims_house import every
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from services.kit.store.port import Store

meetings_house.MESSAGES.update(vars(closure_service_pb2))
SNOW = {"reason": "Snow", "start": "2026-11-24", "end": "2026-11-25"}
MOST = 40
"""More often than that nobody asks the store."""


class Cut:
    """A store at which something else is done just before it is asked for the so manieth time."""

    def __init__(self, store: Store, number: int, then: Callable[[], Awaitable[Any]]) -> None:
        self._store = store
        self._then: Callable[[], Awaitable[Any]] | None = then
        self._left = number

    @property
    def done(self) -> bool:
        return self._then is None

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._store, name)
        if name not in {"get", "find", "commit"}:
            return asked

        async def cut(*args: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._then is not None:
                then, self._then = self._then, None
                await then()
            return await asked(*args, **more)

        return cut


class Rooms:
    """A house with a place, two rooms, a meeting in the second; the first is the one in question."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = self.room = self.meeting = ""

    async def furnish(self) -> Rooms:
        await self.house.meetings.load()
        await self.house.centre()
        self.place = (await self.house.place()).name
        other = (await self.house.place(title="Library")).name
        self.room = await self._room("Blue", self.place)
        self.meeting = (await self.house.meeting(place=other, rooms=[await self._room("Green", other)])).name
        return self

    async def _room(self, title: str, place: str) -> str:
        made = await self.house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place})
        return str(made.name)

    async def use(self, house: House, way: str) -> None:
        """By that instance."""
        moves = {**SNOW, "effect": "CLOSURE_EFFECT_MOVE", "move_place": self.place, "move_rooms": [self.room]}
        shuts = {**SNOW, "effect": "CLOSURE_EFFECT_CANCEL", "rooms": [self.room]}
        moved = {"name": self.meeting, "place": self.place, "rooms": [self.room]}
        hold = {"parent": CENTRE, "room": self.room, "booking": at()}
        wishes: dict[str, Callable[[], Awaitable[Any]]] = {
            "BookRoom": lambda: book(house, ANA, self.room),
            "HoldRoom": lambda: house.call("HoldRoom", ANA, **hold),
            "CreateMeeting": lambda: house.meeting(place=self.place, rooms=[self.room]),
            "UpdateMeeting": lambda: house.call("UpdateMeeting", meeting=moved, update_mask="place,rooms"),
            "CreateClosure": lambda: house.call("CreateClosure", parent=CENTRE, closure=shuts),
            "a closure moves into it": lambda: house.call("CreateClosure", parent=CENTRE, closure=moves),
        }
        await wishes[way]()

    async def delete(self, house: House) -> None:
        await house.call("DeleteRoom", name=self.room)

    async def cut(self, number: int, way: str, first: str) -> tuple[list[str], bool]:
        """What was said to each where the second comes at the first one's so manieth look; whether it looked so often.

        They are asked of two instances.
        """
        said = list[str]()

        async def inner() -> None:
            wish = self.delete(self.house) if first == "use" else self.use(self.house, way)
            said.append(await tried(self.house, wish))

        store = Cut(self.house.store, number, inner)
        other = House(store, self.house.clock, seed=8)
        said.append(await tried(self.house, self.use(other, way) if first == "use" else self.delete(other)))
        await waited(self.house, self.house.sweep())
        return said, not store.done

    async def look(self) -> tuple[bool, bool]:
        """Whether the room is gone, and whether anything uses it."""
        room = self.room.rpartition("/")[2]
        record = await self.house.store.get("room", room)
        bookings = [each.room for each in await every(self.house, "booking", Booking)]
        meetings = await every(self.house, "meeting", Meeting)
        living = [id_ for each in meetings if each.status is not Status.CANCELLED for id_ in each.all_rooms()]
        found = (await self.house.store.find("closure", {"centre": "house"}, limit=100)).records
        closures = [records.read(each, Closure) for each in found]
        named = [id_ for each in closures for id_ in (*each.rooms, *each.move_rooms)]
        return record is None or record.gone, room in {*bookings, *living, *named}


@pytest.fixture
async def rooms() -> AsyncIterator[Callable[[], Awaitable[Rooms]]]:
    opened = list[MemoryStore]()

    async def furnished() -> Rooms:
        clock = VirtualClock(START)
        store = MemoryStore(KINDS, clock)
        opened.append(store)
        await store.open()
        return await Rooms(House(store, clock)).furnish()

    yield furnished
    for store in opened:
        await store.close()


async def tried(house: House, wish: Awaitable[None]) -> str:
    """Why it was refused; "": it was not."""
    try:
        await waited(house, wish)
    except Refusal as refused:
        return refused.reason
    return ""


WAYS = ("BookRoom", "HoldRoom", "CreateMeeting", "UpdateMeeting", "CreateClosure", "a closure moves into it")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ["use", "delete"])
async def test_wherever_one_cuts_into_the_other_one_of_them_is_refused(
    rooms: Callable[[], Awaitable[Rooms]], way: str, first: str
) -> None:
    for number in range(1, MOST):
        here = await rooms()
        said, went_on = await here.cut(number, way, first)
        if went_on:
            break
        assert await here.look() in {(True, False), (False, True)}
        assert said.count("") == 1
        assert "CONTENTION" not in said
    assert 2 < number < MOST - 1
