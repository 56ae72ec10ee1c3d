"""A meeting that was found, as its list shows it to whoever asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import occurrence_pb2

from services.meetings.access import Audience, joins
from services.meetings.finder_dates import Next, next_dates, programmes_on
from services.meetings.types import Change, Meeting
from services.meetings.wire import MODES, meeting_name, venue_message
from services.meetings.wire_details import WHO_MAY_COME, number
from services.recurrence.wire import key_text, local_text

if TYPE_CHECKING:
    from collections import OrderedDict
    from datetime import datetime

    from services.recurrence.types import Occurrence

MOST_KEPT = 4_000
"""So many answers about one meeting are kept at hand: some 2 MB."""


class Shown:
    """Makes what is shown of meetings, and keeps what everybody may see of those asked for lately."""

    def __init__(self, kept: OrderedDict[tuple[str, int], tuple[Meeting, Next, pb.FoundMeeting]]) -> None:
        self._kept = kept

    def __call__(self, meeting: Meeting, audience: Audience, moment: datetime, count: int) -> pb.FoundMeeting:
        """With its next `count` dates as of that moment. Do not change it: it may be shown to others too."""
        if audience is not Audience.PUBLIC:
            return found_message(meeting, audience, next_dates(meeting, moment, count))
        kept = self._kept.pop((meeting.id, count), None)
        if kept is None or kept[0] is not meeting or not kept[1].holds(moment.timestamp()):
            following = next_dates(meeting, moment, count)
            kept = meeting, following, found_message(meeting, audience, following)
        self._kept[meeting.id, count] = kept
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return kept[2]


def found_message(meeting: Meeting, audience: Audience, following: Next) -> pb.FoundMeeting:
    """A meeting with these dates, as much of it as a list shows."""
    online = meeting.online if meeting.online and joins(meeting.online.access, audience) else None
    return pb.FoundMeeting(
        name=meeting_name(meeting),
        title=meeting.title,
        kind=meeting.kind,
        fellowship=meeting.fellowship,
        types=meeting.types,
        mode=number(MODES, meeting.mode),  # type: ignore[arg-type]  # the wire's number
        language=meeting.language,
        accessibility=meeting.accessibility,
        who_may_come=number(WHO_MAY_COME, meeting.who_may_come),  # type: ignore[arg-type]  # the wire's number
        venue=venue_message(meeting.venue, audience) if meeting.venue else None,
        url=online.url if online else "",
        phone=online.phone if online else "",
        time_zone=meeting.schedule.zone,
        next_dates=[_date(meeting, each, audience) for each in following.dates],
        doubtful=meeting.doubtful,
    )


def _date(meeting: Meeting, occurrence: Occurrence, audience: Audience) -> pb.FoundDate:
    """One date, with what differs on it: whoever goes by a list goes where it says."""
    change = (meeting.change(occurrence.key) if occurrence.deviates else None) or Change(date=occurrence.key.date)
    programmes = programmes_on(meeting, occurrence.key.date)
    who = next((each.who_may_come for each in programmes if each.who_may_come), None)
    message = pb.FoundDate(
        name=f"{meeting_name(meeting)}/occurrences/{key_text(occurrence.key)}",
        state=_state(occurrence, change),  # type: ignore[arg-type]  # the wire's number
        local_start=local_text(occurrence.local),
        mode=number(MODES, change.mode),  # type: ignore[arg-type]  # the wire's number
        venue=venue_message(change.venue, audience) if change.venue else None,
        url=change.online.url if change.online and joins(change.online.access, audience) else "",
        title=change.title or "",
        reason=change.reason,
        programmes=[each.title for each in programmes],
        who_may_come=number(WHO_MAY_COME, who),  # type: ignore[arg-type]  # the wire's number
    )
    message.start_time.FromDatetime(occurrence.start)
    message.end_time.FromDatetime(occurrence.end)
    return message


def _state(occurrence: Occurrence, change: Change) -> int:
    if occurrence.cancelled:
        return occurrence_pb2.OCCURRENCE_STATE_CANCELLED
    if change.unconfirmed:
        return occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED
    return occurrence_pb2.OCCURRENCE_STATE_SCHEDULED
