"""A meeting that was found, as its list shows it to whoever asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.meetings.access import Audience, joins
from services.meetings.finder_dates import Next, next_dates, programmes_on
from services.meetings.types import Change, Meeting
from services.meetings.wire import MODES, meeting_name, occurrence_state, venue_message
from services.meetings.wire_details import WHO_MAY_COME, number
from services.recurrence.wire import key_text, local_text

if TYPE_CHECKING:
    from datetime import datetime

    from services.meetings.finder_entry import Entry
    from services.meetings.seats_told import SeatsTold
    from services.recurrence.types import Occurrence

MOST_KEPT = 16_000
"""So many answers about one meeting are kept at hand: some 10 MB."""

COUNTS = 16
"""More than the dates that may be asked for."""

_MEETING = b"\x0a"
"""Tag of SearchMeetingsResponse.meetings; a message may be put together from the bytes of its parts."""

_DISTANCE = b"\x68"
"""Tag of FoundMeeting.distance_m."""

_AVAILABILITY = b"\x88\x01"
"""Tag of FoundMeeting.availability."""


class Shown:
    """Makes what is shown of meetings, as bytes of the reply, and keeps what everybody may see of those asked for."""

    def __init__(self, seats: SeatsTold) -> None:
        self._seats = seats
        self._kept: dict[int, tuple[Next, bytes]] = {}

    def __call__(
        self, entry: Entry, audience: Audience, moment: datetime, at: float, count: int, metres: int | None
    ) -> bytes:
        """A meeting with its next `count` dates as of that moment (`at`: in epoch seconds), as one of the reply's."""
        if audience is Audience.PUBLIC:
            said = self._public(entry, moment, at, count)
        else:
            said = _bytes(entry, audience, _following(entry, moment, at, count))
        if metres is not None:
            said += _DISTANCE + varint(metres)
        if word := self._word(entry, moment, at):
            said += _AVAILABILITY + varint(word)
        return _MEETING + varint(len(said)) + said

    def _word(self, entry: Entry, moment: datetime, at: float) -> int:
        """Of its next date, if it is held."""
        if not self._seats.keeps(entry.meeting):
            return 0
        dates = entry.next_date(moment, at).dates
        return 0 if not dates or dates[0].cancelled else self._seats.at(entry.meeting, dates[0].key)

    def _public(self, entry: Entry, moment: datetime, at: float, count: int) -> bytes:
        key = entry.number * COUNTS + count  # a meeting that changed has another number
        kept = self._kept.get(key)
        if kept is None or not kept[0].holds(at):
            following = _following(entry, moment, at, count)
            kept = self._kept[key] = following, _bytes(entry, Audience.PUBLIC, following)
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]  # the first: to know the least asked for would cost each time
        return kept[1]


def _following(entry: Entry, moment: datetime, at: float, count: int) -> Next:
    return entry.next_date(moment, at) if count == 1 else next_dates(entry.meeting, moment, count)


def _bytes(entry: Entry, audience: Audience, following: Next) -> bytes:
    return found_message(entry.meeting, audience, following).SerializeToString()


def varint(number: int) -> bytes:
    """A whole number from 0 on, as protobuf writes it."""
    if number < 1 << 14:  # nearly all are
        return bytes((number & 127 | 128, number >> 7)) if number > 127 else bytes((number,))  # noqa: PLR2004 - see below
    found = bytearray()
    while number > 127:  # noqa: PLR2004 - seven bits to a byte
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


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
        state=occurrence_state(occurrence, change),  # type: ignore[arg-type]  # the wire's number
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
