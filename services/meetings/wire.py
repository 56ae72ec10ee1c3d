"""Between messages and meetings; what each kind of reader may see of one is decided in `access`."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from openchair.meetings.v1 import centre_pb2, group_pb2, meeting_pb2, occurrence_pb2, place_pb2, schedule_pb2

from services.kit.clock import moment
from services.meetings import composed
from services.meetings.access import Audience, finds, joins, learns_area, reads_passcode
from services.meetings.check import Problems
from services.meetings.types import (
    AddressAccess,
    Change,
    Meeting,
    Mode,
    Online,
    OnlineAccess,
    Position,
    Source,
    Status,
    Venue,
    Visibility,
)
from services.meetings.wire_details import number, read_details, say_details
from services.recurrence.wire import from_schedule, to_deviation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.kit.store.port import Record
    from services.recurrence.types import Occurrence

E = TypeVar("E", bound=Enum)
M = TypeVar("M", centre_pb2.Centre, place_pb2.Place, place_pb2.Room, meeting_pb2.Meeting, group_pb2.Group)

MODES = {1: Mode.IN_PERSON, 2: Mode.ONLINE, 3: Mode.HYBRID}
ONLINE_ACCESS = {1: OnlineAccess.PUBLIC, 2: OnlineAccess.SEAT_HOLDERS, 3: OnlineAccess.INVITE_CODE}
ADDRESS_ACCESS = {1: AddressAccess.PUBLIC, 2: AddressAccess.AREA_ONLY, 3: AddressAccess.HOLDERS}
VISIBILITIES = {1: Visibility.PUBLIC, 2: Visibility.UNLISTED, 3: Visibility.MEMBERS}
STATES = {1: Status.ACTIVE, 2: Status.SUSPENDED, 3: Status.CANCELLED}
SETTABLE_STATES = {1: Status.ACTIVE, 2: Status.SUSPENDED}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)


def timestamp(text: str) -> Timestamp:
    """The wire's form of a stored instant."""
    seconds, nanos = _since_1970(text)
    return Timestamp(seconds=seconds, nanos=nanos)


@functools.lru_cache(maxsize=1024)
def _since_1970(text: str) -> tuple[int, int]:
    """Seconds and nanoseconds; what is told in one answer mostly happened at a few instants."""
    passed = moment(text) - _EPOCH
    return passed // _SECOND, passed.microseconds * 1000


def centre_name(centre: str) -> str:
    """Resource name of a centre."""
    return f"centres/{centre}"


def child_name(centre: str, collection: str, id: str) -> str:  # noqa: A002 - the field is named id everywhere
    """Resource name of something that belongs to a centre; "" for no id."""
    return f"centres/{centre}/{collection}/{id}" if id else ""


def meeting_name(meeting: Meeting) -> str:
    """Resource name of a meeting."""
    return child_name(meeting.centre, "meetings", meeting.id)


def say_position(message: place_pb2.Place | meeting_pb2.Venue, position: Position | None) -> None:
    """Fills in where something is, in degrees."""
    if position is not None:
        message.latitude, message.longitude = position.latitude_e7 / 1e7, position.longitude_e7 / 1e7


def venue_message(venue: Venue, audience: Audience) -> meeting_pb2.Venue:
    """Where it is held, as much as the reader may know."""
    message = meeting_pb2.Venue(accessibility=venue.accessibility)
    if venue.address_access is not AddressAccess.PUBLIC:
        message.address_access = number(ADDRESS_ACCESS, venue.address_access)  # type: ignore[assignment]  # the wire's number
    if learns_area(venue.address_access, audience):
        message.area = venue.area
        message.regions.extend(venue.regions)
    if finds(venue.address_access, audience):
        message.map_url = venue.map_url
        message.title, message.address, message.notes = venue.title, venue.address, venue.notes
        message.rooms.extend(venue.rooms)
        message.approximate = venue.approximate
        say_position(message, venue.position)
    return message


def online_message(online: Online, audience: Audience) -> meeting_pb2.Online:
    """How to join, as much as the reader may know."""
    message = meeting_pb2.Online(access=number(ONLINE_ACCESS, online.access))  # type: ignore[arg-type]  # the wire's number
    if joins(online.access, audience):
        message.url, message.phone = online.url, online.phone
    if reads_passcode(online.access, audience):
        message.passcode, message.notes = online.passcode, online.notes
    return message


def source_message(source: Source, audience: Audience) -> meeting_pb2.Source:
    """Where it comes from; the source's own record stays inside."""
    message = meeting_pb2.Source(
        source=source.source, id=source.id, url=source.url, update_time=source.update_time, extra=source.extra
    )
    if audience is Audience.STAFF:
        message.digest, message.original = source.digest, source.original
    return message


