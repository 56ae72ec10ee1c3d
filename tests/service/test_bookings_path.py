"""What booking a room that is known does not have to do: nothing is read, and nobody is woken for nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, BEN, CENTRE, at, book, room, stored
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READS = ("get", "find", "answer")


@pytest.fixture
async def plain_house() -> AsyncIterator[House]:
    clock = VirtualClock(START)
    store = MemoryStore(KINDS, clock)
    await store.open()
    house = House(store, clock)
    house.desk.alone = True
    await house.meetings.load()
    await house.centre()
    yield house
    await store.close()


def _listen(house: House, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is read of the store from now on, as it goes on."""
    found: list[str] = []

    def listening(name: str) -> Any:
        real = getattr(house.store, name)

        async def read(*args: Any, **named: Any) -> Any:
            found.append(name)
            return await real(*args, **named)

        return read

    for name in READS:
        monkeypatch.setattr(house.store, name, listening(name))
    return found


async def test_a_room_that_is_known_is_booked_without_a_look_at_the_store(
    plain_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    blue = await room(plain_house)
    await book(plain_house, ANA, blue, request_id="first")
    read = _listen(plain_house, monkeypatch)
    await book(plain_house, ANA, blue, at("2026-11-25T19:00"), request_id="second")
    assert read == []
    with pytest.raises(Refusal):
        await book(plain_house, BEN, blue, request_id="third")
    assert "answer" in read  # who is refused may be a double, whose own booking was what it met


async def test_doubles_get_one_answer_whenever_they_come(plain_house: House) -> None:
    """At once, afterwards, and where the answer has become another one since."""
    blue = await room(plain_house)
    asked = [book(plain_house, ANA, blue, at(rule="FREQ=WEEKLY"), request_id="one") for _ in range(5)]
    made = await asyncio.gather(*asked)
    made.append(await book(plain_house, ANA, blue, at(rule="FREQ=WEEKLY"), request_id="one"))
    await plain_house.call("ReleaseBooking", ANA, name=made[0].name)
    made.append(await book(plain_house, ANA, blue, at(rule="FREQ=WEEKLY"), request_id="one"))
    assert [each == made[0] for each in made] == [True] * 7
    assert await stored(plain_house) == []
    with pytest.raises(Refusal) as refused:
        await book(plain_house, ANA, blue, at("2026-11-27T10:00"), request_id="one")
    assert refused.value.reason == "REQUEST_ID_REUSED"
    assert await stored(plain_house) == []


async def test_what_a_room_has_come_to_exclude_at_another_instance_is_held_with_it(plain_house: House) -> None:
    """Here the room was last seen alone; since then it is a part of a hall, which is booked."""
    place = (await plain_house.place(title="Mill")).name
    blue, hall = [
        (await plain_house.call("CreateRoom", parent=CENTRE, room={"title": title, "place": place})).name
        for title in ("Blue", "Hall")
    ]
    await book(plain_house, ANA, blue, at("2026-11-25T09:00"))
    other = House(plain_house.store, plain_house.clock, seed=8)
    await other.meetings.load()
    await other.call("UpdateRoom", room={"name": hall, "parts": [blue]}, update_mask="parts")
    await book(other, BEN, hall)
    asked = asyncio.ensure_future(book(plain_house, ANA, blue))
    while not asked.done():  # whoever finds that another was faster tries again after a moment
        await asyncio.sleep(0)
        if plain_house.clock.asleep:
            await plain_house.clock.advance(0.1)
    with pytest.raises(Refusal) as refused:
        await asked
    assert refused.value.reason == "ROOM_TAKEN"


async def test_the_sweeper_is_woken_only_for_what_is_due(plain_house: House) -> None:
    """A booking becomes history when it is over, not now; whoever is woken reads all that is due."""
    woken: list[int] = []
    plain_house.desk.wake = lambda: woken.append(1)
    blue = await room(plain_house)
    woken.clear()
    made = await book(plain_house, ANA, blue)
    assert woken == []
    await plain_house.call("ReleaseBooking", ANA, name=made.name)
    await plain_house.sweep()
    assert (woken, await stored(plain_house)) == ([], [])
