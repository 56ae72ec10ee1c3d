"""Two instances of the meetings service beside each other, on one database.

On a real MongoDB where there is one. The stand-in shows how our processes work together over what they send; it proves
nothing about a server.
"""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from openchair.meetings.v1 import meeting_service_pb2 as pb

from services.kit.auth import load_or_make_keys
from tests.contract.mongo_wire_beside import beside
from tests.contract.mongod import drop, new_name
from tests.contract.mongod import mongodb_url as mongodb_url  # noqa: PLC0414 - a fixture
from tests.system import acts
from tests.system.alone import ready, said, site
from tests.system.running import System, reached, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

SECRET = "kS8v3Qz0TnYw5LrB1mXc7Hd2Jf9Gp4Ua"
HOUSE = "centres/house"
SINCE = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(params=["stand-in", "server"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the database is."""
    if request.param == "server":
        yield request.getfixturevalue("mongodb_url")
        return
    with beside() as found:
        yield found


@pytest.fixture
def three(tmp_path: Path, url: str) -> Iterator[tuple[System, System, System]]:
    """Two of meetings, and feeds."""
    keys, database = tmp_path / "keys", new_name()
    load_or_make_keys(keys)
    with site(tmp_path) as made:
        own = {
            "MONGODB_URL": url,
            "OPENCHAIR_MONGODB_DATABASE": database,
            "OPENCHAIR_PAGE_SECRET": SECRET,
            "OPENCHAIR_TOKEN_KEYS": str(keys / "token.pub"),
        }
        systems = [made.service("meetings", name, **own) for name in ("one", "other")]
        systems.append(made.service("feeds", OPENCHAIR_TOKEN_KEYS=str(keys / "token.pub")))
        for system in systems:
            system.keys = keys
            system.launch()
        ready(*systems)
        yield systems[0], systems[1], systems[2]
    drop(url, database)


async def listed(stub: MeetingServiceStub, titles: list[str]) -> None:
    """Until an instance lists just these."""

    async def shows() -> bool:
        return [one.title for one in await acts.occurrences(stub, HOUSE, SINCE, 7)] == titles

    await reached(shows, f"it lists {titles}")


async def test_each_takes_what_the_other_wrote_and_one_alone_goes_on(three: tuple[System, System, System]) -> None:
    one, other, feeds = three
    async with one.meetings() as first, other.meetings() as second:
        await acts.create_centre(first, "house")
        names = [
            (await acts.create_meeting(stub, HOUSE, f"Made {number}", f"2026-11-24T1{number}:00")).name
            for number, stub in enumerate([first, second, first])
        ]
        for stub in (first, second):
            await listed(stub, ["Made 0", "Made 1", "Made 2"])
        page = await first.ListMeetings(pb.ListMeetingsRequest(parent=HOUSE, page_size=2))
        rest = pb.ListMeetingsRequest(parent=HOUSE, page_size=2, page_token=page.next_page_token)
        assert len((await second.ListMeetings(rest)).meetings) == 1

        one.kill()
        await acts.rename(second, names[0], "Renamed")
        await listed(second, ["Renamed", "Made 1", "Made 2"])
    until(lambda: "Renamed" in acts.summaries(feeds.feed("house")), "the feed has it")
    assert not other.data.exists()
    one.start()
    async with one.meetings() as first:
        await listed(first, ["Renamed", "Made 1", "Made 2"])


@pytest.mark.slow
def test_a_database_that_is_away_is_waited_for_and_named_without_its_password(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    load_or_make_keys(keys)
    with site(tmp_path) as made:
        meetings = made.service(
            "meetings",
            MONGODB_URL="mongodb://openchair:canary@127.0.0.1:1/?serverSelectionTimeoutMS=500",
            OPENCHAIR_PAGE_SECRET=SECRET,
            OPENCHAIR_TOKEN_KEYS=str(keys / "token.pub"),
        )
        meetings.launch()
        assert "canary" not in said(meetings, "start", "waits for its database")
        assert not meetings.readiness().serving
        assert meetings.stop(signal.SIGTERM) == 0
        assert "canary" not in meetings.said()
        assert "Traceback" not in meetings.said()
