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


def place(record: Mapping[str, Any], warnings: list[str]) -> places.Place | None:
    """The place; None where the record names neither a location nor an address.

    An address that is only approximate is that of an area: the public learns the area.
    """
    address = _address(record)
    title = words.line(record.get("location")) or address.split(",")[0]
    if not title:
        return None
    notes, private = words.without_passcodes(words.text(record.get("location_notes")))
    if private:
        warnings.append("lines of its location_notes that seem to hold a passcode are left out")
    approximate = words.line(record.get("approximate")).lower() in {"yes", "true", "1"}
    found = places.Place(
        title=title[:_TITLE],
        address=address[:_ADDRESS],
        area=(_area(record) or (address if approximate else ""))[:_TITLE],
        address_access=places.ADDRESS_ACCESS_AREA_ONLY if approximate else places.ADDRESS_ACCESS_PUBLIC,
        approximate=approximate,
        notes=notes,
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
        return [f"it has a link, and {at.address or at.title!r} is no street address: taken as online"]
    return []


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


def _area(record: Mapping[str, Any]) -> str:
    """The region; of several, the narrowest first ("Ocean View, Sussex County")."""
    regions = record.get("regions")
    several = [words.line(region) for region in regions] if isinstance(regions, list) else []
    return ", ".join(filter(None, reversed(several))) or words.line(record.get("region"))


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
