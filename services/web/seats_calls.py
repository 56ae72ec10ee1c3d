"""What readers do about seats is passed on to the service that keeps them, with their network as an opaque word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_service_pb2
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.kit.client import Problem, RpcError, explain
from services.kit.network import vouched
from services.kit.reach import Unknown
from services.web.seats_said import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from openchair.meetings.v1 import meeting_pb2

    from services.kit.client import Channel
    from services.kit.vouch import Vouch

SECONDS: Final = 8.0
"""How long somebody waits for an answer; a rush is decided in far less."""


class SeatCalls:
    """Calls for somebody in a network. `reach` gives the way to a service by its name, or raises Unknown."""

    def __init__(self, reach: Callable[[str], Channel], vouch: Vouch) -> None:
        self._reach = reach
        self._vouch = vouch

    async def ask(self, method: str, request: Any, network: str) -> Any:
        """The reply of a method of the RsvpService, or the Problem."""
        metadata = vouched(self._vouch, network)
        try:
            stub: Any = RsvpServiceStub(self._reach("rsvps"))
            return await getattr(stub, method)(request, timeout=SECONDS, metadata=metadata)
        except Unknown:
            return Problem("UNAVAILABLE", "", UNREACHABLE)
        except RpcError as error:
            return explain(error)

    async def joining(self, name: str, seat_pass: str, invite_code: str) -> meeting_pb2.Meeting | None:
        """A meeting as whoever holds a seat sees it; None: that is not known just now."""
        request = meeting_service_pb2.ViewMeetingRequest(name=name, seat_pass=seat_pass, invite_code=invite_code)
        try:
            return await MeetingServiceStub(self._reach("meetings")).ViewMeeting(request, timeout=SECONDS)
        except (Unknown, RpcError):
            return None
