"""Seats follow their meeting through the whole system: the meetings service, the real bus, the lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as meetings
from openchair.rsvps.v1 import list_rules_pb2, seat_pb2
from openchair.rsvps.v1 import rsvp_service_pb2 as pb
from openchair.rsvps.v1.rsvp_service_pb2_grpc import RsvpServiceStub

from services.recurrence.zones import local_day
from tests.system import acts, canaries
from tests.system.running import reached, running, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.system.running import System

KEY = "AAAAAAAAAAAAAAAAAAAAAQ"


async def test_a_seat_hears_that_its_date_moved_was_called_off_and_its_days_were_changed(tmp_path: Path) -> None:
    today = local_day(datetime.now(UTC), acts.ZONE)
    first = today + timedelta(days=(1 - today.weekday()) % 7 + 7)  # a Tuesday ahead
    with running(tmp_path) as system:
        async with system.channel() as channel, system.meetings() as stub:
            seats: Any = RsvpServiceStub(channel)
            centre = await acts.create_centre(stub, "house")
            meeting = await acts.create_meeting(stub, centre, "Tuesday Group", f"{first}T19:00")
            name = f"{meeting.name}/occurrences/{first:%Y%m%d}"
            rules = list_rules_pb2.ListRules(name=f"{meeting.name}/listRules", mode=list_rules_pb2.RSVP_MODE_OPTIONAL)
            asked = pb.SetListRulesRequest(list_rules=rules)
            await reached(lambda: known(seats.SetListRules, asked), "the meeting was heard of")
            kept = await seats.Reserve(pb.ReserveRequest(name=name, guest_key=KEY))
            assert kept.seat.state == seat_pb2.SEAT_STATE_GOING

            async def mine(condition: Callable[[seat_pb2.Seat], bool]) -> seat_pb2.Seat | None:
                found: seat_pb2.Seat = await seats.GetMine(pb.GetMineRequest(name=name, guest_key=KEY))
                return found if condition(found) else None

            change = meeting_pb2.OccurrenceChange(start=f"{first + timedelta(days=1)}T18:00")
            await stub.ChangeOccurrence(meetings.ChangeOccurrenceRequest(name=name, change=change))
            moved = await reached(lambda: mine(lambda seat: seat.moved), "it was moved")
            assert moved.state == seat_pb2.SEAT_STATE_GOING
            await stub.CancelOccurrence(meetings.CancelOccurrenceRequest(name=name))
            off = await reached(lambda: mine(lambda seat: seat.end > 0), "it was called off")
            assert (off.state, off.end) == (seat_pb2.SEAT_STATE_CANCELLED, seat_pb2.SEAT_END_MEETING_CANCELLED)
            await stub.RestoreOccurrence(meetings.RestoreOccurrenceRequest(name=name))
            await reached(lambda: mine(lambda seat: seat.state == seat_pb2.SEAT_STATE_GOING), "it is on again")
            thursday = first + timedelta(days=2)
            changed = meeting_pb2.Meeting(name=meeting.name)
            changed.schedule.CopyFrom(meeting.schedule)
            changed.schedule.start = f"{thursday}T19:00"
            request = meetings.UpdateMeetingRequest(meeting=changed, scope=meetings.EDIT_SCOPE_ALL)
            request.update_mask.paths.append("schedule")
            await stub.UpdateMeeting(request)
            name = f"{meeting.name}/occurrences/{thursday:%Y%m%d}"
            gone = await reached(lambda: known(seats.GetMine, pb.GetMineRequest(name=name, guest_key=KEY)), "new days")
            assert gone.state == seat_pb2.SEAT_STATE_GOING
            assert gone.moved
            # Of a list of which no more is to tell than of one that there is not, nothing is told.
            await seats.CloseList(pb.CloseListRequest(name=name))
            for kind in (b"event", b"list"):
                subject = b"openchair.local.public.rsvps.house.%s." % kind
                until(lambda wanted=subject: wanted in stream(system), f"the public view of the {kind!r} is out")  # type: ignore[misc]  # wanted is bound


def stream(system: System) -> bytes:
    """What stands in the public stream."""
    return b"".join(surface.body for surface in canaries.files(system.data / "nats" / "jetstream", "**/PUBLIC_*/**/*"))


async def known(method: Any, request: Any) -> Any:
    """The reply, once there is such a thing."""
    try:
        return await method(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return None
        raise
