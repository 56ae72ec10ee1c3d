"""What is in the way of a booking, date by date, and what would work instead, numbered so that one can be taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import msgspec
from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli.asking import NOTHING, give, say
from services.cli.clashes import attached
from services.cli.columns import WIDTH, table
from services.cli.data import whole
from services.cli.rhythm import said
from services.cli.shell import Failure
from services.cli.when import short, span
from services.kit.client import RpcError, explain
from services.recurrence.types import ByDay, Frequency
from services.recurrence.wire import parse_key
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from services.cli.house import House
    from services.recurrence.types import Rule, Schedule

M = TypeVar("M")
Report: TypeAlias = "booking_pb2.ClashReport | pb.CheckBookingResponse"

_SHOWN: Final = 10
_SKIPPED: Final = 4
_COUNTED: Final = 1_000
"""Where the server may have stopped counting."""
_WEEK: Final = 7
_KINDS: Final = {
    booking_pb2.CLASH_KIND_TAKEN: "taken",
    booking_pb2.CLASH_KIND_NOT_OPEN: "not open",
    booking_pb2.CLASH_KIND_CLOSED: "closed",
    booking_pb2.CLASH_KIND_RULE: "against a rule of the room",
}


def in_the_way(report: Report, house: House, zone: str) -> list[str]:
    """A table that is indented by two, in order of time, in the local time of `zone`; how many are left out is said."""
    shown = list(report.clashes)[:_SHOWN]
    rooms = {each.room for each in shown}
    rows = [
        (
            _times(each.start_time, each.end_time, zone),
            house.titles([each.room])[0] * (len(rooms) > 1),
            why(each, house, zone),
        )
        for each in shown
    ]
    more = max(report.total, len(report.clashes)) - len(shown)
    least = ", at least" if report.total % _COUNTED == 0 else ""
    return table(("WHEN", "ROOM", "IN THE WAY"), rows, WIDTH - 2) + ([f"and {more} more{least}"] if more > 0 else [])


def one(clash: booking_pb2.Clash, house: House, zone: str) -> str:
    """One date and what is on besides: 'Tue 1 Dec 2026 19:00 to 20:00: taken by Tuesday Group, 18:30 to 20:00'."""
    return f"{_times(clash.start_time, clash.end_time, zone)}: {why(clash, house, zone)}"


def why(clash: booking_pb2.Clash, house: House, zone: str) -> str:
    """Why that date cannot be had: 'taken by Tuesday Group, 18:30 to 20:00'; "opens at 09:00"."""
    kind = _KINDS.get(clash.kind, "")
    if clash.kind != booking_pb2.CLASH_KIND_TAKEN:
        reason = clash.reason.removeprefix("is ")  # "not open on Sundays" says it all
        return reason if reason.startswith(kind) else f"{kind}: {reason}"
    named = clash.taken_by if clash.taken_by and clash.taken_by != "busy" else "something else"
    parts = [f"taken by {named}"]
    if clash.HasField("taken_start_time"):
        parts.append(_hours(clash, zone))
    if clash.taken_room and clash.taken_room != clash.room:
        parts.append(f"in {house.titles([clash.taken_room])[0]}, which cannot be had with it")
    return ", ".join(parts)


def _hours(clash: booking_pb2.Clash, zone: str) -> str:
    """From when to when it is taken; with the day where that is another one."""
    start, end = _local(clash.taken_start_time, zone), _local(clash.taken_end_time, zone)
    same = start.date() == end.date() == _local(clash.start_time, zone).date()
    return f"{start:%H:%M} to {end:%H:%M}" if same else span(start, end)


def _times(start: Timestamp, end: Timestamp, zone: str) -> str:
    return span(_local(start, zone), _local(end, zone))


def _local(instant: Timestamp, zone: str) -> datetime:
    return to_local(instant.ToDatetime(tzinfo=UTC), zone)


def instead(report: Report, house: House, schedule: Schedule, wanted: Sequence[str] = ()) -> list[str]:
    """What would work, a line each, by the number that it is taken by. Another time is one for all `wanted` (names)."""
    return [f"  {n}  {_offer(each, house, schedule, wanted)}" for n, each in enumerate(report.alternatives, 1)]


def _offer(each: booking_pb2.Alternative, house: House, schedule: Schedule, wanted: Sequence[str]) -> str:
    room = " and ".join(house.titles([*wanted] if each.start and wanted else [each.room]))
    if in_part(each):
        left = [short(parse_key(key).date) for key in each.skipped[:_SKIPPED]]
        more = each.total - each.free - len(left)
        out = ", ".join([*left, *([f"{more} more"] if more > 0 else [])])
        return f"{room}, on {each.free} of {each.total} dates; not on {out}"
    if not each.start:
        return f"{room}, at the same time"
    moved = at(schedule, each.start)
    series = f" ({said(moved.rule, moved.start)})" if moved.rule else ""
    return f"{room}, {span(moved.start, moved.start + timedelta(minutes=moved.minutes))}{series}"


def in_part(each: booking_pb2.Alternative) -> bool:
    """Whether it leaves out dates of the series."""
    return each.free < each.total


def at(schedule: Schedule, start: str) -> Schedule:
    """The schedule, with its first date at that local time; where that is another day, its weekdays go with it."""
    if not start:
        return schedule
    first = datetime.fromisoformat(start)
    days = (first.date() - schedule.start.date()).days
    rule = _later(schedule.rule, days) if schedule.rule and days else schedule.rule
    return msgspec.structs.replace(schedule, start=first, rule=rule)


def _later(rule: Rule, days: int) -> Rule:
    """The weekly rule on weekdays that many days later; another rule as it is."""
    if rule.frequency is not Frequency.WEEKLY:
        return rule
    return msgspec.structs.replace(
        rule, by_day=tuple(sorted(ByDay((each.weekday + days) % _WEEK) for each in rule.by_day))
    )


def first(report: Report, house: House, zone: str) -> str:
    """The first thing that is in the way; of a series with its date."""
    one = report.clashes[0]
    several = len({each.key for each in report.clashes}) > 1
    when = f"{_times(one.start_time, one.end_time, zone)}: " if several else ""
    return when + why(one, house, zone)


async def unless_taken(
    asked: argparse.Namespace, house: House, schedule: Schedule, call: Awaitable[M], advice: str = ""
) -> M:
    """What a call answers. Where it is refused because of clashes they are shown, with what would work. Raises Failure.

    `advice` is a sentence about what can be said instead.
    """
    try:
        return await call
    except RpcError as error:
        report = attached(explain(error))
        if report is None:
            raise
        refused(asked, house, schedule, report)
        give(asked, {"done": False, "check": plain(report)})
        raise Failure(f"{NOTHING} {advice}".rstrip()) from None


def refused(asked: argparse.Namespace, house: House, schedule: Schedule, report: Report) -> None:
    """Says what is in the way, and what would work."""
    say(asked, "It cannot be had:")
    say(asked, "\n".join(f"  {line}" for line in in_the_way(report, house, schedule.zone)))
    offers = [each for each in report.alternatives if schedule.rule or not in_part(each)]  # one date has no part
    if offers:
        say(asked, "What would work:")
        say(asked, "\n".join(f"  {_offer(_on(each, schedule), house, schedule, ())}" for each in offers))


def _on(each: booking_pb2.Alternative, schedule: Schedule) -> booking_pb2.Alternative:
    """Of one date of a series: another hour of the whole series, which is free on each date, as one of that date."""
    if schedule.rule is not None or each.total <= 1 or not each.start:
        return each
    start = datetime.combine(schedule.start.date(), datetime.fromisoformat(each.start).time())
    return booking_pb2.Alternative(room=each.room, start=start.isoformat(timespec="minutes"), free=1, total=1)


def plain(report: Report) -> dict[str, Any]:
    """For a program."""
    return whole(report)
