"""The dates ahead of a whole series, through every split of it, and the rules that hold for it as a whole. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from services.kit.clock import instant, moment
from services.recurrence.schedule import occurrences
from services.recurrence.zones import to_local
from services.rsvps.following import occasion_of, own
from services.rsvps.types import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, timedelta

    from services.recurrence.types import Key
    from services.rsvps.types import Event, Occasion, Part, Rules

AHEAD_DAYS: Final = 14
"""How long before a date its list is made for those who have standing seats, at the latest."""

_DAY: Final = 24 * 60


class Coming(NamedTuple):
    """A date ahead, and when it is."""

    key: Key
    occasion: Occasion


def dates(event: Event, parts: Iterable[Part], at: str, within: timedelta) -> list[Coming]:
    """What starts after `at` and within so much time, called off or not, in order of start."""
    of_event, since = own(event, parts), moment(at)
    keys = {
        each.key
        for shown in (part.shown for part in of_event)
        if shown is not None and shown.active and not shown.deleted
        for each in occurrences(shown.schedule, shown.changes, since, since + within)
    }
    found = [Coming(key, occasion_of(event, of_event, key)) for key in keys]
    until = instant(since + within)
    return sorted(
        (each for each in found if at < each.occasion.start <= until), key=lambda each: (each.occasion.start, each.key)
    )


def of_series(rules: Rules) -> Rules:
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
        quotas=tuple(replace(each, places=0) for each in rules.quotas),
        opens_before_minutes=0,
        closes_before_minutes=0,
        cut_off_minutes=0,
        draw_hours=0,
        confirm_before_minutes=0,
    )


def ahead_minutes(rules: Rules) -> int:
    """How many minutes before its start the list of a date is made: before anybody else can keep a seat there."""
    return max(AHEAD_DAYS * _DAY, rules.opens_before_minutes + _DAY, rules.confirm_before_minutes + _DAY)


def local_date(part: Part, at: str) -> date | None:
    """The local date of an instant where the series takes place."""
    shown = part.shown
    return None if shown is None else to_local(moment(at), shown.schedule.zone).date()
