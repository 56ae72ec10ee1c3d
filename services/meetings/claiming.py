"""The rooms that meetings claim: what is wanted, what can be had, what becomes of what cannot. Pure.

A meeting holds its rooms, and its online host, by bookings that are written in its own commit. Who edits a meeting is
refused what is taken (or skips it, or overrules it); what happens by itself (a closure and its end, an import, an
older version's meetings) takes what is free, and remembers the rest: `Meeting.lost`, `Booking.skipped`. Also where a
person edits a meeting while a closure takes hold: what the closure makes of a date is no reason to refuse.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from services.kit.clock import moment
from services.kit.errors import NotFound
from services.kit.leaves import Changes
from services.kit.store.port import Conflict
from services.meetings import composed, edits, history, records
from services.meetings.alternatives import Wanted
from services.meetings.clashes import Asker, refusal
from services.meetings.closing import NOTHING
from services.meetings.diary import leaf
from services.meetings.passing import next_due
from services.meetings.seat import Seat, Seated, seated
from services.meetings.skipping import healed
from services.meetings.types import Meeting, Status
from services.meetings.types_rooms import ClashPolicy, Lost, Room
from services.meetings.wanted import used, wanted
from services.meetings.wire import child_name
from services.recurrence.pattern import Pattern
from services.recurrence.portions import ahead
from services.recurrence.schedule import has, occurrence
from services.recurrence.types import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.kit.clock import Ids
    from services.kit.leaves import Head, Key, Leaf
    from services.kit.store.port import Record
    from services.meetings.availability import Hindrance
    from services.meetings.closing import Frame
    from services.meetings.diary import Diary
    from services.meetings.types import Closed
    from services.meetings.types_rooms import Booking, PastBooking
    from services.recurrence.types import Key as Date


class Asked(NamedTuple):
    """How a clash is answered, and for whom: `subject` is that of the token, `reason` that of an overruling one.

    `keeper`: keeps the centre's list, and so may know what is in the way. `lenient`: nobody asked, so nothing is
    refused; what cannot be had is remembered. `frame` is what is in force at the centre. `taking` are dates of rooms
    that were lost, and are asked for again.
    """

    policy: ClashPolicy = ClashPolicy.REFUSE
    reason: str = ""
    subject: str = ""
    keeper: bool = True
    lenient: bool = False
    frame: Frame = NOTHING
    taking: frozenset[tuple[str, Date]] = frozenset()


LENIENT: Final = Asked(lenient=True)

LOST_KEPT: Final = timedelta(days=366)
"""How long a meeting remembers which room it had not on a date that is over."""


class Draft(NamedTuple):
    """A meeting that is to be written, after what is stored (None: it is new)."""

    previous: Record | None
    meeting: Meeting
    due_at: str | None = None


class Claimed(NamedTuple):
    """The meetings of the drafts, in their order, with `claimed` and `lost` as they are now; and what rooms become.

    `past` is what is over of bookings that are changed.
    """

    meetings: Sequence[Meeting]
    changes: Mapping[Key, Changes]
    past: Sequence[PastBooking] = ()


def rooms(drafts: Sequence[Draft], asked: Asked = LENIENT) -> frozenset[str]:
    """The rooms (ids) that must be held to write these meetings; none for one to whose rooms nothing happens."""
    return frozenset(room for draft in drafts for room in _touched(draft, asked))


def _touched(draft: Draft, asked: Asked) -> set[str]:
    names, held = _used(draft.meeting), _held(draft.previous)
    if not names and not held:
        return set()
    before = _before(draft)
    same = before is not None and not asked.taking and _as_before(before, draft.meeting)
    return set() if same else names | held


def _used(meeting: Meeting) -> set[str]:
    return set() if meeting.status is Status.CANCELLED else set(used(meeting))


def _held(previous: Record | None) -> set[str]:
    """The rooms in which its bookings stand."""
    found = previous.state.get("claimed") if previous is not None else None
    return {str(room) for room in found} if isinstance(found, list | tuple) else set()


def _before(draft: Draft) -> Meeting | None:
    return records.read(draft.previous, Meeting) if draft.previous is not None else None


def _as_before(before: Meeting, meeting: Meeting) -> bool:
    """Whether it has all its rooms already, and its bookings say the same of it."""
    told = (before.title, before.visibility, before.capacity, before.status, _used(before))
    if told != (meeting.title, meeting.visibility, meeting.capacity, meeting.status, _used(meeting)):
        return False
    now = wanted(meeting)
    has_all = now.keys() <= {*before.claimed, *composed.lost_whole(before)} and before.lost == meeting.lost
    return has_all and now == wanted(before)


def claim(drafts: Sequence[Draft], heads: Mapping[Key, Head[Diary]], asked: Asked, at: str, ids: Ids) -> Claimed:
    """What becomes of meetings and rooms. Raises Clashing, NotFound for a room that is gone."""
    work = _Work(drafts, heads, asked, at, ids)
    meetings = [work.settle(draft) for draft in drafts]
    work.refuse()
    changes = work.changes()
    frame = asked.frame
    return Claimed(meetings, healed(heads, changes, at, closures=frame.closures, zone=frame.zone), work.past)


@dataclass
class _Work:
    """What has been decided so far."""

    drafts: Sequence[Draft]
    heads: Mapping[Key, Head[Diary]]
    asked: Asked
    at: str
    ids: Ids
    past: list[PastBooking] = field(default_factory=list)
    leaves: defaultdict[str, list[Leaf]] = field(default_factory=lambda: defaultdict(list))
    removed: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    moved: set[str] = field(default_factory=set)
    refused: list[tuple[Meeting, str, Pattern, list[Hindrance]]] = field(default_factory=list)

    def settle(self, draft: Draft) -> Meeting:
        """The meeting with its rooms."""
        touched = _touched(draft, self.asked)
        if not touched and draft.previous is None:  # a part that was cut off says yet what the other one has
            return msgspec.structs.replace(draft.meeting, claimed=(), lost=())
        if not touched:
            return draft.meeting
        before = _before(draft)
        self.moved |= _used(draft.meeting) - (_used(before) if before is not None else set())
        claimed, lost = [], [*_lost_and_over(draft.meeting, self.at)]
        wants, caused = wanted(draft.meeting), by_themselves(before, draft.meeting)
        for room in sorted(touched):
            has_it, missing = self._settle_room(draft.meeting, room, wants.get(room), caused)
            claimed += [room] * has_it
            lost += missing
        meeting = msgspec.structs.replace(
            draft.meeting, claimed=tuple(claimed), lost=tuple(sorted(set(lost), key=_in_order))
        )
        if before is None or before.lost == meeting.lost:
            return meeting
        return edits.numbered(before, msgspec.structs.replace(meeting, sequence=before.sequence))

    def _settle_room(
        self, meeting: Meeting, room: str, pattern: Pattern | None, caused: Mapping[Date, str]
    ) -> tuple[bool, list[Lost]]:
        """Whether it has the room, and what it has lost of it."""
        head = self.heads["room", room]
        had = head.index.by_meeting(meeting.id)
        if pattern is None:
            self._give_back(had)
            return False, []
        coming = ahead(pattern, moment(self.at))
        if coming.empty():
            if had is not None and ahead(had.pattern, moment(self.at)).empty():
                return True, []
            self._give_back(had)
            return False, []
        value = self._room(meeting, head)
        if value is None:
            self._give_back(had)
            return False, [Lost(room)]
        self._refuse_moved(value)
        around = {id_: self.heads["room", id_].index for id_ in (room, *value.excludes)}
        own = [each for draft in self.drafts if (each := head.index.by_meeting(draft.meeting.id)) is not None]
        ignoring = frozenset(
            each.id
            for diary in around.values()
            for draft in self.drafts
            if (each := diary.by_meeting(draft.meeting.id)) is not None
        )
        id_ = had.id if had is not None else self.ids.uuid()
        seat = Seat(meeting, value, coming, had, tuple(own), around, ignoring, caused, id_)
        found = seated(seat, self.asked, self.at)
        return self._take(seat, found)

    def _take(self, seat: Seat, found: Seated) -> tuple[bool, list[Lost]]:
        room = seat.room.id
        if found.refused:
            self.refused.append((seat.meeting, room, seat.coming, found.refused))
            return False, []
        known = {(each.room, each.key): each.by for each in seat.meeting.lost}
        if found.booking is None:
            self._give_back(seat.had)
            return False, [Lost(room, by=known.get((room, None), next(iter(seat.caused.values()), "")))]
        if found.asked_for:
            self.moved |= {room, *seat.room.excludes}
        if found.booking != seat.had:
            self._part(seat.had, found.booking)
            self.leaves[room].append(leaf(found.booking, next_due(found.booking, seat.room, self.at)))
        return True, [
            Lost(room, key.date, key.ordinal, known.get((room, key), seat.caused.get(key, "")))
            for key in (each.slot.key for each in found.booking.skipped)
        ]

    def _room(self, meeting: Meeting, head: Head[Diary]) -> Room | None:
        """The room as it is; None: it is gone, and nobody is there to be refused."""
        if head.record is not None and not head.record.gone:
            return records.read(head.record, Room)
        if self.asked.lenient:
            return None
        raise NotFound(child_name(meeting.centre, "rooms", head.id))

    def _refuse_moved(self, room: Room) -> None:
        """Raises Conflict where what it excludes was changed while this was prepared: it is prepared anew."""
        if any(("room", other) not in self.heads for other in room.excludes):
            raise Conflict

    def _give_back(self, had: Booking | None) -> None:
        if had is not None:
            self._part(had, None)
            self.removed[had.room].append(had.id)

    def _part(self, had: Booking | None, now: Booking | None) -> None:
        """What is over of a booking stays as it was."""
        if had is None or (now is not None and now.pattern == had.pattern):
            return
        past = history.past_of(had, self.at)
        if past is not None:
            self.past.append(past)

    def refuse(self) -> None:
        """Raises Clashing with all that is in the way."""
        if not self.refused:
            return
        meeting, _, pattern, _ = self.refused[0]
        found = sorted((one for each in self.refused for one in each[3]), key=lambda one: (one.start, one.key))
        names = tuple(dict.fromkeys(each[1] for each in self.refused))
        instead = Wanted(meeting.centre, names, alone(pattern, {one.key for one in found}), meeting=meeting.id)
        raise refusal(meeting.centre, found, Asker(self.asked.subject, self.asked.keeper), instead)

    def changes(self) -> dict[Key, Changes]:
        """What becomes of the rooms."""
        return {
            ("room", room): Changes(leaves=tuple(self.leaves[room]), removed=tuple(self.removed[room]))
            for room in sorted({*self.leaves, *self.removed, *self.moved})
        }


def alone(pattern: Pattern, keys: set[Date]) -> Pattern:
    """What is to be had instead: of that date only, where a single date that is not as usual is all that is refused."""
    slots = [slot for slot in pattern.slots if {slot.key} == keys]
    if len(slots) != 1:
        return pattern
    return Pattern(zone=pattern.zone, schedule=Schedule(slots[0].start, pattern.zone, slots[0].minutes))


def by_themselves(before: Meeting | None, meeting: Meeting) -> dict[Date, str]:
    """The dates on which closures make another thing of it than they did, each with the closure (its id)."""
    was = {each.key: _bare(each) for each in before.closed} if before is not None else {}
    now = {each.key: _bare(each) for each in meeting.closed}
    return {key: (now.get(key) or was[key]).closure for key in was.keys() | now.keys() if was.get(key) != now.get(key)}


def _bare(closed: Closed) -> Closed:
    return msgspec.structs.replace(closed, venue=None)


def _lost_and_over(meeting: Meeting, at: str) -> Iterator[Lost]:
    """What it had not on dates that are over: that stays so, for a year."""
    now, changes = moment(at), {change.key: change for change in meeting.changes}
    for each in meeting.lost:
        key = each.key
        if key is None or not has(meeting.schedule, key):
            continue
        if now - LOST_KEPT < occurrence(meeting.schedule, key, changes.get(key)).end <= now:
            yield each


def _in_order(lost: Lost) -> tuple[str, date, int]:
    return (lost.room, lost.date or date.min, lost.ordinal)
