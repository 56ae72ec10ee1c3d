"""What a preview of a closure answers: what would become of which dates, and who would be without a room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import closure_pb2
from openchair.meetings.v1 import closure_service_pb2 as pb

from services.meetings.types import ClosureEffect, Place
from services.meetings.wire import child_name
from services.meetings.wire_bookings import booking_name
from services.meetings.wire_closures import EFFECTS
from services.meetings.wire_details import number
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.kit.store.port import Position
    from services.meetings.desk import Desk
    from services.meetings.lacking import Lacking, Lacks
    from services.meetings.previewing import Impact, Reckoning
    from services.meetings.shut_out import ShutOut


async def previewed(
    desk: Desk, centre: str, found: Reckoning, lacking: Lacking
) -> tuple[pb.PreviewClosureResponse, Position | None]:
    """The answer, and where the next page goes on."""
    page, after = found.page()
    titles = {held.value.id: held.value.title for held in await desk.every("place", Place, centre=centre)}
    reply = pb.PreviewClosureResponse(
        impacts=[impact_message(impact, titles) for impact in page],
        occurrences=found.occurrences,
        meetings=found.meetings,
        cancelled=found.outcomes.get(ClosureEffect.CANCEL, 0),
        online=found.outcomes.get(ClosureEffect.ONLINE, 0),
        moved=found.outcomes.get(ClosureEffect.MOVE, 0),
        kept=found.kept,
        lost=[await lacks_message(desk, each, centre) for each in lacking.named()],
        lost_count=lacking.count,
    )
    return reply, after


def impact_message(impact: Impact, titles: Mapping[str, str]) -> closure_pb2.ClosureImpact:
    """What becomes of one date."""
    meeting, each, change = impact.meeting, impact.occurrence, impact.change
    venue = (change.venue if change else None) or meeting.venue
    title = change.title if change and change.title is not None else meeting.title
    message = closure_pb2.ClosureImpact(
        occurrence=f"{child_name(meeting.centre, 'meetings', meeting.id)}/occurrences/{key_text(each.key)}",
        title=title,
        local_start=each.local.isoformat(timespec="minutes"),
        time_zone=meeting.schedule.zone,
        outcome=number(EFFECTS, impact.effect),  # type: ignore[arg-type]  # the wire's number
        reason=impact.reason,
        to=titles.get(impact.closed.place or "", "") if impact.closed else "",
    )
    setattr(message, "from", venue.title if venue else "")
    message.start_time.FromDatetime(each.start)
    return message


async def lacks_message(desk: Desk, lacks: Lacks, centre: str) -> closure_pb2.LostRoom:
    """A date that would be without a room, and what has it."""
    room = await desk.store.get("room", lacks.room)
    return closure_pb2.LostRoom(
        occurrence=f"{child_name(centre, 'meetings', lacks.meeting)}/occurrences/{key_text(lacks.key)}",
        title=lacks.title,
        local_start=lacks.start,
        room=child_name(centre, "rooms", lacks.room),
        room_title=str(room.state.get("title", "")) if room is not None else "",
        taken_by=lacks.by.title or await _title(desk, lacks.by.id),
    )


async def shut_out_message(desk: Desk, out: ShutOut) -> closure_pb2.ClosedBooking:
    """A booking in what is closed."""
    return closure_pb2.ClosedBooking(
        booking=booking_name(out.booking),
        title=await _title(desk, out.booking.id),
        organiser=out.booking.organiser,
        room_title=out.room.title,
        local_start=out.start.isoformat(timespec="minutes"),
        dates=out.dates,
    )


async def _title(desk: Desk, booking: str) -> str:
    """What a booking is called: the board does not keep it."""
    record = await desk.store.get("booking", booking)
    return str(record.state.get("title", "")) if record is not None else ""
