"""Between messages and rooms. The public learns nothing of a room that may tell an address, a rule or a link."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import TYPE_CHECKING, Final

import msgspec
from openchair.meetings.v1 import place_pb2

from services.kit.names import Pattern
from services.meetings.access import Audience
from services.meetings.check import LIST_LENGTH, MAX_CHAIRS, Problems
from services.meetings.types_rooms import (
    Approval,
    BookingRules,
    DatedHours,
    OpeningHours,
    Quota,
    QuotaPeriod,
    RoomKind,
    WhoMayBook,
)
from services.meetings.wire import child_name, timestamp
from services.meetings.wire_details import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.kit.store.port import Record
    from services.meetings.types_rooms import Room

KINDS: Final = {1: RoomKind.ROOM, 2: RoomKind.VIDEO}
WHO: Final = {1: WhoMayBook.FACILITATORS, 2: WhoMayBook.COORDINATORS, 3: WhoMayBook.ADMINISTRATORS}
APPROVALS: Final = {0: Approval.NONE, 1: Approval.HOLDS, 2: Approval.COMPETES}
PERIODS: Final = {1: QuotaPeriod.DAY, 2: QuotaPeriod.WEEK, 3: QuotaPeriod.MONTH}
ROOM: Final = Pattern("centres/{centre}/rooms/{room}")
DAY: Final = 1440
MOST_DATED: Final = 366
MOST_QUOTAS: Final = 10
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_LIMITS: Final = {
    "most_days_ahead": 10_000,
    "least_minutes_ahead": 366 * DAY,
    "shortest_minutes": 31 * DAY,
    "longest_minutes": 31 * DAY,
    "check_in_minutes": DAY,
    "hold_minutes": DAY,
}


def room_message(room: Room, audience: Audience = Audience.STAFF) -> place_pb2.Room:
    """A room; that of others without words that may tell the address, but where these may be known (`titling`)."""
    staff = audience is Audience.STAFF
    message = place_pb2.Room(
        name=child_name(room.centre, "rooms", room.id),
        create_time=timestamp(room.created_at),
        place=child_name(room.centre, "places", room.place),
        capacity=room.capacity,
        accessibility=room.accessibility,
        equipment=room.equipment,
        excludes=_names(room, room.excludes),
        public_busy=room.public_busy,
        public_title=room.public_title if staff else room.titled,
        kind=number(KINDS, room.kind),  # type: ignore[arg-type]  # the wire's number
    )
    if room.titled or staff:
        message.title = room.title
        message.photos.extend(room.photos)
    if staff:
        _say_what_staff_knows(message, room)
    return message


def etag(room: Room) -> str:
    """What it says of itself, in short: its record moves with every booking, and nobody who edits need care."""
    bare = msgspec.structs.replace(room, excludes=(), floor=0, titled=False)
    return hashlib.sha256(msgspec.json.encode(bare)).hexdigest()[:16]


def stamped(room: Room, record: Record) -> place_pb2.Room:
    """A room as an answer to a caller."""
    message = room_message(room)
    message.etag = etag(room)
    message.update_time.CopyFrom(timestamp(record.at))
    return message


def _say_what_staff_knows(message: place_pb2.Room, room: Room) -> None:
    message.notes, message.join_url = room.notes, room.join_url
    for each in room.hours:
        opens, closes = _clock(each.opens), _clock(each.closes)
        message.opening_hours.add(weekdays=[day + 1 for day in each.weekdays], opens=opens, closes=closes)
    for dated in room.dated_hours:
        said = message.dated_hours.add(date=dated.date.isoformat(), reason=dated.reason)
        if dated.opens < dated.closes:
            said.opens, said.closes = _clock(dated.opens), _clock(dated.closes)
    message.before_minutes, message.after_minutes = room.before, room.after
    message.rules.CopyFrom(_rules_message(room.rules))
    message.parts.extend(_names(room, room.parts))
    message.time_zone = room.zone


def _names(room: Room, ids: Sequence[str]) -> list[str]:
    return [child_name(room.centre, "rooms", id_) for id_ in ids]


def _rules_message(rules: BookingRules) -> place_pb2.BookingRules:
    message = place_pb2.BookingRules(
        without_end=rules.without_end, **{field: getattr(rules, field) for field in _LIMITS}
    )
    if rules.who is not WhoMayBook.FACILITATORS:
        message.who = number(WHO, rules.who)  # type: ignore[assignment]  # the wire's number
    message.approval = number(APPROVALS, rules.approval)  # type: ignore[assignment]  # the wire's number
    for each in rules.quotas:
        period = number(PERIODS, each.period)
        message.quotas.add(period=period, count=each.count, minutes=each.minutes)
    return message


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def read_room(message: place_pb2.Room, base: Room, zone: str = "UTC") -> Room:
    """`base` with what the message says, but for its kind and place; `zone` is the centre's, for one without a zone.

    Raises Invalid naming every field that is wrong.
    """
    problems = Problems("room.")
    room = msgspec.structs.replace(
        base,
        title=problems.title("title", message.title),
        capacity=problems.within("capacity", message.capacity, 0, MAX_CHAIRS),
        accessibility=problems.words("accessibility", message.accessibility),
        equipment=problems.words("equipment", message.equipment),
        notes=problems.text("notes", message.notes),
        photos=_photos(message.photos, problems),
        hours=_hours(message.opening_hours, problems),
        dated_hours=_dated(message.dated_hours, problems),
        before=problems.within("before_minutes", message.before_minutes, 0, DAY),
        after=problems.within("after_minutes", message.after_minutes, 0, DAY),
        rules=_rules(message.rules, problems),
        parts=_parts(message.parts, base, problems),
        zone=problems.zone("time_zone", message.time_zone) if message.time_zone else zone,
        public_busy=message.public_busy,
        public_title=message.public_title,
        join_url=problems.https("join_url", message.join_url),
    )
    if room.join_url and room.kind is not RoomKind.VIDEO:
        problems.add("join_url", "only a video account has one")
    problems.settle()
    return room


def _photos(links: Sequence[str], problems: Problems) -> tuple[str, ...]:
    found = [problems.https(f"photos[{n}]", link) for n, link in enumerate(links)]
    for n in (n for n, link in enumerate(found) if not link):
        problems.add(f"photos[{n}]", "is empty")
    problems.at_most("photos", found, LIST_LENGTH)
    return tuple(dict.fromkeys(found))


def _hours(said: Sequence[place_pb2.OpeningHours], problems: Problems) -> tuple[OpeningHours, ...]:
    problems.at_most("opening_hours", said, LIST_LENGTH)
    found = []
    for n, each in enumerate(said):
        field = f"opening_hours[{n}]"
        if not each.weekdays or not all(1 <= day <= 7 for day in each.weekdays):  # noqa: PLR2004 - Sunday
            problems.add(f"{field}.weekdays", "must be from 1 (Monday) to 7 (Sunday), at least one")
        opens, closes = _span(field, each, problems)
        found.append(OpeningHours(tuple(sorted({day - 1 for day in each.weekdays})), opens, closes))
    return tuple(found)


def _dated(said: Sequence[place_pb2.DatedHours], problems: Problems) -> tuple[DatedHours, ...]:
    problems.at_most("dated_hours", said, MOST_DATED)
    found: list[DatedHours] = []
    for n, each in enumerate(said):
        field = f"dated_hours[{n}]"
        day = _day(f"{field}.date", each.date, problems)
        opens, closes = _span(field, each, problems) if each.opens or each.closes else (0, 0)
        reason = problems.line(f"{field}.reason", each.reason)
        if any(other.date == day and (opens == closes or other.opens == other.closes) for other in found):
            problems.add(f"{field}.date", "is there already, and is not open all of that date")
        found.append(DatedHours(day, opens, closes, reason))
    return tuple(sorted(found, key=lambda each: (each.date, each.opens)))


def _day(field: str, text: str, problems: Problems) -> date:
    try:
        return date.fromisoformat(text if len(text) == len("2026-12-24") else "")
    except ValueError:
        problems.add(field, 'must be a date, "2026-12-24"')
        return date.min


def _span(field: str, said: place_pb2.OpeningHours | place_pb2.DatedHours, problems: Problems) -> tuple[int, int]:
    """From and to, in minutes of the day."""
    found = []
    for name, text in (("opens", said.opens), ("closes", said.closes)):
        if not _CLOCK.fullmatch(text):
            problems.add(f"{field}.{name}", 'must be a time of day, "09:00"')
            return 0, DAY
        found.append(int(text[:2]) * 60 + int(text[3:]))
    if found[0] >= found[1]:
        text = "must be later than it opens; what goes on after midnight is said of the next day, from 00:00 on"
        problems.add(f"{field}.closes", text)
    return found[0], found[1]


def _rules(said: place_pb2.BookingRules, problems: Problems) -> BookingRules:
    numbers = {
        field: problems.within(f"rules.{field}", getattr(said, field), 0, limit) for field, limit in _LIMITS.items()
    }
    if 0 < numbers["longest_minutes"] < numbers["shortest_minutes"]:
        problems.add("rules.longest_minutes", "must not be less than the shortest")
    problems.at_most("rules.quotas", said.quotas, MOST_QUOTAS)
    return BookingRules(
        who=problems.choice("rules.who", said.who, WHO, WhoMayBook.FACILITATORS),
        approval=problems.choice("rules.approval", said.approval, APPROVALS, Approval.NONE),
        without_end=said.without_end,
        quotas=tuple(_quota(f"rules.quotas[{n}]", each, problems) for n, each in enumerate(said.quotas)),
        **numbers,
    )


def _quota(field: str, said: place_pb2.Quota, problems: Problems) -> Quota:
    if said.count <= 0 and said.minutes <= 0:
        problems.add(field, "must say how many dates, or how many minutes")
    return Quota(
        problems.stated(f"{field}.period", said.period, PERIODS, QuotaPeriod.WEEK),
        problems.within(f"{field}.count", said.count, 0, 10_000),
        problems.within(f"{field}.minutes", said.minutes, 0, 31 * DAY),
    )


def _parts(names: Sequence[str], base: Room, problems: Problems) -> tuple[str, ...]:
    """Ids of the rooms that it is made of; whether they are there is for whoever writes."""
    problems.at_most("parts", names, LIST_LENGTH)
    if names and base.kind is RoomKind.VIDEO:
        problems.add("parts", "a video account has none")
    found = []
    for n, name in enumerate(names):
        if not ROOM.matches(name):
            problems.add(f"parts[{n}]", f"must be a name like {ROOM.pattern!r}")
            continue
        ids = ROOM.parse(name, "parts")
        if ids["centre"] != base.centre:
            problems.add(f"parts[{n}]", "is a room of another centre")
        if ids["room"] == base.id:
            problems.add(f"parts[{n}]", "is the room itself")
        found.append(ids["room"])
    return tuple(dict.fromkeys(found))
