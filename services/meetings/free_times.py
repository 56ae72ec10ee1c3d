"""When rooms are free: which starts are left between what is taken, and which of them can really be had. Pure.

Instants are minutes (`timetable.minute`). Starts are found on full five minutes. What is found was asked of
`availability.hindrances`, like everything else about rooms; what is reckoned here only says where to ask.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit.clock import moment
from services.meetings.availability import Hindrance, Obstacle, forbidden, free, hindrances
from services.meetings.closing import Frame, window
from services.meetings.hours import Hours, Spans
from services.recurrence.pattern import Pattern
from services.recurrence.timetable import at_minute, minute
from services.recurrence.types import Schedule
from services.recurrence.zones import local_day, midnight, to_local

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from services.meetings.availability import Booker
    from services.meetings.board import House
    from services.meetings.types_rooms import Room

STEP: Final = 5
MOST_TRIES: Final = 64
"""Starts that are asked about before a search gives up."""

AT_ONCE: Final = 2 * 1440
_DAY: Final = 1440


class Look(NamedTuple):
    """As of which instant rooms are looked at, and for whom; see `availability.hindrances`."""

    at: str
    frame: Frame
    booker: Booker | None = None
    ignoring: frozenset[str] = frozenset()

    @property
    def now(self) -> int:
        """The instant as minutes; what begins in it has not begun before."""
        return -(-int(moment(self.at).timestamp()) // 60)

    def zone(self, room: Room) -> str:
        """That of the room's hours."""
        return room.zone or self.frame.zone


def obstacles(house: House, room: Room, pattern: Pattern, look: Look, most: int = 1_000) -> list[Hindrance]:
    """What is in the way in one room."""
    return hindrances(
        room,
        house.diaries,
        pattern,
        look.at,
        ignoring=look.ignoring,
        closures=look.frame.closures,
        zone=look.frame.zone,
        booker=look.booker,
        most=most,
    )


def is_free(house: House, room: Room, pattern: Pattern, look: Look) -> bool:
    """Whether nothing is in the way in one room."""
    closures, zone = look.frame.closures, look.frame.zone
    return free(
        *(room, house.diaries, pattern, look.at),
        ignoring=look.ignoring,
        closures=closures,
        zone=zone,
        booker=look.booker,
    )


def is_forbidden(house: House, room: Room, pattern: Pattern, look: Look) -> bool:
    """Whether a rule for people is against it in one room."""
    zone, diary = look.frame.zone, house.diaries[room.id]
    return forbidden(room, diary, pattern, look.at, ignoring=look.ignoring, zone=zone, booker=look.booker)


def single(start: int, minutes: int, zone: str) -> Pattern:
    """One stretch, from an instant on."""
    return Pattern(zone=zone, schedule=Schedule(to_local(at_minute(start), zone), zone, minutes))


def taken(house: House, room: Room, since: int, until: int, look: Look) -> Iterator[tuple[int, int]]:
    """From when to when nobody else may have the room, buffers included: what touches this time, in no order."""
    for id_ in (room.id, *room.excludes):
        diary = house.diaries[id_]
        for owner, minutes, begins in diary.times.times(since - _DAY, until + _DAY):
            by = diary.bookings[owner]
            if owner not in look.ignoring and by.holds(look.at):
                ahead, behind = max(by.before, room.after), minutes + max(by.after, room.before)
                for start in begins:
                    yield start - ahead, start + behind


def starts(house: House, rooms: Sequence[Room], minutes: int, within: Spans, look: Look) -> Spans:
    """When so many minutes may begin in all of these rooms, as far as hours and bookings go; both ends may."""
    left = within
    for room in rooms:
        if not left:
            break
        since, until = left[0][0], left[-1][1] + minutes
        left = _both(left, _by_hours(Hours(room.hours, room.dated_hours, look.zone(room)), since, until, minutes))
        left = _without(left, sorted((low - minutes, high) for low, high in taken(house, room, since, until, look)))
    return left


@lru_cache(256)
def _by_hours(hours: Hours, since: int, until: int, minutes: int) -> Spans:
    if not hours.weekly and not hours.dated:
        return ((since, until - minutes),)
    return tuple((low, high - minutes) for low, high in hours.open_between(since, until) if high - low >= minutes)


def _both(ones: Spans, others: Spans) -> Spans:
    """What lies in one of each; ends count."""
    found = []
    for low, high in ones:
        for other_low, other_high in others[max(0, bisect_right(others, (low, 0)) - 1) :]:
            if other_low > high:
                break
            if max(low, other_low) <= min(high, other_high):
                found.append((max(low, other_low), min(high, other_high)))
    return tuple(found)


