"""What one series, or one of its dates, shows to its reader: title, place, how to join."""

from __future__ import annotations

import re
from itertools import dropwhile
from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_pb2

from services.feeds.programmes import titles
from services.feeds.text import line
from services.formats import words
from services.formats.told import as_told, finds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openchair.meetings.v1.schedule_pb2 import Programme

    from services.feeds.series import Date


class Face(NamedTuple):
    """The series' fields with those of the date laid over them.

    `holder`: to whoever has an invite code of the meeting's group; else to everybody. `programmes`: what is special.
    """

    title: str
    mode: int
    notes: str
    venue: meeting_pb2.Venue
    online: meeting_pb2.Online
    who_may_come: int = 0
    reason: str = ""
    holder: bool = False
    programmes: tuple[Programme, ...] = ()
    unconfirmed: bool = False


def face(
    meeting: meeting_pb2.Meeting, programmes: tuple[Programme, ...] = (), date: Date | None = None, *, holder: bool
) -> Face:
    """The face of the series on whose dates all this is special, or of one date."""
    change = date.change if date is not None else None
    programmes = date.programmes if date is not None else programmes
    who = next((each.who_may_come for each in programmes if each.who_may_come), meeting.who_may_come)
    special = titles(programmes)
    title = f"{line(meeting.title) or 'Meeting'} ({special})" if special else meeting.title
    plain = Face(title, meeting.mode, meeting.notes, as_told(meeting.venue, holder=holder), meeting.online, who)
    shown = plain._replace(holder=holder, programmes=programmes)
    return shown if change is None else _changed(shown, change)


def _changed(shown: Face, change: meeting_pb2.OccurrenceChange) -> Face:
    venue = shown.venue
    if change.HasField("venue"):
        venue = as_told(change.venue, holder=shown.holder)
    elif change.rooms:  # other rooms there, of which nobody says what they are called: not those of the series
        venue = meeting_pb2.Venue()
        venue.CopyFrom(shown.venue)
        del venue.rooms[:]
    return shown._replace(
        title=change.title if change.HasField("title") else shown.title,
        mode=change.mode if change.HasField("mode") else shown.mode,
        notes=change.notes if change.HasField("notes") else shown.notes,
        venue=venue,
        online=change.online if change.HasField("online") else shown.online,
        reason=change.reason,
        unconfirmed=change.unconfirmed,
    )


def is_told(shown: Face) -> bool:
    """Whether the reader may know where it is, down to the room."""
    return finds(shown.venue, holder=shown.holder)


def join_link(shown: Face) -> str:
    """The link to join by, or ""."""
    return words.link(shown.online.url) or "" if _from_afar(shown) else ""


def join_phone(shown: Face) -> str:
    """The number to dial, as written, or ""."""
    return words.phone(shown.online.phone) or "" if _from_afar(shown) else ""


def location(shown: Face) -> str:
    """One line: rooms, place and address (or area); the link for what is online only."""
    if shown.mode == meeting_pb2.MODE_ONLINE:
        return join_link(shown) or "Online"
    venue = shown.venue
    where = (*venue.rooms, venue.title, venue.address or venue.area)
    return ", ".join(text for text in map(line, where) if text)


def street(shown: Face, names: Iterable[str]) -> str:
    """The address alone, from its first number on, without any part of it that says one of these names.

    "" for what is online only, and for an address without a number: it may be the name of a house.
    """
    if shown.mode == meeting_pb2.MODE_ONLINE:
        return ""
    told = [re.compile(rf"\b{re.escape(name)}\b") for name in (line(name).casefold() for name in names) if name]
    parts = [part.strip() for part in line(shown.venue.address).split(",")]
    numbered = dropwhile(lambda part: not any(map(str.isdigit, part)), parts)
    return ", ".join(part for part in numbered if part and not any(name.search(part.casefold()) for name in told))


def _from_afar(shown: Face) -> bool:
    """Whether the reader may join it from afar: what is not said to be public is not."""
    by_code = shown.holder and shown.online.access == meeting_pb2.ONLINE_ACCESS_INVITE_CODE
    may = by_code or shown.online.access == meeting_pb2.ONLINE_ACCESS_PUBLIC
    return may and shown.mode != meeting_pb2.MODE_IN_PERSON
