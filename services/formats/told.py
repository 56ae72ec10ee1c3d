"""How much of where a meeting is a reader may know: its home leaves out the rest, and this is the second lock. Pure."""

from __future__ import annotations

from openchair.meetings.v1 import meeting_pb2, place_pb2

_OPEN = frozenset({place_pb2.ADDRESS_ACCESS_UNSPECIFIED, place_pb2.ADDRESS_ACCESS_PUBLIC})


def finds(venue: meeting_pb2.Venue, *, holder: bool = False) -> bool:
    """Whether the reader may know where it is, down to the room. `holder`: of the group's invite code."""
    return venue.address_access in _OPEN or (holder and venue.address_access == place_pb2.ADDRESS_ACCESS_HOLDERS)


def as_told(venue: meeting_pb2.Venue, *, holder: bool) -> meeting_pb2.Venue:
    """As much of a venue as the reader may know."""
    if finds(venue, holder=holder):
        return venue
    area = venue.area if venue.address_access == place_pb2.ADDRESS_ACCESS_AREA_ONLY else ""
    return meeting_pb2.Venue(area=area, accessibility=venue.accessibility, address_access=venue.address_access)
