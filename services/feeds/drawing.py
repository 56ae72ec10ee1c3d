"""The events of one meeting, drawn in one manner: what each property says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalendar import Alarm, Event
from icalendar.prop import vText
from openchair.meetings.v1 import meeting_pb2

from services.feeds import facts, place, sessions, times
from services.feeds.face import face, street
from services.feeds.seats import NO_SEATS, titled
from services.feeds.series import alone_token
from services.feeds.text import line
from services.feeds.uid import uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.timestamp_pb2 import Timestamp

    from services.feeds.face import Face
    from services.feeds.manner import Manner
    from services.feeds.seats import Seats
    from services.feeds.series import Date, Layout, Series
    from services.feeds.sessions import Item
    from services.formats.seats import Word
    from services.recurrence.types import Schedule

CANCELLED = "Cancelled: "
UNCONFIRMED = "Unconfirmed: "


def instant(stamp: Timestamp) -> datetime:
    """In whole seconds, UTC."""
    return stamp.ToDatetime(UTC).replace(microsecond=0)


class Drawing:
    """One meeting, laid out and to be shown in this manner."""

    def __init__(self, meeting: meeting_pb2.Meeting, layout: Layout, manner: Manner, seats: Seats = NO_SEATS) -> None:
        self._meeting = meeting
        self._seats = seats
        self.modified = max(instant(meeting.update_time), seats.chairs.time)
        """The newest LAST-MODIFIED of what has been drawn so far."""
        self._layout = layout
        self._manner = manner
        self._schedule = layout.laying.schedule
        self._id = meeting.name.rpartition("/")[2]
        self._called_off = meeting.state == meeting_pb2.MEETING_STATE_CANCELLED

    def events(self) -> Iterator[Event]:
        """Every series, master first, then its overrides; what stands alone; what is on the agenda.

        The one date of a one-off is its master, also when it was moved.
        """
        for part in self._layout.series:
            yield self._of_series(part, part.single)
            for each in part.changed if part.single is None else ():
                yield self._of_series(part, each)
        yield from map(self._alone, self._layout.alone)
        if self._meeting.sessions:
            shown = sessions.items(self._layout.laying, self._meeting, struck=self._manner.struck)
            yield from map(self._item, shown)

    def _of_series(self, part: Series, one: Date | None) -> Event:
        event = self._begun(part.token, one)
        if one is None:
            times.add_series(event, part)
        else:
            if part.single is None:
                times.add_original(event, one, part.schedule.zone)
            times.add_single(event, one.start, one.minutes, part.schedule.zone)
        shown = face(self._meeting, part.programmes, one, holder=self._manner.holder)
        off = self._called_off or not part.any_left or (one is not None and one.cancelled)
        self._say(event, shown, self._text(shown, one, part.schedule, off=off), off=off, word=self._word(one))
        self._relate(event, part.token)
        return event

    def _alone(self, one: Date) -> Event:
        token = alone_token(one.key)
        event = self._begun(token, one)
        times.add_single(event, one.start, one.minutes, self._schedule.zone)
        shown = face(self._meeting, (), one, holder=self._manner.holder)
        off = self._called_off or one.cancelled
        self._say(event, shown, self._text(shown, one, self._schedule, off=off), off=off, word=one.word)
        self._relate(event, token)
        return event

    def _word(self, one: Date | None) -> Word | None:
        """Of one date, or of all of a course."""
        return one.word if one is not None else self._seats.chairs.whole

    def _text(self, shown: Face, one: Date | None, schedule: Schedule, *, off: bool) -> str:
        """DESCRIPTION of the series or of one date; nothing where nobody would read it."""
        if self._manner.word:
            return ""
        agenda = sessions.in_words(self._meeting, self._schedule, one)
        seats = () if off else tuple(self._seats.lines(self._id, self._word(one)))
        return facts.description(self._meeting, shown, schedule, self._manner.phone, agenda, seats)

    def _item(self, item: Item) -> Event:
        """One of the agenda: it has no reminder, the whole has one."""
        event = self._begun(item.token, None)
        times.add_single(event, item.start, item.session.minutes, self._schedule.zone)
        own = face(self._meeting, (), item.date, holder=self._manner.holder)
        shown = sessions.placed(own, item)._replace(title=line(item.session.title) or "Session")
        off = self._called_off or item.date.cancelled
        self._say(event, shown, sessions.description(item, own, self._meeting.title), off=off, reminded=False)
        event.add("RELATED-TO", vText(self._uid(item.parent), params={"RELTYPE": "PARENT"}))
        return event

    def _uid(self, token: str) -> str:
        return uid(self._id, token, discreet=bool(self._manner.word))

    def _begun(self, token: str, one: Date | None) -> Event:
        """Stamps are of the stored revisions, never of now: the same state gives the same bytes."""
        event = Event()
        chairs, word = self._seats.chairs, one.word if one is not None else None
        own = word if word is not chairs.whole else None  # what is counted in `chairs` is counted
        modified = max(instant(self._meeting.update_time), chairs.time, own.time if own else chairs.time)
        self.modified = max(self.modified, modified)
        event.add("UID", self._uid(token))
        event.add("DTSTAMP", modified)
        event.add("CREATED", instant(self._meeting.create_time))
        event.add("LAST-MODIFIED", modified)
        event.add("SEQUENCE", self._meeting.sequence + chairs.revision + (own.revision if own else 0))
        return event

    def _say(
        self, event: Event, shown: Face, text: str, *, off: bool, reminded: bool = True, word: Word | None = None
    ) -> None:
        doubted = shown.unconfirmed and not off
        prefix = CANCELLED if off else UNCONFIRMED if doubted else ""
        title = prefix + (self._manner.word or titled(line(shown.title) or "Meeting", None if off else word))
        event.add("SUMMARY", title)
        event.add("STATUS", "CANCELLED" if off else "TENTATIVE" if doubted else "CONFIRMED")
        if self._manner.word:
            self._say_little(event, shown)
        else:
            self._say_all(event, shown, text)
        event.add("TRANSP", "TRANSPARENT")
        event.add("X-MICROSOFT-CDO-BUSYSTATUS", vText("FREE"))
        if self._manner.alarm is not None and reminded and not off:
            event.add_component(_alarm(self._manner.alarm, title))

    def _say_all(self, event: Event, shown: Face, text: str) -> None:
        if text:
            event.add("DESCRIPTION", text)
        place.add_to(event, shown, self._meeting.website)
        if categories := [name for name in map(line, (self._meeting.fellowship, self._meeting.kind)) if name]:
            event.add("CATEGORIES", categories)

    def _say_little(self, event: Event, shown: Face) -> None:
        """A street, without the names that would tell what is there; it is nobody's business who else reads it."""
        one = self._meeting
        names = (self._manner.house, shown.venue.title, *shown.venue.rooms, one.title, one.fellowship, one.group)
        if where := street(shown, names):
            event.add("LOCATION", where)
        event.add("CLASS", "PRIVATE")

    def _relate(self, event: Event, token: str) -> None:
        """Ties the parts of a split series together: RELATED-TO, and REFID (RFC 9253 section 9.2) with the lineage."""
        one = self._meeting
        tokens = [part.token for part in self._layout.series] + [alone_token(each.key) for each in self._layout.alone]
        siblings = [self._uid(each) for each in tokens if each != token]
        if not self._manner.word:
            siblings += [uid(name.rpartition("/")[2]) for name in (one.previous_part, one.next_part) if name]
        for related in siblings:
            event.add("RELATED-TO", vText(related, params={"RELTYPE": "SIBLING"}))
        if siblings and not self._manner.word:
            event.add("REFID", vText(one.lineage or self._id))


def _alarm(before: timedelta, title: str) -> Alarm:
    """A reminder that shows the title, RFC 5545 section 3.6.6."""
    alarm = Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", title)
    alarm.add("TRIGGER", -before)
    return alarm
