"""Head counts of dates that are over, and what was said after them: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import rsvp_service_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class Figures:
    """Head counts of dates that are over, and what was said after them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def give_feedback(
        self, call: Call[rsvp_service_pb2.GiveFeedbackRequest]
    ) -> rsvp_service_pb2.GiveFeedbackResponse:
        """GiveFeedback."""
        raise Unmet("not yet", "NOT_YET")

    async def get_statistics(
        self, call: Call[rsvp_service_pb2.GetStatisticsRequest]
    ) -> rsvp_service_pb2.GetStatisticsResponse:
        """GetStatistics."""
        raise Unmet("not yet", "NOT_YET")

    async def export_statistics(
        self, call: Call[rsvp_service_pb2.ExportStatisticsRequest]
    ) -> rsvp_service_pb2.ExportStatisticsResponse:
        """ExportStatistics."""
        raise Unmet("not yet", "NOT_YET")
