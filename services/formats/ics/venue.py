"""Where an event is held and how it is joined: LOCATION, GEO, CONFERENCE (RFC 7986), URL, and links in its text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.formats.ics.components import Event

_TITLE: Final = 200
_ADDRESS: Final = 500
_LINK: Final = re.compile(r"https?://[^\s<>\"\\^`{|}]+", re.IGNORECASE)
_TRAILING: Final = ".,;:)]'"
_HOSTS: Final = re.compile(
    r"(?:^|\.)(?:zoom\.us|zoomgov\.com|meet\.google\.com|teams\.microsoft\.com|teams\.live\.com|webex\.com|gotomeeting\.com"
    r"|gotomeet\.me|whereby\.com|meet\.jit\.si|bluejeans\.com|freeconferencecall\.com|join\.skype\.com|bbb\.[a-z.]+)$"
)
_MAPS: Final = re.compile(
    r"(?:^|\.)(?:maps\.app\.goo\.gl|maps\.google\.[a-z.]+|maps\.apple\.com|openstreetmap\.org|osm\.org)$"
)
_VIRTUAL: Final = re.compile(
    r"(?:on ?line|virtual|zoom|google meet|(?:microsoft )?teams|skype|webex|jitsi|internet|via|meeting|video|call"
    r"|conference|only|[\s,;:()/&.-])+",
    re.IGNORECASE,
)
_LATITUDE: Final = 90.0
_LONGITUDE: Final = 180.0


@dataclass
class Venue:
    """Where it is, as far as the event says."""

    place: places.Place | None = None
    online: meetings.Online | None = None
    mode: meetings.Mode.ValueType = meetings.MODE_UNSPECIFIED
    website: str = ""
    private: str = ""
    warnings: list[str] = field(default_factory=list)


def venue(event: Event, plain: Callable[[str], str]) -> Venue:
    """Where an event is held, how it is joined, and what of the two holds, which no property says."""
    found = Venue()
    text = words.text(plain(event.value("LOCATION")))
    links = [link.rstrip(_TRAILING) for link in _LINK.findall(text)]
    maps = next((link for link in links if _is_map(link)), "")
    left = words.line(_LINK.sub(" ", text)).strip(" ,;|-")
    rest, private = words.name_without_passcode(left)
    found.private = private
    virtual = bool(rest) and bool(_VIRTUAL.fullmatch(rest))
    if rest and not virtual:
        found.place = _place(rest, words.link(maps) or "", event, found.warnings)
    found.website, joins = _page(event)
    url = _conference(event) or next((link for link in links if link != maps), "") or joins
    found.online = _online(event, url or _of_text(event, plain, found.warnings), found.warnings)
    _set_mode(found, said=bool(text), virtual=virtual)
    return found


def is_conference(link: str) -> bool:
    """Whether people meet behind such a link."""
    return bool(_HOSTS.search(_host(link)))


def _place(text: str, maps: str, event: Event, warnings: list[str]) -> places.Place:
    title = text.partition(",")[0].strip() or text
    place = places.Place(
        title=words.cut(title, _TITLE),
        address=words.cut(text, _ADDRESS),
        address_access=places.ADDRESS_ACCESS_PUBLIC,
        map_url=maps,
    )
    _locate(place, event.value("GEO"), warnings)
    return place


def _locate(place: places.Place, geo: str, warnings: list[str]) -> None:
    """GEO: RFC 5545 section 3.8.1.6."""
    if not geo:
        return
    try:
        latitude, longitude = (float(part) for part in geo.split(";"))
    except ValueError:
        latitude = longitude = 0.0
    if abs(latitude) <= _LATITUDE and abs(longitude) <= _LONGITUDE and (latitude or longitude):
        place.latitude, place.longitude = latitude, longitude
    else:
        warnings.append("its GEO is not that of a place: left out")


def _page(event: Event) -> tuple[str, str]:
    """URL: the page of the event, or else where it is joined."""
    link = words.link(event.value("URL")) or ""
    return ("", link) if is_conference(link) else (link, "")


def _conference(event: Event) -> str:
    """The first link that a person joins by: no chat, no moderator's."""
    for line in event.all("CONFERENCE"):
        features = set(line.parameter("FEATURE").upper().split(","))
        if not features & {"CHAT", "FEED", "MODERATOR"} and line.value.lower().startswith("http"):
            return line.value.strip()
    return event.value("X-GOOGLE-CONFERENCE")


def _of_text(event: Event, plain: Callable[[str], str], warnings: list[str]) -> str:
    links = (link.rstrip(_TRAILING) for link in _LINK.findall(plain(event.value("DESCRIPTION"))))
    found = next((link for link in links if is_conference(link)), "")
    if found:
        warnings.append("the link to join is taken from its DESCRIPTION")
    return found


def _online(event: Event, url: str, warnings: list[str]) -> meetings.Online | None:
    link = words.link(url)
    if link is None:
        warnings.append(f"its link {words.line(url)[:60]!r} is not one that can be followed: left out")
    online = meetings.Online(url=link or "", phone=_phone(event))
    if not online.ByteSize():
        return None
    online.access = meetings.ONLINE_ACCESS_PUBLIC
    return online


def _phone(event: Event) -> str:
    for line in event.all("CONFERENCE"):
        moderates = "MODERATOR" in line.parameter("FEATURE").upper()
        if not moderates and line.value.lower().startswith("tel:"):
            return words.phone(line.value[4:]) or ""
    return ""


def _set_mode(found: Venue, *, said: bool, virtual: bool) -> None:
    """A place and a link: both, if the place has a number to find it by; a link alone, or no place: online."""
    if found.place is not None and found.online is not None:
        street = bool(re.search(r"\d", found.place.address))
        found.mode = meetings.MODE_HYBRID if street else meetings.MODE_ONLINE
        word = "in person and online" if street else "online"
        found.warnings.append(f"it has a location and a link to join: taken as {word}")
    elif found.place is not None:
        found.mode = meetings.MODE_IN_PERSON
    else:
        found.mode = meetings.MODE_ONLINE
        if found.online is None:
            where = "its LOCATION is no address" if said or virtual else "it has no LOCATION"
            found.warnings.append(f"{where} and no link to join: taken as online, see its notes")


def _is_map(link: str) -> bool:
    return bool(_MAPS.search(_host(link))) or "/maps" in link[:60] or "goo.gl/maps" in link[:60]


def _host(link: str) -> str:
    try:
        return (urlsplit(link).hostname or "").lower()
    except ValueError:
        return ""
