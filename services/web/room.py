"""A room's next seven days, as everybody may know them: its public meetings, and when else it is taken. Pure.

Only a room of a place whose address is public has a page: of any other it could say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import booking_pb2, meeting_pb2, place_pb2

from services.formats import words
from services.formats.told import finds
from services.recurrence import wire, zones
from services.recurrence.busy import Interval, joined, less, taken, to_pattern
from services.recurrence.sessions import begins, moved_by, usually
from services.recurrence.timetable import at_minute, minute
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import key_text
from services.web import say
from services.web.line import NO_CHANGE
from services.web.notices import Notice, notices, titles
from services.web.notices import edges as closed_edges

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from openchair.meetings.v1 import centre_pb2

    from services.recurrence.types import Occurrence
    from services.web.board import CentreBoard
    from services.web.subscribe import Site, Subscription

DAYS: Final = 7
TAKEN: Final = "Taken"
ASKED_FOR: Final = "Asked for"
_OPEN: Final = frozenset({place_pb2.ADDRESS_ACCESS_UNSPECIFIED, place_pb2.ADDRESS_ACCESS_PUBLIC})
_STATES: Final = {booking_pb2.BOOKING_STATE_CONFIRMED: TAKEN, booking_pb2.BOOKING_STATE_PENDING: ASKED_FOR}


class Held(NamedTuple):
    """A stretch of time in which a public meeting has the room; `anchor` is that of its line on the centre's page."""

    interval: Interval
    title: str
    anchor: str


@dataclass(frozen=True)
class Slot:
    """Something that the room is taken by on one day: a meeting, or ("" for an anchor) what is not told."""

    when: str
    title: str
    anchor: str
    what: str


@dataclass(frozen=True)
class Day:
    """One local day."""

    id: str
    title: str
    slots: tuple[Slot, ...]


@dataclass(frozen=True)
class RoomWeek:
    """All of it. It holds until `until`: then something is over, or the local day is, or something closes.

    `notices` are the closures of the whole centre. `busy` is the address of its busy times ("": they are not public).
    """

    centre: centre_pb2.Centre
    id: str
    title: str
    place: str
    address: str
    chairs: int
    access: tuple[str, ...]
    equipment: tuple[str, ...]
    photos: tuple[str, ...]
    days: tuple[Day, ...]
    notices: tuple[Notice, ...]
    calendar: Subscription
    busy: str
    zone: str
    until: datetime


def room_week(id: str, board: CentreBoard, room: str, site: Site, now: datetime) -> RoomWeek | None:  # noqa: A002 - the centre's, named id everywhere
    """The week of a room; None for one that has no page. The centre's own record must be there."""
    assert board.centre is not None
    known = board.rooms.get(room)
    place = board.places.get(known.place.rpartition("/")[2]) if known is not None else None
    if known is None or place is None or place.address_access not in _OPEN:
        return None
    view = _View(board, known, board.centre.time_zone, now)
    title = known.title or titles(board).get(known.name, "") or "A room"
    return RoomWeek(
        centre=board.centre,
        id=id,
        title=title,
        place=place.title,
        address=place.address,
        chairs=known.capacity,
        access=tuple(dict.fromkeys(map(say.access, (*known.accessibility, *place.accessibility)))),
        equipment=tuple(known.equipment),
        photos=tuple(filter(None, map(words.link, known.photos))),
        days=tuple(view.days(id)),
        notices=notices(board, view.zone, now),
        calendar=site.part(id, "room", room, title),
        busy=site.freebusy(id, room) if known.public_busy else "",
        zone=board.centre.time_zone,
        until=min([view.until(), *(edge for edge in closed_edges(board, view.zone) if edge > now)]),
    )


