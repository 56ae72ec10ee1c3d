"""What who leads has to know, and what guests chose to share: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import rsvp_service_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class NeedsOfLists:
    """What who leads has to know, and what guests chose to share."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_needs(self, call: Call[rsvp_service_pb2.GetNeedsRequest]) -> rsvp_service_pb2.Needs:
        """GetNeeds."""
        raise Unmet("not yet", "NOT_YET")

    async def export_list(self, call: Call[rsvp_service_pb2.ExportListRequest]) -> rsvp_service_pb2.ExportListResponse:
        """ExportList."""
        raise Unmet("not yet", "NOT_YET")
