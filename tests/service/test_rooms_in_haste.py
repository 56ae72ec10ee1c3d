"""Who waits for an answer no longer than some milliseconds does not know what became of it: it happened once, or not.

Asked again with the same request id, at leisure, it has happened once.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from openchair.meetings.v1 import meeting_service_pb2, room_service_pb2
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import RpcError
from services.meetings.types import Meeting
from tests.service.booked import waited
from tests.service.bookings_house import CENTRE, at, room, stored
from tests.service.claims_house import every, fits
from tests.service.test_bookings_at_once import PATIENCE, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.kit.client import Channel
    from tests.service.meetings_house import House

pytest_plugins = ("tests.service.meetings_house",)
CALLERS = 80


def asked(number: int, name: str, place: str) -> tuple[str, Any]:
    """A meeting or a booking, each on a day of its own."""
    said = at(f"2026-12-{1 + number % 28:02}T{10 + number // 28}:00", title=f"No. {number}")
    wish: dict[str, Any] = {"parent": CENTRE, "request_id": f"r{number}"}
    if number % 2:
        return "BookRoom", ParseDict({**wish, "rooms": [name], "booking": said}, room_service_pb2.BookRoomRequest())
    meeting = {**said, "mode": "MODE_IN_PERSON", "place": place, "rooms": [name]}
    return "CreateMeeting", ParseDict({**wish, "meeting": meeting}, meeting_service_pb2.CreateMeetingRequest())


async def hastily(channel: Channel, method: str, request: Any, chance: random.Random) -> bool:
    """Whether it was answered: first within 1 to 50 ms, or until the caller goes away; then at leisure."""
    send = getattr((RoomServiceStub if method == "BookRoom" else MeetingServiceStub)(channel), method)
    seconds, leaves = chance.uniform(0.001, 0.05), chance.random() < 0.5
    if request.request_id == "r0":  # one goes away for certain
        seconds, leaves = 0.0, True
    call = send(request, timeout=PATIENCE if leaves else seconds)
    if leaves:
        asyncio.get_running_loop().call_later(seconds, call.cancel)
    try:
        await call
        answered = True
    except asyncio.CancelledError:
        answered = False
    except RpcError as error:
        if error.code() not in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}:
            raise
        answered = False
    await send(request, timeout=PATIENCE)
    return answered


@pytest.mark.parametrize("callers", [20, pytest.param(280, marks=pytest.mark.slow)])
async def test_who_waits_no_longer_than_milliseconds_and_asks_again_has_it_once(house: House, callers: int) -> None:
    name = await room(house)
    place = (await house.call("GetRoom", name=name)).place
    chance = random.Random(8)  # noqa: S311 - seeded

    async def one(number: int, connected: Callable[..., Channel]) -> bool:
        async with connected(f"p{number}", "coordinator") as channel:
            return await hastily(channel, *asked(number, name, place), chance)

    async with served(house) as connected:
        answered = await waited(house, asyncio.gather(*(one(number, connected) for number in range(callers))))
    assert not answered[0]
    expected = Counter(f"No. {number}" for number in range(callers))
    assert Counter(each.title for each in await stored(house)) == expected
    meetings = [each.title for each in await every(house, "meeting", Meeting)]
    assert Counter(meetings) == Counter(f"No. {number}" for number in range(0, callers, 2))
    await fits(house)


async def test_nobody_is_told_to_try_again_because_one_instance_is_busy(house: House) -> None:
    """Every new meeting moves its place on: they wait for each other, in order of arrival, and meet nobody twice."""
    name = await room(house)
    place = (await house.call("GetRoom", name=name)).place
    before = house.desk.heads.conflicts

    async def one(number: int) -> None:
        method, request = asked(number, name, place)
        await house.call(method, **MessageToDict(request, preserving_proto_field_name=True))

    await waited(house, asyncio.gather(*map(one, range(CALLERS))))
    assert Counter(each.title for each in await stored(house)) == Counter(f"No. {n}" for n in range(CALLERS))
    assert house.desk.heads.conflicts - before < CALLERS
    await fits(house)
