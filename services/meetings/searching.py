"""Meetings that fit: Search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.desk import Desk


class Searching:
    """The method of search."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def search_meetings(self, call: Call[pb.SearchMeetingsRequest]) -> pb.SearchMeetingsResponse:
        """Those that fit, a page of them."""
        del call
        raise Unmet("search is not there yet", "NOT_YET")
