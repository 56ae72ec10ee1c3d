"""A guest's own seat: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import rsvp_service_pb2, seat_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class Seats:
    """A guest's own seat."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reserve(self, call: Call[rsvp_service_pb2.ReserveRequest]) -> rsvp_service_pb2.ReserveResponse:
        """Reserve."""
        raise Unmet("not yet", "NOT_YET")

    async def change(self, call: Call[rsvp_service_pb2.ChangeRequest]) -> seat_pb2.Seat:
        """Change."""
        raise Unmet("not yet", "NOT_YET")

    async def cancel(self, call: Call[rsvp_service_pb2.CancelRequest]) -> seat_pb2.Seat:
        """Cancel."""
        raise Unmet("not yet", "NOT_YET")

    async def confirm(self, call: Call[rsvp_service_pb2.ConfirmRequest]) -> seat_pb2.Seat:
        """Confirm."""
        raise Unmet("not yet", "NOT_YET")

    async def get_mine(self, call: Call[rsvp_service_pb2.GetMineRequest]) -> seat_pb2.Seat:
        """GetMine."""
        raise Unmet("not yet", "NOT_YET")

    async def accept_offer(self, call: Call[rsvp_service_pb2.AcceptOfferRequest]) -> seat_pb2.Seat:
        """AcceptOffer."""
        raise Unmet("not yet", "NOT_YET")

    async def decline_offer(self, call: Call[rsvp_service_pb2.DeclineOfferRequest]) -> seat_pb2.Seat:
        """DeclineOffer."""
        raise Unmet("not yet", "NOT_YET")
