"""What an operator asks of a running process: real services on SQLite and a nats-server, over real gRPC."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from openchair.admin.v1 import admin_service_pb2 as pb
from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.client import Problem, RpcError, connect, explain
from services.kit.clock import Ids, SystemClock
from services.kit.embedded import Embedded
from services.kit.host import Hosted, Plan
from services.kit.process import Process
from services.kit.reactor import Poison, Reactor
from services.kit.settings import Settings
from services.kit.store.port import Kind, Unwritten
from services.kit.streams import public_stream, subjects_of
from services.meetings import plan as meetings
from tests.system import acts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from services.kit.event import Event

KEY = bytes(range(32))
SEEN = Kind("seen")
LOG = structlog.get_logger()


class Watcher:
    """A service that follows centres and cannot take one that is called poison, until it is `cured`."""

    def __init__(self) -> None:
        self.cured = False
        self.handled: list[str] = []

    async def build(self, hosted: Hosted) -> None:
        site = hosted.settings.site
        subjects = [subjects_of(site, "public", "meetings")]
        stream, name = public_stream(site), hosted.plan.name
        reactor = Reactor(
            hosted.bus, hosted.store, stream, subjects, self.handle, name, site, hosted.clock, hosted.log, most=1
        )
        hosted.reactors.append(reactor)

    async def handle(self, event: Event) -> None:
        if "poison" in event.subject and not self.cured:
            raise Poison("is poison")
        self.handled.append(event.subject)

    @property
    def plan(self) -> Plan:
        return Plan("watcher", self.build, (SEEN,), follows=lambda site: (public_stream(site),), reacts=True)


class House:
    """The process, and its callers."""

    def __init__(self, process: Process, watcher: Watcher, settings: Settings, token: str) -> None:
        self.process, self.watcher, self.settings = process, watcher, settings
        self.channel = connect(f"127.0.0.1:{process.grpc_port}", token)
        self.admin = AdminServiceStub(self.channel)
        self.meetings = MeetingServiceStub(self.channel)

    def hosted(self, name: str) -> Hosted:
        return next(one for one in self.process.host.hosted if one.plan.name == name)


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    async with asyncio.timeout(seconds):
        while not (found := await condition()):  # noqa: ASYNC110 - another process answers
            await asyncio.sleep(0.02)
    return found


def token(settings: Settings, role: str = "operator", scope: str = "*") -> str:
    keys = load_or_make_keys(settings.data / "keys")
    lifetime = timedelta(minutes=5)
    audience = audience_of(settings.site)
    return make_token(keys.private, "p1", {scope: [role]}, audience=audience, lifetime=lifetime, clock=SystemClock())


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[House]:
    settings = Settings(data=folder / "var", http_port=0, grpc_port=0, env="production")
    watcher, clock, ids = Watcher(), SystemClock(), Ids()
    engines = Embedded(settings, clock, ids, LOG)
    process = Process((meetings.PLAN, watcher.plan), engines, settings, clock, ids, LOG)
    house = None
    try:
        await process.start()
        house = House(process, watcher, settings, token(settings))
        yield house
    finally:
        if house is not None:
            await house.channel.close()
        await process.stop()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path) as started:
        yield started


async def problem(awaitable: Any) -> Problem:
    with pytest.raises(RpcError) as raised:
        await awaitable
    return explain(raised.value)


# How it is, and publishing again


async def test_the_status_says_how_each_service_is(house: House) -> None:
    await acts.create_centre(house.meetings, "house")
    await house.hosted("meetings").relay.settled()  # type: ignore[union-attr]  # it publishes
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    found = {one.service: one for one in status.services}
    assert (status.site, list(found)) == ("local", ["meetings", "watcher"])
    assert abs(status.start_time.ToDatetime(UTC) - datetime.now(UTC)) < timedelta(minutes=2)
    assert status.broker_version.startswith("2.")
    assert found["meetings"].store == "sqlite"
    assert found["meetings"].epoch == await house.hosted("meetings").store.epoch()
    assert (found["meetings"].unpublished, found["meetings"].lag_seconds) == (0, 0.0)
    assert found["watcher"].dead_letters == 0


async def test_the_status_is_told_also_where_a_database_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> int:
        raise Unwritten

    monkeypatch.setattr(house.hosted("meetings").store, "epoch", away)
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    assert [(one.service, one.epoch > 0) for one in status.services] == [("meetings", False), ("watcher", True)]


async def test_republishing_marks_everything_and_a_new_epoch_is_newer(house: House) -> None:
    for name in ("aa", "bb", "cc"):
        await acts.create_centre(house.meetings, name)
    hosted = house.hosted("meetings")
    before, published = await hosted.store.epoch(), hosted.relay.published  # type: ignore[union-attr]  # it publishes
    reply = await house.admin.Republish(pb.RepublishRequest())
    assert reply.count == 3
    assert await hosted.store.epoch() == before
    reply = await house.admin.Republish(pb.RepublishRequest(services=["meetings"], new_epoch=True))
    assert reply.count == 3
    assert await hosted.store.epoch() > before
    await hosted.relay.settled()  # type: ignore[union-attr]  # it publishes
    assert hosted.relay.published >= published + 3  # type: ignore[union-attr]  # it publishes
    assert (await house.admin.Republish(pb.RepublishRequest(services=["watcher"]))).count == 0


async def test_an_unknown_service_is_refused_and_those_there_are_named(house: House) -> None:
    asked = (
        house.admin.Republish(pb.RepublishRequest(services=["rsvps"])),
        house.admin.ListDeadLetters(pb.ListDeadLettersRequest(service="rsvps")),
        house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="rsvps")),
    )
    for call in asked:
        refused = await problem(call)
        assert refused.code == "INVALID_ARGUMENT"
        assert "meetings, watcher" in refused.message


@pytest.mark.parametrize(("role", "scope"), [("administrator", "*"), ("operator", "house"), ("service", "*")])
async def test_only_an_operator_of_the_whole_site_is_answered(house: House, role: str, scope: str) -> None:
    async with connect(f"127.0.0.1:{house.process.grpc_port}", token(house.settings, role, scope)) as channel:
        stub = AdminServiceStub(channel)
        calls = (
            stub.GetStatus(pb.GetStatusRequest()),
            stub.Republish(pb.RepublishRequest()),
            stub.ListDeadLetters(pb.ListDeadLettersRequest(service="watcher")),
            stub.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="watcher")),
            stub.CreateBackup(pb.CreateBackupRequest(key=KEY)),
            stub.GetBackup(pb.GetBackupRequest(name="backups/x")),
            stub.ReadBackup(pb.ReadBackupRequest(name="backups/x")),
            stub.DeleteBackup(pb.DeleteBackupRequest(name="backups/x")),
        )
        assert [(await problem(call)).code for call in calls] == ["PERMISSION_DENIED"] * len(calls)


# Dead letters


async def listed(house: House, size: int = 0) -> list[str]:
    """The subjects of the watcher's letters, page by page."""
    found: list[str] = []
    after = ""
    while True:
        request = pb.ListDeadLettersRequest(service="watcher", page_size=size, page_token=after)
        reply = await house.admin.ListDeadLetters(request)
        found += [letter.subject for letter in reply.letters]
        after = reply.next_page_token
        if not after:
            return found


