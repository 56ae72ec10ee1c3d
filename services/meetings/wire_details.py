"""Between messages and what a meeting says of itself beside time and place: for whom it is, programmes, sessions."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import schedule_pb2

from services.meetings.check import MAX_CHAIRS
from services.meetings.types import (
    Approach,
    HolidayRule,
    LedBy,
    Meeting,
    Programme,
    Session,
    WhoMayCome,
)
from services.recurrence.types import RecurrenceError, Schedule, Weeks
from services.recurrence.wire import from_weeks, local_text, parse_local, parse_time, to_weeks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from enum import Enum
    from typing import TypeVar

    from openchair.meetings.v1 import meeting_pb2

    from services.meetings.check import Problems

    E = TypeVar("E", bound=Enum)

APPROACHES = {1: Approach.SPIRITUAL, 2: Approach.SECULAR, 3: Approach.CLINICAL}
LED_BY = {1: LedBy.PEER, 2: LedBy.TRAINED, 3: LedBy.LICENSED}
WHO_MAY_COME = {1: WhoMayCome.EVERYBODY, 2: WhoMayCome.MEMBERS, 3: WhoMayCome.REFERRED}
HOLIDAY_RULES = {0: HolidayRule.ANY_DAY, 1: HolidayRule.NOT_ON_HOLIDAYS, 2: HolidayRule.ALSO_ON_HOLIDAYS}

MOST_PROGRAMMES = 20
MOST_SESSIONS = 300
MOST_ON_ALL_DATES = 3_000
"""Entries of an agenda, times its dates: each of them may take rooms for a time of its own."""
LONGEST_COST = 500
TOLD_FROM = 11
"""A number of chairs is public from here on: fewer would tell how many are there."""

_SESSION_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?")
_NAME = re.compile(r"[^\W\d_][^\W\d_'\u2019.-]*( [^\W\d_]\.?)?")
_BETWEEN = re.compile(r"\s*(?:,|&|\band\b)\s*")


def number(choices: Mapping[int, E], member: E | None) -> int:
    """The enum number that stands for a member on the wire; 0 for none."""
    return next((key for key, value in choices.items() if value is member), 0)


def chosen(problems: Problems, field: str, said: int, choices: Mapping[int, E]) -> E | None:
    """The member for an enum number; None where it is not stated."""
    if said and said not in choices:
        problems.add(field, "is not one of the values this field takes")
    return choices.get(said)


# --- the message ----------------------------------------------------------------------------------------------------


def say_details(message: meeting_pb2.Meeting, meeting: Meeting, *, inside: bool, found: bool) -> None:
    """Fills what a meeting says of itself. `inside`: for the centre's own people; `found`: who may know the address."""
    message.approach = number(APPROACHES, meeting.approach)  # type: ignore[assignment]  # the wire's number
    message.focus.extend(meeting.focus)
    message.led_by = number(LED_BY, meeting.led_by)  # type: ignore[assignment]  # the wire's number
    message.who_may_come = number(WHO_MAY_COME, meeting.who_may_come)  # type: ignore[assignment]  # the wire's number
    message.first_visit = meeting.first_visit
    message.other_languages.extend(meeting.other_languages)
    message.capacity = _told(meeting.capacity, inside=inside)
    message.online_capacity = _told(meeting.online_capacity, inside=inside)
    message.holidays = number(HOLIDAY_RULES, meeting.holidays)  # type: ignore[assignment]  # the wire's number
    message.programmes.extend(map(programme_message, meeting.programmes))
    message.sessions.extend(session_message(session, meeting.centre, found=found) for session in meeting.sessions)
    message.cost, message.scholarship = meeting.cost, meeting.scholarship
    message.registration_opens, message.website = meeting.registration_opens, meeting.website
    message.doubtful = meeting.doubtful
    if inside:
        message.local_fields.extend(meeting.local_fields)


def _told(chairs: int, *, inside: bool) -> int:
    return chairs if inside or chairs >= TOLD_FROM else 0


def programme_message(programme: Programme) -> schedule_pb2.Programme:
    """What is special in some weeks."""
    message = from_weeks(programme.when)
    message.title, message.notes = programme.title, programme.notes
    message.types.extend(programme.types)
    message.who_may_come = number(WHO_MAY_COME, programme.who_may_come)  # type: ignore[assignment]  # the wire's number
    return message


def session_message(session: Session, centre: str, *, found: bool = True) -> schedule_pb2.Session:
    """An item of the agenda; `found`: the reader may know the address, so also the rooms."""
    return schedule_pb2.Session(
        id=session.id,
        title=session.title,
        day=session.day,
        time=session.time.isoformat(timespec="minutes"),
        minutes=session.minutes,
        rooms=[f"centres/{centre}/rooms/{room}" for room in session.rooms],
        room_titles=session.room_titles if found else (),
        leader=session.leader,
        notes=session.notes,
    )


# --- what it says ---------------------------------------------------------------------------------------------------


def read_details(message: meeting_pb2.Meeting, base: Meeting, problems: Problems) -> Meeting:
    """`base` with what the message says, but for the rooms of sessions, which are looked up. Adds to `problems`.

    Reports and local fields are not anybody's to write.
    """
    return msgspec.structs.replace(
        base,
        approach=chosen(problems, "approach", message.approach, APPROACHES),
        focus=tuple(problems.slug(f"focus[{n}]", each) for n, each in enumerate(dict.fromkeys(message.focus))),
        led_by=chosen(problems, "led_by", message.led_by, LED_BY),
        who_may_come=chosen(problems, "who_may_come", message.who_may_come, WHO_MAY_COME),
        first_visit=problems.text("first_visit", message.first_visit),
        other_languages=_languages(message.other_languages, problems),
        capacity=_chairs("capacity", message.capacity, problems),
        online_capacity=_chairs("online_capacity", message.online_capacity, problems),
        holidays=problems.choice("holidays", message.holidays, HOLIDAY_RULES, HolidayRule.ANY_DAY),
        programmes=read_programmes(message.programmes, problems),
        sessions=read_sessions(message.sessions, base.schedule, problems),
        cost=problems.line("cost", message.cost, LONGEST_COST),
        scholarship=message.scholarship,
        registration_opens=_local("registration_opens", message.registration_opens, problems),
        website=problems.url("website", message.website),
    )


