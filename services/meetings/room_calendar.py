"""What is on in rooms: GetRoomCalendar, GetFreeBusy, GetUtilisation; and who has come: CheckIn."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import booking_pb2
from openchair.meetings.v1 import room_service_pb2 as pb

from services.kit.clock import moment
from services.kit.errors import Denied, Exhausted, Invalid, NotFound, Unmet, Violation
from services.kit.leaves import Changes, Decision
from services.meetings import history, presence, records, utilisation
from services.meetings.booking_asked import BOOKING, KEEPERS, read_key, room_id
from services.meetings.clashes import Asker
from services.meetings.codes import INSIDERS
from services.meetings.desk import CENTRE, ROOM, Held, actor
from services.meetings.diary import leaf
from services.meetings.hours import Hours
from services.meetings.occurrences import EARLIEST, LATEST
from services.meetings.passing import next_due
from services.meetings.room_events import Scene, busy, event
from services.meetings.types import Centre
from services.meetings.types_rooms import BookingState, Room
from services.meetings.utilisation import Use, Week
from services.meetings.whats_on import On, minute_after, whats_on
from services.meetings.wire import child_name
from services.meetings.wire_bookings import Told, booking_message
from services.meetings.wire_rooms import stamped
from services.recurrence.busy import Interval
from services.recurrence.timetable import minute
from services.recurrence.types import RecurrenceError
from services.recurrence.wire import parse_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from services.kit.call import Call
    from services.kit.leaves import Head
    from services.meetings.desk import Desk
    from services.meetings.diary import Diary
    from services.meetings.parts import Parts
    from services.meetings.types_rooms import Booking

WINDOW: Final = timedelta(days=7)
LONGEST_CALENDAR: Final = timedelta(days=366)
LONGEST_BUSY: Final = timedelta(days=92)
MOST_DATES: Final = 10_000
"""In one answer."""
MOST_BUSY_ROOMS: Final = 50
MOST_WEEKS: Final = 53
MOST_ROWS: Final = 5_000
"""Of a report: rooms times weeks."""
MOST_BUSY_DATES: Final = 50_000
"""Of all rooms in one answer about busy times."""

MOST_USED_DATES: Final = 300_000
"""Of all rooms of a report: some tens of megabytes while it is made."""

PUBLIC_REACH: Final = timedelta(days=366)
"""How far ahead of now people without a token may ask."""

PUBLIC_PAST: Final = timedelta(days=31)
"""How far back: each room's history is read from there on."""


