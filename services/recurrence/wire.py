"""Schedules and dates as messages and as text: parsed strictly, each refusal naming the field of the message."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import schedule_pb2

from services.recurrence.days import LAST_DAY
from services.recurrence.rule import format_rule, parse_rule
from services.recurrence.schedule import FIRST_YEAR, LAST_YEAR, MAX_MINUTES, MAX_ORDINAL
from services.recurrence.types import Deviation, ExtraDate, Key, RecurrenceError, Schedule, Weeks
from services.recurrence.weeks import check as check_weeks
from services.recurrence.zones import zone

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2

_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:00)?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"\d\d:\d\d(:00)?", re.ASCII)
_KEY: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:-([1-9]\d?))?", re.ASCII)


def to_schedule(message: schedule_pb2.Schedule) -> Schedule:
    """What a message says; whether it can be is the question of `schedule.check`.

    Raises:
        RecurrenceError: "start", "time_zone", "minutes", "rule", "extra_dates[i].date|ordinal|time".
    """
    start = parse_local("start", message.start)
    name = _zone_name(message.time_zone)
    minutes = _minutes(message.minutes)
    rule = parse_rule(message.rule, name, start) if message.rule else None
    extra = (_to_extra(f"extra_dates[{index}]", each) for index, each in enumerate(message.extra_dates))
    return Schedule(start, name, minutes, rule, tuple(extra))


def from_schedule(schedule: Schedule) -> schedule_pb2.Schedule:
    """The message that says the same."""
    return schedule_pb2.Schedule(
        start=local_text(schedule.start),
        time_zone=schedule.zone,
        minutes=schedule.minutes,
        rule=format_rule(schedule.rule) if schedule.rule else "",
        extra_dates=[_from_extra(extra) for extra in schedule.extra],
    )


def to_deviation(message: meeting_pb2.OccurrenceChange) -> Deviation:
    """The part of a change that is about time: what a service adds to deviations is its own to read.

    Raises:
        RecurrenceError: "date", "ordinal", "start" or "minutes".
    """
    return Deviation(
        date=parse_date("date", message.date),
        ordinal=_ordinal("ordinal", message.ordinal),
        cancelled=message.cancelled,
        start=_moved(message.start) if message.HasField("start") else None,
        minutes=_minutes(message.minutes) if message.HasField("minutes") else None,
    )


def to_weeks(message: schedule_pb2.Programme) -> Weeks:
    """The weeks that a programme is about.

    Raises:
        RecurrenceError: "weeks", "rotation", "turn" or "anchor".
    """
    anchor = parse_date("anchor", message.anchor) if message.anchor else None
    weeks = Weeks(tuple(message.weeks), message.rotation, message.turn, anchor)
    check_weeks(weeks)
    return weeks


def from_weeks(weeks: Weeks) -> schedule_pb2.Programme:
    """A programme that says these weeks, and nothing else yet."""
    anchor = weeks.anchor.isoformat() if weeks.anchor else ""
    return schedule_pb2.Programme(weeks=weeks.weeks, rotation=weeks.rotation, turn=weeks.turn, anchor=anchor)


def key_text(key: Key) -> str:
    """A date as names of occurrences have it: "20261124", the second one of a day "20261124-1"."""
    text = key.date.isoformat().replace("-", "")  # a third of what a format costs
    return f"{text}-{key.ordinal}" if key.ordinal else text


def parse_key(text: str, field: str = "occurrence") -> Key:
    """The date that `key_text` wrote.

    Raises:
        RecurrenceError: `field`.
    """
    match = _KEY.fullmatch(text)
    try:
        day = date(int(match[1]), int(match[2]), int(match[3])) if match else None
    except ValueError:
        day = None
    if match is None or day is None or not FIRST_YEAR <= day.year <= LAST_DAY.year:
        raise RecurrenceError(field, 'must be a date such as "20261124" or "20261124-1"')
    return Key(day, int(match[4] or 0))


def local_text(local: datetime) -> str:
    """A naive local time in whole minutes: "2026-11-24T19:00"."""
    return local.isoformat(timespec="minutes")


def parse_local(field: str, text: str) -> datetime:
    """The naive local time that such a text means; seconds may stand if they are 00.

    Raises:
        RecurrenceError: `field`.
    """
    try:
        return datetime.fromisoformat(_matched(_LOCAL, text))
    except ValueError:
        raise RecurrenceError(field, 'must be a local time such as "2026-11-24T19:00"') from None


def parse_date(field: str, text: str) -> date:
    """The date that a text such as "2026-11-24" means.

    Raises:
        RecurrenceError: `field`.
    """
    try:
        return date.fromisoformat(_matched(_DATE, text))
    except ValueError:
        raise RecurrenceError(field, 'must be a date such as "2026-11-24"') from None


def parse_time(field: str, text: str) -> time:
    """The time of day that a text such as "19:30" means.

    Raises:
        RecurrenceError: `field`.
    """
    try:
        return time.fromisoformat(_matched(_TIME, text))
    except ValueError:
        raise RecurrenceError(field, 'must be a time such as "19:30"') from None


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text


def _zone_name(name: str) -> str:
    try:
        zone(name)
    except RecurrenceError as error:
        raise RecurrenceError("time_zone", error.reason) from None
    return name


def _minutes(minutes: int) -> int:
    if not 1 <= minutes <= MAX_MINUTES:
        raise RecurrenceError("minutes", f"must be from 1 to {MAX_MINUTES} (31 days)")
    return minutes


def _moved(text: str) -> datetime:
    start = parse_local("start", text)
    if not FIRST_YEAR <= start.year < LAST_YEAR:
        raise RecurrenceError("start", f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    return start


def _ordinal(field: str, ordinal: int) -> int:
    if not 0 <= ordinal <= MAX_ORDINAL:
        raise RecurrenceError(field, f"must be from 0 to {MAX_ORDINAL}")
    return ordinal


def _to_extra(field: str, message: schedule_pb2.ExtraDate) -> ExtraDate:
    own = parse_time(f"{field}.time", message.time) if message.time else None
    day = parse_date(f"{field}.date", message.date)
    return ExtraDate(day, _ordinal(f"{field}.ordinal", message.ordinal), own)


def _from_extra(extra: ExtraDate) -> schedule_pb2.ExtraDate:
    own = extra.time.isoformat(timespec="minutes") if extra.time is not None else ""
    return schedule_pb2.ExtraDate(date=extra.date.isoformat(), ordinal=extra.ordinal, time=own)
