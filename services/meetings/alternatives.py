"""What would work instead of what cannot be had: other times in the same room, other rooms, the free part of a series.

It is reckoned in memory, from the board, after the refusal: a proposal may be gone a moment later, and says nothing of
what is in the way. How much is looked at is bounded; what is proposed was asked of `availability.hindrances`. Nobody
waits for all of it: after each question others get their turn.
"""

from __future__ import annotations

import asyncio
import contextlib
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import booking_pb2

from services.formats.folding import fold
from services.meetings import had, other_times
from services.meetings.availability import Obstacle
from services.meetings.free_times import Look, is_forbidden, is_free, obstacles
from services.meetings.in_force import InForce
from services.meetings.wire import child_name
from services.recurrence.timetable import LOOKED_AT, extent
from services.recurrence.wire import key_text, local_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from services.meetings.availability import Booker, Hindrance
    from services.meetings.board import House
    from services.meetings.clashes import Clashing
    from services.meetings.closing import Frame
    from services.meetings.desk import Desk
    from services.meetings.types_rooms import Room
    from services.recurrence.pattern import Pattern

OTHER_ROOMS: Final = 3
ROOMS_ASKED: Final = 30
"""Other rooms that are looked at, the best fit first."""

MOST_SKIPPED: Final = 100
"""Keys of dates that are told of a series that would be had in part."""

MOST_HINDERED: Final = 2_000
"""Hindrances that are counted: of a series that meets more of them no part is proposed."""

_LOOKED_AT: Final = int(LOOKED_AT.total_seconds()) // 60


class Wanted(NamedTuple):
    """What somebody wants: all of these rooms (ids) of a centre (id), at the dates of the pattern.

    `booker` None: a meeting of the centre, which the rules for people are not for. `meeting` (id) is the one whose
    rooms they are to be; what it has is not in its way, and neither are the bookings (ids) in `ignoring`.
    """

    centre: str
    rooms: tuple[str, ...]
    pattern: Pattern
    booker: Booker | None = None
    meeting: str = ""
    ignoring: frozenset[str] = frozenset()
    attendees: int = 0


class Alternatives:
    """What would work at a centre as it is now."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.in_force = InForce(desk)

    async def to(self, wanted: Wanted) -> list[booking_pb2.Alternative]:
        """What would work instead."""
        house, frame = await self.desk.board.house(wanted.centre), await self.in_force.frame(wanted.centre)
        return await suggest(house, await self._knowing(house, wanted), self.desk.now(), frame)

    async def _knowing(self, house: House, wanted: Wanted) -> Wanted:
        """The same, with what they had of other rooms lately; known where a room that was asked for has quotas."""
        with_quotas = {room.id for room in house.rooms.values() if room.rules.quotas}
        if wanted.booker is None or not with_quotas or not with_quotas.isdisjoint(wanted.rooms):
            return wanted
        lately = await had.lately(self.desk, wanted.centre, wanted.booker.subject)
        return wanted._replace(booker=wanted.booker._replace(had=(*wanted.booker.had, *lately)))

    async def offered(self, refused: Clashing) -> Clashing:
        """The refusal with what would work instead in its report."""
        if refused.wanted is not None:
            with contextlib.suppress(Exception):  # whatever is wrong: a refusal without them is an answer, too
                refused.offer(await self.to(refused.wanted))
        return refused


async def suggest(house: House, wanted: Wanted, at: str, frame: Frame) -> list[booking_pb2.Alternative]:
    """What would work from the instant `at` on, of each sort the best first; `frame` is what is in force there.

    Nothing where nothing is in the way. Of several rooms: times are free in all of them; another room is proposed
    where one of them alone is in the way, in its stead.
    """
    rooms = [house.rooms[id_] for id_ in wanted.rooms if id_ in house.rooms]
    if len(rooms) < len(wanted.rooms) or wanted.pattern.empty():
        return []
    look = Look(at, frame, wanted.booker, wanted.ignoring | _own(house, rooms, wanted.meeting))
    hindered = []
    for room in rooms:
        await asyncio.sleep(0)
        most = 1 if is_forbidden(house, room, wanted.pattern, look) else MOST_HINDERED  # then no part is proposed
        if found := obstacles(house, room, wanted.pattern, look, most):
            hindered.append((room, found))
    if not hindered:
        return []
    total, _ = extent(wanted.pattern, look.now, look.now + _LOOKED_AT)
    times = await other_times.nearest(house, rooms, wanted.pattern, look)
    others = await _other_rooms(house, hindered[0][0], rooms, wanted, look, len(hindered))
    proposed = (
        [_said(hindered[0][0], total, start=each) for each in times],
        [_said(each, total) for each in others],
        [part for room, each in hindered for part in _part(room, each, total)],
    )
    return [each for each in chain.from_iterable(zip_longest(*proposed)) if each is not None]


def _own(house: House, rooms: Sequence[Room], meeting: str) -> frozenset[str]:
    """The bookings (ids) by which a meeting holds these rooms, or what they exclude."""
    ids = chain.from_iterable((room.id, *room.excludes) for room in rooms)
    return frozenset(house.diaries[id_].of_meeting.get(meeting, "") for id_ in ids if meeting)


def _said(room: Room, total: int, start: datetime | None = None, free: int = -1) -> booking_pb2.Alternative:
    return booking_pb2.Alternative(
        room=child_name(room.centre, "rooms", room.id),
        room_title=room.title,
        start=local_text(start) if start is not None else "",
        free=total if free < 0 else free,
        total=total,
    )


def _part(room: Room, found: Sequence[Hindrance], total: int) -> Iterator[booking_pb2.Alternative]:
    """The free part of a series: none where a rule forbids it, since that is not about single dates."""
    keys = sorted({each.key for each in found})
    free = total - len({(each.key, each.start) for each in found})
    if len(found) >= MOST_HINDERED or free <= 0 or any(each.kind is Obstacle.RULE for each in found):
        return
    said = _said(room, total, free=free)
    said.skipped.extend(map(key_text, keys[:MOST_SKIPPED]))
    yield said


async def _other_rooms(
    house: House, instead_of: Room, rooms: Sequence[Room], wanted: Wanted, look: Look, hindered: int
) -> list[Room]:
    """Rooms that are free at the time asked for, the best fit first."""
    if hindered > 1:
        return []
    kept = {room.id for room in rooms}
    barred = {id_ for room in rooms if room is not instead_of for id_ in room.excludes}
    others = [
        room
        for room in house.rooms.values()
        if room.kind is instead_of.kind
        and room.id not in kept | barred
        and (not wanted.attendees or room.capacity >= wanted.attendees)
    ]
    others.sort(key=lambda room: _fit(room, instead_of, wanted.attendees))
    free: list[Room] = []
    for each in others[:ROOMS_ASKED]:
        if len(free) == OTHER_ROOMS:
            break
        await asyncio.sleep(0)
        room = house.rooms.get(each.id)  # others had their turn
        if room is not None and is_free(house, room, wanted.pattern, look):
            free.append(room)
    return free


def _fit(room: Room, instead_of: Room, attendees: int) -> tuple[bool, int, bool, int, str, str]:
    """The same place first; then what is as accessible; then the smallest that is as large, else the largest."""
    lacking = len({*instead_of.accessibility} - {*room.accessibility})
    needed = attendees or instead_of.capacity
    small = room.capacity < needed
    apart = needed - room.capacity if small else room.capacity - needed
    return (room.place != instead_of.place, lacking, small, apart, fold(room.title), room.id)
