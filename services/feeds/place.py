"""Where an event is held and how it is joined: LOCATION, GEO, Apple's structured location, CONFERENCE, URL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icalendar import vUri
from openchair.meetings.v1 import meeting_pb2

from services.feeds.face import join_link, join_phone, location
from services.feeds.text import line
from services.formats import words

if TYPE_CHECKING:
    from icalendar import Event

    from services.feeds.face import Face

_RADIUS = "70"  # metres: the size of a house


def add_to(event: Event, shown: Face, website: str = "") -> None:
    """Adds what its reader may know of it. `website` is the URL of what has no link to join by."""
    if where := location(shown):
        event.add("LOCATION", where)
    if shown.mode != meeting_pb2.MODE_ONLINE:
        _add_position(event, shown.venue)
    _add_joining(event, shown, website)


def _add_position(event: Event, venue: meeting_pb2.Venue) -> None:
    """Not for coordinates that mean an area: a pin would send people to a stranger's door."""
    known = venue.HasField("latitude") and venue.HasField("longitude")
    if not known or venue.approximate or not (abs(venue.latitude) <= 90 and abs(venue.longitude) <= 180):  # noqa: PLR2004 - degrees
        return
    latitude, longitude = round(venue.latitude, 6), round(venue.longitude, 6)
    event.add("GEO", (latitude, longitude))
    title = _quotable(venue.title) or "Meeting"
    address = _quotable(venue.address)
    params = {"VALUE": "URI"} | ({"X-ADDRESS": address} if address else {})
    params |= {"X-APPLE-RADIUS": _RADIUS, "X-TITLE": title}
    event.add("X-APPLE-STRUCTURED-LOCATION", vUri(f"geo:{latitude:.6f},{longitude:.6f}", params=params))


def _add_joining(event: Event, shown: Face, website: str) -> None:
    """CONFERENCE (RFC 7986 section 5.11), and URL for clients that do not know it."""
    link = join_link(shown)
    if link:
        event.add("CONFERENCE", vUri(link, params={"VALUE": "URI", "FEATURE": "VIDEO"}))
    if phone := join_phone(shown):
        number = re.sub(r"[^0-9+*,]", "", phone)
        event.add("CONFERENCE", vUri(f"tel:{number}", params={"VALUE": "URI", "FEATURE": "PHONE"}))
    if page := link or words.link(website):
        event.add("URL", vUri(page))


def _quotable(value: str) -> str:
    """Text that may stand between double quotes, RFC 5545 section 3.2."""
    return line(value).replace('"', "'")
