"""The file of a backup: who can open it, what is in it, line by line, whatever database it came from.

    openchair backup 1                      the format
    {"key": ...}                            the file's key, wrapped (`wrapping.py`); who made the file puts it in front
    {"site": ..., "time": ..., ...}         the header, readable by anybody
    frames                                  lines of JSON, sealed under the file's key (`sealed.py`)

The lines: a manifest; the secrets of the data folder; for each service its beginning, its records, answers and audit
lines, its end with their count; the end of all. The process that owns the data writes from the header on: it never
learns the passphrase.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import msgspec

from services.kit.sealed import Damaged, Sealing, opened
from services.kit.store import check, codec
from services.kit.store.port import Answer, Audit, Kind, Record, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from services.kit.store.port import Entry

FORMAT = 1
MAGIC = b"openchair backup "
LONGEST_HEADER = 4096
LONGEST_LINE = codec.BYTES * 2
SALT = 32


class Header(msgspec.Struct, frozen=True):
    """What anybody may read of a backup: of which site, from when (`clock.instant`), written by which program."""

    site: str
    time: str
    program: str
    salt: str


class KindLine(msgspec.Struct, frozen=True):
    """A kind of record as the service declared it."""

    name: str
    version: int
    indexes: tuple[tuple[str, ...], ...]

    def kind(self) -> Kind:
        """The kind, without upgrades: what it takes to keep its records until the service opens them."""
        return Kind(self.name, self.indexes, self.version)


class ServiceLine(msgspec.Struct, frozen=True):
    """A service with a database."""

    name: str
    engine: str
    kinds: tuple[KindLine, ...]


class Manifest(msgspec.Struct, frozen=True, tag="manifest"):
    """What the file should hold."""

    services: tuple[ServiceLine, ...]
    secrets: tuple[str, ...]


class Secret(msgspec.Struct, frozen=True, tag="secret"):
    """A small file of the data folder, such as a key; `path` is below the folder."""

    path: str
    mode: int
    data: bytes


class Begin(msgspec.Struct, frozen=True, tag="begin"):
    """From here on, the entries of this service."""

    service: str


class Kept(msgspec.Struct, frozen=True, tag="record"):
    """A record, and the version of the shape of its state."""

    kind: str
    version: int
    id: str
    revision: int
    state: dict[str, Any]
    at: str
    actor: str
    epoch: int
    due_at: str | None
    gone: bool
    views: tuple[View, ...]


class Answered(msgspec.Struct, frozen=True, tag="answer"):
    """An answer to a request id."""

    answer: Answer


class Trail(msgspec.Struct, frozen=True, tag="audit"):
    """A line of the audit trail."""

    line: Audit


class End(msgspec.Struct, frozen=True, tag="end"):
    """The service is complete; "" for the whole file. `entries`: how many there were."""

    service: str
    entries: int


Line: TypeAlias = Manifest | Secret | Begin | Kept | Answered | Trail | End

_encoder = msgspec.json.Encoder()
_lines = msgspec.json.Decoder(Line)
_headers = msgspec.json.Decoder(Header)


class Writer:
    """Writes header and lines. Raises OSError; what was written is a backup only after `end`."""

    def __init__(self, file: BinaryIO, key: bytes, header: Header) -> None:
        text = _encoder.encode(header) + b"\n"
        file.write(text)
        self._sealing = Sealing(file, key, bytes.fromhex(header.salt), text)

    def write(self, *lines: Line) -> None:
        """Adds lines."""
        self._sealing.write(b"".join(_encoder.encode(line) + b"\n" for line in lines))

    def end(self, entries: int) -> None:
        """Adds the end; the caller puts the file on the disk."""
        self.write(End("", entries))
        self._sealing.end()


def kinds_of(service: ServiceLine) -> dict[str, Kind]:
    """Its kinds by name. Raises ValueError for names that no store takes."""
    return check.kinds([line.kind() for line in service.kinds])


def service_line(name: str, engine: str, kinds: tuple[Kind, ...]) -> ServiceLine:
    """A service in the manifest."""
    return ServiceLine(name, engine, tuple(KindLine(kind.name, kind.version, kind.indexes) for kind in kinds))


def line_of(entry: Entry, versions: Mapping[str, int]) -> Line:
    """An entry of a dump as a line; `versions` are those of the shapes of kinds."""
    if isinstance(entry, Answer):
        return Answered(entry)
    if isinstance(entry, Audit):
        return Trail(entry)
    return Kept(
        entry.kind,
        versions[entry.kind],
        entry.id,
        entry.revision,
        entry.state,
        entry.at,
        entry.actor,
        entry.epoch,
        entry.due_at,
        entry.gone,
        entry.views,
    )


def entry_of(line: Kept | Answered | Trail, kinds: Mapping[str, Kind]) -> Entry:
    """The entry in a line. Raises ValueError where no store of these kinds would take it."""
    if isinstance(line, Answered):
        entry: Entry = line.answer
    elif isinstance(line, Trail):
        entry = line.line
    else:
        entry = _record(line, kinds)
    check.entry(kinds, entry)
    return entry


def _record(line: Kept, kinds: Mapping[str, Kind]) -> Record:
    kind = check.known(kinds, line.kind)
    state = codec.upgraded(kind, line.id, line.version, line.state)
    return Record(
        line.kind,
        line.id,
        line.revision,
        state,
        line.at,
        line.actor,
        line.epoch,
        line.due_at,
        line.gone,
        line.views,
    )


def read_header(file: BinaryIO) -> tuple[Header, bytes]:
    """The header where the file stands, and its bytes, which are authenticated with what follows. Raises Damaged."""
    text = file.readline(LONGEST_HEADER)
    try:
        header = _headers.decode(text)
        bytes.fromhex(header.salt)
    except (msgspec.MsgspecError, ValueError):
        raise Damaged("its header cannot be read") from None
    return header, text


def read(file: BinaryIO, key: bytes) -> Iterator[Line]:
    """The lines, from the header on; that they are all there is known when this ends. Raises Damaged and OSError."""
    header, text = read_header(file)
    order = _Order()
    for line in _decoded(opened(file, key, bytes.fromhex(header.salt), text)):
        order.take(line)
        yield line
    if not order.done:
        raise Damaged("it ends too early")


class _Order:
    """Which line may follow which, and the counts."""

    def __init__(self) -> None:
        self._to_come: list[str] | None = None
        self._service = ""
        self._count = 0
        self._total = 0
        self.done = False

    def take(self, line: Line) -> None:
        """Raises Damaged for a line that cannot stand here."""
        if not self._fits(line):
            raise Damaged("its lines are not in order")
        if isinstance(line, Manifest):
            self._to_come = [service.name for service in line.services]
        elif isinstance(line, Begin):
            self._service, self._count = line.service, 0
        elif isinstance(line, End):
            self._end(line)
        elif not isinstance(line, Secret):
            self._count += 1
            self._total += 1

    def _fits(self, line: Line) -> bool:
        if self._to_come is None or isinstance(line, Manifest):
            return self._to_come is None and isinstance(line, Manifest)
        if isinstance(line, Begin):
            return not self._service and line.service in self._to_come[:1]
        if isinstance(line, End):
            return not self.done and line.service == self._service
        return not self.done and isinstance(line, Secret) == (not self._service)

    def _end(self, line: End) -> None:
        if line.entries != (self._count if self._service else self._total):
            raise Damaged("its counts do not agree with what is in it")
        assert self._to_come is not None
        if self._service:
            self._to_come.pop(0)
        elif self._to_come:
            raise Damaged(f"there is nothing of {self._to_come[0]} in it")
        else:
            self.done = True
        self._service = ""


def _decoded(pieces: Iterator[bytes]) -> Iterator[Line]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise Damaged("a line is too long")
        for text in whole:
            yield _line(text)
    if rest:
        raise Damaged("its last line is cut off")


def _line(text: bytes) -> Line:
    try:
        line: Line = _lines.decode(text)
    except msgspec.MsgspecError:
        raise Damaged("a line of it is of no kind that this program knows: upgrade the program") from None
    return line
