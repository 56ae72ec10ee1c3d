"""What a child process that read a file sends back: rows as bytes, or why the file is refused (docs/adr/0024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from openchair.meetings.v1 import import_pb2 as imports

from services.formats.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Answer(msgspec.Struct, frozen=True):
    """Rows, each as protobuf bytes; or why the file as a whole is refused."""

    rows: list[bytes]
    unreadable: str = ""


def of(read: Callable[[], Iterable[imports.ImportRow]]) -> bytes:
    """What to send back: the rows that reading gives, or its Unreadable."""
    try:
        found = Answer([row.SerializeToString() for row in read()])
    except Unreadable as error:
        found = Answer([], str(error))
    return msgspec.msgpack.encode(found)


def rows(sent: bytes) -> list[imports.ImportRow]:
    """What came back. Raises Unreadable with the child's reason, msgspec.MsgspecError or DecodeError for no answer."""
    found = msgspec.msgpack.decode(sent, type=Answer)
    if found.unreadable:
        raise Unreadable(found.unreadable)
    return [imports.ImportRow.FromString(row) for row in found.rows]
