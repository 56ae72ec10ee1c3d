"""What the service owns: centres, places, rooms, meetings. Immutable; what is stored is exactly these, as documents.

Local times are naive and mean the meeting's zone; instants are RFC 3339 UTC text (`clock.instant`), as they are stored.
"""

from __future__ import annotations

import enum
from datetime import date, time  # noqa: TC003 - msgspec reads annotations at run time

import msgspec

from services.meetings.types_rooms import Lost  # noqa: TC001 - msgspec reads annotations at run time
from services.recurrence.types import Deviation, Key, Schedule, Weeks


class AddressAccess(enum.Enum):
    """Who may learn the address of a place."""

    PUBLIC = "public"
    AREA_ONLY = "area-only"
    HOLDERS = "holders"


class Mode(enum.Enum):
    """How people take part. Stated, never guessed."""

    IN_PERSON = "in-person"
    ONLINE = "online"
    HYBRID = "hybrid"


class OnlineAccess(enum.Enum):
    """Who may learn how to join online."""

    PUBLIC = "public"
    SEAT_HOLDERS = "seat-holders"
    INVITE_CODE = "invite-code"


class Visibility(enum.Enum):
    """Who may learn that a meeting exists."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    MEMBERS = "members"


class Status(enum.Enum):
    """What a series is at present."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class Approach(enum.Enum):
    """What carries the work."""

    SPIRITUAL = "spiritual"
    SECULAR = "secular"
    CLINICAL = "clinical"


class LedBy(enum.Enum):
    """Who leads it."""

    PEER = "peer"
    TRAINED = "trained"
    LICENSED = "licensed"


class WhoMayCome(enum.Enum):
    """Who may come."""

    EVERYBODY = "everybody"
    MEMBERS = "members"
    REFERRED = "referred"


class HolidayRule(enum.Enum):
    """What a public holiday is to a meeting."""

    ANY_DAY = "any-day"
    NOT_ON_HOLIDAYS = "not-on-holidays"
    ALSO_ON_HOLIDAYS = "also-on-holidays"


class ClosureEffect(enum.Enum):
    """What a closure makes of the occurrences that it touches."""

    CANCEL = "cancel"
    ONLINE = "online"
    MOVE = "move"


