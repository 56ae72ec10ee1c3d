"""A person's computer that subscribes to a calendar: vdirsyncer fetches it, khal shows it.

Both are programs of their own, run from `.venv-clients` (`make clients`). Where they are not installed,
`needs_clients` skips a test and says so.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from datetime import date

BIN = Path(__file__).resolve().parents[2] / ".venv-clients" / "bin"
SECONDS = 60

needs_clients = pytest.mark.skipif(
    not all((BIN / name).exists() for name in ("vdirsyncer", "khal")),
    reason="vdirsyncer and khal are not installed (make clients)",
)

VDIRSYNCER = """\
[general]
status_path = "{folder}/status"

[pair feed]
a = "shown"
b = "served"
collections = null
conflict_resolution = "b wins"

[storage shown]
type = "filesystem"
path = "{folder}/events"
fileext = ".ics"

[storage served]
type = "http"
url = "{url}"
"""

KHAL = """\
[calendars]
[[feed]]
path = {folder}/events
readonly = True

[sqlite]
path = {folder}/khal.db

[locale]
local_timezone = {zone}
default_timezone = {zone}
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
"""


FIELDS = ("start-date", "start-time", "title")
"""What khal calls the fields of an Entry."""


class ClientError(Exception):
    """A program ended with an error, or said something on its way that a person should see."""


class Entry(NamedTuple):
    """One line of the agenda, in the subscriber's own zone: "2026-11-24", "19:00", "Step study"."""

    date: str
    time: str
    title: str


class Subscriber:
    """One subscription, kept in `folder`: what was fetched stays there between two calls of `fetch`."""

    def __init__(self, folder: Path, url: str, zone: str) -> None:
        self.folder = folder
        (folder / "events").mkdir(parents=True)
        (folder / "vdirsyncer.conf").write_text(VDIRSYNCER.format(folder=folder, url=url))
        (folder / "khal.conf").write_text(KHAL.format(folder=folder, zone=zone))
        self._run("vdirsyncer", "--config", f"{folder}/vdirsyncer.conf", "discover", "feed")

    def fetch(self) -> None:
        """Asks the server once, as the program does every few minutes. Raises ClientError."""
        said = self._run("vdirsyncer", "--config", f"{self.folder}/vdirsyncer.conf", "sync", "feed")
        if "warning" in said.lower() or "error" in said.lower():
            raise ClientError(said)

    def agenda(self, start: date, days: int) -> list[Entry]:
        """What the calendar shows, day by day, in its order. An event of several days stands under each of them."""
        fields = [part for field in FIELDS for part in ("--json", field)]
        said = self._run("khal", "--config", f"{self.folder}/khal.conf", "list", *fields, f"{start}", f"{days}d")
        rows = [row for line in said.splitlines() if line.startswith("[") for row in json.loads(line)]
        return [Entry(*(row[field] for field in FIELDS)) for row in rows]

    def _run(self, program: str, *arguments: str) -> str:
        home = {"HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        done = subprocess.run(
            [BIN / program, *arguments],
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", **home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise ClientError(f"{program} {' '.join(arguments)}: {done.stdout}")
        return done.stdout
