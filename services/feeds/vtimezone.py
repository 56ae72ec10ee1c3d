"""VTIMEZONE (RFC 5545 section 3.6.5) in the RRULE form: desktop Outlook misreads lists of RDATEs by an hour."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard, vDatetime, vRecur

from services.recurrence import zones
from services.recurrence.tzif import Transition

if TYPE_CHECKING:
    from services.recurrence.tzif import History, Observance

SINCE = 2020  # every change of the clock from this year on is said exactly
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local, as an observance's DTSTART is
_COMMON_YEAR = 2023  # no zone changes its clock in February
_LISTED_YEARS = 20  # how far changes are listed that no RRULE can state


def vtimezone(name: str) -> bytes:
    """The component for that IANA name, as it is in the tzdata release in use.

    Raises:
        RecurrenceError: an unknown zone.
    """
    return _vtimezone(name, zones.version())


@lru_cache(1024)
def _vtimezone(name: str, version: str) -> bytes:  # noqa: ARG001 - part of the cache's key
    history = zones.transitions(name, SINCE)
    component = Timezone()
    component.add("TZID", name)
    for observance in _observances(history):
        component.add_component(observance)
    body: bytes = component.to_ical(sorted=False)
    return body


def _observances(history: History) -> list[TimezoneStandard | TimezoneDaylight]:
    """In the order in which they begin; the first says what held at the start of `SINCE`, and stands for all before."""
    initial = Transition(_EPOCH, history.offset, history.offset, history.name, history.daylight)
    single = [_observance(transition) for transition in (initial, *history.explicit)]
    return [*single, *map(_yearly, history.yearly)]


def _yearly(observance: Observance) -> TimezoneStandard | TimezoneDaylight:
    """A change that comes every year; its dates are listed where no RRULE says it."""
    component = _observance(observance.first)
    if observance.rule is not None:
        component.add("RRULE", _from_the_start(vRecur.from_ical(observance.rule)))
        return component
    first = observance.first.local.year
    for year in range(first + 1, first + _LISTED_YEARS):
        component.add("RDATE", vDatetime(observance.turn.local(year)))
    return component


def _from_the_start(rule: vRecur) -> vRecur:
    """The same with days of the month counted from its start: ical.js finds no date by negative ones beside a BYDAY."""
    counted = [int(day) for day in rule.get("BYMONTHDAY", [])]
    if counted and max(counted) < 0:
        length = monthrange(_COMMON_YEAR, int(rule["BYMONTH"][0]))[1]
        rule["BYMONTHDAY"] = [length + 1 + day for day in counted]
    return rule


def _observance(transition: Transition) -> TimezoneStandard | TimezoneDaylight:
    component: TimezoneStandard | TimezoneDaylight = TimezoneDaylight() if transition.daylight else TimezoneStandard()
    component.add("DTSTART", transition.local)
    component.add("TZNAME", transition.name)
    component.add("TZOFFSETFROM", transition.offset_before)
    component.add("TZOFFSETTO", transition.offset_after)
    return component
