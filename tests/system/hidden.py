"""A centre in which much is hidden: canaries in every field that says something of a meeting or a place."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from openchair.meetings.v1 import (
    booking_pb2,
    closure_pb2,
    closure_service_pb2,
    group_pb2,
    import_pb2,
    meeting_pb2,
    place_pb2,
)
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb
from openchair.meetings.v1 import schedule_pb2 as schedules
from openchair.meetings.v1.closure_service_pb2_grpc import ClosureServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub
from openchair.meetings.v1.room_service_pb2_grpc import RoomServiceStub

from services.kit.client import RpcError
from tests.system import acts, canaries

if TYPE_CHECKING:
    from tests.system.running import System

CENTRE = "centres/elm"
CLOSED_TO_ALL = meeting_pb2.ONLINE_ACCESS_INVITE_CODE
HERE: dict[str, Any] = {"latitude": 53.512345, "longitude": -113.567891}
WITHHELD = {"shelter": place_pb2.ADDRESS_ACCESS_AREA_ONLY, "villa": place_pb2.ADDRESS_ACCESS_HOLDERS}
HIDDEN = {"unlisted": meeting_pb2.VISIBILITY_UNLISTED, "members": meeting_pb2.VISIBILITY_MEMBERS}


class Told(NamedTuple):
    """Words that nobody may read who has no right, by what they are; names of what was made; the group's code."""

    words: dict[str, str]
    names: dict[str, str]
    code: str

    def id(self, name: str) -> str:
        """The last part of a name."""
        return self.names[name].rpartition("/")[2]


async def open_centre(system: System) -> Told:
    words: dict[str, str] = {}
    names: dict[str, str] = {}
    async with system.channel() as channel:
        stub, rooms = MeetingServiceStub(channel), RoomServiceStub(channel)
        await acts.create_centre(stub, "elm")
        for level in WITHHELD:
            names[level] = (await stub.CreatePlace(_place(words, level))).name
            names[f"{level} room"] = (await rooms.CreateRoom(_room(words, level, names[level]))).name
        names["hall"] = (await stub.CreatePlace(_hall())).name
        for name, public_busy in (("hall", False), ("open", True)):
            asked = _room(words, name, names["hall"], public_busy=public_busy)
            names[f"{name} room"] = (await rooms.CreateRoom(asked)).name
        names["account"] = (await rooms.CreateRoom(_account(words))).name
        for level in WITHHELD:
            room = names[f"{level} room"]
            retreat = _retreat([room], title="Everybody", place=names[level], rooms=[room])
            names[f"at {level}"] = (await _create(stub, retreat)).name
        weekly = acts.weekly("Everybody", "2026-01-06T19:00", place=names["hall"])
        names["at hall"] = (await _create(stub, weekly)).name
        await _close_the_hall(ClosureServiceStub(channel), names, words)
        await _import(stub, words)
        group = await stub.CreateGroup(pb.CreateGroupRequest(parent=CENTRE, group=group_pb2.Group(title="Ours")))
        names["group"] = group.name
        code = (await stub.RotateInviteCode(pb.RotateInviteCodeRequest(name=group.name))).invite_code
    return Told(words, names, code)


def word(words: dict[str, str], name: str) -> str:
    """The canary of that name."""
    return words.setdefault(name, canaries.word())


def _place(words: dict[str, str], level: str, **changed: Any) -> pb.CreatePlaceRequest:
    """One whose address is withheld; the shelter's regions are told as its area is."""
    said: dict[str, Any] = {line: word(words, f"{level} {line}") for line in ("title", "address", "notes")}
    map_url = f"https://maps.example.org/{word(words, f'{level} map')}"
    regions = ["Old Town" if level == "shelter" else word(words, "villa region")]
    place = place_pb2.Place(
        **said, map_url=map_url, area="Old Town", regions=regions, address_access=WITHHELD[level], **HERE, **changed
    )
    return pb.CreatePlaceRequest(parent=CENTRE, place=place)


def _hall() -> pb.CreatePlaceRequest:
    place = place_pb2.Place(title="The Hall", address="1 Main Street", latitude=53.6, longitude=-113.4)
    return pb.CreatePlaceRequest(parent=CENTRE, place=place)


