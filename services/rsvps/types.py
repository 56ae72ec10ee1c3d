"""What the service owns: events with their rules, guest lists, seats. Immutable; stored exactly so, as documents.

Instants are RFC 3339 UTC text (`clock.instant`); local dates are the meeting's. Nothing here names a person: what a
guest writes for the organiser is in `Seat.sealed`, encrypted.
"""

from __future__ import annotations

import enum
from datetime import date  # noqa: TC003 - msgspec reads annotations at run time
from typing import Final

import msgspec

from services.recurrence.types import Deviation, Key, Schedule


class Name(enum.Enum):
    """Names that much is counted by: there is one object of each, so that it is its own hash, which costs less."""

    __hash__ = object.__hash__


class RsvpMode(enum.Enum):
    """Whether one keeps a seat before one comes."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Scope(enum.Enum):
    """What a list is for: a date, a whole series (an enrolment, or standing seats), dates that share a waitlist."""

    DATE = "date"
    SERIES = "series"
    SISTERS = "sisters"


class Where(Name):
    """How a guest takes part; seats are counted apart."""

    ROOM = "room"
    ONLINE = "online"


class State(Name):
    """Where a guest stands."""

    GOING = "going"
    WAITLISTED = "waitlisted"
    OFFERED = "offered"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class End(enum.Enum):
    """Why a seat is no more. `MEETING_CANCELLED` is never stored: it is derived while a date is cancelled."""

    OWN = "own"
    MEETING_CANCELLED = "meeting-cancelled"
    MOVED = "moved"
    NOT_CONFIRMED = "not-confirmed"
    STAFF = "staff"


class Wait(enum.Enum):
    """What a waitlisted guest wants when a place comes free: to be given it, or to be asked."""

    GIVE = "give"
    ASK = "ask"


class OnMove(enum.Enum):
    """What becomes of seats when a date is moved."""

    KEEP = "keep"
    RELEASE = "release"


class PartyRule(enum.Enum):
    """What happens where a party is first in line and not all its places are free."""

    IN_ORDER = "in-order"
    FILL = "fill"


class QuestionKind(enum.Enum):
    """What a question takes."""

    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"


class Use(enum.Enum):
    """How an answer is used."""

    TOTAL = "total"
    ORGANISER = "organiser"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. `lowest` and `highest` are of a number, inclusive."""

    id: str
    title: str
    kind: QuestionKind
    choices: tuple[str, ...] = ()
    several: bool = False
    lowest: int = 0
    highest: int = 0
    use: Use = Use.TOTAL
    required: bool = False


class Answer(msgspec.Struct, frozen=True):
    """To one question: indices of choices, a number, or a text (only in what is sealed)."""

    question: str
    choices: tuple[int, ...] = ()
    number: int = 0
    text: str = ""


class Quota(msgspec.Struct, frozen=True):
    """Places of which there are only so many among all."""

    id: str
    title: str
    places: int


class Sisters(msgspec.Struct, frozen=True):
    """Dates that share a waitlist. `list` is the id of the guest list in which people wait for any of them."""

    id: str
    list: str
    dates: tuple[SisterDate, ...]


class SisterDate(msgspec.Struct, frozen=True):
    """A date of an event (a lineage)."""

    event: str
    date: date
    ordinal: int = 0

    @property
    def key(self) -> Key:
        """The occurrence it is."""
        return Key(self.date, self.ordinal)


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How seats are kept; the fields of `openchair.rsvps.v1.ListRules`, defaults filled in.

    Capacities 0: without limit. `waitlist` -1: none, 0: up to 5,000. `code`: an HMAC of the list's code, "" without.
    """

    mode: RsvpMode = RsvpMode.OFF
    scope: Scope = Scope.DATE
    capacity: int = 0
    online_capacity: int = 0
    waitlist: int = 0
    party_size: int = 1
    party_rule: PartyRule = PartyRule.IN_ORDER
    opens_before_minutes: int = 0
    closes_before_minutes: int = 0
    cut_off_minutes: int = 0
    claim_minutes: int = 720
    on_move: OnMove = OnMove.KEEP
    questions: tuple[Question, ...] = ()
    quotas: tuple[Quota, ...] = ()
    draw_hours: int = 0
    confirm_before_minutes: int = 0
    standing_seats: bool = False
    last_joining_date: date | None = None
    sisters: tuple[Sisters, ...] = ()
    organisers: tuple[str, ...] = ()
    celebrations: bool = False
    code: str = ""
    feedback: tuple[Question, ...] = ()


class Differing(Deviation, frozen=True, kw_only=True):
    """What differs on one date, as far as it matters to seats. `ways` None: as usual."""

    ways: tuple[Where, ...] | None = None
    rooms: tuple[str, ...] = ()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a series as one of its views tells it. `active`: it has dates. `group`: whose invite codes open it."""

    title: str
    kind: str
    schedule: Schedule
    ways: tuple[Where, ...]
    visibility: str
    group: str = ""
    active: bool = True
    deleted: bool = False
    changes: tuple[Differing, ...] = ()
    rooms: tuple[str, ...] = ()
    day_changes: tuple[tuple[str, Schedule, Schedule], ...] = ()
    """(instant, old, new): where dates went when the days were changed."""


