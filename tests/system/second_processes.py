"""Two instances of every service as processes of their own, on one MongoDB and one nats-server.

It looks like `second_site.Site` to faults and checker.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.bus import NatsBus
from services.kit.client import connect, failed
from services.kit.clock import SystemClock
from services.kit.credentials import read_credentials
from services.kit.host import streams_of, users_of
from services.kit.provisioning import Listening, write_config
from services.kit.store.mongo import MongoStore
from services.kit.store.port import RequestKey
from services.kit.streams import provision
from tests.contract.bus_fixtures import LOG
from tests.contract.mongod import drop, new_name
from tests.sim.history import Command, History
from tests.sim.site import ADDRESS, CALLER, SITE, Answer
from tests.system.alone import Broker
from tests.system.edit_driver import request_of
from tests.system.running import System
from tests.system.second_link import Link
from tests.system.second_site import SERVICES, TOOLS
from tests.system.second_watcher import NAME as WATCHER
from tests.system.second_witness import Witness

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from pathlib import Path

    import grpc

    from services.kit.channel import Metadata
    from services.kit.host import Plan
    from services.kit.store.port import Commit, Entry
    from tests.system import edit_model as model

SECRET = "kS8v3Qz0TnYw5LrB1mXc7Hd2Jf9Gp4Ua"
GUESTS = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
PATIENCE = 60.0
_HOUR = timedelta(hours=1)
PROGRAMS = {WATCHER: "tests.system.second_watcher"}
NOT_OURS = frozenset({b"date", b"connection"})
"""Headers that are not compared: the HTTP server says them, whatever is served."""


class Sequential(History):
    """A history of one caller. What the database took in is asked of the database, as no listener can tell."""

    async def do(self, edit: model.Edit, tries: int, timeout: float) -> Command:  # noqa: ASYNC109 - the call's own
        """Sends the edit until it is known what became of it, also where nobody waits for that any more."""
        doing = asyncio.create_task(self._do(edit, tries, timeout))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await doing
            raise

    async def _do(self, edit: model.Edit, tries: int, timeout: float) -> Command:  # noqa: ASYNC109 - the call's own
        site = cast("Processes", self.site)
        async with site.calls:
            command = await super().do(edit, max(tries, 40), max(timeout, 2.0))
            method = f"openchair.meetings.v1.MeetingService/{request_of(edit, self.names)[0]}"
            answer = await site.databases["meetings"].store.answer(RequestKey(method, CALLER, command.id))
            if answer is not None:
                self._took_effect(command, answer)
        return command


class Database:
    """The database of a service, as the tests see it beside the processes."""

    def __init__(self, site: Processes, plan: Plan) -> None:
        self._site = site
        self._plan = plan
        self.name = new_name()
        self.store = MongoStore(site.url, self.name, plan.kinds, SystemClock())

    async def open(self) -> None:
        await self.store.open()

    async def close(self) -> None:
        await self.store.close()

    async def restore(self, backup: Sequence[Entry], epoch: int) -> None:
        """As an operator does: into an empty database, while no instance runs."""
        await asyncio.to_thread(drop, self._site.url, self.name)
        self.store = MongoStore(self._site.url, self.name, self._plan.kinds, SystemClock())
        await self.open()
        await self.store.fill(_each(backup), epoch)


class Node:
    """One process."""

    def __init__(self, site: Processes, plan: Plan, number: int) -> None:
        self.site = site
        self.plan = plan
        self.name = f"{plan.name}-{number}"
        self.link = Link(site.broker.environ["NATS_URL"], site.swallows)
        self.gate: object = object()
        self.frozen = False
        self._there: dict[str, str] = {}
        self.system = System(
            site.folder / self.name, site.environ(plan), PROGRAMS.get(plan.name, f"services.{plan.name}")
        )
        self.system.keys = site.keys
        self._channel: grpc.aio.Channel | None = None

    @property
    def ready(self) -> bool:
        """Whether it said so when it was last looked at."""
        return not self._there

    def restless(self) -> Iterator[str]:
        """What it said is wrong."""
        yield from (f"{check}: {text}" for check, text in self._there.items())

    async def look(self) -> None:
        """Looks all the time, not in the loop that it may be waiting for, until cancelled."""
        while True:
            begun = self.gate
            found = await asyncio.to_thread(self.system.readiness)
            if begun is self.gate:
                self._there = {} if found.ready else found.checks
            await asyncio.sleep(0.2)

    async def start(self) -> None:
        """Begins anew."""
        self.gate, self._there = object(), {"start": "not looked at yet"}
        await self.link.open()
        self.system.environ["NATS_URL"] = self.link.url
        self.system.launch()
        self._channel = connect(f"127.0.0.1:{self.system.grpc_port}", self.site.token())

    async def stop(self) -> None:
        """In good order."""
        self.thaw()
        await asyncio.to_thread(self.system.stop, signal.SIGTERM)
        await self._leave()

    async def kill(self) -> None:
        """By SIGKILL."""
        await asyncio.to_thread(self.system.kill)
        self.frozen = False
        await self._leave()

    def freeze(self) -> None:
        """Nothing of it moves, and nobody is told."""
        os.kill(self.system.pid, signal.SIGSTOP)
        self.frozen = True

    def thaw(self) -> None:
        """It goes on where it was."""
        if self.frozen:
            os.kill(self.system.pid, signal.SIGCONT)
        self.frozen = False

    async def begin_epoch(self) -> None:
        """As an operator does."""
        self.system.environ["OPENCHAIR_TOKEN"] = self.site.token()
        await asyncio.to_thread(self.system.command, "republish", "--new-epoch", "meetings")

    async def get(self, path: str, **headers: str) -> Answer:
        """What it answers to a GET."""
        found = await asyncio.to_thread(self.system.get, path, **headers)
        lines = ((name.encode(), value.encode()) for name, value in found.headers.items())
        return Answer(found.status, tuple(line for line in lines if line[0] not in NOT_OURS), found.body)

    def stub(self) -> MeetingServiceStub:
        """Calls this very instance."""
        return MeetingServiceStub(self.channel)

    @property
    def channel(self) -> grpc.aio.Channel:
        """To it."""
        assert self._channel is not None
        return self._channel

    async def _leave(self) -> None:
        await self.channel.close()
        await self.link.close()


class OwnBroker(Broker):
    """With a user for the service of the tests' own too."""

    def configure(self) -> None:
        """Writes its files."""
        listening = Listening("127.0.0.1", self.port, self.monitor, str(self.folder / "streams"))
        write_config(self.folder, "second", users_of(SERVICES, SITE), listening)


