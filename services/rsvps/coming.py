"""The dates ahead of a whole series, through every split of it; what its list is about, and its rules. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from services.kit.clock import instant, moment
from services.recurrence.days import LAST_DAY
from services.recurrence.schedule import last_end, occurrences
from services.recurrence.zones import midnight, to_local
from services.rsvps.types import Occasion, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from services.recurrence.types import Key, Occurrence
    from services.rsvps.types import Part, Rules, Shown, Where

LOOKED_AT: Final = (timedelta(days=35), timedelta(days=400), timedelta(days=3700))
"""How far ahead the first date of a series is looked for: soon first; between two a year may lie."""

AHEAD_DAYS: Final = 14
"""How long before a date its list is made for those who have standing seats, at the latest."""

MANY: Final = 1_000_000
"""Places of a quota for standing seats: it is the dates that have only so many."""

_DAY: Final = 24 * 60
_ONE_DAY: Final = timedelta(days=1)


class Coming(NamedTuple):
    """A date ahead, and when it is."""

    key: Key
    start: str
    off: bool


def dates(parts: Iterable[Part], at: str, within: timedelta) -> list[Coming]:
    """What starts after `at` and within so much time, called off or not, in order of start."""
    since = moment(at)
    found = [each for shown in _live(parts) for each in _between(shown, at, instant(since + within))]
    return sorted(found, key=lambda each: (each.start, each.key))


def of_series(parts: Sequence[Part], at: str, last_joining: date | None = None) -> Occasion:
    """What the list of a whole series is about: from its first date that is on and not over to the end of its last.

    Off where none is left. One date that is off is not the end of it. `last_joining`: the last local date on which one
    may join.
    """
    live = list(_live(parts))
    first = next((each for within in LOOKED_AT if (each := _first(live, at, within))), None)
    if first is None:
        ends = [last_end(each.schedule, each.changes) for each in live]
        over = min(at, instant(max((each for each in ends if each is not None), default=moment(at))))
        return Occasion(start=over, end=over, ways=_ways(each.shown for each in parts), off=True)
    return Occasion(start=first, end=_last(live, at), ways=_ways(live), joined=_joined(parts, last_joining))


def rules_of_series(rules: Rules) -> Rules:
    """The rules as they hold for the list of a series: those of a course are its own.

    Whoever wants a standing seat has it: it is the dates' lists that decide about chairs.
    """
    if rules.scope is Scope.SERIES:
        return rules
    return replace(
        rules,
        capacity=0,
        online_capacity=0,
        waitlist=0,
        quotas=tuple(replace(each, places=MANY) for each in rules.quotas),
        opens_before_minutes=0,
        closes_before_minutes=0,
        cut_off_minutes=0,
        draw_hours=0,
        confirm_before_minutes=0,
    )


def ahead_minutes(rules: Rules) -> int:
    """How many minutes before its start the list of a date is made: before anybody else can keep a seat there."""
    return max(AHEAD_DAYS * _DAY, rules.opens_before_minutes + _DAY, rules.confirm_before_minutes + _DAY)


def local_date(parts: Iterable[Part], at: str) -> date:
    """The local date of an instant where the series takes place; of one without parts that in UTC."""
    return to_local(moment(at), zone_of(parts)).date()


def zone_of(parts: Iterable[Part]) -> str:
    """The zone that a series takes place in; of one without parts UTC."""
    return next((part.shown.schedule.zone for part in parts if part.shown is not None), "UTC")


def _live(parts: Iterable[Part]) -> Iterator[Shown]:
    for part in parts:
        if part.shown is not None and part.shown.active and not part.shown.deleted:
            yield part.shown


def _between(shown: Shown, at: str, until: str) -> Iterator[Coming]:
    for each in occurrences(shown.schedule, shown.changes, moment(at), moment(until)):
        start = instant(each.start)
        if at < start <= until:
            yield Coming(each.key, start, each.cancelled)


def _joined(parts: Iterable[Part], last: date | None) -> str:
    """When the day after the last one begins there."""
    return instant(midnight(last + _ONE_DAY, zone_of(parts))) if last is not None and last < LAST_DAY else ""


def _first(seen: Iterable[Shown], at: str, within: timedelta) -> str | None:
    """When the first date begins that is on and not over, if that is within so much time."""
    now = moment(at)
    found = [each.start for shown in seen for each in _on(shown, now, now + within)]
    return instant(min(found)) if found else None


def _last(seen: Iterable[Shown], at: str) -> str:
    """When the last date that is on is over; "": never."""
    found = []
    for shown in seen:
        end = last_end(shown.schedule, shown.changes)
        if end is None:
            return ""
        if any(each.cancelled for each in shown.changes):
            found += [each.end for each in _on(shown, moment(at), end)]
        else:
            found.append(end)
    return instant(max(found))


def _on(shown: Shown, since: datetime, until: datetime) -> Iterator[Occurrence]:
    return (each for each in occurrences(shown.schedule, shown.changes, since, until) if not each.cancelled)


def _ways(seen: Iterable[Shown | None]) -> tuple[Where, ...]:
    """How one takes part in any of its dates, in the order in which parts say so."""
    return tuple(dict.fromkeys(way for each in seen if each is not None for way in each.ways))
