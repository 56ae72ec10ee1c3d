"""The VCALENDAR around the events: its head as calendar programs want it, its time zones, its end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from icalendar import Calendar, vDuration, vUri
from icalendar.prop import vText

from services.feeds.text import clean, line
from services.feeds.vtimezone import vtimezone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from openchair.meetings.v1 import centre_pb2, meeting_pb2

    from services.feeds.filters import Filter

PRODID = "-//Openchair//Feeds 1//EN"
NEUTRAL_PRODID = "-//Calendar//Calendar 1//EN"
COLOR = "teal"  # a CSS3 name, RFC 7986 section 5.9
END = b"END:VCALENDAR\r\n"


class Kind(NamedTuple):
    """Which feed of a centre: its path and query below /calendars/, the names of calendar and file.

    Without a path it names neither the centre nor its own address, which may hold a code. `discreet`: it names nothing
    at all that is ours. `more` is what else its reader has to know of it.
    """

    path: str
    title: str
    file_name: str
    query: str = ""
    discreet: bool = False
    more: str = ""


def of_centre(centre: centre_pb2.Centre) -> Kind:
    """Everything a centre publishes."""
    id = centre.name.removeprefix("centres/")  # noqa: A001 - the word for it
    return Kind(f"{id}.ics", line(centre.title) or id, f"{id}.ics")


def of_meeting(centre: str, id: str, meeting: meeting_pb2.Meeting) -> Kind:  # noqa: A002 - the word for it
    """One meeting with all parts of its lineage, by the id of any of them; `meeting` gives the title."""
    return Kind(f"{centre}/meeting/{id}.ics", line(meeting.title) or "Meeting", f"{centre}-{id[:8]}.ics")


def of_part(centre: centre_pb2.Centre, what: str, id: str, title: str) -> Kind:  # noqa: A002 - the word for it
    """One room, fellowship or kind of a centre: "Riverside: NA"."""
    own = centre.name.removeprefix("centres/")
    name = f"{line(centre.title) or own}: {title}"
    return Kind(f"{own}/{what}/{id}.ics", name, f"{own}-{id[:40]}.ics")


def filtered(kind: Kind, wanted: Filter) -> Kind:
    """The same as a filter has it: two of one centre are told apart by their titles."""
    if wanted.word:
        return DISCREET
    if wanted.days or wanted.types:
        kind = kind._replace(more=LISTED)
    if not kind.path:
        return kind
    said = wanted.said()
    return kind._replace(query=wanted.query(), title=f"{kind.title} ({said})" if said else kind.title)


LISTED = "Where no rule says which dates these are, they are listed up to the end of the fifth month from now."
"""Of a calendar of some weekdays, or of what is special in some weeks (`series.horizon`)."""

DISCREET = Kind("", "Calendar", "calendar.ics", discreet=True)
"""Whatever it is about."""

INVITED = Kind("", "My meetings", "calendar.ics")
"""What an invite code opens."""


def head(
    kind: Kind, centre: centre_pb2.Centre, modified: datetime | None, zones: Iterable[str], base_url: str
) -> bytes:
    """All that comes before the first event. `modified` is the newest LAST-MODIFIED of the events, None without any.

    There is always the centre's own VTIMEZONE: a VCALENDAR must hold a component (RFC 5545 section 3.6).
    """
    body: bytes = _properties(kind, centre, modified, base_url).to_ical(sorted=False)
    wanted = sorted({centre.time_zone, *zones})
    return body.removesuffix(END) + b"".join(map(vtimezone, wanted))


def _properties(kind: Kind, centre: centre_pb2.Centre, modified: datetime | None, base_url: str) -> Calendar:
    text = "\n".join(filter(None, ((clean(centre.description) if kind.path else "") or kind.title, kind.more)))
    address = f"{base_url.rstrip('/')}/calendars/{quote(kind.path)}" + (f"?{kind.query}" if kind.query else "")
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", NEUTRAL_PRODID if kind.discreet else PRODID)
    calendar.add("CALSCALE", "GREGORIAN")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("NAME", kind.title)
    calendar.add("X-WR-CALNAME", vText(kind.title))
    calendar.add("DESCRIPTION", text)
    calendar.add("X-WR-CALDESC", vText(text))
    calendar.add("REFRESH-INTERVAL", vDuration(timedelta(hours=1)), {"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", vText("PT1H"))
    if kind.path:
        calendar.add("SOURCE", vUri(address, params={"VALUE": "URI"}))
        calendar.add("URL", vUri(address))
    # No UID (RFC 7986 section 5.3): vdirsyncer takes it for that of every event, and keeps a single one of them.
    if modified is not None:
        calendar.add("LAST-MODIFIED", modified)
    calendar.add("COLOR", COLOR)
    calendar.add("X-WR-TIMEZONE", vText(centre.time_zone))
    return calendar
