"""What is public of seats: at which series they are kept, and whether there is a place on a date, in a word.

Readers keep it as it comes, one `Told` for each centre. There is no number in it, and nobody's name.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from google.protobuf.message import DecodeError
from openchair.rsvps.v1 import list_rules_pb2 as pb

from services.recurrence.types import Key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.timestamp_pb2 import Timestamp

INVITATION: Final = pb.Invitation.DESCRIPTOR.full_name
AVAILABILITY: Final = pb.ListAvailability.DESCRIPTOR.full_name
TYPES: Final = frozenset({INVITATION, AVAILABILITY})

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS: Final[Mapping[int, str]] = {
    pb.AVAILABILITY_OPEN: "Open",
    pb.AVAILABILITY_WAITLIST: "Waitlist",
    pb.AVAILABILITY_FULL: "Full",
}


class Word(NamedTuple):
    """Of one list: an `Availability` for each way of taking part, 0 where there is none.

    `revision` rises with each change of it; `time` is when it was written, in whole days.
    """

    in_person: pb.Availability.ValueType
    online: pb.Availability.ValueType
    revision: int
    time: datetime

    @property
    def best(self) -> pb.Availability.ValueType:
        """Of those ways that there are, the one where most is free."""
        return min(filter(None, (self.in_person, self.online)), default=pb.AVAILABILITY_UNSPECIFIED)

    @property
    def said(self) -> str:
        """Where no way is open, "Waitlist" or "Full"; else ""."""
        return _WORDS[self.best] if self.best > pb.AVAILABILITY_OPEN else ""

    @property
    def differs(self) -> bool:
        """Whether any way is not open: then a date has something to say that its series does not."""
        return max(self.in_person, self.online) > pb.AVAILABILITY_OPEN

    @property
    def ways(self) -> str:
        """Both ways, where they differ: "in person: full, online: open"; else ""."""
        if self.in_person == self.online or not (self.in_person and self.online):
            return ""
        return f"in person: {_WORDS[self.in_person].lower()}, online: {_WORDS[self.online].lower()}"


class Chairs(NamedTuple):
    """Of one series. `mode` is an `RsvpMode`, `whole` the word of a course, `dates` those of its dates.

    `revision` rises, and `time` is moved, with each change of how seats are kept, and of `whole`.
    """

    mode: int = pb.RSVP_MODE_UNSPECIFIED
    revision: int = 0
    time: datetime = _BEGINNING
    whole: Word | None = None
    dates: Mapping[Key, Word] = {}

    def word(self, key: Key) -> Word | None:
        """Of one date; where the whole series is one list, of that. It says nothing where no seats are kept."""
        return self.whole if self.whole is not None else self.dates.get(key)


NONE: Final = Chairs()


class Told:
    """What is public of the lists of one centre."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], tuple[int, int]] = {}
        self._invitations: dict[str, pb.Invitation] = {}
        self._withdrawn: dict[str, int] = {}
        self._lists: dict[str, pb.ListAvailability] = {}
        self._of: dict[str, set[str]] = {}

    def apply(self, type_: str, record: str, order: tuple[int, int], payload: bytes | None) -> str | None:
        """Takes in one state; the lineage it is about, None for nothing new. Raises ValueError for what is none."""
        if self._orders.get((type_, record), (-1, -1)) >= order:
            return None
        try:
            lineage = (self._invite if type_ == INVITATION else self._list)(record, payload)
        except DecodeError:
            raise ValueError("the payload is not what its type says") from None
        if type_ == INVITATION and payload is None:
            self._withdrawn[record] = order[1]
        self._orders[type_, record] = order
        return lineage

    def _invite(self, lineage: str, payload: bytes | None) -> str:
        if payload is None:
            self._invitations.pop(lineage, None)
        else:
            self._invitations[lineage] = pb.Invitation.FromString(payload)
            self._withdrawn.pop(lineage, None)
        return lineage

    def _list(self, id_: str, payload: bytes | None) -> str | None:
        state = None if payload is None else pb.ListAvailability.FromString(payload)
        if state is not None and state.date:
            date.fromisoformat(state.date)
        before = self._lists.pop(id_, None)
        if before is not None:
            self._of[before.lineage].discard(id_)
        if state is not None:
            self._lists[id_] = state
            self._of.setdefault(state.lineage, set()).add(id_)
            return state.lineage
        return before.lineage if before is not None else None

    def invitation(self, lineage: str) -> pb.Invitation | None:
        """How seats are kept at a series; None: they are not, or it is nobody's business."""
        found = self._invitations.get(lineage)
        return found if found is not None and found.mode != pb.RSVP_MODE_UNSPECIFIED else None

    def at(self, lineage: str, key: Key) -> pb.Availability.ValueType:
        """The word of one date; open where nobody has kept a seat yet; unspecified where people just come."""
        invitation = self.invitation(lineage)
        if invitation is None:
            return pb.AVAILABILITY_UNSPECIFIED
        course = invitation.scope == pb.SEAT_SCOPE_SERIES
        wanted = ("", 0) if course else (key.date.isoformat(), key.ordinal)
        for each in map(self._lists.__getitem__, self._of.get(lineage, ())):
            if (each.date, each.ordinal) == wanted:
                return _word(each).best or pb.AVAILABILITY_OPEN
        return pb.AVAILABILITY_OPEN

    def of(self, lineage: str) -> Chairs:
        """What is to be said of a series. It is the same whatever the order in which its states came.

        Lists count also while nothing is said of seats: SEQUENCE never falls.
        """
        invitation = self._invitations.get(lineage)
        lists = [self._lists[each] for each in sorted(self._of.get(lineage, ()))]
        series = next((each for each in lists if not each.date), None)
        counted = series.revision if series is not None else 0
        if invitation is None:
            nothing = pb.AVAILABILITY_UNSPECIFIED
            silent = {key: each._replace(in_person=nothing, online=nothing) for key, each in _dated(lists)}
            return Chairs(revision=self._withdrawn.get(lineage, 0) + counted, dates=silent)
        course = invitation.scope == pb.SEAT_SCOPE_SERIES
        whole = _word(series) if series is not None and course else None
        return Chairs(
            invitation.mode,
            invitation.revision + counted,
            max(_instant(invitation.update_time), whole.time if whole else _BEGINNING),
            whole,
            {} if course else dict(_dated(lists)),
        )


def _dated(lists: list[pb.ListAvailability]) -> Iterator[tuple[Key, Word]]:
    for each in lists:
        if each.date:
            yield Key(date.fromisoformat(each.date), each.ordinal), _word(each)


def _word(state: pb.ListAvailability) -> Word:
    """A list that was closed by hand is full, whoever gives back what."""
    in_person, online = (
        pb.AVAILABILITY_FULL if way and state.closed else way for way in (state.in_person, state.online)
    )
    return Word(in_person, online, state.revision, _instant(state.update_time))


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC).replace(microsecond=0)