class RoomCalendar:
    """The methods about what is on."""

    def __init__(self, desk: Desk, parts: Parts) -> None:
        self.desk = desk
        self.parts = parts

    async def get_room_calendar(self, call: Call[pb.GetRoomCalendarRequest]) -> pb.GetRoomCalendarResponse:
        """What is on in a room, as much as the asker may know."""
        ids = ROOM.parse(call.message.name, "name")
        centre = ids["centre"]
        held = await self.desk.held("room", ids["room"], Room, call.message.name, centre)
        since, until = window(call.message, self.desk.clock.now(), LONGEST_CALENDAR)
        frame = await self.parts.in_force.frame(centre)
        asker = Asker(call.caller.subject, call.caller.has(KEEPERS, centre))
        scene = Scene(held.value, asker, frame, held.value.zone or frame.zone)
        dates: list[On] = []
        for id_ in (held.value.id, *held.value.excludes):
            dates += await whats_on(self.desk, id_, since, until)
            if len(dates) > MOST_DATES:
                raise Exhausted(f"more than {MOST_DATES} dates: ask for a shorter time", "TOO_MANY_DATES")
        dates.sort(key=lambda each: (each.start, each.end, each.booking.id, each.key))
        room = stamped(held.value, held.record)
        return pb.GetRoomCalendarResponse(room=room, events=[event(each, scene) for each in dates])

    async def get_free_busy(self, call: Call[pb.GetFreeBusyRequest]) -> pb.GetFreeBusyResponse:
        """When rooms are taken. Whoever does not belong to the centre learns of rooms whose busy times are public."""
        request, now = call.message, self.desk.clock.now()
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        if not 1 <= len(request.rooms) <= MOST_BUSY_ROOMS:
            raise Invalid(Violation("rooms", f"must be 1 to {MOST_BUSY_ROOMS}"))
        since, until = window(request, now, LONGEST_BUSY)
        insider = call.caller.has(INSIDERS, centre)
        if not insider:
            _refuse_far(since, until, now)
        ids = [room_id(name, centre, f"rooms[{index}]") for index, name in enumerate(request.rooms)]
        rooms = [await self._busy_room(id_, centre, insider=insider) for id_ in ids]
        around = [await self._around(room, insider=insider) for room in rooms]
        every = dict.fromkeys(id_ for ids in around for id_ in ids)
        dates = await self._every_date(every, since, until, MOST_BUSY_DATES)
        dates = dates if insider else _without_holds(dates)
        low, high = minute(since), minute_after(until)
        told = [
            busy(room, (each for id_ in ids for each in dates[id_]), low, high)
            for room, ids in zip(rooms, around, strict=True)
        ]
        return pb.GetFreeBusyResponse(rooms=told)

    async def get_utilisation(self, call: Call[pb.GetUtilisationRequest]) -> pb.GetUtilisationResponse:
        """How much of each room was booked and used, week by week."""
        request = call.message
        centre = CENTRE.parse(request.parent, "parent")["centre"]
        zone = (await self.desk.held("centre", centre, Centre, request.parent, centre)).value.zone
        mondays = _weeks(request.first_date, request.last_date)
        rooms = [held.value for held in await self._rooms(request.rooms, centre)]
        if len(rooms) * len(mondays) > MOST_ROWS:
            raise Exhausted(f"more than {MOST_ROWS} rows: ask for fewer rooms or weeks", "TOO_MANY_ROWS")
        span = (_instant(mondays[0], days=-1), _instant(mondays[-1], days=8))
        dates = _confirmed(await self._every_date(_with_excluded(rooms), *span, MOST_USED_DATES))
        rows: list[tuple[Week, Room]] = []
        for room in rooms:
            rows += [(week, room) for week in self._reckoned(room, mondays, dates, room.zone or zone)]
            await asyncio.sleep(0)  # others get their turn
        rows.sort(key=lambda row: (row[0].monday, row[1].title, row[1].id))
        return pb.GetUtilisationResponse(weeks=[_row(week, room) for week, room in rows])

    async def check_in_booking(self, call: Call[pb.CheckInBookingRequest]) -> booking_pb2.Booking:
        """Somebody has come."""
        request = call.message
        ids = BOOKING.parse(request.name, "name")
        key = read_key(request.key) if request.key else None
        asker = Asker(call.caller.subject, call.caller.has(KEEPERS, ids["centre"]))

        def decide(head: Head[Diary], at: str) -> Decision[booking_pb2.Booking]:
            booking = _checkable(head, ids, request.name, asker)
            assert head.record is not None  # it has a leaf
            room = records.read(head.record, Room)
            date = presence.on_now(booking, at, key)
            record = head.leaves[booking.id]
            if date.key in booking.checked_in:
                return Decision(_told(booking, record.revision, record.at))
            known, past = presence.remembered(presence.checked_in(booking, date.key), at)
            changes = Changes(leaves=(leaf(known, next_due(known, room, at)),))
            written = () if past is None else (history.record(past, at, actor(call)),)
            return Decision(_told(known, record.revision + 1, at), changes, "check in", records=written)

        return await self.desk.heads.change("room", ids["room"], decide, call=call)

    async def _every_date(
        self, rooms: Iterable[str], since: datetime, until: datetime, most: int
    ) -> dict[str, list[On]]:
        """What is on in rooms (ids), by room. Raises Exhausted for more than so many dates."""
        dates: dict[str, list[On]] = {}
        left = most
        for id_ in rooms:
            dates[id_] = await whats_on(self.desk, id_, since, until)
            left -= len(dates[id_])
            if left < 0:
                raise Exhausted(f"more than {most} dates: ask for fewer rooms or days", "TOO_MANY_DATES")
        return dates

    async def _busy_room(self, id_: str, centre: str, *, insider: bool) -> Room:
        name = child_name(centre, "rooms", id_)
        room = (await self.desk.held("room", id_, Room, name, centre)).value
        if not insider and not room.public_busy:
            raise NotFound(name)
        return room

    async def _around(self, room: Room, *, insider: bool) -> list[str]:
        """The room and what it excludes (ids), as far as the asker may know when each of them is taken."""
        ids = [room.id]
        for id_ in room.excludes:
            record = await self.desk.store.get("room", id_)
            if insider or (record is not None and not record.gone and record.state["public_busy"] is True):
                ids.append(id_)
        return ids

    async def _rooms(self, names: Sequence[str], centre: str) -> list[Held[Room]]:
        if not names:
            return await self.desk.every("room", Room, centre=centre)
        ids = dict.fromkeys(room_id(name, centre, f"rooms[{index}]") for index, name in enumerate(names))
        return [await self.desk.held("room", id_, Room, child_name(centre, "rooms", id_), centre) for id_ in ids]

    def _reckoned(self, room: Room, mondays: Sequence[date], dates: dict[str, list[On]], zone: str) -> Iterable[Week]:
        hours = Hours(room.hours, room.dated_hours, zone)
        uses = [Use(each.start, each.end, _used(each, room)) for each in dates[room.id]]
        blocked = [Interval(each.start, each.end) for id_ in room.excludes for each in dates[id_]]
        now = minute(self.desk.clock.now())
        for monday in mondays:
            week = utilisation.bounds(monday, zone)
            near = [each for each in uses if each.end > week.start and each.start < week.end]
            yield utilisation.reckoned(hours, monday, near, blocked, now)


