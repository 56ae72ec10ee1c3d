"""What an operator asks of a running process: real services on SQLite and a nats-server, over real gRPC."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from openchair.admin.v1 import admin_service_pb2 as pb
from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub
from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.admin import Admin
from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.backup import Header, Kept, Manifest, Secret, read, read_header
from services.kit.backups import KEEP, Backups, Source
from services.kit.client import Problem, RpcError, connect, explain
from services.kit.clock import Ids, SystemClock, VirtualClock
from services.kit.embedded import Embedded
from services.kit.host import Hosted, Plan
from services.kit.process import Process
from services.kit.reactor import Poison, Reactor
from services.kit.sealed import Damaged
from services.kit.settings import Settings
from services.kit.store.memory import MemoryStore
from services.kit.store.port import Kind, Unwritten
from services.kit.streams import public_stream, subjects_of
from services.meetings import plan as meetings
from tests.contract.store_fixtures import KINDS, START, commit, meeting
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


async def until(condition: Callable[[], Any], seconds: float = 15.0) -> Any:
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


# Backups


async def finished(house: House, key: bytes = KEY) -> pb.Backup:
    made = await house.admin.CreateBackup(pb.CreateBackupRequest(key=key))

    async def done() -> pb.Backup | None:
        found = await house.admin.GetBackup(pb.GetBackupRequest(name=made.name))
        assert not found.failure
        return found if found.done else None

    found: pb.Backup = await until(done)
    return found


async def fetched(house: House, name: str) -> bytes:
    data = b""
    while True:
        piece = (await house.admin.ReadBackup(pb.ReadBackupRequest(name=name, offset=len(data)))).data
        if not piece:
            return data
        data += piece


async def test_a_backup_holds_every_store_and_the_keys_and_only_its_key_opens_it(house: House) -> None:
    for name in ("aa", "bb"):
        await acts.create_centre(house.meetings, name)
    made = await finished(house)
    data = await fetched(house, made.name)
    assert made.size == len(data)
    header, _ = read_header(BytesIO(data))
    assert isinstance(header, Header)
    assert header.site == "local"
    lines = list(read(BytesIO(data), KEY))
    (manifest,) = (line for line in lines if isinstance(line, Manifest))
    assert [service.name for service in manifest.services] == ["meetings", "watcher"]
    assert sorted(line.id for line in lines if isinstance(line, Kept)) == ["aa", "bb"]
    secrets = {line.path: line.data for line in lines if isinstance(line, Secret)}
    keys = await asyncio.to_thread((house.settings.data / "keys" / "token.key").read_bytes)
    assert secrets["keys/token.key"] == keys
    assert b"house" not in data.split(b"\n", 1)[1]
    with pytest.raises(Damaged):
        list(read(BytesIO(data), bytes(32)))


async def test_the_status_says_as_of_when_the_newest_backup_is_that_somebody_has(house: House) -> None:
    made = await finished(house)
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    assert not status.HasField("last_backup_time")  # nobody has it yet
    await fetched(house, made.name)
    await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name))
    status = await house.admin.GetStatus(pb.GetStatusRequest())
    assert status.last_backup_time.ToMilliseconds() == made.create_time.ToMilliseconds()


async def test_a_backup_is_for_its_owner_alone_and_goes_when_it_is_deleted(house: House) -> None:
    made = await finished(house)
    folder = house.settings.data / "backups"
    (path,) = await asyncio.to_thread(lambda: list(folder.iterdir()))
    modes = await asyncio.to_thread(lambda: (path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777))
    assert modes == (0o600, 0o700)
    await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name))
    assert await asyncio.to_thread(lambda: list(folder.iterdir())) == []
    for call in (
        house.admin.GetBackup(pb.GetBackupRequest(name=made.name)),
        house.admin.ReadBackup(pb.ReadBackupRequest(name=made.name)),
        house.admin.DeleteBackup(pb.DeleteBackupRequest(name=made.name)),
        house.admin.GetBackup(pb.GetBackupRequest(name="backups/../lock")),
    ):
        assert (await problem(call)).code == "NOT_FOUND"


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
async def test_a_key_that_is_none_is_refused(house: House, key: bytes) -> None:
    assert (await problem(house.admin.CreateBackup(pb.CreateBackupRequest(key=key)))).code == "INVALID_ARGUMENT"


async def test_a_backup_leaves_nothing_behind_when_the_process_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as house:
        await finished(house)
    assert list((tmp_path / "var" / "backups").iterdir()) == []


# The files


class Slow(MemoryStore):
    """A store whose dump waits until it is let go on."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(KINDS, clock)
        self.go_on = asyncio.Event()
        self.error: Exception | None = None

    async def dump(self) -> AsyncIterator[Any]:
        async for entry in super().dump():
            yield entry
        await self.go_on.wait()
        if self.error is not None:
            raise self.error


