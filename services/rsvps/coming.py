"""The dates ahead of a whole series, through every split of it, and what a list of the series is about. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from services.kit.clock import instant, moment
from services.recurrence.schedule import last_key, occurrence, occurrences
from services.recurrence.zones import to_local
from services.rsvps.finding import occasion, shown
from services.rsvps.types import Occasion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from services.recurrence.types import Key
    from services.rsvps.types import Part, Shown, Where

LOOKED_AT: Final = (35 * 24 * 60, 400 * 24 * 60)
"""How many minutes ahead the first date of a series is looked for: soon first; between two a year may lie."""


class Coming(NamedTuple):
    """A date ahead, which part of the series has it, and when it is."""

    part: Part
    key: Key
    occasion: Occasion


def dates(parts: Iterable[Part], at: str, minutes: int) -> list[Coming]:
    """What starts after `at` and within so many minutes, called off or not, in order of start."""
    now = moment(at)
    found = [each for part in parts for each in _of_part(part, at, instant(now + timedelta(minutes=minutes)))]
    return sorted(found, key=lambda each: (each.occasion.start, each.key, each.part.id))


def of_series(parts: Sequence[Part], at: str) -> Occasion:
    """What the list of a whole series is about: from its first date ahead that is not off, to the end of its last one.

    Off where none is left. One date that is off is not the end of it.
    """
    live = [part for part in parts if _lives(part)]
    ends = [_end(seen) for part in live if (seen := shown(part)) is not None]
    first = next((each for minutes in LOOKED_AT if (each := _first(live, at, minutes))), None)
    if first is None:
        over = min(max(ends, default=at) or at, at)
        return Occasion(start=over, end=over, ways=ways(parts), off=True)
    return Occasion(start=first.start, end="" if "" in ends else max(*ends, first.end), ways=ways(live))


def _first(live: Iterable[Part], at: str, minutes: int) -> Occasion | None:
    return next((each.occasion for each in dates(live, at, minutes) if not each.occasion.off), None)


def ways(parts: Iterable[Part]) -> tuple[Where, ...]:
    """How one takes part in any of its dates, in the order in which parts say so."""
    return tuple(dict.fromkeys(way for part in parts if (seen := shown(part)) is not None for way in seen.ways))


def local_date(part: Part, at: str) -> date | None:
    """The local date of an instant where the series takes place."""
    seen = shown(part)
    return None if seen is None else to_local(moment(at), seen.schedule.zone).date()


def _lives(part: Part) -> bool:
    seen = shown(part)
    return seen is not None and seen.active and not seen.deleted


def _of_part(part: Part, at: str, until: str) -> Iterable[Coming]:
    seen = shown(part)
    if seen is None or seen.deleted or not seen.active:
        return
    for each in occurrences(seen.schedule, seen.changes, moment(at), moment(until)):
        found = occasion(part, each.key)
        if found is not None and at < found.start <= until:
            yield Coming(part, each.key, found)


def _end(seen: Shown) -> str:
    """When its last date ends; "": it goes on for ever."""
    last = last_key(seen.schedule)
    return "" if last is None else instant(occurrence(seen.schedule, last).end)
