"""Two instances of every service in one process, over one store object each, and a real nats-server."""

from __future__ import annotations

import asyncio
import random
import shutil
from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.bus import NatsBus
from services.kit.channel import LocalChannel, LocalServer
from services.kit.client import failed
from services.kit.clock import Ids
from services.kit.folder import DataFolder
from services.kit.host import Host, streams_of, users_of
from services.kit.logs import make_log
from services.kit.middleware import outer
from services.kit.natsd import NatsServer
from services.kit.projection import GRACE
from services.kit.settings import Settings
from services.kit.streams import provision, public_stream
from services.plans import PLANS
from tests.sim.site import ADDRESS, CALLER, KEY, SITE, START, Answer, asked, bears, front_of
from tests.system import second_watcher as watcher
from tests.system.second_link import Link
from tests.system.second_store import Database, Seat
from tests.system.second_time import GatedClock, Time
from tests.system.second_witness import Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services.kit.channel import Metadata
    from services.kit.host import Plan
    from services.kit.http import Front
    from services.kit.store.port import Commit, Store

SPEED = 20.0
"""Seconds of the site's clock in one of the machine's."""

SERVICES = (*PLANS, watcher.PLAN)
PUBLIC = public_stream(SITE)
QUIET = GRACE + 120
"""Seconds of the site's clock until readers of a stream that lost its past have forgotten what is not in it."""

TIMEOUT, HEARTBEAT = 1.0, 0.5
"""Seconds of the machine, in which a nats-server answers and shows that it lives."""

TOOLS = 30.0
"""The same for the operator's tools: what they do is no part of what goes wrong, and the machine may be busy."""

UNHURRIED = 60.0
"""Seconds of the machine that a call may take which states no time: what is asked to see what has become of it all."""

LATE = 0.2
"""Seconds of the machine that pass at most until a database hears of what was published."""

WITHIN = 100.0
"""Seconds of the machine, which may be busy with much else, until all must be well, once it is healed."""

PATIENCE = 100.0
"""Seconds of the machine until what should come true is given up."""


class Engines:
    """What one process runs on: a seat at each database, a connection by its own link."""

    engine = "shared"

    def __init__(self, node: Node) -> None:
        self._node = node
        self.seats: list[Seat] = []
        self.buses: list[NatsBus] = []

    async def claim(self) -> None:
        """Nobody else could have it."""

    async def open(self, plans: tuple[Plan, ...]) -> None:
        """The broker and its streams are the operator's."""

    async def store(self, plan: Plan) -> Store:
        """A seat at the service's database."""
        seat = Seat(self._node.site.databases[plan.name], self._node.gate)
        seat.watch(lambda change: self._node.site.heard(self._node, change))
        self.seats.append(seat)
        return cast("Store", seat)

    async def bus(self, plan: Plan) -> NatsBus:
        """A connection, under way."""
        site = self._node.site
        bus = NatsBus(
            *([self._node.link.url], plan.name, site.nats.password(plan.name), site.log.bind(node=self._node.name)),
            timeout=TIMEOUT,
            heartbeat=HEARTBEAT,
        )
        self.buses.append(bus)
        await bus.open()
        return bus

    async def run(self) -> None:
        """Nothing, for ever."""
        await asyncio.Event().wait()

    async def problems(self) -> list[str]:
        """None that it knows of."""
        return []

    async def close(self) -> None:
        """Nothing to stop."""


