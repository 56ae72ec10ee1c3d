"""Whether the rooms of one date that is to be changed can be had: asked before anybody says yes to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec
from openchair.meetings.v1 import booking_pb2, meeting_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.cli import book_clashes, if_taken
from services.cli.asking import NOTHING, give
from services.cli.server import PATIENCE
from services.cli.shell import Failure
from services.kit.client import RpcError
from services.recurrence.types import Schedule
from services.recurrence.wire import from_schedule

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from services.cli.dates import Date
    from services.cli.house import House
    from services.cli.server import Site

_REFUSED: Final = frozenset({booking_pb2.CLASH_KIND_TAKEN, booking_pb2.CLASH_KIND_NOT_OPEN})
"""A closure refuses no change of a meeting: it is laid over the date."""

_WHERE_AND_WHEN: Final = frozenset({"start", "minutes", "rooms", "place", "mode"})
"""Other words about a date that has lost its room are not refused for it."""


def alone(date: Date) -> Schedule:
    """One date as it is now, as a schedule of its own."""
    minutes = (date.end - date.start) // timedelta(minutes=1)
    return Schedule(start=date.local, zone=date.meeting.schedule.time_zone, minutes=minutes)


async def refuse_taken(
    site: Site,
    asked: argparse.Namespace,
    house: House,
    date: Date,
    change: meeting_pb2.OccurrenceChange,
    paths: Sequence[str],
) -> None:
    """Raises Failure, with the clashes shown, where the server would refuse the change. An agenda's rooms it leaves."""
    rooms = _rooms(date, change, paths)
    if not rooms or if_taken.policy(asked) != if_taken.REFUSE or _WHERE_AND_WHEN.isdisjoint(paths):
        return
    schedule = _changed(alone(date), change)
    wanted = booking_pb2.Booking(schedule=from_schedule(schedule))
    request = pb.CheckBookingRequest(
        parent=house.centre.name, rooms=rooms, booking=wanted, instead_of=date.meeting.name
    )
    try:
        found = await site.rooms.CheckBooking(request, timeout=PATIENCE)
    except RpcError:  # what is wrong with it is said by the change itself
        return
    if any(each.kind in _REFUSED for each in found.clashes):
        book_clashes.refused(asked, house, schedule, found)
        give(asked, {"done": False, "check": book_clashes.plain(found)})
        raise Failure(f"{NOTHING} {if_taken.ADVICE}")


def _rooms(date: Date, change: meeting_pb2.OccurrenceChange, paths: Sequence[str]) -> list[str]:
    """The rooms that it would be in; none where it is held online."""
    usual = date.change or meeting_pb2.OccurrenceChange()
    mode = change.mode if "mode" in paths else usual.mode or date.meeting.mode
    if mode == meeting_pb2.MODE_ONLINE:
        return []
    if "rooms" in paths or "place" in paths:
        return list(change.rooms)
    return list(usual.rooms if usual.HasField("place") else date.meeting.rooms)


def _changed(schedule: Schedule, change: meeting_pb2.OccurrenceChange) -> Schedule:
    start = datetime.fromisoformat(change.start) if change.start else schedule.start
    return msgspec.structs.replace(schedule, start=start, minutes=change.minutes or schedule.minutes)
