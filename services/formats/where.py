"""Where a meeting of a Meeting Guide list is held and how it is joined: place, online, mode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import codes, words

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATED: Final = {
    "in_person": meetings.MODE_IN_PERSON,
    "online": meetings.MODE_ONLINE,
    "hybrid": meetings.MODE_HYBRID,
    "inactive": meetings.MODE_IN_PERSON,
}
_PARTS: Final = ("city", "state", "postal_code", "country")
_LATITUDE: Final = 90.0
_LONGITUDE: Final = 180.0
_TITLE: Final = 200
_ADDRESS: Final = 500
_TEXT: Final = 8_000
_WORD: Final = 60
_REGIONS: Final = 60
_POSTAL_CODE: Final = re.compile(
    r"(?:^|\s+)(?:\d{5}(?:-\d{4})?|[A-Z]\d[A-Z]\s?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2})$", re.IGNORECASE
)
_STREET: Final = re.compile(
    r"\b(?:street|st|avenue|ave|av|road|rd|drive|dr|lane|ln|boulevard|blvd|way|court|ct|highway|hwy|parkway|pkwy|close"
    r"|crescent|cres|terrace|circle|plaza)\b\.?(?:\s+[nsew]{1,2}\.?)?$|^(?:rue|calle|avenida|via|rua)\s"
    r"|(?:stra(?:\u00df|ss)e|str\.|gasse)$",
    re.IGNORECASE,
)


def place(record: Mapping[str, Any], warnings: list[str]) -> places.Place | None:
    """The place; None where the record names neither a location nor an address.

    An address that is only approximate is that of an area: the public learns the area.
    """
    address = _address(record)
    location, private_name = words.name_without_passcode(words.line(record.get("location")))
    if private_name:
        warnings.append("its location seems to hold a passcode: that is left out")
    title = location or address.split(",")[0]
    if not title:
        return None
    notes, private = words.without_passcodes(words.text(record.get("location_notes")))
    if private:
        warnings.append("lines of its location_notes that seem to hold a passcode are left out")
    approximate = _is_approximate(record)
    found = places.Place(
        title=words.cut(title, _TITLE),
        address=words.cut(address, _ADDRESS),
        area=words.cut(_area(record, approximate=approximate), _TITLE),
        address_access=places.ADDRESS_ACCESS_AREA_ONLY if approximate else places.ADDRESS_ACCESS_PUBLIC,
        approximate=approximate,
        notes=words.cut(notes, _TEXT),
        regions=[words.cut(region, _WORD) for region in reversed(_regions(record))],
    )
    _locate(found, record, warnings)
    return found


def online(record: Mapping[str, Any], warnings: list[str]) -> meetings.Online | None:
    """How to join from afar; None where the record does not say. Its notes stay private: passcodes live there."""
    url = _kept("conference_url", record, words.link(record.get("conference_url")), "an http or https link", warnings)
    phone = _kept("conference_phone", record, words.phone(record.get("conference_phone")), "a number", warnings)
    notes = [words.text(record.get(key)) for key in ("conference_url_notes", "conference_phone_notes")]
    found = meetings.Online(url=url, phone=phone, notes="\n\n".join(filter(None, notes)))
    if not found.ByteSize():
        return None
    found.access = meetings.ONLINE_ACCESS_PUBLIC
    return found


def mode(
    record: Mapping[str, Any],
    types: list[str],
    at: places.Place | None,
    join: meetings.Online | None,
    warnings: list[str],
) -> meetings.Mode.ValueType:
    """How people take part: as the record states, or else as it follows from what there is.

    Not stated: a closed location with a link is online; a link and a street address are hybrid; a link without one, the
    code ONL, or no place at all is online; all else is in person.
    """
    reachable = join is not None and bool(join.url or join.phone)
    closed = codes.CLOSED in types
    stated = _stated(record, warnings)
    if stated is not None and not (closed and reachable and stated == meetings.MODE_HYBRID):
        return stated
    if closed:
        return meetings.MODE_ONLINE if reachable else meetings.MODE_IN_PERSON
    if reachable and _is_door(at):
        return meetings.MODE_HYBRID
    if reachable or codes.ONLINE in types or at is None:
        warnings.extend(_doubts(at, types, reachable))
        return meetings.MODE_ONLINE
    return meetings.MODE_IN_PERSON


def _doubts(at: places.Place | None, types: list[str], reachable: bool) -> list[str]:
    """What may be wrong with taking a meeting as online."""
    if not reachable:
        return ["it is taken as online, and says no link or number to join: see its notes"]
    if at is not None and not at.approximate and codes.ONLINE not in types:
        return [f"it has a link, and {(at.address or at.title)[:80]!r} is no street address: taken as online"]
    return []


def public_location(record: Mapping[str, Any]) -> str:
    """The location's name, unless the address is private and the name may tell it."""
    name, _ = words.name_without_passcode(words.line(record.get("location")))
    tells = re.search(r"\d", name) or name.casefold() in _split(record)[0]
    return "" if _is_approximate(record) and tells else name