class _View:
    """One room at one moment. Times are minutes (`timetable.minute`)."""

    def __init__(self, board: CentreBoard, room: place_pb2.Room, zone: str, now: datetime) -> None:
        self.board = board
        self.room = room
        self.zone = zone
        self.now = minute(now)
        self.today = zones.local_day(now, zone)
        self.since, self.end = self._midnight(0), self._midnight(DAYS)
        self.held = [each for each in self._held() if self.since < each.interval.end and each.interval.start < self.end]
        self.rest = self._rest() if room.public_busy else []

    def days(self, centre: str) -> Iterator[Day]:
        """The seven days, empty ones too."""
        shown = [(each.interval, each.title, each.anchor, "meeting") for each in self.held]
        shown += [(interval, title, "", "busy") for interval, title in self.rest]
        shown = sorted(each for each in shown if each[0].end > self.now)
        for number in range(DAYS):
            day, since, until = self.today + timedelta(days=number), self._midnight(number), self._midnight(number + 1)
            slots = (
                Slot(self._when(interval, since, until), title, anchor, what)
                for interval, title, anchor, what in shown
                if interval.start < until and interval.end > since
            )
            yield Day(f"{centre}-{day}", say.near_day(day, self.today), tuple(slots))

    def until(self) -> datetime:
        """When something is over, or the day is."""
        ends = [each.interval.end for each in self.held] + [interval.end for interval, _ in self.rest]
        return at_minute(min([end for end in ends if end > self.now] + [self._midnight(1)]))

    def _midnight(self, number: int) -> int:
        return minute(zones.midnight(self.today + timedelta(days=number), self.zone))

    def _when(self, interval: Interval, since: int, until: int) -> str:
        """What it takes of a day."""
        if interval.start <= since and interval.end >= until:
            return "All day"
        ends = (max(interval.start, since), min(interval.end, until))
        return say.span(*(zones.to_local(at_minute(each), self.zone) for each in ends))

    def _held(self) -> Iterator[Held]:
        """What takes place there, of which everybody may know."""
        rows = self.board.agenda.between(at_minute(self.since), at_minute(self.end))
        for id_, each in rows:
            if self.room.name in self.board.known[id_].rooms and not each.cancelled:
                yield from self._of(id_, self.board.meetings[id_], each)

    def _of(self, id_: str, meeting: meeting_pb2.Meeting, each: Occurrence) -> Iterator[Held]:
        change = self.board.changes[id_].get(each.key, NO_CHANGE)
        if meeting.state != meeting_pb2.MEETING_STATE_ACTIVE:
            return
        title, anchor = change.title if change.HasField("title") else meeting.title, f"{id_}-{key_text(each.key)}"
        if self.room.name in rooms_of(meeting, change):
            yield Held(Interval(minute(each.start), minute(each.end)), title, anchor)
            return
        for interval in self._sessions(id_, meeting, change, each):
            yield Held(interval, title, anchor)

    def _sessions(
        self, id_: str, meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange, each: Occurrence
    ) -> Iterator[Interval]:
        """The items of its agenda that are held there: those of the series' own place."""
        if _elsewhere(change) or _mode(meeting, change) == meeting_pb2.MODE_ONLINE or not finds(meeting.venue):
            return
        schedule = self.board.schedules[id_]
        usual = usually(each.key.date, schedule)
        minutes = change.minutes if change.HasField("minutes") else schedule.minutes
        moved = moved_by(usual, each.local, minutes - schedule.minutes)
        for session in meeting.sessions:
            if self.room.name in session.rooms and self.room.name not in change.agenda_without:
                try:
                    local = begins(usual, session.day, wire.parse_time("time", session.time), moved)
                except RecurrenceError:
                    continue  # what cannot be read is left out
                start = minute(zones.to_utc(local, schedule.zone))
                yield Interval(start, start + session.minutes)

    def _rest(self) -> list[tuple[Interval, str]]:
        """When it is taken besides; and asked for, where nothing takes it."""
        found: dict[str, list[Interval]] = {TAKEN: [], ASKED_FOR: []}
        for room in (self.room.name, *self.room.excludes):
            for booking in self._bookings(room.rpartition("/")[2]):
                try:
                    intervals = list(taken(to_pattern(booking), self.since, self.end))
                except (RecurrenceError, OverflowError):
                    continue  # `/freebusy/` tells of it
                if booking.state in _STATES:
                    found[_STATES[booking.state]] += intervals
        known = [each.interval for each in self.held]
        sure = less(found[TAKEN], known)
        asked = less(found[ASKED_FOR], [*known, *found[TAKEN]])
        return [(each, TAKEN) for each in sure] + [(each, ASKED_FOR) for each in joined(asked)]

    def _bookings(self, room: str) -> Iterator[booking_pb2.Booking]:
        """Those of a room that lets everybody know of them."""
        known = self.board.rooms.get(room)
        return self.board.bookings.of(room) if known is not None and known.public_busy else iter(())


def rooms_of(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange) -> Sequence[str]:
    """Names of the rooms that a date is held in: none online, none at a place of which the address is kept back."""
    venue = change.venue if change.HasField("venue") else meeting.venue
    if _mode(meeting, change) == meeting_pb2.MODE_ONLINE or not finds(venue):
        return ()
    named = change.rooms if _elsewhere(change) else meeting.rooms
    return [name for name in named if name not in change.lost_rooms]


def _mode(meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange) -> int:
    return change.mode if change.HasField("mode") else meeting.mode


def _elsewhere(change: meeting_pb2.OccurrenceChange) -> bool:
    """Whether a date is held at another place or in other rooms."""
    return change.HasField("place") or bool(change.rooms) or change.HasField("venue")
