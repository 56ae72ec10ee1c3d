"""VEVENTs of one meeting (RFC 5545 section 3.6.1), purely of its message, of its seats, and of how it is to be shown.

Every series is a master and, for each date that was moved or changed, an override in the order of dates; cancelled
dates are EXDATEs, or overrides that say so, never both.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from openchair.meetings.v1 import meeting_pb2

from services.feeds.drawing import Drawing, instant
from services.feeds.manner import Manner
from services.feeds.picking import Pick, Wish
from services.feeds.seats import NO_SEATS, Seats
from services.feeds.series import horizon, lay_out
from services.recurrence.wire import to_schedule

PLAIN = Manner(horizon(date(1970, 2, 1)))


class Sheet(NamedTuple):
    """The events of a meeting, ready to be joined to others. `last_end` None: it goes on for ever.

    `dated`: next month it will be another. `asks`: it says whom to call.
    """

    body: bytes
    zone: str
    modified: datetime
    last_end: datetime | None
    cancelled: datetime | None
    dated: bool = False
    asks: bool = False


def render(
    meeting: meeting_pb2.Meeting, manner: Manner = PLAIN, wish: Wish | None = None, seats: Seats = NO_SEATS
) -> Sheet:
    """The sheet of a meeting, of the dates that are wanted; a suspended one has no events.

    Raises:
        RecurrenceError: a schedule, or a programme, that cannot be.
    """
    schedule = to_schedule(meeting.schedule)
    seats = NO_SEATS if manner.word else seats
    pick = Pick(wish or Wish(), meeting)
    layout = lay_out(meeting, schedule, pick, manner.window, struck=manner.struck, chairs=seats.chairs)
    suspended = meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED
    drawing = Drawing(meeting, layout, manner, seats)
    events = () if suspended else drawing.events()
    return Sheet(
        body=b"".join(event.to_ical(sorted=False) for event in events),
        zone=schedule.zone,
        modified=drawing.modified,
        last_end=layout.last_end,
        cancelled=_cancelled(meeting),
        dated=layout.laying.dated,
        asks=meeting.doubtful or any(change.unconfirmed for change in meeting.changes),
    )


def _cancelled(meeting: meeting_pb2.Meeting) -> datetime | None:
    """When it was cancelled, if it was: at the latest when it was last changed."""
    if meeting.state != meeting_pb2.MEETING_STATE_CANCELLED:
        return None
    return instant(meeting.cancel_time if meeting.HasField("cancel_time") else meeting.update_time)