def change_message(change: Change, centre: str, audience: Audience) -> meeting_pb2.OccurrenceChange:
    """What differs on one date."""
    message = meeting_pb2.OccurrenceChange(
        date=change.date.isoformat(),
        ordinal=change.ordinal,
        cancelled=change.cancelled,
        reason=change.reason,
        despite_closures=change.despite,
        closure=child_name(centre, "closures", change.closure),
        holiday=change.holiday,
        unconfirmed=change.unconfirmed,
        agenda_without=[child_name(centre, "rooms", room) for room in change.without],
    )
    if change.start is not None:
        message.start = change.start.isoformat(timespec="minutes")
    if change.minutes is not None:
        message.minutes = change.minutes
    if change.title is not None:
        message.title = change.title
    if change.notes is not None:
        message.notes = change.notes
    if change.mode is not None:
        message.mode = number(MODES, change.mode)  # type: ignore[assignment]  # the wire's number
    if change.place is not None:
        message.place = child_name(centre, "places", change.place)
    message.rooms.extend(child_name(centre, "rooms", room) for room in change.rooms)
    if change.venue is not None:
        message.venue.CopyFrom(venue_message(change.venue, audience))
    if change.online is not None:
        message.online.CopyFrom(online_message(change.online, audience))
    return message


def occurrence_state(occurrence: Occurrence, change: Change) -> int:
    """What a date is, on the wire; `change` is all that bears on it."""
    if occurrence.cancelled:
        return occurrence_pb2.OCCURRENCE_STATE_CANCELLED
    if change.unconfirmed:
        return occurrence_pb2.OCCURRENCE_STATE_UNCONFIRMED
    return occurrence_pb2.OCCURRENCE_STATE_SCHEDULED


def meeting_message(meeting: Meeting, audience: Audience = Audience.STAFF) -> meeting_pb2.Meeting:
    """A meeting; what is for others holds no more than each part's stated level."""
    inside = audience is Audience.STAFF
    lost = composed.lost_whole(meeting)
    rooms = [room for room in meeting.rooms if inside or room not in lost]
    changes = composed.changes(meeting)
    meeting = composed.shown(meeting, as_wanted=inside)
    message = meeting_pb2.Meeting(
        name=child_name(meeting.centre, "meetings", meeting.id),
        create_time=timestamp(meeting.created_at),
        lineage=meeting.lineage,
        state=number(STATES, meeting.status),  # type: ignore[arg-type]  # the wire's number
        sequence=meeting.sequence,
        title=meeting.title,
        kind=meeting.kind,
        fellowship=meeting.fellowship,
        types=meeting.types,
        mode=number(MODES, meeting.mode),  # type: ignore[arg-type]  # the wire's number
        language=meeting.language,
        accessibility=meeting.accessibility,
        notes=meeting.notes,
        group=meeting.group,
        visibility=number(VISIBILITIES, meeting.visibility),  # type: ignore[arg-type]  # the wire's number
        schedule=from_schedule(meeting.schedule),
        changes=[change_message(change, meeting.centre, audience) for change in changes],
        day_changes=[
            schedule_pb2.DayChange(
                time=change.at, old_schedule=from_schedule(change.old), new_schedule=from_schedule(change.new)
            )
            for change in meeting.day_changes
        ],
        place=child_name(meeting.centre, "places", meeting.place),
        rooms=[child_name(meeting.centre, "rooms", room) for room in rooms],
    )
    if meeting.cancelled_at is not None:
        message.cancel_time.CopyFrom(timestamp(meeting.cancelled_at))
    if meeting.venue is not None:
        message.venue.CopyFrom(venue_message(meeting.venue, audience))
    found = meeting.venue is None or finds(meeting.venue.address_access, audience)
    say_details(message, meeting, inside=inside, found=found)
    if inside:
        _say_rooms(message, meeting)
    if meeting.online is not None:
        message.online.CopyFrom(online_message(meeting.online, audience))
    if meeting.source is not None and not withholds(meeting, audience):  # the source's page may tell it
        message.source.CopyFrom(source_message(meeting.source, audience))
    if audience in {Audience.HOLDER, Audience.STAFF}:
        message.invite_group = child_name(meeting.centre, "groups", meeting.invite_group)
    _link_parts(message, meeting, audience)
    return message


def _say_rooms(message: meeting_pb2.Meeting, meeting: Meeting) -> None:
    """What only the centre's own people are told: who hosts it, and which rooms it has not."""
    message.online_host = child_name(meeting.centre, "rooms", meeting.online_host)
    message.lost_rooms.extend(
        child_name(meeting.centre, "rooms", room) for room in sorted(composed.lost_whole(meeting))
    )
    known = {(change.date, change.ordinal): change for change in message.changes}
    for key, lost in sorted(composed.lost_on(meeting).items()):
        change = known.get((key.date.isoformat(), key.ordinal))
        if change is None:  # the host, or a room of the agenda: nobody else sees a difference
            change = message.changes.add(date=key.date.isoformat(), ordinal=key.ordinal)
        change.lost_rooms.extend(child_name(meeting.centre, "rooms", room) for room in sorted(lost))


