"""Skipped dates of a booking that it takes after all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.kit.clock import moment
from services.kit.errors import Invalid, Unmet, Violation
from services.meetings.booking import Wish, granted, slots_of
from services.meetings.types_rooms import ClashPolicy
from services.recurrence.pattern import Pattern
from services.recurrence.wire import key_text
from services.recurrence.zones import to_utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.meetings.booking import Person
    from services.meetings.ledger import Rooms
    from services.meetings.types_rooms import Booking, Room
    from services.recurrence.pattern import Slot
    from services.recurrence.types import Key


def with_skipped(rooms: Rooms, room: Room, found: Booking, asked: Person, keys: frozenset[Key], at: str) -> Booking:
    """The booking with those of its skipped dates that are asked for; without keys, with all that are free."""
    waited = [each.slot for each in found.skipped]
    if unknown := keys - {slot.key for slot in waited}:
        raise Invalid(Violation("keys", f"{key_text(min(unknown))} is not a date that it had to skip"))
    coming = [slot for slot in waited if (not keys or slot.key in keys) and _is_coming(slot, found.pattern.zone, at)]
    if not coming:
        raise Unmet("none of the skipped dates can be had", "NOTHING_FREE")
    wish = msgspec.structs.replace(found, pattern=Pattern(zone=found.pattern.zone, slots=tuple(coming)), skipped=())
    policy = ClashPolicy.REFUSE if keys else ClashPolicy.SKIP
    got = granted(room, rooms.diaries(room), Wish(wish, asked._replace(policy=policy)), at, rooms.frame)
    return _taken(found, got.pattern.slots)


def _taken(found: Booking, slots: Sequence[Slot]) -> Booking:
    """The booking with these dates; those that the schedule has at that hour are its own again."""
    pattern = found.pattern
    own = {slot for slot in slots if slot in _regular(pattern, slot.key)}
    without = tuple(each for each in pattern.without if each not in {slot.key for slot in own})
    singles = tuple(sorted({*pattern.slots, *slots} - own, key=lambda each: (each.key, each.start)))
    return msgspec.structs.replace(
        found,
        pattern=msgspec.structs.replace(pattern, without=without, slots=singles),
        skipped=tuple(each for each in found.skipped if each.slot not in slots),
    )


def _regular(pattern: Pattern, key: Key) -> list[Slot]:
    return slots_of(msgspec.structs.replace(pattern, slots=()), key)


def _is_coming(slot: Slot, zone: str, at: str) -> bool:
    return to_utc(slot.start, zone) > moment(at)
