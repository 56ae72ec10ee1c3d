"""Server programs under measurement: on one core, with the CPU time of all their processes, ended by their id."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0
PORTS = range(20_000, 32_000)
"""Below those that a system gives to who connects: a server that is started again finds its own still free."""
WORKERS = 8
"""Of pytest-xdist, at most: each has ports of its own, so that none takes what another has just found free."""
_given: set[int] = set()
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = {CORES[0]}
LOAD_CORES = set(CORES[1:]) or SERVER_CORE


class Answer(NamedTuple):
    """What one GET brought."""

    status: int
    headers: dict[str, str]
    body: bytes


class Running:
    """A program that was started."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used, in user and kernel mode."""
        return sum(cpu_of(pid) for pid in family(self.process.pid))

    def resident(self) -> int:
        """Bytes of memory that it and its children hold."""
        return sum(resident_of(pid) for pid in family(self.process.pid))

    def wait_for(self, port: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The first answer with status 200. Raises RuntimeError, with the log, when it ends or takes too long."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                answer = get(port, path, headers)
            except OSError:
                time.sleep(0.05)
                continue
            if answer.status == http.client.OK:
                return answer
            time.sleep(0.05)
        raise RuntimeError(f"{self.process.args!r} does not answer on {path}:\n{self.log.read_text()[-3000:]}")


@contextmanager
def started(
    command: list[str], folder: Path, environ: Mapping[str, str] | None = None, cores: set[int] | None = None
) -> Iterator[Running]:
    """Runs a program on one core, with its output in `folder`; ends it, and whatever it has left behind."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("wb") as output:
        os.sched_setaffinity(0, cores or SERVER_CORE)  # inherited
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, **(environ or {})}
            )
        finally:
            os.sched_setaffinity(0, CORES)
    try:
        yield Running(process, log)
    finally:
        _end(process)


def get(port: int, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", body: str = "") -> Answer:
    """One request on loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body.encode() or None, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


def free_port() -> int:
    """A port that was free a moment ago, and that no other worker of these tests is given."""
    while True:
        port = random.SystemRandom().choice(PORTS[_worker() :: WORKERS])
        if port in _given and len(_given) < len(PORTS) // WORKERS // 2:
            continue
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _given.add(port)
            return port


def _worker() -> int:
    """Which of the workers of pytest-xdist this is, or the first."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(child))]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program as an operator would; if it has to be killed, its children are ended after it."""
    left = [(pid, _born(pid)) for pid in family(process.pid)[1:]]
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid, born in left:
        if born and _born(pid) == born:  # the same process still, not another with its number
            os.kill(pid, signal.SIGTERM)


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; none for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _born(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def cpu_of(pid: int) -> float:
    """Seconds of CPU that one process has used, in user and kernel mode."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def resident_of(pid: int) -> int:
    """Bytes of memory that one process holds."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
