"""Meetings as Meeting Guide JSON (code4recovery/spec), from what everybody may see of them. Pure.

The format is for weekly meetings and has no dates. So `day` and `time` stand only where the coming week holds the
meeting on these days; what else there is to say stands in a part of its own (`ours`), which other readers leave alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import meeting_pb2 as meetings
from openchair.meetings.v1 import place_pb2 as places

from services.formats import codes, ours
from services.formats import records as lists
from services.recurrence import wire
from services.recurrence.schedule import dates, first_key, last_key
from services.recurrence.types import Frequency, Key, RecurrenceError, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openchair.meetings.v1 import centre_pb2 as centres

_WEEK: Final = timedelta(days=7)
_MONTH: Final = timedelta(days=28)
_SLUG: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_PHONE: Final = re.compile(r"\+?\d{1,15}(?:[,*#]\d+)*#?")
_ATTENDANCE: Final = {
    meetings.MODE_IN_PERSON: "in_person",
    meetings.MODE_ONLINE: "online",
    meetings.MODE_HYBRID: "hybrid",
}
_INACTIVE: Final = "inactive"


def records(
    found: Iterable[meetings.Meeting], centre: centres.Centre, base_url: str, today: date
) -> list[dict[str, Any]]:
    """The records of a centre's list, one for each meeting that has dates left (local, from `today` on).

    `found` are public views: what they withhold cannot come out. Of a series that was split the part in force is told;
    parts to come stand with it, since a reader of the list would take their hours for those of this week. `base_url`
    is the address of this site, without a slash at its end; "": it has none.
    """
    taken: set[str] = set()
    told = [_record(parts, centre, base_url, today, taken) for parts in _series(found, today)]
    return sorted(told, key=lambda record: (record["name"], record["slug"]))


def written(found: Sequence[dict[str, Any]]) -> bytes:
    """The list as a file."""
    return lists.pretty(found)


class _Part:
    """A part of a series with its schedule."""

    def __init__(self, meeting: meetings.Meeting, schedule: Schedule) -> None:
        self.meeting = meeting
        self.schedule = schedule


def _series(found: Iterable[meetings.Meeting], today: date) -> list[list[_Part]]:
    """The living parts of each series, the one in force first."""
    by_lineage: defaultdict[str, list[_Part]] = defaultdict(list)
    for meeting in sorted(found, key=lambda each: each.name):
        try:
            part = _Part(meeting, wire.to_schedule(meeting.schedule))
        except RecurrenceError:
            continue  # no view of the service holds such a schedule
        if meeting.state != meetings.MEETING_STATE_CANCELLED and not _over(part, today):
            by_lineage[meeting.lineage or meeting.name].append(part)
    return [sorted(parts, key=lambda part: first_key(part.schedule)) for parts in by_lineage.values()]


def _over(part: _Part, today: date) -> bool:
    """Whether nothing of it is left; one that moved to a later day is."""
    last = last_key(part.schedule)
    moved = max((change.start[:10] for change in part.meeting.changes if not change.cancelled), default="")
    return last is not None and max(last.date.isoformat(), moved) < today.isoformat()


def _record(parts: list[_Part], centre: centres.Centre, base_url: str, today: date, taken: set[str]) -> dict[str, Any]:
    meeting, schedule = parts[0].meeting, parts[0].schedule
    days = _days(schedule, today)
    shut = meeting.state == meetings.MEETING_STATE_SUSPENDED or _all_cancelled(parts[0], today)
    types = _types(meeting, shut=shut)
    extra = _extra(meeting)
    record: dict[str, Any] = {
        "name": meeting.title,
        "slug": _slug(meeting, taken),
        **_when(schedule, days),
        "timezone": schedule.zone,
        "types": types,
        **_where(meeting),
        **_join(meeting),
        **_texts(meeting, extra),
        "attendance_option": _INACTIVE if shut else _ATTENDANCE.get(meeting.mode, ""),
        "url": meeting.source.url or _addresses(meeting, base_url)[0],
        "updated": _updated(meeting),
    }
    record = {key: value for key, value in record.items() if value not in ("", None, [])}
    record |= {key: value for key, value in extra.items() if key not in record and key != "group_notes"}
    record[ours.KEY] = _part(parts, record, days, extra, base_url)
    return record | {key: value for key, value in _entity(centre).items() if key not in record}


def _part(
    parts: list[_Part], record: dict[str, Any], days: list[int], extra: dict[str, Any], base_url: str
) -> dict[str, Any]:
    """What the format cannot say."""
    meeting = parts[0].meeting
    needed = ["state"] if meeting.state == meetings.MEETING_STATE_SUSPENDED else []
    if not days or not _plain(parts[0].schedule):
        needed.append("schedule")
    if codes.without_languages(meeting.fellowship, record.get("types", [])) != list(meeting.types):
        needed.append("types")
    later = [{"from": first_key(part.schedule).date.isoformat(), "schedule": _dict(part.meeting)} for part in parts[1:]]
    page, calendar = _addresses(meeting, base_url)
    said: dict[str, Any] = {
        "url": page,
        "calendar": calendar,
        "source_url": meeting.source.url,
        "source_updated": meeting.source.update_time,
        "source_id": meeting.source.id if meeting.source.id not in {"", record["slug"]} else "",
        "source_fields": sorted(extra.keys() & record.keys()),
        "meeting": ours.meeting_part(meeting, *needed),
        "exceptions": ours.exceptions(meeting),
        "later": later,
        "rooms": list(meeting.venue.rooms),
        "place": _place_part(meeting.venue),
        "withheld": ours.withheld(meeting),
    }
    return {key: value for key, value in said.items() if value}


def _dict(meeting: meetings.Meeting) -> dict[str, Any]:
    return MessageToDict(meeting.schedule, preserving_proto_field_name=True)


def _addresses(meeting: meetings.Meeting, base_url: str) -> tuple[str, str]:
    """The page of its centre, and its calendar."""
    centre, id_ = meeting.name.split("/")[1::2]
    if not base_url:
        return "", ""
    return f"{base_url}/centre/{centre}", f"{base_url}/calendars/{centre}/meeting/{id_}.ics"


def _slug(meeting: meetings.Meeting, taken: set[str]) -> str:
    """The source's own where it is sound and nobody has it yet, else the id of the series: it stays through splits."""
    own = meeting.source.id
    slug = own if _SLUG.fullmatch(own) and own not in taken else meeting.lineage or meeting.name.rpartition("/")[2]
    taken.add(slug)
    return slug


