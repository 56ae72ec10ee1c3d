"""BMLT meetings (`GetSearchResults`, JSON) into rows of an import. Pure; nothing is guessed.

All values are texts, "" for none. Days are 1 (Sunday) to 7. What weeks of the month are about comes from formats alone:
what notes say of weeks stays in the notes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import import_pb2 as imports
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places
from openchair.meetings.v1 import schedule_pb2 as schedules

from services.formats import bmlt_formats, codes, extras, records, spoken, weekly, words
from services.formats.reading import translated
from services.formats.weekly import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from services.formats.bmlt_formats import Format, Formats
    from services.formats.reading import Reading

FELLOWSHIP: Final = "NA"

_MODES: Final = {"1": meetings.MODE_IN_PERSON, "2": meetings.MODE_ONLINE, "3": meetings.MODE_HYBRID}
_LABEL: Final = "#@-@#"
_MAIL: Final = re.compile(r"[^\s@<>]{1,100}@[^\s@<>]{1,255}\.[a-z]{2,}", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_BREAK: Final = re.compile(r"<br\s*/?>|\u2022", re.IGNORECASE)
_WEEKS: Final = re.compile(
    r"\b(?:of the|each|every) month|\b(?:im|des) monats?\b|\b(?:week|woche)\s*[1-5]\b|\babwechselnd|\balternat(?:ing|e)"
    r"|\b(?:last|first|second|third|fourth|[1-5](?:st|nd|rd|th)) (?:week|(?:sun|mon|tues|wednes|thurs|fri|satur)day)"
    r"|(?:\b[1-5]\.|\b(?:erste|zweite|dritte|vierte|letzte)\w{0,20})\s{0,20}"
    r"(?:woche|(?:sonn|mon|diens|donners|frei|sams)tag|mittwoch|\w{0,20}meeting)",
    re.IGNORECASE,
)
_REGIONS: Final = (
    "location_province", "location_sub_province", "location_municipality", "location_city_subsection",
    "location_neighborhood",
)  # fmt: skip
_HELD: Final = frozenset({
    "id_bigint", "weekday_tinyint", "venue_type", "start_time", "duration_time", "time_zone", "lang_enum", "longitude",
    "latitude", "distance_in_km", "distance_in_miles", "published", "meeting_name", "location_text", "location_info",
    "location_street", "location_postal_code_1", "location_nation", "comments", "public_transport", "format_comments",
    "virtual_meeting_link", "virtual_meeting_additional_info", "phone_meeting_number", *_REGIONS,
})  # fmt: skip
_TITLE: Final = 200
_TEXT: Final = 8_000
_WORD: Final = 60


def read(data: bytes, formats: bytes | None, *, timezone: str, today: date, language: str = "") -> Reading:
    """Translates a file of at most 20 MiB and 20,000 meetings.

    `formats` is what `GetFormats` of the same server gave; without it, the list's own are taken, or those of a server
    that is known here. `timezone` (IANA) is for meetings that name none, `language` for those that name none. Raises
    Unreadable if a file as a whole is not what it should be, ValueError if `timezone` is not known.
    """
    if not weekly.known_zone(timezone):
        raise ValueError(f"{timezone!r} is not in the tz database")
    given = bmlt_formats.read(formats) if formats is not None else bmlt_formats.of_list(records.beside(data, "formats"))
    reader = _Reader(given, timezone, today, language)
    return translated(records.records(data), reader.fill)


class _Reader:
    """What holds for the whole file, and the identities met so far."""

    def __init__(self, given: Formats, timezone: str, today: date, language: str) -> None:
        self.given = given
        self.timezone = timezone
        self.today = today
        self.language = language
        self.seen: dict[str, int] = {}
        self.servers: dict[str, Formats] = {}

    def fill(self, row: imports.ImportRow, record: Mapping[str, Any], warnings: list[str]) -> None:
        """One meeting's row. Raises Refused."""
        row.original = records.canonical(extras.without_contacts(record))
        row.source_id = self._identity(row.number, record)
        if words.line(record.get("published")) == "0":
            raise Refused("the source has not published it")
        found, unknown = self._formats(record, warnings)
        at = _place(record, warnings)
        row.meeting.CopyFrom(self._meeting(record, found, unknown, warnings))
        row.meeting.mode = _mode(record, {each.code for each in found}, at)
        _join(row.meeting, record, warnings)
        if codes.CLOSED in row.meeting.types:
            _shut(row.meeting)
        if at is not None and row.meeting.mode != meetings.MODE_ONLINE:
            row.place.CopyFrom(at)
        row.extra = extras.of(record, _HELD, warnings)

    def _identity(self, number: int, record: Mapping[str, Any]) -> str:
        found = words.line(record.get("id_bigint"))[:_TITLE]
        if not found:
            raise Refused("it has no id_bigint: nothing says which meeting it is when the list comes again")
        first = self.seen.setdefault(found, number)
        if first != number:
            raise Refused(f"its id_bigint {found[:60]!r} is that of record {first} too")
        return found

    def _formats(self, record: Mapping[str, Any], warnings: list[str]) -> tuple[list[Format], list[str]]:
        there = self._of_server(words.line(record.get("root_server_uri")))
        found, unknown = there.of(record)
        if unknown and not there:
            warnings.append("what its formats mean on that server is not known (give --formats): kept as codes")
        else:
            warnings.extend(f"format {key[:_WORD]!r} is not known: kept" for key in unknown)
        self.there = there
        return found, unknown

    def _of_server(self, server: str) -> Formats:
        """What came with the list counts before what is known here of the server."""
        if server not in self.servers:
            self.servers[server] = self.given.over(bmlt_formats.known(server))
        return self.servers[server]

    def _meeting(
        self, record: Mapping[str, Any], found: list[Format], unknown: list[str], warnings: list[str]
    ) -> meetings.Meeting:
        title, private = words.name_without_passcode(words.line(record.get("meeting_name")))
        title = words.cut(title, _TITLE) or ("NA meeting" if private else "")
        if not title:
            raise Refused("it has no name")
        notes, secret = words.without_passcodes(_notes(record, warnings))
        types = _types(found, unknown)
        meeting = meetings.Meeting(
            title=title,
            kind="support-meeting",
            fellowship=FELLOWSHIP,
            types=types,
            accessibility=["wheelchair"] if "WCHR" in types else [],
            focus=codes.focus(FELLOWSHIP, types),
            notes=words.cut(notes, _TEXT),
            visibility=meetings.VISIBILITY_PUBLIC,
            state=meetings.MEETING_STATE_ACTIVE,
            holidays=meetings.HOLIDAY_RULE_NOT_ON_HOLIDAYS if "CH" in types else meetings.HOLIDAY_RULE_UNSPECIFIED,
            schedule=_schedule(record, self.timezone, self.today, warnings, [each.week for each in found if each.only]),
        )
        spoken.say(meeting, (each.language for each in found if each.language), (), self._otherwise(record))
        _say_weeks(meeting, found, self.there)
        kept = "\n\n".join(filter(None, (private, secret)))
        if kept:
            warnings.append("what of its name and notes seems to hold a passcode is kept private")
            meeting.online.notes = words.cut(kept, _TEXT)
        return meeting

    def _otherwise(self, record: Mapping[str, Any]) -> str:
        """The language where no format names one."""
        said = words.line(record.get("lang_enum")).lower()
        return self.language or (said if re.fullmatch(r"[a-z]{2,3}", said) else "")


