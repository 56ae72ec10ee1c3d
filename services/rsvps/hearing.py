"""A meeting as this service hears of it: of its message what seats need, and nothing else. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

import msgspec
from openchair.meetings.v1 import meeting_pb2

from services.kit.clock import instant
from services.kit.reactor import Poison
from services.recurrence.schedule import check
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import to_deviation, to_schedule
from services.rsvps.types import MEMBERS, PUBLIC, UNLISTED, Differing, Part, Shown, Where

if TYPE_CHECKING:
    from openchair.meetings.v1 import group_pb2, schedule_pb2

    from services.recurrence.types import Schedule

WAYS: Final = {
    meeting_pb2.MODE_IN_PERSON: (Where.ROOM,),
    meeting_pb2.MODE_ONLINE: (Where.ONLINE,),
    meeting_pb2.MODE_HYBRID: (Where.ROOM, Where.ONLINE),
}
VISIBILITIES: Final = {
    meeting_pb2.VISIBILITY_PUBLIC: PUBLIC,
    meeting_pb2.VISIBILITY_UNLISTED: UNLISTED,
    meeting_pb2.VISIBILITY_MEMBERS: MEMBERS,
}


def shown(message: meeting_pb2.Meeting) -> Shown | None:
    """What a view says; None: its name alone, for whoever sees no more. Raises Poison for what cannot be a meeting."""
    if not message.HasField("schedule"):
        return None
    try:
        schedule = _schedule(message.schedule)
        changes = tuple(_change(each) for each in message.changes)
        days = tuple(_days(each) for each in message.day_changes)
    except RecurrenceError as error:
        raise Poison(f"its times cannot be read: {error.field}") from None
    if message.mode not in WAYS or message.visibility not in VISIBILITIES:
        raise Poison("it does not say how people take part, or who may know it")
    return Shown(
        title=message.title,
        kind=message.kind,
        schedule=schedule,
        ways=WAYS[message.mode],
        visibility=VISIBILITIES[message.visibility],
        group=message.invite_group.rpartition("/")[2],
        active=message.state == meeting_pb2.MEETING_STATE_ACTIVE,
        deleted=message.state == meeting_pb2.MEETING_STATE_CANCELLED,
        changes=changes,
        rooms=tuple(message.rooms),
        day_changes=days,
    )


def digests(group: group_pb2.Group) -> tuple[tuple[str, str], ...]:
    """The digests of a group's invite codes, each with the instant at which it ends ("": it does not)."""
    return tuple(
        (each.digest, instant(each.expire_time.ToDatetime(UTC)) if each.HasField("expire_time") else "")
        for each in group.invite_codes
    )


def heard(before: Part, view: str, said: Shown | None, order: tuple[int, int], lineage: str) -> Part:
    """The part with a newer state of one view; None: there is nothing in it (any more)."""
    lineage = lineage or before.lineage
    if view == "public":
        return msgspec.structs.replace(before, public=said, public_order=order, lineage=lineage)
    return msgspec.structs.replace(before, private=said, private_order=order, lineage=lineage)


def _schedule(message: schedule_pb2.Schedule) -> Schedule:
    schedule = to_schedule(message)
    check(schedule)
    return schedule


def _change(message: meeting_pb2.OccurrenceChange) -> Differing:
    times = to_deviation(message)
    if message.HasField("mode") and message.mode not in WAYS:
        raise Poison("a date does not say how people take part")
    return Differing(
        date=times.date,
        ordinal=times.ordinal,
        cancelled=times.cancelled,
        start=times.start,
        minutes=times.minutes,
        ways=WAYS[message.mode] if message.HasField("mode") else None,
        rooms=tuple(message.rooms),
    )


def _days(message: schedule_pb2.DayChange) -> tuple[str, Schedule, Schedule]:
    return message.time, _schedule(message.old_schedule), _schedule(message.new_schedule)