# --- when -----------------------------------------------------------------------------------------------------------


def _days(schedule: Schedule, today: date) -> list[int]:
    """Days of the week, Sunday 0, on which the coming week holds it and each one after; empty: it is not weekly."""
    rule = schedule.rule
    if rule is None or rule.interval != 1 or rule.frequency is Frequency.MONTHLY or rule.by_month_day:
        return []
    if first_key(schedule).date >= today + _WEEK:
        return []
    own = [schedule.start.weekday()] if rule.frequency is Frequency.WEEKLY else list(range(7))
    weekdays = [day.weekday for day in rule.by_day] or own
    return sorted({(day + 1) % 7 for day in weekdays})


def _plain(schedule: Schedule) -> bool:
    """Whether days, hour and length say all: weekly, without an end and without extra dates."""
    rule = schedule.rule
    if rule is None or rule.frequency is not Frequency.WEEKLY or schedule.extra:
        return False
    return rule.until is None and rule.count is None and schedule.minutes < 24 * 60


def _when(schedule: Schedule, days: list[int]) -> dict[str, Any]:
    if not days:
        return {}
    end = schedule.start + timedelta(minutes=schedule.minutes)
    told = {"day": days[0] if len(days) == 1 else days, "time": f"{schedule.start:%H:%M}"}
    return told | ({"end_time": f"{end:%H:%M}"} if schedule.minutes < 24 * 60 else {})


def _all_cancelled(part: _Part, today: date) -> bool:
    """Whether it has dates in the next four weeks and none of them takes place."""
    cancelled = {Key(date.fromisoformat(each.date), each.ordinal) for each in part.meeting.changes if each.cancelled}
    coming = list(dates(part.schedule, today, today + _MONTH))
    return bool(coming) and all(key in cancelled for key in coming)


