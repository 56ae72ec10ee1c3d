"""A site whose services run one by one, with a broker of its own, as an operator sets it up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.kit.client import connect
from services.kit.host import users_of
from services.kit.natsd import find_server
from services.kit.provisioning import Listening, write_config
from services.kit.settings import read
from services.plans import PLANS
from services.streams import broker
from tests.system.running import ENDS_WITHIN, PATIENCE, ROOT, System, environment, free_ports, until

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator
    from pathlib import Path

PAGES = "nine-owls-and-a-heron-at-dusk-by-the-river"
"""What the services of a site sign pages with, and vouch for to each other."""


class Broker:
    """A nats-server that runs on what `openchair streams config` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.monitor = free_ports(2)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environ(self) -> dict[str, str]:
        """How it is reached."""
        return {
            "NATS_URL": f"nats://127.0.0.1:{self.port}",
            "NATS_MONITOR_URLS": f"http://127.0.0.1:{self.monitor}",
        }

    def credentials(self, user: str) -> dict[str, str]:
        """How it is reached as this user."""
        return {**self.environ, "OPENCHAIR_NATS_CREDENTIALS": str(self.folder / f"{user}.json")}

    def prepare(self) -> None:
        """Writes its files as `openchair streams config` does, without starting that."""
        listening = Listening("127.0.0.1", self.port, self.monitor, str(self.folder / "streams"))
        write_config(self.folder, "openchair-local", users_of(PLANS, "local"), listening)

    def fill(self) -> None:
        """Makes the streams as `openchair streams apply` does, without starting that."""
        settings = read(self.credentials("provisioner"))
        with ThreadPoolExecutor(1) as thread:  # who asks may be in an event loop
            assert thread.submit(asyncio.run, broker("apply", settings)).result(PATIENCE) == []

    def configure(self) -> None:
        """Writes its files."""
        ports = ("--port", str(self.port), "--monitor-port", str(self.monitor))
        done = self.streams("config", str(self.folder), *ports)
        assert done.returncode == 0, done.stderr

    def apply(self) -> None:
        """Makes the streams."""
        done = self.streams("apply")
        assert done.returncode == 0, done.stderr

    def streams(self, *arguments: str, user: str = "provisioner") -> subprocess.CompletedProcess[str]:
        """Runs `openchair streams`."""
        credentials = self.credentials(user) if arguments[0] != "config" else {}
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "streams", *arguments],
            cwd=ROOT,
            env=environment(credentials),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    def start(self) -> None:
        """Starts it; whoever needs it waits by itself."""
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                [str(find_server()), "-c", str(self.folder / "nats-server.conf")],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Freezes it, or lets it go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """Takes it away without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(ENDS_WITHIN)


class Site:
    """A broker and services, each a process; started one after another, ended whatever happens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder / "nats")
        self.systems: list[System] = []

    def service(self, kind: str, name: str = "", **environ: str) -> System:
        """One service; `name` where there are several of a kind. It is not started."""
        own = {"OPENCHAIR_ENV": "production", **self.broker.credentials(kind), "OPENCHAIR_PAGE_SECRET": PAGES}
        if kind != "meetings":
            own["OPENCHAIR_TOKEN_KEYS"] = str(self.folder / "meetings" / "var" / "keys" / "token.pub")
            own["OPENCHAIR_PUBLIC_URL"] = "https://chairs.example.org"
        if kind == "web":
            ports = {name: self._port_of(name) for name in ("meetings", "rsvps")}
            own["OPENCHAIR_TARGETS"] = ",".join(f"{name}=grpc://127.0.0.1:{port}" for name, port in ports.items())
        system = System(self.folder / (name or kind), {**own, **environ}, f"services.{kind}")
        self.systems.append(system)
        return system

    def _port_of(self, name: str) -> int:
        """Where a service answers; where there is none, a port at which nobody does: the pages are there without it."""
        return next((system.grpc_port for system in self.systems if system.program == f"services.{name}"), 1)

    def clean(self) -> None:
        """Ends whatever still runs."""
        for system in self.systems:
            system.clean()
        self.broker.stop()


@contextmanager
def site(folder: Path, *, applied: bool = True) -> Iterator[Site]:
    """A site whose broker runs, with or without its streams."""
    made = Site(folder)
    try:
        made.broker.prepare()
        made.broker.start()
        if applied:
            made.broker.fill()
        yield made
    finally:
        made.clean()


def ready(*systems: System) -> None:
    """Until all of them are, by themselves."""
    until(lambda: all(system.readiness().ready for system in systems), "all are ready")


async def grpc_health(system: System) -> str:
    """What gRPC's health service says of a process."""
    async with connect(f"127.0.0.1:{system.grpc_port}", "") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest())
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def said(system: System, check: str, words: str) -> str:
    """What a check of /readyz says, once it says these words."""
    return until(lambda: _saying(system, check, words), f"{check} says {words!r}")


def _saying(system: System, check: str, words: str) -> str | None:
    text = system.readiness().checks.get(check, "")
    return text if words in text else None
