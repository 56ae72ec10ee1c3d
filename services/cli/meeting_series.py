"""`openchair meeting create` and `edit`: a series as a whole, or from a date on, with what it would do shown first."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.meetings.v1 import meeting_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import (
    dates,
    if_taken,
    meeting_facts,
    meeting_fields,
    meeting_when,
    meeting_where,
    programmes,
    sessions,
)
from services.cli.asking import SAME, UNSEEN, give, go_ahead, say, until_current
from services.cli.book_clashes import unless_taken
from services.cli.called import id_of
from services.cli.facts import Difference, changed_lines, lines
from services.cli.house import House, open_house
from services.cli.reading import put
from services.cli.series import Series, find
from services.cli.server import PATIENCE, Site
from services.cli.shell import USAGE, Failure
from services.cli.when import Unclear, full
from services.kit.clock import SystemClock
from services.recurrence import edits
from services.recurrence.schedule import dates as keys_of
from services.recurrence.schedule import last_key
from services.recurrence.wire import from_schedule, key_text, parse_date, to_schedule

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date

    from openchair.meetings.v1 import schedule_pb2

    from services.recurrence.types import Deviation, Key, Schedule

OPTIONS: Final[Mapping[str, str]] = {
    **meeting_fields.OPTIONS,
    **meeting_where.OPTIONS,
    **meeting_when.OPTIONS,
    "meeting.programmes": "--programme",
    "meeting.sessions": "--agenda",
    "occurrence": "--from",
    "parent": "CENTRE",
    "meeting.name": "MEETING",
    "follow_source": "--follow-source",
}


class Plan(NamedTuple):
    """What is to be asked for, and how the dates that it is about are before it."""

    request: pb.UpdateMeetingRequest
    before: meeting_pb2.Meeting
    since: date | None = None


async def create(site: Site, asked: argparse.Namespace) -> None:
    """A new meeting."""
    house = await open_house(site, asked.centre)
    meeting = meeting_pb2.Meeting(schedule=from_schedule(meeting_when.new(asked, house)))
    await _fill(asked, house, meeting)
    request = pb.CreateMeetingRequest(parent=house.centre.name, meeting=meeting, validate_only=True)
    request.on_clash, request.overrule_reason = if_taken.policy(asked), asked.reason
    schedule = to_schedule(meeting.schedule)
    call = site.meetings.CreateMeeting(request, timeout=PATIENCE)
    shown = await unless_taken(asked, house, schedule, call, if_taken.ADVICE)
    say(asked, f"A new meeting of {house.centre.title}:")
    say(asked, "\n".join(lines(meeting_facts.facts(shown, house))))
    _say_dates(asked, "Its next dates:", shown)
    _say_no_link(asked, house, shown)
    if not go_ahead(asked):
        give(asked, {"done": False, **_plain(shown, new=True)})
        return
    request.validate_only, request.request_id = False, secrets.token_hex(16)
    call = site.meetings.CreateMeeting(request, timeout=PATIENCE)
    made = await unless_taken(asked, house, schedule, call, if_taken.ADVICE)
    say(asked, f'"{made.title}" is there. Its id is {id_of(made)}.')
    give(asked, {"done": True, **_plain(made)})


async def edit(site: Site, asked: argparse.Namespace) -> None:
    """All dates of a meeting, or those from a date on."""

    async def attempt() -> None:
        house = await open_house(site, asked.centre)
        series = await find(site, asked.centre, asked.meeting)
        plan = await _plan(asked, house, series)
        plan.request.validate_only = True
        shown = await _update(site, asked, house, plan)
        if _same(plan, shown):
            say(asked, SAME)
            give(asked, {"done": False, "changes": [], **_plain(plan.before)})
            return
        differences = meeting_facts.differences(plan.before, shown, house)
        _preview(asked, series, plan, shown, differences)
        _say_no_link(asked, house, shown)
        result = {"changes": [each._asdict() for each in differences], **_plain(shown)}
        if not go_ahead(asked):
            give(asked, {"done": False, **result})
            return
        plan.request.validate_only, plan.request.request_id = False, secrets.token_hex(16)
        done = await _update(site, asked, house, plan)
        say(asked, f'Done: "{done.title}" is changed.')
        give(asked, {"done": True, **result, **_plain(done)})

    await until_current(asked, attempt)


def _say_no_link(asked: argparse.Namespace, house: House, shown: meeting_pb2.Meeting) -> None:
    """Which account hosts it is told to nobody: without a link of its own nobody could join."""
    if not shown.online_host or shown.online.url or shown.online.phone:
        return
    link = next(
        (each.join_url for each in house.rooms if each.name == shown.online_host and each.join_url), "https://..."
    )
    say(asked, f"It has no link yet, so nobody can join: --link {link}")


async def _update(site: Site, asked: argparse.Namespace, house: House, plan: Plan) -> meeting_pb2.Meeting:
    """Raises Failure where rooms cannot be had."""
    call = site.meetings.UpdateMeeting(plan.request, timeout=PATIENCE)
    return await unless_taken(asked, house, to_schedule(plan.request.meeting.schedule), call, if_taken.ADVICE)


async def _fill(asked: argparse.Namespace, house: House, meeting: meeting_pb2.Meeting) -> list[str]:
    """Puts what was said, but for the schedule, into the meeting, and names the paths."""
    paths = [*meeting_fields.fill(asked, meeting), *await meeting_where.fill(asked, house, meeting)]
    if asked.programme is not None:
        put(meeting.programmes, [_programme(each, house) for each in asked.programme])
        paths.append("programmes")
    if asked.agenda is not None:
        known = list(meeting.sessions)
        put(meeting.sessions, sessions.read(asked.agenda, house, known) if asked.agenda else [])
        paths.append("sessions")
    opens = meeting_when.registration(asked, house)
    if opens is not None:
        meeting.registration_opens = opens
        paths.append("registration_opens")
    return paths


def _programme(text: str, house: House) -> schedule_pb2.Programme:
    try:
        return programmes.read(text, house.today)
    except Unclear as error:
        raise Failure(f"--programme: {error}", USAGE) from None


async def _plan(asked: argparse.Namespace, house: House, series: Series) -> Plan:
    """The request, and how that part is now. Raises Failure where nothing is to be changed."""
    before, base, key = _following(asked, house, series) if asked.scope_from else _whole(series)
    wanted = meeting_pb2.Meeting()
    wanted.CopyFrom(before)
    schedule, paths = meeting_when.changed(asked, house, base)
    wanted.schedule.CopyFrom(from_schedule(schedule))
    paths += await _fill(asked, house, wanted)
    if not paths and not asked.follow_source:
        raise Failure("say what is to be changed: `openchair meeting edit --help` lists it", USAGE)
    request = pb.UpdateMeetingRequest(
        meeting=wanted,
        scope=pb.EDIT_SCOPE_FOLLOWING if key else pb.EDIT_SCOPE_ALL,
        occurrence=key_text(key) if key else "",
        orphans=_orphans(asked),
        reason=asked.because or "",
        follow_source=asked.follow_source,
        on_clash=if_taken.policy(asked),
        overrule_reason=asked.reason,
    )
    request.update_mask.paths.extend(paths)
    return Plan(request, before, key.date if key else None)


def _orphans(asked: argparse.Namespace) -> pb.OrphanPolicy.ValueType:
    if asked.keep_changed:
        return pb.ORPHAN_POLICY_KEEP
    return pb.ORPHAN_POLICY_DROP if asked.drop_changed else pb.ORPHAN_POLICY_UNSPECIFIED


def _whole(series: Series) -> tuple[meeting_pb2.Meeting, Schedule, None]:
    return series.named, to_schedule(series.named.schedule), None


def _following(asked: argparse.Namespace, house: House, series: Series) -> tuple[meeting_pb2.Meeting, Schedule, Key]:
    """The part that has the first date from that day on, as it is from there on. Raises Failure."""
    since = house.day("--from", asked.scope_from)
    found = [(key, part) for part in series.parts if (key := next(keys_of(to_schedule(part.schedule), since), None))]
    if not found:
        raise Failure(f"--from: it has no date from {full(since)} on", USAGE)
    key, part = min(found, key=lambda each: each[0])
    undisturbed: tuple[Deviation, ...] = ()
    parts = edits.split(to_schedule(part.schedule), undisturbed, key)
    base = parts[1].schedule if parts else to_schedule(part.schedule)
    before = meeting_pb2.Meeting()
    before.CopyFrom(part)
    before.schedule.CopyFrom(from_schedule(base))
    put(before.changes, [each for each in part.changes if parse_date("date", each.date) >= key.date])
    return before, base, key


def _same(plan: Plan, shown: meeting_pb2.Meeting) -> bool:
    """Whether everything that is named would be as it is; what is not named stays, or moves with every write."""
    named = {path.partition(".")[0] for path in plan.request.update_mask.paths}
    return not plan.request.follow_source and all(getattr(shown, each) == getattr(plan.before, each) for each in named)


def _preview(
    asked: argparse.Namespace,
    series: Series,
    plan: Plan,
    shown: meeting_pb2.Meeting,
    found: list[Difference],
) -> None:
    before, after = _held(plan.before), _held(shown)
    say(asked, f'"{plan.before.title}", {_which(series, plan)}:')
    say(asked, "\n".join(changed_lines(found)) or UNSEEN)
    told = [
        dates.counted(before, endless=not dates.ends(plan.before)),
        dates.counted(after, endless=not dates.ends(shown)),
    ]
    if [each.start for each in before[: dates.NEXT]] == [each.start for each in after[: dates.NEXT]]:
        say(asked, f"This changes {told[1]}.")
        _say_dates(asked, "Its next dates:", shown)
    else:
        say(asked, f"Before: {told[0]}\nAfter:  {told[1]}")
        _say_dates(asked, "Next dates before:", plan.before)
        _say_dates(asked, "Next dates after:", shown)
    _say_parts(asked, series, plan)


def _held(meeting: meeting_pb2.Meeting) -> list[dates.Date]:
    """Its dates that are not over and not cancelled."""
    return [each for each in dates.coming([meeting], SystemClock().now()) if not each.cancelled]


def _others(series: Series, plan: Plan) -> list[meeting_pb2.Meeting]:
    """Other parts of the series that have dates to come: this does not touch them."""
    return [part for part in series.parts if part.name != plan.before.name and _held(part)]


def _which(series: Series, plan: Plan) -> str:
    """Which dates it is about, so that nobody takes a part of a series for all of it."""
    last = last_key(to_schedule(plan.before.schedule))
    until = f" until {full(last.date)}" if last and _others(series, plan) else ""
    if plan.since:
        return f"from {full(plan.since)} on{until and ','}{until}; dates before it stay as they are"
    return f"only its dates{until}" if until else "all its dates"


def _say_parts(asked: argparse.Namespace, series: Series, plan: Plan) -> None:
    """Other parts of the series: from when on it was changed before, and how they are reached."""
    for part in _others(series, plan):
        held = dates.counted(_held(part), endless=not dates.ends(part))
        say(asked, f"Not touched: {held}. To change these, say the same of {id_of(part)}")


def _say_dates(asked: argparse.Namespace, head: str, meeting: meeting_pb2.Meeting) -> None:
    say(asked, head)
    say(asked, "\n".join(meeting_facts.next_lines(dates.coming([meeting], SystemClock().now()))))


def _plain(meeting: meeting_pb2.Meeting, *, new: bool = False) -> dict[str, object]:
    """For a program; what is only shown has no id yet."""
    plain = meeting_facts.plain(meeting)
    if new:
        plain["id"] = plain["name"] = ""
    return {"meeting": plain, "next_dates": meeting_facts.plain_dates(dates.coming([meeting], SystemClock().now()))}