def _types(meeting: meetings.Meeting, *, shut: bool) -> list[str]:
    """The codes, those of languages too; the one for a closed location where it is closed, and not where it opened."""
    spoken = codes.language_codes(meeting.fellowship, filter(None, (meeting.language, *meeting.other_languages)))
    opened = not shut and meeting.mode == meetings.MODE_IN_PERSON
    own = [code for code in meeting.types if not (opened and code == codes.CLOSED)]
    return list(dict.fromkeys((*own, *spoken, *([codes.CLOSED] if shut else []))))


# --- where, and how to join ------------------------------------------------------------------------------------------


def _where(meeting: meetings.Meeting) -> dict[str, Any]:
    venue = meeting.venue
    if not meeting.HasField("venue"):
        return {}
    regions = list(venue.regions) or [venue.area] * bool(venue.area)
    told: dict[str, Any] = {
        "region": regions[0] if len(regions) in {1, 2} else "",
        "sub_region": regions[1] if len(regions) == 2 else "",  # noqa: PLR2004 - a region and its part
        "regions": regions,
    }
    if venue.address_access > places.ADDRESS_ACCESS_PUBLIC:
        return told | {"formatted_address": venue.area, "approximate": "yes"}
    told |= {
        "location": venue.title,
        "formatted_address": venue.address,
        "location_notes": venue.notes,
        "approximate": "yes" if venue.approximate else "",
    }
    if venue.HasField("latitude"):
        told |= {"latitude": venue.latitude, "longitude": venue.longitude}
        told["approximate"] = "yes" if venue.approximate else "no"
    return told


def _place_part(venue: meetings.Venue) -> dict[str, Any]:
    """Of a place what the format has no field for, where that is anything."""
    if venue.address_access > places.ADDRESS_ACCESS_PUBLIC:
        return {}
    implied = ", ".join(reversed(venue.regions))
    if (venue.area == implied and venue.regions) and not venue.map_url and not venue.accessibility:
        return {}
    said = places.Place(
        area=venue.area, map_url=venue.map_url, regions=venue.regions, accessibility=venue.accessibility
    )
    return MessageToDict(said, preserving_proto_field_name=True)


def _join(meeting: meetings.Meeting) -> dict[str, Any]:
    """The link and the number; a number that the format cannot write is left to its digits and signs."""
    if meeting.mode == meetings.MODE_IN_PERSON:
        return {}
    return {"conference_url": meeting.online.url, "conference_phone": meeting.online.phone}


# --- words ------------------------------------------------------------------------------------------------------------


def _texts(meeting: meetings.Meeting, extra: dict[str, Any]) -> dict[str, Any]:
    """Notes of the meeting and, where they still are as the source had them, those of the group apart."""
    of_group = extra.get("group_notes")
    notes, of_group = meeting.notes, of_group if isinstance(of_group, str) else ""
    told = {"group": meeting.group, "notes": notes}
    if of_group and notes == of_group:
        return told | {"notes": "", "group_notes": of_group}
    if of_group and notes.endswith(f"\n\n{of_group}"):
        return told | {"notes": notes.removesuffix(f"\n\n{of_group}"), "group_notes": of_group}
    return told


def _extra(meeting: meetings.Meeting) -> dict[str, Any]:
    return lists.object_of(meeting.source.extra) if meeting.source.extra else {}


def _updated(meeting: meetings.Meeting) -> str:
    """When the source says that it changed, else when it changed here; UTC."""
    said = meeting.source.update_time[:19].replace("T", " ")
    if said or not meeting.HasField("update_time"):
        return said
    return f"{meeting.update_time.ToDatetime():%Y-%m-%d %H:%M:%S}"


def _entity(centre: centres.Centre) -> dict[str, str]:
    """Who publishes the list."""
    website = centre.website if centre.website.startswith("https://") else ""
    told = {"entity": centre.title, "entity_website_url": website}
    return {key: value for key, value in told.items() if value}