def _room(words: dict[str, str], level: str, place: str, *, public_busy: bool = False) -> rooms_pb.CreateRoomRequest:
    """A room; those of the hall are public, and only what is hidden is held there. Those of withheld places say in vain
    that everybody may know their titles and photos.
    """
    room = place_pb2.Room(place=place, capacity=12, public_busy=public_busy, public_title=level in WITHHELD)
    room.title, room.notes = (word(words, f"{level} room {line}") for line in ("title", "notes"))
    room.photos.append(f"https://pictures.example.org/{word(words, f'{level} room photo')}")
    day = _saturday_after(700).date()
    room.dated_hours.add(date=str(day), reason=word(words, f"{level} room hours"))
    return rooms_pb.CreateRoomRequest(parent=CENTRE, room=room)


def _saturday_after(days: int) -> datetime:
    """The first Saturday, UTC, that is at least so many days away: no weekly meeting here is on one."""
    start = datetime.now(UTC) + timedelta(days=days)
    return start + timedelta(days=(5 - start.weekday()) % 7)


def _account(words: dict[str, str]) -> rooms_pb.CreateRoomRequest:
    """A video account, which hosts what is hidden."""
    account = place_pb2.Room(kind=place_pb2.ROOM_KIND_VIDEO, public_busy=True)
    account.title, account.notes = (word(words, f"account {line}") for line in ("title", "notes"))
    account.join_url = f"https://meet.example.org/{word(words, 'account link')}"
    return rooms_pb.CreateRoomRequest(parent=CENTRE, room=account)


def _retreat(session_rooms: list[str], **fields: Any) -> meeting_pb2.Meeting:
    """A retreat on a Saturday, on which no weekly meeting here is, with one item on its agenda."""
    start = _saturday_after(3)
    schedule = schedules.Schedule(start=f"{start:%Y-%m-%d}T09:00", time_zone=acts.ZONE, minutes=600)
    retreat = meeting_pb2.Meeting(
        kind="retreat", mode=meeting_pb2.MODE_IN_PERSON, visibility=meeting_pb2.VISIBILITY_PUBLIC, schedule=schedule
    )
    retreat.sessions.add(id="walk", title="A walk", day=1, time="10:00", minutes=60, rooms=session_rooms, leader="Ana")
    retreat.MergeFrom(meeting_pb2.Meeting(**fields))
    return retreat


async def _create(stub: MeetingServiceStub, meeting: meeting_pb2.Meeting) -> meeting_pb2.Meeting:
    return await stub.CreateMeeting(pb.CreateMeetingRequest(parent=CENTRE, meeting=meeting))


def _link(words: dict[str, str], name: str) -> meeting_pb2.Online:
    """A link that a code opens, a passcode, and how to join."""
    return meeting_pb2.Online(
        access=CLOSED_TO_ALL,
        url=f"https://meet.example.org/{word(words, f'{name} link')}",
        passcode=word(words, f"{name} passcode"),
        notes=word(words, f"{name} joining"),
    )


async def _close_the_hall(stub: ClosureServiceStub, names: dict[str, str], words: dict[str, str]) -> None:
    """For a day the hall is closed, and what is held there is held at the villa; the shelter lends a link."""
    day = datetime.now(UTC).date() + timedelta(days=10)
    moved: dict[str, Any] = {"effect": closure_pb2.CLOSURE_EFFECT_MOVE, "move_place": names["villa"]}
    moved |= {"places": [names["hall"]], "move_rooms": [names["villa room"]], "end": str(day + timedelta(days=7))}
    online: dict[str, Any] = {
        "effect": closure_pb2.CLOSURE_EFFECT_ONLINE,
        "places": [names["shelter"]],
        "end": str(day),
    }
    for fields in (moved, online | {"online": _link(words, "closure")}):
        closure = closure_pb2.Closure(reason="Closed: painting", start=str(day), **fields)
        await stub.CreateClosure(closure_service_pb2.CreateClosureRequest(parent=CENTRE, closure=closure))


async def _import(stub: MeetingServiceStub, words: dict[str, str]) -> None:
    """A meeting from elsewhere, whose link is not public: then neither is what else is known of its source."""
    request = pb.CreateImportRequest(parent=CENTRE)
    getattr(request, "import").source = "list"
    made = (await stub.CreateImport(request)).name
    meeting = acts.weekly("Everybody", "2026-01-06T20:30")
    meeting.mode = meeting_pb2.MODE_ONLINE
    meeting.online.CopyFrom(_link(words, "import"))
    row = import_pb2.ImportRow(number=1, source_id="one", meeting=meeting)
    row.source_url = f"https://list.example.org/{word(words, 'source page')}"
    row.extra = f'{{"district": "{word(words, "source extra")}"}}'
    row.original = f'{{"name": "{word(words, "source original")}"}}'
    await stub.AddImportRows(pb.AddImportRowsRequest(name=made, rows=[row]))
    await stub.CommitImport(pb.CommitImportRequest(name=made))


