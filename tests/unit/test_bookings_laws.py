"""Laws of bookings, whatever people do in whatever order: compared after each step with a look at every minute.

1. No two hold one room, or a hall and its part, at once. 2. Nobody is refused without something in the way. 3. A
skipped date that is free is offered, one that is not is not. 4. What is over is never rewritten. 5. Nobody has more of
a room in a week than its quota.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.kit.clock import VirtualClock, instant
from services.kit.errors import Refusal
from services.kit.store.memory import MemoryStore
from services.meetings import records
from services.meetings.records import KINDS
from services.meetings.types_rooms import Booking, PastBooking
from services.recurrence.timetable import at_minute, minute, stretches
from services.recurrence.zones import to_local, to_utc
from tests.service.bookings_house import ANA, BEN, CENTRE, LEE, ZONE, at, stored, twice
from tests.service.meetings_house import START, House

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = 30
QUOTA = 2
CALLERS = (ANA, BEN, LEE)
RULES = ("", "FREQ=DAILY;COUNT=3", "FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY")
SCOPES = ("ALL", "THIS", "FOLLOWING")
HARMLESS = {"ROOM_TAKEN", "BOOKING_RULE"}


class Step(NamedTuple):
    """Something that somebody does; numbers choose, each as far as it can."""

    what: str
    who: int
    room: int
    day: int
    hour: int
    rule: int
    skips: bool
    which: int
    scope: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            ["book", "book", "book", "hold", "confirm", "change", "change", "release", "take", "wait", "wait"]
        ),
        st.integers(0, 2),
        st.sampled_from([0, 0, 1, 2, 2, 3]),
        st.integers(23, 25),
        st.integers(18, 19),
        st.integers(0, 3),
        st.booleans(),
        st.integers(0, 7),
        st.integers(0, 2),
    ),
    min_size=8,
    max_size=16,
)


class World:
    """A house with a hall, its two parts, and a room with a quota; and what its past is known to be."""

    def __init__(self) -> None:
        clock = VirtualClock(START)
        self.house = House(MemoryStore(KINDS, clock), clock)
        self.rooms: list[str] = []
        self.together: frozenset[frozenset[str]] = frozenset()
        self.over: Counter[tuple[str, int, int]] = Counter()

    async def begin(self) -> None:
        """Makes it."""
        await self.house.meetings.load()
        await self.house.centre()
        place = await self.house.place()
        quota = {"quotas": [{"period": "QUOTA_PERIOD_WEEK", "count": QUOTA}]}
        east, west = await self._room(place.name, "East"), await self._room(place.name, "West", after_minutes=15)
        hall = await self._room(place.name, "Hall", parts=[east, west], before_minutes=15)
        self.rooms = [east, west, hall, await self._room(place.name, "Small", rules=quota)]
        ids = [name.rpartition("/")[2] for name in self.rooms]
        self.together = frozenset(frozenset({ids[2], part}) for part in ids[:2])

    async def _room(self, place: str, title: str, **fields: Any) -> str:
        room = {"title": title, "place": place, **fields}
        return str((await self.house.call("CreateRoom", parent=CENTRE, room=room)).name)

    async def take(self, step: Step) -> None:
        """Does it; a refusal has to be for a reason."""
        before = await self.standing()
        try:
            await getattr(self, f"_{step.what}")(step, before)
        except Refusal as refused:
            assert await self.standing() == before, "a refusal left something behind"
            if step.what in {"book", "hold"} and refused.reason == "ROOM_TAKEN" and not step.skips:
                self._refuse_needlessly(step, before)

    async def standing(self) -> list[Booking]:
        """What stands, in order of id, without holds that have expired."""
        now = instant(self.house.clock.now())
        found = [each for each in await stored(self.house) if each.competes or each.holds(now)]
        return sorted(found, key=lambda each: each.id)

    def _refuse_needlessly(self, step: Step, before: list[Booking]) -> None:
        """Fails if what was refused would have been free, by brute force."""
        name = self.rooms[step.room].rpartition("/")[2]
        buffers = {0: (0, 0), 1: (0, 15), 2: (15, 0), 3: (0, 0)}[step.room]
        start = minute(to_utc(datetime.fromisoformat(_start(step)), ZONE))
        days = {0: [0], 1: [0, 1, 2], 2: [0, 7, 14], 3: range(0, 400, 7)}[step.rule]
        for other in before:
            if other.room == name or frozenset({other.room, name}) in self.together:
                gap = max(buffers[0], other.after), max(buffers[1], other.before)
                for day in days:
                    begins = start + day * 1440
                    if stretches(other.pattern, begins - gap[0], begins + 60 + gap[1]):
                        return
        raise AssertionError(f"{step} was refused, and nothing is in the way")

    async def _book(self, step: Step, _: Sequence[Booking]) -> None:
        policy = "CLASH_POLICY_SKIP" if step.skips else "CLASH_POLICY_REFUSE"
        wish = {"rooms": [self.rooms[step.room]], "booking": at(_start(step), RULES[step.rule]), "on_clash": policy}
        await self.house.call("BookRoom", CALLERS[step.who], parent=CENTRE, **wish)

    async def _hold(self, step: Step, _: Sequence[Booking]) -> None:
        booking = at(_start(step), RULES[step.rule])
        ask = {"parent": CENTRE, "room": self.rooms[step.room], "booking": booking}
        await self.house.call("HoldRoom", CALLERS[step.who], **ask)

    async def _confirm(self, step: Step, before: Sequence[Booking]) -> None:
        if name := _chosen(step, before):
            await self.house.call("ConfirmHold", CALLERS[step.who], name=name)

    async def _change(self, step: Step, before: Sequence[Booking]) -> None:
        if name := _chosen(step, before):
            scope, key = _scope(step)
            await self.house.call(
                "ChangeBooking",
                CALLERS[step.who],
                booking={"name": name, "schedule": {"start": _start(step)}},
                update_mask="schedule.start",
                scope=f"BOOKING_SCOPE_{scope}",
                key=key,
                on_clash="CLASH_POLICY_SKIP" if step.skips else "CLASH_POLICY_REFUSE",
            )

    async def _release(self, step: Step, before: Sequence[Booking]) -> None:
        if name := _chosen(step, before):
            scope, key = _scope(step)
            ask = {"name": name, "scope": f"BOOKING_SCOPE_{scope}", "key": key}
            await self.house.call("ReleaseBooking", CALLERS[step.who], **ask)

    async def _take(self, step: Step, before: Sequence[Booking]) -> None:
        if name := _chosen(step, [each for each in before if each.skipped]):
            await self.house.call("TakeSkippedDates", CALLERS[step.who], name=name)

    async def _wait(self, step: Step, _: Sequence[Booking]) -> None:
        now = self.house.clock.now()
        await self.house.clock.advance(timedelta(minutes=11, days=step.scope * step.which).total_seconds())
        await self.house.sweep()
        self.over += await self._ended(now, self.house.clock.now())

    async def _ended(self, since: datetime, until: datetime) -> Counter[tuple[str, int, int]]:
        """What has ended between two instants, as it stands."""
        found = [each for each in await self._all_ended(until) if minute(since) < each[2]]
        return Counter(found)

    async def _all_ended(self, until: datetime) -> list[tuple[str, int, int]]:
        low, high = minute(START), minute(until)
        past = (await self.house.store.find("past", {"centre": "house"}, limit=1000)).records
        bookings = [records.read(each, PastBooking).booking for each in past]
        bookings += [each for each in await stored(self.house) if each.state.value == "confirmed"]
        spans = [(each.room, span) for each in bookings for span in stretches(each.pattern, low, high)]
        return [(room, span.start, span.end) for room, span in spans if span.end <= high]

    async def check(self) -> None:
        """The laws."""
        now = self.house.clock.now()
        standing = await self.standing()
        assert not twice(standing, now, DAYS, self.together)
        for booking in standing:
            self._check_offers(booking, standing, now)
        self._check_quota(standing, now)
        assert Counter(await self._all_ended(now)) == self.over, "what is over was rewritten"

    def _check_offers(self, booking: Booking, standing: Sequence[Booking], now: datetime) -> None:
        for skipped in booking.skipped:
            start = minute(to_utc(skipped.slot.start, ZONE))
            if start > minute(now):
                single = [Single(booking, start, start + skipped.slot.minutes)]
                free = not any(_meets(each, other, self.together) for each in single for other in standing)
                assert skipped.offered == free, (booking, skipped)

    def _check_quota(self, standing: Sequence[Booking], now: datetime) -> None:
        small = self.rooms[3].rpartition("/")[2]
        weeks: Counter[tuple[str, int, int]] = Counter()
        for booking in (each for each in standing if each.room == small):
            for span in stretches(booking.pattern, minute(now), minute(now) + DAYS * 1440):
                local = to_local(at_minute(span.start), ZONE)
                weeks[booking.organiser, *local.isocalendar()[:2]] += 1
        assert all(count <= QUOTA for count in weeks.values()), weeks


class Single(NamedTuple):
    """One stretch that a booking would have."""

    booking: Booking
    start: int
    end: int


def _meets(one: Single, other: Booking, together: frozenset[frozenset[str]]) -> bool:
    mine = one.booking
    if not (other.room == mine.room or frozenset({other.room, mine.room}) in together):
        return False
    before, after = max(mine.before, other.after), max(mine.after, other.before)
    return bool(stretches(other.pattern, one.start - before, one.end + after))


def _start(step: Step) -> str:
    return f"2026-11-{step.day}T{step.hour}:00"


def _scope(step: Step) -> tuple[str, str]:
    scope = SCOPES[step.scope]
    day = datetime(2026, 11, step.day, tzinfo=UTC) + timedelta(days=7 * (step.which % 2))
    return scope, "" if scope == "ALL" else f"{day:%Y%m%d}"


def _chosen(step: Step, before: Sequence[Booking]) -> str:
    """Name of one of them; "": there is none."""
    if not before:
        return ""
    booking = before[step.which % len(before)]
    return f"{CENTRE}/rooms/{booking.room}/bookings/{booking.id}"


SERIES_CHANGED = [
    Step("book", 0, 0, 23, 18, 3, skips=False, which=0, scope=0),
    Step("wait", 0, 0, 23, 18, 0, skips=False, which=3, scope=1),
    Step("change", 0, 0, 24, 19, 0, skips=False, which=0, scope=0),
    Step("wait", 0, 0, 23, 18, 0, skips=False, which=7, scope=1),
    Step("release", 0, 0, 23, 18, 0, skips=False, which=0, scope=0),
]
"""A series that is changed, and given back, when some of it is over."""


@settings(max_examples=40, deadline=None)
@given(STEPS)
@example(SERIES_CHANGED)
def test_whatever_people_do_the_laws_hold(steps: list[Step]) -> None:
    async def run() -> None:
        world = World()
        await world.begin()
        for step in steps:
            await world.take(step)
            await world.check()

    asyncio.run(run())
