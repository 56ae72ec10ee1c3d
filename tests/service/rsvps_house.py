"""An rsvps service with its store and nothing else, called through protobuf bytes as any transport would.

Test modules name this one in `pytest_plugins`: that gives them the fixture `rsvps_house`, once per store. They import
from it first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import pytest
from google.protobuf import message_factory
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from openchair.rsvps.v1 import rsvp_service_pb2

from services.kit.call import EVERYWHERE, Call, Caller, Method
from services.kit.clock import Ids, VirtualClock, instant
from services.kit.paging import Pages
from services.kit.store.port import Commit
from services.recurrence.rule import parse_rule
from services.recurrence.types import Schedule
from services.rsvps import lists, records
from services.rsvps.desk import Desk
from services.rsvps.keys import Secrets
from services.rsvps.records import KINDS
from services.rsvps.service import Rsvps
from services.rsvps.types import Event, GuestList, Part, RsvpMode, Rules, Seat, SeatFor, Shown, Where
from tests.contract.store_fixtures import ENGINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.store.port import Record, Store

pytest_plugins = ("tests.contract.mongod",)
M = TypeVar("M", bound=Message)

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday
ZONE = "America/Edmonton"
OPERATOR = Caller("kim", {EVERYWHERE: frozenset({"operator"})})
COORDINATOR = Caller("lee", {"house": frozenset({"coordinator"})})
FACILITATOR = Caller("ada", {"house": frozenset({"facilitator"})})
STRANGER = Caller("zed", {"elsewhere": frozenset({"coordinator"})})
NOBODY = Caller()
CENTRE = "centres/house"
MEETING = "tuesday"
DATE = f"{CENTRE}/meetings/{MEETING}/occurrences/20261124"  # at 19:00 there
LATER = f"{CENTRE}/meetings/{MEETING}/occurrences/20261201"


def key_of(number: int) -> str:
    """The guest key of somebody, as text."""
    return base64.urlsafe_b64encode(number.to_bytes(16, "big")).decode().rstrip("=")


def weekly(start: datetime = datetime(2026, 11, 24, 19), minutes: int = 60, rule: str = "FREQ=WEEKLY") -> Schedule:  # noqa: DTZ001 - local times are naive
    """When a series takes place; without a rule once."""
    return Schedule(start, ZONE, minutes, parse_rule(rule, ZONE, start) if rule else None)


def shown(**fields: Any) -> Shown:
    """A weekly meeting on Tuesdays at 19:00, from 2026-11-24 on, in a room, for everybody."""
    usual: dict[str, Any] = {
        "title": "Tuesday Group",
        "kind": "support-meeting",
        "schedule": weekly(),
        "ways": (Where.ROOM,),
        "visibility": "public",
    }
    return Shown(**(usual | fields))


class House:
    """The service under test. `call` names a method and gives its request as a dictionary."""

    def __init__(self, store: Store, clock: VirtualClock, *, alone: bool = True) -> None:
        self.store = store
        self.clock = clock
        secrets = Secrets({"1": b"s" * 32}, "1")
        self.ids = Ids(random.Random(7))  # noqa: S311 - seeded
        self.desk = Desk(store, clock, self.ids, Pages(b"k" * 32), secrets, alone=alone)
        self.rsvps = Rsvps(self.desk)
        self.caller = NOBODY
        self._bound = {
            name: bound
            for service in self.rsvps.services
            for name, bound in service.bound((self._authenticate,), clock).items()
        }

    async def _authenticate(self, call: Call[Any], method: Method) -> Message:
        return await method(replace(call, caller=self.caller))

    async def call(self, method: str, caller: Caller | None = None, /, **request: Any) -> Any:
        """The reply, by default to nobody. Raises the refusal."""
        message = ParseDict(request, getattr(rsvp_service_pb2, f"{method}Request")())
        return await self.send(method, message, caller)

    async def send(self, method: str, message: Message, caller: Caller | None = None) -> Any:
        """The reply to that message, by default to nobody. Raises the refusal."""
        self.caller = caller or NOBODY
        reply = await self._bound[method].answer(message.SerializeToString(), {})
        return _reply_type(self.rsvps, method).FromString(reply)

    async def reserve(self, number: int, name: str = DATE, **more: Any) -> Any:
        """A seat for the guest with that number."""
        return (await self.call("Reserve", name=name, guest_key=key_of(number), **more)).seat

    async def mine(self, number: int, name: str = DATE) -> Any:
        """The seat of the guest with that number, as they see it."""
        return await self.call("GetMine", name=name, guest_key=key_of(number))

    async def put(self, *values: Part | Event) -> None:
        """Has these as they are, in one commit."""
        written = []
        for value in values:
            kind = "part" if isinstance(value, Part) else "event"
            before = await self.store.get(kind, value.id)
            written.append(records.write(before, value, at=instant(self.clock.now()), actor="test"))
        await self.store.commit(Commit(tuple(written)))

    async def part(self, id_: str = MEETING, *, centre: str = "house", lineage: str = "", **fields: Any) -> Part:
        """A meeting as it was heard of (see `shown`); of a meeting that is not public only its private view has it."""
        seen = shown(**fields)
        public = seen if seen.visibility == "public" else None
        before = await self.store.get("part", id_)
        order = (0, before.revision + 1 if before else 1)
        made = Part(
            id=id_,
            centre=centre,
            lineage=lineage or id_,
            public=public,
            private=seen,
            public_order=order,
            private_order=order,
        )
        await self.put(made)
        return made

    async def rules(self, lineage: str = MEETING, *, centre: str = "house", **fields: Any) -> Rules:
        """How seats are kept: optional, 3 chairs, unless it says otherwise. What lists there are stays."""
        usual: dict[str, Any] = {"mode": RsvpMode.OPTIONAL, "capacity": 3}
        rules = Rules(**(usual | fields))
        event = await self.event(lineage)
        if event is None:
            event = Event(id=lineage, centre=centre)
        await self.put(msgspec.structs.replace(event, rules=rules))
        return rules

    async def event(self, lineage: str = MEETING) -> Event | None:
        """A whole series, as it is stored."""
        record = await self.store.get("event", lineage)
        return None if record is None else records.read(record, Event)

    async def lists(self) -> list[tuple[Record, GuestList]]:
        """All guest lists, by id."""
        page = await self.store.find("list", {"centre": "house"}, limit=1000)
        return [(record, records.read(record, GuestList)) for record in page.records]

    async def seats(self, list_id: str) -> list[Seat]:
        """The seats of a list, in the order of the line."""
        found: list[Seat] = []
        after = None
        while True:
            page = await self.store.find(lists.SHAPE.leaf, {"head": list_id}, ("written",), 1000, after)
            found += [records.read(record, Seat) for record in page.records if not record.state["removed"]]
            if (after := page.after) is None:
                return sorted((seat for seat in found if seat.use is SeatFor.SEAT), key=lambda each: each.order)

    def to(self, when: datetime) -> None:
        """Sets the clock."""
        self.clock.jump(when)

    def later(self, **parts: float) -> None:
        """Moves the clock on, by parts of a timedelta."""
        self.clock.jump(self.clock.now() + timedelta(**parts))

    async def sweep(self) -> None:
        """Does what is due until nothing is."""
        while due := await self.store.due(instant(self.clock.now()), 100):
            for record in due:
                await self.rsvps.due[record.kind](record)


def _reply_type(rsvps: Rsvps, method: str) -> Any:
    for service in rsvps.services:
        if method in service.descriptor.methods_by_name:
            return message_factory.GetMessageClass(service.descriptor.methods_by_name[method].output_type)
    raise KeyError(method)


STORES = (
    "sqlite",
    "memory",
    "mongodb-motor",
    pytest.param("mongodb-pymongo", marks=pytest.mark.slow),  # every day the contract suites run over both drivers
    pytest.param("mongodb-wire-motor", marks=pytest.mark.slow),  # and over the stand-in
)


@pytest.fixture(params=STORES)
async def rsvps_house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The service over each store, with a weekly meeting of three chairs."""
    clock = VirtualClock(START)
    async with ENGINES[request.param](request, clock) as engine:
        store = await engine.start(KINDS)
        house = House(store, clock)
        await house.part()
        await house.rules()
        yield house
        await store.close()


@pytest.fixture
async def alone(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The same in memory only: for rules that no store has a part in."""
    clock = VirtualClock(START)
    async with ENGINES["memory"](request, clock) as engine:
        store = await engine.start(KINDS)
        house = House(store, clock)
        await house.part()
        await house.rules()
        yield house
        await store.close()
