"""When a meeting of a weekly list takes place: its days, hours, length and zone, as a schedule."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import schedule_pb2 as schedules

from services.formats import words
from services.recurrence import zones
from services.recurrence.weeks import LAST, is_last, week_of_month

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

DEFAULT_MINUTES: Final = 60
"""The length of a meeting that does not say: the specification's own default."""

_LONG: Final = 6 * 60
_MOST: Final = 31 * 24 * 60
_CODES: Final = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
_NAMES: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_WORDS: Final = {"noon": time(12), "midnight": time(0)}
_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.](\d{2})(?::\d{2}(?:\.0+)?)?)?\s*(?:([ap])\.?(?:m\.?)?)?", re.IGNORECASE)
_STAMPS: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y")
_SUNDAY: Final = 7
_NOON: Final = 12


class Refused(ValueError):  # noqa: N818 - an answer about a record
    """A record that cannot be translated; the text is for whoever imports it."""


def schedule(record: Mapping[str, Any], zone: str, today: date, warnings: list[str]) -> schedules.Schedule:
    """The weekly schedule in the record's zone, or else `zone`, from `today` on, which is a date in `zone`.

    Further west it may still be the day before: what is held there tonight is not over, so it starts with that day.
    Raises Refused; adds to `warnings`.
    """
    weekdays = days(record.get("day"), warnings)
    start = clock(record.get("time"))
    if not weekdays or start is None:
        missing = " and ".join(
            word for word, there in (("day", weekdays), ("time", start)) if not there and there != time(0)
        )
        raise Refused(f"it has no {missing} (by appointment?): only meetings with a day and a time have dates")
    there = _zone(record.get("timezone"), zone)
    since = zones.local_day(zones.midnight(today, zone), there)
    return schedules.Schedule(
        start=f"{_first(weekdays, since)}T{start:%H:%M}",
        time_zone=there,
        minutes=_minutes(record, start, warnings),
        rule="FREQ=WEEKLY;BYDAY=" + ",".join(_CODES[day] for day in sorted(weekdays, key=lambda day: (day - 1) % 7)),
    )


def in_weeks(each_week: schedules.Schedule, weeks: Collection[int]) -> schedules.Schedule:
    """A weekly schedule of one day, held in these weeks of the month alone (-1: the last)."""
    (code,) = each_week.rule.partition("BYDAY=")[2].split(",")
    front, last = sorted({week for week in weeks if week > 0}), LAST in weeks
    day, hour = date.fromisoformat(each_week.start[:10]), each_week.start[10:]
    while not (week_of_month(day) in front or (last and is_last(day))):
        day += timedelta(days=7)
    found = schedules.Schedule()
    found.CopyFrom(each_week)
    found.start = f"{day}{hour}"
    found.rule = "FREQ=MONTHLY;BYDAY=" + ",".join(f"{week}{code}" for week in [*front, *([LAST] if last else [])])
    return found


def days(value: object, warnings: list[str]) -> list[int]:
    """Days of the week, Sunday 0, from a number, a name, digits or a list of these. Raises Refused."""
    found: list[int] = []
    for item in value if isinstance(value, list) else [value]:
        day = _day(item, warnings)
        if day is not None and day not in found:
            found.append(day)
    return found


def clock(value: object) -> time | None:
    """A time of day from "19:00", "7:00 pm", "noon"; None for none. Raises Refused."""
    said = words.line(value).lower()
    if not said:
        return None
    found = _CLOCK.fullmatch(said)
    if said in _WORDS:
        return _WORDS[said]
    if not found or not (found[2] or found[3]):
        raise Refused(f"time {said[:20]!r} is not a time of day")
    try:
        return time(_hour(int(found[1]), found[3]), int(found[2] or 0))
    except ValueError as error:
        raise Refused(f"time {said[:20]!r} is not a time of day") from error


def updated(value: object) -> str | None:
    """RFC 3339 UTC with milliseconds; "" for none, None where it cannot be read. The source's times are UTC."""
    said = words.line(value)
    if not said:
        return ""
    for form in ("", *_STAMPS):
        try:
            moment = _strptime(form, said) if form else datetime.fromisoformat(said)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return None


def known_zone(name: str) -> bool:
    """Whether the tz database has it, legacy names included."""
    return name in zones.names()


def _strptime(form: str, said: str) -> datetime:
    return datetime.strptime(said, form).replace(tzinfo=UTC)


def _day(value: object, warnings: list[str]) -> int | None:
    said = words.line(value).lower()
    if not said:
        return None
    number = int(said) if said.isdecimal() and len(said) == 1 else _named(said)
    if number == _SUNDAY:
        warnings.append("day 7 is taken as Sunday")
        return 0
    if number is None or number > _SUNDAY:
        raise Refused(f"day {said[:20]!r} is not a day of the week (Monday, or 0 to 6, Sunday is 0)")
    return number


def _named(said: str) -> int | None:
    matches = [number for number, name in enumerate(_NAMES) if said in {name, name[:3], name + "s"}]
    return matches[0] if matches else None


def _hour(hour: int, meridiem: str | None) -> int:
    if meridiem is None:
        return hour
    if not 1 <= hour <= _NOON:
        raise ValueError(hour)
    return hour % _NOON + (_NOON if meridiem == "p" else 0)


def _zone(value: object, otherwise: str) -> str:
    name = words.line(value) or otherwise
    if not known_zone(name):
        raise Refused(f"time zone {name[:40]!r} is not in the tz database")
    return name


def _minutes(record: Mapping[str, Any], start: time, warnings: list[str]) -> int:
    """Up to the end (past midnight where it is before the start), or the duration, or the default."""
    said = _until_end(record.get("end_time"), start, warnings) or _duration(record.get("duration"), warnings)
    if said and said > _LONG:
        warnings.append(f"it lasts {said // 60} h {said % 60:02d} min: is that right?")
    return said or DEFAULT_MINUTES


def _until_end(value: object, start: time, warnings: list[str]) -> int | None:
    try:
        end = clock(value)
    except Refused:
        warnings.append(f"end_time {words.line(value)[:20]!r} is not a time of day: left out")
        return None
    if end == start:
        warnings.append("it ends when it starts: the end is left out")
    if end is None or end == start:
        return None
    return (end.hour * 60 + end.minute - start.hour * 60 - start.minute) % (24 * 60)


def _duration(value: object, warnings: list[str]) -> int | None:
    said = words.line(value)
    if not said:
        return None
    if said.isdecimal() and len(said) <= len(str(_MOST)) and 0 < int(said) <= _MOST:
        return int(said)
    warnings.append(f"duration {said[:20]!r} is not a number of minutes: left out")
    return None


def _first(weekdays: list[int], since: date) -> date:
    """The first date from `since` on that is one of the days."""
    return min(since + timedelta(days=(day - since.isoweekday()) % 7) for day in weekdays)
