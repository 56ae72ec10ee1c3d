"""What a list that was read gives: a row for each of its records; and the bounds of one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openchair.meetings.v1 import import_pb2 as imports

from services.formats import records
from services.formats.weekly import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Fill = Callable[[imports.ImportRow, Mapping[str, Any], list[str]], None]

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


def translated(found: Iterable[object], fill: Fill) -> Reading:
    """A row for each record: what `fill` puts there, with its warnings; where it raises Refused, the reason."""
    return Reading([_row(number, record, fill) for number, record in enumerate(found, 1)])


def _row(number: int, record: object, fill: Fill) -> imports.ImportRow:
    row = imports.ImportRow(number=number)
    warnings: list[str] = []
    try:
        fill(row, _checked(record), warnings)
    except Refused as refused:
        row.ClearField("meeting")
        row.ClearField("place")
        row.refusal = str(refused)
    row.warnings.extend(dict.fromkeys(warnings))
    return row


def _checked(record: object) -> Mapping[str, Any]:
    """A record within its bounds. Raises Refused."""
    if not isinstance(record, dict):
        raise Refused("it is not an object with a name, a day and a time")
    if records.depth(record, RECORD_DEPTH) > RECORD_DEPTH:
        raise Refused(f"it is nested more than {RECORD_DEPTH} levels deep")
    if len(records.canonical(record)) > RECORD_BYTES:
        raise Refused(f"it is larger than {RECORD_BYTES // 1024} KiB")
    return record
