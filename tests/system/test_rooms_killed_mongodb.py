"""The storm of `test_rooms_killed` on MongoDB: on a real server where there is one.

A process that is killed between its writes and their commit leaves its transaction open. Until the server ends that,
nobody can write what it wrote: whoever asks for such a room waits, and nothing is lost. Over the stand-in that shows
what our processes do; it proves nothing about a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.kit.auth import load_or_make_keys
from tests.contract.mongo_wire_beside import beside
from tests.contract.mongod import drop, new_name
from tests.contract.mongod import mongodb_url as mongodb_url  # noqa: PLC0414 - a fixture
from tests.system.alone import PAGES, site
from tests.system.test_rooms_killed import stormed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.running import System

SOME = (("store.commit", 25), ("store.committed", 30))
MANY = tuple((point, nth) for nth in range(3, 33, 6) for point in ("store.commit", "store.committed", ""))


@pytest.fixture(params=[pytest.param("stand-in", marks=pytest.mark.slow), "server"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the database is."""
    if request.param == "server":
        yield request.getfixturevalue("mongodb_url")
        return
    with beside(lifetime=4.0) as found:
        yield found


@pytest.fixture
def system(tmp_path: Path, url: str) -> Iterator[System]:
    """The meetings service."""
    keys, database = tmp_path / "keys", new_name()
    load_or_make_keys(keys)
    with site(tmp_path) as made:
        system = made.service(
            "meetings",
            MONGODB_URL=url,
            OPENCHAIR_MONGODB_DATABASE=database,
            OPENCHAIR_PAGE_SECRET=PAGES,
            OPENCHAIR_TOKEN_KEYS=str(keys / "token.pub"),
        )
        system.program, system.keys = "tests.system.killed_meetings", keys
        system.start()
        yield system
    drop(url, database)


@pytest.mark.timeout(900)  # a server may take a minute and a half to end what a dead process began
async def test_after_kill_9_in_a_storm_no_booking_is_half_there_on_mongodb(system: System) -> None:
    await stormed(system, SOME, 1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_after_many_kill_9_no_booking_is_half_there_on_mongodb(system: System) -> None:
    await stormed(system, MANY, 2)
