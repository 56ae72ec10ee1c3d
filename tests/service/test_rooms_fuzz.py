"""Whatever is asked of rooms and bookings: an answer or a refusal, never an error that nobody meant.

And what was answered can be read afterwards, by every method that shows rooms, and by time, which goes on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kit.clock import VirtualClock
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings.records import KINDS
from tests.service.bookings_house import ANA, LEE, MAY, room
from tests.service.meetings_house import CENTRE, START, House

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS = st.sampled_from(
    ["", "a", "x" * 201, "a\r\nb", "a\x00", "a\u202e", "$where", "é\U0001f600", "\ud7ff", "a" * 8_001]
)
ZONES = st.sampled_from(
    ["America/Edmonton", "America/Edmonton", "UTC", "Pacific/Kiritimati", "Nowhere/Land", "", "utc"]
)
STARTS = st.sampled_from(
    [
        "2026-11-24T19:00", "2026-11-24T00:00", "2027-03-14T02:30", "2026-11-21T05:00", "2020-01-01T00:00",
        "2199-12-31T23:59", "9999-12-31T23:59", "0001-01-01T00:00", "2026-02-29T19:00", "2026-11-24T19:00Z", "", "x",
    ]
)  # fmt: skip
RULES = st.sampled_from(
    [
        "", "", "FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=TU", "FREQ=DAILY", "FREQ=DAILY;COUNT=3", "FREQ=YEARLY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "FREQ=MONTHLY;BYDAY=5TU", "FREQ=MONTHLY;BYMONTHDAY=-31",
        "FREQ=MONTHLY;BYSETPOS=-1;BYDAY=MO,TU",
        "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=999999", "FREQ=WEEKLY;COUNT=2147483647",
        "FREQ=WEEKLY;UNTIL=20271231", "FREQ=WEEKLY;UNTIL=00010101", "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2", "X",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from([0, 1, 59, 60, 1440, 44_640, 44_641, -1, 2**31 - 1, -(2**31)])
KEYS = st.sampled_from(
    ["20261124", "20261201", "20261124-1", "20261124-99999999999999999999", "00000000", "99999999", "", "$"]
)
DATES = st.sampled_from(["2026-11-24", "2026-12-24", "0001-01-01", "9999-12-31", "2026-02-30", "", "24.12.2026"])
CLOCKS = st.sampled_from(["09:00", "22:00", "00:00", "24:00", "25:00", "9:00", "", "1\u0662:00"])
ENUMS = st.integers(-1, 6)
NAMES = st.integers(0, 5)
MASKS = st.lists(
    st.sampled_from(
        [
            "title", "notes", "attendees", "schedule", "schedule.start", "schedule.minutes", "schedule.rule",
            "schedule.timeZone", "schedule.extraDates", "name", "", "x", "schedule.x",
        ]
    ),
    max_size=3,
).map(",".join)  # fmt: skip

EXTRA = st.fixed_dictionaries({"date": DATES}, optional={"ordinal": NUMBERS, "time": CLOCKS})
SCHEDULES = st.fixed_dictionaries(
    {},
    optional={
        "start": STARTS, "time_zone": ZONES, "minutes": NUMBERS, "rule": RULES,
        "extra_dates": st.lists(EXTRA, max_size=3),
    },
)  # fmt: skip
BOOKINGS = st.fixed_dictionaries(
    {},
    optional={
        "schedule": SCHEDULES, "title": WORDS, "notes": WORDS, "attendees": NUMBERS, "etag": WORDS, "state": ENUMS,
        "time_zone": ZONES, "meeting": WORDS, "organiser": WORDS, "competes": st.booleans(), "lineage": WORDS,
    },
)  # fmt: skip
SOUND = st.builds(
    lambda start, rule, minutes, zone: {
        "schedule": {"start": start, "time_zone": zone, "minutes": minutes, "rule": rule}
    },
    st.sampled_from(["2026-11-24T19:00", "2026-11-24T23:30", "2027-03-14T02:30", "2026-11-21T05:00"]),
    RULES,
    st.sampled_from([30, 60, 1440, 44_640]),
    ZONES,
)
BOOKED = SOUND | BOOKINGS
LIMITS = (
    "most_days_ahead",
    "least_minutes_ahead",
    "shortest_minutes",
    "longest_minutes",
    "check_in_minutes",
    "hold_minutes",
)
QUOTAS = st.fixed_dictionaries({}, optional={"period": ENUMS, "count": NUMBERS, "minutes": NUMBERS})
ROOM_RULES = st.fixed_dictionaries(
    {},
    optional={
        "who": ENUMS, "approval": ENUMS, "without_end": st.booleans(), "quotas": st.lists(QUOTAS, max_size=3),
        **dict.fromkeys(LIMITS, NUMBERS),
    },
)  # fmt: skip
HOURS = st.fixed_dictionaries(
    {}, optional={"weekdays": st.lists(NUMBERS | st.integers(1, 7), max_size=3), "opens": CLOCKS, "closes": CLOCKS}
)
DATED = st.fixed_dictionaries({}, optional={"date": DATES, "opens": CLOCKS, "closes": CLOCKS, "reason": WORDS})
LINKS = st.sampled_from(
    ["https://example.org/a.jpg", "javascript:alert(1)", "http://example.org", "https://[", "https://u:p@h", ""]
)
ROOMS = st.fixed_dictionaries(
    {},
    optional={
        "title": WORDS, "capacity": NUMBERS, "equipment": st.lists(WORDS, max_size=2), "notes": WORDS, "kind": ENUMS,
        "photos": st.lists(LINKS, max_size=2), "opening_hours": st.lists(HOURS, max_size=2),
        "dated_hours": st.lists(DATED, max_size=2), "before_minutes": NUMBERS, "after_minutes": NUMBERS,
        "rules": ROOM_RULES, "time_zone": ZONES, "public_busy": st.booleans(), "join_url": LINKS,
    },
)  # fmt: skip
ASKED = st.fixed_dictionaries({}, optional={"on_clash": ENUMS, "overrule_reason": WORDS, "request_id": WORDS})

STEPS = st.one_of(
    st.tuples(st.just("BookRoom"), BOOKED, ASKED, NAMES),
    st.tuples(st.just("BookRoom"), SOUND, ASKED, NAMES),
    st.tuples(st.just("HoldRoom"), BOOKED, st.just({}), NAMES),
    st.tuples(st.just("ConfirmHold"), BOOKED, st.just({}), NAMES),
    st.tuples(st.just("CheckBooking"), BOOKED, st.just({}), NAMES),
    st.tuples(
        st.just("ChangeBooking"),
        BOOKED,
        st.fixed_dictionaries({}, optional={"on_clash": ENUMS, "scope": ENUMS, "key": KEYS, "update_mask": MASKS}),
        NAMES,
    ),
    st.tuples(
        st.just("ReleaseBooking"), st.none(), st.fixed_dictionaries({}, optional={"scope": ENUMS, "key": KEYS}), NAMES
    ),
    st.tuples(
        st.just("TakeSkippedDates"),
        st.none(),
        st.fixed_dictionaries({}, optional={"keys": st.lists(KEYS, max_size=2)}),
        NAMES,
    ),
    st.tuples(st.just("CheckInBooking"), st.none(), st.fixed_dictionaries({}, optional={"key": KEYS}), NAMES),
    st.tuples(st.just("ApproveBooking"), st.none(), ASKED, NAMES),
    st.tuples(st.just("UpdateRoom"), ROOMS, st.just({}), NAMES),
    st.tuples(st.just("CreateRoom"), ROOMS, st.just({}), NAMES),
)
OF_A_BOOKING = {"ConfirmHold", "ReleaseBooking", "TakeSkippedDates", "CheckInBooking", "ApproveBooking"}


class _Hostile:
    """Somebody who sends whatever there is."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rooms: list[str] = []
        self.place = ""

    async def furnish(self) -> None:
        self.rooms = [await room(self.house, title) for title in ("Blue", "Red")]
        self.place = str((await self.house.call("GetRoom", name=self.rooms[0])).place)

    async def send(self, step: tuple[str, dict[str, Any] | None, dict[str, Any], int]) -> None:
        """One request; a refusal is an answer."""
        method, body, more, which = step
        request = {**await self._about(method, body or {}, which), **more}
        try:
            await self.house.call(method, (ANA, LEE, MAY)[which % 3], **request)
        except Refusal:
            return

    async def _about(self, method: str, body: dict[str, Any], which: int) -> dict[str, Any]:
        one = self.rooms[which % 2]
        if method in {"BookRoom", "CheckBooking"}:
            return {"parent": CENTRE, "rooms": self.rooms[: 1 + which % 2], "booking": body}
        if method == "HoldRoom":
            return {"parent": CENTRE, "room": one, "booking": body}
        if method == "UpdateRoom":
            return {"room": {"name": one, **body}}
        if method == "CreateRoom":
            return {"parent": CENTRE, "room": {"place": self.place, **body}}
        booking = await self._booking(which)
        if method == "ChangeBooking":
            return {"booking": {**body, "name": booking}}
        return {"name": booking, **({"booking": body} if method == "ConfirmHold" else {})}

    async def _booking(self, which: int) -> str:
        found = (await self.house.call("ListBookings", parent=CENTRE)).bookings
        return str(found[which % len(found)].name) if found else f"{self.rooms[0]}/bookings/none"

    async def read(self) -> None:
        """Whatever there is can be shown."""
        await self.house.call("ListBookings", parent=CENTRE)
        for one in self.rooms:
            await self.house.call("GetRoomCalendar", name=one)
            await self.house.call("GetFreeBusy", parent=CENTRE, rooms=[one])
        await self.house.call("GetUtilisation", parent=CENTRE, first_date="2026-11-16", last_date="2026-12-06")
        window = {"first_date": "2026-11-24", "last_date": "2026-11-25", "minutes": 60}
        await self.house.call("FindFreeRooms", parent=CENTRE, **window)


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_whatever_is_asked_is_answered_or_refused(
    steps: Sequence[tuple[str, dict[str, Any] | None, dict[str, Any], int]],
) -> None:
    asyncio.run(_run(steps))


async def _run(steps: Sequence[tuple[str, dict[str, Any] | None, dict[str, Any], int]]) -> None:
    clock = VirtualClock(START)
    store = MemoryStore(KINDS, clock)
    await store.open()
    hostile = _Hostile(House(store, clock))
    await hostile.house.meetings.load()
    await hostile.house.centre()
    await hostile.furnish()
    for step in steps:
        await hostile.send(step)
    await hostile.read()
    await clock.advance(4 * 24 * 3600)
    await hostile.house.sweep()
    await hostile.read()
    await store.close()
