"""What everybody sees of a meeting that came in, without a service: as the service makes it of a row."""

from __future__ import annotations

import msgspec
from openchair.meetings.v1 import centre_pb2, import_pb2, meeting_pb2

from services.meetings import records, rows
from services.meetings.edits import with_venues
from services.meetings.types import AddressAccess, Meeting, Place
from services.meetings.types_imports import Import

AT = "2026-11-21T12:00:00.000Z"
INTENT = Import(id="i", centre="house", created_at=AT, source="list")
CENTRE = centre_pb2.Centre(
    name="centres/house", title="The House", time_zone="America/Edmonton", website="https://house.example.org"
)
BASE = "https://house.example.org"


def place_of(row: import_pb2.ImportRow) -> Place | None:
    if not row.HasField("place"):
        return None
    blank = Place(id="p" + rows.place_key(INTENT, row)[:8], centre="house", created_at=AT, title="")
    return rows.wanted_place(row, blank, AddressAccess.PUBLIC)


def housed(row: import_pb2.ImportRow, current: Meeting | None = None) -> Meeting:
    """The meeting that the row makes."""
    assert rows.problems(row) == ()
    place = place_of(row)
    meeting = rows.wanted_meeting(row, INTENT, current, place.id if place else "", AT)
    return with_venues(meeting, {place.id: place} if place else {}, {})


def seen(meeting: Meeting, **changes: object) -> meeting_pb2.Meeting:
    """Its public view."""
    view = records.public_view(msgspec.structs.replace(meeting, **changes))
    assert isinstance(view, meeting_pb2.Meeting)
    return view


def alike(meeting: Meeting) -> Meeting:
    """What of a meeting must be the same after it went out and came in again."""
    source = meeting.source and msgspec.structs.replace(meeting.source, digest="", original="", by="")
    told = meeting.online if meeting.online and (meeting.online.url or meeting.online.phone) else None
    online = told and msgspec.structs.replace(told, notes="")
    return msgspec.structs.replace(meeting, source=source, online=online)
