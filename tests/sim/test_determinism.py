"""A run is a function of its seed and of nothing else: not of the machine's clock, nor of how Python hashes text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.sim.test_edits_under_faults import simulate

ROOT = Path(__file__).parents[2]
SEED = 11
SAYS = f"from tests.sim.test_edits_under_faults import simulate; print(simulate({SEED}).digest)"


def elsewhere(hash_seed: str) -> subprocess.Popen[str]:
    """Another process that says what it makes of the same seed."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SAYS],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_one_seed_is_one_run_in_any_process_and_another_is_another() -> None:
    other = elsewhere("1")  # no other process has that by chance
    here = simulate(SEED)
    assert simulate(SEED) == here
    assert simulate(SEED + 1).digest != here.digest
    assert other.communicate(timeout=120)[0].strip() == here.digest
