"""`openchair backup`: everything that cannot be made again, in one encrypted file."""

from __future__ import annotations

import asyncio
import json
import os
from argparse import RawDescriptionHelpFormatter
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openchair.admin.v1 import admin_service_pb2 as pb
from tqdm import tqdm

from services.cli import secret
from services.cli.server import PATIENCE, admin
from services.cli.shell import EXIT_CODES, NO_SERVER, Failure
from services.kit.backup import SALT, Header, Writer
from services.kit.backups import Making, Source, finish, keep_last, open_part, part_of, program, write_all
from services.kit.client import RpcError
from services.kit.clock import SystemClock, instant, moment
from services.kit.folder import DataFolder, FolderTaken
from services.kit.restore import Backup, Contents
from services.kit.sealed import KEY, Damaged
from services.kit.store.schema import kinds_in
from services.kit.store.sqlite import SqliteStore
from services.kit.wrapping import WrongKey, unwrap, wrap, write_envelope

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import BinaryIO

    from openchair.admin.v1.admin_service_pb2_grpc import AdminServiceStub

    from services.kit.settings import Settings

POLL = 0.1
"""Seconds between two looks at how far it is."""
LAST_WORD = 5.0
"""Seconds that removing the server's copy may take."""

_EPILOG: Final = """examples:
  openchair backup chairs-november.backup             asks for a passphrase, twice
  openchair backup --key-file KEY chairs.backup       from a timer, where nobody can be asked
  openchair backup --verify chairs.backup             reads it whole and says what is in it
  openchair backup --service rsvps seats.backup       with containers: seats have a database of their own

In it: centres, meetings, places, rooms, what was answered, the audit trail, and the keys of the data folder. Not in it:
streams and calendars, which are made again from these, and settings of the environment (keep your .env).

It is made while the server runs, as of one moment. Without the passphrase or the key nobody can read it, you neither:
keep it somewhere else than the backup. `openchair restore FILE` puts it back. Try that once, on another computer.

"""


def add_to(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "backup",
        help="an encrypted copy of everything, in one file",
        description="Writes an encrypted copy of everything that cannot be made again into one new file.",
        epilog=_EPILOG + EXIT_CODES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="the new file; with --verify, one that is there")
    secret.add_to(parser)
    text = "where services run one by one: whose database (default: that of meetings)"
    parser.add_argument("--service", choices=("meetings", "rsvps"), default="", help=text)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--verify", action="store_true", help="make none: read this one whole and say what is in it")
    how.add_argument("--offline", action="store_true", help="no server runs: read the data folder (OPENCHAIR_DATA)")
    parser.add_argument("--json", action="store_true", help="what is in it, as JSON on standard output")
    parser.set_defaults(run=run)


def run(asked: argparse.Namespace, settings: Settings) -> int:
    """Makes it or reads it, and says what is in it."""
    contents = _verified(asked, settings) if asked.verify else _made(asked, settings)
    say(asked.file, contents, as_json=asked.json)
    return 0


def say(path: Path, contents: Contents, *, as_json: bool) -> None:
    """What is in a backup, to standard output."""
    size = path.stat().st_size
    header, counts = contents.header, contents.counts
    if as_json:
        told = {"file": str(path), "bytes": size, "site": header.site, "time": header.time, "program": header.program}
        print(json.dumps({**told, "services": counts, "keys": len(contents.secrets)}, indent=1))
        return
    print(f"{path}: {size / 1024:,.0f} KiB, complete.")
    print(f"  site {header.site}, as of {header.time}, by version {header.program}")
    for service, counter in counts.items():
        words = ", ".join(f"{number} {word}" for word, number in sorted(counter.items())) or "nothing"
        print(f"  {service}: {words}")
    print(f"  keys: {len(contents.secrets)}")


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """The backup in a file. What is wrong with it leaves as Failure, in words."""
    try:
        with path.open("rb") as file:
            yield Backup(file)
    except Damaged as error:
        raise Failure(f"{path} is not a backup that can be used: {error}") from None


def unlocked(backup: Backup, asked: argparse.Namespace, settings: Settings) -> tuple[bytes, Contents]:
    """Its key and, read whole, what is in it. Raises Failure, Damaged."""
    try:
        key = unwrap(backup.wrapped, secret.known(asked, settings, backup.wrapped.holder))
    except WrongKey as error:
        raise Failure(str(error)) from None
    return key, examined(backup, key)


def examined(backup: Backup, key: bytes) -> Contents:
    """What is in it, read whole."""
    with tqdm(desc="Checking", unit=" entries", disable=None) as bar:
        return backup.examine(key, bar.update)