async def hide(system: System, told: Told) -> None:
    """Makes, changes, moves, doubts and closes meetings that are hidden, at places of all levels; and books rooms."""
    await _book(system, told)
    hours = iter(range(12, 24, 3))
    async with system.meetings() as stub:
        for kind, visibility in HIDDEN.items():
            for number, (place, room) in enumerate((("hall", "hall room"), ("shelter", "shelter room"))):
                hidden = _hidden(told, kind, visibility, told.names[place], told.names[room])
                hidden.schedule.start = f"2026-01-07T{next(hours)}:00"  # no two at once: a date of each is in the hall
                made = await _create(stub, hidden)
                told.names[f"{kind} {number}"] = made.name
                await _change(stub, told, made.name)
            seen = _hidden(told, kind, visibility, told.names["hall"], told.names["open room"])
            seen.schedule.start = f"2026-01-08T{10 if kind == 'members' else 13}:00"
            seen.schedule.rule = "FREQ=WEEKLY"
            seen.online_host = told.names["account"]
            told.names[f"{kind} 2"] = (await _create(stub, seen)).name
        overruling = pb.CreateMeetingRequest(parent=CENTRE, meeting=_begun(told))
        overruling.on_clash = booking_pb2.CLASH_POLICY_OVERRULE  # one of the others may be on just now
        overruling.overrule_reason = word(told.words, "reason of an overruling")
        begun = await stub.CreateMeeting(overruling)
        told.names["begun"] = begun.name
        key = told.names["day of begun"] = begun.schedule.start[:10].replace("-", "")
        for request in ("one", "two"):
            await stub.ReportNobodyHere(
                pb.ReportNobodyHereRequest(
                    name=f"{begun.name}/occurrences/{key}", request_id=request, invite_code=told.code
                )
            )


async def _book(system: System, told: Told) -> None:
    """Somebody takes a room of each place early in the morning, is refused one, and takes and gives back another.

    Who books is nobody's business, either: the subject of the token is a canary, and so is what is said in vain.
    """
    start = datetime.now(UTC) + timedelta(days=5)
    schedule = schedules.Schedule(start=f"{start:%Y-%m-%d}T07:00", time_zone=acts.ZONE, minutes=60)
    said: dict[str, Any] = {name: word(told.words, f"{name} of a booking") for name in ("title", "notes")}
    roles = {"elm": ["facilitator", "administrator"]}
    async with system.channel(roles, word(told.words, "who booked")) as channel:
        stub = RoomServiceStub(channel)
        for room in ("hall room", "shelter room", "villa room", "open room", "account"):
            request = rooms_pb.BookRoomRequest(parent=CENTRE, rooms=[told.names[room]])
            request.booking.CopyFrom(booking_pb2.Booking(schedule=schedule, attendees=7, **said))
            made = (await stub.BookRoom(request)).bookings[0]
            with contextlib.suppress(RpcError):
                await stub.BookRoom(request)
            request.on_clash = booking_pb2.CLASH_POLICY_OVERRULE
            request.overrule_reason = word(told.words, "why it was overruled")
            await stub.BookRoom(request)
            reason = word(told.words, "why it was given back")
            await stub.ReleaseBooking(rooms_pb.ReleaseBookingRequest(name=made.name, reason=reason))


def _hidden(
    told: Told, kind: str, visibility: meeting_pb2.Visibility.ValueType, place: str, room: str
) -> meeting_pb2.Meeting:
    """A weekly meeting with a canary in each field that takes one."""
    fields = ("title", "notes", "group", "fellowship", "kind", "first_visit", "cost")
    said: dict[str, Any] = {
        field: word(told.words, field if field in {"fellowship", "kind"} else f"{kind} {field}") for field in fields
    }
    meeting = acts.weekly("", "2026-01-07T18:00")
    meeting.MergeFrom(meeting_pb2.Meeting(**said, place=place, rooms=[room], mode=meeting_pb2.MODE_HYBRID))
    meeting.visibility, meeting.invite_group = visibility, told.names["group"]
    meeting.website = f"https://own.example.org/{word(told.words, f'{kind} website')}"
    meeting.online.CopyFrom(_link(told.words, kind))
    meeting.accessibility.append(word(told.words, f"{kind} accessibility"))
    meeting.types.append(word(told.words, f"{kind} type"))
    meeting.focus.append(word(told.words, f"{kind} focus"))
    programme = meeting.programmes.add(weeks=[3], title=word(told.words, f"{kind} programme"))
    programme.notes = word(told.words, f"{kind} programme notes")
    programme.types.append(word(told.words, f"{kind} programme type"))
    return meeting


