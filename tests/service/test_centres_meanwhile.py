"""A centre is deleted while something is made there: one of the two is refused, and nothing stands in no centre."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from services.kit.clock import VirtualClock
from services.kit.errors import NotFound, Unmet
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS as RECORDS
from tests.service.booked import waited
from tests.service.meetings_house import CENTRE, START, House
from tests.service.test_parts_meanwhile import Meanwhile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KINDS = ("meeting", "room", "place", "group", "import")
ONLINE = {"mode": "MODE_ONLINE", "online": {"url": "https://meet.example/x"}}


def made(house: House, what: str) -> Awaitable[Any]:
    """It, at the centre."""
    account = {"title": "Account", "kind": "ROOM_KIND_VIDEO"}
    makers: dict[str, Callable[[], Awaitable[Any]]] = {
        "CreatePlace": house.place,
        "CreateGroup": house.group,
        "CreateMeeting": lambda: house.meeting(**ONLINE),
        "CreateRoom": lambda: house.call("CreateRoom", parent=CENTRE, room=account),
        "CreateImport": lambda: house.call("CreateImport", parent=CENTRE, **{"import": {"source": "list"}}),
    }
    return makers[what]()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = VirtualClock(START)
    store = MemoryStore(RECORDS, clock)
    await store.open()
    house = House(store, clock)
    await house.meetings.load()
    await house.centre()
    yield house
    await store.close()


MADE = ("CreatePlace", "CreateGroup", "CreateMeeting", "CreateRoom", "CreateImport")


async def left(house: House) -> list[str]:
    """Kinds of what there is at the centre."""
    found = [(await house.store.find(kind, {"centre": "house"}, limit=10)).records for kind in KINDS]
    return [each.kind for records in found for each in records if not each.gone]


@pytest.mark.parametrize("what", MADE)
async def test_nothing_is_made_in_a_centre_that_is_deleted_meanwhile(house: House, what: str) -> None:
    async def deleted() -> None:
        await house.call("DeleteCentre", name=CENTRE)

    other = House(Meanwhile(house, deleted, "centre"), house.clock)
    with pytest.raises(NotFound):
        await waited(house, made(other, what))
    assert await left(house) == []


@pytest.mark.parametrize("what", MADE)
async def test_a_centre_in_which_something_is_made_meanwhile_is_not_deleted(house: House, what: str) -> None:
    async def made_there() -> None:
        await made(house, what)

    other = House(Meanwhile(house, made_there, "centre"), house.clock)
    with pytest.raises(Unmet) as refused:
        await waited(house, other.call("DeleteCentre", name=CENTRE))
    assert refused.value.reason == "CENTRE_IN_USE"
    assert (await house.call("GetCentre", name=CENTRE)).title == "The House"


async def test_where_a_meeting_lives_nothing_that_is_made_moves_the_centre(house: House) -> None:
    """Whoever edits the centre need not start again for each meeting; nobody deletes it for 30 days, either."""
    await house.meeting(**ONLINE)
    before = (await house.call("GetCentre", name=CENTRE)).etag
    for what in ("CreatePlace", "CreateGroup", "CreateMeeting", "CreateImport"):
        await made(house, what)
    assert (await house.call("GetCentre", name=CENTRE)).etag == before