def _verified(asked: argparse.Namespace, settings: Settings) -> Contents:
    with opened(asked.file) as backup:
        return unlocked(backup, asked, settings)[1]


def _made(asked: argparse.Namespace, settings: Settings) -> Contents:
    """A new file, which has its name only when it is whole, was read again and is on the disk."""
    path: Path = asked.file
    if path.exists():
        raise Failure(f"{path} is there already: choose another name")
    if not path.absolute().parent.is_dir():
        raise Failure(f"{path.absolute().parent} is no folder: make it, or choose another")
    holder, secret_ = secret.chosen(asked, settings)
    key = os.urandom(KEY)
    wrapped = wrap(key, holder, secret_)
    try:
        with open_part(path) as file:
            write_envelope(file, wrapped)
            asyncio.run(
                _offline(settings, file, key) if asked.offline else _fetched(settings, file, key, asked.service)
            )
            file.flush()
            with opened(part_of(path)) as backup:
                contents = examined(backup, key)
            _must_hold(contents, asked.service, settings)
            finish(file, path)
        if asked.offline:
            with suppress(OSError):  # it is made; that nobody is told of it later is no reason to say otherwise
                keep_last(settings.backups or settings.data / "backups", moment(contents.header.time))
    finally:
        part_of(path).unlink(missing_ok=True)
    return contents


def _must_hold(contents: Contents, service: str, settings: Settings) -> None:
    """Where no front hands calls on, whoever answers makes a backup of what it has. Raises Failure."""
    if service and service not in contents.counts:
        there = " and ".join(contents.counts) or "no service"
        raise Failure(f"nothing was kept: {there} answers at {settings.target}, not {service} (OPENCHAIR_TARGET)")


async def _fetched(settings: Settings, file: BinaryIO, key: bytes, service: str) -> None:
    """The running server makes it and sends it."""
    try:
        async with admin(settings, {}, service) as stub:
            made = await stub.CreateBackup(pb.CreateBackupRequest(key=key), timeout=PATIENCE)
            try:
                await _download(stub, await _finished(stub, made.name), file)
            finally:
                with suppress(RpcError):
                    await stub.DeleteBackup(pb.DeleteBackupRequest(name=made.name), timeout=LAST_WORD)
    except Failure as failure:
        if failure.code != NO_SERVER:
            raise
        hint = f"{failure}\nIf no server runs: openchair backup --offline FILE"
        raise Failure(hint, NO_SERVER) from None


async def _finished(stub: AdminServiceStub, name: str) -> pb.Backup:
    with tqdm(desc="Backing up", unit=" entries", disable=None) as bar:
        while True:
            made = await stub.GetBackup(pb.GetBackupRequest(name=name), timeout=PATIENCE)
            bar.update(made.entries - bar.n)
            if made.failure:
                raise Failure(f"the server could not make it: {made.failure}")
            if made.done:
                return made
            await asyncio.sleep(POLL)


async def _download(stub: AdminServiceStub, made: pb.Backup, file: BinaryIO) -> None:
    offset = 0
    with tqdm(desc="Fetching", total=made.size, unit="B", unit_scale=True, disable=None) as bar:
        while True:
            request = pb.ReadBackupRequest(name=made.name, offset=offset)
            data = (await stub.ReadBackup(request, timeout=PATIENCE)).data
            if not data:
                return
            file.write(data)
            offset += len(data)
            bar.update(len(data))


async def _offline(settings: Settings, file: BinaryIO, key: bytes) -> None:
    """Reads the data folder itself, as its owner."""
    if not (settings.data / "lock").exists():
        raise Failure(f"{settings.data.absolute()} is no data folder of Openchair (OPENCHAIR_DATA)")
    folder, clock = DataFolder(settings.data), SystemClock()
    try:
        await folder.acquire()
    except FolderTaken as error:
        raise Failure(f"{error}. With a server running, leave out --offline") from None
    sources = list[Source]()
    try:
        for path in sorted(settings.data.glob("*.sqlite")):
            kinds = kinds_in(path)
            store = SqliteStore(path, kinds, clock)
            await store.open()
            sources.append(Source(path.stem, "sqlite", kinds, store))
        header = Header(settings.site, instant(clock.now()), program(), os.urandom(SALT).hex())
        made = Making("offline", clock.now(), Path())
        await write_all(Writer(file, key, header), sources, settings.data, made)
    except ValueError as error:
        raise Failure(str(error)) from None
    finally:
        for source in sources:
            await source.store.close()
        folder.release()
