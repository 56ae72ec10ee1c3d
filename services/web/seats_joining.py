"""How whoever keeps a seat joins, and where it is: as much as the service told them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from services.formats import words
from services.web.line import Place, place

if TYPE_CHECKING:
    from openchair.meetings.v1 import meeting_pb2


class Joining(NamedTuple):
    """What stands on the page of one's own seat."""

    url: str
    host: str
    phone: str
    passcode: str
    notes: tuple[str, ...]
    place: Place


def joining(meeting: meeting_pb2.Meeting) -> Joining:
    """What was told."""
    online = meeting.online
    url = words.link(online.url) or ""
    return Joining(
        url=url,
        host=url.split("/")[2] if url else "",
        phone=words.phone(online.phone) or "",
        passcode=online.passcode,
        notes=tuple(filter(None, (each.strip() for each in online.notes.split("\n")))),
        place=place(meeting.venue) if meeting.venue.address else Place(),
    )
