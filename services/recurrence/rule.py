"""The RRULE value (RFC 5545 section 3.3.10): what is read, what is written, and which shapes exist here.

Accepted are the shapes on which dateutil, rrule.js, ical.js and libical agree; every other one is refused with a
reason. `DAILY;BYDAY` is read as the WEEKLY rule it means, `BYDAY=TU;BYSETPOS=2` as `BYDAY=2TU`, YEARLY as MONTHLY with
12 times the interval, and months at equal distances (`BYMONTH=3,9`) as every so many months.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from services.recurrence.types import ByDay, Frequency, RecurrenceError, Rule, Schedule
from services.recurrence.zones import zone

MAX_COUNT: Final = 10_000
MAX_INTERVAL: Final = 1_000
MAX_COMBINATIONS: Final = 400
MAX_TEXT: Final = 4_000
MAX_NTH: Final = 5
MAX_MONTH_DAY: Final = 31
WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_PARTS: Final = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS", "UNTIL", "COUNT", "WKST"})
_TOO_FINE: Final = frozenset({"BYSECOND", "BYMINUTE", "BYHOUR"})
_MONTHS: Final = frozenset(range(1, 13))
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)
_TOKEN: Final = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_UNTIL: Final = re.compile(r"([0-9]{8})(?:T([0-9]{6})(Z?))?", re.ASCII)


def parse_rule(text: str, time_zone: str | None = None, start: datetime | None = None) -> Rule:
    """The rule that an RRULE value (without "RRULE:") states; lower case and a trailing ";" are tolerated.

    UNTIL becomes a local date. As a UTC date-time it needs `time_zone`; as any date-time it is compared with the hour
    of `start` (naive, local) where that is given: a limit before that hour leaves the date out.

    Raises:
        RecurrenceError: "rule", with the reason.
    """
    if "UNTIL" in text.upper() or "BYMONTH=" in text.upper():
        return _read(text, time_zone, start)
    return _read_once(text)


@lru_cache(maxsize=1_024)
def _read_once(text: str) -> Rule:
    """The rule of a text that means the same everywhere: most series share a few of them."""
    return _read(text, None, None)


def _read(text: str, time_zone: str | None, start: datetime | None) -> Rule:
    parts = _split(text)
    if "BYMONTH" in parts or parts.get("FREQ") == "YEARLY":
        _in_months(parts, start)
    rule = Rule(
        frequency=_frequency(parts),
        interval=_number(parts, "INTERVAL", 1),
        by_day=_by_day(parts),
        by_month_day=tuple(sorted({_whole("BYMONTHDAY", token) for token in _tokens(parts, "BYMONTHDAY")})),
        until=_until(parts["UNTIL"], time_zone, start) if "UNTIL" in parts else None,
        count=_number(parts, "COUNT", 0) if "COUNT" in parts else None,
        week_start=_week_start(parts),
    )
    if rule.frequency is Frequency.DAILY and rule.by_day and rule.interval == 1:
        rule = Rule(Frequency.WEEKLY, 1, rule.by_day, rule.by_month_day, rule.until, rule.count, rule.week_start)
    return check_rule(rule)


def check_rule(rule: Rule) -> Rule:
    """The same rule, if it is one of the shapes that exist here.

    Raises:
        RecurrenceError: "rule", with the reason.
    """
    if not 1 <= rule.interval <= MAX_INTERVAL:
        raise _refused(f"INTERVAL must be from 1 to {MAX_INTERVAL}")
    if rule.count is not None and rule.until is not None:
        raise _refused("COUNT and UNTIL exclude each other")
    if rule.count is not None and not 1 <= rule.count <= MAX_COUNT:
        raise _refused(f"COUNT must be from 1 to {MAX_COUNT}")
    if not 0 <= rule.week_start < len(WEEKDAYS):
        raise _refused("WKST must be a weekday")
    _check_days(rule)
    _check_month_days(rule)
    return rule


def format_rule(rule: Rule) -> str:
    """The canonical RRULE value, UNTIL as a local date: `parse_rule` reads the same rule back."""
    until = None if rule.until is None else f"{rule.until:%Y%m%d}"
    return _text(rule, until)


def rrule_value(rule: Rule, schedule: Schedule) -> str:
    """The RRULE value beside a zoned DTSTART: UNTIL is UTC, the instant of the last possible start on that date.

    An hour that occurs twice on that date gives the later instant, so that no reader loses the last occurrence.
    """
    if rule.until is None:
        return _text(rule, None)
    last = datetime.combine(rule.until, schedule.start.time(), zone(schedule.zone))
    instant = max(last.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return _text(rule, f"{instant:%Y%m%dT%H%M%SZ}")


def by_day_text(token: ByDay) -> str:
    """A BYDAY token: "TU", "2TU", "-1FR"."""
    return f"{token.nth or ''}{WEEKDAYS[token.weekday]}"


def _text(rule: Rule, until: str | None) -> str:
    parts = [f"FREQ={rule.frequency.value}"]
    if rule.interval != 1:
        parts.append(f"INTERVAL={rule.interval}")
    if rule.by_day:
        parts.append("BYDAY=" + ",".join(by_day_text(token) for token in rule.by_day))
    if rule.by_month_day:
        parts.append("BYMONTHDAY=" + ",".join(map(str, rule.by_month_day)))
    if rule.count is not None:
        parts.append(f"COUNT={rule.count}")
    if until is not None:
        parts.append(f"UNTIL={until}")
    if rule.week_start:
        parts.append(f"WKST={WEEKDAYS[rule.week_start]}")
    return ";".join(parts)


def _refused(reason: str) -> RecurrenceError:
    return RecurrenceError("rule", reason)


def _split(text: str) -> dict[str, str]:
    if len(text) > MAX_TEXT:
        raise _refused(f"longer than {MAX_TEXT} characters")
    parts: dict[str, str] = {}
    for piece in text.upper().removesuffix(";").split(";"):
        name, equals, value = piece.partition("=")
        if "RULE" in name:
            raise _refused("give one RRULE value, without its property name; EXRULE is not supported")
        if name in _TOO_FINE:
            raise _refused(f"{name} is not supported: every date of a series has one hour")
        if name not in _PARTS:
            raise _refused(f"{name[:20]!r} is not a part that is supported here")
        if name in parts or not equals or not value:
            raise _refused(f"{name} must be given once, with a value")
        parts[name] = value
    return parts


def _in_months(parts: dict[str, str], start: datetime | None) -> None:
    """A rule about months of the year in the words of one without them, which gives the same dates."""
    if parts.get("FREQ") not in {"YEARLY", "MONTHLY"}:
        raise _refused("BYMONTH is supported with FREQ=YEARLY and FREQ=MONTHLY only")
    months = {_whole("BYMONTH", token) for token in _tokens(parts, "BYMONTH")}
    parts.pop("BYMONTH", None)
    interval = _number(parts, "INTERVAL", 1)
    if not months:
        _in_all_months(parts, interval)
    elif start is None or start.month not in months or not months <= _MONTHS:
        raise _refused("BYMONTH must have the month of the start, and numbers from 1 to 12")
    elif len(months) == 1 and parts["FREQ"] == "YEARLY":
        _every_years(parts, interval)
    else:
        _every_months(parts, interval, months, start.month)


def _in_all_months(parts: dict[str, str], years: int) -> None:
    """Without BYMONTH: once a year; or days that are in every month, or every week, as well as in the year."""
    if "BYDAY" not in parts and "BYMONTHDAY" not in parts:
        _every_years(parts, years)
        return
    counted = any(map(str.isdigit, parts.get("BYDAY", "")))
    if counted or years != 1 or "BYSETPOS" in parts or ("BYDAY" in parts and "BYMONTHDAY" in parts):
        raise _refused("FREQ=YEARLY with such days needs BYMONTH: else they are counted through the whole year")
    parts["FREQ"] = "WEEKLY" if "BYDAY" in parts else "MONTHLY"


def _every_years(parts: dict[str, str], years: int) -> None:
    if not 1 <= years <= MAX_INTERVAL // 12:
        raise _refused(f"INTERVAL must be from 1 to {MAX_INTERVAL // 12} with FREQ=YEARLY")
    parts |= {"FREQ": "MONTHLY", "INTERVAL": str(12 * years)}


def _every_months(parts: dict[str, str], interval: int, months: set[int], first: int) -> None:
    """Every second, third, fourth or sixth month, by their names; ordinals are those of the month in both."""
    step = 12 // len(months)
    if interval != 1 or ("BYSETPOS" in parts and parts["FREQ"] == "YEARLY"):
        raise _refused("several months in BYMONTH are supported without INTERVAL, and without BYSETPOS in a year")
    if 12 % len(months) or months != {(first - 1 + number * step) % 12 + 1 for number in range(len(months))}:
        raise _refused("BYMONTH must be months at equal distances, such as 3,9 or 1,4,7,10: else make a series of each")
    parts |= {"FREQ": "MONTHLY", "INTERVAL": str(step)}


def _frequency(parts: dict[str, str]) -> Frequency:
    try:
        return Frequency(parts.get("FREQ", ""))
    except ValueError:
        raise _refused("FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY") from None


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise _refused(f"{name} must be a whole number")
    return int(text)


def _number(parts: dict[str, str], name: str, default: int) -> int:
    return _whole(name, parts[name]) if name in parts else default


def _tokens(parts: dict[str, str], name: str) -> list[str]:
    tokens = parts[name].split(",") if name in parts else []
    if len(tokens) > MAX_COMBINATIONS:
        raise _refused(f"more than {MAX_COMBINATIONS} combinations")
    return tokens


def _by_day(parts: dict[str, str]) -> tuple[ByDay, ...]:
    days = {_day(token) for token in _tokens(parts, "BYDAY")}
    positions = {_whole("BYSETPOS", token) for token in _tokens(parts, "BYSETPOS")}
    if len(days) * max(1, len(positions)) > MAX_COMBINATIONS:
        raise _refused(f"more than {MAX_COMBINATIONS} combinations")
    if positions:
        days = {_positioned(parts, days, position) for position in positions}
    return tuple(sorted(days))


def _positioned(parts: dict[str, str], days: set[ByDay], position: int) -> ByDay:
    only = next(iter(days)) if len(days) == 1 else None
    if parts["FREQ"] != "MONTHLY" or "BYMONTHDAY" in parts or only is None or only.nth:
        raise _refused("BYSETPOS is supported with FREQ=MONTHLY and one plain weekday only")
    if not 1 <= abs(position) <= MAX_NTH:
        raise _refused(f"BYSETPOS must be from 1 to {MAX_NTH} or from -{MAX_NTH} to -1")
    return ByDay(only.weekday, position)


def _day(token: str) -> ByDay:
    match = _TOKEN.fullmatch(token)
    if match is None or (match[1] is not None and int(match[1]) == 0):
        raise _refused(f"BYDAY must be a list of weekdays such as TU, 2TU or -1FR, not {token[:20]!r}")
    return ByDay(WEEKDAYS.index(match[2]), int(match[1] or 0))


def _week_start(parts: dict[str, str]) -> int:
    name = parts.get("WKST", "MO")
    if name not in WEEKDAYS:
        raise _refused("WKST must be a weekday such as MO")
    return WEEKDAYS.index(name)


def _until(text: str, time_zone: str | None, start: datetime | None) -> date:
    match = _UNTIL.fullmatch(text)
    try:
        day = datetime.strptime(match[1], "%Y%m%d").date() if match else None  # noqa: DTZ007 - a date has no zone
        hour = datetime.strptime(match[2], "%H%M%S").time() if match and match[2] else None  # noqa: DTZ007 - local
    except ValueError:
        day = None
    if match is None or day is None:
        raise _refused("UNTIL must be a date such as 20270131, or a date-time")
    if hour is None:
        return day
    limit = datetime.combine(day, hour)
    if match[3]:
        limit = _local(limit, time_zone)
    return _last_date(limit, start.time() if start else time.min)


def _local(limit: datetime, time_zone: str | None) -> datetime:
    if time_zone is None:
        raise _refused("UNTIL in UTC needs a time zone: give a local date")
    try:
        return limit.replace(tzinfo=UTC).astimezone(zone(time_zone)).replace(tzinfo=None)
    except OverflowError:
        raise _refused("UNTIL is too far away") from None


def _last_date(limit: datetime, hour: time) -> date:
    """The last date on which an occurrence at that hour starts no later than the limit."""
    if limit.time() >= hour or limit.date() == date.min:
        return limit.date()
    return limit.date() - timedelta(days=1)


def _check_days(rule: Rule) -> None:
    for token in rule.by_day:
        if not 0 <= token.weekday < len(WEEKDAYS) or abs(token.nth) > MAX_NTH:
            raise _refused(f"BYDAY takes ordinals from 1 to {MAX_NTH} and from -{MAX_NTH} to -1")
    if rule.by_day and rule.frequency is Frequency.DAILY:
        raise _refused("BYDAY with FREQ=DAILY and an INTERVAL is not supported: use FREQ=WEEKLY")
    ordinals = {token.nth != 0 for token in rule.by_day}
    if True in ordinals and rule.frequency is not Frequency.MONTHLY:
        raise _refused("BYDAY takes ordinals such as 2TU with FREQ=MONTHLY only")
    if len(ordinals) > 1:
        raise _refused("BYDAY is all plain weekdays or all ordinal ones: programs disagree on a mixture")
    _check_apart(rule.by_day)


def _check_apart(by_day: tuple[ByDay, ...]) -> None:
    """4TU and -1TU are one date in some months: a series shown token by token would have it twice."""
    for one in by_day:
        for other in by_day:
            # In a month of 4 (of 5) Tuesdays, the nth is the mth from the end if n + m is 5 (or 6).
            if one.weekday == other.weekday and one.nth > 0 > other.nth and one.nth - other.nth in {5, 6}:
                raise _refused(f"BYDAY {by_day_text(one)} and {by_day_text(other)} can be the same date: give one")


def _check_month_days(rule: Rule) -> None:
    if not rule.by_month_day:
        return
    if rule.frequency is not Frequency.MONTHLY:
        raise _refused("BYMONTHDAY is supported with FREQ=MONTHLY only")
    if rule.by_day:
        raise _refused("BYDAY and BYMONTHDAY together are not supported")
    if not all(1 <= abs(day) <= MAX_MONTH_DAY for day in rule.by_month_day):
        raise _refused(f"BYMONTHDAY must be from 1 to {MAX_MONTH_DAY} or from -{MAX_MONTH_DAY} to -1")
