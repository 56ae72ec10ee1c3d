"""What is known of each centre: the newest state of its records, and when anything of it last changed."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError
from openchair.meetings.v1 import centre_pb2, meeting_pb2, place_pb2

from services.feeds.picking import rooms_ever
from services.formats.seats import TYPES, Told
from services.formats.slugs import slug
from services.kit.clock import moment
from services.kit.publication import Packed
from services.recurrence.zones import zone

if TYPE_CHECKING:
    from services.kit.event import Event

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

CENTRE = centre_pb2.Centre.DESCRIPTOR.full_name
MEETING = meeting_pb2.Meeting.DESCRIPTOR.full_name
ROOM = place_pb2.Room.DESCRIPTOR.full_name
HIDDEN = frozenset({meeting_pb2.VISIBILITY_UNLISTED, meeting_pb2.VISIBILITY_MEMBERS})


class MisfitError(ValueError):
    """An event whose subject, type and payload do not belong together."""


class Touched(NamedTuple):
    """What an event changed: the feeds of a centre and, where it was about a meeting, that meeting.

    `seats`: meetings of which it is said otherwise whether there are seats.
    """

    centre: str
    meeting: str | None
    seats: tuple[str, ...] = ()


class Standing(NamedTuple):
    """How far a subject has come, and when. Kept for tombstones too: a late older state must not come back."""

    order: tuple[int, int]
    time: datetime


class Listing:
    """The records of one centre, of one view.

    `newest` is the time of the last change of any of them, tombstones included. `by_kind`, `by_fellowship` (by their
    slugs) and `by_room` hold ids of meetings; `rooms` are the ids of the centre's rooms.
    """

    def __init__(self) -> None:
        self.centre: centre_pb2.Centre | None = None
        self.meetings = Packed(meeting_pb2.Meeting)
        self.newest = BEGINNING
        self._standings: dict[str, Standing] = {}
        self._lineages: defaultdict[str, set[str]] = defaultdict(set)
        self.rooms: set[str] = set()
        self.told = Told()
        self.by_kind: dict[str, set[str]] = {}
        self.by_fellowship: dict[str, set[str]] = {}
        self.by_room: dict[str, set[str]] = {}

    def knows(self, event: Event) -> bool:
        """Whether this state, or a newer one of the same subject, is here already."""
        standing = self._standings.get(event.subject)
        return standing is not None and standing.order >= event.order

    def note(self, event: Event) -> None:
        """Remembers how far the event's subject has come."""
        before = self._standings.get(event.subject)
        time = moment(event.time)
        self._standings[event.subject] = Standing(event.order, time)
        if time >= self.newest:
            self.newest = time
        elif before is not None and before.time == self.newest:  # a restore may bring back an older time
            self.newest = max(standing.time for standing in self._standings.values())

    def lineage(self, meeting: str) -> list[str]:
        """Ids of all parts of the lineage that the meeting belongs to, sorted; empty for an unknown one.

        A lineage goes by the id of its first part, and is found by it when that part itself is gone.
        """
        return sorted(self._lineages.get(self.series_of(meeting), ()))

    def series_of(self, meeting: str) -> str:
        """Id of the lineage of a meeting, known or not."""
        known = self.meetings.get(meeting)
        return (known.lineage if known is not None else "") or meeting

    def put(self, meeting: str, state: meeting_pb2.Meeting | None) -> None:
        """Sets a meeting, or takes it out."""
        before = self.meetings.pop(meeting, None)
        if before is not None:
            self._lineages[before.lineage or meeting].discard(meeting)
            for index, key in self._places_of(before):
                index[key].discard(meeting)
                if not index[key]:
                    del index[key]
        if state is not None:
            self.meetings[meeting] = state
            self._lineages[state.lineage or meeting].add(meeting)
            for index, key in self._places_of(state):
                index.setdefault(key, set()).add(meeting)

    def _places_of(self, state: meeting_pb2.Meeting) -> list[tuple[dict[str, set[str]], str]]:
        """Where a meeting stands in the indexes."""
        named = [(self.by_kind, slug(state.kind)), (self.by_fellowship, slug(state.fellowship))]
        return [*named, *((self.by_room, room) for room in sorted(rooms_ever(state)))]


class Directory:
    """The listings of all centres of the PUBLIC stream."""

    def __init__(self) -> None:
        self.listings: dict[str, Listing] = {}

    def apply(self, event: Event) -> Touched | None:
        """Takes in one state; None when it brought nothing new.

        Raises MisfitError for an event that contradicts itself, RecurrenceError for a centre in no known zone; nothing
        has changed then.
        """
        scope, record = scope_of(event.subject)
        listing = self.listings.get(scope)
        if listing is None:
            listing = Listing()
        if listing.knows(event):
            return None
        meeting = self.take(listing, event, scope, record)
        listing.note(event)
        self.listings[scope] = listing
        seats = tuple(listing.lineage(meeting)) if meeting is not None and event.type in TYPES else ()
        return Touched(scope, None, seats) if event.type in TYPES else Touched(scope, meeting)

    def take(self, listing: Listing, event: Event, scope: str, record: str) -> str | None:
        """Puts the payload in its place; the id of the meeting, or series, it was about. Raises what `apply` does."""
        if event.type in TYPES:
            return _seats(listing, event, record)
        try:
            if event.type == CENTRE:
                listing.centre = centre_of(event, scope)
            elif event.type == MEETING:
                listing.put(record, self.meeting(event, scope, record))
            elif event.type == ROOM:
                (listing.rooms.discard if event.payload is None else listing.rooms.add)(record)
        except DecodeError as error:
            raise MisfitError("the payload is not what its type says") from error
        return record if event.type == MEETING else None

    def meeting(self, event: Event, scope: str, record: str) -> meeting_pb2.Meeting | None:
        """The meeting that an event carries; None for what is not to be shown to everybody. Raises MisfitError."""
        meeting = meeting_of(event, scope, record)
        return None if meeting is None or meeting.visibility in HIDDEN else meeting

    def reset(self) -> None:
        """Forgets everything, before a rebuild from the stream."""
        self.listings.clear()


def _seats(listing: Listing, event: Event, record: str) -> str | None:
    """Takes in what is said of a series' seats; the series."""
    try:
        return listing.told.apply(event.type, record, event.order, event.payload)
    except ValueError as error:
        raise MisfitError(str(error)) from error


def scope_of(subject: str) -> tuple[str, str]:
    """The centre and the id of the record that a subject is about. Raises MisfitError."""
    tokens = subject.split(".")
    if len(tokens) != 7:  # noqa: PLR2004 - the shape of a subject
        raise MisfitError("a subject has seven tokens")
    return tokens[4], tokens[6]


def centre_of(event: Event, scope: str) -> centre_pb2.Centre | None:
    """The centre that an event carries; None for a tombstone. Raises MisfitError, DecodeError, RecurrenceError."""
    if event.payload is None:
        return None
    centre = centre_pb2.Centre.FromString(event.payload)
    if centre.name != f"centres/{scope}":
        raise MisfitError("subject and payload name different centres")
    zone(centre.time_zone)  # nothing could be said about its days without
    return centre


def meeting_of(event: Event, scope: str, record: str) -> meeting_pb2.Meeting | None:
    """The meeting that an event carries; None for a tombstone. Raises MisfitError, DecodeError."""
    if event.payload is None:
        return None
    meeting = meeting_pb2.Meeting.FromString(event.payload)
    if meeting.name != f"centres/{scope}/meetings/{record}":
        raise MisfitError("subject and payload name different meetings")
    return meeting