@asynccontextmanager
async def files(folder: Path) -> AsyncIterator[tuple[Backups, Slow, VirtualClock]]:
    clock = VirtualClock(START)
    store = Slow(clock)
    await store.commit(commit(meeting("a")))
    backups = Backups(folder / "backups", folder, "local", clock, Ids(), LOG)
    yield backups, store, clock
    await backups.close()


def source(store: Slow) -> list[Source]:
    return [Source("meetings", "memory", KINDS, store)]


async def test_a_second_one_is_not_begun_while_one_is_made(house: House) -> None:
    hosted = house.hosted("meetings")
    slow = Slow(VirtualClock(START))
    hosted.own_store, real = slow, hosted.own_store
    try:
        first = await house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY))
        refused = await problem(house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY)))
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "BACKUP_RUNNING")
        refused = await problem(house.admin.ReadBackup(pb.ReadBackupRequest(name=first.name)))
        assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "BACKUP_UNFINISHED")
        await house.admin.DeleteBackup(pb.DeleteBackupRequest(name=first.name))
    finally:
        hosted.own_store = real
    assert (await finished(house)).done


async def test_one_that_fails_says_why_and_leaves_no_file(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, _):
        store.error = OSError("the disk is full")
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        assert (made.done, made.failure) == (False, "the disk is full")
        assert list((tmp_path / "backups").iterdir()) == []


async def test_one_that_nobody_fetches_goes_after_a_day(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, clock):
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        await clock.advance(KEEP - 1)
        backups.forget_old()
        assert backups.get(made.id) is made
        await clock.advance(1)
        backups.forget_old()
        assert backups.get(made.id) is None
        assert list((tmp_path / "backups").iterdir()) == []


async def test_what_another_process_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    async with files(tmp_path) as (backups, store, _):
        made = backups.begin(KEY, source(store))
        store.go_on.set()
        assert made.task is not None
        await made.task
        for name in ("old.backup", "old.backup.part", "notes.txt"):
            (tmp_path / "backups" / name).touch()
        backups.sweep()
        assert {path.name for path in (tmp_path / "backups").iterdir()} == {f"{made.id}.backup", "notes.txt"}


async def test_writes_go_on_while_a_backup_is_made_and_it_is_of_one_moment(house: House) -> None:
    for n in range(20):
        await acts.create_centre(house.meetings, f"before-{n}")
    made = await house.admin.CreateBackup(pb.CreateBackupRequest(key=KEY))
    after = [await acts.create_centre(house.meetings, f"after-{n}") for n in range(20)]
    assert len(after) == 20

    async def done() -> bool:
        return bool((await house.admin.GetBackup(pb.GetBackupRequest(name=made.name))).done)

    await until(done)
    lines = list(read(BytesIO(await fetched(house, made.name)), KEY))
    found = {line.id for line in lines if isinstance(line, Kept)}
    assert {f"before-{n}" for n in range(20)} <= found
    late = sorted(int(id_.removeprefix("after-")) for id_ in found if id_.startswith("after-"))
    assert late == list(range(len(late)))  # as of one moment: those that came before it, without a hole


async def no_problems() -> dict[str, str]:
    return {}


async def test_the_folder_is_where_the_settings_say(tmp_path: Path) -> None:
    settings = replace(Settings(), data=tmp_path, backups=tmp_path / "elsewhere")
    admin = Admin([], no_problems, settings, SystemClock(), Ids(), LOG)
    made = admin._backups.begin(KEY, [])
    assert made.task is not None
    await made.task
    assert os.listdir(tmp_path / "elsewhere") == [made.path.name]  # noqa: PTH208 - names
    await admin._backups.close()
