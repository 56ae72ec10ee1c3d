"""Rules of lists, and whether there are places: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import list_rules_pb2, rsvp_service_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class ListsRules:
    """Rules of lists, and whether there are places."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def set_list_rules(self, call: Call[rsvp_service_pb2.SetListRulesRequest]) -> list_rules_pb2.ListRules:
        """SetListRules."""
        raise Unmet("not yet", "NOT_YET")

    async def get_list_rules(self, call: Call[rsvp_service_pb2.GetListRulesRequest]) -> list_rules_pb2.ListRules:
        """GetListRules."""
        raise Unmet("not yet", "NOT_YET")

    async def get_availability(
        self, call: Call[rsvp_service_pb2.GetAvailabilityRequest]
    ) -> rsvp_service_pb2.GetAvailabilityResponse:
        """GetAvailability."""
        raise Unmet("not yet", "NOT_YET")

    async def close_list(self, call: Call[rsvp_service_pb2.CloseListRequest]) -> rsvp_service_pb2.CloseListResponse:
        """CloseList."""
        raise Unmet("not yet", "NOT_YET")
