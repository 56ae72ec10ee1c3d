"""What was found, in columns: when, what, where and how far, how to join."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import meeting_pb2, occurrence_pb2
from openchair.rsvps.v1 import list_rules_pb2

from services.cli import when

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openchair.meetings.v1 import meeting_service_pb2 as pb

HEADS: Final = ("WHEN", "WHAT", "WHERE", "HOW TO JOIN")
WIDEST: Final = 60
KILOMETRE: Final = 1_000
NEAR: Final = 100  # metres

_STATES: Final = {
    occurrence_pb2.OCCURRENCE_STATE_CANCELLED: "CANCELLED",
    occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED: "not confirmed: ask before you go",
}

_PLACES: Final = {
    list_rules_pb2.AVAILABILITY_WAITLIST: "waitlist",
    list_rules_pb2.AVAILABILITY_FULL: "FULL",
}


def table(found: Sequence[pb.FoundMeeting]) -> list[str]:
    """A line for each date of each meeting."""
    rows = [HEADS, *chain.from_iterable(map(_rows, found))]
    widths = [min(WIDEST, max(len(row[column]) for row in rows)) for column in range(len(HEADS))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(one: pb.FoundMeeting) -> list[tuple[str, str, str, str]]:
    if not one.next_dates:
        return [("no date soon", _what(one, None), _where(one, None), _join(one, None))]
    return [(_when(date), _what(one, date), _where(one, date), _join(one, date)) for date in one.next_dates]


def _when(date: pb.FoundDate) -> str:
    """At the place's own time, with the weekday and the year."""
    return when.full(datetime.fromisoformat(date.local_start))


def _what(one: pb.FoundMeeting, date: pb.FoundDate | None) -> str:
    """Title and fellowship; and whatever somebody must know before going."""
    said = [(date.title if date else "") or one.title]
    if one.fellowship:
        said[0] += f" ({one.fellowship})"
    if date is not None:
        word = _PLACES.get(one.availability, "") if date.name == one.next_dates[0].name else ""
        said += [*date.programmes, _STATES.get(date.state, ""), date.reason, word]
    if one.doubtful:
        said.append("people found nobody lately: ask before you go")
    return "; ".join(filter(None, said))


def _where(one: pb.FoundMeeting, date: pb.FoundDate | None) -> str:
    """The place of that date, with the distance of the usual one."""
    mode = (date.mode if date else 0) or one.mode
    elsewhere = date is not None and date.HasField("venue")
    venue = date.venue if date is not None and elsewhere else one.venue
    if mode == meeting_pb2.MODE_ONLINE:
        return "online"
    area = "" if venue.area in venue.address else venue.area
    place = ", ".join(filter(None, (venue.title, venue.address, area))) or "not told to everybody"
    if one.HasField("distance_m") and not elsewhere:
        place = f"{far(one.distance_m)}: {place}"
    return f"{place}, and online" if mode == meeting_pb2.MODE_HYBRID else place


def far(metres: int) -> str:
    """A distance."""
    if metres < KILOMETRE:
        return f"{round(metres / NEAR) * NEAR} m" if metres >= NEAR else "here"
    return f"{metres / KILOMETRE:.1f} km" if metres < 10 * KILOMETRE else f"{metres / KILOMETRE:.0f} km"


def _join(one: pb.FoundMeeting, date: pb.FoundDate | None) -> str:
    """The link and the number, where there are any that everybody may know."""
    mode = (date.mode if date else 0) or one.mode
    if mode == meeting_pb2.MODE_IN_PERSON:
        return "come"
    told = ", ".join(filter(None, ((date.url if date else "") or one.url, one.phone)))
    return told or "ask: the link is not public"
