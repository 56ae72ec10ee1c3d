"""Where people found nobody: Report, Confirm, List, Resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2, occurrence_pb2
    from openchair.meetings.v1 import meeting_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts

NOT_YET = Unmet("reports are not there yet", "NOT_YET")


class Doubts:
    """The methods about reports that nobody was there."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def report_nobody_here(self, call: Call[pb.ReportNobodyHereRequest]) -> pb.ReportNobodyHereResponse:
        """Somebody stands there alone."""
        del call
        raise NOT_YET

    async def confirm_occurrence(self, call: Call[pb.ConfirmOccurrenceRequest]) -> occurrence_pb2.Occurrence:
        """Whoever leads it is there."""
        del call
        raise NOT_YET

    async def list_doubts(self, call: Call[pb.ListDoubtsRequest]) -> pb.ListDoubtsResponse:
        """Where people found nobody lately."""
        del call
        raise NOT_YET

    async def resolve_doubts(self, call: Call[pb.ResolveDoubtsRequest]) -> meeting_pb2.Meeting:
        """A series is doubtful no more."""
        del call
        raise NOT_YET
