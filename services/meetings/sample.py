"""The sample centre: invented, loaded into an empty data folder, so that there is something to look at.

It goes in through the service's own methods, so it obeys every rule that a real one does. `sample.json` says in words
how its dates are reckoned from today.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from openchair.meetings.v1 import booking_pb2, centre_pb2, group_pb2, meeting_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb

from services.kit.call import EVERYWHERE, Call, Caller
from services.kit.service import NEVER
from services.recurrence.rule import parse_rule
from services.recurrence.schedule import dates
from services.recurrence.types import Schedule
from services.recurrence.zones import local_day

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.clock import Clock
    from services.meetings.bookings import Bookings
    from services.meetings.centres import Centres
    from services.meetings.groups import Groups
    from services.meetings.occurrences import Occurrences
    from services.meetings.places import Places
    from services.meetings.rooms import Rooms
    from services.meetings.series import Series

R = TypeVar("R", bound=Message)

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
CALLER = Caller("sample", {EVERYWHERE: frozenset({"operator"})})
SOON = timedelta(hours=24)


class Sample:
    """Loads the sample through the service's methods."""

    def __init__(
        self,
        centres: Centres,
        groups: Groups,
        places: Places,
        rooms: Rooms,
        series: Series,
        occurrences: Occurrences,
        bookings: Bookings,
        clock: Clock,
    ) -> None:
        self._centres = centres
        self._groups = groups
        self._places = places
        self._rooms = rooms
        self._series = series
        self._occurrences = occurrences
        self._bookings = bookings
        self._clock = clock
        self._names: dict[str, str] = {}

    async def load(self) -> str:
        """Puts it in, and gives the name of its centre."""
        text = resources.files(__package__).joinpath("sample.json").read_text(encoding="utf-8")
        sample: dict[str, Any] = json.loads(text)
        centre = await self._centre(sample["centre"])
        zone = sample["centre"]["timeZone"]
        today = local_day(self._clock.now(), zone)
        for group in sample["groups"]:
            await self._group(centre, group)
        for place in sample["places"]:
            await self._place(centre, place)
        for room in sample["rooms"]:
            await self._room(centre, room)
        for meeting in sample["meetings"]:
            await self._meeting(centre, meeting, today)
        for booking in sample["bookings"]:
            await self._book(centre, booking, today + timedelta(days=1))
        for moved in sample["moved"]:
            await self._move(centre, moved)
        for cancelled in sample["cancelled"]:
            name = (await self._next(centre, cancelled["meeting"])).name
            await self._do(
                self._occurrences.cancel_occurrence,
                pb.CancelOccurrenceRequest(name=name, reason=cancelled["reason"]),
            )
        return centre

    async def _do(self, method: Callable[[Call[Any]], Awaitable[R]], message: Message, caller: Caller = CALLER) -> R:
        return await method(Call("sample", message, caller, NEVER, self._clock))

    async def _centre(self, said: dict[str, Any]) -> str:
        id_ = said["name"].partition("/")[2]
        centre = ParseDict({**said, "name": ""}, centre_pb2.Centre())
        made = await self._do(self._centres.create_centre, pb.CreateCentreRequest(centre_id=id_, centre=centre))
        return made.name

    async def _group(self, centre: str, said: dict[str, Any]) -> None:
        group = ParseDict({**said, "name": ""}, group_pb2.Group())
        made = await self._do(self._groups.create_group, pb.CreateGroupRequest(parent=centre, group=group))
        self._names[said["name"]] = made.name

    async def _place(self, centre: str, said: dict[str, Any]) -> None:
        place = ParseDict({**said, "name": ""}, place_pb2.Place())
        made = await self._do(self._places.create_place, pb.CreatePlaceRequest(parent=centre, place=place))
        self._names[said["name"]] = made.name

    async def _room(self, centre: str, said: dict[str, Any]) -> None:
        plain = {**said, "name": "", "parts": [self._names[part] for part in said.get("parts", [])]}
        if "place" in said:
            plain["place"] = self._names[said["place"]]
        room = ParseDict(plain, place_pb2.Room())
        made = await self._do(self._rooms.create_room, rooms_pb.CreateRoomRequest(parent=centre, room=room))
        self._names[said["name"]] = made.name

    async def _meeting(self, centre: str, said: dict[str, Any], today: date) -> None:
        plain = {key: value for key, value in said.items() if key not in {"name", "starts", "until", "extra"}}
        plain["schedule"] = schedule(said, today)
        if "inviteGroup" in said:
            plain["inviteGroup"] = self._names[said["inviteGroup"]]
        if "place" in said:
            plain["place"] = self._names[said["place"]]
        if "onlineHost" in said:
            plain["onlineHost"] = self._names[said["onlineHost"]]
        plain["rooms"] = [self._names[room] for room in said.get("rooms", [])]
        plain["sessions"] = [
            {**each, "rooms": [self._names[room] for room in each["rooms"]]} for each in said.get("sessions", [])
        ]
        meeting = ParseDict(plain, meeting_pb2.Meeting())
        made = await self._do(self._series.create_meeting, pb.CreateMeetingRequest(parent=centre, meeting=meeting))
        self._names[said["name"]] = made.name

    async def _book(self, centre: str, said: dict[str, Any], since: date) -> None:
        plain = {key: value for key, value in said.items() if key not in {"by", "room", "starts"}}
        booking = ParseDict({**plain, "schedule": schedule(said, since)}, booking_pb2.Booking())
        by = Caller(f"sample-{said['by']}", {centre.partition("/")[2]: frozenset({said["by"]})})
        request = rooms_pb.BookRoomRequest(parent=centre, rooms=[self._names[said["room"]]], booking=booking)
        await self._do(self._bookings.book_room, request, by)

    async def _next(self, centre: str, meeting: str) -> Any:
        """The meeting's first occurrence that starts more than a day from now."""
        request = pb.ListOccurrencesRequest(parent=centre, meeting=self._names[meeting])
        request.start_time.FromDatetime(self._clock.now() + SOON)
        request.end_time.FromDatetime(self._clock.now() + timedelta(days=30))
        listed = await self._do(self._occurrences.list_occurrences, request)
        return next(
            each for each in listed.occurrences if each.start_time.ToDatetime() > request.start_time.ToDatetime()
        )

    async def _move(self, centre: str, said: dict[str, Any]) -> None:
        occurrence = await self._next(centre, said["meeting"])
        day = datetime.fromisoformat(occurrence.local_start).date() + timedelta(days=said["days_later"])
        change = meeting_pb2.OccurrenceChange(start=f"{day.isoformat()}T{said['time']}", reason=said["reason"])
        if "rooms" in said:
            found = await self._do(self._series.get_meeting, pb.GetMeetingRequest(name=self._names[said["meeting"]]))
            change.place = found.place
            change.rooms.extend(self._names[room] for room in said["rooms"])
        await self._do(
            self._occurrences.change_occurrence, pb.ChangeOccurrenceRequest(name=occurrence.name, change=change)
        )


