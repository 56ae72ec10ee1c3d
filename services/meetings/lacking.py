"""Which dates would be without a room if a closure came, or went: claimed as they would be, and written nowhere.

Meetings follow a closure one after the other, in order of id, and take what is free (`reclosing`, `claiming`). Here
they do so in memory: on what is booked, and on what those before them would have taken.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings.availability import Hindrance, Obstacle, hindrances
from services.meetings.composed import all_in_one
from services.meetings.diary import Diary
from services.meetings.seat import MOST_LOOKED_AT, MOST_SKIPPED
from services.meetings.types_rooms import Booking, Room
from services.meetings.wanted import wanted
from services.recurrence.portions import own, pattern_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from services.meetings.board import House
    from services.meetings.types import Meeting
    from services.recurrence.pattern import Pattern, Slot
    from services.recurrence.types import Key

MOST_NAMED: Final = 100
"""Dates without their room that a preview names."""


class Lacks(NamedTuple):
    """A date that would be without a room. `start` is local to the meeting; `by` is what has the room then."""

    instant: int
    start: str
    title: str
    meeting: str
    key: Key
    room: str
    by: Booking


class Lacking:
    """The rooms of a house as they would be at an instant; `zone` is the centre's."""

    def __init__(self, house: House, at: str, zone: str) -> None:
        self.count = 0
        self._house, self._at, self._zone = house, at, zone
        self._fresh: dict[str, Diary] = {}
        self._found: list[Lacks] = []

    def named(self) -> list[Lacks]:
        """The earliest of them, in order of time."""
        self._found = sorted(self._found, key=lambda each: (each.instant, each.meeting, each.key, each.room))
        del self._found[MOST_NAMED:]
        return self._found

    def take(self, meeting: Meeting, keys: Collection[Key]) -> None:
        """These dates of a meeting, as it would be, take their rooms, as far as they are free."""
        for id_, pattern in sorted(wanted(meeting).items()):
            room = self._house.rooms.get(id_)
            slots = of_keys(pattern, keys)
            if room is not None and slots:
                self._take(meeting, room, pattern.zone, slots)
        if len(self._found) > MOST_NAMED * 10:
            self.named()

    def _take(self, meeting: Meeting, room: Room, zone: str, slots: list[Slot]) -> None:
        asked = pattern_of(zone, None, (), slots)
        taken = {(each.key, each.start): each for each in reversed(self._taken(meeting, room, asked))}
        out = {key for key, _ in taken}
        if len(taken) > MOST_SKIPPED:  # then it has the room on none (`seat`)
            out = {slot.key for slot in slots}
        left = [slot for slot in slots if slot.key not in out]
        diary = self._diary(room.id)
        id_ = f"{meeting.id} {room.id}"
        if left:
            diary.put(_booking(meeting, room, id_, pattern_of(zone, None, (), left)))
        self.count += len(out)
        self._found += self._lacks(meeting, room, slots, taken)

    def _taken(self, meeting: Meeting, room: Room, asked: Pattern) -> list[Hindrance]:
        """What is in the way: what is booked, or what others would have taken by then."""
        around = (room.id, *room.excludes)
        stored = {id_: self._house.diaries[id_] for id_ in around}
        fresh = {id_: self._diary(id_) for id_ in around}
        mine = frozenset(diary.of_meeting.get(meeting.id, "") for diary in (*stored.values(), *fresh.values()))
        found = [
            each
            for diaries in (stored, fresh)
            for each in hindrances(room, diaries, asked, self._at, ignoring=mine, zone=self._zone, most=MOST_LOOKED_AT)
            if each.kind is Obstacle.TAKEN
        ]
        return sorted(found, key=lambda each: (each.start, each.key))

    def _diary(self, room: str) -> Diary:
        return self._fresh.setdefault(room, Diary(room))

    @staticmethod
    def _lacks(
        meeting: Meeting, room: Room, slots: list[Slot], taken: Mapping[tuple[Key, int], Hindrance]
    ) -> Iterator[Lacks]:
        starts = {slot.key: slot.start.isoformat(timespec="minutes") for slot in reversed(slots)}
        titles = {change.key: change.title for change in all_in_one(meeting).changes if change.title is not None}
        for (key, _), each in taken.items():
            if each.by is not None:
                title = titles.get(key, meeting.title)
                yield Lacks(each.start, starts[key], title, meeting.id, key, room.id, each.by)


def of_keys(pattern: Pattern, keys: Collection[Key]) -> list[Slot]:
    """What is taken of these dates."""
    single = defaultdict[object, list["Slot"]](list)
    for slot in pattern.slots:
        single[slot.key].append(slot)
    found = [slot for key in keys for slot in single.get(key, ())]
    if pattern.schedule is not None:
        without = frozenset(pattern.without)
        found += own(pattern.schedule, (key for key in keys if key not in single and key not in without))
    return found


def _booking(meeting: Meeting, room: Room, id_: str, pattern: Pattern) -> Booking:
    """What it would have."""
    return Booking(
        id=id_,
        centre=meeting.centre,
        room=room.id,
        created_at=meeting.created_at,
        lineage=meeting.lineage,
        pattern=pattern,
        meeting=meeting.id,
        title=meeting.title,
        before=room.before,
        after=room.after,
    )
