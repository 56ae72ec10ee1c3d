"""Whether a room can be had: everything that is in the way of a pattern, date by date. Pure.

The one place where it is decided; whoever books, claims, checks or searches asks here.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

from services.kit.clock import moment
from services.recurrence.timetable import minute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.meetings.diary import Diary
    from services.meetings.types import Closure
    from services.meetings.types_rooms import Booking, Room, WhoMayBook
    from services.recurrence.pattern import Pattern
    from services.recurrence.types import Key


class Obstacle(enum.Enum):
    """Why a date cannot be had."""

    TAKEN = "taken"
    NOT_OPEN = "not-open"
    CLOSED = "closed"
    RULE = "rule"


class Hindrance(NamedTuple):
    """One date of a pattern that cannot be had. `start` and `end` are minutes (`timetable.minute`), without buffers.

    Of TAKEN: `by` is what has it, in the room `by.room` (another one where it is a part, or the whole), from `by_start`
    to `by_end`. `rule` is UPPER_SNAKE, of RULE; `reason` is in words. A rule about the whole has the first date's key.
    """

    kind: Obstacle
    room: str
    key: Key
    start: int
    end: int
    by: Booking | None = None
    by_start: int = 0
    by_end: int = 0
    rule: str = ""
    reason: str = ""


class Booker(NamedTuple):
    """Who books, for the rules of a room: `level` is the highest of `WhoMayBook` that the caller is one of."""

    subject: str
    level: WhoMayBook


def hindrances(
    room: Room,
    diaries: Mapping[str, Diary],
    pattern: Pattern,
    at: str,
    *,
    ignoring: frozenset[str] = frozenset(),
    closures: tuple[Closure, ...] = (),
    zone: str = "UTC",
    booker: Booker | None = None,
    most: int = 1_000,
) -> list[Hindrance]:
    """What is in the way of taking the pattern from the instant `at` on, in order of time; at most `most` per kind.

    `diaries` are those of the room and of all it `excludes`. `ignoring` are bookings that would be given up.
    `closures` are those in force, `zone` the centre's. Without a `booker` the rules for people are not asked (a meeting
    of the centre). Dates that are over are never in the way.
    """
    since = minute(moment(at))
    found: list[Hindrance] = []
    for id_ in (room.id, *room.excludes):
        diary = diaries[id_]

        def counts(owner: str, bookings: Mapping[str, Booking] = diary.bookings) -> bool:
            return owner not in ignoring and bookings[owner].holds(at)

        clashes = diary.times.clashes(pattern, room.before, room.after, since, counts=counts, most=most)
        found += (
            Hindrance(
                Obstacle.TAKEN,
                room.id,
                clash.key,
                clash.start,
                clash.end,
                diary.bookings[clash.by.owner],
                clash.by.start,
                clash.by.end,
            )
            for clash in clashes
        )
    return sorted(found, key=lambda each: (each.start, each.key, each.by_start))[:most]
