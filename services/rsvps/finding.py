"""Which date a name is about: by what meetings say now, and where dates went when the days were changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.kit.clock import instant
from services.recurrence.schedule import has, occurrence
from services.rsvps import following
from services.rsvps.types import Occasion

if TYPE_CHECKING:
    from services.recurrence.types import Key
    from services.rsvps.types import Part


def occasion(part: Part, key: Key) -> Occasion | None:
    """A date as the meeting has it now; None: it is none of its dates."""
    seen = part.shown
    if seen is None or not has(seen.schedule, key):
        return None
    change = following.differing(seen, key)
    found = occurrence(seen.schedule, key, change)
    ways = seen.ways if change is None or change.ways is None else change.ways
    off = found.cancelled or seen.deleted or not seen.active
    return Occasion(start=instant(found.start), end=instant(found.end), ways=ways, off=off)


def moved(part: Part, key: Key) -> Key | None:
    """Where a date went that is none any more; None: nowhere."""
    seen = part.shown
    goal = key
    for said in following.days_since(seen, "") if seen is not None else ():
        goal = following.went(said, goal) or goal
    return goal if goal != key else None
