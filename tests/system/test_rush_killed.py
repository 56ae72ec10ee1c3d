"""kill -9 in the middle of a rush for seats: what was acknowledged is there, once, and is told again the same."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import TYPE_CHECKING

import grpc
import pytest
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1.centre_pb2 import Centre
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit.client import RpcError
from tests.system import acts
from tests.system.running import reached, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.running import System

PLACES, GUESTS, CALLERS = 20, 240, 24
START = "2100-01-05T19:00"
DAY = "21000105"
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path / "site") as started:
        yield started


class Rush:
    """Guests of one date, what each asks for, and what they were answered. Nobody asks twice before the end."""

    def __init__(self, meeting: str, number: int) -> None:
        self.meeting = meeting
        self.name = f"{meeting}/occurrences/{DAY}"
        source = random.Random(number)  # noqa: S311 - the same keys each time
        self.asked = [
            pb.ReserveRequest(
                name=self.name,
                guest_key=base64.urlsafe_b64encode(source.randbytes(16)).decode().rstrip("="),
                wait=seat_pb2.WAIT_CHOICE_ASK,
                request_id=f"rush-{number}-{guest}",
            )
            for guest in range(GUESTS)
        ]
        self.told: dict[int, pb.ReserveResponse] = {}

    async def go_on(self, stub: RsvpServiceStub, system: System, most: int) -> None:
        """Everybody asks; after so many answers everything is ended."""
        waiting = iter(range(GUESTS))

        async def caller() -> None:
            for guest in waiting:
                try:
                    self.told[guest] = await stub.Reserve(self.asked[guest])
                except RpcError as error:
                    if error.code() not in AWAY:
                        raise
                    return
                if len(self.told) == most:
                    system.process.kill()  # type: ignore[union-attr]  # it was started

        await asyncio.gather(*(caller() for _ in range(CALLERS)))

    async def check(self, stub: RsvpServiceStub) -> None:
        """What holds when it has been started again, and when everybody has asked once more."""
        for guest, told in self.told.items():
            mine = await stub.GetMine(pb.GetMineRequest(name=self.name, guest_key=self.asked[guest].guest_key))
            assert mine.state == told.seat.state, guest
        again = await asyncio.gather(*(stub.Reserve(each) for each in self.asked))
        assert {guest: again[guest] for guest in self.told} == self.told
        assert await asyncio.gather(*(stub.Reserve(each) for each in self.asked)) == again
        states = [each.seat.state for each in again]
        assert states.count(seat_pb2.SEAT_STATE_GOING) == PLACES
        assert states.count(seat_pb2.SEAT_STATE_WAITLISTED) == GUESTS - PLACES
        needs = await stub.GetNeeds(pb.GetNeedsRequest(name=self.name))
        assert (needs.expected_in_person, needs.waitlisted_in_person) == (PLACES, GUESTS - PLACES)


async def opened(system: System, number: int) -> Rush:
    """A meeting with so many places, once seats are kept there."""
    async with system.channel() as channel:
        meetings, stub = MeetingServiceStub(channel), RsvpServiceStub(channel)
        if number == 0:
            centre = Centre(title="House", time_zone="America/Edmonton")
            await meetings.CreateCentre(meetings_pb.CreateCentreRequest(centre_id="house", centre=centre))
        asked = meetings_pb.CreateMeetingRequest(
            parent="centres/house", meeting=acts.weekly(f"Retreat {number}", START), request_id=f"meeting-{number}"
        )
        rush = Rush((await meetings.CreateMeeting(asked)).name, number)
        rules = list_rules_pb2.ListRules(
            name=f"{rush.meeting}/listRules", mode=list_rules_pb2.RSVP_MODE_REQUIRED, capacity=PLACES
        )
        await reached(lambda: _ruled(stub, rules), "the meeting is heard of")
        return rush


async def _ruled(stub: RsvpServiceStub, rules: list_rules_pb2.ListRules) -> bool:
    try:
        await stub.SetListRules(pb.SetListRulesRequest(list_rules=rules))
    except RpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


async def killed(system: System, rounds: int) -> None:
    """So many rushes, each for a date of its own, each ended somewhere in it."""
    source = random.Random(5)  # noqa: S311 - the same each time
    for number in range(rounds):
        rush = await opened(system, number)
        async with system.channel() as channel:
            await rush.go_on(RsvpServiceStub(channel), system, source.randint(10, GUESTS - CALLERS))
        system.kill()
        assert 0 < len(rush.told) < GUESTS
        system.start()
        async with system.channel() as channel:
            await rush.check(RsvpServiceStub(channel))


async def test_killed_in_a_rush_it_loses_no_seat_and_gives_none_twice(system: System) -> None:
    await killed(system, 1)


@pytest.mark.slow
async def test_killed_in_twenty_rushes_it_loses_no_seat_and_gives_none_twice(system: System) -> None:
    await killed(system, 20)
