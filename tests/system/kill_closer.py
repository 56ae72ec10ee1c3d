"""Somebody who closes a place and takes that back, again and again, while everything is ended by kill -9."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import grpc
from openchair.meetings.v1 import closure_pb2, place_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb
from openchair.meetings.v1 import meeting_service_pb2 as meetings_pb
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.client import RpcError
from tests.system import acts
from tests.system.running import reached

if TYPE_CHECKING:
    from services.kit.client import Channel

Change: TypeAlias = pb.CreateClosureRequest | pb.WithdrawClosureRequest

HOUSE = "centres/house"
START = "2024-01-02T19:00"
AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
MEETINGS = 12
SETTLED = {closure_pb2.CLOSURE_STATE_IN_FORCE, closure_pb2.CLOSURE_STATE_WITHDRAWN}


class Closer:
    """`titles` are those of the meetings of the place; nobody else edits them."""

    def __init__(self) -> None:
        self.titles = [f"Annex {number:02}" for number in range(MEETINGS)]
        self._place = ""
        self._asked = 0
        self._unanswered: Change | None = None
        self._closed = ""
        """The closure in force; "": none."""
        self._last = ""

    async def furnish(self, stub: MeetingServiceStub) -> None:
        """The place and its meetings."""
        place = place_pb2.Place(title="Annex", address="2 Annex St")
        self._place = (await stub.CreatePlace(meetings_pb.CreatePlaceRequest(parent=HOUSE, place=place))).name
        for title in self.titles:
            meeting = acts.weekly(title, START, place=self._place)
            await stub.CreateMeeting(meetings_pb.CreateMeetingRequest(parent=HOUSE, meeting=meeting))

    async def go_on(self, channel: Channel) -> None:
        """Until there is no answer."""
        try:
            while True:
                self._unanswered = self._next()
                self._keep(await self._ask(channel, self._unanswered))
        except RpcError as error:
            if error.code() not in AWAY:
                raise

    async def look(self, channel: Channel) -> None:
        """Asks again for what was not answered; then what is in force closes the meetings, and nothing else does."""
        if self._unanswered is not None:
            again, first = self._unanswered, await self._ask(channel, self._unanswered)
            assert (await self._ask(channel, again)).name == first.name
            self._keep(first)
        if not self._last:
            return
        await reached(lambda: self._settled(channel), f"{self._last} has come to its end")
        there = await acts.meetings(MeetingServiceStub(channel), HOUSE)
        mine = [one for one in there if one.place == self._place]
        assert sorted(one.title for one in mine) == self.titles
        for one in mine:
            assert {each.closure for each in one.changes} == ({self._closed} if self._closed else set()), one.name
            assert int(one.etag) <= 1 + self._asked, f"{one.name} was written more often than it was closed and opened"

    async def _settled(self, channel: Channel) -> bool:
        found = await ClosureServiceStub(channel).GetClosure(pb.GetClosureRequest(name=self._last))
        return found.state in SETTLED and found.done == found.total

    def _next(self) -> Change:
        self._asked += 1
        id_ = f"closer-{self._asked}"
        if self._closed:
            return pb.WithdrawClosureRequest(name=self._closed, request_id=id_)
        closure = closure_pb2.Closure(
            reason=f"Closed {self._asked}",
            effect=closure_pb2.CLOSURE_EFFECT_CANCEL,
            start="2024-01-01",
            places=[self._place],
        )
        return pb.CreateClosureRequest(parent=HOUSE, closure=closure, request_id=id_)

    async def _ask(self, channel: Channel, change: Change) -> closure_pb2.Closure:
        stub = ClosureServiceStub(channel)
        if isinstance(change, pb.CreateClosureRequest):
            return await stub.CreateClosure(change)
        return await stub.WithdrawClosure(change)

    def _keep(self, answer: closure_pb2.Closure) -> None:
        closes = isinstance(self._unanswered, pb.CreateClosureRequest)
        self._last, self._closed = answer.name, answer.name if closes else ""
        self._unanswered = None