class Node:
    """One instance of a service, which can be stopped, killed, frozen and started."""

    def __init__(self, site: Site, plan: Plan, number: int) -> None:
        self.site = site
        self.plan = plan
        self.name = f"{plan.name}-{number}"
        self.gate = asyncio.Event()
        self.link = Link(site.nats.url, site.swallows)
        self.gone = asyncio.Event()
        self.host: Host | None = None
        self.server: LocalServer | None = None
        self.front: Front | None = None
        self._engines: Engines | None = None
        self._starting: asyncio.Task[None] | None = None

    @property
    def frozen(self) -> bool:
        """Whether it is alive and nothing of it moves."""
        return self.host is not None and not self.gate.is_set()

    @property
    def ready(self) -> bool:
        """Whether it has caught up with all that it follows, after its start."""
        done = self._starting is not None and self._starting.done()
        if done and self._starting is not None:
            self._starting.result()
        return done

    async def start(self) -> None:
        """Begins anew, with nothing in memory. It is `ready` in its own time."""
        site = self.site
        self.gate, self.gone, self.link = asyncio.Event(), asyncio.Event(), Link(site.nats.url, site.swallows)
        self.gate.set()
        await self.link.open()
        clock, ids = GatedClock(site.clock, self.gate), Ids(random.Random(site.chance.getrandbits(64)))  # noqa: S311 - seeded
        self._engines = Engines(self)
        log = site.log.bind(node=self.name)
        self.host = Host((self.plan,), self._engines, site.settings, clock, ids, log)
        await self.host.open(ADDRESS)
        for one in self.host.hosted:
            for name, projection in one.projections.items():
                site.witness.watch(f"{self.name}: {name}", projection)
        services = [service for one in self.host.hosted for service in one.services]
        self.server = LocalServer(services, outer(log, ids, site.verifier), clock=clock)
        await self.server.start()
        self.front = front_of(self.host)
        self._starting = asyncio.create_task(self.host.follow(), name=f"{self.name} starts")

    async def stop(self) -> None:
        """In good order."""
        assert self.host is not None
        assert self.server is not None
        self.thaw()
        await self._end_start()
        self.gone.set()
        await self.server.stop(0.2)
        await self.host.stop()
        await self._leave()

    async def kill(self) -> None:
        """As by SIGKILL: it says nothing, writes nothing and is cut off."""
        assert self.host is not None
        assert self.server is not None
        self.freeze()
        self.gone.set()
        await self.link.close()
        await self._end_start()
        await self.server.stop(0)
        tasks = tuple(self.host._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._leave()

    def freeze(self) -> None:
        """Nothing of it moves, and nobody is told."""
        self.gate.clear()
        self.link.freeze()

    def thaw(self) -> None:
        """It goes on where it was."""
        self.gate.set()
        self.link.thaw()

    async def get(self, path: str, **headers: str) -> Answer:
        """What it answers to a GET."""
        assert self.front is not None
        return await asked(self.front, path, headers)

    async def begin_epoch(self) -> None:
        """As `openchair republish --new-epoch`."""
        assert self.host is not None
        (hosted,) = self.host.hosted
        assert hosted.relay is not None
        await hosted.relay.begin_epoch(int(self.site.clock.now().timestamp()))

    def restless(self) -> Iterator[str]:
        """What is still under way, or will never come right."""
        if self.host is None or self.host.failed.is_set():
            yield "a part of it ended"
        for one in self.host.hosted if self.host else ():
            for name, projection in one.projections.items():
                if not projection.current or projection.held:
                    yield f"{name}: current {projection.current}, held {projection.held}"
            for reactor in one.reactors:
                if not reactor.current or reactor.pending:
                    yield f"reacts: current {reactor.current}, pending {reactor.pending}"
            if one.relay is not None and (one.relay.alarms or one.relay.lag):
                yield f"relay: alarms {one.relay.alarms}, lag {one.relay.lag}"

    def stub(self) -> MeetingServiceStub:
        """Calls this very instance."""
        assert self.server is not None
        return MeetingServiceStub(cast("Any", LocalChannel(self, self.site.token())))

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """A call to it; one that states no time may take a minute of the machine."""
        assert self.server is not None
        return await self.server.carry(path, request, metadata, UNHURRIED if seconds is None else seconds)

    async def _end_start(self) -> None:
        assert self._starting is not None
        self._starting.cancel()
        await asyncio.gather(self._starting, return_exceptions=True)

    async def _leave(self) -> None:
        assert self._engines is not None
        for seat in self._engines.seats:
            await seat.close()
        for bus in self._engines.buses:
            await bus.close()
        await self.link.close()
        self.host = self.server = None


class Site:
    """The site. `noted` hears each commit of the meetings in the order of their database."""

    def __init__(self, kind: str, folder: Path, chance: random.Random) -> None:
        self.chance = chance
        self.clock = Time(START, SPEED)
        self.lines = StringIO()
        self.log = make_log("info", self.lines)
        self.lossy = 0.0
        """How likely the answer to a publish is swallowed, from 0 to 1."""
        self.within = WITHIN
        self.witness = Witness()
        self.settings = Settings(site=SITE, public_url=ADDRESS, page_secret="a secret that everybody may know: " * 2)
        self.verifier = TokenVerifier({key_id(KEY.public_key()): KEY.public_key()}, audience_of(SITE), self.clock)
        self.noted: Callable[[Any, Commit], None] = lambda _node, _change: None
        self.databases = {
            plan.name: Database(kind, folder, plan.name, plan.kinds, self.clock) for plan in SERVICES if plan.kinds
        }
        self.streams = {one.name: one for one in streams_of(SERVICES, SITE)}
        self._folder = DataFolder(folder / "data")
        self._home = folder / "data" / "nats"
        self.nats = NatsServer(self._folder, users_of(SERVICES, SITE), self.clock, self.log)
        self.nodes: dict[str, Node] = {}
        self.tools: dict[str, NatsBus] = {}

    def of(self, service: str) -> list[Node]:
        """The instances of a service."""
        return [node for node in self.nodes.values() if node.plan.name == service]

    def heard(self, node: Node, change: Commit) -> None:
        """A process was told of a commit of its own."""

    def swallows(self) -> bool:
        """Whether this answer is one that is lost."""
        return self.chance.random() < self.lossy

    def late(self) -> float:
        """Seconds of the machine that a database takes to hear of something."""
        return self.chance.random() * LATE if self.chance.random() < 0.3 else 0.0

    async def start(self) -> None:
        """Comes back when all of it is ready."""
        await self._folder.acquire()
        await self.nats.start()
        for user in ("provisioner", "meetings", watcher.NAME):
            bus = self.tools[user] = NatsBus([self.nats.url], user, self.nats.password(user), self.log, timeout=TOOLS)
            await bus.open()
            await asyncio.wait_for(bus.ready(), PATIENCE)
        await provision(self.tools["provisioner"], self.streams.values())
        for database in self.databases.values():
            await database.open()
            database.late = self.late
        self.databases["meetings"].noted = lambda change: self.noted(self.nodes["meetings-1"], change)
        for plan in SERVICES:
            for number in (1, 2):
                await self.add(plan, number)
        await self.until(lambda: all(node.ready for node in self.nodes.values()), "all are ready")

    async def add(self, plan: Plan, number: int) -> Node:
        """One more instance, started."""
        node = Node(self, plan, number)
        self.nodes[node.name] = node
        await node.start()
        return node

    async def stop(self) -> None:
        """Ends everything."""
        self.lossy = 0.0
        await asyncio.gather(*(node.kill() for node in self.nodes.values() if node.host is not None))
        for bus in self.tools.values():
            await bus.close()
        await self.nats.stop()
        for database in self.databases.values():
            await database.close()
        self._folder.release()

    async def broker_away(self) -> None:
        """Stops the nats-server: nobody listens any more."""
        for node in self.nodes.values():
            await node.link.close()
        await self.nats.stop()

    async def broker_back(self) -> None:
        """Starts it again, and comes back when the operator's tools reach it."""
        await self.nats.start()
        for node in self.nodes.values():
            if node.host is not None:
                await node.link.open()
        for bus in self.tools.values():
            await asyncio.wait_for(bus.ready(), PATIENCE)

    def copy_stream(self, name: str, to: Path) -> None:
        """Copies a stream as it stands on disk; its server must not run."""
        shutil.copytree(self._place(name), to)

    def put_stream(self, name: str, copy: Path) -> None:
        """Puts a copy in the place of a stream; its server must not run."""
        shutil.rmtree(self._place(name))
        shutil.copytree(copy, self._place(name))

    async def wipe(self, name: str) -> None:
        """Deletes a stream, and makes it again."""
        provisioner = self.tools["provisioner"]
        await provisioner._ask(f"$JS.API.STREAM.DELETE.{name}")
        await provision(provisioner, [self.streams[name]])

    async def pass_time(self) -> None:
        """Until readers of a stream that lost its past have forgotten what is not in it."""
        self.clock.move(QUIET)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Comes back when the condition holds."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - any condition, of any process
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE:.0f} s: {what}") from None

    def token(self, caller: str = CALLER, role: str = "operator") -> str:
        """A fresh one."""
        lifetime = timedelta(minutes=30)
        return make_token(KEY, caller, {"*": [role]}, audience=audience_of(SITE), lifetime=lifetime, clock=self.clock)

    def channels(self) -> dict[str, Any]:
        """To each instance of meetings, by its name."""
        token, nodes = self.token(), self.of("meetings")
        return {node.name: LocalChannel(node, token) for node in nodes if node.server is not None}

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """A call reaches one of the instances; from one that is frozen no answer comes."""
        node = self.chance.choice(self.of("meetings"))
        if node.server is None:
            raise failed("UNAVAILABLE", "nobody there")
        bearer = () if bears(metadata) else (("authorization", f"Bearer {self.token()}"),)
        waits = UNHURRIED if seconds is None else seconds * SPEED
        call = asyncio.create_task(node.server.carry(path, request, (*metadata, *bearer), waits))
        gone = asyncio.create_task(node.gone.wait())
        try:
            await asyncio.wait((call, gone), return_when=asyncio.FIRST_COMPLETED, timeout=seconds)
            if call.done():
                return call.result()
            raise failed("UNAVAILABLE", "no answer came")
        finally:
            gone.cancel()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    def _place(self, name: str) -> Path:
        return self._home / "jetstream" / "$G" / "streams" / name
