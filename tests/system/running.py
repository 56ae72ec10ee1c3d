"""The whole system as a user starts it: a child process on free ports with a data folder of its own.

What a test may do to it stands here: start, stop, kill, freeze, ask over HTTP, call over gRPC. Whatever a test leaves
behind is ended by its process id.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from openchair.meetings.v1.meeting_service_pb2_grpc import MeetingServiceStub

from services.kit.auth import audience_of, load_or_make_keys, make_token
from services.kit.client import connect
from services.kit.clock import SystemClock
from tests.bench.process import Answer, free_port, get

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from services.kit.client import Channel

T = TypeVar("T")

PATIENCE = 90.0
"""Seconds until a condition that should come true is given up, on a machine that is busy with much else."""
STOPS_WITHIN = 15.0
"""Seconds that an orderly stop may take, whatever was going on, of a machine that is its own."""
ENDS_WITHIN = STOPS_WITHIN * 3
"""Seconds until it is given up here, where much else goes on."""
ROOT = Path(__file__).resolve().parents[2]
OPERATOR = {"*": ["operator"]}
SAMPLE = "/calendars/riverside.ics"
SEATS = 4  # meetings of the sample at which one keeps a seat
_OURS = ("OPENCHAIR_", "MONGODB_", "NATS_", "OTEL_")


class Readiness(NamedTuple):
    """What /readyz says: each check by its name, "ok" or why not; and whether it can answer even so."""

    ready: bool
    checks: dict[str, str]
    serving: bool = False


class System:
    """One data folder and the process that runs on it, which may be ended and started again on the same ports."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str] | None = None, program: str = "services.everything"
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.data = folder / "var"
        self.keys = self.data / "keys"
        self.log = folder / "log"
        self.http_port, self.grpc_port = free_ports(2)
        self.environ = {
            "OPENCHAIR_DATA": str(self.data),
            "OPENCHAIR_HTTP_PORT": str(self.http_port),
            "OPENCHAIR_GRPC_PORT": str(self.grpc_port),
            "OPENCHAIR_TARGET": f"127.0.0.1:{self.grpc_port}",
            **(environ or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """That of the process started last."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> float:
        """Comes back when it is ready, and a new sample has said where one keeps a seat. Seconds until it was ready."""
        is_new, begun = not self.data.exists(), time.monotonic()
        self.launch()
        until(self._settled, "it is ready, or has ended")
        assert self.readiness().ready, self.said()
        taken = time.monotonic() - begun
        if is_new and self.get(SAMPLE).status == HTTPStatus.OK:
            until(lambda: self.get(SAMPLE).body.replace(b"\r\n ", b"").count(b"Keep a seat") >= SEATS, "seats are kept")
        return taken

    def launch(self) -> None:
        """Starts it and does not wait."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.program],
                cwd=ROOT,
                env=environment(self.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C for the tests is not one for the system
            )

    def _settled(self) -> bool:
        """Ready, or ended."""
        assert self.process is not None
        return self.process.poll() is not None or self.readiness().ready

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it as an operator would. The exit code; raises TimeoutExpired when it takes too long."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(ENDS_WITHIN)

    def kill(self) -> None:
        """Takes it away without a word, and waits until the nats-server is gone after it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        until(lambda: not self.nats_servers(), "the nats-server follows its parent")

    def wait(self, seconds: float = ENDS_WITHIN) -> int:
        """The exit code of a process that ends by itself."""
        assert self.process is not None
        return self.process.wait(seconds)

    def said(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def nats_servers(self) -> list[int]:
        """Process ids of all nats-servers of this folder, whoever their parents are."""
        mark = f"{self.data}/nats/nats.conf"
        return [pid for pid in _processes() if mark in _arguments(pid)]

    @property
    def nats_pid(self) -> int:
        """That of the one nats-server."""
        (pid,) = self.nats_servers()
        return pid

    @contextmanager
    def frozen_nats(self) -> Iterator[None]:
        """The nats-server does nothing and says nothing meanwhile; its connections stay open."""
        pid = self.nats_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if pid in self.nats_servers():
                os.kill(pid, signal.SIGCONT)

    def readiness(self) -> Readiness:
        """What /readyz says; not ready while nothing listens."""
        try:
            answer = get(self.http_port, "/readyz")
            said = json.loads(answer.body)
        except (OSError, ValueError) as error:
            return Readiness(ready=False, checks={"http": repr(error)})
        assert (answer.status == 200) is said["ready"]
        return Readiness(said["ready"], said["checks"], said["serving"])

    def unready(self) -> Readiness | None:
        """What /readyz says while something is wrong."""
        found = self.readiness()
        return None if found.ready else found

    def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request. Headers as keywords: `if_none_match="*"`."""
        return get(self.http_port, path, {name.replace("_", "-"): value for name, value in headers.items()}, method)

    def feed(self, centre: str) -> bytes:
        """The calendar of a centre, once it is served: a new one comes a moment after the centre."""
        path = f"/calendars/{centre}.ics"
        return until(lambda: answer.body if (answer := self.get(path)).status == HTTPStatus.OK else None, path)

    @asynccontextmanager
    async def channel(
        self, roles: Mapping[str, list[str]] = OPERATOR, subject: str = "tester"
    ) -> AsyncIterator[Channel]:
        """A connection over gRPC, of somebody with these roles."""
        token = make_token(
            load_or_make_keys(self.keys).private,
            subject,
            roles,
            audience=audience_of("local"),
            lifetime=timedelta(minutes=30),
            clock=SystemClock(),
        )
        async with connect(f"127.0.0.1:{self.grpc_port}", token) as channel:
            yield channel

    @asynccontextmanager
    async def meetings(self, roles: Mapping[str, list[str]] = OPERATOR) -> AsyncIterator[MeetingServiceStub]:
        """The meetings service over gRPC, called with these roles."""
        async with self.channel(roles) as channel:
            yield MeetingServiceStub(channel)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the `openchair` command against it."""
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=ROOT,
            env=environment(self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
            check=False,
        )

    def clean(self) -> None:
        """Ends whatever of it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.nats_servers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running(
    folder: Path, environ: Mapping[str, str] | None = None, program: str = "services.everything"
) -> Iterator[System]:
    """The system, ready; ended afterwards, in good order where the test did not end it otherwise."""
    system = System(folder, environ, program)
    try:
        system.start()
        yield system
        if system.process is not None and system.process.poll() is None:
            assert system.stop() == 0, system.said()
    finally:
        system.clean()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, each another one."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Ours, without settings that whoever runs the tests may have."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, **changes}


def until(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE, interval: float = 0.02) -> T:
    """What the condition gives once it is true. Raises TimeoutError, naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came true within {seconds} s: {what}")
        time.sleep(interval)
    return found


async def reached(condition: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE) -> T:
    """The same for a condition that is asked over gRPC."""
    deadline = time.monotonic() + seconds
    while not (found := await condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"never came true within {seconds} s: {what}")
    return found


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _arguments(pid: int) -> list[str]:
    """The command line; none of a process that is gone or only waits to be buried."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
