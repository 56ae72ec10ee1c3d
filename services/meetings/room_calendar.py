"""What is on in rooms: GetRoomCalendar, GetFreeBusy, GetUtilisation; and who has come: CheckIn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts


class RoomCalendar:
    """The methods about what is on."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def get_room_calendar(self, call: Call[pb.GetRoomCalendarRequest]) -> pb.GetRoomCalendarResponse:
        """What is on in a room, as much as the asker may know."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def get_free_busy(self, call: Call[pb.GetFreeBusyRequest]) -> pb.GetFreeBusyResponse:
        """When rooms are taken."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def get_utilisation(self, call: Call[pb.GetUtilisationRequest]) -> pb.GetUtilisationResponse:
        """How much of each room was booked and used, week by week."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def check_in_booking(self, call: Call[pb.CheckInBookingRequest]) -> booking_pb2.Booking:
        """Somebody has come."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})
