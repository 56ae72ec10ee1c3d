"""What an import is while it comes in: an intent with its staged rows, its progress and its report."""

from __future__ import annotations

import enum

import msgspec


class ImportStatus(enum.Enum):
    """How far an import is."""

    STAGING = "staging"
    RUNNING = "running"
    DONE = "done"


class Outcome(enum.Enum):
    """What becomes of one row of an import."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"
    REFUSED = "refused"


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an import's report. `meeting` is an id."""

    number: int
    source_id: str
    title: str
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    meeting: str = ""
    kept: tuple[str, ...] = ()
    taken_back: bool = False


class Batch(msgspec.Struct, frozen=True):
    """The rows of one call: the first one's number, the source ids, and which of those may have others behind them."""

    first: int
    ids: tuple[str, ...]
    series: tuple[str, ...] = ()


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf of an import: staged rows (ImportRow as JSON) and, as they come into force, their lines of the report."""

    id: str
    centre: str
    of: str
    first: int
    rows: tuple[str, ...]
    report: tuple[ReportRow, ...] = ()


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """A list of meetings on its way in: an intent. `batch` and `row` say where it goes on; `done` counts rows."""

    id: str
    centre: str
    created_at: str
    source: str
    status: ImportStatus = ImportStatus.STAGING
    remove_gone: bool = False
    batches: tuple[Batch, ...] = ()
    batch: int = 0
    done: int = 0
    counts: tuple[tuple[Outcome, int], ...] = ()
    gone: tuple[ReportRow, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows are staged."""
        return sum(len(batch.ids) for batch in self.batches)

    @property
    def total(self) -> int:
        """How many steps there are."""
        return self.rows + len(self.removed)

    @property
    def removed(self) -> tuple[ReportRow, ...]:
        """What is removed at the end: what the source took back, and what is gone from it where that was asked for."""
        return tuple(line for line in self.gone if self.remove_gone or line.taken_back)
