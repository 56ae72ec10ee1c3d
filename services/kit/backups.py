"""Backups that a running process makes of its own stores and keys: a file each, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from services.kit.backup import SALT, Begin, End, Header, Manifest, Secret, Writer, line_of, service_line
from services.kit.clock import Clock, Ids, instant, moment
from services.kit.store.port import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from services.kit.store.port import Kind, Store

PIECE = 256
"""Entries that are written at a time, beside the event loop."""
KEEP = 24 * 3600
"""Seconds for which a file that nobody removes is kept."""
LARGEST_SECRET = 64 * 1024
LAST = "last"
"""The file beside the backups that says as of when the newest is that somebody has."""


class Source(NamedTuple):
    """A store of this process."""

    name: str
    engine: str
    kinds: tuple[Kind, ...]
    store: Store


@dataclass
class Making:
    """A backup and how far it is. `failure`: why there will be none."""

    id: str
    created: datetime
    path: Path
    entries: int = 0
    done: bool = False
    failure: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        for path in (self.path, part_of(self.path)):
            if path.exists():
                return path.stat().st_size
        return 0

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the finished file; none at its end."""
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(length)


class Backups:
    """The folder and what is in it: it belongs to this process alone, and none of it outlives the process."""

    def __init__(
        self,
        folder: Path,
        data: Path,
        site: str,
        clock: Clock,
        ids: Ids,
        log: FilteringBoundLogger,
    ) -> None:
        self._folder = folder
        self._data = data
        self._site = site
        self._clock = clock
        self._ids = ids
        self._log = log
        self._made: dict[str, Making] = {}

    def sweep(self) -> None:
        """Removes the files of a process that is gone. Raises OSError. May run beside the event loop."""
        found = (*self._folder.glob("*.backup"), *self._folder.glob("*.backup.part"))
        made = tuple(self._made.values())  # looked at afterwards: what begins meanwhile is among them
        known = {path for one in made for path in (one.path, part_of(one.path))}
        for path in found:
            if path not in known:
                path.unlink(missing_ok=True)

    def forget_old(self) -> None:
        """Removes what nobody has removed for a day."""
        now = self._clock.now()
        for one in tuple(self._made.values()):
            if one.done and (now - one.created).total_seconds() >= KEEP:
                self.remove(one)

    async def last(self) -> datetime | None:
        """As of when the newest is that somebody fetched whole; None: none is known of."""
        return await asyncio.to_thread(last_in, self._folder)

    async def fetched(self, one: Making) -> None:
        """Somebody has it whole."""
        try:
            await asyncio.to_thread(keep_last, self._folder, one.created)
        except OSError as error:
            self._log.warning("the time of the backup is not kept", error=type(error).__name__)

    @property
    def going_on(self) -> Making | None:
        """The backup that is being made."""
        return next((one for one in self._made.values() if one.task and not one.task.done()), None)

    def get(self, id: str) -> Making | None:  # noqa: A002 - the field is named id everywhere
        """The backup of that id."""
        return self._made.get(id)

    def begin(self, key: bytes, sources: Sequence[Source]) -> Making:
        """Starts one, of these stores."""
        id_ = self._ids.uuid()
        made = self._made[id_] = Making(id_, self._clock.now(), self._folder / f"{id_}.backup")
        made.task = asyncio.create_task(self._make(made, key, sources), name=f"backup {id_}")
        return made

    def remove(self, one: Making) -> None:
        """Takes it away, also while it is made."""
        if one.task is not None:
            one.task.cancel()
        for path in (one.path, part_of(one.path)):
            path.unlink(missing_ok=True)
        self._made.pop(one.id, None)

    async def close(self) -> None:
        """Ends what is being made, and removes everything."""
        tasks = [one.task for one in self._made.values() if one.task is not None]
        for one in tuple(self._made.values()):
            self.remove(one)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _make(self, made: Making, key: bytes, sources: Sequence[Source]) -> None:
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            with open_part(made.path) as file:
                header = Header(self._site, instant(made.created), program(), os.urandom(SALT).hex())
                await write_all(Writer(file, key, header), sources, self._data, made)
                await _finished(file, made.path)
            made.done = True
        except Exception as error:  # noqa: BLE001 - whoever asked for it is told
            made.failure = str(error) or type(error).__name__
            self._log.error("a backup failed", backup=made.id, error=type(error).__name__)
        finally:
            if not made.done:
                part_of(made.path).unlink(missing_ok=True)


