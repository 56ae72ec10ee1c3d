"""A meeting that is about to begin, and reports that nobody is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb

from tests.system import acts

if TYPE_CHECKING:
    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

FORM = {"content-type": "application/x-www-form-urlencoded"}
SURE = "sure=1"


async def about_to_begin(stub: MeetingServiceStub, centre: str) -> str:
    """Where to report that nobody is at a meeting that begins in five minutes; the centre is made for it."""
    await acts.create_centre(stub, centre)
    start = datetime.now(UTC) + timedelta(minutes=5)
    request = pb.CreateMeetingRequest(parent=f"centres/{centre}", meeting=acts.beginning("Now", start))
    made = await stub.CreateMeeting(request)
    return f"/nobody-here/{centre}/{made.name.rpartition('/')[2]}/{start:%Y%m%d}"


async def counted(stub: MeetingServiceStub, centre: str) -> list[int]:
    """How many reports each doubtful date has, one for each network."""
    return [doubt.reports for doubt in (await stub.ListDoubts(pb.ListDoubtsRequest(parent=f"centres/{centre}"))).doubts]
