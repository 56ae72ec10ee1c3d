"""What the service owns: centres, places, rooms, meetings. Immutable; what is stored is exactly these, as documents.

Local times are naive and mean the meeting's zone; instants are RFC 3339 UTC text (`clock.instant`), as they are stored.
"""

from __future__ import annotations

import enum

import msgspec

from services.recurrence.types import Deviation, Key, Schedule


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


class Centre(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery centre. `centre` is its own id, as every record says whose it is."""

    id: str
    centre: str
    created_at: str
    title: str
    zone: str
    language: str = ""
    website: str = ""
    description: str = ""
    crisis_line: str = ""


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
    source: str = ""
    source_key: str = ""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A room of a place."""

    id: str
    centre: str
    created_at: str
    title: str
    place: str
    capacity: int = 0
    accessibility: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    notes: str = ""


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


class Online(msgspec.Struct, frozen=True, kw_only=True):
    """How to join from afar. Passcode and notes are in no public view and in no calendar."""

    access: OnlineAccess = OnlineAccess.PUBLIC
    url: str = ""
    phone: str = ""
    passcode: str = ""
    notes: str = ""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an imported meeting comes from; `digest` is over what came, `by` the import that last changed it."""

    source: str
    id: str
    url: str = ""
    update_time: str = ""
    digest: str = ""
    original: str = ""
    by: str = ""


class Change(Deviation, frozen=True, kw_only=True):
    """What differs on one date: only the fields that are set."""

    reason: str = ""
    title: str | None = None
    notes: str | None = None
    mode: Mode | None = None
    place: str | None = None
    rooms: tuple[str, ...] = ()
    venue: Venue | None = None
    online: Online | None = None

    def empty(self) -> bool:
        """Whether nothing differs any more."""
        return self == Change(date=self.date, ordinal=self.ordinal)


class DayChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the days of a series, kept so that whoever missed the revision still finds where a date went."""

    at: str
    old: Schedule
    new: Schedule


class ImportStatus(enum.Enum):
    """How far an import is."""

    STAGING = "staging"
    RUNNING = "running"
    DONE = "done"


class Outcome(enum.Enum):
    """What becomes of one row of an import."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"
    REFUSED = "refused"


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an import's report. `meeting` is an id."""

    number: int
    source_id: str
    title: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    meeting: str = ""


class Batch(msgspec.Struct, frozen=True):
    """The rows of one call: the first one's number, and what is staged under which source id."""

    first: int
    ids: tuple[str, ...]


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf of an import: staged rows (ImportRow as JSON) and, as they come into force, their lines of the report."""

    id: str
    centre: str
    of: str
    first: int
    rows: tuple[str, ...]
    report: tuple[ReportRow, ...] = ()


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A list of meetings on its way in: an intent. `batch` and `row` say where it goes on; `done` counts rows."""

    id: str
    centre: str
    created_at: str
    source: str
    status: ImportStatus = ImportStatus.STAGING
    remove_gone: bool = False
    batches: tuple[Batch, ...] = ()
    batch: int = 0
    done: int = 0
    counts: tuple[tuple[Outcome, int], ...] = ()
    gone: tuple[ReportRow, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows are staged."""
        return sum(len(batch.ids) for batch in self.batches)

    @property
    def total(self) -> int:
        """How many steps there are."""
        return self.rows + (len(self.gone) if self.remove_gone else 0)


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """A series of occurrences, or one part of a series that was split.

    `next_revision` is the revision of the next part's public view that this one was cut for; 0: it has none.
    `next_private_revision` is the same of its private view. `invite_group` is the group whose codes open it.
    `elsewhere`: on some date it is at another place than usual. `withdrawn`: a person deleted it, not an import.
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

    def change(self, key: Key) -> Change | None:
        """What differs on that date, if anything does."""
        return next((change for change in self.changes if change.key == key), None)

    def places(self) -> frozenset[str]:
        """Every place it uses, on any date."""
        return frozenset(filter(None, (self.place, *(change.place for change in self.changes))))

    def all_rooms(self) -> frozenset[str]:
        """Every room it uses, on any date."""
        return frozenset(self.rooms) | frozenset(room for change in self.changes for room in change.rooms)
