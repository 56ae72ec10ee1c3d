"""Targets 7 and 8: a list of 10,000 meetings comes in, comes in again unchanged, and is there after a start."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from services.formats import meeting_guide
from services.meetings import rows as import_rows
from tests.bench.process import SERVER_CORE, free_port, get, started
from tests.bench.report import Row, show, write
from tests.bench.system import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

MEETINGS = 10_000
STARTS = 3
GROUP = 256
ZONE = "America/New_York"
FEED = "/calendars/bench.ics"
READY_WITHIN = 3.0
MEMORY_LIMIT = 250.0


class Import(NamedTuple):
    """Seconds of an import by the command, and MiB that everything together held after it."""

    seconds: float
    resident: float


def measure(folder: Path, count: int = MEETINGS) -> None:
    """Prints and writes."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "meetings.json"
    file.write_text(json.dumps(meetings(count)))
    environ = _environ(folder)
    first, again = _imports(folder, environ, file)
    ready, resident, read = _starts(folder, environ)
    bare, parsing = bare_inserts(folder, Path(environ["OPENCHAIR_DATA"]) / "meetings.sqlite"), parse(file)
    rows = [
        _against(f"import of {count:,} meetings by the command", first.seconds, bare, "grouped bare inserts", 4),
        _against("the same file again, unchanged", again.seconds, parsing, "parsing and validating it", 2),
        _limited("start to ready", ready, READY_WITHIN, "s"),
        _limited("resident memory after a start, everything together", resident, MEMORY_LIMIT, "MiB"),
        Row("resident memory after a start and a read of the whole feed", f"{read:,.0f} MiB"),
        Row("resident memory after both imports", f"{again.resident:,.0f} MiB"),
    ]
    show(f"{count:,} meetings: in from a file, in again, and there after a start (median of {STARTS})", rows)
    write("scale", rows, {"import": {"first": [first.seconds], "again": [again.seconds], "bare": [bare]}})


def meetings(count: int) -> list[dict[str, object]]:
    """A list such as central offices publish (Meeting Guide JSON)."""
    source = random.Random(20261121)  # noqa: S311 - the same list in every run
    return [_meeting(number, source) for number in range(count)]


def _meeting(number: int, source: random.Random) -> dict[str, object]:
    street = source.randint(100, 900)
    return {
        "name": f"{' '.join(source.sample(WORDS, 3)).capitalize()} {number}",
        "slug": f"meeting-{number}",
        "day": number % 7,
        "time": f"{6 + number % 16:02}:{15 * (number % 4):02}",
        "end_time": f"{7 + number % 16:02}:{15 * (number % 4):02}",
        "types": source.sample(["O", "C", "D", "SP", "ST", "X"], 2),
        "notes": f"{' '.join(source.choices(WORDS, k=12)).capitalize()}.",
        "location": f"Hall {street}",
        "formatted_address": f"{street} Main Street, Springfield, NY, USA",
        "region": "Springfield",
        "latitude": 40 + street / 1000,
        "longitude": -75 - street / 1000,
        "updated": "2026-01-05 08:00:00",
    }


def _environ(folder: Path) -> dict[str, str]:
    http_port, grpc_port = free_port(), free_port()
    return {
        "OPENCHAIR_HTTP_PORT": str(http_port),
        "OPENCHAIR_GRPC_PORT": str(grpc_port),
        "OPENCHAIR_DATA": str(folder / "var"),
        "OPENCHAIR_LOG_LEVEL": "warning",
        "OPENCHAIR_ENV": "production",
    }


def _imports(folder: Path, environ: Mapping[str, str], file: Path) -> tuple[Import, Import]:
    port = int(environ["OPENCHAIR_HTTP_PORT"])
    with started([sys.executable, "-m", "services.everything"], folder / "server", environ) as running:
        running.wait_for(port, "/readyz")
        _command(environ, "centre", "create", "bench", "--title", "Bench", "--timezone", ZONE)
        taken = []
        for _ in range(2):
            begun = time.monotonic()
            _command(environ, *_import_arguments(file))
            taken.append(Import(time.monotonic() - begun, running.resident() / 2**20))
    return taken[0], taken[1]


def _import_arguments(file: Path) -> tuple[str, ...]:
    where = ("--centre", "bench", "--source", "bench", "--timezone", ZONE, "--fellowship", "AA", "--json")
    return ("import", "meeting-guide", str(file), *where)


def _command(environ: Mapping[str, str], *arguments: str) -> None:
    whole = [sys.executable, "-m", "services.cli", *arguments]
    subprocess.run(whole, env={**os.environ, **environ}, check=True, stdout=subprocess.DEVNULL)


def _starts(folder: Path, environ: Mapping[str, str]) -> tuple[float, float, float]:
    """Median seconds from a start until ready; MiB then, and after the whole feed was read."""
    port = int(environ["OPENCHAIR_HTTP_PORT"])
    taken, resident, read = list[float](), list[float](), list[float]()
    for _ in range(STARTS):
        begun = time.monotonic()
        with started([sys.executable, "-m", "services.everything"], folder / "server", environ) as running:
            running.wait_for(port, "/readyz")
            taken.append(time.monotonic() - begun)
            resident.append(running.resident() / 2**20)
            get(port, FEED)
            read.append(running.resident() / 2**20)
    return statistics.median(taken), statistics.median(resident), statistics.median(read)


def bare_inserts(folder: Path, database: Path) -> float:
    """Median seconds for nothing but inserting the stored meetings' documents, in transactions of a group each."""
    with sqlite3.connect(database) as source:
        documents = source.execute("SELECT id, state FROM record_meeting").fetchall()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, SERVER_CORE)
    try:
        return statistics.median(_insert(folder / f"bare-{turn}.sqlite", documents) for turn in range(3))
    finally:
        os.sched_setaffinity(0, cores)


def _insert(path: Path, documents: list[tuple[str, str]]) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE meeting (id TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID")
    begun = time.monotonic()
    for start in range(0, len(documents), GROUP):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO meeting VALUES (?, ?)", documents[start : start + GROUP])
        connection.execute("COMMIT")
    taken = time.monotonic() - begun
    connection.close()
    return taken


def parse(file: Path) -> float:
    """Median seconds for reading the file and looking at every row."""
    return statistics.median(_parse(file) for _ in range(3))


def _parse(file: Path) -> float:
    begun = time.monotonic()
    reading = meeting_guide.read(file.read_bytes(), fellowship="AA", timezone=ZONE, today=date(2026, 11, 21))
    if any(import_rows.problems(row) for row in reading.rows):
        raise RuntimeError("the list was thought to be good")
    return time.monotonic() - begun


def _against(what: str, seconds: float, limit: float, name: str, most: float) -> Row:
    ratio = seconds / limit
    return Row(what, f"{seconds:.1f} s", f"{name}: {limit:.2f} s", f"{ratio:.1f}", f"<= {most:.0f}x", ratio <= most)


def _limited(what: str, value: float, limit: float, unit: str) -> Row:
    return Row(what, f"{value:.1f} {unit}", "limit", f"{value / limit:.2f}", f"<= {limit:.0f} {unit}", value <= limit)
