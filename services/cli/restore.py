"""`openchair restore`: a backup put back."""

from __future__ import annotations

import asyncio
import json
from argparse import RawDescriptionHelpFormatter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tqdm import tqdm

from services.cli import secret
from services.cli.backup import opened, say, unlocked
from services.cli.computer import holder_of
from services.cli.shell import EXIT_CODES, Failure
from services.kit.backup import kinds_of
from services.kit.clock import SystemClock
from services.kit.folder import DataFolder, FolderTaken
from services.kit.restore import Backup, Contents, Target, fill
from services.kit.store.port import OutcomeUnknown, Unwritten

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from services.kit.backup import ServiceLine
    from services.kit.settings import Settings
    from services.kit.store.port import Store

_EPILOG: Final = """examples:
  a new computer, an empty data folder:
    openchair restore chairs-november.backup
    make run
  the same computer, whose database is wrong: what is there is moved into a folder beside it, nothing is deleted:
    openchair restore --replace chairs-november.backup
  into MongoDB, whatever it was made from; the database must be empty:
    MONGODB_URL=mongodb://... openchair restore chairs-november.backup

The whole file is checked before anything is written. If it is interrupted, run it again. After the next start all is as
it was at the time of the backup, calendars included: what was made or changed later disappears from them.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "restore",
        help="put a backup back",
        description="Puts a backup back, onto an empty data folder. No server may run on it meanwhile.",
        epilog=_EPILOG + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the backup")
    secret.add_to(parser)
    parser.add_argument("--replace", action="store_true", help="move aside what is there, into replaced-<time>")
    parser.add_argument("--json", action="store_true", help="what was restored, as JSON on standard output")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Checks, then restores, then says what happens next."""
    holder = holder_of(settings.data)
    if holder is not None:  # said before a passphrase is asked for, and the whole file is read
        raise Failure(f"{settings.data} belongs to the running process {holder}: stop it, or use another folder")
    with opened(asked.file) as backup:
        site = backup.header.site
        if site != settings.site:
            raise Failure(
                f"{asked.file} is of the site {site!r}, this is {settings.site!r}: its calendars would be another"
                f" site's. If that is meant to be the same site: OPENCHAIR_SITE={site}"
            )
        key, contents = unlocked(backup, asked, settings)
        try:
            aside = asyncio.run(_restored(backup, key, contents, asked, settings))
        except (Unwritten, OutcomeUnknown, ValueError) as error:
            raise Failure(f"not restored: {error}. Run it again") from None
    _say(asked, contents, aside)
    return 0


async def _restored(
    backup: Backup, key: bytes, contents: Contents, asked: argparse.Namespace, settings: Settings
) -> Path | None:
    clock, mongodb = SystemClock(), _mongodb(settings)
    folder = DataFolder(settings.data, restoring=True)
    try:
        await folder.acquire()
    except FolderTaken as error:
        raise Failure(str(error)) from None
    try:
        target = Target(settings.data, clock, mongodb)
        _refuse(target, contents, asked, settings)
        target.begin()
        at_least = int(clock.now().timestamp())
        with tqdm(desc="Restoring", unit=" entries", total=contents.entries, disable=None) as bar:
            await fill(backup, key, contents, target.store, at_least, bar.update)
        return target.put(contents)
    finally:
        folder.release()


def _mongodb(settings: Settings) -> Callable[[ServiceLine], Awaitable[Store]] | None:
    """What opens a service's database on the MongoDB that the settings name; None: they name none."""
    url = settings.mongodb_url
    if url is None:
        return None

    async def open_store(service: ServiceLine) -> Store:
        from services.kit.store.mongo import MongoStore  # noqa: PLC0415 - a driver that SQLite's users do without

        name = settings.mongodb_database or f"openchair_{settings.site}_{service.name}"
        store = MongoStore(url, name, tuple(kinds_of(service).values()), SystemClock())
        await store.open()
        return store

    return open_store


def _refuse(target: Target, contents: Contents, asked: argparse.Namespace, settings: Settings) -> None:
    """Raises Failure where something is there that nobody said may be moved."""
    there = target.there(contents)
    if there and not asked.replace and not target.unfinished:
        raise Failure(
            f"{settings.data.absolute()} holds {', '.join(there)} already. --replace moves that aside; or name an empty"
            " folder with OPENCHAIR_DATA"
        )


def _say(asked: argparse.Namespace, contents: Contents, aside: Path | None) -> None:
    if asked.json:
        told = {"site": contents.header.site, "time": contents.header.time, "services": contents.counts}
        print(json.dumps({**told, "aside": str(aside.absolute()) if aside else None}, indent=1))
        return
    say(asked.file, contents, as_json=False)
    if aside is not None:
        print(f"What was there is in {aside.absolute()}. Remove it when all is well.")
    print("Restored. Start it: make run. Everything is published again, and calendars follow by themselves.")
    if any(counter["group"] for counter in contents.counts.values()):
        print("Invite codes are those of that day, revoked ones too: `openchair group rotate` makes new ones.")