async def _change(stub: MeetingServiceStub, told: Told, name: str) -> None:
    """One date called off, one changed; each says why."""
    today = datetime.now(UTC).date()
    coming = today + timedelta(days=(2 - today.weekday()) % 7 + 7)
    off, other = (f"{name}/occurrences/{coming + timedelta(days=days):%Y%m%d}" for days in (0, 7))
    await stub.CancelOccurrence(
        pb.CancelOccurrenceRequest(name=off, reason=word(told.words, "reason of a cancellation"))
    )
    change = meeting_pb2.OccurrenceChange(
        title=word(told.words, "title of a date"),
        notes=word(told.words, "notes of a date"),
        reason=word(told.words, "reason of a change"),
        place=told.names["hall"],
        rooms=[told.names["hall room"]],
        online=_link(told.words, "date"),
    )
    request = pb.ChangeOccurrenceRequest(name=other, change=change)
    request.update_mask.paths.extend(("title", "notes", "reason", "place", "rooms", "online"))
    await stub.ChangeOccurrence(request)


def _begun(told: Told) -> meeting_pb2.Meeting:
    """A retreat for members that has begun, with a canary in its agenda."""
    room = told.names["hall room"]
    meeting = _retreat([room], place=told.names["hall"], title=word(told.words, "title of a retreat"))
    start = datetime.now(UTC) - timedelta(minutes=5)
    meeting.schedule.CopyFrom(acts.beginning("", start).schedule)
    meeting.schedule.rule, meeting.schedule.minutes = "", 600
    meeting.visibility, meeting.invite_group = meeting_pb2.VISIBILITY_MEMBERS, told.names["group"]
    meeting.sessions[0].MergeFrom(
        schedules.Session(
            title=word(told.words, "session title"),
            notes=word(told.words, "session notes"),
            time=f"{start:%H:%M}",
        )
    )
    return meeting


async def move_away(system: System, told: Told, words: dict[str, str]) -> None:
    """Both places get another address, map and position, and their meetings have followed."""
    async with system.meetings() as stub:
        for level in WITHHELD:
            place = _place(words, level).place
            place.name, place.latitude = told.names[level], 52.1
            request = pb.UpdatePlaceRequest(place=place)
            fields = ["title", "address", "notes", "map_url", "latitude", "longitude"]
            request.update_mask.paths.extend(fields + (["regions"] if level == "villa" else []))
            await stub.UpdatePlace(request)
    for level in WITHHELD:
        await _followed(system, told.names[f"at {level}"], words[f"{level} address"])


async def open_lodge(system: System, words: dict[str, str]) -> str:
    """A place that everybody may know, with a room that tells everybody its title and photo. Gives the room's id."""
    async with system.channel() as channel:
        place = place_pb2.Place(title="The Lodge", address="2 Main Street", **HERE)
        made = await MeetingServiceStub(channel).CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))
        room = place_pb2.Room(place=made.name, title=word(words, "lodge room title"), public_title=True)
        room.photos.append(f"https://pictures.example.org/{word(words, 'lodge room photo')}")
        asked = rooms_pb.CreateRoomRequest(parent=CENTRE, room=room)
        return (await RoomServiceStub(channel).CreateRoom(asked)).name.rpartition("/")[2]


async def withhold_lodge(system: System) -> None:
    """Nobody else may know any more where the lodge is."""
    async with system.meetings() as stub:
        for place in (await stub.ListPlaces(pb.ListPlacesRequest(parent=CENTRE, page_size=100))).places:
            if place.title == "The Lodge":
                place.address_access = place_pb2.ADDRESS_ACCESS_HOLDERS
                request = pb.UpdatePlaceRequest(place=place)
                request.update_mask.paths.append("address_access")
                await stub.UpdatePlace(request)


async def _followed(system: System, meeting: str, address: str) -> None:
    async with system.meetings() as stub:
        for _ in range(600):
            if (await stub.GetMeeting(pb.GetMeetingRequest(name=meeting))).venue.address == address:
                return
            await asyncio.sleep(0.05)
    raise AssertionError("the meeting has not followed its place")
