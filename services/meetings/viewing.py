"""A meeting as whoever asks may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.errors import NotFound
from services.meetings import seated
from services.meetings.access import Audience, sees
from services.meetings.codes import viewer_of
from services.meetings.wire import meeting_message, stamp, timestamp

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2
    from openchair.meetings.v1 import meeting_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.desk import Desk
    from services.meetings.parts import Parts


class Viewing:
    """The method for readers."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def view_meeting(self, call: Call[pb.ViewMeetingRequest]) -> meeting_pb2.Meeting:
        """One meeting. Raises NotFound, the same for what is not there, not to be seen, and not opened by the code."""
        name = call.message.name
        held = await self.parts.meeting(name)
        viewer = await viewer_of(self.desk, call, held.value.centre)
        audience = viewer.audience(held.value, named=True)
        if not sees(held.value.visibility, audience):
            raise NotFound(name)
        message = meeting_message(held.value, audience)
        if call.message.seat_pass and audience is not Audience.STAFF:
            name_of_seat = self.desk.vouch.read_until(seated.USE, call.message.seat_pass, self.desk.clock.now())
            seated.show(message, held.value, name_of_seat)
        if audience is Audience.STAFF:
            return stamp(message, held.record)
        view = held.record.view("public" if audience is Audience.PUBLIC else "private")
        message.update_time.CopyFrom(
            timestamp(view.at if view else held.record.at)
        )  # of a private change it says nothing
        return message
