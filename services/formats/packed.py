"""Lists (Meeting Guide, CSV, BMLT) over bytes: a question goes into a child, an answer comes back (docs/adr/0024)."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - msgspec reads annotations at run time
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from services.formats import answers, bmlt, csv_guide, meeting_guide, weekly
from services.formats.answers import rows

if TYPE_CHECKING:
    from services.formats.reading import Reading

__all__ = ["FUNCTION", "Form", "Question", "answer", "question", "rows"]

FUNCTION: Final = "services.formats.packed:answer"
"""What the child runs."""

Form = Literal["meeting-guide", "csv", "bmlt"]


class Question(msgspec.Struct, frozen=True):
    """A list, and what was said about it: see `read` of its format. `fellowship` is not for BMLT, `formats` only."""

    form: Form
    data: bytes
    today: date
    timezone: str
    language: str = ""
    fellowship: str = ""
    formats: bytes | None = None


def question(asked: Question) -> bytes:
    """What to send. Raises ValueError if `timezone` is not known: a child need not start to say that."""
    if not weekly.known_zone(asked.timezone):
        raise ValueError(f"{asked.timezone!r} is not in the tz database")
    return msgspec.msgpack.encode(asked)


def answer(sent: bytes) -> bytes:
    """Reads a list. Runs in the child."""
    asked = msgspec.msgpack.decode(sent, type=Question)
    return answers.of(lambda: _read(asked).rows)


def _read(asked: Question) -> Reading:
    if asked.form == "bmlt":
        return bmlt.read(asked.data, asked.formats, timezone=asked.timezone, today=asked.today, language=asked.language)
    read = csv_guide.read if asked.form == "csv" else meeting_guide.read
    return read(
        asked.data,
        fellowship=asked.fellowship,
        timezone=asked.timezone,
        today=asked.today,
        language=asked.language,
    )
