"""Who is there: check-in, head count: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import rsvp_service_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class Presence:
    """Who is there: check-in, head count."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def check_in(self, call: Call[rsvp_service_pb2.CheckInRequest]) -> rsvp_service_pb2.CheckInResponse:
        """CheckIn."""
        raise Unmet("not yet", "NOT_YET")

    async def get_check_in_code(
        self, call: Call[rsvp_service_pb2.GetCheckInCodeRequest]
    ) -> rsvp_service_pb2.GetCheckInCodeResponse:
        """GetCheckInCode."""
        raise Unmet("not yet", "NOT_YET")

    async def head_count(self, call: Call[rsvp_service_pb2.HeadCountRequest]) -> rsvp_service_pb2.Attended:
        """HeadCount."""
        raise Unmet("not yet", "NOT_YET")
