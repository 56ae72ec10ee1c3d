"""When the rooms of a centre are taken, of those that let everybody know: VFREEBUSY (RFC 5545 section 3.6.4).

Nothing but times: not by whom, not for what, not how many bookings they are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError
from icalendar import Calendar, FreeBusy, vPeriod, vUri
from openchair.meetings.v1 import booking_pb2, place_pb2

from services.feeds.calendar import PRODID
from services.feeds.model import BEGINNING, CENTRE, ROOM, MisfitError, centre_of, scope_of
from services.feeds.uid import uid
from services.kit.clock import moment
from services.recurrence.busy import Bookings, Interval, joined, less, taken, to_pattern
from services.recurrence.timetable import at_minute, minute
from services.recurrence.zones import midnight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from openchair.meetings.v1 import centre_pb2

    from services.kit.event import Event

BOOKING: Final = booking_pb2.Booking.DESCRIPTOR.full_name
DAYS: Final = 92
"""How far ahead is told, from the centre's local day on: three months, whichever they are."""

CONFIRMED: Final = booking_pb2.BOOKING_STATE_CONFIRMED
PENDING: Final = booking_pb2.BOOKING_STATE_PENDING


class House:
    """What is known of one centre: its record, its rooms that may be told of, and the public views of their bookings.

    `open` are those rooms by id, with the rooms that each excludes (a hall and its parts). `newest` is the time of the
    last change of any of these records, tombstones included; `arrived` is when the last state came in here.
    """

    def __init__(self) -> None:
        self.centre: centre_pb2.Centre | None = None
        self.open: dict[str, tuple[str, ...]] = {}
        self.bookings = Bookings()
        self.newest = BEGINNING
        self.arrived = BEGINNING
        self.version = 0
        self._times: dict[str, datetime] = {}

    def apply(self, event: Event, now: datetime) -> None:
        """Takes in one state. Raises ValueError for an event that contradicts itself; nothing has changed then."""
        scope, record = scope_of(event.subject)
        try:
            if event.type == CENTRE:
                self.centre = centre_of(event, scope)
            elif event.type == ROOM:
                self._take_room(event, scope, record)
            else:
                self._take_booking(event, scope, record)
        except DecodeError as error:
            raise MisfitError("the payload is not what its type says") from error
        self._note(record, moment(event.time))
        self.arrived = now
        self.version += 1

    def rooms(self, room: str) -> Iterator[str]:
        """A room, and those that it excludes: while one of them is taken it cannot be had."""
        yield room
        yield from (each for each in self.open[room] if each in self.open)

    def _take_room(self, event: Event, scope: str, record: str) -> None:
        room = place_pb2.Room.FromString(event.payload) if event.payload is not None else None
        if room is not None and room.name != f"centres/{scope}/rooms/{record}":
            raise MisfitError("subject and payload name different rooms")
        self.open.pop(record, None)
        if room is not None and room.public_busy:
            self.open[record] = tuple(name.rpartition("/")[2] for name in room.excludes)

    def _take_booking(self, event: Event, scope: str, record: str) -> None:
        booking = booking_pb2.Booking.FromString(event.payload) if event.payload is not None else None
        if booking is not None:
            parts = booking.name.split("/")
            if parts[:3] + parts[4:] != ["centres", scope, "rooms", "bookings", record]:
                raise MisfitError("subject and payload name different bookings")
        self.bookings.put(record, booking)

    def _note(self, record: str, time: datetime) -> None:
        before = self._times.get(record)
        self._times[record] = time
        if time >= self.newest:
            self.newest = time
        elif before == self.newest:  # a restore may bring back an older time
            self.newest = max(self._times.values())


class Window(NamedTuple):
    """The time that is told of, in minutes (`timetable.minute`)."""

    since: int
    until: int


def window(today: date, zone: str) -> Window:
    """From the beginning of a local day on."""
    return Window(minute(midnight(today, zone)), minute(midnight(today + timedelta(days=DAYS), zone)))


class Busy:
    """What is taken of a window: added up booking by booking. A hold is not told: it is gone before others look."""

    def __init__(self, shown: Window) -> None:
        self.window = shown
        self._sure: list[Interval] = []
        self._tentative: list[Interval] = []

    def add(self, booking: booking_pb2.Booking) -> None:
        """One more. Raises RecurrenceError for one that cannot be read."""
        into = {CONFIRMED: self._sure, PENDING: self._tentative}.get(booking.state)
        if into is not None:
            into += taken(to_pattern(booking), *self.window)

    def periods(self) -> list[tuple[Interval, str]]:
        """All of it with its FBTYPE (RFC 5545 section 3.2.9), in order; no two overlap."""
        sure, tentative = joined(self._sure), less(self._tentative, self._sure)
        return sorted([(each, "BUSY") for each in sure] + [(each, "BUSY-TENTATIVE") for each in tentative])


def freebusy(room: str, busy: Busy, stamp: datetime, address: str) -> bytes:
    """The whole object. It names neither the room nor the centre in words, and nobody: no ORGANIZER (ADR 0010)."""
    component = FreeBusy()
    component.add("UID", uid(room, "busy"))
    component.add("DTSTAMP", stamp)
    component.add("DTSTART", at_minute(busy.window.since))
    component.add("DTEND", at_minute(busy.window.until))
    component.add("URL", vUri(address))
    for interval, kind in busy.periods():
        component.add("FREEBUSY", _period(interval, kind))
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODID)
    calendar.add("CALSCALE", "GREGORIAN")
    calendar.add("METHOD", "PUBLISH")
    calendar.add_component(component)
    body: bytes = calendar.to_ical(sorted=False)
    return body


def _period(interval: Interval, kind: str) -> vPeriod:
    """One a line, so that they stand in order whatever their type (RFC 5545 section 3.8.2.6); in UTC."""
    period = vPeriod((at_minute(interval.start), at_minute(interval.end)))
    period.params.pop("VALUE", None)  # PERIOD is the only type there is
    period.params["FBTYPE"] = kind
    return period
