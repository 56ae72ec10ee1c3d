"""What the format of a list cannot say: the part named "openchair" of a record that we wrote, and reading it back.

Meeting Guide leaves other fields alone, so a reader that knows nothing of this loses nothing that it could use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import extras, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf.message import Message
    from openchair.meetings.v1 import schedule_pb2 as schedules

KEY: Final = "openchair"

FIELDS: Final = (
    "kind",
    "fellowship",
    "mode",
    "language",
    "other_languages",
    "accessibility",
    "approach",
    "focus",
    "led_by",
    "who_may_come",
    "first_visit",
    "capacity",
    "online_capacity",
    "holidays",
    "programmes",
    "sessions",
    "cost",
    "scholarship",
    "registration_opens",
    "website",
)
"""Fields of a meeting that are said whole, so that one that is missing is empty."""

_WHERE_NEEDED: Final = ("schedule", "types", "state")
_CAUSED: Final = ("closure", "holiday", "unconfirmed")
_LOST: Final = ("place", "rooms", "venue")
_ADDRESS, _ONLINE = "address", "online"
_GROUP_NOTES: Final = "group_notes"  # they are in the public notes too


def meeting_part(meeting: meetings.Meeting, *needed: str) -> dict[str, Any]:
    """What is said of the meeting itself; `needed`: of schedule, types and state what the record itself cannot say."""
    part = meetings.Meeting()
    for field in (*FIELDS, *needed):
        if field in _said(meeting):
            part.MergeFrom(_only(meeting, field))
    for session in part.sessions:
        _clear(session, "rooms")
    told = MessageToDict(part, preserving_proto_field_name=True)
    return told | {"types": list(meeting.types)} if "types" in needed else told


def exceptions(meeting: meetings.Meeting) -> list[dict[str, Any]]:
    """Every date that differs, as far as everybody may know; names of places and rooms mean nothing elsewhere."""
    found = []
    for change in meeting.changes:
        said = meetings.OccurrenceChange()
        said.CopyFrom(change)
        _clear(said, "place", "rooms")
        found.append(MessageToDict(said, preserving_proto_field_name=True))
    return found


def withheld(meeting: meetings.Meeting) -> list[str]:
    """What is kept from the public: the address, or how to join."""
    found = []
    if meeting.HasField("venue") and meeting.venue.address_access > places.ADDRESS_ACCESS_PUBLIC:
        found.append(_ADDRESS)
    if meeting.HasField("online") and meeting.online.access > meetings.ONLINE_ACCESS_PUBLIC:
        found.append(_ONLINE)
    return found


def part_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The part of a record that we wrote, if it has one."""
    found = record.get(KEY)
    return found if isinstance(found, dict) else None


def fellowship_of(record: Mapping[str, Any], otherwise: str) -> str:
    """The fellowship that the part names; without a part, `otherwise`."""
    part = part_of(record)
    said = part.get("meeting") if part is not None else None
    return words.line(said.get("fellowship")) if isinstance(said, dict) else otherwise


def schedule_of(record: Mapping[str, Any]) -> schedules.Schedule | None:
    """When it is, where the record itself cannot say so."""
    said = (part_of(record) or {}).get("meeting")
    found = _parsed(said, meetings.Meeting(), [])
    return found.schedule if found.HasField("schedule") else None


def take(row: imports.ImportRow, record: Mapping[str, Any], part: Mapping[str, Any], warnings: list[str]) -> None:
    """Fills the row with what the part says, over what the record itself does."""
    row.public_only = True
    row.source_url = words.link(part.get("source_url")) or ""
    row.source_update_time = words.line(part.get("source_updated"))[:40]
    said = _parsed(part.get("meeting"), meetings.Meeting(), warnings)
    row.meeting.state = meetings.MEETING_STATE_ACTIVE
    _clear(row.meeting, *FIELDS, *({"types"} & _keys(part.get("meeting"))))
    for field in (*FIELDS, *_WHERE_NEEDED):
        if field in _said(said):
            _clear(row.meeting, field)
            row.meeting.MergeFrom(_only(said, field))
    _take_dates(row, part, warnings)
    _warn_of_later(part, warnings)
    _take_place(row, part, warnings)
    row.extra = _extra(record, part, warnings)


def _only(meeting: meetings.Meeting, field: str) -> meetings.Meeting:
    """A meeting of which only that field is said."""
    found = meetings.Meeting()
    found.CopyFrom(meeting)
    _clear(found, *(_said(meeting) - {field}))
    return found


def _keys(said: object) -> set[str]:
    return set(said) if isinstance(said, dict) else set()


def _said(message: Message) -> set[str]:
    return {each.name for each, _ in message.ListFields()}


def _clear(message: Message, *fields: str) -> None:
    for field in fields:
        message.ClearField(field)


def _take_dates(row: imports.ImportRow, part: Mapping[str, Any], warnings: list[str]) -> None:
    """Dates that differ; what a closure or a public holiday there makes of a date is that site's to say."""
    found = part.get("exceptions")
    for each in found if isinstance(found, list) else []:
        change = _parsed(each, meetings.OccurrenceChange(), warnings)
        if any(getattr(change, field) for field in _CAUSED):
            continue
        _clear(change, *_LOST)
        if len(change.ListFields()) > 1:
            row.changes.append(change)


def _warn_of_later(part: Mapping[str, Any], warnings: list[str]) -> None:
    """A row is one series: what a list says of another schedule, from a date on, has to come in when it holds."""
    found = part.get("later")
    for each in found if isinstance(found, list) else []:
        since = words.line(each.get("from"))[:10] if isinstance(each, dict) else ""
        warnings.append(f"from {since or 'a later date'} on it has another schedule: import the list again then")


def _take_place(row: imports.ImportRow, part: Mapping[str, Any], warnings: list[str]) -> None:
    held_back = part.get("withheld")
    if isinstance(held_back, list) and _ADDRESS in held_back:
        area = row.place.area
        row.ClearField("place")
        if area:
            row.place.title = row.place.area = area
            row.place.address_access = places.ADDRESS_ACCESS_AREA_ONLY
            row.place.approximate = True
    elif row.HasField("place") and isinstance(part.get("place"), dict):
        said = _parsed(part["place"], places.Place(), warnings)
        _clear(row.place, "area", "map_url", "regions", "accessibility")
        row.place.MergeFrom(
            places.Place(area=said.area, map_url=said.map_url, regions=said.regions, accessibility=said.accessibility)
        )


def _extra(record: Mapping[str, Any], part: Mapping[str, Any], warnings: list[str]) -> str:
    """What the record gives back of its source: held to the same rule, since anybody can write a part like ours."""
    said = part.get("source_fields")
    keys = [key for key in said if isinstance(key, str)] if isinstance(said, list) else []
    found = {key: record[key] for key in keys if key in record}
    notes = words.without_passcodes(words.text(found.get(_GROUP_NOTES)))[0]
    return extras.of(found, (KEY, _GROUP_NOTES), warnings, {_GROUP_NOTES: notes} if notes else {})


def _parsed(said: object, into: Any, warnings: list[str]) -> Any:
    """The message that a part says; an empty one, and a warning, where it cannot be read."""
    try:
        return ParseDict(said if isinstance(said, dict) else {}, into, ignore_unknown_fields=True)
    except ParseError:
        warnings.append("what only we write of it cannot be read: left out")
        return type(into)()