def _is_approximate(record: Mapping[str, Any]) -> bool:
    return words.line(record.get("approximate")).lower() in {"yes", "true", "1"}


def _is_door(at: places.Place | None) -> bool:
    """Whether the address is one to go to: exact, and with a number in its first line ("8318 104 St")."""
    return at is not None and not at.approximate and bool(re.search(r"\d", at.address.split(",")[0]))


def _stated(record: Mapping[str, Any], warnings: list[str]) -> meetings.Mode.ValueType | None:
    said = words.line(record.get("attendance_option")).lower().replace("-", "_")
    if said and said not in _STATED:
        warnings.append(f"attendance_option {said[:20]!r} is not known: left out")
    return _STATED.get(said)


def _address(record: Mapping[str, Any]) -> str:
    whole = words.line(record.get("formatted_address"))
    if whole:
        return whole
    street = words.line(record.get("address"))
    parts = [words.line(record.get(key)) for key in _PARTS]
    return ", ".join([street] * bool(street) + [part for part in parts if part and part not in street])


def _area(record: Mapping[str, Any], *, approximate: bool) -> str:
    """The region; of several, the narrowest first ("Ocean View, Sussex County"). It never says the street.

    Without one, what follows the street in an approximate address.
    """
    return ", ".join(_regions(record)) or (", ".join(_split(record)[1]) if approximate else "")


def _regions(record: Mapping[str, Any]) -> list[str]:
    """The regions, the narrowest first, without any that says the street. The list counts before the two fields."""
    regions = record.get("regions")
    several = [words.line(region) for region in regions[:_REGIONS]] if isinstance(regions, list) else []
    said = list(filter(None, reversed(several))) or [words.line(record.get(key)) for key in ("sub_region", "region")]
    street = _split(record)[0] if _is_approximate(record) else _doors(record)
    fitting = (each for each in said if each and not _is_street(each) and not any(p in each.casefold() for p in street))
    return list(dict.fromkeys(fitting))[:_REGIONS]


def _split(record: Mapping[str, Any]) -> tuple[set[str], list[str]]:
    """The parts of the address that lead to its door, folded, and those that follow the last, without postal codes.

    A part is of the street when it holds a digit, ends as streets do, or the record calls it the address.
    """
    parts = [part for part in map(str.strip, _address(record).split(",")) if part]
    stated = {part.strip().casefold() for part in words.line(record.get("address")).split(",")}
    towns = {words.line(record.get(key)).casefold() for key in _PARTS}
    bare = [_POSTAL_CODE.sub("", part) if index else part for index, part in enumerate(parts)]
    doors = [
        index
        for index, part in enumerate(bare)
        if re.search(r"\d", part) or _STREET.search(part) or part.casefold() in stated - towns
    ]
    first = max(doors, default=-1) + 1
    return {parts[index].casefold() for index in doors}, [part for part in bare[first:] if part]


def _doors(record: Mapping[str, Any]) -> set[str]:
    """The parts of an address that is public which look like a door."""
    parts = [_POSTAL_CODE.sub("", part.strip()) for part in _address(record).split(",")]
    return {part.casefold() for part in parts if re.search(r"\d", part) or _STREET.search(part)}


def _is_street(text: str) -> bool:
    """Whether it ends as streets do, with a number somewhere."""
    return bool(re.search(r"\d", text) and _STREET.search(text))


def _locate(found: places.Place, record: Mapping[str, Any], warnings: list[str]) -> None:
    said = [words.line(record.get(key)) for key in ("latitude", "longitude")]
    if not any(said):
        return
    try:
        latitude, longitude = (float(number) for number in said)
    except ValueError:
        latitude = longitude = 0.0
    if not (abs(latitude) <= _LATITUDE and abs(longitude) <= _LONGITUDE and (latitude or longitude)):
        warnings.append("its latitude and longitude are not those of a place: left out")
        return
    found.latitude, found.longitude = latitude, longitude


def _kept(key: str, record: Mapping[str, Any], value: str | None, wanted: str, warnings: list[str]) -> str:
    if value is None:
        warnings.append(f"{key} {words.line(record.get(key))[:40]!r} is not {wanted}: left out")
    return value or ""
