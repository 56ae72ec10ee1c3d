"""Which date a name is about: by what meetings say now, and where dates went when the days were changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.clock import instant
from services.recurrence.edits import map_date
from services.recurrence.schedule import has, occurrence
from services.rsvps.types import Occasion

if TYPE_CHECKING:
    from services.recurrence.types import Key
    from services.rsvps.types import Part, Shown


def shown(part: Part) -> Shown | None:
    """The fullest that is known of a meeting: nobody is told of it who may not know the meeting."""
    return part.private or part.public


def occasion(part: Part, key: Key) -> Occasion | None:
    """A date as the meeting has it now; None: it is none of its dates."""
    seen = shown(part)
    if seen is None or not has(seen.schedule, key):
        return None
    change = next((each for each in seen.changes if each.key == key), None)
    found = occurrence(seen.schedule, key, change)
    ways = seen.ways if change is None or change.ways is None else change.ways
    off = found.cancelled or seen.deleted or not seen.active
    return Occasion(start=instant(found.start), end=instant(found.end), ways=ways, off=off)


def moved(part: Part, key: Key) -> Key | None:
    """Where a date went that is none any more; None: nowhere."""
    seen = shown(part)
    went = False
    for _, old, new in seen.day_changes if seen is not None else ():
        if has(old, key):
            found = map_date(old, new, key)
            if found is None:
                return None
            went, key = went or found != key, found
    return key if went else None