def _without(spans: Spans, blocks: Sequence[tuple[int, int]]) -> Spans:
    """What is left of the spans, whose ends count; what a block (in order) begins or ends with is left."""
    found = []
    for begins, high in spans:
        low = begins
        for block_low, block_high in blocks:
            if block_high <= low:
                continue
            if block_low >= high:
                break
            if block_low >= low:
                found.append((low, block_low))
            low = block_high
        if low <= high:
            found.append((low, high))
    return tuple(found)


def first(house: House, rooms: Sequence[Room], minutes: int, within: Spans, look: Look) -> int | None:
    """The first start at which all of these rooms can be had for so many minutes."""
    tries, least = 0, look.now
    spans = (span for some in _pieces(within) for span in starts(house, rooms, minutes, some, look))
    for low, high in spans:
        start = _up(max(low, least))
        while start <= high:
            found = _asked(house, rooms, start, minutes, look)
            if not found:
                return start
            tries += 1
            later = max((_later(each, rooms, start, look) for each in found), default=start)
            if tries == MOST_TRIES or later < 0:
                return None
            start = least = _up(max(later, start + STEP))
    return None


def last(house: House, rooms: Sequence[Room], minutes: int, within: Spans, look: Look) -> int | None:
    """The last start at which all of these rooms can be had for so many minutes."""
    tries, most = 0, 1 << 62
    for low, high in reversed(starts(house, rooms, minutes, within, look)):
        start = _down(min(high, most))
        while start >= max(low, look.now):
            found = _asked(house, rooms, start, minutes, look)
            if not found:
                return start
            tries += 1
            earlier = min((_earlier(each, start, minutes, look) for each in found), default=start)
            if tries == MOST_TRIES or earlier < 0:
                return None
            start = most = _down(min(earlier, start - STEP))
    return None


def _pieces(within: Spans) -> Iterator[Spans]:
    """The same time in pieces, each longer than the one before: mostly the first one has what is looked for."""
    piece: list[tuple[int, int]] = []
    size = AT_ONCE
    for begins, ends in within:
        low = begins
        while low <= ends:
            high = min(low + size, ends)
            if piece and high - piece[0][0] > size:
                yield tuple(piece)
                piece, size = [], size * 16
                high = min(low + size, ends)
            piece.append((low, high))
            low = high + 1
    if piece:
        yield tuple(piece)


def _asked(house: House, rooms: Sequence[Room], start: int, minutes: int, look: Look) -> list[Hindrance]:
    """What is in the way in the first room in which anything is."""
    for room in rooms:
        if found := obstacles(house, room, single(start, minutes, look.zone(room)), look):
            return found
    return []


def _later(found: Hindrance, rooms: Sequence[Room], start: int, look: Look) -> int:
    """Before when this one stays in the way; -1: for ever."""
    if found.kind is Obstacle.RULE:
        if found.rule == "TOO_SOON":
            room = next(each for each in rooms if each.id == found.room)
            return look.now + room.rules.least_minutes_ahead
        return _next_day(start, look) if found.rule.startswith("QUOTA") else -1
    if found.kind is Obstacle.CLOSED:
        ends = (minute(each) for _, each in _windows(look))
        return min([_next_day(start, look), *(each for each in ends if each > start)])
    return start


def _earlier(found: Hindrance, start: int, minutes: int, look: Look) -> int:
    """After when this one stays in the way; -1: always."""
    day = minute(midnight(local_day(at_minute(start), look.frame.zone), look.frame.zone))
    if found.kind is Obstacle.RULE:
        ahead = found.rule.startswith(("QUOTA", "TOO_FAR"))
        return day - STEP if ahead else -1
    if found.kind is Obstacle.CLOSED:
        begins = (minute(each) - minutes for each, _ in _windows(look))
        return max([day - STEP, *(each for each in begins if each < start)])
    return start


def _next_day(start: int, look: Look) -> int:
    day = local_day(at_minute(start), look.frame.zone) + timedelta(days=1)
    return minute(midnight(day, look.frame.zone))


def _windows(look: Look) -> Iterable[tuple[datetime, datetime]]:
    return (window(each.start, each.end, look.frame.zone) for each in look.frame.closures)


def days(first_day: date, last_day: date, zone: str) -> tuple[int, int]:
    """The minutes at which the first of these local days begins and the last one ends."""
    return minute(midnight(first_day, zone)), minute(midnight(last_day + timedelta(days=1), zone))


def _up(at: int) -> int:
    return -(-at // STEP) * STEP


def _down(at: int) -> int:
    return at // STEP * STEP
