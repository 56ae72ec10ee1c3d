"""`openchair upgrade`: a newer version, tried before it is used, and the old one back where it does not come up."""

from __future__ import annotations

import os
import shutil
import time
from argparse import RawDescriptionHelpFormatter
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from services.cli import trial
from services.cli.release import Installation, obey
from services.cli.shell import EXIT_CODES, Failure, local_address
from services.kit.direct import fetch

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from services.kit.settings import Settings

PATIENCE = 120.0
"""Seconds that a version has to become ready."""
LOOK = 0.2
"""Seconds between two looks at whether it is."""
MOST_NEWS = 30
SPARE = 3
"""How many times the data has to fit beside itself: a trial's, a copy, and what it grows by."""

_EPILOG: Final = """examples:
  openchair upgrade --check          says what is new, and changes nothing
  openchair upgrade                  the newest version
  openchair upgrade --to v0.3.0      this one

The new version is made ready beside the old one, and started on a copy of the data, while the old one runs. Then the
service is stopped, its data copied, and the new version started. Where that does not become ready, the old version
and the data of before are put back. The copy stays, in a folder beside the data: remove it when all is well.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "upgrade",
        help="change over to a newer version, and back where it does not come up",
        description="Changes an installation of deploy/install.sh over to a newer version.",
        epilog=_EPILOG + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="only say what is new")
    parser.add_argument("--to", metavar="VERSION", default="", help="a tag or branch (the newest)")
    parser.add_argument("--unit", default="openchair", help="the systemd unit (openchair)")
    parser.add_argument("--patience", type=float, default=PATIENCE, metavar="SECONDS", help="to become ready (120)")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Says each step before it is taken."""
    installation = Installation()
    old = installation.commit
    say("Asking what is new")
    new = installation.fetched(asked.to)
    if new == old:
        print(f"This is it already: {old[:12]}")
        return 0
    if not installation.follows(new, old):
        raise Failure(f"{new[:12]} did not come of {old[:12]}, which runs: a database is not taken back")
    news = installation.news(old, new)
    print(f"{old[:12]} runs; {new[:12]} has {len(news)} changes:")
    print(*(f"  {line}" for line in news[:MOST_NEWS]), *(["  ..."] if len(news) > MOST_NEWS else []), sep="\n")
    if asked.check:
        return 0
    _possible(settings)
    say(f"Making {new[:12]} ready, beside the one that runs")
    folder = installation.prepared(new)
    say("Trying it on a copy of the data")
    trial.run(installation.current.resolve(), folder, settings, asked.patience)
    _change(installation, folder, asked, settings)
    return 0


def say(step: str) -> None:
    """What comes now."""
    print(f"== {step}", flush=True)


def _possible(settings: Settings) -> None:
    """Raises Failure where it could not be done, or not be undone."""
    if not (settings.data / "lock").exists():
        raise Failure(f"{settings.data} is no data folder of Openchair (OPENCHAIR_DATA)")
    if settings.data.is_symlink() or os.path.ismount(settings.data):
        raise Failure(f"{settings.data} cannot be moved aside: name a folder in it (OPENCHAIR_DATA)")
    if not os.access(settings.data.parent, os.W_OK):
        raise Failure("the data has to be copied to beside where it is: sudo openchair upgrade")
    size = sum(path.lstat().st_size for path in settings.data.rglob("*"))
    if shutil.disk_usage(settings.data).free < SPARE * size:
        raise Failure(f"there is no room for {SPARE} copies of the data ({size / 1024**2:,.0f} MiB)")


def _change(installation: Installation, folder: Path, asked: argparse.Namespace, settings: Settings) -> None:
    """Stops the old version and starts the new one. Raises Failure, with the old one running again."""
    before, data = installation.current.resolve(), settings.data.absolute()
    copy = data.with_name(f"{data.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    say(f"Stopping {asked.unit}")
    _systemctl("stop", asked.unit)
    try:
        say(f"Copying the data to {copy}")
        obey(["cp", "--archive", "--reflink=auto", str(data), f"{copy}.part"])
        os.rename(f"{copy}.part", copy)  # noqa: PTH104 - a name that says that it is whole
        say(f"Starting {folder.name}")
        installation.switch(folder)
        _start(asked, settings)
    except BaseException as error:  # noqa: BLE001 - also Ctrl-C: nobody is left without a version that runs
        _back(installation, before, copy, asked, settings, error)
        raise Failure(f"{folder.name} did not come up, {before.name} runs as before.\n{error}") from None
    print(f"{folder.name} runs. What was there before is in {copy}: remove it when all is well.")


def _back(
    installation: Installation, before: Path, copy: Path, asked: argparse.Namespace, settings: Settings, why: object
) -> None:
    """The old version on the old data. Raises Failure where that does not come up either."""
    say(f"Going back to {before.name}: {type(why).__name__}")
    with suppress(Failure):
        _systemctl("stop", asked.unit)
    data = settings.data.absolute()
    if copy.exists():  # else nothing has touched the data
        data.rename(copy.with_name(copy.name.replace(".before-", ".failed-")))
        copy.rename(data)
    installation.switch(before)
    _start(asked, settings)


def _start(asked: argparse.Namespace, settings: Settings) -> None:
    """Comes back when the server is ready. Raises Failure."""
    _systemctl("start", asked.unit)
    ready(
        local_address(settings) or f"http://127.0.0.1:{settings.http_port}",
        asked.patience,
        f"journalctl -u {asked.unit}",
    )


def ready(address: str, patience: float, log: str) -> None:
    """Comes back when all is well with a server. Raises Failure, with what it says itself."""
    deadline, said = time.monotonic() + patience, "no answer"
    while time.monotonic() < deadline:
        try:
            fetch(f"{address}/readyz")
        except (OSError, HTTPException) as error:
            said = str(error)
            time.sleep(LOOK)
        else:
            return
    raise Failure(f"not ready within {patience:.0f} s ({said}): {log}")


def _systemctl(what: str, unit: str) -> None:
    obey(["systemctl", what, unit])
