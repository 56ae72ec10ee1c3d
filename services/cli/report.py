"""The report of an import: for a person, line by line with the counts at the end; for a program, as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.json_format import MessageToDict
from openchair.meetings.v1 import import_pb2

from services.cli.shell import PARTLY, seen

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NEW, CHANGED, UNCHANGED, GONE, REFUSED = (
    import_pb2.ROW_OUTCOME_NEW,
    import_pb2.ROW_OUTCOME_CHANGED,
    import_pb2.ROW_OUTCOME_UNCHANGED,
    import_pb2.ROW_OUTCOME_GONE,
    import_pb2.ROW_OUTCOME_REFUSED,
)
WORDS: Final = {NEW: "new", CHANGED: "changed", UNCHANGED: "unchanged", GONE: "gone", REFUSED: "refused"}
_FIELDS: Final = {
    "schedule": "when it is",
    "status": "whether it takes place",
    "online": "how to join online",
    "mode": "in person, online or both",
    "place": "where it is",
    "types": "its types",
    "state": "whether it takes place",
}
_WIDEST: Final = 40  # of the column with the source's ids: longer ones stand out of line


@dataclass(frozen=True)
class Report:
    """What became, or would become, of every record. `closed` are the numbers of those that are closed for now."""

    lines: Sequence[import_pb2.ImportReportRow]
    closed: Collection[int]
    name: str
    dry_run: bool = False
    remove_gone: bool = False

    @property
    def code(self) -> int:
        """The exit code."""
        return PARTLY if any(line.outcome == REFUSED for line in self.lines) else 0

    @property
    def counts(self) -> Counter[str]:
        """How many records have each outcome."""
        return Counter(WORDS[line.outcome] for line in self.lines)

    def write(self, *, as_json: bool) -> None:
        """To standard output."""
        if as_json:
            print(json.dumps(self._document(), ensure_ascii=False, indent=1))
            return
        self._write_lines()
        self._write_counts()
        if not self.dry_run:
            print(f"To see this again (for 30 days): openchair import status {self.name}")

    def _document(self) -> dict[str, object]:
        rows = [MessageToDict(line, preserving_proto_field_name=True) for line in self.lines]
        closed = {"closed_for_now": sorted(self.closed)}
        name = {} if self.dry_run else {"import": self.name}
        return {"dry_run": self.dry_run, **name, "counts": self.counts, **closed, "records": rows}

    def _write_lines(self) -> None:
        """What is unchanged is only counted, unless fields were kept; what was refused comes last, where it is seen."""
        shown = sorted(
            (line for line in self.lines if line.outcome != UNCHANGED or line.kept),
            key=lambda line: line.outcome == REFUSED,
        )
        numbers = max((len(str(line.number)) for line in shown), default=1)
        ids = min(max((len(seen(line.source_id)) for line in shown), default=1), _WIDEST)
        for line in shown:
            number = str(line.number) if line.number else "-"
            id_ = f"{seen(line.source_id):<{ids}}"
            print(f"{WORDS[line.outcome]:<8} {number:>{numbers}}  {id_}  {seen(line.title)}".rstrip())
            for note in self._notes(line):
                print(f"{'':<8} {'':<{numbers}}  {seen(note)}")
        if shown:
            print()

    def _notes(self, line: import_pb2.ImportReportRow) -> list[str]:
        refused = line.outcome == REFUSED
        reasons = list(line.reasons) if refused else [_FIELDS.get(field, f"its {field}") for field in line.reasons]
        notes = [f"changed: {', '.join(reasons)}"] if reasons and not refused else reasons
        if line.kept:
            kept = (_FIELDS.get(field, f"its {field}") for field in line.kept)
            notes.append(f"kept as it was edited here: {', '.join(kept)}")
        if line.number in self.closed:
            notes.append("closed for now: it is listed so, without dates")
        return [*notes, *(f"note: {warning}" for warning in line.warnings)]

    def _write_counts(self) -> None:
        counts = self.counts
        width = len(str(max(counts.values(), default=0)))
        records = sum(1 for line in self.lines if line.number)
        print(f"{'Would import' if self.dry_run else 'Imported'}, of {records} record{'s' * (records != 1)}:")
        for word in WORDS.values():
            if counts[word] or word not in {"gone", "refused"}:
                print(f"  {counts[word]:>{width}} {word}{self._said_of(word)}")
        if self.closed:
            print(f"  {len(self.closed):>{width}} of these closed for now (suspended): listed so, without dates")
        if self.dry_run:
            print("Nothing was changed.")

    def _said_of(self, word: str) -> str:
        if word == "refused":
            return " (see above; not in)"
        if word != "gone":
            return ""
        kept = 0 if self.remove_gone else sum(line.outcome == GONE and not line.reasons for line in self.lines)
        if kept == self.counts["gone"]:
            return " from the list, still in the calendar (--remove-gone removes them)"
        removed = ": would be removed" if self.dry_run else ": removed"
        return f"{removed}, but for {kept} still in the calendar (--remove-gone removes them)" if kept else removed