def schedule(said: dict[str, Any], today: date) -> dict[str, Any]:
    """The meeting's schedule in the proto's JSON, its dates reckoned from today."""
    plain = dict(said["schedule"])
    starts = said["starts"]
    earliest = today - timedelta(weeks=starts["weeks_ago"])
    if "until" in said:
        last = weekday_from(today + timedelta(weeks=said["until"]["weeks_ahead"]), said["until"]["weekday"])
        plain["rule"] += f";UNTIL={last:%Y%m%d}"
    first = weekday_from(earliest, starts["weekday"]) if "weekday" in starts else _first(plain["rule"], earliest)
    plain["start"] = f"{first.isoformat()}T{starts['time']}"
    plain["extraDates"] = [_extra(extra, today) for extra in said.get("extra", [])]
    return plain


def _extra(said: dict[str, Any], today: date) -> dict[str, str]:
    day = weekday_from(today + timedelta(days=1, weeks=said["weeks_ahead"]), said["weekday"])
    return {"date": day.isoformat(), "time": said["time"]}


def weekday_from(day: date, weekday: str) -> date:
    """The first such weekday on or after a day."""
    return day + timedelta(days=(DAYS.index(weekday) - day.weekday()) % 7)


def _first(rule: str, earliest: date) -> date:
    """The first date that a rule names on or after a day."""
    start = datetime.combine(earliest, datetime.min.time())
    return next(dates(Schedule(start=start, zone="UTC", minutes=60, rule=parse_rule(rule)), since=earliest)).date