async def test_dead_letters_are_listed_and_replayed_until_they_are_handled(house: House) -> None:
    for name in ("poison-1", "sound", "poison-2"):
        await acts.create_centre(house.meetings, name)
    subjects = [f"openchair.local.public.meetings.{name}.centre.{name}" for name in ("poison-1", "poison-2")]

    async def both() -> bool:
        return await listed(house) == subjects

    await until(both)
    assert await listed(house, 1) == subjects
    assert (await house.admin.GetStatus(pb.GetStatusRequest())).services[1].dead_letters == 2

    reply = await house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="watcher"))
    assert (reply.handled, [letter.subject for letter in reply.letters]) == (0, subjects)
    assert "poison" in reply.letters[0].reason
    house.watcher.cured = True
    reply = await house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="watcher", subjects=subjects[:1]))
    assert (reply.handled, len(reply.letters)) == (1, 0)
    assert await listed(house) == subjects[1:]
    refused = await problem(
        house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="watcher", subjects=subjects[:1]))
    )
    assert refused.code == "NOT_FOUND"
    reply = await house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="watcher"))
    assert reply.handled == 1
    assert await listed(house) == []


async def test_a_service_that_does_not_react_has_no_dead_letters(house: House) -> None:
    reply = await house.admin.ListDeadLetters(pb.ListDeadLettersRequest(service="meetings"))
    assert list(reply.letters) == []
    assert (await house.admin.ReplayDeadLetters(pb.ReplayDeadLettersRequest(service="meetings"))).handled == 0
