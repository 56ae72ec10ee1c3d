"""The same over bytes: a question goes into a child process, an answer comes back (docs/adr/0024)."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads annotations at run time
from typing import Final

import msgspec

from services.formats import answers
from services.formats.answers import rows
from services.formats.ics import calendar

__all__ = ["FUNCTION", "Question", "answer", "question", "rows"]

FUNCTION: Final = "services.formats.ics.packed:answer"
"""What the child runs."""


class Question(msgspec.Struct, frozen=True):
    """A file, and what was said about it: see `calendar.read`."""

    data: bytes
    today: date
    timezone: str = ""
    fellowship: str = ""
    kind: str = "support-meeting"


def question(asked: Question) -> bytes:
    """What to send."""
    return msgspec.msgpack.encode(asked)


def answer(sent: bytes) -> bytes:
    """Reads a file. Runs in the child."""
    asked = msgspec.msgpack.decode(sent, type=Question)
    return answers.of(
        lambda: calendar.read(
            asked.data, today=asked.today, timezone=asked.timezone, fellowship=asked.fellowship, kind=asked.kind
        )
    )
