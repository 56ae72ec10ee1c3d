"""Whether a room can be had: everything that is in the way of a pattern, date by date. Pure.

The one place where it is decided; whoever books, claims, checks or searches asks here.
"""

from __future__ import annotations

import enum
from datetime import timedelta
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit.clock import moment
from services.meetings.booking_rules import Booker, ahead, breaches
from services.meetings.closing import in_time, window
from services.meetings.hours import Hours, misfits
from services.meetings.types_rooms import RoomKind
from services.recurrence.timetable import LOOKED_AT, at_minute, minute
from services.recurrence.types import Occurrence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from services.meetings.diary import Diary
    from services.meetings.types import Closure
    from services.meetings.types_rooms import Booking, Room
    from services.recurrence.pattern import Pattern
    from services.recurrence.timetable import Stretch
    from services.recurrence.types import Key

__all__ = ["Booker", "Hindrance", "Obstacle", "forbidden", "free", "hindrances", "inside", "shuts"]

A_YEAR: Final = timedelta(days=366)


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
    `zone` is the room's.
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
    zone: str = "UTC"


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
    asked = _Asked(room, pattern, _since(at), room.zone or zone, most)
    besides = chain.from_iterable(_besides(asked, diaries[room.id], at, ignoring, closures, zone, booker))
    return sorted(
        (*asked.taken(diaries, at, ignoring), *besides), key=lambda each: (each.start, each.key, each.by_start)
    )


def free(
    room: Room,
    diaries: Mapping[str, Diary],
    pattern: Pattern,
    at: str,
    *,
    ignoring: frozenset[str] = frozenset(),
    closures: tuple[Closure, ...] = (),
    zone: str = "UTC",
    booker: Booker | None = None,
) -> bool:
    """Whether nothing is in the way, asked as `hindrances`: one that is found is enough."""
    asked = _Asked(room, pattern, _since(at), room.zone or zone, 1)
    if any(_besides(asked, diaries[room.id], at, ignoring, closures, zone, booker)):
        return False
    return asked.untaken(diaries, at, ignoring)


def forbidden(
    room: Room,
    diary: Diary,
    pattern: Pattern,
    at: str,
    *,
    ignoring: frozenset[str] = frozenset(),
    zone: str = "UTC",
    booker: Booker | None = None,
) -> bool:
    """Whether a rule for people is against it; asked as `hindrances`."""
    asked = _Asked(room, pattern, _since(at), room.zone or zone, 1)
    return booker is not None and bool(asked.against_rules(diary, at, ignoring, booker))


@lru_cache(maxsize=64)
def _since(at: str) -> int:
    """The minute of an instant, which is asked of many rooms."""
    return minute(moment(at))


def _besides(
    asked: _Asked,
    diary: Diary,
    at: str,
    ignoring: frozenset[str],
    closures: tuple[Closure, ...],
    zone: str,
    booker: Booker | None,
) -> Iterator[list[Hindrance]]:
    """Each kind of what is in the way besides bookings, as far as somebody looks."""
    yield asked.not_open()
    if closures:
        yield asked.closed(closures, zone)
    if booker is not None:
        yield asked.against_rules(diary, at, ignoring, booker)


