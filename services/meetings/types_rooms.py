"""What rooms have beside a place and chairs: hours, rules, parts; and their bookings. Immutable, stored as they are.

Local times are naive: those of hours mean the room's zone, those of bookings the zone of their pattern.
"""

from __future__ import annotations

import enum
from datetime import date  # noqa: TC003 - msgspec reads annotations at run time

import msgspec

from services.recurrence.pattern import Pattern, Slot  # noqa: TC001 - msgspec reads annotations at run time
from services.recurrence.types import Key


class RoomKind(enum.Enum):
    """What kind of room it is."""

    ROOM = "room"
    VIDEO = "video"


class WhoMayBook(enum.Enum):
    """Who may book a room; each of them includes those below."""

    FACILITATORS = "facilitators"
    COORDINATORS = "coordinators"
    ADMINISTRATORS = "administrators"


class Approval(enum.Enum):
    """Whether a booking waits to be approved, and whether it holds the time meanwhile."""

    NONE = "none"
    HOLDS = "holds"
    COMPETES = "competes"


class QuotaPeriod(enum.Enum):
    """How long a period is, local to the room; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class BookingState(enum.Enum):
    """What a booking is at present."""

    HELD = "held"
    PENDING = "pending"
    CONFIRMED = "confirmed"


class ClashPolicy(enum.Enum):
    """What to do about dates on which a room is taken."""

    REFUSE = "refuse"
    SKIP = "skip"
    OVERRULE = "overrule"


class OpeningHours(msgspec.Struct, frozen=True):
    """Open on these weekdays (0 is Monday), from and to so many minutes after local midnight (1440: its end)."""

    weekdays: tuple[int, ...]
    opens: int
    closes: int


class DatedHours(msgspec.Struct, frozen=True):
    """What counts on one local date in place of the weekday's hours; `opens` equal to `closes`: it is not open."""

    date: date
    opens: int = 0
    closes: int = 0
    reason: str = ""


class Quota(msgspec.Struct, frozen=True):
    """How many dates and minutes of a room one person may book in a period; 0: any."""

    period: QuotaPeriod
    count: int = 0
    minutes: int = 0


class BookingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules for bookings by people; 0: any. Lengths are minutes."""

    who: WhoMayBook = WhoMayBook.FACILITATORS
    most_days_ahead: int = 0
    least_minutes_ahead: int = 0
    shortest_minutes: int = 0
    longest_minutes: int = 0
    without_end: bool = False
    quotas: tuple[Quota, ...] = ()
    approval: Approval = Approval.NONE
    check_in_minutes: int = 0
    hold_minutes: int = 0


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that can hold one thing at a time: a room of a place, or a video account, which is at no place.

    It is a head (`kit.heads`), its bookings are the leaves; `floor` is kit's. `hours` none: always open. `parts` are
    the rooms that it is made of; `excludes`, written with the parts, those that cannot be taken together with it.
    `zone` is that of its hours ("": the centre's). `before` and `after` are minutes. `public_title`: everybody may know
    its title and photos, as long as the address of its place is public; `titled`: they do, by the place's level as it
    was last seen (`titling`).
    """

    id: str
    centre: str
    created_at: str
    title: str
    place: str
    capacity: int = 0
    accessibility: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    notes: str = ""
    kind: RoomKind = RoomKind.ROOM
    photos: tuple[str, ...] = ()
    hours: tuple[OpeningHours, ...] = ()
    dated_hours: tuple[DatedHours, ...] = ()
    before: int = 0
    after: int = 0
    rules: BookingRules = BookingRules()
    parts: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    zone: str = ""
    public_busy: bool = False
    join_url: str = ""
    floor: int = 0
    public_title: bool = False
    titled: bool = False


class Skipped(msgspec.Struct, frozen=True):
    """A date that a series could not have; `offered`: it has become free since."""

    slot: Slot
    offered: bool = False


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A room taken for one stretch of time or a series of them: a leaf of the room's head.

    `pattern` is what it takes: without the dates that were skipped, released or given back. `meeting` is the id of the
    part of a series that holds it ("": it was booked by itself, by `organiser`, the subject of a token); `published`:
    that meeting is public, so that no machine ever releases it. `before` and `after` are the room's minutes of when it
    was booked. `expires_at` is of HELD, an instant. `competes`: PENDING that holds nothing. `unused` dates in a row
    nobody came to; `proposed`: for release. `checked_in` and `released` are kept for 35 days. `lineage` is the id of
    the first part of a series of bookings. `public_busy` is a copy of the room's; `skips`, `offers` and `overrules`
    say what `skipped` and `overruled` say, for lists (`diary.leaf`). `overruled` is why, `overruled_by` who said it
    (the subject of a token; "": nobody, an upgrade).
    """

    id: str
    centre: str
    room: str
    created_at: str
    lineage: str
    pattern: Pattern
    state: BookingState = BookingState.CONFIRMED
    meeting: str = ""
    published: bool = False
    organiser: str = ""
    title: str = ""
    notes: str = ""
    attendees: int = 0
    before: int = 0
    after: int = 0
    expires_at: str = ""
    competes: bool = False
    skipped: tuple[Skipped, ...] = ()
    overruled: str = ""
    checked_in: tuple[Key, ...] = ()
    released: tuple[Key, ...] = ()
    unused: int = 0
    proposed: bool = False
    public_busy: bool = False
    skips: bool = False
    offers: bool = False
    overruled_by: str = ""
    overrules: bool = False

    def holds(self, at: str) -> bool:
        """Whether it keeps others out at that instant: not what only competes, and no hold that has expired."""
        return not self.competes and not (self.state is BookingState.HELD and self.expires_at <= at)


class PastBooking(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked and is over, or was changed when part of it was over: nothing rewrites it.

    `booking` as it was; its pattern holds only what is past. `ended` is the instant at which its last date ended;
    `index` fields are those of the record. `organiser` is the booking's, so that quotas find what somebody has had.
    """

    id: str
    centre: str
    room: str
    ended: str
    booking: Booking
    organiser: str = ""


class Lost(msgspec.Struct, frozen=True):
    """A room that a meeting was to have and does not: on one date; `date` None: on none at all.

    `by` is the id of the closure that came in force, or was withdrawn, when it was lost; "": somebody else had it.
    """

    room: str
    date: date | None = None
    ordinal: int = 0
    by: str = ""

    @property
    def key(self) -> Key | None:
        """The date it is about; None: all of them."""
        return None if self.date is None else Key(self.date, self.ordinal)
