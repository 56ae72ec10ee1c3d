"""Load by wrk, and what it cost the server."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench.process import CORES, LOAD_CORES
from tests.bench.tools import library_path, tool

if TYPE_CHECKING:
    from tests.bench.process import Running

CONNECTIONS = 32
TIMEOUT = 60


@dataclass
class Contestant:
    """One way to be asked: a server, an address, headers; and what was measured of it, a figure for each round."""

    name: str
    server: Running
    port: int
    path: str
    headers: dict[str, str]
    seconds: int = 4
    rates: list[float] = field(default_factory=list)
    per_cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second, the median of the rounds."""
        return statistics.median(self.rates)

    @property
    def efficiency(self) -> float:
        """Requests per second of the server's CPU, the median of the rounds."""
        return statistics.median(self.per_cpu)

    def run(self, seconds: int) -> None:
        """One round. Raises RuntimeError when a request fails or the server does not answer as it should."""
        cpu, begun = self.server.cpu(), time.monotonic()
        said = self._wrk(seconds)
        spent, took = self.server.cpu() - cpu, time.monotonic() - begun
        errors = re.search(r"Socket errors:.*|Non-2xx or 3xx responses:.*", said)
        count = re.search(r"(\d+) requests in", said)
        if errors or count is None or int(count[1]) == 0:
            raise RuntimeError(f"{self.name}: {errors[0] if errors else said}")
        self.rates.append(int(count[1]) / took)
        self.per_cpu.append(int(count[1]) / max(spent, 0.01))

    def _wrk(self, seconds: int) -> str:
        headers = [part for name, value in self.headers.items() for part in ("-H", f"{name}: {value}")]
        command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", f"{TIMEOUT}s", *headers]
        os.sched_setaffinity(0, LOAD_CORES)  # inherited
        try:
            done = subprocess.run(
                [*command, f"http://127.0.0.1:{self.port}{self.path}"],
                env={**os.environ, "LD_LIBRARY_PATH": library_path()},
                capture_output=True,
                text=True,
                timeout=seconds + TIMEOUT + 10,
                check=True,
            )
        finally:
            os.sched_setaffinity(0, CORES)
        return done.stdout


def race(contestants: list[Contestant], rounds: int) -> None:
    """Warms each up, then lets them run in turn, each round beginning with another."""
    for contestant in contestants:
        contestant.run(1)
        contestant.rates.clear()
        contestant.per_cpu.clear()
    for number in range(rounds):
        turn = number % len(contestants)
        for contestant in contestants[turn:] + contestants[:turn]:
            contestant.run(contestant.seconds)
