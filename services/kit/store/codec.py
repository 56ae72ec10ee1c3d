"""States as JSON text, and older documents brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.kit.store.port import Commit, Document, Kind, Record, View

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

BYTES = 8 * 1024 * 1024  # half of what MongoDB takes, and eight times what NATS publishes
_encoder = msgspec.json.Encoder()
_documents = msgspec.json.Decoder(dict)
_views = msgspec.json.Decoder(list[tuple[str, int, str, str, int, int]])


def text(state: Document) -> str:
    """A state as JSON."""
    return _encoder.encode(state).decode()


def encode(record: Record) -> str:
    """The record's state as JSON. Raises ValueError where it is larger than any store would take."""
    encoded = _encoder.encode(record.state)
    if len(encoded) > BYTES:
        raise ValueError(f"{record.kind} {record.id!r}: state: is larger than {BYTES} bytes")
    return encoded.decode()


def copy(change: Commit, texts: Sequence[str], epoch: int, kinds: Collection[str] | None) -> Commit:
    """The commit as it was stored, sharing nothing with the committer's, with records of these kinds (None: of all)."""
    records = (
        msgspec.structs.replace(record, epoch=epoch, state=_documents.decode(encoded))
        for record, encoded in zip(change.records, texts, strict=True)
        if kinds is None or record.kind in kinds
    )
    return msgspec.structs.replace(change, records=tuple(records))


def decode(kind: Kind, id: str, version: int, encoded: str) -> Document:  # noqa: A002 - as in the port
    """The state in this JSON, as this program knows it. Raises ValueError for a newer document."""
    return upgraded(kind, id, version, document(encoded))


def document(encoded: str) -> Document:
    """The state in this JSON, as it was written."""
    state: Document = _documents.decode(encoded)
    return state


def upgraded(kind: Kind, id: str, version: int, state: Document) -> Document:  # noqa: A002 - as in the port
    """The state as this program knows it, by one pure step per version. Raises ValueError for a newer document."""
    if version > kind.version:
        known = f"this program knows version {kind.version}"
        raise ValueError(f"{kind.name} {id!r} is a document of version {version}, {known}: upgrade the program")
    if not state:  # nothing has no shape: what was emptied when it went
        return state
    for step in range(version, kind.version):
        if step not in kind.upgrades:
            raise ValueError(f"{kind.name} {id!r}: there is no upgrade from version {step}")
        state = kind.upgrades[step](state)
    return state


def views(encoded: str) -> tuple[View, ...]:
    """The views from a JSON array of [name, revision, at, digest, pending, sequence], by name."""
    rows = sorted(_views.decode(encoded))
    return tuple(
        View(name, revision, at, digest, bool(pending), sequence)
        for name, revision, at, digest, pending, sequence in rows
    )
