"""Meeting Guide JSON (code4recovery/spec) into rows of an import. Pure: no clock, no network, no guessing in silence.

The format is a flat list of weekly meetings. Every record gives one row, in the order of the file: translated, or with
the reason why not; what was understood with reservation is said in the row's warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import schedule_pb2 as schedules

from services.formats import codes, extras, ours, records, spoken, weekly, where, words
from services.formats.codes import type_name
from services.formats.reading import Reading, translated
from services.formats.records import Unreadable
from services.formats.weekly import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

__all__ = ["Reading", "Unreadable", "read", "type_name"]

_TITLE: Final = 200
_TEXT: Final = 8_000
_CODE: Final = 60
_CODES: Final = 60

_HELD: Final = frozenset({
    "name", "slug", "_id", "day", "time", "end_time", "timezone", "duration", "formatted_address", "address", "city",
    "state", "postal_code", "country", "latitude", "longitude", "approximate", "region", "sub_region", "regions",
    "conference_url", "conference_phone", "types", "languages", "language", "notes", "group", "location",
    "location_notes", "url", "updated", "updatedAt", "attendance_option", "archived", ours.KEY,
})  # fmt: skip


def read(data: bytes, *, fellowship: str, timezone: str, today: date, language: str = "") -> Reading:
    """Translates a file of at most 20 MiB and 20,000 records.

    `fellowship` gives the type codes their meaning; `timezone` (IANA) is for records that name none; `language` for
    those that name none; schedules start on the first of their days from `today` on (west of `timezone`: from the day
    that it may still be there). Raises Unreadable if the file as a whole is not a list of meetings, ValueError if
    `timezone` is not known.
    """
    found = records.records(data)
    return read_records(found, fellowship=fellowship, timezone=timezone, today=today, language=language)


def read_records(
    found: Iterable[object], *, fellowship: str, timezone: str, today: date, language: str = ""
) -> Reading:
    """The same of records that are parsed already. Raises ValueError if `timezone` is not known."""
    if not weekly.known_zone(timezone):
        raise ValueError(f"{timezone!r} is not in the tz database")
    reader = _Reader(fellowship, timezone, today, language)
    return translated(found, reader.fill)


class _Reader:
    """What holds for the whole file, and the identities met so far."""

    def __init__(self, fellowship: str, timezone: str, today: date, language: str) -> None:
        self.fellowship = words.line(fellowship)
        self.timezone = timezone
        self.today = today
        self.language = language
        self.seen: dict[str, int] = {}

    def fill(self, row: imports.ImportRow, record: Mapping[str, Any], warnings: list[str]) -> None:
        """One record's row. Raises Refused."""
        row.original = records.canonical(extras.without_contacts(record))
        row.source_id = self._identity(row.number, record)
        _provenance(row, record, warnings)
        if record.get("archived") is True:
            raise Refused("the source has archived it")
        fellowship = ours.fellowship_of(record, self.fellowship)
        types = _types(record, fellowship, warnings)
        at = where.place(record, warnings)
        join = where.online(record, warnings)
        if at is not None:
            row.place.CopyFrom(at)
        row.meeting.CopyFrom(self._meeting(record, fellowship, types, warnings))
        row.meeting.mode = where.mode(record, types, at, join, warnings)
        _join(row.meeting, join, warnings)
        _suspend(row.meeting, record, types)
        row.extra = _extra(record, warnings)
        if (part := ours.part_of(record)) is not None:
            ours.take(row, record, part, warnings)

    def _meeting(
        self, record: Mapping[str, Any], fellowship: str, types: list[str], warnings: list[str]
    ) -> meetings.Meeting:
        group, of_group = _named(record, "group", warnings)
        title, of_title = _title(record, group, fellowship, warnings)
        public, of_notes = _notes(record, warnings)
        private = "\n\n".join(filter(None, (of_title, of_group, of_notes)))
        meeting = meetings.Meeting(
            title=title,
            kind="support-meeting",
            fellowship=fellowship,
            types=codes.without_languages(fellowship, types),
            accessibility=codes.accessibility(fellowship, types),
            notes=public,
            group=words.cut(group, _TITLE),
            visibility=meetings.VISIBILITY_PUBLIC,
            state=meetings.MEETING_STATE_ACTIVE,
            schedule=ours.schedule_of(record) or weekly.schedule(record, self.timezone, self.today, warnings),
        )
        _say_whom(meeting, fellowship, types, warnings)
        spoken.say(meeting, spoken.stated(record), codes.languages(fellowship, types), self.language)
        if private:
            meeting.online.notes = words.cut(private, _TEXT)
        return meeting

    def _identity(self, number: int, record: Mapping[str, Any]) -> str:
        part = ours.part_of(record) or {}
        keys = (part.get("source_id"), *(record.get(key) for key in ("slug", "id", "_id")))
        found = next(filter(None, map(words.line, keys)), "")
        if not found:
            raise Refused("it has no slug: nothing says which meeting it is when the list comes again")
        first = self.seen.setdefault(found, number)
        if first != number:
            raise Refused(f"its slug {found[:60]!r} is that of record {first} too")
        return words.cut(found, _TITLE)


