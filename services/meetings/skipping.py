"""Skipped dates that heal: what a decision frees is offered to the series that had to do without it. Pure.

Every decision about rooms goes through `healed` before it is committed, whether it takes or frees: then what a series
is offered is free at that commit, and nobody has to look for it later. An offer holds nothing: the first who takes a
date has it, and the others' offers are taken back in that commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from services.kit.clock import moment
from services.kit.leaves import Changes
from services.meetings import records
from services.meetings.availability import hindrances
from services.meetings.diary import Diary, leaf
from services.meetings.passing import next_due
from services.meetings.types_rooms import Booking, Room
from services.recurrence.pattern import Pattern
from services.recurrence.timetable import minute
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from services.kit.leaves import Head, Key, Leaf
    from services.meetings.types import Closure
    from services.recurrence.pattern import Slot

MOST_CLASHES: Final = 100_000
"""That are looked at for the skipped dates of one booking: an offer must not come from a list that was cut."""


def healed(
    heads: Mapping[Key, Head[Diary]],
    changes: Mapping[Key, Changes],
    at: str,
    *,
    closures: tuple[Closure, ...] = (),
    zone: str = "UTC",
    afresh: bool = False,
) -> dict[Key, Changes]:
    """The changes, with the bookings whose skipped dates they free (`offered`) or take again (no more).

    `heads` are those that the decision holds. A room is looked at if all that it excludes is among them: whoever frees
    time in a room that excludes others holds `desk.reach`. `closures` are those in force, `zone` the centre's.
    `afresh`: also where nothing is changed, because something else than a booking was (`offering`).
    """
    result = dict(changes)
    new = (leaf for each in changes.values() for leaf in each.leaves)
    if not (_anybody_waits(heads.values()) or any(leaf.state["skipped"] for leaf in new)):
        return result  # as nearly always: then nothing has to be known of what comes after
    after = {key[1]: _After.of(head, changes.get(key)) for key, head in heads.items() if key[0] == "room"}
    if not any(each.waiting for each in after.values()):
        return result
    for id_, each in after.items():
        room = each.room
        if room is None or not each.waiting or any(other not in after for other in room.excludes):
            continue
        around = [after[other] for other in (id_, *room.excludes)]
        if not (afresh or any(other.moved for other in around)):
            continue
        world = _World(room, around, at, closures, zone, afresh)
        found = [_offered(booking, world) for booking in each.waiting]
        leaves = [leaf(booking, next_due(booking, room, at)) for booking in found if booking is not None]
        if leaves:
            result["room", id_] = with_leaves(result.get(("room", id_), Changes()), leaves)
    return result


def _anybody_waits(heads: Iterable[Head[Any]]) -> bool:
    """Whether a booking has skipped dates."""
    return any(head.index.skipping for head in heads if head.shape.head == "room")


def with_leaves(changes: Changes, leaves: Sequence[Leaf]) -> Changes:
    """The changes with these leaves besides, in place of those of the same ids."""
    kept = {each.id: each for each in (*changes.leaves, *leaves)}
    return msgspec.structs.replace(changes, leaves=tuple(kept.values()))


class _After(NamedTuple):
    """One room as it will be: what stays as it is (`diary` without `gone`), and what is new (`fresh`).

    `moved`: whether anything was changed; `stirred` holds whatever was taken or given back by it. `room` None: there is
    no such room, `rewritten`: it is another than it was. `waiting` are bookings with skipped dates.
    """

    room: Room | None
    diary: Diary
    gone: frozenset[str]
    fresh: Diary
    stirred: Diary
    moved: bool
    rewritten: bool
    waiting: tuple[Booking, ...]

    @classmethod
    def of(cls, head: Head[Diary], changes: Changes | None) -> _After:
        """What becomes of a head by these changes."""
        said = changes or Changes()
        new = [msgspec.convert(each.state, Booking) for each in said.leaves]
        gone = frozenset({*said.removed, *(each.id for each in new)})
        fresh, stirred = Diary(head.id), Diary(head.id)
        for booking in new:
            fresh.put(booking)
            stirred.put(msgspec.structs.replace(booking, id=f"new {booking.id}", meeting=""))
        for old in (head.index.bookings[id_] for id_ in gone if id_ in head.index.bookings):
            stirred.put(msgspec.structs.replace(old, id=f"old {old.id}", meeting=""))
        waits = [head.index.bookings[id_] for id_ in sorted(head.index.skipping - gone)]
        waits += [booking for booking in new if booking.skipped]
        room, rewritten = _room_after(head, said), said.facts is not None
        return cls(room, head.index, gone, fresh, stirred, changes is not None, rewritten, tuple(waits))


def _room_after(head: Head[Diary], changes: Changes) -> Room | None:
    if changes.facts is not None:
        return None if changes.facts.gone else msgspec.convert(changes.facts.state, Room)
    return None if head.record is None or head.record.gone else records.read(head.record, Room)


class _World(NamedTuple):
    """What bears on the skipped dates of a room: itself and all that it excludes, as they will be, and closures."""

    room: Room
    around: Sequence[_After]
    at: str
    closures: tuple[Closure, ...]
    zone: str
    afresh: bool


def _offered(booking: Booking, world: _World) -> Booking | None:
    """The booking with what is to be had of its skipped dates; None: nothing is different."""
    slots = _asked(booking, world)
    if not slots:
        return None
    pattern = Pattern(zone=booking.pattern.zone, slots=tuple(slots))
    common: dict[str, Any] = {"closures": world.closures, "zone": world.zone, "most": MOST_CLASHES}
    itself = frozenset({booking.id} if booking.meeting else ())  # two parts of one meeting may have one time
    gone = frozenset(id_ for each in world.around for id_ in each.gone) | itself
    stays = {each.diary.room: each.diary for each in world.around}
    comes = {each.diary.room: each.fresh for each in world.around}
    room = msgspec.structs.replace(world.room, before=booking.before, after=booking.after)  # it keeps its own minutes
    found = hindrances(room, stays, pattern, world.at, ignoring=gone, **common)
    found += hindrances(room, comes, pattern, world.at, ignoring=itself, **common)
    taken = {(each.key, each.start) for each in found}
    free = {slot: (slot.key, _begins(slot, booking)) not in taken for slot in slots}
    skipped = tuple(
        msgspec.structs.replace(each, offered=free.get(each.slot, each.offered)) for each in booking.skipped
    )
    return None if skipped == booking.skipped else msgspec.structs.replace(booking, skipped=skipped)


def _asked(booking: Booking, world: _World) -> list[Slot]:
    """The skipped dates that are still to come and about which the decision says anything.

    What has begun is never offered anew.
    """
    now = minute(moment(world.at))
    coming = [each.slot for each in booking.skipped if _begins(each.slot, booking) > now]
    if world.afresh or any(each.rewritten for each in world.around):
        return coming
    pattern = Pattern(zone=booking.pattern.zone, slots=tuple(coming))
    stirred = set(_stirred(pattern, booking, world.around, now))
    return [slot for slot in coming if (slot.key, _begins(slot, booking)) in stirred]


def _stirred(pattern: Pattern, booking: Booking, around: Sequence[_After], now: int) -> Iterator[tuple[object, int]]:
    for each in around:
        clashes = each.stirred.times.clashes(pattern, booking.before, booking.after, now, most=MOST_CLASHES)
        yield from ((clash.key, clash.start) for clash in clashes)


def _begins(slot: Slot, booking: Booking) -> int:
    return minute(to_utc(slot.start, booking.pattern.zone))
