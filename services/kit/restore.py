"""A backup put back: onto an empty machine, or instead of a database that is moved aside.

Nothing is written before the whole file has been read and found authentic. The new databases are made beside the
old ones; what was there is moved into a folder `replaced-<time>`, never deleted; then the new ones get their names. Who
is interrupted runs it again: until the last step the data folder says that it is unfinished, and nothing starts on it.
The streams of the broker are left alone: the new epoch takes from them what the backup does not know.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from services.kit.backup import Begin, End, Header, Kept, Manifest, Secret, entry_of, kinds_of, read, read_header
from services.kit.folder import UNFINISHED
from services.kit.sealed import Damaged
from services.kit.store.port import Kind
from services.kit.store.sqlite import SqliteStore
from services.kit.wrapping import Wrapped, read_envelope

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from services.kit.backup import Answered, Line, ServiceLine, Trail
    from services.kit.clock import Clock
    from services.kit.store.port import Entry, Store

PIECE = 256
DRAFT = ".restoring"
_WITH = ("", "-wal", "-shm")
"""What belongs to a SQLite database, by the ends of names."""


@dataclass
class Contents:
    """What is in a backup that was read whole: per service, how many of each kind, answers and audit lines."""

    header: Header
    manifest: Manifest
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    secrets: list[Secret] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """Of all services."""
        return sum(counter.total() for counter in self.counts.values())


class Backup:
    """An open backup file: `unlock` it, then read it as often as needed."""

    def __init__(self, file: BinaryIO) -> None:
        """Raises Damaged."""
        self._file = file
        self.wrapped: Wrapped = read_envelope(file)
        self._start = file.tell()
        self.header, _ = read_header(file)

    def examine(self, key: bytes, progress: Callable[[int], object] = lambda _: None) -> Contents:
        """Reads it whole. Raises Damaged where it is not what was written; `progress` hears of entries."""
        contents: Contents | None = None
        service, kinds = "", dict[str, dict[str, Kind]]()
        for line in self._lines(key):
            if isinstance(line, Manifest):
                contents, kinds = Contents(self.header, line), _kinds(line)
                continue
            assert contents is not None
            if isinstance(line, Secret):
                contents.secrets.append(_checked(line))
            elif isinstance(line, Begin):
                service, contents.counts[line.service] = line.service, Counter()
            elif not isinstance(line, End):
                contents.counts[service][_word(line)] += 1
                _sound(line, kinds[service])
                progress(1)
        assert contents is not None
        return contents

    async def entries(
        self, key: bytes, service: ServiceLine, progress: Callable[[int], object] = lambda _: None
    ) -> AsyncIterator[Entry]:
        """The entries of one service. Raises Damaged."""
        kinds = kinds_of(service)
        lines = self._lines(key)
        inside = False
        while piece := await asyncio.to_thread(lambda: list(islice(lines, PIECE))):
            for line in piece:
                if isinstance(line, Begin | End):
                    inside = isinstance(line, Begin) and line.service == service.name
                elif inside and not isinstance(line, Manifest | Secret):
                    yield entry_of(line, kinds)
            progress(len(piece))

    def _lines(self, key: bytes) -> Iterator[Line]:
        self._file.seek(self._start)
        return read(self._file, key)


def _kinds(manifest: Manifest) -> dict[str, dict[str, Kind]]:
    """The kinds of each service. Raises Damaged for names that cannot be: they become names of files."""
    names = [service.name for service in manifest.services]
    if len(set(names)) != len(names) or any(not name or {"/", "\0"} & set(name) for name in names):
        raise Damaged("it has a service that no program has")
    try:
        return {service.name: kinds_of(service) for service in manifest.services}
    except ValueError as error:
        raise Damaged(f"it holds what no store takes: {error}") from None


def _sound(line: Kept | Answered | Trail, kinds: Mapping[str, Kind]) -> None:
    try:
        entry_of(line, kinds)
    except ValueError as error:
        raise Damaged(f"it holds what no store takes: {error}") from None


def _word(line: Line) -> str:
    return line.kind if isinstance(line, Kept) else type(line).__name__.lower()


def _checked(secret: Secret) -> Secret:
    """Raises Damaged for a file that is none of the folder's keys."""
    parts = PurePosixPath(secret.path).parts
    if len(parts) < 2 or parts[0] != "keys" or ".." in parts:  # noqa: PLR2004 - the folder and a name
        raise Damaged("it has a file that is not a key")
    return secret


