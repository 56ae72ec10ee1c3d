"""A whole site in one event loop: several instances of each service, one broker, callers, and everybody's clock."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.kit.auth import TokenVerifier, audience_of, key_id, make_token
from services.kit.broker import MemoryBroker
from services.kit.channel import LocalChannel, LocalServer
from services.kit.client import failed
from services.kit.clock import Ids
from services.kit.host import Host, streams_of
from services.kit.http import Front
from services.kit.middleware import outer
from services.kit.settings import Settings
from services.plans import PLANS
from tests.sim.engines import Odds, SimEngines
from tests.sim.loop import HERE, LoopClock, Process, SimLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from services.kit.channel import Metadata
    from services.kit.client import Channel
    from services.kit.host import Plan
    from services.kit.logs import Log
    from services.kit.store.memory import Disk
    from services.kit.store.port import Commit

START = datetime(2026, 11, 21, 19, 0, tzinfo=UTC)
SITE = "sim"
ADDRESS = "https://calendars.example.org"
KEY = Ed25519PrivateKey.from_private_bytes(b"a key that everybody may know...")
CALLER = "p1"
AGAIN = 1.0
"""Seconds after which a process that ended is started again."""
GUEST_SECRET = (("1", b"what guest keys are hashed with!"),)

USUAL: Final[Mapping[str, int]] = {"meetings": 2, "feeds": 2, "web": 1}
"""How many instances of each service there are."""
WITH_SEATS: Final[Mapping[str, int]] = {"meetings": 1, "rsvps": 2, "feeds": 1, "web": 1}


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Node:
    """A process that can be killed and started: some services on the site's engines."""

    def __init__(self, site: Site, name: str, plans: tuple[Plan, ...]) -> None:
        self.site = site
        self.name = name
        self.plans = plans
        self.starts = 0
        self.process: Process | None = None
        self.engines: SimEngines | None = None
        self.host: Host | None = None
        self.server: LocalServer | None = None
        self.front: Front | None = None
        self.ready = False

    def start(self) -> None:
        """Begins anew, with nothing in memory. It is `ready` in its own time."""
        self.starts += 1
        self.ready, self.server, self.front = False, None, None
        self.process = Process(f"{self.name}.{self.starts}")
        self.process.run(self._run(self.process), self.process.name)

    def kill(self) -> None:
        """As by SIGKILL."""
        if self.process is not None and self.process.alive:
            self.process.kill()

    async def get(self, path: str, **headers: str) -> Answer:
        """What it answers to a GET, in its own process and by its own clock; status 0 where it was killed meanwhile."""
        assert self.process is not None
        assert self.front is not None
        asking = self.process.run(asked(self.front, path, headers))
        gone = asyncio.create_task(self.process.ended.wait())
        await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        return asking.result() if asking.done() else Answer(0, (), b"")

    async def watched(self) -> None:
        """Starts it, and starts it again whenever it was killed, until cancelled."""
        while True:
            self.start()
            assert self.process is not None
            await self.process.ended.wait()
            self._hang_up()
            await asyncio.sleep(AGAIN + self.site.chance.random() * 10)

    def _hang_up(self) -> None:
        """The broker notices that the other end is gone."""
        for bus in self.engines.buses if self.engines else ():
            if bus in self.site.broker.connections:
                self.site.broker.connections.remove(bus)

    async def _main(self, process: Process) -> None:
        site = self.site
        ids = Ids(random.Random(site.chance.getrandbits(64)))  # noqa: S311 - seeded on purpose
        self.engines = SimEngines(
            SITE, site.broker, site.disks, site.clock, site.chance, site.odds, lambda change: site.noted(self, change)
        )
        self.host = host = Host(self.plans, self.engines, site.settings, site.clock, ids, site.log)
        host.reach.afar = lambda _: cast("Channel", LocalChannel(Guests(site)))
        await host.open(ADDRESS)
        services = [service for one in host.hosted for service in one.services]
        server = LocalServer(services, outer(site.log, ids, site.verifier), clock=site.clock)
        await server.start()
        self.server, self.front = server, front_of(host)
        await host.follow()
        await server.ready()
        self.ready = True
        await host.failed.wait()
        site.failures.append(process.name)

    async def _run(self, process: Process) -> None:
        """A start that fails is the end of the process, and somebody starts it again."""
        try:
            await self._main(process)
        except Exception as error:  # noqa: BLE001 - whatever it is
            self.site.log.error("cannot start", error=repr(error))  # noqa: TRY400 - its lines are no matter
            self.site.unable.append(f"{process.name}: {error!r}")
            process.kill()


class Guests:
    """The network, for services that call others on behalf of somebody without a token."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """As the site's own."""
        return await self._site.carried(path, request, metadata, seconds)


