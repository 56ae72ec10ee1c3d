"""Stores over the stand-in for a MongoDB server: the fixtures `mongo_wire` and `mongo_wire_store`, once per driver.

Test modules name this one in `pytest_plugins` and import from it first, so its asserts stay: PYTEST_DONT_REWRITE.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import bson
import pytest

from services.kit.clock import VirtualClock
from services.kit.store.mongo import MongoStore
from services.kit.store.port import Commit, Kind
from tests.contract.mongo_wire import MongoWire
from tests.contract.store_fixtures import (
    KINDS,
    START,
    answer,
    line,
    meeting,
    public,
    seat,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from services.kit.store.mongo_client import Driver
    from tests.contract.mongo_wire_data import Document

LEAKS = pytest.mark.filterwarnings("ignore:unclosed <socket")
"""PyMongo leaves a socket to the collector when it is closed while it connects: collected in the test itself."""


class Wire(NamedTuple):
    """The stand-in and how to open stores on it."""

    server: MongoWire
    driver: Driver

    @asynccontextmanager
    async def opened(
        self, kinds: Sequence[Kind] = KINDS, patience: float = 30.0, options: str = "", **more: Any
    ) -> AsyncIterator[MongoStore]:
        url, clock = self.server.url + options, VirtualClock(START)
        store = MongoStore(url, "tests", kinds, clock, driver=self.driver, patience=patience, **more)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def document(self, collection: str, id_: object) -> Document:
        """As it is stored."""
        return self.server.data.there[f"tests.{collection}"][bson.encode({"": id_})]

    def change(self, collection: str, id_: object, **fields: object) -> None:
        """Changes a stored document behind every store's back."""
        self.document(collection, id_).update(fields)


@pytest.fixture(params=["motor", "pymongo"])
async def mongo_wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    server = MongoWire()
    await server.start()
    yield Wire(server, request.param)
    await server.stop()
    assert server.surprises == [], server.surprises


@pytest.fixture
async def mongo_wire_store(mongo_wire: Wire) -> AsyncIterator[MongoStore]:
    async with mongo_wire.opened() as opened:
        mongo_wire.server.seen.clear()
        yield opened


def whole() -> Commit:
    """A commit of everything that a commit can hold."""
    return Commit((meeting("a", views=(public(),)), seat("s")), (answer("r"),), (line("a", 1, "created"),))
