"""What is public of every centre, as the pages need it: its own record, its meetings, and what takes place when."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError
from openchair.meetings.v1 import booking_pb2, centre_pb2, closure_pb2, meeting_pb2, place_pb2
from openchair.rsvps.v1 import list_rules_pb2

from services.kit.publication import Packed
from services.recurrence import wire, zones
from services.recurrence.agenda import Agenda
from services.recurrence.busy import Bookings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from services.kit.event import Event
    from services.recurrence.types import Key, Schedule

CENTRE = centre_pb2.Centre.DESCRIPTOR.full_name
MEETING = meeting_pb2.Meeting.DESCRIPTOR.full_name
CLOSURE = closure_pb2.Closure.DESCRIPTOR.full_name
PLACE = place_pb2.Place.DESCRIPTOR.full_name
ROOM = place_pb2.Room.DESCRIPTOR.full_name
BOOKING = booking_pb2.Booking.DESCRIPTOR.full_name
INVITATION = list_rules_pb2.Invitation.DESCRIPTOR.full_name
AVAILABILITY = list_rules_pb2.ListAvailability.DESCRIPTOR.full_name

AHEAD: Final = timedelta(days=8)  # a page shows no more, wherever midnight is
EXPANDED: Final = 200  # series expanded before others get their turn: about 5 ms
_TOKENS: Final = 7


class Known(NamedTuple):
    """What is asked of every meeting of a centre at once, without unpacking each: names of its place and rooms too.

    `rooms` are the names of all rooms in which any date, or an item of the agenda, is held.
    """

    state: int
    fellowship: str
    kind: str
    titles: tuple[tuple[str, str], ...]
    rooms: frozenset[str]


class Seats:
    """What is public of seats at a centre: of each series how they are kept, of a date whether there is one."""

    def __init__(self) -> None:
        self.kept = Packed(list_rules_pb2.Invitation)
        self.words = Packed(list_rules_pb2.ListAvailability)
        self._lists: dict[str, str] = {}

    def are_kept(self, meeting: meeting_pb2.Meeting) -> bool:
        """Whether one keeps seats at a meeting, or has to."""
        lineage = meeting.lineage or meeting.name.rpartition("/")[2]
        return lineage in self.kept and self.kept[lineage].mode != list_rules_pb2.RSVP_MODE_UNSPECIFIED

    def word(self, lineage: str, key: Key) -> list_rules_pb2.ListAvailability | None:
        """Whether there is a seat on a date; None: nobody has asked for one yet."""
        name = f"{lineage} {key.date} {key.ordinal}"
        return self.words.get(name)

    def put_list(self, id: str, message: list_rules_pb2.ListAvailability | None) -> None:  # noqa: A002 - named id everywhere
        """Sets what is said of a list, or takes it out."""
        self.words.pop(self._lists.pop(id, ""), None)
        if message is not None:
            self._lists[id] = f"{message.lineage} {message.date} {message.ordinal}"
            self.words[self._lists[id]] = message


class CentreBoard:
    """One centre: `centre` is None until its own record has come. Suspended meetings are not in the agenda."""

    def __init__(self) -> None:
        self.centre: centre_pb2.Centre | None = None
        self.meetings = Packed(meeting_pb2.Meeting)
        self.schedules: dict[str, Schedule] = {}
        self.changes: dict[str, dict[Key, meeting_pb2.OccurrenceChange]] = {}
        self.known: dict[str, Known] = {}
        self.closures: dict[str, closure_pb2.Closure] = {}
        self.places = Packed(place_pb2.Place)
        self.rooms = Packed(place_pb2.Room)
        self.bookings = Bookings()
        self.agenda = Agenda()
        self.seats = Seats()

    def put(self, id: str, meeting: meeting_pb2.Meeting) -> None:  # noqa: A002 - the field is named id everywhere
        """Sets a meeting. Raises RecurrenceError where its times cannot be read; nothing has changed then."""
        schedule = wire.to_schedule(meeting.schedule)
        deviations = [wire.to_deviation(change) for change in meeting.changes]
        self.remove(id)
        self.meetings[id] = meeting
        self.known[id] = _known(meeting)
        self.schedules[id] = schedule
        self.changes[id] = {each.key: change for each, change in zip(deviations, meeting.changes, strict=True)}
        suspended = meeting.state == meeting_pb2.MEETING_STATE_SUSPENDED
        self.agenda.put(id, schedule, deviations, suspended=suspended)

    def remove(self, id: str) -> None:  # noqa: A002 - the same
        """Takes a meeting out; nothing happens if it is not there."""
        if id in self.meetings:
            self.agenda.remove(id)
            del self.meetings[id], self.known[id], self.schedules[id], self.changes[id]


class Board:
    """All centres of the PUBLIC stream, by id.

    `version` rises whenever a page may have changed, `rooms_version` whenever one of a room may have by what no other
    page says.
    """

    def __init__(self) -> None:
        self.boards: dict[str, CentreBoard] = {}
        self.version = 0
        self.rooms_version = 0

    def apply(self, event: Event) -> None:
        """Takes in one state. Raises ValueError for an event that contradicts itself; nothing has changed then."""
        tokens = event.subject.split(".")
        if len(tokens) != _TOKENS:
            raise ValueError("a subject has seven tokens")
        scope, id = tokens[4], tokens[6]  # noqa: A001 - the same
        if event.type not in _TAKES:
            return
        board = self.boards.get(scope) or CentreBoard()
        try:
            _TAKES[event.type](board, event, scope, id)
        except DecodeError as error:
            raise ValueError("the payload is not what its type says") from error
        self.boards[scope] = board
        if event.type in _OF_ROOMS:
            self.rooms_version += 1
        else:
            self.version += 1

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        self.boards.clear()
        self.version += 1

    def advance(self, now: datetime) -> None:
        """Time has passed: what ended before this week is forgotten."""
        for board in self.boards.values():
            board.agenda.advance(now)

    def warm(self, now: datetime) -> Iterator[None]:
        """Does what the first page would have to do before it can be made, in slices; yields between them."""
        for board in list(self.boards.values()):
            yield from board.agenda.warm(now, now + AHEAD, EXPANDED)

    def published(self) -> list[tuple[str, CentreBoard]]:
        """The centres whose own record is here, in order of their titles."""
        known = [(scope, board) for scope, board in self.boards.items() if board.centre is not None]
        return sorted(known, key=lambda pair: (pair[1].centre.title.casefold() if pair[1].centre else "", pair[0]))


def _known(meeting: meeting_pb2.Meeting) -> Known:
    """Rooms are named where the public may know them: then there is a title for each."""
    venue = meeting.venue
    place = ((meeting.place, venue.title),) if meeting.place and venue.title else ()
    rooms = zip(meeting.rooms, venue.rooms, strict=True) if len(meeting.rooms) == len(venue.rooms) else ()
    named = (meeting.rooms, *(each.rooms for each in meeting.changes), *(each.rooms for each in meeting.sessions))
    held_in = frozenset(sys.intern(name) for names in named for name in names)
    return Known(meeting.state, sys.intern(meeting.fellowship), sys.intern(meeting.kind), (*place, *rooms), held_in)


def _take_centre(board: CentreBoard, event: Event, scope: str, _id: str) -> None:
    if event.payload is None:
        board.centre = None
        return
    centre = centre_pb2.Centre.FromString(event.payload)
    if centre.name != f"centres/{scope}":
        raise ValueError("subject and payload name different centres")
    zones.zone(centre.time_zone)  # one that is not known must not keep the other centres from being shown
    board.centre = centre


def _take_meeting(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    if event.payload is None:
        board.remove(id)
        return
    meeting = meeting_pb2.Meeting.FromString(event.payload)
    if meeting.name != f"centres/{scope}/meetings/{id}":
        raise ValueError("subject and payload name different meetings")
    if meeting.visibility in {meeting_pb2.VISIBILITY_UNLISTED, meeting_pb2.VISIBILITY_MEMBERS}:
        board.remove(id)  # its home publishes a tombstone instead: this is the second lock on that door
    else:
        board.put(id, meeting)


def _take_closure(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    closure = closure_pb2.Closure.FromString(event.payload) if event.payload is not None else None
    if closure is not None and closure.name != f"centres/{scope}/closures/{id}":
        raise ValueError("subject and payload name different closures")
    board.closures.pop(id, None)
    if closure is not None:
        board.closures[id] = closure


def _take_place(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    place = place_pb2.Place.FromString(event.payload) if event.payload is not None else None
    if place is not None and place.name != f"centres/{scope}/places/{id}":
        raise ValueError("subject and payload name different places")
    board.places.pop(id, None)
    if place is not None:
        board.places[id] = place


def _take_room(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    room = place_pb2.Room.FromString(event.payload) if event.payload is not None else None
    if room is not None and room.name != f"centres/{scope}/rooms/{id}":
        raise ValueError("subject and payload name different rooms")
    board.rooms.pop(id, None)
    if room is not None:
        board.rooms[id] = room


def _take_booking(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    booking = booking_pb2.Booking.FromString(event.payload) if event.payload is not None else None
    if booking is not None:
        parts = booking.name.split("/")
        if parts[:3] + parts[4:] != ["centres", scope, "rooms", "bookings", id]:
            raise ValueError("subject and payload name different bookings")
    board.bookings.put(id, booking)


def _take_invitation(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    message = list_rules_pb2.Invitation.FromString(event.payload) if event.payload is not None else None
    if message is not None and message.name != f"centres/{scope}/events/{id}":
        raise ValueError("subject and payload name different series")
    board.seats.kept.pop(id, None)
    if message is not None:
        board.seats.kept[id] = message


def _take_availability(board: CentreBoard, event: Event, scope: str, id: str) -> None:  # noqa: A002 - the same
    message = list_rules_pb2.ListAvailability.FromString(event.payload) if event.payload is not None else None
    if message is not None and message.name != f"centres/{scope}/lists/{id}":
        raise ValueError("subject and payload name different lists")
    board.seats.put_list(id, message)


_OF_ROOMS: Final = frozenset({PLACE, ROOM, BOOKING})
_TAKES: Final[dict[str, Callable[[CentreBoard, Event, str, str], None]]] = {
    CENTRE: _take_centre,
    MEETING: _take_meeting,
    CLOSURE: _take_closure,
    PLACE: _take_place,
    ROOM: _take_room,
    BOOKING: _take_booking,
    INVITATION: _take_invitation,
    AVAILABILITY: _take_availability,
}
