"""A table for people, and the same as JSON in tests/bench/results/."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is to the peer that `against` names; `target` is what was hoped for, `met` whether it is."""

    what: str
    figure: str
    against: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def show(title: str, rows: list[Row]) -> None:
    """Prints the table."""
    lines = [("", "figure", "against", "ratio", "target", "")]
    lines += [(row.what, row.figure, row.against, row.ratio, row.target, _mark(row.met)) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    print(f"\n{title}")
    for line in lines:
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def write(name: str, rows: list[Row], rounds: dict[str, dict[str, list[float]]]) -> None:
    """Writes the rows, the figures of each round, and on what they were measured."""
    RESULTS.mkdir(exist_ok=True)
    content = {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": {"cpu": _cpu(), "cores": len(os.sched_getaffinity(0)), "system": platform.platform()},
        "versions": {"python": platform.python_version()}
        | {name: metadata.version(name) for name in ("uvicorn", "uvloop", "httptools", "grpcio", "icalendar")},
        "rows": [asdict(row) for row in rows],
        "rounds": rounds,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _mark(met: bool | None) -> str:
    return {True: "met", False: "NOT MET", None: ""}[met]


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
