"""Which fields of an imported meeting are its source's, and which were edited here since. Pure.

A field that a person changed is local: imports leave it alone, until it is given back. What a source says of single
dates is marked so: a person's word about a date stands, whatever the source says of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from services.kit.errors import Invalid, Violation
from services.meetings.types import Change, Meeting
from services.meetings.wire import read_change
from services.recurrence.schedule import has
from services.recurrence.wire import to_deviation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openchair.meetings.v1 import meeting_pb2

    from services.recurrence.types import ExtraDate, Schedule

_AS_NAMED: Final = (
    "title",
    "kind",
    "fellowship",
    "types",
    "mode",
    "language",
    "accessibility",
    "notes",
    "group",
    "visibility",
    "schedule",
    "online",
    "approach",
    "focus",
    "led_by",
    "who_may_come",
    "first_visit",
    "other_languages",
    "capacity",
    "online_capacity",
    "holidays",
    "programmes",
    "sessions",
    "cost",
    "scholarship",
    "registration_opens",
    "website",
)
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "state": ("status",),
    "place": ("place", "rooms"),
    **{field: (field,) for field in _AS_NAMED},
}
"""Fields of the message that may be local, and what of a meeting each is. Rooms go with the place they are in."""


def edited_here(before: Meeting, after: Meeting, given_back: Iterable[str] = ()) -> Meeting:
    """`after`, a person's edit of `before`, with the fields that are local from now on.

    `given_back` follow the source again, from its next import on. Raises Invalid for one that is not local.
    """
    if not after.source_name:
        _refuse_unknown(given_back, frozenset())
        return after
    local = frozenset(before.local_fields) | frozenset(_different(before, after))
    back = frozenset(given_back)
    _refuse_unknown(back, local)
    kept = tuple(sorted(local - back))
    source = msgspec.structs.replace(after.source, digest="") if after.source and back else after.source
    return msgspec.structs.replace(after, local_fields=kept, source=source)


def ends_here(part: Meeting) -> Meeting:
    """The part of a series, whose later dates a person deleted: no list brings them back by the rule of the whole."""
    if not part.source_name:
        return part
    return msgspec.structs.replace(part, local_fields=tuple(sorted({*part.local_fields, "schedule"})))


def _different(before: Meeting, after: Meeting) -> list[str]:
    return [
        field for field, parts in FIELDS.items() if any(getattr(before, part) != getattr(after, part) for part in parts)
    ]


def _refuse_unknown(asked: Iterable[str], local: frozenset[str]) -> None:
    if missing := sorted(frozenset(asked) - local):
        raise Invalid(Violation("follow_source", f"{', '.join(missing)}: not among the fields that were edited here"))


def with_local(said: Meeting, current: Meeting) -> Meeting:
    """What a source says, but for the fields that are `current`'s own."""
    own = {part: getattr(current, part) for field in current.local_fields for part in FIELDS.get(field, ())}
    return msgspec.structs.replace(said, **own)


def kept(said: Meeting, current: Meeting) -> tuple[str, ...]:
    """Local fields that the source has otherwise."""
    local = frozenset(current.local_fields)
    differing = [field for field in _different(current, said) if field in local and field != "schedule"]
    if "schedule" in local and _recurs(said.schedule) != _recurs(current.schedule):
        differing.append("schedule")
    return tuple(sorted(differing))


def _recurs(schedule: Schedule) -> object:
    """When it is; of a series its first date says when it was read, not when it is."""
    start = schedule.start.time() if schedule.rule else schedule.start
    return start, schedule.zone, schedule.minutes, schedule.rule


def without_source_changes(meeting: Meeting) -> Meeting:
    """The meeting with what people said about single dates, and nothing of what its source said."""
    changes = tuple(change for change in meeting.changes if not change.source)
    return msgspec.structs.replace(meeting, changes=changes)


def with_source_changes(meeting: Meeting, said: Iterable[meeting_pb2.OccurrenceChange]) -> Meeting:
    """The meeting with what its source says about single dates, where no person said anything.

    A date that the series has not is left out. Raises Invalid.
    """
    spoken_for = frozenset(meeting.overruled) | {change.key for change in meeting.changes}
    theirs = [change for change in map(read_source_change, said) if change.key not in spoken_for]
    here = {change.key: change for change in theirs if has(meeting.schedule, change.key) and not change.empty()}
    changes = sorted((*meeting.changes, *here.values()), key=lambda change: change.key)
    return msgspec.structs.replace(meeting, changes=tuple(changes))


def read_source_change(message: meeting_pb2.OccurrenceChange) -> Change:
    """What a source says about one date. Raises Invalid, RecurrenceError."""
    when = to_deviation(message)
    base = Change(date=when.date, ordinal=when.ordinal, cancelled=when.cancelled)
    return msgspec.structs.replace(read_change(message, base), source=True)


def merged_extra(said: tuple[ExtraDate, ...], current: Meeting) -> tuple[ExtraDate, ...]:
    """The source's extra dates, and those of here about which people said something (`orphans`: keep)."""
    spoken_for = {change.key for change in current.changes if not change.source}
    named = {extra.key: extra for extra in said}
    own = {each.key: each for each in current.schedule.extra if each.key in spoken_for and each.key not in named}
    return tuple(sorted((named | own).values(), key=lambda extra: extra.key))