class Target:
    """A data folder, which the caller owns: where databases and keys go.

    `elsewhere` opens a service's database that is not in the folder (MongoDB): then only the keys go into it, and a
    database that holds anything refuses to be filled.
    """

    def __init__(
        self, data: Path, clock: Clock, elsewhere: Callable[[ServiceLine], Awaitable[Store]] | None = None
    ) -> None:
        self._data = data
        self._clock = clock
        self._elsewhere = elsewhere

    def there(self, contents: Contents) -> list[str]:
        """What would be in the way, by name: databases, and keys that are others."""
        found = [path.name for path in (self._file(one) for one in self._here(contents)) if path.exists()]
        return found + [one.path for one in contents.secrets if self._differs(one)]

    @property
    def unfinished(self) -> bool:
        """Whether a restore into this folder was interrupted."""
        return (self._data / UNFINISHED).exists()

    def begin(self) -> None:
        """From here on nothing but a restore may run here, where databases are."""
        if self._elsewhere is not None:
            return
        (self._data / UNFINISHED).touch(mode=0o600)
        _to_disk(self._data)

    async def store(self, service: ServiceLine) -> Store:
        """The database to be filled, open: in the folder under another name, or elsewhere."""
        if self._elsewhere is not None:
            return await self._elsewhere(service)
        draft = self._draft(service)
        for end in _WITH:
            draft.with_name(draft.name + end).unlink(missing_ok=True)
        store = SqliteStore(draft, tuple(kinds_of(service).values()), self._clock)
        await store.open()
        return store

    def put(self, contents: Contents) -> Path | None:
        """Moves aside what is there and gives the new its names. Where the old is now; None: there was nothing."""
        aside = self._data / f"replaced-{self._clock.now():%Y%m%dT%H%M%S%fZ}"
        for service in self._here(contents):
            file = self._file(service)
            for end in _WITH:
                self._move(file.with_name(file.name + end), aside)
            self._draft(service).replace(file)
        for secret in contents.secrets:
            if self._differs(secret):
                self._move(self._data / secret.path, aside)
            _write(self._data / secret.path, secret)
        _to_disk(self._data)
        (self._data / UNFINISHED).unlink(missing_ok=True)
        _to_disk(self._data)
        return aside if aside.exists() else None

    def _here(self, contents: Contents) -> tuple[ServiceLine, ...]:
        return contents.manifest.services if self._elsewhere is None else ()

    def _file(self, service: ServiceLine) -> Path:
        return self._data / f"{service.name}.sqlite"

    def _draft(self, service: ServiceLine) -> Path:
        return self._data / f"{service.name}.sqlite{DRAFT}"

    def _differs(self, secret: Secret) -> bool:
        path = self._data / secret.path
        return path.exists() and path.read_bytes() != secret.data

    def _move(self, path: Path, aside: Path) -> None:
        if path.exists():
            to = aside / path.relative_to(self._data)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.replace(to)
            _to_disk(to.parent)


async def fill(
    backup: Backup,
    key: bytes,
    contents: Contents,
    open_store: Callable[[ServiceLine], Awaitable[Store]],
    at_least: int,
    progress: Callable[[int], object] = lambda _: None,
) -> dict[str, int]:
    """Fills an empty store for each service; their new epochs. Raises Damaged, ValueError, OSError, Unwritten."""
    epochs = {}
    for service in contents.manifest.services:
        store = await open_store(service)
        try:
            await store.fill(backup.entries(key, service, progress), at_least)
            epochs[service.name] = await store.epoch()
        finally:
            await store.close()
    return epochs


def _write(path: Path, secret: Secret) -> None:
    """A key as it was, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + DRAFT)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret.data)
        os.fchmod(file.fileno(), secret.mode & 0o777)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _to_disk(path.parent)


def _to_disk(folder: Path) -> None:
    """What was made, moved or removed in it outlives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