def _languages(tags: Iterable[str], problems: Problems) -> tuple[str, ...]:
    found = tuple(problems.language(f"other_languages[{n}]", tag) for n, tag in enumerate(dict.fromkeys(tags)))
    return problems.words("other_languages", found)


def _chairs(field: str, chairs: int, problems: Problems) -> int:
    if not 0 <= chairs <= MAX_CHAIRS:
        problems.add(field, f"must lie between 0 and {MAX_CHAIRS}")
    return chairs


def _local(field: str, text: str, problems: Problems) -> str:
    try:
        return local_text(parse_local(field, text)) if text else ""
    except RecurrenceError as error:
        problems.add(field, error.reason)
        return ""


def read_programmes(messages: Iterable[schedule_pb2.Programme], problems: Problems) -> tuple[Programme, ...]:
    """Every programme, in the order given."""
    found = tuple(_programme(f"programmes[{n}]", each, problems) for n, each in enumerate(messages))
    if len(found) > MOST_PROGRAMMES:
        problems.add("programmes", f"has more than {MOST_PROGRAMMES} entries")
    return found


def _programme(field: str, message: schedule_pb2.Programme, problems: Problems) -> Programme:
    when = Weeks()
    try:
        when = to_weeks(message)
    except RecurrenceError as error:
        problems.add(f"{field}.{error.field}", error.reason)
    return Programme(
        when=when,
        title=problems.title(f"{field}.title", message.title),
        types=problems.words(f"{field}.types", message.types),
        who_may_come=chosen(problems, f"{field}.who_may_come", message.who_may_come, WHO_MAY_COME),
        notes=problems.text(f"{field}.notes", message.notes),
    )


def read_sessions(
    messages: Iterable[schedule_pb2.Session], schedule: Schedule, problems: Problems
) -> tuple[Session, ...]:
    """The agenda in the order of (day, time, id). An id that is not given is made of the place in the list."""
    said = list(messages)
    if said and schedule.rule is not None:
        problems.add("sessions", "an agenda is for what has no rule: a one-off, and its extra dates")
    if len(said) > MOST_SESSIONS:
        problems.add("sessions", f"has more than {MOST_SESSIONS} entries")
    elif len(said) * (1 + len(schedule.extra)) > MOST_ON_ALL_DATES:
        problems.add("sessions", f"has more than {MOST_ON_ALL_DATES} entries on all dates together")
    ids = session_ids(said)
    if len(set(ids)) < len(ids):
        problems.add("sessions", "has two with the same id")
    found = [_session(f"sessions[{n}]", each, ids[n], problems) for n, each in enumerate(said[:MOST_SESSIONS])]
    for n, each in enumerate(found):
        _check_within(f"sessions[{n}]", each, schedule, problems)
    return tuple(sorted(found, key=lambda each: (each.day, each.time, each.id)))


def session_ids(messages: Iterable[schedule_pb2.Session]) -> list[str]:
    """The id of each session in the order given: one that has none is named by its place in the list."""
    said = list(messages)
    taken = {each.id for each in said if each.id}
    free = (f"s{n}" for n in itertools.count(1) if f"s{n}" not in taken)
    return [each.id or next(free) for each in said]


def _session(field: str, message: schedule_pb2.Session, id: str, problems: Problems) -> Session:  # noqa: A002 - named id everywhere
    at = parse_time("time", "00:00")
    try:
        at = parse_time("time", message.time)
    except RecurrenceError as error:
        problems.add(f"{field}.time", error.reason)
    if not _SESSION_ID.fullmatch(id):
        problems.add(f"{field}.id", 'must be 1 to 20 of a-z, 0-9 and "-"')
    return Session(
        id=id,
        title=problems.title(f"{field}.title", message.title),
        day=message.day,
        time=at,
        minutes=message.minutes,
        leader=display_name(f"{field}.leader", message.leader, problems),
        notes=problems.text(f"{field}.notes", message.notes),
    )


def display_name(field: str, text: str, problems: Problems) -> str:
    """Names as people publish them: each a first name, and at most an initial."""
    text = problems.line(field, text, 60)
    if text and not all(_NAME.fullmatch(name) for name in _BETWEEN.split(text)):
        problems.add(field, 'must be first names, with an initial at most: "Ana", "Ana M. and Tom"')
    return text


def _check_within(field: str, session: Session, schedule: Schedule, problems: Problems) -> None:
    """A session lies inside of its occurrence."""
    if not 1 <= session.day <= 32:  # noqa: PLR2004 - 31 days may touch 32
        problems.add(f"{field}.day", "must be 1, the day on which it begins, or one of the days after it")
        return
    begins = (session.day - 1) * 1440 + session.time.hour * 60 + session.time.minute
    first = schedule.start.hour * 60 + schedule.start.minute
    if begins < first or begins + session.minutes > first + schedule.minutes:
        problems.add(f"{field}.time", "lies before the start or after the end of the whole")
    if session.minutes < 1:
        problems.add(f"{field}.minutes", "must be at least 1")
