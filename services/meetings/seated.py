"""What whoever keeps a seat is told beside what they may see anyway: how to join, and where it is.

The service that keeps the seats says so by a pass, which is good for a few minutes and names a date or the series. So
links for seat holders are in no stream, no feed and no list: only in the answer to whoever brings a pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.meetings import composed
from services.meetings.access import Audience, finds, joins
from services.meetings.wire import online_message, venue_message
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_key

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2

    from services.meetings.types import Change, Meeting

USE: Final = "seat"
"""What a pass is made for: it is the resource name of a date, or of the meeting, vouched for."""


def show(message: meeting_pb2.Meeting, meeting: Meeting, name: str) -> None:
    """Adds to what somebody sees of a meeting what a seat there, or on one of its dates, opens. `name`: where it is."""
    own = f"centres/{meeting.centre}/meetings/{meeting.id}"
    change = _change(meeting, name.removeprefix(f"{own}/occurrences/"))
    if name != own and not name.startswith(f"{own}/occurrences/"):
        return
    seen = composed.shown(meeting)
    online = change.online if change is not None and change.online is not None else seen.online
    venue = change.venue if change is not None and change.venue is not None else seen.venue
    if online is not None and joins(online.access, Audience.SEATED):
        message.online.CopyFrom(online_message(online, Audience.SEATED))
    if venue is not None and finds(venue.address_access, Audience.SEATED):
        message.venue.CopyFrom(venue_message(venue, Audience.SEATED))


def _change(meeting: Meeting, key: str) -> Change | None:
    """What differs on the date that is meant."""
    try:
        wanted = parse_key(key)
    except RecurrenceError:
        return None
    return next((each for each in composed.changes(meeting) if each.key == wanted), None)