class ClosureStatus(enum.Enum):
    """How far a closure is."""

    RUNNING = "running"
    IN_FORCE = "in-force"
    WITHDRAWING = "withdrawing"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class KindOfMeeting(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of meeting that a centre adds to those that everybody knows."""

    id: str
    title: str


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery centre. `centre` is its own id, as every record says whose it is.

    `holiday_calendar` is an ISO 3166-1 country or an ISO 3166-2 subdivision ("DE-BE"); "": no day is a public holiday.
    """

    id: str
    centre: str
    created_at: str
    title: str
    zone: str
    language: str = ""
    website: str = ""
    description: str = ""
    crisis_line: str = ""
    phone: str = ""
    holiday_calendar: str = ""
    kinds: tuple[KindOfMeeting, ...] = ()


class Position(msgspec.Struct, frozen=True):
    """WGS 84, in units of 10^-7 degrees (about a centimetre), because documents hold no fractions."""

    latitude_e7: int
    longitude_e7: int


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An address where meetings are held. `source` is the import it came with, `source_key` its identity there.

    Its id is random all the same: one made of an address would let whoever guesses the address verify it.
    """

    id: str
    centre: str
    created_at: str
    title: str
    address: str = ""
    area: str = ""
    address_access: AddressAccess = AddressAccess.PUBLIC
    position: Position | None = None
    approximate: bool = False
    accessibility: tuple[str, ...] = ()
    notes: str = ""
    map_url: str = ""
    regions: tuple[str, ...] = ()
    source: str = ""
    source_key: str = ""


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """An invite code as it is kept: its digest (`kit.code`), and until when it holds; None: until it is revoked."""

    id: str
    created_at: str
    digest: str
    expires_at: str | None = None

    def holds(self, at: str) -> bool:
        """Whether it opens anything at that instant."""
        return self.expires_at is None or at < self.expires_at


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group whose members open its meetings with a code. `codes` are those in force, newest first."""

    id: str
    centre: str
    created_at: str
    title: str
    codes: tuple[Code, ...] = ()

    def opens(self, digest: str, at: str) -> bool:
        """Whether the code with this digest is one of the group's, and holds at that instant."""
        return any(code.digest == digest and code.holds(at) for code in self.codes)


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """A meeting's copy of its place and rooms, whole; what the public learns of it is decided when it is shown."""

    title: str
    rooms: tuple[str, ...] = ()
    address: str = ""
    area: str = ""
    address_access: AddressAccess = AddressAccess.PUBLIC
    position: Position | None = None
    approximate: bool = False
    accessibility: tuple[str, ...] = ()
    notes: str = ""
    map_url: str = ""
    regions: tuple[str, ...] = ()


class Online(msgspec.Struct, frozen=True, kw_only=True):
    """How to join from afar. Passcode and notes are in no public view and in no calendar."""

    access: OnlineAccess = OnlineAccess.PUBLIC
    url: str = ""
    phone: str = ""
    passcode: str = ""
    notes: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an imported meeting comes from; `digest` is over what came, `by` the import that last changed it.

    `series` is the id, there, of the first meeting of a record that may give several.
    `extra` is what the source publishes and no field holds, as a JSON object; `original` its whole record, never
    public.
    """

    source: str
    id: str
    url: str = ""
    update_time: str = ""
    digest: str = ""
    original: str = ""
    by: str = ""
    extra: str = ""
    series: str = ""


class Change(Deviation, frozen=True, kw_only=True):
    """What differs on one date: only the fields that are set.

    `despite`: it takes place although a closure or a public holiday would have it otherwise. `closure`, `holiday`,
    `unconfirmed` and `without` (rooms of the agenda, by id, that somebody else has then) are set in what
    `composed.changes` gives, and never stored. `source`: said by the meeting's source.
    """

    reason: str = ""
    title: str | None = None
    notes: str | None = None
    mode: Mode | None = None
    place: str | None = None
    rooms: tuple[str, ...] = ()
    venue: Venue | None = None
    online: Online | None = None
    despite: bool = False
    closure: str = ""
    holiday: str = ""
    unconfirmed: bool = False
    source: bool = False
    without: tuple[str, ...] = ()

    def empty(self) -> bool:
        """Whether nothing differs any more."""
        return self == Change(date=self.date, ordinal=self.ordinal, source=self.source)


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """What a closure (its id), or a public holiday (its name), makes of one date; written by the reconciler alone.

    `reason` is for whoever would have come. Of MOVE: `place`, `rooms` and the copy of them. Of ONLINE: `online`, where
    it is the closure's link and not the meeting's own.
    """

    date: date
    ordinal: int = 0
    effect: ClosureEffect
    closure: str = ""
    holiday: str = ""
    reason: str = ""
    place: str | None = None
    rooms: tuple[str, ...] = ()
    venue: Venue | None = None
    online: Online | None = None

    @property
    def key(self) -> Key:
        """The occurrence it is about."""
        return Key(self.date, self.ordinal)


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """What is special in some weeks."""

    when: Weeks
    title: str
    types: tuple[str, ...] = ()
    who_may_come: WhoMayCome | None = None
    notes: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """An item of an agenda: `day` 1 is the local day on which the occurrence begins, `time` is local.

    `room_titles` is a copy, made anew with the venue.
    """

    id: str
    title: str
    day: int
    time: time
    minutes: int
    rooms: tuple[str, ...] = ()
    room_titles: tuple[str, ...] = ()
    leader: str = ""
    notes: str = ""


class DayChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the days of a series, kept so that whoever missed the revision still finds where a date went."""

    at: str
    old: Schedule
    new: Schedule


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A series of occurrences, or one part of a series that was split.

    `next_revision` is the revision of the next part's public view that this one was cut for; 0: it has none.
    `next_private_revision` is the same of its private view. `invite_group` is the group whose codes open it.
    `elsewhere`: on some date it is at another place than usual. `withdrawn`: a person deleted it, not an import.
    `changes` is what people said about single dates, `closed` what closures and holidays make of them, `unconfirmed`
    where people found nobody; `composed.changes` is all of it. `doubted` are the dates that a series is `doubtful` for,
    or may become; nobody is told of them. `local_fields` were edited here since they came from a
    source: an import leaves them alone. On `overruled` dates people undid what the source says. `registration_opens`
    is local ("2026-12-01T09:00"; "": not stated). `online_host` is the id of a video account. `claimed` are the rooms
    (the host among them) in which bookings of this meeting stand, `lost` what it was to have and has not: both are
    written with the bookings (`claiming`), and by nobody else.
    """

    id: str
    centre: str
    created_at: str
    lineage: str
    title: str
    schedule: Schedule
    status: Status = Status.ACTIVE
    cancelled_at: str | None = None
    sequence: int = 0
    previous: str = ""
    next: str = ""
    next_revision: int = 0
    next_private_revision: int = 0
    kind: str = "support-meeting"
    fellowship: str = ""
    types: tuple[str, ...] = ()
    mode: Mode = Mode.IN_PERSON
    language: str = ""
    accessibility: tuple[str, ...] = ()
    notes: str = ""
    group: str = ""
    visibility: Visibility = Visibility.PUBLIC
    invite_group: str = ""
    changes: tuple[Change, ...] = ()
    day_changes: tuple[DayChange, ...] = ()
    place: str = ""
    elsewhere: bool = False
    rooms: tuple[str, ...] = ()
    venue: Venue | None = None
    online: Online | None = None
    withdrawn: bool = False
    source_name: str = ""
    source: Source | None = None
    approach: Approach | None = None
    focus: tuple[str, ...] = ()
    led_by: LedBy | None = None
    who_may_come: WhoMayCome | None = None
    first_visit: str = ""
    other_languages: tuple[str, ...] = ()
    capacity: int = 0
    online_capacity: int = 0
    holidays: HolidayRule = HolidayRule.ANY_DAY
    programmes: tuple[Programme, ...] = ()
    sessions: tuple[Session, ...] = ()
    cost: str = ""
    scholarship: bool = False
    registration_opens: str = ""
    website: str = ""
    local_fields: tuple[str, ...] = ()
    overruled: tuple[Key, ...] = ()
    closed: tuple[Closed, ...] = ()
    unconfirmed: tuple[Key, ...] = ()
    doubted: tuple[Key, ...] = ()
    doubtful: bool = False
    online_host: str = ""
    claimed: tuple[str, ...] = ()
    lost: tuple[Lost, ...] = ()

    def change(self, key: Key) -> Change | None:
        """What differs on that date, if anything does."""
        return next((change for change in self.changes if change.key == key), None)

    def apart(self) -> tuple[Change | Closed, ...]:
        """All that is recorded about single dates, by people and by closures."""
        return (*self.changes, *self.closed)

    def places(self) -> frozenset[str]:
        """Every place it uses, on any date."""
        return frozenset(filter(None, (self.place, *(each.place for each in self.apart()))))

    def all_rooms(self) -> frozenset[str]:
        """Every room it uses, on any date."""
        sessions = frozenset(room for session in self.sessions for room in session.rooms)
        return frozenset(self.rooms) | sessions | frozenset(room for each in self.apart() for room in each.rooms)


class LostDate(msgspec.Struct, frozen=True):
    """A date of a meeting (ids) that has lost a room."""

    meeting: str
    key: Key
    room: str


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """Rooms, places or a whole centre are closed for a time: an intent, its progress stands on it.

    `start` and `end` are local to the centre: dates ("2026-12-24"; the end inclusive) or moments ("2026-12-24T14:00");
    `end` "": until further notice. `holidays` is an ISO 3166 code: only public holidays in that time are meant, of
    these the ones in `holiday_names`, if there are any. `active`: running or in force (what `Meeting.closed` follows).
    `after` is the id of the meeting up to which the reconciler has come; `done` of `total` meetings have followed.
    `passing`: it is on its way; `passes`: how often it came to the end since the closure was written; `failed`: how
    many meetings could not follow this time. `lost`: dates that have no room any more because of it (the first 100).
    `meetings_only`: the house stays open, so that others may book the rooms; else nobody is let in.
    """

    id: str
    centre: str
    created_at: str
    reason: str
    effect: ClosureEffect
    start: str
    end: str = ""
    places: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    online_too: bool = False
    holidays: str = ""
    holiday_names: tuple[str, ...] = ()
    move_place: str = ""
    move_rooms: tuple[str, ...] = ()
    online: Online | None = None
    status: ClosureStatus = ClosureStatus.RUNNING
    active: bool = True
    after: str = ""
    done: int = 0
    total: int = 0
    passing: bool = True
    passes: int = 0
    failed: int = 0
    lost: tuple[LostDate, ...] = ()
    lost_count: int = 0
    meetings_only: bool = False


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """Reports about one date that nobody was there. It knows nobody who reported. `meeting` is an id.

    Its id is the identity of the occurrence with "-" in place of "/". `start` is the instant at which it began.
    """

    id: str
    centre: str
    created_at: str
    meeting: str
    lineage: str
    date: date
    ordinal: int = 0
    title: str
    start: str
    reports: int = 0
    confirmed_at: str | None = None

    @property
    def key(self) -> Key:
        """The occurrence it is about."""
        return Key(self.date, self.ordinal)
