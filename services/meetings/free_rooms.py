"""Rooms that are free: Find, Check; and what would work instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts


class FreeRooms:
    """The methods about what is free."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def find_free_rooms(self, call: Call[pb.FindFreeRoomsRequest]) -> pb.FindFreeRoomsResponse:
        """Rooms that could be had, the best fit first."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def check_booking(self, call: Call[pb.CheckBookingRequest]) -> pb.CheckBookingResponse:
        """What is in the way of a booking, and what would work."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})
