"""Two instances on one store for days, while guests, staff and the meeting change things, and commits fail.

Who asks goes on asking under the same request id until it is certain. Instances are killed and begin anew. In the end
nothing fails any more: then the laws of `check` hold.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
import pytest
from openchair.rsvps.v1 import seat_pb2

from services.kit.clock import Ids, instant
from services.kit.errors import Refusal
from services.kit.record import transact
from services.kit.store.memory import Disk, MemoryStore
from services.kit.store.port import Commit, Conflict, OutcomeUnknown, Unwritten
from services.recurrence.types import Key
from services.rsvps import keys, records
from services.rsvps.line import LAPSES
from services.rsvps.reacting import kept
from services.rsvps.records import KINDS
from services.rsvps.types import Differing, Part, Scope, SisterDate, Sisters, State
from tests.contract.heads_examples import Instantly
from tests.contract.store_fixtures import ENGINES
from tests.service.rsvps_house import CENTRE, COORDINATOR, DATE, LATER, MEETING, House, key_of, shown, weekly

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from services.kit.store.port import Store
    from services.rsvps.types import GuestList, Seat

pytest_plugins = ("tests.contract.mongod",)

SERIES: Final = f"{CENTRE}/meetings/{MEETING}"
THURSDAY: Final = f"{CENTRE}/meetings/thursday/occurrences/20261126"
GOING: Final = seat_pb2.SEAT_STATE_GOING
UNCERTAIN: Final = {"CONTENTION", "OUTCOME_UNKNOWN", "STORE_UNAVAILABLE", "INTERNAL"}
HELD: Final = {GOING, seat_pb2.SEAT_STATE_WAITLISTED, seat_pb2.SEAT_STATE_OFFERED}
BEFORE: Final[tuple[type[Exception], ...]] = (Conflict, Unwritten, OutcomeUnknown)


class Faulty:
    """A store that takes its time and fails, before or after it has written, as often as `rate` says."""

    def __init__(self, store: Store, source: random.Random, rate: float) -> None:
        self._store = store
        self.source = source
        self.rate = rate
        self.dead = False
        """Whether its process is: then nothing is read or written any more."""

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise Unwritten
        return getattr(self._store, name)

    async def commit(self, change: Commit) -> None:
        await self._dawdle()
        failing = self.source.random() < self.rate
        if failing and self.source.random() < 0.5:
            raise self.source.choice(BEFORE)
        await self._store.commit(change)
        if failing:
            raise OutcomeUnknown
        await self._dawdle()

    async def get(self, kind: str, id: str) -> Any:  # noqa: A002 - as in the port
        await self._dawdle()
        return await self._store.get(kind, id)

    async def _dawdle(self) -> None:
        for _ in range(self.source.choice([0, 0, 1, 3])):
            await asyncio.sleep(0)


@dataclass
class Guest:
    """Somebody, and what they were told last. `held`: they have a seat or a place; None: they do not know."""

    number: int
    name: str
    also: tuple[str, ...] = ()
    held: bool | None = False
    going: bool = False
    line: tuple[int, int] | None = None
    """When they asked for a place in a line, and when they were told."""


@dataclass
class Days:
    """What happens."""

    source: random.Random
    clock: Instantly
    start: Callable[[], Awaitable[Store]]
    """Opens a store of one more instance."""
    rate: float = 0.0
    stores: list[Faulty] = field(default_factory=list)
    houses: list[House] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)
    capacity: dict[str, int] = field(default_factory=dict)
    """The largest that a series ever had."""
    asked: int = 0
    refused: Refusal | None = None
    """What was refused last."""

    async def begin(self) -> None:
        self.houses = [await self._instance() for _ in range(2)]
        house = self.houses[0]
        await house.part()
        await house.part("thursday", schedule=weekly(datetime(2026, 11, 26, 19), rule=""))  # noqa: DTZ001 - local
        dates = (SisterDate(MEETING, date(2026, 11, 24)), SisterDate("thursday", date(2026, 11, 26)))
        sisters = (Sisters("any", "l" + "5" * 32, dates),)
        self.capacity = {MEETING: 3, "thursday": 2}
        await house.rules(capacity=3, claim_minutes=60, standing_seats=True, sisters=sisters)
        await house.rules("thursday", capacity=2, claim_minutes=60)
        event = await house.event()
        assert event is not None
        await house.put(msgspec.structs.replace(event, sistered=True))
        places = [(DATE, ()), (DATE, ()), (LATER, ()), (THURSDAY, ()), (SERIES, ()), (DATE, (THURSDAY,))]
        self.guests = [Guest(number, *self.source.choice(places)) for number in range(14)]
        for each in self.stores:
            each.rate = self.rate

    async def _instance(self) -> House:
        self.stores.append(Faulty(await self.start(), self.source, 0.0))
        house = House(cast("Store", self.stores[-1]), self.clock, alone=False)
        house.desk.ids = house.ids = Ids(random.Random(self.source.random()))  # noqa: S311 - seeded
        return house

    async def killed(self) -> None:
        """An instance ends where it is, and begins anew with nothing in memory. Who was at it asks again."""
        which = self.source.randrange(2)
        cast("Faulty", self.houses[which].store).dead = True
        self.houses[which] = await self._instance()
        self.stores[-1].rate = self.rate

    async def ask(self, method: str, **request: Any) -> Any:
        """The reply; None: it was refused. Raises the last refusal where it never became certain."""
        self.asked += 1
        request["request_id"] = f"request-{self.asked}"
        last: Refusal | None = None
        for _ in range(30):
            both = self.houses if self.source.random() < 0.3 else [self.source.choice(self.houses)]
            told = await asyncio.gather(*(self._told(house, method, request) for house in both))
            replies = [each for each in told if not isinstance(each, Refusal)]
            assert all(reply == replies[0] for reply in replies), f"{method} {request}: two answers"
            if replies:
                return replies[0]
            last = next((each for each in told if isinstance(each, Refusal) and each.reason in UNCERTAIN), None)
            if last is None:
                self.refused = next(each for each in told if isinstance(each, Refusal))
                return None
        assert last is not None
        raise last

    @staticmethod
    async def _told(house: House, method: str, request: dict[str, Any]) -> Any:
        try:
            return await house.call(method, COORDINATOR if method == "SetListRules" else None, **request)
        except Refusal as refusal:
            return refusal

    # Who does what

    async def guest(self, guest: Guest) -> None:
        """One thing after the other."""
        for _ in range(self.source.choice([1, 1, 2])):
            await self._dawdle()
            verbs = ["Reserve", "Reserve", "Reserve", "Cancel", "AcceptOffer"]
            if guest.name != SERIES:
                verbs.append("DeclineOffer")
            try:
                await self._act(guest, self.source.choice(verbs))
            except Refusal:
                guest.held, guest.going = None, False

    async def _act(self, guest: Guest, verb: str) -> None:
        about = {"name": guest.name, "guest_key": key_of(guest.number)}
        began, had = self.asked, guest.held
        if verb == "Reserve":
            wait = self.source.choice(["WAIT_CHOICE_ASK", "WAIT_CHOICE_UNSPECIFIED"])
            reply = await self.ask(verb, **about, also=list(guest.also), wait=wait)
            if reply is None:
                assert had is not True, f"{guest} was told {self.refused!r}: who has a place has the same"
                return
            guest.held, guest.going = True, reply.seat.state == GOING
            if had is False and not guest.also:
                guest.line = (began, self.asked)
        elif (reply := await self.ask(verb, **about)) is not None:
            guest.held = verb == "AcceptOffer" or (verb == "DeclineOffer" and bool(guest.also) and None)
            guest.going = verb == "AcceptOffer"
            guest.line = None if verb != "AcceptOffer" else guest.line
            for name in guest.also if verb == "Cancel" else ():  # it may be that date that they have
                await self.ask(verb, **{**about, "name": name})

    async def staff(self) -> None:
        """More chairs, or fewer: nobody loses a seat by that."""
        meeting, capacity = self.source.choice(list(self.capacity)), self.source.randint(1, 5)
        house = self.houses[0]
        try:
            rules = await house.call("GetListRules", COORDINATOR, name=f"{CENTRE}/meetings/{meeting}/listRules")
        except Refusal:
            return
        said = {"name": rules.name, "mode": "RSVP_MODE_OPTIONAL", "capacity": capacity, "claim_minutes": 60}
        if meeting == MEETING:
            groups = [{"id": each.id, "names": list(each.names)} for each in rules.sister_dates]
            said |= {"standing_seats": True, "sister_dates": groups}
        self.capacity[meeting] = max(self.capacity[meeting], capacity)
        await self.ask("SetListRules", list_rules=said)

    async def heard(self, *, off: bool, hour: int) -> None:
        """A date is off, or on; the meeting is at another hour."""
        order = self.source.randrange(1 << 30)
        key = Key(date(2026, 11, 24))
        change = Differing(date=key.date, ordinal=0, cancelled=off)
        seen = shown(schedule=weekly(datetime(2026, 11, 24, hour)), changes=(change,) if off else ())  # noqa: DTZ001 - local

        async def attempt(house: House) -> tuple[Commit, None]:
            record = await house.store.get("part", MEETING)
            assert record is not None
            before = records.read(record, Part)
            part = msgspec.structs.replace(before, public=seen, private=seen, public_order=(1, order))
            return await kept(house.store, record, before, part, instant(self.clock.now())), None

        for _ in range(30):  # a state that was not taken in comes again
            try:
                house = self.source.choice(self.houses)
                await transact(house.store, self.clock, house.ids, partial(attempt, house))
            except (Refusal, Unwritten):
                await self._dawdle()
            else:
                return

    async def sweeper(self, house: House) -> None:
        """What is due, once; what fails is due again."""
        for record in await house.store.due(instant(self.clock.now()), 100):
            try:
                await house.rsvps.due[record.kind](record)
            except (Refusal, Conflict, OutcomeUnknown, Unwritten):
                await self._dawdle()

    async def pass_by(self) -> None:
        """Some hours."""
        works = [self.guest(guest) for guest in self.source.sample(self.guests, 8)]
        works += [self.sweeper(house) for house in self.houses]
        if self.source.random() < 0.4:
            works.append(self.staff())
        if self.source.random() < 0.4:
            works.append(self.heard(off=self.source.random() < 0.5, hour=self.source.choice([19, 20])))
        if self.source.random() < 0.3:
            works.append(self.killed())
        await asyncio.gather(*works)
        self.clock.jump(self.clock.now() + timedelta(minutes=self.source.choice([1, 45, 240])))

    async def settle(self) -> None:
        """Nothing fails any more, and everything is on; nobody has anything to do."""
        for store in self.stores:
            store.rate = 0.0
        for house in self.houses:
            await house.desk.heads.idle()
        await self.heard(off=False, hour=19)
        for _ in range(3):
            await self.houses[0].sweep()
            self.clock.jump(self.clock.now() + timedelta(minutes=61))
        await self.houses[0].sweep()

    async def _dawdle(self) -> None:
        for _ in range(self.source.randrange(6)):
            await asyncio.sleep(0)


# What is true in the end


async def check(days: Days) -> None:
    house = days.houses[1]
    found = {value.id: (value, await house.seats(value.id)) for _, value in await house.lists()}
    for value, seats in found.values():
        await one_list(days, value, seats)
    ties(found)
    for guest in days.guests:
        await what_they_were_told(house, guest)
    in_order(house, days.guests, found)


async def one_list(days: Days, value: GuestList, seats: list[Seat]) -> None:
    event = await days.houses[1].event(value.event)
    assert event is not None
    known = [event.series, *(each.list for each in event.lists), *(each.list for each in event.rules.sisters)]
    assert known.count(value.id) == 1, "each list is somebody's, and there is one for each date"
    assert len({seat.mac for seat in seats}) == len(seats), "nobody is in it twice"
    if value.scope is not Scope.DATE:
        return
    taken = [seat for seat in seats if seat.state in {State.GOING, State.OFFERED}]
    assert len(taken) <= days.capacity[value.event], "it is oversold"
    waiting = [seat for seat in seats if seat.state is State.WAITLISTED and seat.lapses < LAPSES]
    assert len(taken) >= value.rules.capacity or not waiting, "a place is free and somebody waits"
    if event.series:
        standing = {seat.id for seat in await days.houses[1].seats(event.series) if seat.state is State.GOING}
        assert {seat.standing for seat in seats if seat.standing} == standing, "standing seats are on each date"


def ties(found: dict[str, tuple[GuestList, list[Seat]]]) -> None:
    """Who waits for sister dates has a place in the line of each, and nobody else has."""
    wanted = set()
    for value, seats in found.values():
        if value.scope is Scope.SISTERS:
            wanted |= {(list_id, mac) for seat in seats for list_id, mac in seat.wanted.items()}
    places = {(value.id, seat.mac) for value, seats in found.values() for seat in seats if seat.sisters}
    assert places == wanted


async def what_they_were_told(house: House, guest: Guest) -> None:
    names = (guest.name, *guest.also)
    states = [(await house.mine(guest.number, name)).state for name in names]
    live = [state for state in states if state in HELD]
    if guest.held is not None:
        assert bool(live) == guest.held, f"{guest} is {states}"
    if guest.going:
        assert GOING in states, f"{guest} is {states}"
    assert states.count(GOING) <= 1


def in_order(house: House, guests: list[Guest], found: dict[str, tuple[GuestList, list[Seat]]]) -> None:
    """Who was told of a place before somebody else asked for one stands before them."""
    for value, seats in found.values():
        order = {seat.mac: seat.order for seat in seats}
        places = []
        for guest in guests:
            mac = house.desk.secrets.mac(value.secret, "house", value.id, keys.read(key_of(guest.number)))
            if mac in order and guest.line is not None and guest.held and guest.name != SERIES:
                places.append((order[mac], guest.line))
        for place, (_, told) in places:
            assert all(place < other for other, (asked, _) in places if told <= asked)


async def run(seed: int, start: Callable[[], Awaitable[Store]], clock: Instantly) -> None:
    source = random.Random(seed)  # noqa: S311 - the same in every run
    days = Days(source, clock, start, source.choice([0.0, 0.05, 0.2]))
    await days.begin()
    for _ in range(10):
        await days.pass_by()
    await days.settle()
    await check(days)


async def in_memory(seed: int) -> None:
    disk, clock = Disk(), Instantly()

    async def start() -> Store:
        store = MemoryStore(KINDS, clock, disk)
        await store.open()
        return store

    async with asyncio.timeout(60):
        await run(seed, start, clock)


def test_nobody_loses_a_seat_and_no_list_is_oversold_whatever_two_instances_do_at_once() -> None:
    for seed in range(2):
        asyncio.run(in_memory(seed))


@pytest.mark.slow
def test_nobody_loses_a_seat_in_many_more_days() -> None:
    for seed in range(2, 300):
        asyncio.run(in_memory(seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mongodb-wire-motor", "mongodb-motor", "mongodb-pymongo"])
@pytest.mark.parametrize("seed", range(4))
async def test_nobody_loses_a_seat_on_mongodb(request: pytest.FixtureRequest, name: str, seed: int) -> None:
    clock = Instantly()
    async with ENGINES[name](request, clock) as engine:
        opened: list[Store] = []

        async def start() -> Store:
            opened.append(await engine.start(KINDS))
            return opened[-1]

        await run(seed, start, clock)
        for store in opened:
            await store.close()