class Processes:
    """The site."""

    def __init__(self, url: str, folder: Path, chance: random.Random) -> None:
        self.url = url
        self.folder = folder
        self.chance = chance
        self.clock = SystemClock()
        self.log = LOG
        self.lossy = 0.0
        self.within = PATIENCE
        self.witness = Witness()  # it sees into no other process
        self._looking: list[asyncio.Task[None]] = []
        self.calls = asyncio.Lock()
        self.noted: Callable[[Any, Commit], None] = lambda _node, _change: None
        self.broker = OwnBroker(folder / "nats")
        self.keys = folder / "keys"
        self.streams = {one.name: one for one in streams_of(SERVICES, SITE)}
        self.nodes: dict[str, Node] = {}
        self.tools: dict[str, NatsBus] = {}
        self.databases = {plan.name: Database(self, plan) for plan in SERVICES if plan.kinds}

    def of(self, service: str) -> list[Node]:
        """The instances of a service."""
        return [node for node in self.nodes.values() if node.plan.name == service]

    def swallows(self) -> bool:
        """Whether this answer is one that is lost."""
        return self.chance.random() < self.lossy

    def environ(self, plan: Plan) -> dict[str, str]:
        """The settings of a service."""
        own = {
            "OPENCHAIR_ENV": "production",
            "OPENCHAIR_SITE": SITE,
            "OPENCHAIR_PUBLIC_URL": ADDRESS,
            "OPENCHAIR_TARGETS": "meetings=grpc://127.0.0.1:1",  # nobody reports anything here
            "OPENCHAIR_PAGE_SECRET": SECRET,
            "OPENCHAIR_GUEST_SECRET": GUESTS,
            "OPENCHAIR_TOKEN_KEYS": str(self.keys / "token.pub"),
            **self.broker.credentials(plan.name),
        }
        if plan.kinds:
            own |= {"MONGODB_URL": self.url, "OPENCHAIR_MONGODB_DATABASE": self.databases[plan.name].name}
        return own

    def token(self, caller: str = CALLER, role: str = "operator") -> str:
        """One that lasts for a round."""
        private = load_or_make_keys(self.keys).private
        return make_token(private, caller, {"*": [role]}, audience=audience_of(SITE), lifetime=_HOUR, clock=self.clock)

    async def start(self) -> None:
        """Comes back when all of it is ready."""
        load_or_make_keys(self.keys)
        self.broker.configure()
        self.broker.start()
        for user in ("provisioner", "meetings", WATCHER):
            password = read_credentials(self.broker.folder / f"{user}.json").password
            bus = self.tools[user] = NatsBus([self.broker.environ["NATS_URL"]], user, password, LOG, timeout=TOOLS)
            await bus.open()
            await asyncio.wait_for(bus.ready(), PATIENCE)
        await provision(self.tools["provisioner"], self.streams.values())
        for database in self.databases.values():
            await asyncio.to_thread(drop, self.url, database.name)
            await database.open()
        for plan in SERVICES:
            for number in (1, 2):
                await self.add(plan, number)
        await self.until(lambda: all(node.ready for node in self.nodes.values()), "all are ready")

    async def add(self, plan: Plan, number: int) -> Node:
        """One more instance, started."""
        node = self.nodes[f"{plan.name}-{number}"] = Node(self, plan, number)
        await node.start()
        self._looking.append(asyncio.create_task(node.look(), name=f"looks at {node.name}"))
        return node

    async def stop(self) -> None:
        """Ends everything."""
        for looking in self._looking:
            looking.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        for node in self.nodes.values():
            node.system.clean()
            await node._leave()
        for bus in self.tools.values():
            await bus.close()
        self.broker.stop()
        for database in self.databases.values():
            await database.close()
            await asyncio.to_thread(drop, self.url, database.name)

    async def wipe(self, name: str) -> None:
        """Deletes a stream, and makes it again."""
        await self.tools["provisioner"]._ask(f"$JS.API.STREAM.DELETE.{name}")
        await provision(self.tools["provisioner"], [self.streams[name]])

    async def broker_away(self) -> None:
        """Stops the nats-server: nobody listens any more."""
        for node in self.nodes.values():
            await node.link.close()
        await asyncio.to_thread(self.broker.stop)

    async def broker_back(self) -> None:
        """Starts it again."""
        self.broker.start()
        for bus in self.tools.values():
            await asyncio.wait_for(bus.ready(), PATIENCE)
        for node in self.nodes.values():
            await node.link.open()

    def copy_stream(self, name: str, to: Path) -> None:
        """Copies a stream as it stands on disk; its server must not run."""
        shutil.copytree(self._place(name), to)

    def put_stream(self, name: str, copy: Path) -> None:
        """Puts a copy in the place of a stream; its server must not run."""
        shutil.rmtree(self._place(name))
        shutil.copytree(copy, self._place(name))

    async def pass_time(self) -> None:
        """Nobody waits a quarter of an hour: readers begin anew instead."""
        for node in (*self.of("feeds"), *self.of("web")):
            await node.stop()
            await node.start()
        await self.until(lambda: all(node.ready for node in self.nodes.values()), "readers are ready again")

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Comes back when the condition holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - of other processes
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}") from None

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """A call reaches one of the instances."""
        node = self.chance.choice(self.of("meetings"))
        call: Any = node.channel.unary_unary(path)
        try:
            answer: bytes = await call(request, timeout=seconds, metadata=tuple(metadata))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise failed("UNAVAILABLE", "the channel was closed") from None
        return answer

    def _place(self, name: str) -> Path:
        return self.broker.folder / "streams" / "jetstream" / "$G" / "streams" / name


async def _each(entries: Sequence[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry
