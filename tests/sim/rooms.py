"""People who want the same rooms: what a seed has them do, and what they were told.

`Guests` keeps, in the order of commits, what each booking was said to be; `rooms_checker` says what must be true then.
Meetings, closures and changes of rooms are the coordinators' (`room_keepers`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from google.protobuf.json_format import ParseDict
from openchair.meetings.v1 import booking_pb2, place_pb2
from openchair.meetings.v1 import meeting_service_pb2 as pb
from openchair.meetings.v1 import room_service_pb2 as rooms_pb

from services.recurrence.pattern import Pattern, Slot
from services.recurrence.timetable import minute, stretches
from services.recurrence.wire import key_text, parse_key, to_schedule
from services.recurrence.zones import to_utc
from tests.system.acts import ZONE

if TYPE_CHECKING:
    from services.kit.store.port import Answer
    from services.recurrence.timetable import Stretch
    from services.recurrence.types import Key
    from tests.sim.history import History

CENTRE: Final = "centres/house"
AHEAD: Final = 60 * 1440
"""Minutes from now in which dates are looked at one by one."""
DAY: Final = timedelta(days=1)
GUEST: Final = ("p2", "facilitator")
"""Who may not overrule, and has to be approved."""
OPEN: Final = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "opens": "08:00", "closes": "21:00"}
HALL: Final[dict[str, dict[str, Any]]] = {
    "North": {},
    "South": {"before_minutes": 15, "after_minutes": 45},
    "Stage": {"rules": {"hold_minutes": 1}},
    "Hall": {"parts": ["North", "South"]},
    "Theatre": {"parts": ["South", "Stage"], "before_minutes": 30},
}
"""A hall that splits, and another one that uses a part of it."""
ANNEX: Final[dict[str, dict[str, Any]]] = {
    "Study": {"rules": {"check_in_minutes": 5, "hold_minutes": 1}},
    "Library": {"rules": {"approval": "APPROVAL_HOLDS"}, "opening_hours": [OPEN]},
    "Cellar": {"rules": {"approval": "APPROVAL_COMPETES"}},
}


class Known(NamedTuple):
    """A booking as its owner must take it to be: the stretches it takes, and those it had to skip (minutes), by key."""

    state: int = 0
    takes: frozenset[Stretch] = frozenset()
    skips: frozenset[tuple[Key, int]] = frozenset()

    def without(self, key: str, scope: str) -> Known:
        """What is left of it when one date, one and those that follow, or all are given back or go elsewhere."""
        if scope == "ALL":
            return self._replace(takes=frozenset(), skips=frozenset())
        one = parse_key(key)
        if scope == "FOLLOWING":
            takes = frozenset(each for each in self.takes if each[0].date < one.date)
            return self._replace(takes=takes, skips=frozenset(e for e in self.skips if e[0].date < one.date))
        skips = frozenset(each for each in self.skips if each[0] != one)
        if skips != self.skips:
            return self._replace(skips=skips)
        return self._replace(takes=frozenset(each for each in self.takes if each[0] != one))

    def keys(self, now: int) -> list[str]:
        """Its dates to come, as they are named."""
        return [key_text(key) for key, start, _ in sorted(self.takes) if start > now]


@dataclass
class Guests:
    """What they know: places, rooms by title, and the bookings (by name) that were made by people."""

    history: History
    places: dict[str, str] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        self.chance = self.history.site.chance

    # --- what there is from the beginning ---

    async def furnish(self) -> None:
        """Two places with rooms, some of which are parts of others, and an account for video."""
        for title, rooms in (("Old house", HALL), ("Annex", ANNEX)):
            place = place_pb2.Place(title=title, address=f"1 {title} St")
            made = await self.history.stub.CreatePlace(pb.CreatePlaceRequest(parent=CENTRE, place=place))
            self.places[title] = made.name
            for name, fields in rooms.items():
                await self._room(name, place=made.name, **fields)
        await self._room("Video", kind="ROOM_KIND_VIDEO")

    async def _room(self, title: str, **fields: Any) -> None:
        parts = [self.rooms[each] for each in fields.pop("parts", ())]
        said = ParseDict({"title": title, **fields, "parts": parts}, place_pb2.Room())
        request = rooms_pb.CreateRoomRequest(parent=CENTRE, room=said)
        self.rooms[title] = (await self.history.rooms.CreateRoom(request)).name

    # --- what people do ---

    async def book(self, tries: int, seconds: float) -> None:
        """A room or two, with or without the dates that are taken; seldom whatever is there."""
        chance = self.chance
        rooms = chance.sample(sorted(self.rooms.values()), chance.choice((1, 1, 1, 2)))
        fields = {"parent": CENTRE, "rooms": rooms, "booking": self._booking(), **self.policy()}
        await self.history.send("BookRoom", fields, tries, seconds, then=self._booked, by=self._who())

    async def drop_in(self, tries: int, seconds: float) -> None:
        """The study, at once. Somebody comes to it, or not."""
        start = self._now() + timedelta(minutes=self.chance.randint(1, 12))
        schedule = {"start": start.isoformat(timespec="minutes"), "time_zone": ZONE, "minutes": 90}
        rule = self.chance.choice(("", "FREQ=DAILY"))
        booking = {"title": self.text(), "schedule": schedule | ({"rule": rule} if rule else {})}
        fields = {"parent": CENTRE, "rooms": [self.rooms["Study"]], "booking": booking, "on_clash": "CLASH_POLICY_SKIP"}
        await self.history.send("BookRoom", fields, tries, seconds, then=self._booked, by=self._who())

    async def come(self, tries: int, seconds: float) -> None:
        """To what is on, or soon, in the study."""
        name = self._any("/bookings/", self.rooms["Study"])
        if name:
            await self.history.send("CheckInBooking", {"name": name}, tries, seconds, then=self._told)

    async def hold(self, tries: int, seconds: float) -> None:
        """A room for a moment, and then for good, if it is still held."""
        held: list[str] = []

        def then(answer: Answer) -> None:
            held.append(_read(answer).name)
            self._told(answer)

        room, who = self.chance.choice(sorted(self.rooms.values())), self._who()
        fields = {"parent": CENTRE, "room": room, "booking": self._booking()}
        await self.history.send("HoldRoom", fields, tries, seconds, then=then, by=who)
        await self.history.site.clock.sleep(self.chance.choice((0, 1, 20, 55, 65)) * self.chance.random())
        if held and self.chance.random() < 0.8:
            await self.history.send("ConfirmHold", {"name": held[0]}, tries, seconds, then=self._told, by=who)

    async def decide(self, tries: int, seconds: float) -> None:
        """About one that waits to be approved."""
        name = self._any("", state=booking_pb2.BOOKING_STATE_PENDING)
        if name and self.chance.random() < 0.7:
            fields = {"name": name, "on_clash": self.chance.choice(("CLASH_POLICY_REFUSE", "CLASH_POLICY_SKIP"))}
            await self.history.send("ApproveBooking", fields, tries, seconds, then=self._told)
        elif name:
            gone = self._giving_back(name, "", "ALL")
            await self.history.send("DeclineBooking", {"name": name}, tries, seconds, then=gone)

    async def give_back(self, tries: int, seconds: float) -> None:
        """One date of a booking, one and those that follow, or all."""
        name = self._any()
        if not name:
            return
        key, scope = self._scope(name)
        fields = {"name": name, "scope": f"BOOKING_SCOPE_{scope}", "key": key}
        gone = self._giving_back(name, key, scope)
        await self.history.send("ReleaseBooking", fields, tries, seconds, then=gone, by=self._who(0.1))

    async def change(self, tries: int, seconds: float) -> None:
        """Other times of one date, one and those that follow, or all; or another rule, or title."""
        name = self._any()
        if not name:
            return
        key, scope = self._scope(name)
        said, mask = self._changed(key, scope)
        fields = {"booking": {"name": name, **said}, "update_mask": mask, "scope": f"BOOKING_SCOPE_{scope}", "key": key}

        def then(answer: Answer) -> None:
            told = _read(answer)
            if told.name != name:
                self.known[name] = self.known[name].without(key, "FOLLOWING")
            self._told(answer)

        await self.history.send("ChangeBooking", fields | self.policy(), tries, seconds, then=then, by=self._who(0.1))

    async def take(self, tries: int, seconds: float) -> None:
        """What is offered: all of it, or the first of it."""
        request = rooms_pb.ListBookingsRequest(parent=CENTRE, queue=rooms_pb.BOOKING_QUEUE_OFFERED)
        found = await self.history.ask(self.history.rooms.ListBookings, request)
        if found is None or not found.bookings:
            return
        one = self.chance.choice(found.bookings)
        offered = [each.slot.key for each in one.skipped if each.offered]
        keys = offered[:1] if self.chance.random() < 0.5 else []
        fields = {"name": one.name, "keys": keys}
        await self.history.send("TakeSkippedDates", fields, tries, seconds, then=self._told)

    # --- how it is drawn ---

    def text(self) -> str:
        """A title that nothing else has."""
        self._count += 1
        return f"No. {self._count}"

    def policy(self) -> dict[str, str]:
        """What is to become of dates on which a room is taken."""
        policy = self.chance.choice(("REFUSE",) * 5 + ("SKIP",) * 6 + ("OVERRULE",) * (self.chance.random() < 0.3))
        return {"on_clash": f"CLASH_POLICY_{policy}", "overrule_reason": "So it is" if policy == "OVERRULE" else ""}

    def schedule(self) -> dict[str, Any]:
        """Some evening of the next days, or a series of them."""
        chance = self.chance
        schedule = {"start": self.start(), "time_zone": ZONE, "minutes": chance.choice((60, 90, 120))}
        rule = chance.choice(("", "", "FREQ=WEEKLY", "FREQ=DAILY;COUNT=6", "FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2"))
        return schedule | ({"rule": rule} if rule else {})

    def start(self) -> str:
        """A full hour of an evening that is near, local."""
        day = self._now().date() + self.chance.randint(2, 5) * DAY
        return datetime.combine(day, time(self.chance.randint(17, 19))).isoformat(timespec="minutes")

    def _booking(self) -> dict[str, Any]:
        return {"title": self.text(), "schedule": self.schedule()}

    def _changed(self, key: str, scope: str) -> tuple[dict[str, Any], str]:
        """What a change says, and its mask."""
        if scope == "THIS":
            return {"schedule": {"start": self.start(), "minutes": 60}}, "schedule.start,schedule.minutes"
        kind = self.chance.choice(("start", "start", "minutes", "rule", "title"))
        if kind == "title":
            return {"title": self.text()}, "title"
        if kind == "rule":
            return {"schedule": {"rule": self.chance.choice(("FREQ=WEEKLY", "FREQ=DAILY;COUNT=4"))}}, "schedule.rule"
        if kind == "minutes":
            return {"schedule": {"minutes": self.chance.choice((30, 60, 90))}}, "schedule.minutes"
        day = f"{key[:4]}-{key[4:6]}-{key[6:8]}" if key else ""
        start = f"{day}T{self.chance.randint(17, 19)}:30" if day else self.start()
        return {"schedule": {"start": start}}, "schedule.start"

    def _scope(self, name: str) -> tuple[str, str]:
        keys = self.known[name].keys(minute(self.history.site.clock.now()))
        scope = self.chance.choice(("THIS", "THIS", "FOLLOWING", "ALL")) if keys else "ALL"
        return (self.chance.choice(keys[:6]) if scope != "ALL" else ""), scope

    def _any(self, having: str = "", room: str = "", state: int = 0) -> str:
        names = [name for name, each in self.known.items() if having in name and name.startswith(room) and each.takes]
        names = [name for name in names if state in (0, self.known[name].state)]
        return self.chance.choice(sorted(names)) if names else ""

    def _who(self, share: float = 0.4) -> tuple[str, str] | None:
        return GUEST if self.chance.random() < share else None

    def _now(self) -> datetime:
        return self.history.site.clock.now().astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)

    # --- what was committed ---

    def _booked(self, answer: Answer) -> None:
        told = rooms_pb.BookRoomResponse.FromString(base64.b64decode(answer.reply))
        for each in told.bookings:
            self.known[each.name] = known(each, self._minute())

    def _told(self, answer: Answer) -> None:
        told = _read(answer)
        if not told.meeting:
            self.known[told.name] = known(told, self._minute())

    def _giving_back(self, name: str, key: str, scope: str) -> Any:
        def then(_: Answer) -> None:
            self.known[name] = self.known[name].without(key, scope)

        return then

    def _minute(self) -> int:
        return minute(self.history.site.clock.now())


def known(told: booking_pb2.Booking, now: int) -> Known:
    """The booking as a message tells it."""
    skips = (each.slot for each in told.skipped)
    zone = told.time_zone
    found = frozenset((parse_key(each.key), minute(to_utc(datetime.fromisoformat(each.start), zone))) for each in skips)
    takes = frozenset(stretches(pattern(told), now - 1440, now + 2 * AHEAD))
    return Known(told.state, takes, found)


def pattern(told: booking_pb2.Booking) -> Pattern:
    """What a booking takes, as a message tells it."""
    slots = (
        Slot(*(key.date, key.ordinal), datetime.fromisoformat(each.start), each.minutes)
        for each in told.slots
        for key in (parse_key(each.key),)
    )
    schedule = to_schedule(told.schedule) if told.HasField("schedule") else None
    return Pattern(
        zone=told.time_zone,
        schedule=schedule,
        without=tuple(sorted(map(parse_key, told.without))),
        slots=tuple(sorted(slots, key=lambda each: (each.key, each.start))),
    )


def _read(answer: Answer) -> booking_pb2.Booking:
    return booking_pb2.Booking.FromString(base64.b64decode(answer.reply))
