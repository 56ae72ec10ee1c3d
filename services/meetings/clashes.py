"""What is in the way, as messages and as refusals: as much of it as the asker may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import booking_pb2

from services.kit.errors import Unmet
from services.meetings.availability import Hindrance, Obstacle
from services.meetings.wire import child_name
from services.meetings.wire_bookings import BUSY, booking_name
from services.recurrence.timetable import at_minute
from services.recurrence.wire import key_text
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.meetings.alternatives import Wanted
    from services.meetings.types_rooms import Booking

KINDS: Final = {Obstacle.TAKEN: 1, Obstacle.NOT_OPEN: 2, Obstacle.CLOSED: 3, Obstacle.RULE: 4}
REASONS: Final = {
    Obstacle.TAKEN: "ROOM_TAKEN",
    Obstacle.NOT_OPEN: "ROOM_NOT_OPEN",
    Obstacle.CLOSED: "ROOM_CLOSED",
    Obstacle.RULE: "BOOKING_RULE",
}
MOST_BYTES: Final = 2_500
"""Of a report: the details of a status travel in a header, which is short. CheckBooking tells all."""


MOST_ALTERNATIVES: Final = 3


class Clashing(Unmet):
    """The refusal of what cannot be had; its report is attached.

    Where it knows what was `wanted`, `Desk.write` and `Desk.tried` put what would work instead into the report.
    """

    wanted: Wanted | None = None

    def offer(self, alternatives: Sequence[booking_pb2.Alternative]) -> None:
        """Puts what would work instead into the report, as far as it fits; clashes at its end give way."""
        (report,) = self.attached
        assert isinstance(report, booking_pb2.ClashReport)
        del report.alternatives[:]
        report.alternatives.extend(alternatives[:MOST_ALTERNATIVES])
        while report.ByteSize() > MOST_BYTES and len(report.clashes) > 1:
            del report.clashes[-1]


class Asker(NamedTuple):
    """Who asks: `keeper` keeps the centre's list, and may know everything."""

    subject: str
    keeper: bool

    def knows(self, booking: Booking) -> bool:
        """Whether it may learn what a booking is: facilitators know meetings, and what they booked themselves."""
        return self.keeper or bool(booking.meeting) or (booking.organiser == self.subject != "")


def clash_message(centre: str, found: Hindrance, asker: Asker) -> booking_pb2.Clash:
    """One date that cannot be had."""
    message = booking_pb2.Clash(
        kind=KINDS[found.kind],  # type: ignore[arg-type]  # the wire's number
        room=child_name(centre, "rooms", found.room),
        key=key_text(found.key),
        reason=reason(found, asker),
        rule=found.rule,
    )
    message.start_time.FromDatetime(at_minute(found.start))
    message.end_time.FromDatetime(at_minute(found.end))
    if found.by is not None:
        message.taken_room = child_name(centre, "rooms", found.by.room)
        message.taken_start_time.FromDatetime(at_minute(found.by_start))
        message.taken_end_time.FromDatetime(at_minute(found.by_end))
        knows = asker.knows(found.by)
        message.taken_by = found.by.title if knows else BUSY
        if knows:
            meeting = child_name(centre, "meetings", found.by.meeting)
            message.taken_by_name = meeting or booking_name(found.by)
    return message


def reason(found: Hindrance, asker: Asker) -> str:
    """Why a date cannot be had, in words; times are local to the room."""
    if found.by is None:
        return found.reason
    what = f"taken by {found.by.title}" if asker.knows(found.by) and found.by.title else "taken"
    start, end = (to_local(at_minute(each), found.zone) for each in (found.by_start, found.by_end))
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    apart = found.by_end <= found.start or found.end <= found.by_start
    return (
        f"{what} from {start:%H:%M} to {until}"
        + (", which leaves too little time between for setting up and tearing down" if apart else "")
        + (", in a room that is a part of it or shares one with it" if found.by.room != found.room else "")
    )


def refusal(centre: str, found: Sequence[Hindrance], asker: Asker, wanted: Wanted | None = None) -> Clashing:
    """The refusal of what cannot be had: FAILED_PRECONDITION with the reason of the first, and a ClashReport.

    `wanted` is what alternatives are looked for to, by whoever writes (`Desk.write`).
    """
    first = found[0]
    report = booking_pb2.ClashReport(total=len(found))
    for each in found[:50]:
        report.clashes.append(clash_message(centre, each, asker))
        if report.ByteSize() > MOST_BYTES:
            del report.clashes[-1]
            break
    when = f"{to_local(at_minute(first.start), first.zone):%Y-%m-%d %H:%M}"
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    refused = Clashing(
        f"cannot be had on {when}{more}: {first.reason or 'is taken'}",
        REASONS[first.kind],
        {"date": key_text(first.key), "when": when},
    )
    refused.attached, refused.wanted = (report,), wanted
    return refused
