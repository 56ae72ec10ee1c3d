"""Between messages and closures, and doubts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import closure_pb2, doubt_pb2

from services.meetings import calendars
from services.meetings.access import Audience
from services.meetings.check import Problems
from services.meetings.types import Closure, ClosureEffect, ClosureStatus, Doubt
from services.meetings.wire import child_name, online_message, read_online, timestamp
from services.meetings.wire_details import number
from services.recurrence.schedule import FIRST_YEAR, LAST_YEAR
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import key_text, parse_date, parse_local

if TYPE_CHECKING:
    from collections.abc import Iterable

EFFECTS = {1: ClosureEffect.CANCEL, 2: ClosureEffect.ONLINE, 3: ClosureEffect.MOVE}
STATES = {
    1: ClosureStatus.RUNNING,
    2: ClosureStatus.IN_FORCE,
    3: ClosureStatus.WITHDRAWING,
    4: ClosureStatus.WITHDRAWN,
    5: ClosureStatus.ENDED,
}
MOST_NAMED = 100
"""Places, or rooms, that one closure names."""
YEARS_LOOKED_AT = 10
"""In each of which a holiday that falls on a weekend may have a day, and a name, of its own."""


def closure_message(closure: Closure, audience: Audience = Audience.PUBLIC) -> closure_pb2.Closure:
    """A closure. Everybody may know it, but for a link that is not public."""
    message = closure_pb2.Closure(
        name=child_name(closure.centre, "closures", closure.id),
        create_time=timestamp(closure.created_at),
        reason=closure.reason,
        places=names(closure.centre, "places", closure.places),
        rooms=names(closure.centre, "rooms", closure.rooms),
        online_too=closure.online_too,
        meetings_only=closure.meetings_only,
        start=closure.start,
        end=closure.end,
        holidays=closure.holidays,
        holiday_names=closure.holiday_names,
        effect=number(EFFECTS, closure.effect),  # type: ignore[arg-type]  # the wire's number
        move_place=child_name(closure.centre, "places", closure.move_place),
        move_rooms=names(closure.centre, "rooms", closure.move_rooms),
        online=online_message(closure.online, audience) if closure.online else None,
        state=number(STATES, closure.status),  # type: ignore[arg-type]  # the wire's number
    )
    if audience is Audience.STAFF:
        message.done, message.total = closure.done, closure.total
        message.lost_count = closure.lost_count
    return message


def names(centre: str, collection: str, ids: Iterable[str]) -> list[str]:
    """Resource names of several of a centre's things."""
    return [child_name(centre, collection, id_) for id_ in ids]


def read_closure(message: closure_pb2.Closure, base: Closure, prefix: str = "closure.") -> Closure:
    """`base` with what the message says, but for places and rooms, which are looked up. Raises Invalid."""
    problems = Problems(prefix)
    closure = msgspec.structs.replace(
        base,
        reason=problems.line("reason", message.reason, 500),
        effect=problems.stated("effect", message.effect, EFFECTS, base.effect),
        start=_when("start", message.start, problems) if message.start else base.start,
        end=_when("end", message.end, problems) if message.end else "",
        online_too=message.online_too,
        meetings_only=message.meetings_only,
        holidays=problems.holiday_calendar("holidays", message.holidays),
        holiday_names=problems.words("holiday_names", message.holiday_names),
        online=read_online(message.online, "online", problems, base.online) if message.HasField("online") else None,
    )
    _check(message, closure, problems)
    if (closure.holidays, closure.holiday_names) != (base.holidays, base.holiday_names):
        _check_holidays(closure, problems)
    problems.settle()
    return closure


def _check(message: closure_pb2.Closure, closure: Closure, problems: Problems) -> None:
    if not closure.reason:
        problems.add("reason", "must say why, in words for whoever would have come")
    if not closure.start:
        problems.add("start", "must be given")
    if closure.end and ("T" in closure.start) is not ("T" in closure.end):
        problems.add("end", "must be a day where the start is a day, and a moment where it is a moment")
    elif closure.end and (closure.end < closure.start or ("T" in closure.end and closure.end == closure.start)):
        problems.add("end", "lies before the start")
    if closure.holiday_names and not closure.holidays:
        problems.add("holidays", "names of holidays go with the calendar they are in")
    if (closure.effect is ClosureEffect.MOVE) is not bool(message.move_place):
        problems.add("move_place", "goes with the effect MOVE, and the effect MOVE with it")
    for field in ("places", "rooms", "move_rooms"):
        if len(getattr(message, field)) > MOST_NAMED:
            problems.add(field, f"has more than {MOST_NAMED} entries")


def _check_holidays(closure: Closure, problems: Problems) -> None:
    """A name that no holiday has would close nothing: people would come to a house that was meant to be shut."""
    if not (closure.start and calendars.known(closure.holidays)):
        return
    unknown, first = {*closure.holiday_names}, int(closure.start[:4])
    last = min(int(closure.end[:4]) if closure.end else LAST_YEAR - 1, first + YEARS_LOOKED_AT)
    for year in range(first, last + 1):
        if unknown:
            unknown -= {
                name for each in calendars.of_year(closure.holidays, year).values() for name in each.split("; ")
            }
    for place, name in enumerate(closure.holiday_names):
        if name in unknown:
            problems.add(f"holiday_names[{place}]", f"no public holiday of {closure.holidays} has this name")


def _when(field: str, text: str, problems: Problems) -> str:
    try:
        when = parse_local(field, text) if "T" in text else parse_date(field, text)
    except RecurrenceError:
        problems.add(field, 'must be a day such as "2026-12-24" or a local time such as "2026-12-24T14:00"')
        return ""
    if not FIRST_YEAR <= when.year < LAST_YEAR:
        problems.add(field, f"must lie in the years {FIRST_YEAR} to {LAST_YEAR - 1}")
    return when.isoformat(timespec="minutes") if isinstance(when, datetime) else str(when)


def doubt_message(doubt: Doubt) -> doubt_pb2.Doubt:
    """Reports about one date."""
    key = key_text(doubt.key)
    message = doubt_pb2.Doubt(
        name=child_name(doubt.centre, "doubts", doubt.id),
        create_time=timestamp(doubt.created_at),
        occurrence=f"{child_name(doubt.centre, 'meetings', doubt.meeting)}/occurrences/{key}",
        identity=f"{doubt.lineage}/{key}",
        title=doubt.title,
        start_time=timestamp(doubt.start),
        reports=doubt.reports,
    )
    if doubt.confirmed_at is not None:
        message.confirm_time.CopyFrom(timestamp(doubt.confirmed_at))
    return message
