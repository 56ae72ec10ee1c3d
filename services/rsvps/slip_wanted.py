"""What a guest wants to have on a slip, and the slip that comes of it. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from openchair.rsvps.v1 import slip_pb2

from services.kit.clock import moment
from services.kit.errors import Invalid, Violation
from services.recurrence.zones import local_day, to_local
from services.rsvps.slip_token import Content
from services.rsvps.types import Where

if TYPE_CHECKING:
    from datetime import datetime

    from openchair.rsvps.v1 import rsvp_service_pb2

    from services.kit.clock import Ids
    from services.rsvps.types import Occasion, Part

MOST_DAYS: Final = 90
USUAL_DAYS: Final = 30
LONGEST_PERSON: Final = 80
LONGEST_TITLE: Final = 120
"""Characters of a title, so that the whole slip goes into one QR code."""

LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Of a number: none is taken for another where it is read off paper. Sixteen of them hold 79 bits."""

_ID: Final = re.compile(f"[{LETTERS}]{{16}}", re.ASCII)


class Wanted(NamedTuple):
    """What is to stand on it."""

    fields: frozenset[int]
    person: str
    days: int


def read(request: rsvp_service_pb2.IssueAttendanceSlipRequest) -> Wanted:
    """What was asked for. Raises Invalid, and does not repeat the name."""
    fields, person = frozenset(request.fields), request.person.strip()
    named = slip_pb2.SLIP_FIELD_NAME in fields
    if bool(person) != named or len(person) > LONGEST_PERSON:
        reason = f"must be 1 to {LONGEST_PERSON} characters with SLIP_FIELD_NAME, and empty without"
        raise Invalid(Violation("person", reason))
    if not 0 <= request.days <= MOST_DAYS:
        raise Invalid(Violation("days", f"must be from 1 to {MOST_DAYS}, or 0 for {USUAL_DAYS}"))
    return Wanted(fields, person, request.days or USUAL_DAYS)


def content(
    wanted: Wanted, part: Part, occasion: Occasion, where: Where, title: str, now: datetime, ids: Ids
) -> Content:
    """What the slip says. Dates and times are local to the meeting; valid until the end of a day there."""
    shown = part.private or part.public
    assert shown is not None
    zone = shown.schedule.zone
    start, end = (to_local(moment(each), zone) for each in (occasion.start, occasion.end))
    dated, timed = slip_pb2.SLIP_FIELD_DATE in wanted.fields, slip_pb2.SLIP_FIELD_TIMES in wanted.fields
    titled, way = slip_pb2.SLIP_FIELD_MEETING in wanted.fields, slip_pb2.SLIP_FIELD_ATTENDANCE in wanted.fields
    return Content(
        id="".join(ids.random.choices(LETTERS, k=16)),
        centre=f"centres/{part.centre}",
        centre_title=title[:LONGEST_TITLE],
        valid_until=(local_day(now, zone) + timedelta(days=wanted.days)).isoformat(),
        person=wanted.person,
        date=start.date().isoformat() if dated else "",
        start=f"{start:%H:%M}" if timed else "",
        end=f"{end:%H:%M}" if timed else "",
        meeting_title=shown.title[:LONGEST_TITLE] if titled else "",
        attendance=_way(where) if way else "",
    )


def message(content: Content) -> slip_pb2.SlipContent:
    """The same as a message."""
    return slip_pb2.SlipContent(
        id=content.id,
        centre=content.centre,
        centre_title=content.centre_title,
        person=content.person,
        date=content.date,
        start=content.start,
        end=content.end,
        meeting_title=content.meeting_title,
        attendance=content.attendance,
        valid_until=content.valid_until,
    )


def must_be_id(text: str) -> None:
    """Raises Invalid for what is no slip's number."""
    if not _ID.fullmatch(text):
        raise Invalid(Violation("name", "must end in the number that stands on the slip, 16 characters"))


def _way(where: Where) -> str:
    return "in person" if where is Where.ROOM else "online"
