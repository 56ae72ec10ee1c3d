"""Attendance slips: methods of the RsvpService."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import Unmet

if TYPE_CHECKING:
    from openchair.rsvps.v1 import rsvp_service_pb2, slip_pb2

    from services.kit.call import Call
    from services.rsvps.desk import Desk


class Slips:
    """Attendance slips."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def issue_attendance_slip(
        self, call: Call[rsvp_service_pb2.IssueAttendanceSlipRequest]
    ) -> slip_pb2.AttendanceSlip:
        """IssueAttendanceSlip."""
        raise Unmet("not yet", "NOT_YET")

    async def verify_attendance_slip(
        self, call: Call[rsvp_service_pb2.VerifyAttendanceSlipRequest]
    ) -> rsvp_service_pb2.VerifyAttendanceSlipResponse:
        """VerifyAttendanceSlip."""
        raise Unmet("not yet", "NOT_YET")

    async def revoke_attendance_slip(
        self, call: Call[rsvp_service_pb2.RevokeAttendanceSlipRequest]
    ) -> rsvp_service_pb2.RevokeAttendanceSlipResponse:
        """RevokeAttendanceSlip."""
        raise Unmet("not yet", "NOT_YET")

    async def list_slip_keys(
        self, call: Call[rsvp_service_pb2.ListSlipKeysRequest]
    ) -> rsvp_service_pb2.ListSlipKeysResponse:
        """ListSlipKeys."""
        raise Unmet("not yet", "NOT_YET")