def window(message: Any, now: datetime, longest: timedelta) -> tuple[datetime, datetime]:
    """The time that is asked for: the next seven days unless stated. Raises Invalid."""
    since = message.start_time.ToDatetime(UTC) if message.HasField("start_time") else now
    until = message.end_time.ToDatetime(UTC) if message.HasField("end_time") else since + WINDOW
    if not EARLIEST <= since <= LATEST:
        raise Invalid(Violation("start_time", f"must lie in the years {EARLIEST.year} to {LATEST.year}"))
    if until <= since:
        raise Invalid(Violation("end_time", "must be after start_time"))
    if until - since > longest:
        raise Invalid(Violation("end_time", f"must be at most {longest.days} days after start_time"))
    return since, until


def _without_holds(dates: dict[str, list[On]]) -> dict[str, list[On]]:
    """What the public is told: a hold is soon gone, and in no public view."""
    return {
        id_: [each for each in found if each.booking.state is not BookingState.HELD] for id_, found in dates.items()
    }


def _confirmed(dates: dict[str, list[On]]) -> dict[str, list[On]]:
    return {
        id_: [each for each in found if each.booking.state is BookingState.CONFIRMED] for id_, found in dates.items()
    }


def _refuse_far(since: datetime, until: datetime, now: datetime) -> None:
    """Raises Invalid for a time of which the public learns nothing."""
    if since < now - PUBLIC_PAST:
        raise Invalid(Violation("start_time", f"must be at most {PUBLIC_PAST.days} days ago"))
    if until > now + PUBLIC_REACH:
        raise Invalid(Violation("end_time", f"must be within {PUBLIC_REACH.days} days of now"))


def _with_excluded(rooms: Iterable[Room]) -> list[str]:
    """These rooms (ids) and what they exclude, each once."""
    return list(dict.fromkeys(id_ for room in rooms for id_ in (room.id, *room.excludes)))


def _weeks(first_date: str, last_date: str) -> list[date]:
    """The Mondays that are asked for. Raises Invalid."""
    try:
        first, last = parse_date("first_date", first_date), parse_date("last_date", last_date)
    except RecurrenceError as error:
        raise Invalid(Violation(error.field, error.reason)) from error
    if not EARLIEST.year <= first.year <= LATEST.year:
        raise Invalid(Violation("first_date", f"must lie in the years {EARLIEST.year} to {LATEST.year}"))
    if not first <= last <= first + MOST_WEEKS * utilisation.WEEK:
        raise Invalid(Violation("last_date", f"must be the first date or later, at most {MOST_WEEKS} weeks"))
    mondays = utilisation.mondays(first, last)
    if len(mondays) > MOST_WEEKS:
        raise Invalid(Violation("last_date", f"at most {MOST_WEEKS} weeks"))
    return mondays


def _instant(monday: date, days: int) -> datetime:
    """Midnight so many days later, UTC: a day more than any zone needs."""
    return datetime(monday.year, monday.month, monday.day, tzinfo=UTC) + timedelta(days=days)


def _used(each: On, room: Room) -> bool:
    """Whether somebody came, as far as is known: where people check in, somebody has; a meeting is held."""
    if each.unused:
        return False
    return bool(each.booking.meeting) or not room.rules.check_in_minutes or each.key in each.booking.checked_in


def _row(week: Week, room: Room) -> pb.RoomWeek:
    return pb.RoomWeek(
        room=child_name(room.centre, "rooms", room.id),
        title=room.title,
        week=week.monday.isoformat(),
        open_minutes=week.opened,
        booked_minutes=week.booked,
        used_minutes=week.used,
        free_minutes=week.free,
        bookings=week.bookings,
        peaks=week.peaks,
    )


def _checkable(head: Head[Diary], ids: dict[str, str], name: str, asker: Asker) -> Booking:
    """The booking of that name. Raises NotFound, Denied, Unmet."""
    booking = head.index.bookings.get(ids["booking"])
    if booking is None or booking.centre != ids["centre"]:
        raise NotFound(name)
    if not asker.keeper and booking.organiser != asker.subject:
        raise Denied("somebody else booked it", "NOT_YOUR_BOOKING")
    if booking.state is not BookingState.CONFIRMED:
        raise Unmet("it is not confirmed", "NOT_CONFIRMED")
    return booking


def _told(booking: Booking, revision: int, at: str) -> booking_pb2.Booking:
    message = booking_message(booking, Told.ALL)
    message.etag = str(revision)
    message.update_time.FromDatetime(moment(at))
    return message
