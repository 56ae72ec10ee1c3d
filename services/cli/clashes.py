"""Why a room cannot be had, and what could be: from a refusal, or a check, as lines for a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from openchair.meetings.v1 import booking_pb2

from services.cli.columns import WIDTH, table
from services.cli.shell import Failure
from services.cli.when import full, short, span
from services.kit.client import RpcError, explain
from services.recurrence.wire import parse_key
from services.recurrence.zones import to_local

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from google.protobuf.timestamp_pb2 import Timestamp
    from openchair.meetings.v1 import room_service_pb2 as pb

    from services.cli.house import House
    from services.kit.client import Problem

M = TypeVar("M")

KINDS: Final[Mapping[int, str]] = {1: "taken", 2: "not open", 3: "closed", 4: "against its rules"}
HEADS: Final = ("WHEN", "ROOM", "IN THE WAY")
NONE: Final[Mapping[str, str]] = {}
_PARTS: Final = "--part: these are booked at the same time, and would be in each other's way:"
_MOST_SKIPPED: Final = 5


def attached(problem: Problem) -> booking_pb2.ClashReport | None:
    """The report that came with a refusal; None: it is about something else."""
    report = booking_pb2.ClashReport()
    return report if any(detail.Unpack(report) for detail in problem.attached) else None


def told(
    report: booking_pb2.ClashReport | pb.CheckBookingResponse, zone: str = "UTC", titles: Mapping[str, str] = NONE
) -> list[str]:
    """What is in the way, a table in order of time, and what would work instead.

    Dates are told in `zone`. `titles` are those of rooms by their names; where a clash's is not among them it goes
    without saying.
    """
    rows = [_row(clash, zone, titles) for clash in report.clashes]
    lines = [f"  {line}" for line in table(HEADS, rows, WIDTH - 2)] if rows else []
    if (more := report.total - len(report.clashes)) > 0:
        lines.append(f"  and {more} more")
    if report.alternatives:
        lines.append("What could be had instead:")
        lines += [f"  {_offer(each)}" for each in report.alternatives]
    return lines


async def told_clashes(house: House, call: Awaitable[M]) -> M:
    """The answer of a call that says what a room is made of. Raises Failure with a table of what is in the way."""
    try:
        return await call
    except RpcError as error:
        problem = explain(error)
        report = attached(problem)
        if report is None:
            raise
        titles = {each.name: each.title for each in house.rooms}
        raise Failure("\n".join([_PARTS, *told(report, house.centre.time_zone, titles)])) from None


def _row(clash: booking_pb2.Clash, zone: str, titles: Mapping[str, str]) -> tuple[str, ...]:
    when = _stretch(clash.start_time, clash.end_time, zone)
    kind = KINDS.get(clash.kind, "")
    why = clash.reason if clash.reason.startswith(kind) else f"{kind}: {clash.reason}"
    return when, titles.get(clash.room, ""), why


def _stretch(start: Timestamp, end: Timestamp, zone: str) -> str:
    """From when to when, such as "Tue 24 Nov 2026 19:00 to 20:00"; another day of the end is named."""
    return span(_local(start, zone), _local(end, zone))


def _local(instant: Timestamp, zone: str) -> datetime:
    return to_local(instant.ToDatetime(tzinfo=UTC), zone)


def _offer(each: booking_pb2.Alternative) -> str:
    """A line such as "River Hall: Tuesday 24 November 2026 20:30", "River Hall: 48 of 52 dates, not ..."."""
    called = each.room_title or each.room
    when = full(datetime.fromisoformat(each.start)) if each.start else "at that time"
    if each.free == each.total:
        return f"{called}: {when}"
    days = [short(parse_key(key).date) for key in each.skipped[:_MOST_SKIPPED]]
    left = ", ".join([*days, *(["..."] if len(each.skipped) > _MOST_SKIPPED else [])])
    return f"{called}: {each.free} of {each.total} dates {when}{', not ' if left else ''}{left}"