def _types(record: Mapping[str, Any], fellowship: str, warnings: list[str]) -> list[str]:
    """The codes as they are written."""
    said = record.get("types") or []
    if not isinstance(said, list):
        said = words.line(said).split(",")
    found = list(dict.fromkeys(filter(None, map(words.line, said))))
    if len(found) < len(said):
        warnings.append("empty, doubled or unreadable type codes are left out")
    fitting = [code for code in found if len(code) <= _CODE][:_CODES]
    if fitting != found:
        warnings.append("type codes that are too long or too many are left out")
    if codes.is_listed(fellowship):
        warnings.extend(f"type {code!r} is not known: kept" for code in fitting if not type_name(fellowship, code))
    return fitting


def _extra(record: Mapping[str, Any], warnings: list[str]) -> str:
    """What no field holds; notes of the group too, which are joined to the meeting's, so that they can part again."""
    notes = words.cut(words.without_passcodes(words.text(record.get("group_notes")))[0], _TEXT)
    return extras.of(record, _held(record), warnings, {"group_notes": notes} if notes else {})


def _held(record: Mapping[str, Any]) -> frozenset[str]:
    """Names of the fields that are read; an id only where it stands in for the slug, group_notes where it is added."""
    return _HELD if words.line(record.get("slug")) else _HELD | {"id"}


def _say_whom(meeting: meetings.Meeting, fellowship: str, types: list[str], warnings: list[str]) -> None:
    """Whom it is for, who may come and what carries it, where codes are certain to say so."""
    meeting.focus.extend(codes.focus(fellowship, types))
    if codes.is_secular(fellowship, types):
        meeting.approach = meetings.APPROACH_SECULAR
    everybody = codes.is_open(fellowship, types)
    if everybody is not None:
        meeting.who_may_come = schedules.WHO_MAY_COME_EVERYBODY if everybody else schedules.WHO_MAY_COME_MEMBERS
    elif {"O", "C"} <= set(types) and codes.is_listed(fellowship):
        warnings.append("it is called open and closed: who may come is left out")


def _provenance(row: imports.ImportRow, record: Mapping[str, Any], warnings: list[str]) -> None:
    url = words.link(record.get("url"))
    if url is None:
        warnings.append("url is not an http or https address: left out")
    row.source_url = url or ""
    updated = weekly.updated(record.get("updated") or record.get("updatedAt"))
    if updated is None:
        warnings.append("updated is not a time that can be read: left out")
    row.source_update_time = updated or ""


def _named(record: Mapping[str, Any], key: str, warnings: list[str]) -> tuple[str, str]:
    """A name as it may be public, and what it says if it seems to hold a passcode."""
    public, private = words.name_without_passcode(words.line(record.get(key)))
    if private:
        warnings.append(f"its {key} seems to hold a passcode: that is kept private")
    return public, private


def _title(record: Mapping[str, Any], group: str, fellowship: str, warnings: list[str]) -> tuple[str, str]:
    """The meeting's name, or else one that tells people where to go; and what is private of it. Raises Refused."""
    title, private = _named(record, "name", warnings)
    for key, other in (("group", group), ("location", where.public_location(record))):
        if not title and other:
            title = other
            warnings.append(f"it has no name: its {key} is taken")
    if not title and private:
        title = f"{fellowship} meeting".strip()
    if not title:
        raise Refused("it has no name")
    if len(title) > _TITLE:
        warnings.append(f"its name is cut to {_TITLE} characters")
    return words.cut(title, _TITLE), private


def _notes(record: Mapping[str, Any], warnings: list[str]) -> tuple[str, str]:
    """Notes of the meeting and the group, and the lines of them that may not be public."""
    both = "\n\n".join(filter(None, (words.text(record.get(key)) for key in ("notes", "group_notes"))))
    public, private = words.without_passcodes(both)
    if private:
        warnings.append("lines of its notes that seem to hold a passcode are kept private")
    if len(public) > _TEXT:
        warnings.append(f"its notes are cut to {_TEXT:,} characters")
    return words.cut(public, _TEXT), private


def _join(meeting: meetings.Meeting, join: meetings.Online | None, warnings: list[str]) -> None:
    """Adds how to join; what a meeting in person says of it would mislead and stays in the original."""
    private = meeting.online.notes if meeting.HasField("online") else ""
    meeting.ClearField("online")
    if meeting.mode == meetings.MODE_IN_PERSON:
        if join is not None and (join.url or join.phone):
            warnings.append("it says it is in person and has a link or a number to join: these are left out")
        return
    notes = "\n\n".join(filter(None, (join.notes if join else "", private)))
    if join is not None or private:
        meeting.online.CopyFrom(join or meetings.Online(access=meetings.ONLINE_ACCESS_PUBLIC))
        meeting.online.notes = words.cut(notes, _TEXT)


def _suspend(meeting: meetings.Meeting, record: Mapping[str, Any], types: list[str]) -> None:
    """A location that is closed for a time, and no way to join from afar: the meeting is suspended."""
    inactive = words.line(record.get("attendance_option")).lower() == "inactive"
    if inactive or (codes.CLOSED in types and meeting.mode == meetings.MODE_IN_PERSON):
        meeting.state = meetings.MEETING_STATE_SUSPENDED
