"""RRULE (RFC 5545 section 3.3.10): as a rule of ours where that says the same, else as the dates it gives.

What would run for ever, or never give a date, is refused before anything is expanded.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final, NamedTuple

from dateutil import rrule

from services.formats.ics.moments import moment
from services.formats.weekly import Refused
from services.recurrence import days
from services.recurrence.rule import MAX_COMBINATIONS, MAX_COUNT, MAX_INTERVAL, MAX_TEXT, WEEKDAYS, parse_rule
from services.recurrence.types import RecurrenceError, Rule

MOST: Final = 1_000
"""Dates that a rule may be kept as."""

_FREQUENCIES: Final[dict[str, Any]] = {
    "YEARLY": rrule.YEARLY,
    "MONTHLY": rrule.MONTHLY,
    "WEEKLY": rrule.WEEKLY,
    "DAILY": rrule.DAILY,
}
_NUMBERS: Final = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": 53, "BYSETPOS": 366}
_DATE: Final = len("20261231")
_OF_THE_HOUR: Final = ("BYHOUR", "BYMINUTE", "BYSECOND")
_PARTS: Final = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_NUMBERS, *_OF_THE_HOUR}
_TOKEN: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_ENDED: Final = "its rule ends (UNTIL) before it starts"
_UNRULED: Final = "its start is not one of the dates of its own rule: it counts as a date besides them"
_WHOLE: Final = re.compile(r"[+-]?\d{1,9}", re.ASCII)


class Pattern(NamedTuple):
    """The dates of a series: those of a rule from `start` (local) on, or without a rule those in `dates`."""

    start: datetime
    rule: Rule | None
    dates: tuple[datetime, ...] = ()


def pattern(text: str, start: datetime, zone: str, today: date, warnings: list[str]) -> Pattern:
    """The dates of RRULE `text` beside a DTSTART, which always counts as one of them. Raises Refused."""
    parts = _split(text)
    _check(parts, start)
    if len(parts.get("UNTIL", "")) == _DATE:
        warnings.append("its rule ends on a day (UNTIL): that day still counts")
    bare = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        rule = parse_rule(bare, zone, start)
    except RecurrenceError as error:
        _check_values(parts, error.reason)
        return _listed(parts, start, zone, today, warnings)
    return _ruled(rule, start, warnings)


def _split(text: str) -> dict[str, str]:
    if len(text) > MAX_TEXT:
        raise Refused(f"its rule is longer than {MAX_TEXT} characters")
    parts: dict[str, str] = {}
    for piece in text.strip().upper().rstrip(";").split(";"):
        name, _, value = piece.partition("=")
        if name not in _PARTS or not value or name in parts:
            raise Refused(f"its rule holds {piece[:30]!r}, which cannot be read")
        parts[name] = value
    return parts


def _check(parts: dict[str, str], start: datetime) -> None:
    """Refuses what is too fine or without end; an hour that only repeats that of DTSTART is dropped."""
    if parts.get("FREQ") not in _FREQUENCIES:
        raise Refused(
            f"its rule has FREQ={parts.get('FREQ', '')[:20]}: meetings repeat daily, weekly, monthly or yearly"
        )
    for name, own in zip(_OF_THE_HOUR, (start.hour, start.minute, 0), strict=True):
        if name in parts and (not parts[name].isdecimal() or int(parts[name]) != own):
            raise Refused(f"its rule has {name}={parts[name][:20]}: every date of a series has one hour")
        parts.pop(name, None)
    for name, most in (("INTERVAL", MAX_INTERVAL), ("COUNT", MAX_COUNT)):
        if name in parts and not (_WHOLE.fullmatch(parts[name]) and 1 <= int(parts[name]) <= most):
            raise Refused(f"its rule has {name}={parts[name][:20]}: it must be from 1 to {most:,}")


def _check_values(parts: dict[str, str], reason: str) -> None:
    """Refuses what is no rule at all, or too many at once. `reason` says why it is none of ours."""
    combinations = 1
    for name, most in _NUMBERS.items():
        values = parts[name].split(",") if name in parts else []
        combinations *= max(1, len(values))
        if not all(_WHOLE.fullmatch(value) and 1 <= abs(int(value)) <= most for value in values):
            raise Refused(f"its rule has {name}={parts[name][:20]}, which cannot be")
    tokens = parts["BYDAY"].split(",") if "BYDAY" in parts else []
    combinations *= max(1, len(tokens))
    if combinations > MAX_COMBINATIONS:
        raise Refused(f"its rule has more than {MAX_COMBINATIONS} combinations")
    found = [_TOKEN.fullmatch(token) for token in tokens]
    ordinal = parts["FREQ"] in {"MONTHLY", "YEARLY"} and "BYWEEKNO" not in parts
    if not all(each and (each[1] is None or (ordinal and int(each[1]))) for each in found):
        raise Refused(f"its rule has BYDAY={parts['BYDAY'][:20]}, which cannot be")
    if "WKST" in parts and parts["WKST"] not in WEEKDAYS:
        raise Refused("its rule has a WKST that is no weekday")
    if ("COUNT" in parts and "UNTIL" in parts) or ("BYWEEKNO" in parts and parts["FREQ"] != "YEARLY"):
        raise Refused(f"its rule cannot be: {reason}")


def _ruled(rule: Rule, start: datetime, warnings: list[str]) -> Pattern:
    """By a rule of ours. A DTSTART that it does not give is a date besides (RFC 5545 section 3.8.5.3)."""
    day = start.date()
    if rule.until is not None and rule.until < day:
        raise Refused(_ENDED)
    if days.names(rule, day, day):
        return Pattern(start, rule)
    warnings.append(_UNRULED)
    first = next(days.expand(day, rule, day, days.LAST_DAY), None)
    count = None if rule.count is None else rule.count - 1
    if first is None or count == 0:
        return Pattern(start, None, (start,))
    counted = Rule(rule.frequency, rule.interval, rule.by_day, rule.by_month_day, rule.until, count, rule.week_start)
    return Pattern(datetime.combine(first, start.time()), counted, (start,))


def horizon(today: date) -> date:
    """Up to when dates are kept one by one: the end of next year, so that two imports of one list say the same."""
    return date(today.year + 1, 12, 31)


def _listed(parts: dict[str, str], start: datetime, zone: str, today: date, warnings: list[str]) -> Pattern:
    """As single dates, up to the end of next year."""
    found = _expanded(parts, start, zone, datetime.combine(horizon(today), time.max), warnings)
    if len(found) > MOST:
        found = [each for each in found if each.year >= today.year]
        warnings.append(f"its dates before {today.year} are left out")
    if not found:
        raise Refused("its rule gives no date up to the end of next year")
    if len(found) > MOST:
        raise Refused(f"its rule gives more than {MOST:,} dates up to the end of next year")
    warnings.append(
        f"its rule is kept as the {len(found)} single dates that it gives up to the end of {today.year + 1}"
        " (import it again then)"
    )
    return Pattern(found[0], None, tuple(found))


def _expanded(parts: dict[str, str], start: datetime, zone: str, end: datetime, warnings: list[str]) -> list[datetime]:
    limit = end
    if "UNTIL" in parts:
        said = moment(parts["UNTIL"], "")
        limit = min(end, said.local.replace(hour=23, minute=59) if said.is_date else said.at(zone))
        if limit < start:
            raise Refused(_ENDED)
    words: dict[str, Any] = {
        name.lower(): [int(value) for value in parts[name].split(",")] for name in _NUMBERS if name in parts
    }
    if "BYDAY" in parts:
        words["byweekday"] = [_weekday(token) for token in parts["BYDAY"].split(",")]
    repeated = rrule.rrule(
        _FREQUENCIES[parts["FREQ"]],
        dtstart=start,
        interval=int(parts.get("INTERVAL", "1")),
        wkst=WEEKDAYS.index(parts.get("WKST", "MO")),
        until=limit,
        **words,
    )
    count = int(parts.get("COUNT", MAX_COUNT + 1))
    found = list(islice(repeated, count))
    if found[:1] == [start]:
        return found
    warnings.append(_UNRULED)
    return [start, *found[: count - 1]]


def _weekday(token: str) -> Any:
    found = _TOKEN.fullmatch(token)
    assert found is not None
    day = rrule.weekdays[WEEKDAYS.index(found[2])]
    return day(int(found[1])) if found[1] else day
