"""Parts and wholes: which rooms cannot be taken at the same time, because they are the same floor. Pure.

A room without parts is an atom. A hall is the atoms of its parts. Two rooms exclude each other if they share an atom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.meetings.availability import Hindrance, Obstacle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from services.meetings.diary import Diary
    from services.meetings.types_rooms import Room


def circle(rooms: Mapping[str, Room], id_: str) -> bool:
    """Whether a room is, by way of its parts, a part of itself."""
    return id_ in _within(rooms, id_)


def excluding(rooms: Iterable[Room]) -> list[Room]:
    """These rooms, of one place, with `excludes` as their parts have it; the very same object where nothing differs.

    Parts that are not among them count for nothing; no room may be a part of itself.
    """
    of = {room.id: room for room in rooms}
    atoms = {id_: _atoms(of, id_) for id_ in of}
    return [_with(room, [id_ for id_ in of if id_ != room.id and atoms[id_] & atoms[room.id]]) for room in of.values()]


def _with(room: Room, excludes: Iterable[str]) -> Room:
    found = tuple(sorted(excludes))
    return room if found == room.excludes else msgspec.structs.replace(room, excludes=found)


def _within(rooms: Mapping[str, Room], id_: str) -> set[str]:
    """All that it is made of, its parts' parts too."""
    found, left = set[str](), [id_]
    while left:
        room = rooms.get(left.pop())
        fresh = [part for part in (room.parts if room else ()) if part in rooms and part not in found]
        found.update(fresh)
        left += fresh
    return found


def _atoms(rooms: Mapping[str, Room], id_: str) -> frozenset[str]:
    within = {id_, *_within(rooms, id_)}
    return frozenset(each for each in within if not any(part in rooms for part in rooms[each].parts))


def overlaps(
    before: Mapping[str, Room], after: Iterable[Room], diaries: Mapping[str, Diary], at: str, since: int, zone: str
) -> list[Hindrance]:
    """What would stand in two rooms at once, from now on, that exclude each other now and did not before.

    Each of the dates once, in order of time; `zone` is the centre's.
    """
    found: list[Hindrance] = []
    for room in after:
        had = before[room.id].excludes if room.id in before else ()
        for other in room.excludes:
            if other not in had and room.id < other:
                found += _between(room, diaries[room.id], diaries[other], at, since, zone)
    return sorted(found, key=lambda each: (each.start, each.room, each.key))


def _between(room: Room, diary: Diary, other: Diary, at: str, since: int, zone: str) -> Iterator[Hindrance]:
    for booking in diary.bookings.values():
        if not booking.holds(at):
            continue
        clashes = other.times.clashes(
            booking.pattern, booking.before, booking.after, since, counts=lambda owner: other.bookings[owner].holds(at)
        )
        for each in clashes:
            by = other.bookings[each.by.owner]
            yield Hindrance(
                Obstacle.TAKEN,
                room.id,
                *each[:3],
                by=by,
                by_start=each.by.start,
                by_end=each.by.end,
                zone=room.zone or zone,
            )
