"""What a person reads of a meeting: title, place, how to join. Plain text, safe to put into any calendar."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.formats import words
from services.formats.codes import type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What could end a line in some parser, or reverse or hide text: C0 and C1 but line feed and tab, line and paragraph
# separators, bidirectional controls, zero-width characters but the joiners (emoji and Persian need them).
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff]"
)
_OPEN = frozenset({place_pb2.ADDRESS_ACCESS_UNSPECIFIED, place_pb2.ADDRESS_ACCESS_PUBLIC})
_MODES: dict[int, str] = {
    meeting_pb2.MODE_IN_PERSON: "In person",
    meeting_pb2.MODE_ONLINE: "Online",
    meeting_pb2.MODE_HYBRID: "In person and online",
}


class Face(NamedTuple):
    """What one series, or one of its dates, shows: the series' fields with those of the date laid over them.

    `holder`: to whoever has an invite code of the meeting's group; else to everybody.
    """

    title: str
    mode: int
    notes: str
    venue: meeting_pb2.Venue
    online: meeting_pb2.Online
    reason: str = ""
    holder: bool = False


def face(
    meeting: meeting_pb2.Meeting, change: meeting_pb2.OccurrenceChange | None = None, *, holder: bool = False
) -> Face:
    """The face of the series, or of the date that `change` is about."""
    if change is None:
        venue = _told(meeting.venue, holder=holder)
        return Face(meeting.title, meeting.mode, meeting.notes, venue, meeting.online, holder=holder)
    return Face(
        change.title if change.HasField("title") else meeting.title,
        change.mode if change.HasField("mode") else meeting.mode,
        change.notes if change.HasField("notes") else meeting.notes,
        _told(change.venue if change.HasField("venue") else meeting.venue, holder=holder),
        change.online if change.HasField("online") else meeting.online,
        change.reason,
        holder=holder,
    )


def _told(venue: meeting_pb2.Venue, *, holder: bool) -> meeting_pb2.Venue:
    """As much of a venue as the reader may know: its home leaves out the rest, and this is the second lock."""
    level = venue.address_access
    if level in _OPEN or (holder and level == place_pb2.ADDRESS_ACCESS_HOLDERS):
        return venue
    area = venue.area if level == place_pb2.ADDRESS_ACCESS_AREA_ONLY else ""
    return meeting_pb2.Venue(area=area, accessibility=venue.accessibility)


def clean(text: str) -> str:
    """Text of several lines without anything that could break a line or deceive a reader."""
    unbroken = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return unicodedata.normalize("NFC", _UNSAFE.sub("", unbroken)).strip()


def line(text: str) -> str:
    """Text of one line."""
    return " ".join(clean(text).split())


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


def description(meeting: meeting_pb2.Meeting, shown: Face) -> str:
    """Everything else a person wants to know before going, a fact a line."""
    return "\n".join(text for text in _facts(meeting, shown) if text)


def _facts(meeting: meeting_pb2.Meeting, shown: Face) -> Iterator[str]:
    yield clean(shown.reason)
    yield _listed((_MODES.get(shown.mode, ""), line(meeting.fellowship)))
    yield _labelled("Group", line(meeting.group))
    yield _labelled("Types", _listed(_type(meeting.fellowship, code) for code in meeting.types))
    yield clean(shown.notes)
    yield _labelled("Join online", join_link(shown))
    yield _labelled("Join by phone", join_phone(shown))
    yield _labelled("How to get in", clean(shown.venue.notes))
    accessible = dict.fromkeys(map(line, (*meeting.accessibility, *shown.venue.accessibility)))
    yield _labelled("Accessibility", _listed(accessible))


def _from_afar(shown: Face) -> bool:
    """Whether the reader may join it from afar: what is not said to be public is not."""
    by_code = shown.holder and shown.online.access == meeting_pb2.ONLINE_ACCESS_INVITE_CODE
    may = by_code or shown.online.access == meeting_pb2.ONLINE_ACCESS_PUBLIC
    return may and shown.mode != meeting_pb2.MODE_IN_PERSON


def _type(fellowship: str, code: str) -> str:
    """The name of a format, or its code where the name is not known."""
    return line(type_name(fellowship, code) or code)


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(text for text in texts if text)


def _labelled(label: str, text: str) -> str:
    return f"{label}: {text}" if text else ""
