"""What a list that was read gives: a row for each of its records; and the bounds of one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from services.formats import records
from services.formats.weekly import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openchair.meetings.v1 import import_pb2 as imports

RECORD_BYTES: Final = 64 * 2**10
RECORD_DEPTH: Final = 6


@dataclass(frozen=True)
class Reading:
    """What a file says: one row for each record, numbered from 1 as in the file."""

    rows: list[imports.ImportRow]

    @property
    def refused(self) -> list[imports.ImportRow]:
        """The rows that could not be translated."""
        return [row for row in self.rows if row.refusal]


def checked(record: object) -> Mapping[str, Any]:
    """A record within its bounds. Raises Refused."""
    if not isinstance(record, dict):
        raise Refused("it is not an object with a name, a day and a time")
    if records.depth(record, RECORD_DEPTH) > RECORD_DEPTH:
        raise Refused(f"it is nested more than {RECORD_DEPTH} levels deep")
    if len(records.canonical(record)) > RECORD_BYTES:
        raise Refused(f"it is larger than {RECORD_BYTES // 1024} KiB")
    return record
