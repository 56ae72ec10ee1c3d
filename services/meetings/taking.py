"""Dates of a meeting without their room that get it after all, in one commit with the meeting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.clock import moment
from services.kit.errors import Invalid, Unmet, Violation
from services.meetings.claiming import Draft
from services.meetings.desk import Decision, Desk, Written
from services.meetings.types_rooms import ClashPolicy
from services.meetings.wire import child_name, timestamp
from services.meetings.wire_bookings import Told, booking_message
from services.recurrence.portions import ends
from services.recurrence.wire import key_text

if TYPE_CHECKING:
    from openchair.meetings.v1 import booking_pb2
    from openchair.meetings.v1 import room_service_pb2 as pb

    from services.kit.call import Call
    from services.meetings.parts import Parts
    from services.meetings.types_rooms import Booking
    from services.recurrence.pattern import Slot
    from services.recurrence.types import Key


async def take(
    desk: Desk, parts: Parts, call: Call[pb.TakeSkippedDatesRequest], booking: Booking, keys: frozenset[Key]
) -> booking_pb2.Booking:
    """The booking, with those of its skipped dates; without keys, with all that are free now. Writes the meeting, too.

    Raises Invalid for a date that it did not have to skip, Clashing for one that is taken, Unmet where none is free.
    """
    waited = frozenset(each.slot.key for each in booking.skipped)
    if unknown := keys - waited:
        raise Invalid(Violation("keys", f"{key_text(min(unknown))} is not a date that it had to skip"))

    async def decide(at: str) -> Decision[booking_pb2.Booking]:
        held = await parts.meeting(child_name(booking.centre, "meetings", booking.meeting))
        asked = (await parts.asked(call, held.value))._replace(
            policy=ClashPolicy.REFUSE if keys else ClashPolicy.SKIP,
            taking=frozenset((booking.room, key) for key in keys or waited),
        )

        def reply(written: Written) -> booking_pb2.Booking:
            now, revision = written.bookings.get(booking.id, (booking, 0))
            if waiting(booking, at) <= waiting(now, at):
                raise Unmet("none of the skipped dates can be had", "NOTHING_FREE")
            message = booking_message(now, Told.ALL)
            message.etag = str(revision)
            message.update_time.CopyFrom(timestamp(at))
            return message

        draft = Draft(held.record, held.value, held.record.due_at)
        return Decision((), reply, "take-skipped-dates", drafts=(draft,), asked=asked)

    return await desk.write(call, decide)


def waiting(booking: Booking, at: str) -> frozenset[Slot]:
    """What it had to skip and is not over: that of which it can be said whether it has it now."""
    zone, now = booking.pattern.zone, moment(at)
    return frozenset(each.slot for each in booking.skipped if ends(each.slot, zone) > now)