class Site:
    """The site. `noted` hears each commit in the order of the database; set it before anything runs."""

    def __init__(self, loop: SimLoop, chance: random.Random, instances: Mapping[str, int] = USUAL) -> None:
        self.loop = loop
        self.chance = chance
        self.clock = LoopClock(loop, START)
        self.odds = Odds()
        self.broker = MemoryBroker(self.clock)
        self.disks: dict[str, Disk] = {}
        self.settings = Settings(
            site=SITE,
            public_url=ADDRESS,
            page_secret="a secret that everybody may know: " * 2,
            guest_secret=GUEST_SECRET,
        )
        self.verifier = TokenVerifier({key_id(KEY.public_key()): KEY.public_key()}, audience_of(SITE), self.clock)
        self.lines = StringIO()
        self.log = _log(self.lines, loop)
        self.failures: list[str] = []
        """Processes of which a part ended that never should."""
        self.unable: list[str] = []
        """Processes that could not start."""
        self.noted: Callable[[Node, Commit], None] = lambda _node, _change: None
        by_name = {plan.name: plan for plan in PLANS}
        self.nodes = {
            f"{name}-{number}": Node(self, f"{name}-{number}", (by_name[name],))
            for name, count in instances.items()
            for number in range(1, count + 1)
        }
        self._running: list[asyncio.Task[None]] = []

    def of(self, service: str) -> list[Node]:
        """The instances of a service."""
        return [node for name, node in self.nodes.items() if name.startswith(f"{service}-")]

    async def start(self) -> None:
        """Makes the streams, then starts everything. Comes back when all of it is ready."""
        for settings in streams_of(PLANS, SITE):
            self.broker.declare(settings)
        for node in self.nodes.values():
            self.watch(node)
        await self.all_ready()

    def watch(self, node: Node) -> None:
        """Keeps a process running."""
        self.nodes[node.name] = node
        self._running.append(asyncio.create_task(node.watched(), name=f"watches {node.name}"))

    async def all_ready(self) -> None:
        """Comes back when every process is ready. Raises TimeoutError after an hour."""
        async with asyncio.timeout(3600):
            while not all(node.ready and node.process and node.process.alive for node in self.nodes.values()):  # noqa: ASYNC110 - of any process, killed and started meanwhile
                await asyncio.sleep(1)

    def token(self, caller: str = CALLER, role: str = "operator") -> str:
        """One that is good for any clock near ours."""
        early = LoopClock(self.loop, START - timedelta(minutes=30))
        lifetime = timedelta(hours=1)
        return make_token(KEY, caller, {"*": [role]}, audience=audience_of(SITE), lifetime=lifetime, clock=early)

    async def carry(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The network, for somebody with a token: an operator's, unless the call brings one."""
        bearer = () if bears(metadata) else (("authorization", f"Bearer {self.token()}"),)
        return await self.carried(path, request, (*metadata, *bearer), seconds)

    async def carried(self, path: str, request: bytes, metadata: Metadata, seconds: float | None) -> bytes:
        """The network: a call reaches one of the instances, or none, and its answer may not come back."""
        await self._travel()
        node = self.chance.choice(self.of(_service(path)))
        process, server = node.process, node.server
        if process is None or server is None or not process.alive or self.chance.random() < self.odds.lost_request:
            raise failed("UNAVAILABLE", "nobody there")
        call = asyncio.create_task(server.carry(path, request, metadata, seconds))
        gone = asyncio.create_task(process.ended.wait())
        try:
            await asyncio.wait((call, gone), return_when=asyncio.FIRST_COMPLETED)
            answered = call.done()
        finally:
            gone.cancel()
            call.cancel()
        await self._travel()
        if not answered or self.chance.random() < self.odds.lost_reply:
            raise failed("UNAVAILABLE", "the connection was lost")
        return call.result()

    async def _travel(self) -> None:
        await asyncio.sleep(self.chance.random() * 0.01)


def _service(path: str) -> str:
    """Which of the services a method belongs to ("openchair.rsvps.v1.RsvpService/Reserve", with a slash before it)."""
    return path.lstrip("/").split(".")[1]


def bears(metadata: Metadata) -> bool:
    """Whether a call says already who makes it."""
    return any(name == "authorization" for name, _ in metadata)


def front_of(host: Host) -> Front:
    front = Front({})
    for one in host.hosted:
        front.keepers.extend(one.keepers)
        for prefix, app in one.mounts.items():
            if prefix:
                front.mount(prefix, app)
            else:
                front.otherwise = app
    return front


async def asked(front: Front, path: str, headers: Mapping[str, str]) -> Answer:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": lines}
    await front(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], tuple(sent[0]["headers"]), body)


def _log(stream: StringIO, loop: SimLoop) -> Log:
    """Lines of JSON that say which process at which second: nothing of the machine that runs this."""

    def stamp(_logger: Any, _level: str, line: MutableMapping[str, Any]) -> Mapping[str, Any]:
        here = HERE.get()
        return {"at": round(loop.time(), 6), "process": here.name if here else "", **line}

    logger: Any = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[stamp, structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        context_class=dict,
    )
    found: Log = logger
    return found
