"""A meetings service with its store and nothing else, called through protobuf bytes as any transport would.

Test modules name this one in `pytest_plugins`: that gives them the fixture `house`, once per store. They import from it
first, so its asserts stay as they are: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from google.protobuf import message_factory
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from openchair.meetings.v1 import centre_pb2, meeting_pb2, meeting_service_pb2, place_pb2, room_service_pb2
from openchair.meetings.v1 import import_pb2 as imports_pb

from services.kit.call import EVERYWHERE, Call, Caller, Method
from services.kit.clock import Ids, VirtualClock, instant
from services.kit.paging import Pages
from services.meetings.desk import Desk
from services.meetings.records import KINDS
from services.meetings.service import Meetings
from tests.contract.store_fixtures import ENGINES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.kit.store.port import Store

pytest_plugins = ("tests.contract.mongod",)
M = TypeVar("M", bound=Message)

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # a Saturday
OPERATOR = Caller("kim", {EVERYWHERE: frozenset({"operator"})})
COORDINATOR = Caller("lee", {"house": frozenset({"coordinator"})})
NOBODY = Caller()
CENTRE = "centres/house"
MESSAGES = {
    **vars(centre_pb2),
    **vars(place_pb2),
    **vars(meeting_pb2),
    **vars(imports_pb),
    **vars(meeting_service_pb2),
    **vars(room_service_pb2),
}


class House:
    """The service under test. `call` names a method and gives its request as a dictionary."""

    def __init__(self, store: Store, clock: VirtualClock, seed: int = 7) -> None:
        self.store = store
        self.clock = clock
        self.desk = Desk(store, clock, Ids(random.Random(seed)), Pages(b"k" * 32))  # noqa: S311 - seeded
        self.meetings = Meetings(self.desk)
        self.caller = OPERATOR
        self._bound = {
            name: bound
            for service in self.meetings.services
            for name, bound in service.bound((self._authenticate,), clock).items()
        }

    async def _authenticate(self, call: Call[Any], method: Method) -> Message:
        return await method(replace(call, caller=self.caller))

    async def call(self, method: str, caller: Caller | None = None, /, **request: Any) -> Any:
        """The reply. Raises the refusal."""
        self.caller = caller or OPERATOR
        message = ParseDict(request, MESSAGES[f"{method}Request"]())
        bound = self._bound[method]
        reply = await bound.answer(message.SerializeToString(), {})
        return _reply_type(self.meetings, method).FromString(reply)

    async def centre(self) -> str:
        """A centre to work in."""
        made = await self.call(
            "CreateCentre", centre_id="house", centre={"title": "The House", "time_zone": "America/Edmonton"}
        )
        return str(made.name)

    async def place(self, **fields: Any) -> Any:
        """A place of it."""
        place = {"title": "Church Hall", "address": "1 Main St", "area": "Old Town", **fields}
        return await self.call("CreatePlace", parent=CENTRE, place=place)

    async def meeting(self, **fields: Any) -> Any:
        """A weekly meeting on Tuesdays at 19:00, from 2026-11-24 on."""
        meeting = {
            "title": "Tuesday Group",
            "mode": "MODE_IN_PERSON",
            "schedule": {
                "start": "2026-11-24T19:00",
                "time_zone": "America/Edmonton",
                "minutes": 60,
                "rule": "FREQ=WEEKLY;BYDAY=TU",
            },
            **fields,
        }
        return await self.call("CreateMeeting", parent=CENTRE, meeting=meeting)

    async def group(self, title: str = "Night Owls") -> Any:
        """A group of it, without a code."""
        return await self.call("CreateGroup", parent=CENTRE, group={"title": title})

    async def code(self, group: str, **more: Any) -> str:
        """A new code of that group."""
        return str((await self.call("RotateInviteCode", name=group, **more)).invite_code)

    async def listed(self, days: int = 60, caller: Caller | None = None, **filters: Any) -> list[Any]:
        """What is on in the next so many days."""
        end = datetime.fromtimestamp(START.timestamp() + days * 86400, UTC)
        reply = await self.call(
            "ListOccurrences",
            caller,
            parent=CENTRE,
            start_time=self.clock.now().isoformat().replace("+00:00", "Z"),
            end_time=end.isoformat().replace("+00:00", "Z"),
            page_size=1000,
            **filters,
        )
        return list(reply.occurrences)

    async def sweep(self) -> None:
        """Does what is due until nothing is."""
        while due := await self.store.due(instant(self.clock.now()), 100):
            for record in due:
                await self.meetings.due[record.kind](record)


def _reply_type(meetings: Meetings, method: str) -> Any:
    for service in meetings.services:
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
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The service over each store, with a centre."""
    clock = VirtualClock(START)
    async with ENGINES[request.param](request, clock) as engine:
        store = await engine.start(KINDS)
        house = House(store, clock)
        await house.meetings.load()
        await house.centre()
        yield house
        await store.close()