def _types(found: list[Format], unknown: list[str]) -> list[str]:
    """The codes, but for those that are fields of their own: languages, weeks of the month, how people take part."""
    own = [each.code for each in found if not each.language and not each.week and each.code not in {"VM", "HYBR"}]
    return [code for code in dict.fromkeys((*own, *unknown)) if 0 < len(code) <= _WORD][:_WORD]


def _say_weeks(meeting: meetings.Meeting, found: list[Format], there: Formats) -> None:
    """Programmes of the formats of one week, and who may come: everybody in an open week, else members."""
    weeks: dict[tuple[str, bool], list[int]] = {}
    for each in found:
        if each.week and not each.only:
            about = "O" if each.opens else there.programme(each).code
            weeks.setdefault((about, each.opens), []).append(each.week)
    for (code, opens), numbers in weeks.items():
        meeting.programmes.add(
            weeks=sorted(numbers, key=lambda week: (week < 0, week)),
            title=codes.type_name(FELLOWSHIP, code) or code,
            types=[code],
            who_may_come=schedules.WHO_MAY_COME_EVERYBODY if opens else schedules.WHO_MAY_COME_UNSPECIFIED,
        )
    everybody = codes.is_open(FELLOWSHIP, list(meeting.types))
    if everybody:
        meeting.who_may_come = schedules.WHO_MAY_COME_EVERYBODY
    elif everybody is False or any(opens for _, opens in weeks):
        meeting.who_may_come = schedules.WHO_MAY_COME_MEMBERS


def _schedule(
    record: Mapping[str, Any], zone: str, today: date, warnings: list[str], only: list[int]
) -> schedules.Schedule:
    """Weekly, or in the weeks of the month in which alone it is held."""
    day = words.line(record.get("weekday_tinyint"))
    if day and not re.fullmatch(r"[1-7]", day):
        raise Refused(f"weekday_tinyint {day[:20]!r} is not a day of the week (1 to 7, Sunday is 1)")
    minutes = _minutes(record, warnings)
    said = {
        "day": int(day) - 1 if day else None,
        "time": record.get("start_time"),
        "timezone": record.get("time_zone"),
        "duration": str(minutes) if minutes else None,
    }
    found = weekly.schedule(said, zone, today, warnings)
    return weekly.in_weeks(found, only) if only else found


def _minutes(record: Mapping[str, Any], warnings: list[str]) -> int:
    said = words.line(record.get("duration_time"))
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)(?::[0-5]\d)?", said)
    minutes = int(found[1]) * 60 + int(found[2]) if found else 0
    if not minutes and said:
        warnings.append(f"duration_time {said[:20]!r} is not a length: an hour is taken")
    return minutes


