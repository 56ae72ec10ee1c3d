"""`make bench`: measures, prints ratios beside their targets, and writes them to tests/bench/results/.

`python -m tests.bench feed` measures one thing only. Figures drift from machine to machine; ratios are what counts.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.bench import change, feed, rooms, rush, scale, search, stores
from tests.bench.process import CORES
from tests.bench.tools import Missing


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measures against peers.")
    parser.add_argument(
        "names",
        nargs="*",
        choices=["feed", "change", "store", "scale", "search", "rooms", "rush", []],
        help="what to measure (all)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each load, at least 3 for a median")
    options = parser.parse_args()
    if len(CORES) == 1:
        print("One core only: load and server share it, so rates say little; look at requests per CPU second.")
    names = options.names or ["feed", "change", "store", "scale", "search", "rooms", "rush"]
    with tempfile.TemporaryDirectory(prefix="openchair-bench-") as folder:
        if "feed" in names:
            _try_feed(Path(folder) / "feed", options.rounds)
        if "change" in names:
            change.measure(Path(folder) / "change")
        if "store" in names:
            stores.measure(Path(folder) / "store", options.rounds)
        if "scale" in names:
            scale.measure(Path(folder) / "scale")
        if "search" in names:
            search.measure(Path(folder) / "search")
        if "rooms" in names:
            rooms.measure(Path(folder) / "rooms")
        if "rush" in names:
            rush.measure(Path(folder) / "rush", options.rounds)


def _try_feed(folder: Path, rounds: int) -> None:
    try:
        feed.measure(folder, rounds)
    except Missing as missing:
        print(f"Feed not measured: {missing}")


if __name__ == "__main__":
    main()