async def _finished(file: BinaryIO, path: Path) -> None:
    """`finish`, in a thread, which nothing stops: where it is no longer wanted, what it made is taken away after it."""
    finishing = asyncio.ensure_future(asyncio.to_thread(finish, file, path))
    try:
        await asyncio.shield(finishing)
    except asyncio.CancelledError:
        await asyncio.wait([finishing])
        _unwanted(path)
        raise


def _unwanted(path: Path) -> None:
    path.unlink(missing_ok=True)


def last_in(folder: Path) -> datetime | None:
    """What `keep_last` has kept there."""
    try:
        return moment((folder / LAST).read_text())
    except (OSError, ValueError):
        return None


def keep_last(folder: Path, at: datetime) -> None:
    """Keeps as of when a backup is that somebody has, beside the files. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f"{LAST}.new"
    new.write_text(instant(at))
    new.replace(folder / LAST)


def part_of(path: Path) -> Path:
    """Where a backup is written until it is whole."""
    return path.with_name(f"{path.name}.part")


def open_part(path: Path) -> BinaryIO:
    """The file that becomes `path` by `finish`, for its owner alone. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW  # a link there is nobody's of ours
    return os.fdopen(os.open(part_of(path), flags, 0o600), "wb")


def finish(file: BinaryIO, path: Path) -> None:
    """Gives a whole file its name: it is on the disk before it has it. Raises FileExistsError where there is one."""
    file.flush()
    os.fsync(file.fileno())
    try:
        os.link(part_of(path), path)
        part_of(path).unlink()
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as that of a memory stick
        if path.exists():
            raise FileExistsError(f"{path} is there already") from None
        part_of(path).rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def program() -> str:
    """The version of this program."""
    try:
        return metadata.version("openchair")
    except metadata.PackageNotFoundError:
        return "unknown"


async def write_all(writer: Writer, sources: Sequence[Source], data: Path, made: Making) -> None:
    """Manifest, secrets, every store. Raises OSError, and whatever a store raises."""
    secrets = await asyncio.to_thread(_secrets, data)
    services = tuple(service_line(one.name, one.engine, one.kinds) for one in sources)
    writer.write(Manifest(services, tuple(secret.path for secret in secrets)), *secrets)
    for source in sources:
        writer.write(Begin(source.name))
        before = made.entries
        await _write_store(writer, source, made)
        writer.write(End(source.name, made.entries - before))
    await asyncio.to_thread(writer.end, made.entries)


async def _write_store(writer: Writer, source: Source, made: Making) -> None:
    versions = {kind.name: kind.version for kind in source.kinds}
    piece = list[Entry]()
    async with aclosing(source.store.dump()) as entries:  # type: ignore[type-var]  # an async generator everywhere
        async for entry in entries:
            piece.append(entry)
            if len(piece) == PIECE:
                await _write(writer, piece, versions, made)
                piece = []
    await _write(writer, piece, versions, made)


async def _write(writer: Writer, piece: list[Entry], versions: dict[str, int], made: Making) -> None:
    lines = [line_of(entry, versions) for entry in piece]
    await asyncio.to_thread(writer.write, *lines)
    made.entries += len(piece)


def _secrets(data: Path) -> list[Secret]:
    """The keys of the data folder: what else is there can be made again, or is in a store.

    A link to a file counts as the file, as keys that are mounted are often links. Raises OSError for what is no key.
    """
    folder = data / "keys"
    return [_secret(data, path) for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []


def _secret(data: Path, path: Path) -> Secret:
    found = path.stat()
    if found.st_size > LARGEST_SECRET:
        raise OSError(f"{path}: is larger than {LARGEST_SECRET // 1024} KiB, so it is no key: it cannot stay there")
    return Secret(str(path.relative_to(data)), found.st_mode & 0o777, path.read_bytes())