class _Asked(NamedTuple):
    """What is asked for, from the minute `since` on. `zone` is the room's."""

    room: Room
    pattern: Pattern
    since: int
    zone: str
    most: int

    def taken(self, diaries: Mapping[str, Diary], at: str, ignoring: frozenset[str]) -> list[Hindrance]:
        """Dates that somebody else has, here or in a room that excludes this one."""
        found: list[Hindrance] = []
        for id_ in (self.room.id, *self.room.excludes):
            diary, counts = diaries[id_], _counting(diaries[id_], at, ignoring)
            clashes = diary.times.clashes(
                self.pattern, self.room.before, self.room.after, self.since, counts=counts, most=self.most
            )
            found += (
                self._hindrance(Obstacle.TAKEN, each[:3], diary.bookings[each.by.owner], each.by.start, each.by.end)
                for each in clashes
            )
        return sorted(found, key=lambda each: (each.start, each.key, each.by_start))[: self.most]

    def untaken(self, diaries: Mapping[str, Diary], at: str, ignoring: frozenset[str]) -> bool:
        """Whether nobody else has any of the dates."""
        pattern, before, after = self.pattern, self.room.before, self.room.after
        return all(
            diaries[id_].times.free(pattern, before, after, self.since, counts=_counting(diaries[id_], at, ignoring))
            for id_ in (self.room.id, *self.room.excludes)
        )

    def not_open(self) -> list[Hindrance]:
        """Dates outside the opening hours."""
        hours = Hours(self.room.hours, self.room.dated_hours, self.zone)
        found = misfits(hours, self.pattern, self.since, self.most)
        return [self._hindrance(Obstacle.NOT_OPEN, each[:3], reason=each.reason) for each in found]

    def closed(self, closures: tuple[Closure, ...], zone: str, reach: timedelta = LOOKED_AT) -> list[Hindrance]:
        """Dates inside a closure, whatever it makes of meetings: the first one is told. `zone` is the centre's."""
        found: dict[tuple[int, Key], Hindrance] = {}
        for closure in closures:
            if shuts(closure, self.room):
                for each in islice(self._inside(closure, zone, reach), self.most):
                    found.setdefault(
                        (each.start, each.key), self._hindrance(Obstacle.CLOSED, each, reason=closure.reason)
                    )
        return sorted(found.values(), key=lambda each: each.start)[: self.most]

    def _inside(self, closure: Closure, zone: str, reach: timedelta) -> Iterator[Stretch]:
        low, high = (minute(each) for each in window(closure.start, closure.end, zone))
        last = min(high, self.since + reach // timedelta(minutes=1))
        for each in ahead(self.pattern, max(low, self.since), last):
            start = at_minute(each.start)
            if in_time(closure, Occurrence(each.key, start, start, at_minute(each.end)), zone):
                yield each

    def against_rules(self, diary: Diary, at: str, ignoring: frozenset[str], who: Booker) -> list[Hindrance]:
        """Dates that the room's rules do not allow to whoever books."""
        own = [
            each.pattern
            for each in (diary.bookings.values() if self.room.rules.quotas else ())
            if each.organiser == who.subject and not each.meeting and each.id not in ignoring and each.holds(at)
        ]
        own += [each for room, each in who.had if room == self.room.id]
        found = breaches(self.room.rules, self.pattern, own, self.since, who, zone=self.zone, most=self.most)
        return [self._hindrance(Obstacle.RULE, each[:3], rule=each.rule, reason=each.reason) for each in found]

    def _hindrance(
        self,
        kind: Obstacle,
        each: tuple[Key, int, int],
        by: Booking | None = None,
        by_start: int = 0,
        by_end: int = 0,
        *,
        rule: str = "",
        reason: str = "",
    ) -> Hindrance:
        return Hindrance(kind, self.room.id, *each, by, by_start, by_end, rule, reason, self.zone)


def _counting(diary: Diary, at: str, ignoring: frozenset[str]) -> Callable[[str], bool]:
    """Says whose bookings keep others out at that instant."""
    bookings = diary.bookings
    return lambda owner: owner not in ignoring and bookings[owner].holds(at)


def inside(
    closures: tuple[Closure, ...], room: Room, pattern: Pattern, at: str, zone: str = "UTC", *, most: int = 1_000
) -> list[Hindrance]:
    """The dates of a year to come that lie in a closure of the room, in order of time; `zone` is the centre's."""
    since = minute(moment(at))
    found = _Asked(room, pattern, since, room.zone or zone, most).closed(closures, zone, A_YEAR)
    return [each for each in found if each.end > since]


def shuts(closure: Closure, room: Room) -> bool:
    """Whether a closure closes a room: it, its place or the whole centre; also what it is a part or the whole of.

    A video account is closed by its name alone, or where everything is, what is held online too. One of meetings only
    leaves the rooms to others.
    """
    if closure.meetings_only:
        return False
    if closure.rooms or closure.places:
        return not {room.id, *room.excludes}.isdisjoint(closure.rooms) or (
            room.place != "" and room.place in closure.places
        )
    return room.kind is RoomKind.ROOM or closure.online_too
