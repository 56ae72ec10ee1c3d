"""Bookings: Book, Hold, Confirm, Change, Release, Approve, Decline, Take what was skipped, Get, List."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts


class Bookings:
    """The methods about bookings."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def book_room(self, call: Call[pb.BookRoomRequest]) -> pb.BookRoomResponse:
        """Takes one room, or several: all or none."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def hold_room(self, call: Call[pb.HoldRoomRequest]) -> booking_pb2.Booking:
        """Takes a room for a few minutes."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def confirm_hold(self, call: Call[pb.ConfirmHoldRequest]) -> booking_pb2.Booking:
        """Makes a booking of a hold."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def change_booking(self, call: Call[pb.ChangeBookingRequest]) -> booking_pb2.Booking:
        """Changes one date, one and those that follow, or all."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def release_booking(self, call: Call[pb.ReleaseBookingRequest]) -> booking_pb2.Booking:
        """Gives back one date, one and those that follow, or all."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def approve_booking(self, call: Call[pb.ApproveBookingRequest]) -> booking_pb2.Booking:
        """Approves a pending booking."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def decline_booking(self, call: Call[pb.DeclineBookingRequest]) -> booking_pb2.Booking:
        """Declines a pending booking."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def take_skipped_dates(self, call: Call[pb.TakeSkippedDatesRequest]) -> booking_pb2.Booking:
        """Takes dates that a series had to skip and that are free now."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def get_booking(self, call: Call[pb.GetBookingRequest]) -> booking_pb2.Booking:
        """One booking."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})

    async def list_bookings(self, call: Call[pb.ListBookingsRequest]) -> pb.ListBookingsResponse:
        """Bookings of a centre or a room, or a queue of them."""
        raise Unmet("not yet", "NOT_YET", {"name": str(type(call.message).__name__)})
