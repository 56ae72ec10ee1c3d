"""Dates of rooms as messages: as much of each as the asker may know. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import room_service_pb2 as pb

from services.meetings.availability import shuts
from services.meetings.closing import in_time
from services.meetings.types_rooms import BookingState
from services.meetings.wire import child_name
from services.meetings.wire_bookings import BUSY, STATES, booking_name
from services.meetings.wire_details import number
from services.recurrence.busy import Interval, joined, less
from services.recurrence.timetable import at_minute
from services.recurrence.types import Occurrence
from services.recurrence.wire import key_text, local_text
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.meetings.clashes import Asker
    from services.meetings.closing import Frame
    from services.meetings.types_rooms import Room
    from services.meetings.whats_on import On


class Scene(NamedTuple):
    """Of what room a calendar is, for whom, and what is in force; `zone` is the room's."""

    room: Room
    asker: Asker
    frame: Frame
    zone: str


def event(each: On, scene: Scene) -> pb.RoomEvent:
    """One date of the room, or of one that excludes it."""
    booking, start = each.booking, at_minute(each.start)
    knows = scene.asker.knows(booking)
    message = pb.RoomEvent(
        local_start=local_text(to_local(start, scene.zone)),
        title=booking.title if knows else BUSY,
        state=number(STATES, booking.state),  # type: ignore[arg-type]  # the wire's number
        by_room=child_name(booking.centre, "rooms", booking.room) if booking.room != scene.room.id else "",
        closure_reason=closed_because(each, scene),
        before_minutes=booking.before,
        after_minutes=booking.after,
    )
    message.start_time.FromDatetime(start)
    message.end_time.FromDatetime(at_minute(each.end))
    if knows:
        message.booking, message.overrule_reason = booking_name(booking), booking.overruled
        message.checked_in = each.key in booking.checked_in
        if booking.meeting:
            meeting = child_name(booking.centre, "meetings", booking.meeting)
            message.occurrence = f"{meeting}/occurrences/{key_text(each.key)}"
    return message


def closed_because(each: On, scene: Scene) -> str:
    """The reason of the first closure in which the date lies; "": of none."""
    start = at_minute(each.start)
    date = Occurrence(each.key, to_local(start, scene.zone), start, at_minute(each.end))
    closures = (one for one in scene.frame.closures if shuts(one, scene.room))
    return next((one.reason for one in closures if in_time(one, date, scene.frame.zone)), "")


def busy(room: Room, dates: Iterable[On], low: int, high: int) -> pb.RoomBusy:
    """When a room is taken within these minutes, and nothing else. What only competes takes nothing."""
    found: dict[bool, list[Interval]] = {True: [], False: []}
    for each in dates:
        if not each.booking.competes:
            cut = Interval(max(each.start, low), min(each.end, high))
            found[each.booking.state is not BookingState.CONFIRMED].append(cut)
    firm = joined(found[False])
    times = [(one, False) for one in firm] + [(one, True) for one in less(found[True], firm)]
    message = pb.RoomBusy(room=child_name(room.centre, "rooms", room.id))
    for taken, tentative in sorted(times):
        time = message.busy.add(tentative=tentative)
        time.start_time.FromDatetime(at_minute(taken.start))
        time.end_time.FromDatetime(at_minute(taken.end))
    return message
