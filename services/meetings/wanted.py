"""Which rooms a meeting wants, and when: its usual ones, those of single dates, of its agenda, its online host. Pure.

It is reckoned from the meeting as everything makes it that bears on it (`composed`): a date that is cancelled, closed,
held elsewhere or online only leaves its room to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from services.meetings import composed
from services.meetings.closing import spot_of
from services.meetings.types import Meeting, Mode, Status
from services.recurrence import sessions
from services.recurrence.pattern import Slot
from services.recurrence.portions import own, pattern_of
from services.recurrence.schedule import dates, has, recurrence_id
from services.recurrence.types import Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from services.meetings.closing import Spot
    from services.meetings.types import Change
    from services.recurrence.pattern import Pattern

IN_ROOMS: Final = frozenset({Mode.IN_PERSON, Mode.HYBRID})
HOSTED: Final = frozenset({Mode.ONLINE, Mode.HYBRID})


class _Date(NamedTuple):
    """One date: when it is held, where, and whether it differs from what is usual."""

    key: Key
    start: datetime
    minutes: int
    spot: Spot | None
    usual: bool


def wanted(meeting: Meeting) -> dict[str, Pattern]:
    """When the meeting wants each room (id), its online host among them. Dates that are over are in it, too."""
    if meeting.status is not Status.ACTIVE:
        return {}
    found = {room: _pattern(meeting, room) for room in used(meeting)}
    return {room: pattern for room, pattern in found.items() if not pattern.empty()}


def used(meeting: Meeting) -> list[str]:
    """Every room (id) that it names, its online host among them, in order."""
    return sorted({*meeting.all_rooms(), meeting.online_host} - {""})


def _pattern(meeting: Meeting, room: str) -> Pattern:
    """When it wants one room."""
    schedule = meeting.schedule
    usually = _takes(meeting, room, spot_of(meeting, None))
    base = schedule if usually else None
    without, slots = list[Key](), list[Slot]()
    for date in _apart(meeting):
        slots += _slots(meeting, room, date)
        without.append(date.key)
    if base is not None:
        extra = (each.key for each in schedule.extra)
        hidden = set(without)
        slots += own(schedule, (key for key in extra if key not in hidden))
    elif room in _agenda(meeting):
        hidden = set(without)
        for key in dates(schedule):  # an agenda is for what has no rule
            if key not in hidden:
                slots += _slots(meeting, room, _date(meeting, key, None))
    bare = base and type(base)(base.start, base.zone, base.minutes, base.rule)
    return pattern_of(schedule.zone, bare, without, slots)


def _apart(meeting: Meeting) -> Iterator[_Date]:
    """The dates about which something is said that bears on rooms."""
    for change in composed.said(meeting):
        date = _date(meeting, change.key, change)
        if not date.usual and has(meeting.schedule, change.key):
            yield date


def _date(meeting: Meeting, key: Key, change: Change | None) -> _Date:
    start = recurrence_id(meeting.schedule, key)
    if change is None:
        return _Date(key, start, meeting.schedule.minutes, spot_of(meeting, None), usual=True)
    moved, minutes = change.start or start, change.minutes or meeting.schedule.minutes
    spot = None if change.cancelled else spot_of(meeting, change)
    same = (moved, minutes, spot) == (start, meeting.schedule.minutes, spot_of(meeting, None))
    return _Date(key, moved, minutes, spot, usual=same)


def _takes(meeting: Meeting, room: str, spot: Spot) -> bool:
    """Whether what is held there takes the room for all of its time."""
    walls = spot.mode in IN_ROOMS and room in spot.rooms
    return walls or (spot.mode in HOSTED and room == meeting.online_host)


def _agenda(meeting: Meeting) -> frozenset[str]:
    return frozenset(room for session in meeting.sessions for room in session.rooms)


def _slots(meeting: Meeting, room: str, date: _Date) -> list[Slot]:
    """When one date takes the room: all of its time, or that of the sessions which are held there."""
    if date.spot is None:
        return []
    if _takes(meeting, room, date.spot):
        return [Slot(date.key.date, date.key.ordinal, date.start, date.minutes)]
    if date.spot.mode not in IN_ROOMS or not date.spot.agenda:
        return []
    usual = sessions.usually(date.key.date, meeting.schedule)
    moved = sessions.moved_by(usual, date.start, date.minutes - meeting.schedule.minutes)
    return [
        Slot(date.key.date, date.key.ordinal, sessions.begins(usual, each.day, each.time, moved), each.minutes)
        for each in meeting.sessions
        if room in each.rooms
    ]
