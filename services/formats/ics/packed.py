"""The same over bytes: a question goes into a child process, an answer comes back (docs/adr/0024)."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads annotations at run time
from typing import Final

import msgspec
from openchair.meetings.v1 import import_pb2 as imports

from services.formats.ics import calendar
from services.formats.records import Unreadable

FUNCTION: Final = "services.formats.ics.packed:answer"
"""What the child runs."""


class Question(msgspec.Struct, frozen=True):
    """A file, and what was said about it: see `calendar.read`."""

    data: bytes
    today: date
    timezone: str = ""
    fellowship: str = ""
    kind: str = "support-meeting"


class Answer(msgspec.Struct, frozen=True):
    """Rows, each as protobuf bytes; or why the file as a whole is refused."""

    rows: list[bytes]
    unreadable: str = ""


def question(asked: Question) -> bytes:
    """What to send."""
    return msgspec.msgpack.encode(asked)


def answer(sent: bytes) -> bytes:
    """Reads a file. Runs in the child."""
    asked = msgspec.msgpack.decode(sent, type=Question)
    try:
        rows = calendar.read(
            asked.data, today=asked.today, timezone=asked.timezone, fellowship=asked.fellowship, kind=asked.kind
        )
    except Unreadable as error:
        return msgspec.msgpack.encode(Answer([], str(error)))
    return msgspec.msgpack.encode(Answer([row.SerializeToString() for row in rows]))


def rows(sent: bytes) -> list[imports.ImportRow]:
    """What came back. Raises Unreadable with the child's reason, msgspec.MsgspecError or DecodeError for no answer."""
    found = msgspec.msgpack.decode(sent, type=Answer)
    if found.unreadable:
        raise Unreadable(found.unreadable)
    return [imports.ImportRow.FromString(row) for row in found.rows]