def withholds(meeting: Meeting, audience: Audience) -> bool:
    """Whether the address, or how to join, is kept from them on any date."""
    venues = filter(None, (meeting.venue, *(each.venue for each in meeting.apart())))
    found = all(finds(venue.address_access, audience) for venue in venues)
    return not (found and all(joins(online.access, audience) for online in _links(meeting)))


def keeps_back(meeting: Meeting, audience: Audience) -> bool:
    """The same, passcodes and notes on joining too."""
    secret = (online for online in _links(meeting) if online.passcode or online.notes)
    return withholds(meeting, audience) or not all(reads_passcode(online.access, audience) for online in secret)


def _links(meeting: Meeting) -> Iterator[Online]:
    """How it is joined, on any date."""
    return filter(None, (meeting.online, *(each.online for each in meeting.apart())))


def _link_parts(message: meeting_pb2.Meeting, meeting: Meeting, audience: Audience) -> None:
    """The neighbouring parts: for others than the centre's own people those that they see, too."""
    hidden = audience in {Audience.LINK, Audience.HOLDER}
    revision = meeting.next_private_revision if hidden else meeting.next_revision
    if audience is Audience.STAFF:
        message.previous_part = child_name(meeting.centre, "meetings", meeting.previous)
    if revision or audience is Audience.STAFF:
        message.next_part = child_name(meeting.centre, "meetings", meeting.next)
        message.next_part_revision = revision


def read_online(message: meeting_pb2.Online, field: str, problems: Problems, now: Online | None) -> Online:
    """How to join from afar. Who may learn it stays as it is `now` where the message does not say."""
    access = now.access if now else OnlineAccess.PUBLIC
    return Online(
        access=problems.choice(f"{field}.access", message.access, ONLINE_ACCESS, access),
        url=problems.url(f"{field}.url", message.url),
        phone=problems.phone(f"{field}.phone", message.phone),
        passcode=problems.line(f"{field}.passcode", message.passcode),
        notes=problems.text(f"{field}.notes", message.notes),
    )


def read_meeting(message: meeting_pb2.Meeting, base: Meeting, prefix: str = "meeting.") -> Meeting:
    """`base` with what the message says, but for place and rooms, which are looked up. Raises Invalid naming fields."""
    problems = Problems(prefix)
    schedule = problems.schedule("schedule", message.schedule)
    meeting = msgspec.structs.replace(
        base,
        title=problems.title("title", message.title),
        status=problems.choice("state", message.state, SETTABLE_STATES, Status.ACTIVE),
        schedule=schedule or base.schedule,
        kind=problems.slug("kind", message.kind or "support-meeting"),
        fellowship=problems.line("fellowship", message.fellowship, 60),
        types=problems.words("types", message.types),
        mode=problems.stated("mode", message.mode, MODES, Mode.IN_PERSON),
        language=problems.language("language", message.language),
        accessibility=problems.words("accessibility", message.accessibility),
        notes=problems.text("notes", message.notes),
        group=problems.line("group", message.group),
        visibility=problems.choice("visibility", message.visibility, VISIBILITIES, base.visibility),
        online=read_online(message.online, "online", problems, base.online) if message.HasField("online") else None,
    )
    meeting = read_details(message, meeting, problems)
    problems.settle()
    return meeting


def read_change(message: meeting_pb2.OccurrenceChange, base: Change, series: Online | None = None) -> Change:
    """What differs on one date, but for place and rooms, which are looked up. Raises Invalid naming fields.

    `series` is how the series is joined from afar: a link for one date is as public as that, unless it says otherwise.
    """
    problems = Problems("change.")
    moved = meeting_pb2.OccurrenceChange()
    moved.CopyFrom(message)
    moved.date, moved.ordinal = base.date.isoformat(), base.ordinal
    try:
        times = to_deviation(moved)
    except ValueError as error:
        field = getattr(error, "field", "start")
        problems.add(field, getattr(error, "reason", str(error)))
        times = base
    change = msgspec.structs.replace(
        base,
        start=times.start,
        minutes=times.minutes,
        reason=problems.text("reason", message.reason),
        title=problems.title("title", message.title) if message.HasField("title") else None,
        notes=problems.text("notes", message.notes) if message.HasField("notes") else None,
        mode=problems.stated("mode", message.mode, MODES, Mode.IN_PERSON) if message.HasField("mode") else None,
        despite=message.despite_closures,
        online=read_online(message.online, "online", problems, base.online or series)
        if message.HasField("online")
        else None,
    )
    problems.settle()
    return change


def stamp(message: M, record: Record) -> M:
    """The message as an answer to a caller: with the record's own time and etag."""
    message.etag = str(record.revision)
    message.update_time.CopyFrom(timestamp(record.at))
    return message