def _text(record: Mapping[str, Any], field: str, warnings: list[str]) -> str:
    """A text without its label, without markup, and without addresses for mail."""
    plain = words.text(record.get(field)).rpartition(_LABEL)[2]
    plain = words.text(_TAG.sub("", _BREAK.sub("\n", plain)))
    if _MAIL.search(plain):
        warnings.append(f"an e-mail address is left out of its {field}")
    return words.text(_MAIL.sub("", plain))


def _notes(record: Mapping[str, Any], warnings: list[str]) -> str:
    notes = "\n\n".join(filter(None, (_text(record, field, warnings) for field in ("comments", "format_comments"))))
    if _WEEKS.search(notes):
        warnings.append("its notes speak of weeks of the month: they are kept as notes, and not read")
    return notes


def _place(record: Mapping[str, Any], warnings: list[str]) -> places.Place | None:
    """Where it is. Of one that says no more than a town the public learns the area: its coordinates may be a door's."""
    street, town = (words.line(record.get(field)) for field in ("location_street", "location_municipality"))
    said = dict.fromkeys(words.cut(words.line(record.get(each)), _WORD) for each in _REGIONS)
    regions = [each for each in said if each and each != words.line(record.get("location_nation"))]
    title, private = words.name_without_passcode(words.line(record.get("location_text")).rpartition(_LABEL)[2])
    if private:
        warnings.append("its location_text seems to hold a passcode: that is left out")
    named, title = bool(title), title or street or town
    if not title:
        return None
    notes = [_text(record, field, warnings) for field in ("location_info", "public_transport")]
    place = places.Place(
        title=words.cut(title, _TITLE),
        address=words.cut(_address(record), 500) if street else "",
        area=words.cut(", ".join(reversed(regions)), _TITLE),
        regions=regions,
        address_access=places.ADDRESS_ACCESS_PUBLIC if street or named else places.ADDRESS_ACCESS_AREA_ONLY,
        approximate=not (street or named),
        notes=words.cut(words.without_passcodes("\n".join(filter(None, notes)))[0], _TEXT),
    )
    _locate(place, record, warnings)
    return place


def _address(record: Mapping[str, Any]) -> str:
    """One line: "1 Main St, Miami, FL 33101, USA" where the province is a state by its letters, else as in Europe."""
    street, town, state, code, nation = (
        words.line(record.get(f"location_{field}"))
        for field in ("street", "municipality", "province", "postal_code_1", "nation")
    )
    by_letters = re.fullmatch(r"[A-Z]{2}", state)
    middle = (town, f"{state} {code}") if by_letters else (f"{code} {town}",)
    return ", ".join(filter(None, (street, *map(str.strip, middle), nation)))


def _locate(place: places.Place, record: Mapping[str, Any], warnings: list[str]) -> None:
    try:
        latitude, longitude = (float(words.line(record.get(field)) or 0) for field in ("latitude", "longitude"))
    except ValueError:
        latitude = longitude = 0.0
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # noqa: PLR2004 - degrees
        warnings.append("its latitude and longitude are not those of a place: left out")
    elif latitude or longitude:
        place.latitude, place.longitude = latitude, longitude


def _mode(record: Mapping[str, Any], codes_: set[str], at: places.Place | None) -> meetings.Mode.ValueType:
    """As its venue_type or a format states; else in person where it has a place, and online where it has none."""
    stated = _MODES.get(words.line(record.get("venue_type")))
    if stated is not None:
        return stated
    if "HYBR" in codes_:
        return meetings.MODE_HYBRID
    return meetings.MODE_ONLINE if "VM" in codes_ or at is None else meetings.MODE_IN_PERSON


def _join(meeting: meetings.Meeting, record: Mapping[str, Any], warnings: list[str]) -> None:
    """How to join; what is said about it stays private: passcodes live there."""
    url, phone = words.link(record.get("virtual_meeting_link")), words.phone(record.get("phone_meeting_number"))
    if url is None:
        warnings.append("virtual_meeting_link is not an http or https link: left out")
    if phone is None:
        warnings.append("phone_meeting_number is not a number: left out")
    private = meeting.online.notes if meeting.HasField("online") else ""
    meeting.ClearField("online")
    if meeting.mode == meetings.MODE_IN_PERSON:
        if url or phone:
            warnings.append("it says it is in person and has a link or a number to join: these are left out")
        return
    notes = "\n\n".join(filter(None, (words.text(record.get("virtual_meeting_additional_info")), private)))
    meeting.online.CopyFrom(meetings.Online(url=url or "", phone=phone or "", notes=words.cut(notes, _TEXT)))
    meeting.online.access = meetings.ONLINE_ACCESS_PUBLIC
    if not url and not phone:
        warnings.append("it is online, and says no link or number to join: see its notes")


def _shut(meeting: meetings.Meeting) -> None:
    """Its house is closed for now: who can be joined from afar goes on there."""
    if meeting.mode == meetings.MODE_HYBRID and (meeting.online.url or meeting.online.phone):
        meeting.mode = meetings.MODE_ONLINE
    elif meeting.mode != meetings.MODE_ONLINE:
        meeting.state = meetings.MEETING_STATE_SUSPENDED