PUBLIC: Final = "public"
UNLISTED: Final = "unlisted"
MEMBERS: Final = "members"
"""What `Shown.visibility` may be."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A meeting (one part of a series) as this service has heard of it: record kind "part", id that of the meeting.

    Each view has the order (epoch, revision) of the state that it was read from; None: a tombstone, or never heard of.
    """

    id: str
    centre: str
    lineage: str
    public: Shown | None = None
    private: Shown | None = None
    public_order: tuple[int, int] = (0, 0)
    private_order: tuple[int, int] = (0, 0)
    days_applied: str = ""
    """Instant of the newest change of days that the event's lists have followed."""

    @property
    def shown(self) -> Shown | None:
        """What holds of it: where the two views disagree on who may know it, the one that is for fewer."""
        if self.private is not None and (self.public is None or self.private.visibility != PUBLIC):
            return self.private
        return self.public


class DatedList(msgspec.Struct, frozen=True):
    """The guest list of a date ("": it has none yet). `capacity` and `online_capacity`: None: as the rules say."""

    date: date
    ordinal: int
    list: str
    capacity: int | None = None
    online_capacity: int | None = None

    @property
    def key(self) -> Key:
        """The occurrence."""
        return Key(self.date, self.ordinal)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A whole series, through every split: record kind "event", its id is the lineage.

    `lists` are the dates that have a guest list; `series` is the list of standing seats or of the enrolment ("": there
    is none yet). `counted` is the local date up to which its dates have been counted for the statistics. `private`: it
    has no public view. `shared` are its sister dates that everybody may know, by the id of the group of them;
    `sistered`: it has any. `ruled_at` is when its rules were set; "": never. `buried` are lists that are gone, until
    everybody was told.
    """

    id: str
    centre: str
    rules: Rules = Rules()
    lists: tuple[DatedList, ...] = ()
    series: str = ""
    counted: date | None = None
    private: bool = True
    shared: dict[str, tuple[str, ...]] = {}
    sistered: bool = False
    ruled_at: str = ""
    buried: tuple[str, ...] = ()

    def dated(self, key: Key) -> DatedList | None:
        """The list of a date, if it has one."""
        return next((each for each in self.lists if each.key == key), None)


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """What a list is about, as its meeting is now. `off`: the date does not take place, or is no date any more.

    Of a series `start` is that of its first date that is not over, `end` that of its last one ("" : without end); both
    of dates that are on. `joined`: nobody joins a course from then on; "": one may until its end.
    """

    start: str
    end: str
    ways: tuple[Where, ...]
    off: bool = False
    joined: str = ""


class GuestList(msgspec.Struct, frozen=True, kw_only=True):
    """The head: what a list is about, and the rules that hold, copies both; `seen` is the event's revision they are of.

    Its id is random, and moves with it to a new date. `secret` is the version of the secret that its keys are under.
    Seats of an earlier `era` were released when the date moved. `passed` counts places, by how one takes part, that an
    offer was let lapse for and that go on to those who had none. `drawn`: lots were drawn. `standing` of a series' list
    counts the changes of its standing seats; of a date's it says which of them are in here. `head_*`: what was
    counted; None: by check-ins. `private`: it has no public view. `moves`: how often its date was moved to another
    time. `words`: the words of availability that are public, by how one takes part. `confirm`: who has not confirmed by
    then is released; "": nobody, because it is not asked, or was done, or the instant was never ahead of a decision.
    `told`: they were once others than those of a list with nobody in it; until then nothing of it is public.
    `due`: when something changes by itself, "": never; None: it is not stored yet. `began`, `ended`: what is done once
    at the start and after the end was done.
    """

    id: str
    centre: str
    event: str
    scope: Scope
    secret: str
    date: date | None = None
    ordinal: int = 0
    occasion: Occasion
    rules: Rules = Rules()
    seen: int = 0
    era: int = 0
    passed: dict[str, int] = {}
    drawn: bool = False
    closed: bool = False
    private: bool = False
    standing: int = 0
    head_room: int | None = None
    head_online: int | None = None
    moves: int = 0
    words: dict[str, str] = {}
    told: bool = False
    confirm: str = ""
    due: str | None = None
    began: bool = False
    ended: bool = False

    @property
    def key(self) -> Key | None:
        """The occurrence, of a list of one date."""
        return Key(self.date, self.ordinal) if self.date is not None else None


class SeatFor(Name):
    """What a leaf of a list is. Marks have an HMAC of their own, so that nothing tells whose seat goes with whose."""

    SEAT = "seat"
    PRESENT = "present"
    """Somebody checked in."""
    ANSWERED = "answered"
    """Somebody gave feedback."""


class Seat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A leaf of a guest list: somebody's seat or place in the line, or a mark.

    `mac` is the HMAC of the guest key (`keys`): in this list, or for a date of a standing seat in the series' list;
    then `standing` is the id of that seat. `order` is the place in the line, by arrival or by lot; a seat that is given
    back and kept again gets a new one. `lapses`: offers it let lapse. `offered_until`: an instant in whole minutes.
    `answers` are those that count in totals; `sealed` what is for the organiser and the first name, encrypted. `moves`:
    that of the list when it was kept; where the list's is higher, the date was moved since.

    Who waits for any of several sister dates has a place in the line of each of them, with `sisters` the id of the
    sisters' list; what comes free there is offered, never given, so that it can be taken for all of them in one commit.
    In the sisters' list is one leaf for all of it: `wanted` are the dates by list, and the HMAC of the place there.
    """

    id: str
    centre: str
    mac: str
    use: SeatFor = SeatFor.SEAT
    order: int = 0
    era: int = 0
    where: Where = Where.ROOM
    state: State = State.GOING
    end: End | None = None
    party: int = 1
    wait: Wait = Wait.GIVE
    quotas: tuple[str, ...] = ()
    lapses: int = 0
    offered_until: str = ""
    offered_list: str = ""
    standing: str = ""
    sisters: str = ""
    answers: tuple[Answer, ...] = ()
    sealed: str = ""
    confirmed: bool = False
    moves: int = 0
    wanted: dict[str, str] = {}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What stays of a date: record kind "count". People, parties counted whole. `held`: it took place.

    `rooms` are names of rooms; `weekday` 1 is Monday (local). `feedback`: totals by question and choice (a number: its
    sum), and how many answered. `late`: it was counted when its month was closed, and is in no export.
    """

    id: str
    centre: str
    event: str
    meeting: str
    date: date
    ordinal: int = 0
    kind: str = ""
    rooms: tuple[str, ...] = ()
    weekday: int = 1
    held: bool = True
    expected: int = 0
    attended_room: int = 0
    attended_online: int = 0
    waitlisted: int = 0
    unused: int = 0
    feedback: tuple[Said, ...] = ()
    late: bool = False


class Said(msgspec.Struct, frozen=True):
    """How a question was answered after a date."""

    question: str
    title: str
    counts: tuple[int, ...]
    answered: int


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A slip that is void: record kind "revoked", its id is the slip's. Forgotten when it would have expired."""

    id: str
    centre: str


class GroupCodes(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of a group's invite codes: record kind "group". `order`: of the state that it was read from."""

    id: str
    centre: str
    digests: tuple[tuple[str, str], ...] = ()
    """(digest, instant at which it ends; "": none)."""
    order: tuple[int, int] = (0, 0)
