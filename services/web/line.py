"""One meeting as it stands on a page: the series' own facts, with those of one date laid over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openchair.meetings.v1 import meeting_pb2, place_pb2

from services.formats import codes, words
from services.formats.told import as_told
from services.web import say
from services.web.details import Detail, Special, details, specials, who_may_come

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

NO_CHANGE: Final = meeting_pb2.OccurrenceChange()
_SAID_ELSEWHERE: Final = frozenset({codes.ONLINE, codes.CLOSED, "X", "XB"})


@dataclass(frozen=True)
class Place:
    """Where, as much as the public may know: "Hearth Room, Riverside House", and the address or the area."""

    name: str = ""
    address: str = ""
    notes: str = ""


@dataclass(frozen=True)
class Facts:
    """What a person wants to know before going. `about` are short words: fellowship, kind, who may come, language ...

    `special` is what is so on this date only, `details` what is folded away.
    `asks` stands in for the link where that is not public; `asks_code`: a code of the group is what opens it.
    `passcode` and `joining` (how to join, in paragraphs) are for holders of a code alone.
    """

    title: str
    mode: str
    mode_word: str
    about: tuple[str, ...]
    group: str
    place: Place
    access: tuple[str, ...]
    notes: tuple[str, ...]
    url: str
    host: str
    phone: str
    asks: str
    asks_code: bool = False
    passcode: str = ""
    joining: tuple[str, ...] = ()
    special: tuple[Special, ...] = ()
    details: tuple[Detail, ...] = ()
    doubtful: bool = False

    @property
    def folded(self) -> bool:
        """Whether there is more to read than fits into a line."""
        return bool(self.notes or self.place.notes or self.group or self.access or self.details)


def facts(
    meeting: meeting_pb2.Meeting,
    change: meeting_pb2.OccurrenceChange = NO_CHANGE,
    centre_language: str = "",
    *,
    holder: bool = False,
    day: date | None = None,
    kinds: Mapping[str, str] = say.NO_KINDS,
) -> Facts:
    """The facts of a series, or of the date that `change` is about; `holder`: for holders of its group's code.

    `day` is that date as it was originally; None: of no date. `kinds` are the centre's own.
    """
    special = specials(meeting, day)
    mode = change.mode if change.HasField("mode") else meeting.mode
    venue = as_told(change.venue if change.HasField("venue") else meeting.venue, holder=holder)
    online = change.online if change.HasField("online") else meeting.online
    afar = mode != meeting_pb2.MODE_IN_PERSON
    by_code = holder and online.access == meeting_pb2.ONLINE_ACCESS_INVITE_CODE
    joins = afar and (by_code or online.access == meeting_pb2.ONLINE_ACCESS_PUBLIC)
    url = words.link(online.url) or "" if joins else ""
    return Facts(
        title=change.title if change.HasField("title") else meeting.title,
        mode=say.MODES.get(mode, ""),
        mode_word={meeting_pb2.MODE_ONLINE: "online", meeting_pb2.MODE_HYBRID: "hybrid"}.get(mode, "in-person"),
        about=_about(meeting, centre_language, who_may_come(meeting, special), kinds),
        group=meeting.group if meeting.group != meeting.title else "",
        place=place(venue) if mode != meeting_pb2.MODE_ONLINE else Place(),
        access=_access(meeting.accessibility, venue.accessibility) if mode != meeting_pb2.MODE_ONLINE else (),
        notes=_paragraphs(change.notes if change.HasField("notes") else meeting.notes),
        url=url,
        host=url.split("/")[2] if url else "",
        phone=(words.phone(online.phone) or "") if joins else "",
        asks=_asks(online.access) if afar and not by_code else "",
        asks_code=afar and not by_code and online.access == meeting_pb2.ONLINE_ACCESS_INVITE_CODE,
        passcode=online.passcode if joins and holder else "",
        joining=_paragraphs(online.notes) if joins and holder else (),
        special=special,
        details=details(meeting, venue.map_url if mode != meeting_pb2.MODE_ONLINE else ""),
        doubtful=meeting.doubtful,
    )


def place(venue: meeting_pb2.Venue) -> Place:
    """A venue in words; where the address is not public, its area."""
    name = ", ".join(filter(None, (*venue.rooms, venue.title)))
    if not name and not venue.address and venue.address_access == place_pb2.ADDRESS_ACCESS_HOLDERS:
        return Place("", "The address is told with the group's code, or to those who keep a seat.")
    if venue.address or not venue.area:
        return Place(name, venue.address or ("" if name else "Address on request"), venue.notes)
    return Place(name or venue.area, "" if not name else venue.area, "The address is not published.")


def _about(meeting: meeting_pb2.Meeting, centre_language: str, who: str, kinds: Mapping[str, str]) -> tuple[str, ...]:
    said = _SAID_ELSEWHERE | ({"O", "C"} if who and codes.is_listed(meeting.fellowship) else frozenset())
    names = (codes.type_name(meeting.fellowship, code) or "" for code in meeting.types if code not in said)
    tongue = say.language(meeting.language) if meeting.language not in {"", centre_language} else ""
    kind = say.kind(meeting.kind, kinds)
    return tuple(dict.fromkeys(filter(None, (meeting.fellowship, kind, who, *names, tongue))))


def _access(*lists: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(say.access(word) for words_ in lists for word in words_))


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (paragraph.strip() for paragraph in text.split("\n"))))


def _asks(access: int) -> str:
    """What stands in for the link where it is not public."""
    if access == meeting_pb2.ONLINE_ACCESS_SEAT_HOLDERS:
        return "How to join is told to those who keep a seat."
    return "How to join: with the group's invite code." if access == meeting_pb2.ONLINE_ACCESS_INVITE_CODE else ""
