"""A series by what people call it. One that was changed from a date on has several parts, and one title."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.cli import dates
from services.cli.called import id_of, matches, not_one, pages
from services.cli.server import PATIENCE
from services.cli.shell import Failure
from services.kit.clock import SystemClock
from services.recurrence.schedule import first_key
from services.recurrence.wire import to_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from openchair.meetings.v1 import meeting_pb2

    from services.cli.dates import Date
    from services.cli.server import Site


class Series(NamedTuple):
    """Its parts in order of time; `named` is one that was called by its own id, or the one that is on now."""

    parts: tuple[meeting_pb2.Meeting, ...]
    named: meeting_pb2.Meeting

    @property
    def title(self) -> str:
        """What it is called."""
        return self.named.title

    def coming(self) -> list[Date]:
        """Its dates that are not over."""
        return dates.coming(self.parts, SystemClock().now())


async def every_meeting(site: Site, centre: str, *, cancelled: bool = False) -> list[meeting_pb2.Meeting]:
    """A centre's meetings."""
    request = pb.ListMeetingsRequest(parent=f"centres/{centre}", page_size=500, show_cancelled=cancelled)
    return await pages(site.meetings.ListMeetings, request, "meetings", PATIENCE)


async def find(site: Site, centre: str, wanted: str) -> Series:
    """The series that is called so: an id, a title or its beginning, the address of its calendar. Raises Failure."""
    meetings = await every_meeting(site, centre)
    text = wanted.rpartition("/")[2].removesuffix(".ics") if "/" in wanted else wanted
    found = matches(text, meetings, lambda each: each.title)
    if len({each.lineage for each in found}) != 1:
        shown = [(id_of(each), f"{each.title}, {dates.rhythm_of(each)}") for each in found]
        shown = shown or [(id_of(each), each.title) for each in meetings]
        raise Failure(not_one("meeting", wanted, shown, several=bool(found)))
    parts = sorted((each for each in meetings if each.lineage == found[0].lineage), key=_first)
    named = found[0] if id_of(found[0]) == text else _now(parts)
    return Series(tuple(parts), named)


def _first(meeting: meeting_pb2.Meeting) -> date:
    return first_key(to_schedule(meeting.schedule)).date


def _now(parts: Sequence[meeting_pb2.Meeting]) -> meeting_pb2.Meeting:
    """The part that has the next date; the last one where all dates are over."""
    now = SystemClock().now()
    return next((each for each in parts if dates.coming([each], now)), parts[-1])
